/* SPDX-License-Identifier: Apache-2.0 */
/* The tree and the stream must accept the same documents, and tell the same of them. */
#include <stdbool.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/text.h"
#include "core/xml.h"
#include "tests/fuzz/fuzz.h"

static int on_start(void *ctx, const char *name, int depth)
{
	buf_addf(ctx, "+%s %d\n", name, depth);
	return 0;
}

static int on_end(void *ctx, const char *name, int depth, const char *text, size_t len)
{
	FUZZ_CHECK(strlen(text) == len);
	FUZZ_CHECK(text_is_utf8(text, len));
	buf_addf(ctx, "-%s %d %s\n", name, depth, text);
	return 0;
}

static void tell(struct buf *out, const struct _xmlNode *node, int depth)
{
	const char *text = xml_text(node, NULL);

	FUZZ_CHECK(depth < XML_MAX_DEPTH);
	on_start(out, xml_name(node), depth);
	for (const struct _xmlNode *child = NULL; (child = xml_each(node, NULL, child));) {
		FUZZ_CHECK(xml_find(node, xml_name(child)) != NULL);
		FUZZ_CHECK(xml_search(node, xml_name(child)) != NULL);
		tell(out, child, depth + 1);
	}
	on_end(out, xml_name(node), depth, text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xml xml = { .doc = NULL };
	struct error err = ERROR_INIT;
	struct buf by_tree = BUF_INIT;
	struct buf by_stream = BUF_INIT;
	struct xml_handler handler = { .ctx = &by_stream, .start = on_start, .end = on_end };
	struct xml_stream *stream = xml_stream_new(&handler, XML_MAX_BYTES, "input");
	bool tree_ok = xml_parse((const char *)data, size, "input", &xml, &err) == 0;

	FUZZ_CHECK(tree_ok || (err.kind == ERROR_PROTOCOL && err.message[0]));

	bool stream_ok = xml_stream_feed(stream, (const char *)data, size, &err) == 0 &&
			 xml_stream_finish(stream, &err) == 0;

	FUZZ_CHECK(tree_ok == stream_ok);
	if (tree_ok) {
		tell(&by_tree, xml_root(&xml), 0);
		FUZZ_CHECK(strcmp(by_tree.data, by_stream.data) == 0);
		xml_release(&xml);
	}
	xml_stream_free(stream);
	buf_release(&by_tree);
	buf_release(&by_stream);
	return 0;
}
