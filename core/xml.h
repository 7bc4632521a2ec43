/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading XML from outside, over libxml2: no network, no entity but the five predefined ones, any
 * DOCTYPE refused, UTF-8 only (a declared encoding is ignored), size, depth and number of
 * elements bounded. Namespaces, attributes, comments and processing instructions are dropped: names are
 * local names. A truncated document is ERROR_PROTOCOL. Nothing is ever printed. Two ways in: a
 * tree for small replies, SAX2 for long ones.
 */
#ifndef GPUCLOUD_CORE_XML_H
#define GPUCLOUD_CORE_XML_H

#include <stddef.h>

struct error;
struct _xmlDoc;
struct _xmlNode;

#define XML_MAX_BYTES    ((size_t)8 << 20) /* of a tree; a stream names its own */
#define XML_MAX_DEPTH    64               /* elements open at once */
#define XML_MAX_ELEMENTS ((size_t)1 << 18) /* of a tree: bounds its memory */

struct xml {
	struct _xmlDoc *doc;
};

/* `what` names the document in errors. ret is untouched on failure. */
int xml_parse(const char *text, size_t len, const char *what, struct xml *ret, struct error *err);
void xml_release(struct xml *xml);

const struct _xmlNode *xml_root(const struct xml *xml);
const char *xml_name(const struct _xmlNode *node); /* local name */

/* First descendant along the path "placement/availabilityZone", or NULL. */
const struct _xmlNode *xml_find(const struct _xmlNode *node, const char *path);
/* First element of that name anywhere below (depth first), or NULL. */
const struct _xmlNode *xml_search(const struct _xmlNode *node, const char *name);
/* Children called name: start with prev = NULL; NULL ends. name NULL: every element. */
const struct _xmlNode *xml_each(const struct _xmlNode *parent, const char *name,
				const struct _xmlNode *prev);

/*
 * Text of the element at path (path "" or NULL: of node itself), owned by the document and valid
 * until xml_release; NULL when the element is absent; "" when it is empty or holds elements.
 * Entities are resolved.
 */
const char *xml_text(const struct _xmlNode *node, const char *path);

/*
 * Streaming. The root has depth 0. `end` brings the text of a leaf element whole; an element that
 * holds others has text "" (as xml_text gives for it). Strings are valid during the call only, but
 * a name is always the same pointer within one document: who has compared it once need not again.
 */
struct xml_handler {
	void *ctx;
	int (*start)(void *ctx, const char *name, int depth); /* -1 stops: ERROR_PROTOCOL */
	int (*end)(void *ctx, const char *name, int depth, const char *text, size_t len);
};

struct xml_stream;

/* max_bytes bounds the whole document. The handler is copied, and so is `what`. After a failure
 * every further call fails in the same way. */
struct xml_stream *xml_stream_new(const struct xml_handler *handler, size_t max_bytes,
				  const char *what);
int xml_stream_feed(struct xml_stream *stream, const char *data, size_t len, struct error *err);
int xml_stream_finish(struct xml_stream *stream, struct error *err); /* refuses a truncated one */
void xml_stream_free(struct xml_stream *stream);

/*
 * One element of a stream as a tree, with all that it holds: give it what the handler is told, from
 * that element's start to its end. A long list is then read without ever being held as a whole.
 */
struct xml_part;
struct xml_part *xml_part_new(void);
/* -1: more than XML_MAX_ELEMENTS. The first start after the end of a part, or a clear, begins anew. */
int xml_part_start(struct xml_part *part, const char *name);
/* The part, where that was its end: valid until the next start; else NULL. */
const struct _xmlNode *xml_part_end(struct xml_part *part, const char *text, size_t len);
void xml_part_clear(struct xml_part *part); /* forgets what it holds */
void xml_part_free(struct xml_part *part);

#endif
