/* SPDX-License-Identifier: Apache-2.0 */
/* What the XML tests share: documents told as lines of text, by the stream and by the tree. */
#ifndef GPUCLOUD_TESTS_XML_TRACE_H
#define GPUCLOUD_TESTS_XML_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

struct error;
struct xml;
struct xml_stream;
struct _xmlNode;

/* What a stream says, one event a line: "+name depth" and "-name depth text". */
struct xml_trace {
	struct buf log;
	const char *stop_at; /* refuse when this element starts or ends */
	bool stop_at_end;
};

/* A stream named "the reply" that writes its events to trace->log. */
struct xml_stream *xml_trace_open(struct xml_trace *trace, size_t max);

/* Streams text in pieces of `piece` bytes (0: whole), each from a block of its exact size. */
int xml_trace_stream(struct xml_trace *trace, const char *text, size_t len, size_t piece,
		     struct error *err);

/* xml_parse from a block of the text's exact size. */
int xml_trace_parse(const char *text, size_t len, struct xml *xml, struct error *err);

/* The tree, told as the stream tells it. */
void xml_trace_tree(struct xml_trace *trace, const struct _xmlNode *node, int depth);

/* ERROR_PROTOCOL that names the document, says `want`, and holds no control byte. */
void assert_refusal(const struct error *err, const char *want, const char *text);

void buf_repeat(struct buf *out, const char *unit, size_t times);

#endif
