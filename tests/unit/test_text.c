/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/text.h"

static void test_escape(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "" },
		{ "plain text 51% p3.2xlarge", "plain text 51% p3.2xlarge" },
		{ "\x1b[31mred\x1b[0m", "^[[31mred^[[0m" },
		{ "\x1b]52;c;aGk=\a", "^[]52;c;aGk=^G" },
		{ "a\tb\nc\rd", "a^Ib^Jc^Md" },
		{ "\x01\x1f\x7f", "^A^_^?" },
		{ "\x9b"
		  "31m",
		  "\\x9b31m" }, /* raw C1 */
		{ "\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m" }, /* C1 as UTF-8 */
		{ "\xc2\x80\xc2\x9f\xc2\xa0", "\\xc2\\x80\\xc2\\x9f\xc2\xa0" },
		{ "\xe2\x80\xae"
		  "exe",
		  "\\xe2\\x80\\xaeexe" }, /* U+202E */
		{ "\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9",
		  "\\xe2\\x80\\xaa\\xe2\\x81\\xa6\\xe2\\x81\\xa9" },
		{ "\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c" },
		{ "\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa", /* just outside the ranges */
		  "\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc0\xaf", "\\xc0\\xaf" },			/* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },		/* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* past U+10FFFF */
		{ "\xe2\x82", "\\xe2\\x82" },			/* cut off */
		{ "\xe2\x82\x1b", "\\xe2\\x82^[" },
		{ "back\\slash", "back\\slash" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf out = BUF_INIT;

		text_escape(&out, rows[i].text, strlen(rows[i].text));
		assert_string_equal(out.data, rows[i].want);
		buf_release(&out);
	}

	struct buf out = BUF_INIT;

	text_escape(&out, "a\0b", 3);
	assert_string_equal(out.data, "a^@b");
	buf_release(&out);

	struct arena arena = { 0 };

	assert_string_equal(text_escaped(&arena, "\x1b"), "^[");
	assert_null(text_escaped(&arena, NULL));
	arena_release(&arena);
}

/* Whatever comes in, what comes out is UTF-8 without a byte that a terminal obeys. */
static void test_escape_any_bytes(void **state)
{
	(void)state;
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 11);

	for (size_t round = 0; round < 2000; round++) {
		char data[48];
		size_t n = (size_t)rng_below(&rng, sizeof(data));
		struct buf out = BUF_INIT;

		rng.fill(rng.ctx, data, sizeof(data));
		text_escape(&out, data, n);
		assert_true(text_is_utf8(out.data, out.len));
		for (size_t i = 0; i < out.len; i++) {
			unsigned char c = (unsigned char)out.data[i];

			assert_true(c >= 0x20 && c != 0x7f);
			assert_false(c == 0xc2 && (unsigned char)out.data[i + 1] < 0xa0);
		}
		buf_release(&out);
	}
}

static void test_utf8_split_anywhere(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z", true },
		{ "\xe0\xa0\x80\xed\x9f\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true },
		{ "\xe0\x9f\xbf", false },
		{ "\xed\xa0\x80", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\x80", false },
		{ "\xc1\xbf", false },
		{ "ok\xc3", false },
		{ "\xc3(", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(rows[i].text);

		assert_int_equal(text_is_utf8(rows[i].text, n), rows[i].good);
		for (size_t cut = 0; cut <= n; cut++) {
			struct text_utf8 utf8 = { 0 };
			bool good = text_utf8_feed(&utf8, rows[i].text, cut) &&
				    text_utf8_feed(&utf8, rows[i].text + cut, n - cut) &&
				    !utf8.need;

			assert_int_equal(good, rows[i].good);
		}
	}
}

static void test_token(void **state)
{
	(void)state;
	assert_true(text_is_token("i-0abc", "-", 20));
	assert_true(text_is_token("abcde", NULL, 5));
	assert_false(text_is_token("abcdef", NULL, 5));
	assert_false(text_is_token("", "-", 5));
	assert_false(text_is_token(NULL, "-", 5));
	assert_false(text_is_token("a/b", "-._", 20));
	assert_false(text_is_token("a\x1b", "-._", 20));
	assert_false(text_is_token("a b", "-._", 20));
	assert_false(text_is_token("\xc3\xbc", "-._", 20));
}

static void test_label(void **state)
{
	(void)state;
	char label63[64], label64[65];

	memset(label63, 'a', 63);
	label63[63] = '\0';
	memset(label64, 'a', 64);
	label64[64] = '\0';

	static const char *const good[] = { "a", "0", "my-run_2", "x-" };
	static const char *const bad[] = { "", "-a", "_a", "A", "a b", "a.b", "\xc3\xbc", "a/" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(text_is_label(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(text_is_label(bad[i]));
	assert_true(text_is_label(label63));
	assert_false(text_is_label(label64));
	assert_false(text_is_label(NULL));
}

static void test_to_label(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "x" },
		{ "---", "x" },
		{ "My Laptop", "my-laptop" },
		{ "_root@host.example", "root-host-example" },
		{ "\xc3\xbc"
		  "ber",
		  "ber" },
		{ "caf\xc3\xa9", "caf-" },
		{ "already-a_label-", "already-a_label-" },
		{ "\x1b[0m", "0m" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char out[64];

		text_to_label(out, rows[i].text);
		assert_string_equal(out, rows[i].want);
		assert_true(text_is_label(out));
	}

	char longer[200], out[64];

	memset(longer, 'Q', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	text_to_label(out, longer);
	assert_int_equal(strlen(out), 63);
	assert_true(text_is_label(out));
}

static void test_compare(void **state)
{
	(void)state;
	assert_true(text_starts_with("us-east-1a", "us-east-1"));
	assert_true(text_starts_with("a", ""));
	assert_false(text_starts_with("us", "us-east-1"));
	assert_true(text_equal(NULL, NULL));
	assert_true(text_equal("a", "a"));
	assert_false(text_equal("a", NULL));
	assert_false(text_equal(NULL, ""));
	assert_false(text_equal("a", "A"));
}

static void test_distance(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		size_t want;
	} rows[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "launch", "launch", 0 },
		{ "lanuch", "launch", 1 },
		{ "lunch", "launch", 1 },
		{ "launchh", "launch", 1 },
		{ "kitten", "sitting", 3 },
		{ "price", "history", 7 },
		{ "ca", "abc", 3 },
		{ "us-eats-1", "us-east-1", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(text_distance(rows[i].a, rows[i].b), rows[i].want);
		assert_int_equal(text_distance(rows[i].b, rows[i].a), rows[i].want);
	}

	char long_a[TEXT_DISTANCE_MAX + 1], long_b[TEXT_DISTANCE_MAX + 2];

	memset(long_a, 'a', sizeof(long_a) - 1);
	long_a[sizeof(long_a) - 1] = '\0';
	memset(long_b, 'a', sizeof(long_b) - 1);
	long_b[sizeof(long_b) - 1] = '\0';
	assert_int_equal(text_distance(long_a, long_a), 0);
	assert_int_equal(text_distance(long_a, "b"), TEXT_DISTANCE_MAX);
	assert_int_equal(text_distance(long_b, long_b), TEXT_DISTANCE_MAX);
}

static void test_glob(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *text;
		bool want;
	} rows[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "*", "anything", true },
		{ "g5.*", "g5.xlarge", true },
		{ "g5.*", "g5", false },
		{ "g5.*", "g5.", true },
		{ "g5.*", "g5g.xlarge", false },
		{ "*.xlarge", "p3.2xlarge", false },
		{ "*xlarge", "p3.2xlarge", true },
		{ "p*.*xlarge", "p3.16xlarge", true },
		{ "a*b*c", "abbc", true },
		{ "a*b*c", "abb", false },
		{ "**a", "ba", true },
		{ "a?c", "abc", false },
		{ "[a]", "a", false },
		{ "*a", "*a*a", true },
		{ "G5.*", "g5.xlarge", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (text_glob(rows[i].pattern, rows[i].text) != rows[i].want)
			fail_msg("'%s' against '%s'", rows[i].pattern, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_any_bytes),
		cmocka_unit_test(test_utf8_split_anywhere),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_to_label),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_glob),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
