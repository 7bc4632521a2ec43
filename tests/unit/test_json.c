/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"

/* Every text is parsed from a heap block of its exact size, so that ASan sees one byte too many. */
static int parse(const char *text, size_t len, struct json *json, struct error *err)
{
	char *exact = xmalloc(len ? len : 1);

	memcpy(exact, text, len);

	int rc = json_parse(exact, len, "the reply", json, err);

	free(exact);
	return rc;
}

static void assert_refused(const char *text, size_t len, const char *want)
{
	struct json json = { .root = NULL };
	struct error err = ERROR_INIT;

	if (parse(text, len, &json, &err) != -1)
		fail_msg("accepted: %.80s", text);
	assert_null(json.root);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	if (!strstr(err.message, want))
		fail_msg("%.80s: '%s' does not say '%s'", text, err.message, want);
	if (strncmp(err.message, "the reply", 9) != 0)
		fail_msg("does not name the document: %s", err.message);
	for (const char *p = err.message; *p; p++)
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static const struct {
	const char *text, *want;
} refused[] = {
	/* the end of the input */
	{ "", "ends too early" },
	{ "   ", "ends too early" },
	{ "{} junk", "something follows" },
	{ "{}{}", "something follows" },
	{ "1 2", "something follows" },
	{ "[1]]", "something follows" },
	{ "{\"a\":1}\f", "something follows" },
	{ "{", "ends too early" },
	{ "{\"a\"", "ends too early" },
	{ "{\"a\":", "ends too early" },
	{ "{\"a\":1", "ends too early" },
	{ "{\"a\":1,", "ends too early" },
	{ "[1,", "ends too early" },
	{ "\"abc", "ends too early" },
	{ "\"abc\\", "ends too early" },
	{ "\"\\u00", "ends too early" },
	{ "tru", "unexpected character" },
	{ "-", "ends too early" },
	{ "1.", "ends too early" },
	{ "1e", "ends too early" },
	{ "1e+", "ends too early" },
	/* grammar that cJSON lets pass */
	{ "\xef\xbb\xbf{}", "unexpected character" },
	{ "\x01[]", "unexpected character" },
	{ "[1,]", "unexpected character" },
	{ "{\"a\":1,}", "quoted name" },
	{ "{a:1}", "quoted name" },
	{ "{\"a\" 1}", "':'" },
	{ "[1 2]", "unexpected character" },
	{ "'a'", "unexpected character" },
	{ "NaN", "unexpected character" },
	{ "nan", "unexpected character" },
	{ "Infinity", "unexpected character" },
	{ "-inf", "malformed number" },
	{ "True", "unexpected character" },
	{ "01", "malformed number" },
	{ "-01", "malformed number" },
	{ "+1", "unexpected character" },
	{ ".5", "unexpected character" },
	{ "1.e5", "malformed number" },
	{ "0x10", "something follows" },
	{ "<html>", "unexpected character" },
	{ "// c\n{}", "unexpected character" },
	/* numbers */
	{ "1e999", "out of range" },
	{ "{\"a\":[-1e999]}", "out of range" },
	{ "1111111111222222222233333333334444444444555555555566666666667777", "digits" },
	/* names */
	{ "{\"a\":1,\"b\":2,\"a\":3}", "two members named 'a'" },
	{ "[{\"x\":{\"k\":1,\"k\":1}}]", "two members named 'k'" },
	{ "{\"\":1,\"\":2}", "two members named ''" },
	{ "{\"\\u0061\":1,\"a\":2}", "two members named 'a'" },
	{ "{\"a\xc2\x9b\":1,\"a\xc2\x9b\":2}", "a\\xc2\\x9b" },
	/* strings */
	{ "\"\\u0000\"", "control character" },
	{ "{\"a\\u0000b\":1}", "control character" },
	{ "\"\\u001b[31m\"", "control character" },
	{ "\"\\u001B\"", "control character" },
	{ "\"\\u007f\"", "control character" },
	{ "\"\\b\"", "control character" },
	{ "\"\\f\"", "control character" },
	{ "\"\x1b[31m\"", "control character" },
	{ "\"a\nb\"", "control character" },
	{ "\"a\tb\"", "control character" },
	{ "\"\x7f\"", "control character" },
	{ "\"\xff\"", "UTF-8" },
	{ "\"\xc0\xaf\"", "UTF-8" },
	{ "\"\xe2\x82\"", "UTF-8" },
	{ "\"\xe2\x82\\n\"", "UTF-8" },
	{ "\"\xed\xa0\x80\"", "UTF-8" },
	{ "{\"\xff\":1}", "UTF-8" },
	{ "\"\\ud800\"", "surrogate" },
	{ "\"\\udc00\\ud800\"", "surrogate" },
	{ "\"\\ud800\\u0041\"", "surrogate" },
	{ "\"\\ud800\\n\"", "surrogate" },
	{ "\"\\x41\"", "unknown escape" },
	{ "\"\\u12g4\"", "\\u escape" },
	{ "\"\\'\"", "unknown escape" },
};

static void test_refuses(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_refused(refused[i].text, strlen(refused[i].text), refused[i].want);
	assert_refused("{}\0", 3, "something follows");
	assert_refused("\"a\0b\"", 5, "control character");
	assert_refused("\0{}", 3, "unexpected character");
	assert_refused("\"\\\0\"", 4, "unknown escape");
	assert_refused("\xff\xfe{\0}\0", 6, "unexpected character"); /* UTF-16 */
}

static void fill(struct buf *out, const char *unit, size_t times)
{
	while (times--)
		buf_addstr(out, unit);
}

static void test_depth(void **state)
{
	(void)state;
	for (size_t depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
		struct buf text = BUF_INIT;
		struct json json = { .root = NULL };
		struct error err = ERROR_INIT;

		fill(&text, "[", depth);
		fill(&text, "]", depth);
		if (depth <= JSON_MAX_DEPTH) {
			assert_int_equal(parse(text.data, text.len, &json, &err), 0);
			json_release(&json);
		} else {
			assert_refused(text.data, text.len, "too deep");
		}
		buf_clear(&text);
		fill(&text, "{\"a\":", depth);
		buf_addstr(&text, "1");
		fill(&text, "}", depth);
		if (depth <= JSON_MAX_DEPTH) {
			assert_int_equal(parse(text.data, text.len, &json, &err), 0);
			json_release(&json);
		} else {
			assert_refused(text.data, text.len, "too deep");
		}
		buf_release(&text);
	}

	struct buf bomb = BUF_INIT;

	fill(&bomb, "[", 1000000);
	assert_refused(bomb.data, bomb.len, "too deep");
	buf_release(&bomb);
}

static void test_size(void **state)
{
	(void)state;
	struct buf text = BUF_INIT;
	struct json json = { .root = NULL };
	struct error err = ERROR_INIT;
	const char *value = NULL;

	buf_addch(&text, '"');
	fill(&text, "0123456789abcdef", (JSON_MAX_BYTES - 16) / 16);
	fill(&text, "x", JSON_MAX_BYTES - 1 - text.len);
	buf_addch(&text, '"');
	assert_int_equal(text.len, JSON_MAX_BYTES);
	assert_int_equal(parse(text.data, text.len, &json, &err), 0);
	assert_int_equal(json_string(json.root, "", JSON_MAX_BYTES, &value, &err), 0);
	assert_int_equal(strlen(value), JSON_MAX_BYTES - 2);
	json_release(&json);
	buf_addch(&text, ' ');
	assert_refused(text.data, text.len, "8 MiB");

	/* Four million values would be a third of a gigabyte of tree. */
	buf_clear(&text);
	buf_addch(&text, '[');
	fill(&text, "1,", JSON_MAX_VALUES);
	buf_addstr(&text, "1]");
	assert_refused(text.data, text.len, "too many values");
	buf_release(&text);
}

static void test_every_prefix_is_refused(void **state)
{
	(void)state;
	const char *text = "{\"Parameter\":{\"Value\":\"ami-\\u00e9\\ud83d\\ude00\",\"N\":[-1.5e+3,"
			   "true,false,null,0]}}";
	struct json json = { .root = NULL };
	struct error err = ERROR_INIT;

	assert_int_equal(parse(text, strlen(text), &json, &err), 0);
	json_release(&json);
	for (size_t n = 0; n < strlen(text); n++)
		assert_refused(text, n, n ? "" : "ends too early");
}

static void test_getters(void **state)
{
	(void)state;
	const char *text = " {\"s\":\"gr\\u00fc\\u00df\\n\\ud83d\\ude00\",\"empty\":\"\",\"n\":42,"
			   "\"neg\":-7,\"zero\":-0,\"exp\":1e3,\"frac\":0.9,\"t\":true,\"f\":false,"
			   "\"nul\":null,\"a\":[1,\"two\",[]],\"o\":{\"p\":{\"q\":\"deep\"}},"
			   "\"S\":\"upper\"}\r\n\t ";
	struct json json = { .root = NULL };
	struct error err = ERROR_INIT;
	const char *s = NULL;
	int64_t n = 99;
	double d = 99;
	bool b = false;
	const struct cJSON *array = NULL;

	assert_int_equal(parse(text, strlen(text), &json, &err), 0);
	assert_int_equal(json_string(json.root, "s", 100, &s, &err), 0);
	assert_string_equal(s, "gr\xc3\xbc\xc3\x9f\n\xf0\x9f\x98\x80");
	assert_int_equal(json_string(json.root, "S", 5, &s, &err), 0);
	assert_string_equal(s, "upper");
	assert_int_equal(json_string(json.root, "empty", 0, &s, &err), 0);
	assert_string_equal(s, "");
	assert_int_equal(json_string(json.root, "o.p.q", 4, &s, &err), 0);
	assert_string_equal(s, "deep");
	assert_int_equal(json_int64(json.root, "n", 42, 42, &n, &err), 0);
	assert_int_equal(n, 42);
	assert_int_equal(json_int64(json.root, "neg", INT64_MIN, INT64_MAX, &n, &err), 0);
	assert_int_equal(n, -7);
	assert_int_equal(json_int64(json.root, "zero", 0, 0, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(json_int64(json.root, "exp", 0, 2000, &n, &err), 0);
	assert_int_equal(n, 1000);
	assert_int_equal(json_double(json.root, "frac", &d, &err), 0);
	assert_true(fabs(d - 0.9) < 1e-12);
	assert_int_equal(json_bool(json.root, "t", &b, &err), 0);
	assert_true(b);
	assert_int_equal(json_bool(json.root, "f", &b, &err), 0);
	assert_false(b);
	assert_int_equal(json_array(json.root, "a", &array, &err), 0);
	assert_int_equal(json_len(array), 3);
	assert_string_equal(json_text(json_at(array, 1)), "two");
	assert_int_equal(json_len(json_at(array, 2)), 0);
	assert_null(json_at(array, 3));
	assert_int_equal(json_int64(json_at(array, 0), "", 0, 9, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_null(json_get(json.root, "nul"));
	assert_null(json_get(json.root, "nowhere"));
	assert_null(json_get(json.root, "s.x"));
	assert_null(json_get(json.root, "a.0"));
	assert_null(json_get(NULL, "a"));
	assert_ptr_equal(json_get(json.root, NULL), json.root);
	assert_int_equal(err.kind, ERROR_NONE);
	json_release(&json);
	json_release(&json);
}

static void test_optional_strings(void **state)
{
	(void)state;
	const char *text = "{\"a\":\"x\",\"nul\":null,\"n\":1}";
	struct json json = { .root = NULL };
	struct error err = ERROR_INIT;
	const char *s = "unchanged";

	assert_int_equal(parse(text, strlen(text), &json, &err), 0);
	assert_int_equal(json_string_opt(json.root, "n", 9, &s, &err), -1);
	assert_string_equal(s, "unchanged");
	assert_string_equal(err.message, "field 'n': expected a string, found a number");
	assert_int_equal(json_string_opt(json.root, "a", 0, &s, &err), -1);
	assert_int_equal(json_string_opt(json.root, "a", 1, &s, &err), 0);
	assert_string_equal(s, "x");
	assert_int_equal(json_string_opt(json.root, "nul", 9, &s, &err), 0);
	assert_null(s);
	s = "again";
	assert_int_equal(json_string_opt(json.root, "b.c", 9, &s, &err), 0);
	assert_null(s);
	json_release(&json);
}

enum getter {
	STRING,
	INT64,
	DOUBLE,
	BOOL,
	ARRAY
};

/* Every getter against every type: only its own is taken, and outputs stay as they were. */
static void test_type_confusion(void **state)
{
	(void)state;
	static const char *const names[] = { "string", "number", "true",  "array",
					     "object", "null",	 "absent" };
	static const enum getter own[] = { STRING, INT64, BOOL, ARRAY };
	const char *text = "{\"x\":{\"string\":\"1\",\"number\":1,\"true\":true,\"array\":[],"
			   "\"object\":{},\"null\":null}}";
	struct json json = { .root = NULL };
	struct error err = ERROR_INIT;

	assert_int_equal(parse(text, strlen(text), &json, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (enum getter getter = STRING; getter <= ARRAY; getter++) {
			char path[32];
			const char *s = NULL;
			int64_t n = 7;
			double d = 7;
			bool b = false;
			const struct cJSON *a = NULL;
			bool match = i < ARRAY_SIZE(own) &&
				     (own[i] == getter || (own[i] == INT64 && getter == DOUBLE));
			int rc = -2;

			snprintf(path, sizeof(path), "x.%s", names[i]);
			error_clear(&err);
			if (getter == STRING)
				rc = json_string(json.root, path, 9, &s, &err);
			else if (getter == INT64)
				rc = json_int64(json.root, path, 0, 9, &n, &err);
			else if (getter == DOUBLE)
				rc = json_double(json.root, path, &d, &err);
			else if (getter == BOOL)
				rc = json_bool(json.root, path, &b, &err);
			else
				rc = json_array(json.root, path, &a, &err);
			assert_int_equal(rc, match ? 0 : -1);
			if (match)
				continue;
			assert_int_equal(err.kind, ERROR_PROTOCOL);
			assert_non_null(strstr(err.message, path));
			assert_non_null(strstr(err.message, i < 5 ? "expected" : "missing"));
			assert_true(!s && n == 7 && d == 7 && !b && !a);
		}
	}
	json_release(&json);
}

static void test_whole_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t min, max;
		bool good;
		int64_t want;
	} rows[] = {
		{ "0", 0, 0, true, 0 },
		{ "-0", 0, 0, true, 0 },
		{ "1.0", 0, 9, true, 1 },
		{ "9007199254740991", 0, INT64_MAX, true, 9007199254740991 },
		{ "-9007199254740991", INT64_MIN, 0, true, -9007199254740991 },
		{ "9007199254740992", 0, INT64_MAX, false, 0 },
		{ "9007199254740993", 0, INT64_MAX, false, 0 }, /* 2^53 + 1 rounds to 2^53 */
		{ "-9007199254740993", INT64_MIN, INT64_MAX, false, 0 },
		{ "12345678901234567890", INT64_MIN, INT64_MAX, false, 0 },
		{ "1e308", INT64_MIN, INT64_MAX, false, 0 },
		{ "0.5", 0, 1, false, 0 },
		{ "1e-999", 0, 1, true, 0 },
		{ "5", 0, 4, false, 0 },
		{ "4", 0, 4, true, 4 },
		{ "-1", 0, 4, false, 0 },
		{ "4294967296", 0, 4294967296, true, 4294967296 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json json = { .root = NULL };
		struct error err = ERROR_INIT;
		int64_t n = 77;

		assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &json, &err), 0);

		int rc = json_int64(json.root, NULL, rows[i].min, rows[i].max, &n, &err);

		if (rc != (rows[i].good ? 0 : -1))
			fail_msg("%s", rows[i].text);
		assert_int_equal(n, rows[i].good ? rows[i].want : 77);
		json_release(&json);
	}
}

static void test_iteration(void **state)
{
	(void)state;
	const char *text = "{\"one\":1,\"two\":\"2\",\"three\":[]}";
	static const char *const names[] = { "one", "two", "three" };
	struct json json = { .root = NULL };
	struct error err = ERROR_INIT;
	size_t i = 0;

	assert_int_equal(parse(text, strlen(text), &json, &err), 0);
	for (const struct cJSON *m = json_first(json.root); m; m = json_next(m))
		assert_string_equal(json_name(m), names[i++]);
	assert_int_equal(i, 3);
	assert_null(json_name(json.root));
	assert_null(json_text(json_first(json.root)));
	assert_null(json_text(NULL));
	assert_null(json_first(NULL));
	assert_null(json_next(NULL));
	assert_int_equal(json_len(NULL), 0);
	json_release(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_optional_strings),
		cmocka_unit_test(test_type_confusion),
		cmocka_unit_test(test_whole_numbers),
		cmocka_unit_test(test_iteration),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
