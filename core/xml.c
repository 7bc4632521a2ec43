/* SPDX-License-Identifier: Apache-2.0 */
#include "core/xml.h"

#include <stdbool.h>
#include <string.h>

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/xml_guard.h"

struct tree_parse {
	struct xml_guard guard; /* first: ctxt->_private points to it */
	size_t elements;
};

/* Builds a bare element: attributes and namespaces would cost memory, and nobody asks for them. */
static void on_element(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
		       int nr_namespaces, const xmlChar **namespaces, int nr_attributes,
		       int nr_defaulted, const xmlChar **attributes)
{
	xmlParserCtxt *ctxt = user;
	struct tree_parse *parse = ctxt->_private;

	(void)prefix;
	(void)uri;
	(void)nr_namespaces;
	(void)namespaces;
	(void)nr_attributes;
	(void)nr_defaulted;
	(void)attributes;
	if (++parse->elements > XML_MAX_ELEMENTS)
		xml_guard_refuse(&parse->guard, ctxt, "it has too many elements");
	else if (ctxt->nodeNr >= XML_MAX_DEPTH)
		xml_guard_refuse(&parse->guard, ctxt, "it is nested too deep");
	else
		xmlSAX2StartElementNs(ctxt, name, NULL, NULL, 0, NULL, 0, 0, NULL);
}

static xmlParserCtxt *tree_context(struct tree_parse *parse)
{
	xml_guard_init();

	xmlParserCtxt *ctxt = xmlNewParserCtxt();

	if (!ctxt || xml_guard_attach(&parse->guard, ctxt) < 0)
		out_of_memory();
	ctxt->sax->startElementNs = on_element;
	/* Dropped, so that all text of a leaf is one node; a CDATA section is text like any. */
	ctxt->sax->comment = NULL;
	ctxt->sax->processingInstruction = NULL;
	ctxt->sax->cdataBlock = xmlSAX2Characters;
	return ctxt;
}

int xml_parse(const char *text, size_t len, const char *what, struct xml *ret, struct error *err)
{
	struct tree_parse parse = { .guard = { .what = what } };

	if (len > XML_MAX_BYTES)
		return error_set(err, ERROR_PROTOCOL, "%s is refused: more than %zu MiB of XML",
				 what, XML_MAX_BYTES >> 20);
	if (!len)
		return error_set(err, ERROR_PROTOCOL, "%s is empty", what);
	if (!xml_guard_bytes(&parse.guard, text, len) || parse.guard.utf8.need)
		return xml_guard_fail(&parse.guard, true, err);

	xmlParserCtxt *ctxt = tree_context(&parse);
	struct _xmlDoc *doc = xmlCtxtReadMemory(ctxt, text, (int)len, NULL, NULL,
						XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
	bool good = doc && ctxt->wellFormed && ctxt->nsWellFormed && !parse.guard.refusal &&
		    !doc->intSubset && xmlDocGetRootElement(doc);

	xmlFreeParserCtxt(ctxt);
	if (!good) {
		xmlFreeDoc(doc);
		return xml_guard_fail(&parse.guard, true, err);
	}
	ret->doc = doc;
	return 0;
}

void xml_release(struct xml *xml)
{
	xmlFreeDoc(xml->doc);
	xml->doc = NULL;
}

const struct _xmlNode *xml_root(const struct xml *xml)
{
	return xmlDocGetRootElement(xml->doc);
}

const char *xml_name(const struct _xmlNode *node)
{
	return (const char *)node->name;
}

static bool is_called(const struct _xmlNode *node, const char *name, size_t len)
{
	return node->type == XML_ELEMENT_NODE && strncmp(xml_name(node), name, len) == 0 &&
	       xml_name(node)[len] == '\0';
}

/* The first child may lack what a later one of the same name has, so each is tried. */
const struct _xmlNode *xml_find(const struct _xmlNode *node, const char *path)
{
	if (!node || !path || !*path)
		return node;

	size_t len = strcspn(path, "/");
	const char *rest = path + len + (path[len] == '/');

	for (const struct _xmlNode *child = node->children; child; child = child->next) {
		const struct _xmlNode *found =
			is_called(child, path, len) ? xml_find(child, rest) : NULL;

		if (found)
			return found;
	}
	return NULL;
}

/* The node after `at` in document order below `top`, or NULL. */
static const struct _xmlNode *next_below(const struct _xmlNode *top, const struct _xmlNode *at)
{
	if (at->type == XML_ELEMENT_NODE && at->children)
		return at->children;
	while (at != top && !at->next)
		at = at->parent;
	return at == top ? NULL : at->next;
}

const struct _xmlNode *xml_search(const struct _xmlNode *node, const char *name)
{
	const struct _xmlNode *at = node ? next_below(node, node) : NULL;

	while (at && !is_called(at, name, strlen(name)))
		at = next_below(node, at);
	return at;
}

const struct _xmlNode *xml_each(const struct _xmlNode *parent, const char *name,
				const struct _xmlNode *prev)
{
	const struct _xmlNode *node = prev ? prev->next : parent ? parent->children : NULL;

	while (node &&
	       !(name ? is_called(node, name, strlen(name)) : node->type == XML_ELEMENT_NODE))
		node = node->next;
	return node;
}

const char *xml_text(const struct _xmlNode *node, const char *path)
{
	const struct _xmlNode *element = xml_find(node, path);

	if (!element)
		return NULL;
	if (!element->children || xml_each(element, NULL, NULL))
		return "";
	/* The parse leaves a leaf with one text node, so nothing needs to be joined or copied. */
	return element->children->content ? (const char *)element->children->content : "";
}
