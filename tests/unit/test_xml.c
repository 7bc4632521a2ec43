/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/xml.h"

/* What a stream says, one event a line: "+name depth" and "-name depth text". */
struct trace {
	struct buf log;
	const char *stop_at; /* refuse when this element starts or ends */
	bool stop_at_end;
};

static int on_start(void *ctx, const char *name, int depth)
{
	struct trace *trace = ctx;

	buf_addf(&trace->log, "+%s %d\n", name, depth);
	return trace->stop_at && !trace->stop_at_end && !strcmp(name, trace->stop_at) ? -1 : 0;
}

static int on_end(void *ctx, const char *name, int depth, const char *text, size_t len)
{
	struct trace *trace = ctx;

	assert_int_equal(strlen(text), len);
	buf_addf(&trace->log, "-%s %d %s\n", name, depth, text);
	return trace->stop_at && trace->stop_at_end && !strcmp(name, trace->stop_at) ? -1 : 0;
}

static struct xml_stream *open_stream(struct trace *trace, size_t max)
{
	struct xml_handler handler = { .ctx = trace, .start = on_start, .end = on_end };

	return xml_stream_new(&handler, max, "the reply");
}

/* Streams text in pieces of `piece` bytes (0: whole), each from a block of its exact size. */
static int stream(struct trace *trace, const char *text, size_t len, size_t piece,
		  struct error *err)
{
	struct xml_stream *stream = open_stream(trace, XML_MAX_BYTES);
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

static int parse(const char *text, size_t len, struct xml *xml, struct error *err)
{
	char *exact = xmalloc(len ? len : 1);

	memcpy(exact, text, len);

	int rc = xml_parse(exact, len, "the reply", xml, err);

	free(exact);
	return rc;
}

/* The tree, told as the stream tells it. */
static void trace_tree(struct trace *trace, const struct _xmlNode *node, int depth)
{
	on_start(trace, xml_name(node), depth);
	for (const struct _xmlNode *child = NULL; (child = xml_each(node, NULL, child));)
		trace_tree(trace, child, depth + 1);
	on_end(trace, xml_name(node), depth, xml_text(node, ""), strlen(xml_text(node, NULL)));
}

static void assert_message(const struct error *err, const char *want, const char *text)
{
	assert_int_equal(err->kind, ERROR_PROTOCOL);
	if (!strstr(err->message, want))
		fail_msg("%.60s: '%s' does not say '%s'", text, err->message, want);
	assert_int_equal(strncmp(err->message, "the reply", 9), 0);
	for (const char *p = err->message; *p; p++)
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

/* By the tree, by the stream in one piece, and by the stream byte after byte. */
static void assert_refused(const char *text, size_t len, const char *want)
{
	static const size_t pieces[] = { 0, 1, 5 };
	struct xml xml = { .doc = NULL };
	struct error err = ERROR_INIT;

	if (parse(text, len, &xml, &err) != -1)
		fail_msg("the tree accepted: %.60s", text);
	assert_null(xml.doc);
	assert_message(&err, want, text);
	for (size_t i = 0; i < (len < 100000 ? ARRAY_SIZE(pieces) : 1); i++) {
		struct trace trace = { .log = BUF_INIT };

		error_clear(&err);
		if (stream(&trace, text, len, pieces[i], &err) != -1)
			fail_msg("the stream accepted: %.60s", text);
		if (len)
			assert_message(&err, want, text);
		buf_release(&trace.log);
	}
}

static void test_tree(void **state)
{
	(void)state;
	const char *text =
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<R xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\" xmlns:b=\"urn:b\">\n"
		"  <!-- c --><?pi data?>\n"
		"  <set><item><id k=\"v\">i-1</id></item>"
		"<item><id>i-2</id><place><zone>us-east-1a</zone></place></item></set>\n"
		"  <b:other>x &amp; y &lt;&#228;&#x20ac;</b:other><none/><none2></none2>"
		"<cd>a<![CDATA[<b>&amp;]]>c<!-- no -->d<?p?>e</cd><mixed>t<i>u</i>v</mixed></R>";
	struct xml xml = { .doc = NULL };
	struct error err = ERROR_INIT;

	assert_int_equal(parse(text, strlen(text), &xml, &err), 0);

	const struct _xmlNode *root = xml_root(&xml);

	assert_string_equal(xml_name(root), "R");
	assert_string_equal(xml_text(root, "set/item/id"), "i-1");
	assert_string_equal(xml_text(root, "set/item/place/zone"), "us-east-1a");
	assert_null(xml_text(root, "set/item/place/zoneId"));
	assert_null(xml_text(root, "item"));
	assert_null(xml_text(root, "Set"));
	assert_null(xml_text(NULL, "set"));
	assert_string_equal(xml_text(root, "other"), "x & y <\xc3\xa4\xe2\x82\xac");
	assert_string_equal(xml_text(root, "none"), "");
	assert_string_equal(xml_text(root, "none2"), "");
	assert_string_equal(xml_text(root, "cd"), "a<b>&amp;cde");
	assert_string_equal(xml_text(root, "mixed"), "");
	assert_string_equal(xml_text(root, "mixed/i"), "u");
	assert_string_equal(xml_text(xml_search(root, "zone"), ""), "us-east-1a");
	assert_null(xml_search(root, "R"));
	assert_null(xml_search(xml_find(root, "none"), "mixed"));
	assert_null(xml_search(NULL, "a"));
	assert_ptr_equal(xml_find(root, ""), root);

	const struct _xmlNode *set = xml_find(root, "set");
	const struct _xmlNode *item = xml_each(set, "item", NULL);

	item = xml_each(set, "item", item);
	assert_string_equal(xml_text(item, "id"), "i-2");
	assert_null(xml_search(item, "mixed"));
	assert_null(xml_each(set, "item", item));
	assert_null(xml_each(NULL, NULL, NULL));

	size_t children = 0;

	for (const struct _xmlNode *c = NULL; (c = xml_each(root, NULL, c));)
		children++;
	assert_int_equal(children, 6);
	assert_int_equal(err.kind, ERROR_NONE);
	xml_release(&xml);
	xml_release(&xml);
}

static void test_stream_events(void **state)
{
	(void)state;
	const char *text = "<?xml version='1.0'?><a><b>1&amp;2</b><c/> <d>x<e>y</e>z</d></a>\n";
	struct trace trace = { .log = BUF_INIT };
	struct error err = ERROR_INIT;

	assert_int_equal(stream(&trace, text, strlen(text), 0, &err), 0);
	assert_string_equal(trace.log.data, "+a 0\n+b 1\n-b 1 1&2\n+c 1\n-c 1 \n+d 1\n+e 2\n"
					    "-e 2 y\n-d 1 \n-a 0 \n");
	buf_release(&trace.log);
}

#define LAUGH(n, of) "<!ENTITY l" n " \"&l" of ";&l" of ";&l" of ";&l" of ";&l" of ";\">"

static void test_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "empty" },
		{ " \n", "" },
		{ "<!DOCTYPE a><a/>", "DOCTYPE" },
		{ "<?xml version=\"1.0\"?><!DOCTYPE html><html></html>", "DOCTYPE" },
		{ "<!DOCTYPE a SYSTEM \"http://127.0.0.1:9/x.dtd\"><a/>", "DOCTYPE" },
		{ "<!DOCTYPE a PUBLIC \"p\" \"file:///etc/passwd\"><a/>", "DOCTYPE" },
		{ "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>", "DOCTYPE" },
		{ "<!DOCTYPE a [<!ENTITY % x SYSTEM \"http://127.0.0.1:9/\"> %x;]><a/>",
		  "DOCTYPE" },
		{ "<!DOCTYPE a [<!ENTITY l0 \"lol\">" LAUGH("1", "0") LAUGH("2", "1")
			  LAUGH("3", "2") LAUGH("4", "3") "]><a>&l4;</a>",
		  "DOCTYPE" },
		{ "<!DOCTYPE a [<!ATTLIST a b CDATA 'x'>]><a/>", "DOCTYPE" },
		{ "<a>&undefined;</a>", "not well-formed" },
		{ "<a><b></a></b>", "not well-formed" },
		{ "<a></a><b/>", "not well-formed" },
		{ "<a/>junk", "not well-formed" },
		{ "junk<a/>", "not well-formed" },
		{ "{\"json\":1}", "not well-formed" },
		{ "<a><b x=1/></a>", "not well-formed" },
		{ "<a b='1' b='2'/>", "not well-formed" },
		{ "<a>a & b</a>", "not well-formed" },
		{ "<a>]]></a>", "not well-formed" },
		{ "<x:a>1</x:a>", "not well-formed" },
		{ "<a>&#x1b;[31m</a>", "not well-formed" },
		{ "<a>&#0;</a>", "not well-formed" },
		{ "<a>&#xD800;</a>", "not well-formed" },
		{ "<a>&#x110000;</a>", "not well-formed" },
		{ "<a>\x1b[31m</a>", "not well-formed" },
		{ "<a\x1b/>", "not well-formed" },
		{ "<a\xc2\x9b></b>", "not well-formed" },
		{ "<html><body><p>oops<br></body></html>", "not well-formed" },
		{ "<a>\xff</a>", "not UTF-8" },
		{ "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe4</a>", "not UTF-8" },
		{ "<a>\xed\xa0\x80</a>", "not UTF-8" },
		{ "<a>\xc0\xbc</a>", "not UTF-8" },
		{ "<?xml version='1.0' encoding='UTF-7'?>+ADw-a/+AD4-", "not well-formed" },
		{ "<a", "ends too early" },
		{ "<a>", "ends too early" },
		{ "<a><b>text", "ends too early" },
		{ "<a><b>text</b>", "ends too early" },
		{ "<a><b>text</b></a", "ends too early" },
		{ "<?xml version='1.0'?>", "ends too early" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_refused(rows[i].text, strlen(rows[i].text), rows[i].want);
	assert_refused("<a>\0</a>", 8, "not UTF-8");
	assert_refused("<a/>\0", 5, "not UTF-8");
	assert_refused("\xff\xfe<\0a\0/\0>\0", 10, "not UTF-8");
	assert_refused("\xfe\xff\0<\0a\0/\0>", 10, "not UTF-8");
	assert_refused("<\0a\0/\0>\0", 8, "not UTF-8");
	assert_refused("\0\0\0<\0\0\0a\0\0\0/\0\0\0>", 16, "not UTF-8");
}

static void test_every_prefix_is_refused(void **state)
{
	(void)state;
	const char *text = "<?xml version=\"1.0\"?><a x=\"&lt;\"><b>&#xe4;\xe2\x82\xac</b>"
			   "<![CDATA[c]]><!-- d --></a>";
	struct trace trace = { .log = BUF_INIT };
	struct error err = ERROR_INIT;

	assert_int_equal(stream(&trace, text, strlen(text), 1, &err), 0);
	buf_release(&trace.log);
	for (size_t n = 1; n < strlen(text); n++)
		assert_refused(text, n, "");
}

static void fill(struct buf *out, const char *unit, size_t times)
{
	while (times--)
		buf_addstr(out, unit);
}

static void test_depth(void **state)
{
	(void)state;
	static const struct {
		size_t depth;
		bool good;
	} rows[] = { { 64, true }, { 65, false }, { 300, false }, { 100000, false } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf text = BUF_INIT;
		struct xml xml = { .doc = NULL };
		struct error err = ERROR_INIT;

		fill(&text, "<a>", rows[i].depth);
		fill(&text, "</a>", rows[i].depth);
		if (rows[i].good) {
			assert_int_equal(parse(text.data, text.len, &xml, &err), 0);
			xml_release(&xml);
		} else {
			assert_refused(text.data, text.len, "too deep");
		}
		buf_release(&text);
	}
}

static void test_size(void **state)
{
	(void)state;
	struct buf text = BUF_INIT;
	struct xml xml = { .doc = NULL };
	struct trace trace = { .log = BUF_INIT };
	struct error err = ERROR_INIT;

	buf_addstr(&text, "<a>");
	fill(&text, "<b>0123456789012345678901234567890123456789</b>", 170000);
	fill(&text, " ", XML_MAX_BYTES - text.len - 4);
	buf_addstr(&text, "</a>");
	assert_int_equal(text.len, XML_MAX_BYTES);
	assert_int_equal(parse(text.data, text.len, &xml, &err), 0);
	xml_release(&xml);
	assert_int_equal(stream(&trace, text.data, text.len, 16384, &err), 0);
	buf_addstr(&text, "\n");
	assert_int_equal(parse(text.data, text.len, &xml, &err), -1);
	assert_message(&err, "8 MiB", "a long text");
	assert_int_equal(stream(&trace, text.data, text.len, 16384, &err), -1);
	assert_message(&err, "too long", "a long text");
	fill(&text, " ", (size_t)9 << 20);
	assert_int_equal(parse(text.data, text.len, &xml, &err), -1);

	buf_clear(&text);
	buf_addstr(&text, "<a>");
	fill(&text, "<b/>", XML_MAX_ELEMENTS);
	buf_addstr(&text, "</a>");
	assert_int_equal(parse(text.data, text.len, &xml, &err), -1);
	assert_message(&err, "too many elements", "many elements");
	buf_release(&text);
	buf_release(&trace.log);
}

static void test_stream_stops(void **state)
{
	(void)state;
	const char *text = "<a><b>1</b><c>2</c></a>";

	for (int at_end = 0; at_end <= 1; at_end++) {
		struct trace trace = { .log = BUF_INIT, .stop_at = "b", .stop_at_end = at_end };
		struct xml_stream *stream = open_stream(&trace, 100);
		struct error err = ERROR_INIT;
		struct error again = ERROR_INIT;

		assert_int_equal(xml_stream_feed(stream, text, strlen(text), &err), -1);
		assert_message(&err, "not expected", text);
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
	struct trace trace = { .log = BUF_INIT };
	struct error err = ERROR_INIT;
	struct xml_stream *stream = open_stream(&trace, 8);

	assert_int_equal(xml_stream_feed(stream, NULL, 0, &err), 0);
	assert_int_equal(xml_stream_feed(stream, "<a>b</a>", 8, &err), 0);
	assert_int_equal(xml_stream_feed(stream, NULL, 0, &err), 0);
	assert_int_equal(xml_stream_finish(stream, &err), 0);
	xml_stream_free(stream);
	stream = open_stream(&trace, 7);
	assert_int_equal(xml_stream_feed(stream, "<a>b</a", 7, &err), 0);
	assert_int_equal(xml_stream_feed(stream, ">", 1, &err), -1);
	xml_stream_free(stream);
	buf_release(&trace.log);
}

/* One element with what texts are made of: entities, CDATA, comments, long and short runs. */
static void make_element(const struct rng *rng, struct buf *out, int depth)
{
	static const char *const texts[] = {
		"a",	"0.3470", "us-east-1a", " ",	  "\n  ",	 "&amp;",	"&lt;&gt;",
		"&#x41;", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "<![CDATA[<x>&]]>",
		"<!-- c -->", "<?p i?>", "\r\n", "longer than what is kept inline, and then some",
	};
	static const char *const names[] = { "a", "item", "spotPrice", "x.y-z" };
	const char *name = names[rng_below(rng, ARRAY_SIZE(names))];
	size_t parts = (size_t)rng_below(rng, 5);

	buf_addf(out, "<%s%s>", name, rng_below(rng, 4) ? "" : " k=\"v\"");
	for (size_t i = 0; i < parts; i++) {
		if (depth < 5 && rng_below(rng, 3) == 0)
			make_element(rng, out, depth + 1);
		else if (rng_below(rng, 12) == 0)
			fill(out, texts[rng_below(rng, ARRAY_SIZE(texts))], 400);
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
		struct trace want = { .log = BUF_INIT };
		struct xml xml = { .doc = NULL };
		struct error err = ERROR_INIT;

		make_element(&rng, &text, 0);
		assert_int_equal(parse(text.data, text.len, &xml, &err), 0);
		trace_tree(&want, xml_root(&xml), 0);
		for (size_t piece = 0; piece < 4; piece++) {
			struct trace got = { .log = BUF_INIT };
			size_t size = piece == 3 ? 1 + (size_t)rng_below(&rng, 300) : piece;

			assert_int_equal(stream(&got, text.data, text.len, size, &err), 0);
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
	const char *text = "\xef\xbb\xbf<?xml version=\"1.0\"?>\r\n<R xmlns='u'><a>x&amp;\xe2\x82\xac"
			   "<![CDATA[]]]]><![CDATA[>]]></a><!-- -- ><b/>&#10;\r<c>\r\n</c></R>\r\n";
	struct buf fixed = BUF_INIT;

	/* "--" may not stand in a comment; keep the rest. */
	buf_addstr(&fixed, text);
	memcpy(strstr(fixed.data, "<!-- -- >"), "<!-- c-->", 9);

	size_t len = fixed.len;
	struct trace want = { .log = BUF_INIT };
	struct xml xml = { .doc = NULL };
	struct error err = ERROR_INIT;

	assert_int_equal(parse(fixed.data, len, &xml, &err), 0);
	trace_tree(&want, xml_root(&xml), 0);
	assert_string_equal(xml_text(xml_root(&xml), "a"), "x&\xe2\x82\xac]]>");
	assert_string_equal(xml_text(xml_root(&xml), "c"), "\n");
	for (size_t cut = 0; cut <= len; cut++) {
		struct trace got = { .log = BUF_INIT };
		struct xml_stream *stream = open_stream(&got, len);

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

/* libxml2 likes to talk: nothing of it may reach the user's terminal. */
static void test_silence(void **state)
{
	(void)state;
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	struct xml xml = { .doc = NULL };
	struct error err = ERROR_INIT;
	struct trace trace = { .log = BUF_INIT };
	static const char *const bad[] = {
		"<a>\xff\xfe</a>", "<a xmlns='::'>&x;</b>", "<x:a/>", "<!DOCTYPE a SYSTEM 'no'><a/>",
		"<?xml version='9' encoding='martian'?><a><b></a>",
	};

	assert_non_null(file);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		parse(bad[i], strlen(bad[i]), &xml, &err);
		stream(&trace, bad[i], strlen(bad[i]), 3, &err);
	}
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(lseek(fileno(file), 0, SEEK_END), 0);
	fclose(file);
	buf_release(&trace.log);
}

/* Bodies of the EC2 protocol as botocore's own tests have them. */
static void test_published_bodies(void **state)
{
	(void)state;
	const char *path = GPUCLOUD_SHARED_DATA "/aws/botocore/protocols/output-ec2.json";
	FILE *file = fopen(path, "rb");
	struct buf text = BUF_INIT;
	char chunk[4096];
	struct json json = { .root = NULL };
	struct error err = ERROR_INIT;
	size_t cases = 0;

	if (!file) {
		printf("xml: no %s: skipped\n", path);
		skip();
	}
	for (size_t n; (n = fread(chunk, 1, sizeof(chunk), file)) > 0;)
		buf_add(&text, chunk, n);
	fclose(file);
	assert_int_equal(json_parse(text.data, text.len, path, &json, &err), 0);
	for (size_t i = 0; i < json_len(json.root); i++) {
		const struct cJSON *list = json_get(json_at(json.root, i), "cases");

		for (const struct cJSON *c = json_first(list); c; c = json_next(c), cases++) {
			struct xml xml = { .doc = NULL };
			const char *body = NULL;
			const char *member = NULL;

			assert_int_equal(json_string(c, "response.body", 99999, &body, &err), 0);
			if (parse(body, strlen(body), &xml, &err) < 0)
				fail_msg("%s: %s", json_text(json_get(c, "id")), err.message);
			for (const struct cJSON *r = json_first(json_get(c, "result")); r;
			     r = json_next(r)) {
				member = xml_text(xml_root(&xml), json_name(r));
				if (json_text(r) && member && strcmp(json_name(r), "data") != 0)
					assert_string_equal(member, json_text(r));
			}
			if (json_get(c, "errorCode"))
				assert_string_equal(
					xml_text(xml_search(xml_root(&xml), "Error"), "Code"),
					json_text(json_get(c, "errorCode")));
			xml_release(&xml);
		}
	}
	assert_true(cases > 20);
	json_release(&json);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_stream_events),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_stream_stops),
		cmocka_unit_test(test_stream_max_is_exact),
		cmocka_unit_test(test_stream_equals_tree),
		cmocka_unit_test(test_split_at_every_position),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_published_bodies),
	};

	return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}
