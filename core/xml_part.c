/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <libxml/tree.h>

#include "core/mem.h"
#include "core/xml.h"

struct xml_part {
	struct _xmlNode *root, *at; /* at: the innermost that is open; NULL: none */
	size_t elements;
};

struct xml_part *xml_part_new(void)
{
	return xcalloc(1, sizeof(struct xml_part));
}

void xml_part_clear(struct xml_part *part)
{
	xmlFreeNode(part->root);
	*part = (struct xml_part){ 0 };
}

void xml_part_free(struct xml_part *part)
{
	if (part)
		xml_part_clear(part);
	free(part);
}

int xml_part_start(struct xml_part *part, const char *name)
{
	if (!part->at)
		xml_part_clear(part);
	if (++part->elements > XML_MAX_ELEMENTS)
		return -1;

	struct _xmlNode *node = xmlNewNode(NULL, (const xmlChar *)name);

	if (!node)
		out_of_memory();
	if (part->at)
		xmlAddChild(part->at, node);
	else
		part->root = node;
	part->at = node;
	return 0;
}

const struct _xmlNode *xml_part_end(struct xml_part *part, const char *text, size_t len)
{
	struct _xmlNode *node = part->at;

	if (!node)
		return NULL;
	if (len) {
		struct _xmlNode *leaf = xmlNewTextLen((const xmlChar *)text, (int)len);

		if (!leaf)
			out_of_memory();
		xmlAddChild(node, leaf);
	}
	part->at = node->parent;
	return part->at ? NULL : part->root;
}
