/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/xml.h"
#include "core/xml_guard.h"

/* libxml2 counts in int, and looks through all that it was given. */
#define PIECE ((size_t)64 << 10)

struct xml_stream {
	struct xml_guard guard; /* first: ctxt->_private points to it */
	struct xml_handler handler;
	xmlParserCtxt *ctxt;
	char *what;
	struct buf text; /* of the innermost element, as long as it is a leaf */
	bool leaf, seen_root;
	int depth; /* elements that are open */
	size_t bytes, max_bytes;
	bool failed;
	struct error err;
};

static struct xml_stream *stream_of(void *user)
{
	return ((xmlParserCtxt *)user)->_private;
}

/* As buf_clear, for what happens at every tag. */
static void clear_text(struct buf *text)
{
	if (!text->len)
		return;
	text->len = 0;
	text->data[0] = '\0';
}

static void on_start(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
		     int nr_namespaces, const xmlChar **namespaces, int nr_attributes,
		     int nr_defaulted, const xmlChar **attributes)
{
	struct xml_stream *stream = stream_of(user);

	(void)prefix;
	(void)uri;
	(void)nr_namespaces;
	(void)namespaces;
	(void)nr_attributes;
	(void)nr_defaulted;
	(void)attributes;
	if (stream->guard.refusal)
		return;
	clear_text(&stream->text);
	stream->leaf = true;
	stream->seen_root = true;

	int depth = stream->depth++;

	if (depth >= XML_MAX_DEPTH)
		xml_guard_refuse(&stream->guard, user, "it is nested too deep");
	else if (stream->handler.start &&
		 stream->handler.start(stream->handler.ctx, (const char *)name, depth) < 0)
		xml_guard_refuse(&stream->guard, user, "an element that was not expected");
}

static void on_end(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct xml_stream *stream = stream_of(user);

	(void)prefix;
	(void)uri;
	if (stream->guard.refusal)
		return;
	if (!stream->leaf)
		clear_text(&stream->text);
	stream->depth--;
	if (stream->handler.end &&
	    stream->handler.end(stream->handler.ctx, (const char *)name, stream->depth,
				stream->text.data, stream->text.len) < 0)
		xml_guard_refuse(&stream->guard, user, "a value that was not expected");
	stream->leaf = false;
	clear_text(&stream->text);
}

static void on_text(void *user, const xmlChar *text, int len)
{
	struct xml_stream *stream = stream_of(user);

	if (!stream->leaf || !stream->depth || len <= 0)
		return;
	if ((size_t)len <
	    stream->text.cap - stream->text.len) { /* the usual case, without a call */
		memcpy(stream->text.data + stream->text.len, text, (size_t)len);
		stream->text.len += (size_t)len;
		stream->text.data[stream->text.len] = '\0';
		return;
	}
	buf_add(&stream->text, text, (size_t)len);
}

struct xml_stream *xml_stream_new(const struct xml_handler *handler, size_t max_bytes,
				  const char *what)
{
	struct xml_stream *stream = xcalloc(1, sizeof(*stream));
	xmlSAXHandler sax = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_text,
	};

	stream->what = xstrdup(what);
	stream->guard.what = stream->what;
	stream->handler = *handler;
	stream->max_bytes = max_bytes;
	stream->text = (struct buf)BUF_INIT_MAX(max_bytes);
	xml_guard_init();
	stream->ctxt = xmlCreatePushParserCtxt(&sax, NULL, NULL, 0, NULL);
	if (!stream->ctxt || xml_guard_attach(&stream->guard, stream->ctxt) < 0)
		out_of_memory();
	return stream;
}

static int fail(struct xml_stream *stream, bool last, struct error *err)
{
	if (!stream->failed)
		xml_guard_fail(&stream->guard, last, &stream->err);
	stream->failed = true;
	*err = stream->err;
	return -1;
}

static bool is_good(const struct xml_stream *stream)
{
	return stream->ctxt->wellFormed && stream->ctxt->nsWellFormed && !stream->guard.refusal;
}

int xml_stream_feed(struct xml_stream *stream, const char *data, size_t len, struct error *err)
{
	if (stream->failed)
		return fail(stream, false, err);
	if (len > stream->max_bytes - stream->bytes) {
		stream->guard.refusal = "it is too long";
		return fail(stream, false, err);
	}
	stream->bytes += len;
	while (len) {
		size_t n = len < PIECE ? len : PIECE;

		if (!xml_guard_bytes(&stream->guard, data, n))
			return fail(stream, false, err);
		xmlParseChunk(stream->ctxt, data, (int)n, 0);
		if (!is_good(stream))
			return fail(stream, false, err);
		data += n;
		len -= n;
	}
	return 0;
}

int xml_stream_finish(struct xml_stream *stream, struct error *err)
{
	if (stream->failed)
		return fail(stream, true, err);
	xmlParseChunk(stream->ctxt, NULL, 0, 1);
	/* libxml2 calls what is unfinished "extra content" here. */
	if (stream->guard.code == XML_ERR_DOCUMENT_END && (stream->depth || !stream->seen_root))
		stream->guard.at_end = true;
	if (!is_good(stream) || !stream->seen_root || stream->depth || stream->guard.utf8.need)
		return fail(stream, true, err);
	return 0;
}

void xml_stream_free(struct xml_stream *stream)
{
	if (!stream)
		return;
	xmlFreeDoc(stream->ctxt->myDoc);
	xmlFreeParserCtxt(stream->ctxt);
	buf_release(&stream->text);
	free(stream->what);
	free(stream);
}
