/* SPDX-License-Identifier: Apache-2.0 */
/* XML as it streams in: the events, where it stops, and that pieces never matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/xml.h"
#include "tests/unit/xml_trace.h"

static void test_stream_events(void **state)
{
	(void)state;
	const char *text = "<?xml version='1.0'?><a><b>1&amp;2</b><c/> <d>x<e>y</e>z</d></a>\n";
	struct xml_trace trace = { .log = BUF_INIT };
	struct error err = ERROR_INIT;

	assert_int_equal(xml_trace_stream(&trace, text, strlen(text), 0, &err), 0);
	assert_string_equal(trace.log.data, "+a 0\n+b 1\n-b 1 1&2\n+c 1\n-c 1 \n+d 1\n+e 2\n"
					    "-e 2 y\n-d 1 \n-a 0 \n");
	buf_release(&trace.log);
}

static void test_stream_stops(void **state)
{
	(void)state;
	const char *text = "<a><b>1</b><c>2</c></a>";

	for (int at_end = 0; at_end <= 1; at_end++) {
		struct xml_trace trace = { .log = BUF_INIT, .stop_at = "b", .stop_at_end = at_end };
		struct xml_stream *stream = xml_trace_open(&trace, 100);
		struct error err = ERROR_INIT;
		struct error again = ERROR_INIT;

		assert_int_equal(xml_stream_feed(stream, text, strlen(text), &err), -1);
		assert_refusal(&err, "not expected", text);
		assert_string_equal(trace.log.data,
				    at_end ? "+a 0\n+b 1\n-b 1 1\n" : "+a 0\n+b 1\n");
		assert_int_equal(xml_stream_feed(stream, text, strlen(text), &again), -1);
		assert_string_equal(again.message, err.message);
		error_clear(&again);
		assert_int_equal(xml_stream_finish(stream, &again), -1);
		assert_string_equal(again.message, err.message);
		xml_stream_free(stream);
		buf_release(&trace.log);
	}
	xml_stream_free(NULL);
}

static void test_stream_max_is_exact(void **state)
{
	(void)state;
	struct xml_trace trace = { .log = BUF_INIT };
	struct error err = ERROR_INIT;
	struct xml_stream *stream = xml_trace_open(&trace, 8);

	assert_int_equal(xml_stream_feed(stream, NULL, 0, &err), 0);
	assert_int_equal(xml_stream_feed(stream, "<a>b</a>", 8, &err), 0);
	assert_int_equal(xml_stream_feed(stream, NULL, 0, &err), 0);
	assert_int_equal(xml_stream_finish(stream, &err), 0);
	xml_stream_free(stream);
	stream = xml_trace_open(&trace, 7);
	assert_int_equal(xml_stream_feed(stream, "<a>b</a", 7, &err), 0);
	assert_int_equal(xml_stream_feed(stream, ">", 1, &err), -1);
	xml_stream_free(stream);
	buf_release(&trace.log);
}

/* One element with what texts are made of: entities, CDATA, comments, long and short runs. */
static void make_element(const struct rng *rng, struct buf *out, int depth)
{
	static const char *const texts[] = {
		"a",
		"0.3470",
		"us-east-1a",
		" ",
		"\n  ",
		"&amp;",
		"&lt;&gt;",
		"&#x41;",
		"\xc3\xbc",
		"\xe2\x82\xac",
		"\xf0\x9f\x98\x80",
		"<![CDATA[<x>&]]>",
		"<!-- c -->",
		"<?p i?>",
		"\r\n",
		"longer than what is kept inline, and then some",
	};
	static const char *const names[] = { "a", "item", "spotPrice", "x.y-z" };
	const char *name = names[rng_below(rng, ARRAY_SIZE(names))];
	size_t parts = (size_t)rng_below(rng, 5);

	buf_addf(out, "<%s%s>", name, rng_below(rng, 4) ? "" : " k=\"v\"");
	for (size_t i = 0; i < parts; i++) {
		if (depth < 5 && rng_below(rng, 3) == 0)
			make_element(rng, out, depth + 1);
		else if (rng_below(rng, 12) == 0)
			buf_repeat(out, texts[rng_below(rng, ARRAY_SIZE(texts))], 400);
		else
			buf_addstr(out, texts[rng_below(rng, ARRAY_SIZE(texts))]);
	}
	buf_addf(out, "</%s>", name);
}

static void test_stream_equals_tree(void **state)
{
	(void)state;
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 2016);

	for (size_t round = 0; round < 300; round++) {
		struct buf text = BUF_INIT;
		struct xml_trace want = { .log = BUF_INIT };
		struct xml xml = { .doc = NULL };
		struct error err = ERROR_INIT;

		make_element(&rng, &text, 0);
		assert_int_equal(xml_trace_parse(text.data, text.len, &xml, &err), 0);
		xml_trace_tree(&want, xml_root(&xml), 0);
		for (size_t piece = 0; piece < 4; piece++) {
			struct xml_trace got = { .log = BUF_INIT };
			size_t size = piece == 3 ? 1 + (size_t)rng_below(&rng, 300) : piece;

			assert_int_equal(xml_trace_stream(&got, text.data, text.len, size, &err),
					 0);
			assert_string_equal(got.log.data, want.log.data);
			buf_release(&got.log);
		}
		xml_release(&xml);
		buf_release(&want.log);
		buf_release(&text);
	}
}

static void test_split_at_every_position(void **state)
{
	(void)state;
	const char *text =
		"\xef\xbb\xbf<?xml version=\"1.0\"?>\r\n<R xmlns='u'><a>x&amp;\xe2\x82\xac"
		"<![CDATA[]]]]><![CDATA[>]]></a><!-- -- ><b/>&#10;\r<c>\r\n</c></R>\r\n";
	struct buf fixed = BUF_INIT;

	/* "--" may not stand in a comment; keep the rest. */
	buf_addstr(&fixed, text);
	memcpy(strstr(fixed.data, "<!-- -- >"), "<!-- c-->", 9);

	size_t len = fixed.len;
	struct xml_trace want = { .log = BUF_INIT };
	struct xml xml = { .doc = NULL };
	struct error err = ERROR_INIT;

	assert_int_equal(xml_trace_parse(fixed.data, len, &xml, &err), 0);
	xml_trace_tree(&want, xml_root(&xml), 0);
	assert_string_equal(xml_text(xml_root(&xml), "a"), "x&\xe2\x82\xac]]>");
	assert_string_equal(xml_text(xml_root(&xml), "c"), "\n");
	for (size_t cut = 0; cut <= len; cut++) {
		struct xml_trace got = { .log = BUF_INIT };
		struct xml_stream *stream = xml_trace_open(&got, len);

		assert_int_equal(xml_stream_feed(stream, fixed.data, cut, &err), 0);
		assert_int_equal(xml_stream_feed(stream, fixed.data + cut, len - cut, &err), 0);
		assert_int_equal(xml_stream_finish(stream, &err), 0);
		assert_string_equal(got.log.data, want.log.data);
		xml_stream_free(stream);
		buf_release(&got.log);
	}
	xml_release(&xml);
	buf_release(&want.log);
	buf_release(&fixed);
}

/* Plain text is looked through in words: what is none is found wherever in a word it stands. */
static void test_bad_byte_at_every_position(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool good;
	} cases[] = {
		{ "\0", 1, false },	      { "\xff", 1, false },
		{ "\x80", 1, false },	      { "\xc3\xbc", 2, true },
		{ "\xc3x", 2, false },	      { "\xe2\x82\xac", 3, true },
		{ "\xed\xa0\x80", 3, false }, { "\xf0\x9f\x98\x80", 4, true },
		{ "\x7f", 1, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t at = 0; at < 40; at++) {
			char text[64] = "<a>";
			struct xml_trace trace = { .log = BUF_INIT };
			struct error err = ERROR_INIT;
			int rc;

			memset(text + 3, 'x', 50);
			memcpy(text + 3 + at, cases[i].bytes, cases[i].len);
			memcpy(text + 53, "</a>", 4);
			rc = xml_trace_stream(&trace, text, 57, 0, &err);
			assert_int_equal(rc, cases[i].good ? 0 : -1);
			if (!cases[i].good)
				assert_refusal(&err, "not UTF-8", text);
			buf_release(&trace.log);
		}
	}
}

/* Who hands names on may compare pointers. */
static int same_name(void *ctx, const char *name, int depth)
{
	const char **seen = ctx;

	(void)depth;
	for (size_t i = 0; seen[i]; i++)
		if (!strcmp(seen[i], name))
			return seen[i] == name ? 0 : -1;
	for (size_t i = 0;; i++) {
		if (seen[i])
			continue;
		seen[i] = name;
		return 0;
	}
}

static int same_name_end(void *ctx, const char *name, int depth, const char *text, size_t len)
{
	(void)text;
	(void)len;
	return same_name(ctx, name, depth);
}

static void test_names_are_one_pointer(void **state)
{
	const char *seen[8] = { NULL };
	const struct xml_handler handler = { seen, same_name, same_name_end };
	struct xml_stream *stream = xml_stream_new(&handler, 1 << 20, "it");
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(xml_stream_feed(stream, "<r>", 3, &err), 0);
	for (int i = 0; i < 100; i++)
		for (const char *p = "<item><p>1</p><x:q xmlns:x='u'/></item>"; *p; p++)
			assert_int_equal(xml_stream_feed(stream, p, 1, &err), 0);
	assert_int_equal(xml_stream_feed(stream, "</r>", 4, &err), 0);
	assert_int_equal(xml_stream_finish(stream, &err), 0);
	assert_non_null(seen[3]);
	assert_null(seen[4]);
	xml_stream_free(stream);
}

/* Every <item> of a stream as a tree of its own. */
struct parts {
	struct xml_part *part;
	struct xml_trace trace;
	int open;
	size_t nr;
};

static int part_start(void *ctx, const char *name, int depth)
{
	struct parts *parts = ctx;

	if (depth < 1)
		return 0;
	parts->open++;
	return xml_part_start(parts->part, name);
}

static int part_end(void *ctx, const char *name, int depth, const char *text, size_t len)
{
	struct parts *parts = ctx;
	const struct _xmlNode *node;

	(void)name;
	if (depth < 1)
		return 0;
	node = xml_part_end(parts->part, text, len);
	assert_int_equal(node != NULL, --parts->open == 0);
	if (!node)
		return 0;
	parts->nr++;
	xml_trace_tree(&parts->trace, node, depth);
	return 0;
}

static void test_parts_equal_tree(void **state)
{
	static const char text[] = "<r><item><a>1&amp;2</a><b/><c>x<d><e>\xc3\xa4</e></d>y</c>"
				   "</item> <item/><item>z</item></r>";
	const struct xml_handler handler = { NULL, part_start, part_end };

	(void)state;
	for (size_t piece = 1; piece <= sizeof(text); piece += 6) {
		struct parts parts = { .part = xml_part_new(), .trace = { .log = BUF_INIT } };
		struct xml_handler mine = handler;
		struct xml_trace want = { .log = BUF_INIT };
		struct xml xml = { .doc = NULL };
		struct error err = ERROR_INIT;
		size_t len = sizeof(text) - 1;

		mine.ctx = &parts;
		struct xml_stream *stream = xml_stream_new(&mine, len, "it");
		for (size_t at = 0; at < len; at += piece)
			assert_int_equal(xml_stream_feed(stream, text + at,
							 len - at < piece ? len - at : piece, &err),
					 0);
		assert_int_equal(xml_stream_finish(stream, &err), 0);
		xml_stream_free(stream);
		assert_int_equal(parts.nr, 3);
		assert_int_equal(xml_parse(text, len, "it", &xml, &err), 0);
		for (const struct _xmlNode *node = NULL;
		     (node = xml_each(xml_root(&xml), "item", node));)
			xml_trace_tree(&want, node, 1);
		assert_string_equal(parts.trace.log.data, want.log.data);
		xml_release(&xml);
		xml_part_free(parts.part);
		buf_release(&parts.trace.log);
		buf_release(&want.log);
	}
}

static void test_part_is_bounded(void **state)
{
	struct xml_part *part = xml_part_new();
	const struct _xmlNode *node;

	(void)state;
	assert_null(xml_part_end(part, "", 0)); /* nothing was begun */
	for (int round = 0; round < 2; round++) {
		assert_int_equal(xml_part_start(part, "p"), 0);
		for (size_t i = 1; i < XML_MAX_ELEMENTS; i++) {
			assert_int_equal(xml_part_start(part, "x"), 0);
			assert_null(xml_part_end(part, "1", 1));
		}
		assert_int_equal(xml_part_start(part, "x"), -1);
		xml_part_clear(part);
	}
	/* A part that is over makes room for the next. */
	for (size_t i = 0; i < XML_MAX_ELEMENTS + 1; i++) {
		assert_int_equal(xml_part_start(part, "p"), 0);
		node = xml_part_end(part, "t", 1);
		assert_non_null(node);
	}
	assert_string_equal(xml_text(node, NULL), "t");
	xml_part_free(part);
	xml_part_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream_events),
		cmocka_unit_test(test_stream_stops),
		cmocka_unit_test(test_stream_max_is_exact),
		cmocka_unit_test(test_stream_equals_tree),
		cmocka_unit_test(test_split_at_every_position),
		cmocka_unit_test(test_bad_byte_at_every_position),
		cmocka_unit_test(test_names_are_one_pointer),
		cmocka_unit_test(test_parts_equal_tree),
		cmocka_unit_test(test_part_is_bounded),
	};

	return cmocka_run_group_tests_name("xml_stream", tests, NULL, NULL);
}
