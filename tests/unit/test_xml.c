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
#include "core/xml.h"
#include "tests/unit/xml_trace.h"

/* By the tree, by the stream in one piece, and by the stream byte after byte. */
static void assert_refused(const char *text, size_t len, const char *want)
{
	static const size_t pieces[] = { 0, 1, 5 };
	struct xml xml = { .doc = NULL };
	struct error err = ERROR_INIT;

	if (xml_trace_parse(text, len, &xml, &err) != -1)
		fail_msg("the tree accepted: %.60s", text);
	assert_null(xml.doc);
	assert_refusal(&err, want, text);
	for (size_t i = 0; i < (len < 100000 ? ARRAY_SIZE(pieces) : 1); i++) {
		struct xml_trace trace = { .log = BUF_INIT };

		error_clear(&err);
		if (xml_trace_stream(&trace, text, len, pieces[i], &err) != -1)
			fail_msg("the stream accepted: %.60s", text);
		if (len)
			assert_refusal(&err, want, text);
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

	assert_int_equal(xml_trace_parse(text, strlen(text), &xml, &err), 0);

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
	struct xml_trace trace = { .log = BUF_INIT };
	struct error err = ERROR_INIT;

	assert_int_equal(xml_trace_stream(&trace, text, strlen(text), 1, &err), 0);
	buf_release(&trace.log);
	for (size_t n = 1; n < strlen(text); n++)
		assert_refused(text, n, "");
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

		buf_repeat(&text, "<a>", rows[i].depth);
		buf_repeat(&text, "</a>", rows[i].depth);
		if (rows[i].good) {
			assert_int_equal(xml_trace_parse(text.data, text.len, &xml, &err), 0);
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
	struct xml_trace trace = { .log = BUF_INIT };
	struct error err = ERROR_INIT;

	buf_addstr(&text, "<a>");
	buf_repeat(&text, "<b>0123456789012345678901234567890123456789</b>", 170000);
	buf_repeat(&text, " ", XML_MAX_BYTES - text.len - 4);
	buf_addstr(&text, "</a>");
	assert_int_equal(text.len, XML_MAX_BYTES);
	assert_int_equal(xml_trace_parse(text.data, text.len, &xml, &err), 0);
	xml_release(&xml);
	assert_int_equal(xml_trace_stream(&trace, text.data, text.len, 16384, &err), 0);
	buf_addstr(&text, "\n");
	assert_int_equal(xml_trace_parse(text.data, text.len, &xml, &err), -1);
	assert_refusal(&err, "8 MiB", "a long text");
	assert_int_equal(xml_trace_stream(&trace, text.data, text.len, 16384, &err), -1);
	assert_refusal(&err, "too long", "a long text");
	buf_repeat(&text, " ", (size_t)9 << 20);
	assert_int_equal(xml_trace_parse(text.data, text.len, &xml, &err), -1);

	buf_clear(&text);
	buf_addstr(&text, "<a>");
	buf_repeat(&text, "<b/>", XML_MAX_ELEMENTS);
	buf_addstr(&text, "</a>");
	assert_int_equal(xml_trace_parse(text.data, text.len, &xml, &err), -1);
	assert_refusal(&err, "too many elements", "many elements");
	buf_release(&text);
	buf_release(&trace.log);
}

/* libxml2 likes to talk: nothing of it may reach the user's terminal. */
static void test_silence(void **state)
{
	(void)state;
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	struct xml xml = { .doc = NULL };
	struct error err = ERROR_INIT;
	struct xml_trace trace = { .log = BUF_INIT };
	static const char *const bad[] = {
		"<a>\xff\xfe</a>",
		"<a xmlns='::'>&x;</b>",
		"<x:a/>",
		"<!DOCTYPE a SYSTEM 'no'><a/>",
		"<?xml version='9' encoding='martian'?><a><b></a>",
	};

	assert_non_null(file);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		xml_trace_parse(bad[i], strlen(bad[i]), &xml, &err);
		xml_trace_stream(&trace, bad[i], strlen(bad[i]), 3, &err);
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
			if (xml_trace_parse(body, strlen(body), &xml, &err) < 0)
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
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_published_bodies),
	};

	return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}
