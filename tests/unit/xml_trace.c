/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/xml_trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/xml.h"

static int on_start(void *ctx, const char *name, int depth)
{
	struct xml_trace *trace = ctx;

	buf_addf(&trace->log, "+%s %d\n", name, depth);
	return trace->stop_at && !trace->stop_at_end && !strcmp(name, trace->stop_at) ? -1 : 0;
}

static int on_end(void *ctx, const char *name, int depth, const char *text, size_t len)
{
	struct xml_trace *trace = ctx;

	assert_int_equal(strlen(text), len);
	buf_addf(&trace->log, "-%s %d %s\n", name, depth, text);
	return trace->stop_at && trace->stop_at_end && !strcmp(name, trace->stop_at) ? -1 : 0;
}

struct xml_stream *xml_trace_open(struct xml_trace *trace, size_t max)
{
	struct xml_handler handler = { .ctx = trace, .start = on_start, .end = on_end };

	return xml_stream_new(&handler, max, "the reply");
}

int xml_trace_stream(struct xml_trace *trace, const char *text, size_t len, size_t piece,
		     struct error *err)
{
	struct xml_stream *stream = xml_trace_open(trace, XML_MAX_BYTES);
	int rc = 0;

	for (size_t at = 0, n; at < len && !rc; at += n) {
		n = piece && piece < len - at ? piece : len - at;

		char *exact = xmalloc(n);

		memcpy(exact, text + at, n);
		rc = xml_stream_feed(stream, exact, n, err);
		free(exact);
	}
	if (!rc)
		rc = xml_stream_finish(stream, err);
	xml_stream_free(stream);
	return rc;
}

int xml_trace_parse(const char *text, size_t len, struct xml *xml, struct error *err)
{
	char *exact = xmalloc(len ? len : 1);

	memcpy(exact, text, len);

	int rc = xml_parse(exact, len, "the reply", xml, err);

	free(exact);
	return rc;
}

void xml_trace_tree(struct xml_trace *trace, const struct _xmlNode *node, int depth)
{
	on_start(trace, xml_name(node), depth);
	for (const struct _xmlNode *child = NULL; (child = xml_each(node, NULL, child));)
		xml_trace_tree(trace, child, depth + 1);
	on_end(trace, xml_name(node), depth, xml_text(node, ""), strlen(xml_text(node, NULL)));
}

void assert_refusal(const struct error *err, const char *want, const char *text)
{
	assert_int_equal(err->kind, ERROR_PROTOCOL);
	if (!strstr(err->message, want))
		fail_msg("%.60s: '%s' does not say '%s'", text, err->message, want);
	assert_int_equal(strncmp(err->message, "the reply", 9), 0);
	for (const char *p = err->message; *p; p++)
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

void buf_repeat(struct buf *out, const char *unit, size_t times)
{
	while (times--)
		buf_addstr(out, unit);
}
