/* SPDX-License-Identifier: Apache-2.0 */
/* The small parts of core: error, buf, arena, money, time, randomness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/rng.h"
#include "core/timefmt.h"

static void test_error_is_one_line(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(error_set(&err, ERROR_REMOTE, "a\nb\tc"), -1);
	assert_string_equal(err.message, "a b c");
	error_hint(&err, "do %d", 1);
	error_prefix(&err, "while %s", "testing");
	assert_string_equal(err.message, "while testing: a b c");
	assert_string_equal(err.hint, "do 1");
	assert_int_equal(err.kind, ERROR_REMOTE);
	for (int i = 0; i < 50; i++) /* never longer than its room */
		error_prefix(&err, "0123456789012345678901234567890123456789");
	assert_true(strlen(err.message) < sizeof(err.message));
	for (int k = 0; k < ERROR_KIND_COUNT; k++)
		assert_true(strlen(error_kind_name((enum error_kind)k)) > 0);
	error_clear(&err);
	assert_int_equal(err.kind, ERROR_NONE);
	assert_string_equal(err.message, "");
}

static void test_buf_holds_its_ceiling(void **state)
{
	struct buf buf = BUF_INIT_MAX(10);

	(void)state;
	assert_string_equal(buf.data, "");
	assert_int_equal(buf_addstr(&buf, "12345"), 0);
	assert_int_equal(buf_addf(&buf, "%d", 67890), 0);
	assert_string_equal(buf.data, "1234567890");
	assert_int_equal(buf_addch(&buf, 'x'), -1);
	assert_true(buf.overflow);
	assert_int_equal(buf.len, 10);
	assert_int_equal(buf_add(&buf, "", 0), -1); /* stays failed until it is cleared */
	buf_clear(&buf);
	assert_int_equal(buf_addstr(&buf, "again"), 0);
	buf_wipe(&buf);
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf_add(&buf, "a\0b", 3), 0);
	assert_int_equal(buf.len, 3);
	buf_release(&buf);
	buf_release(&buf);
}

static void test_arena(void **state)
{
	struct arena arena = { 0 };
	int *v = NULL;
	size_t nr = 0, cap = 0;

	(void)state;
	for (; nr < 1000; nr++) {
		v = arena_grow(&arena, v, nr, &cap, sizeof(*v));
		v[nr] = (int)nr;
	}
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(v[i], i);
	char *big = arena_alloc(&arena, 1 << 20);
	assert_int_equal(big[(1 << 20) - 1], 0);
	assert_string_equal(arena_printf(&arena, "%s-%d", "x", 7), "x-7");
	assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
	assert_null(arena_strdup(&arena, NULL));
	arena_release(&arena);
	arena_release(&arena);
}

static void test_money_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t micros; /* -1: refused */
	} cases[] = {
		{ "7.21", 7210000 },
		{ "0.0374000", 37400 },
		{ "12", 12000000 },
		{ "0", 0 },
		{ "0.000001", 1 },
		{ "0.0000005", 1 },
		{ "0.0000004", 0 },
		{ "0.5260000000", 526000 },
		{ "1000000000", MONEY_MAX },
		{ "1000000000.0000001", MONEY_MAX },
		{ "1000000000.1", -1 },
		{ "1000000001", -1 },
		{ "99999999999999999999", -1 },
		{ "", -1 },
		{ "-1", -1 },
		{ "+1", -1 },
		{ ".5", -1 },
		{ "5.", -1 },
		{ "1e9", -1 },
		{ "abc", -1 },
		{ "nan", -1 },
		{ "inf", -1 },
		{ "0x10", -1 },
		{ " 1", -1 },
		{ "1 ", -1 },
		{ "1,5", -1 },
		{ "1.2.3", -1 },
		{ "0.000000000000000000000001", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		int64_t micros = -7;
		int rc = money_parse(cases[i].text, "price", &micros, &err);

		if (cases[i].micros < 0) {
			assert_int_equal(rc, -1);
			assert_int_equal(micros, -7);
			assert_int_equal(err.kind, ERROR_USAGE);
			assert_non_null(strstr(err.message, "price"));
		} else {
			assert_int_equal(rc, 0);
			assert_int_equal(micros, cases[i].micros);
		}
	}
}

static void test_money_text_and_sums(void **state)
{
	char text[MONEY_TEXT_MAX];

	(void)state;
	assert_string_equal(money_format(text, 900000, 4), "0.9000");
	assert_string_equal(money_format(text, 7344000, 0), "7.344");
	assert_string_equal(money_format(text, 7000000, 0), "7");
	assert_string_equal(money_format(text, 1, 2), "0.000001");
	assert_string_equal(money_format(text, -1500000, 2), "-1.50");
	assert_string_equal(money_format(text, INT64_MIN, 2), "-9223372036854.775808");
	assert_int_equal(money_round_up(459001, 100), 459100);
	assert_int_equal(money_round_up(459000, 100), 459000);
	assert_int_equal(money_for_time(900000, 3600), 900000);
	assert_int_equal(money_for_time(900000, 1800), 450000);
	assert_int_equal(money_for_time(1, 1799), 0);
	assert_int_equal(money_for_time(1, 1800), 1);
	assert_int_equal(money_for_time(3059999, 61), 51850); /* 51,849.98 */
	assert_int_equal(money_for_time(MONEY_MAX, 10), INT64_C(2777777777778));
	/* A price and an age that only a hostile reply has: the most we can say, and no overflow. */
	assert_int_equal(money_for_time(MONEY_MAX, INT64_C(315360000)), MONEY_MAX);
	assert_int_equal(money_for_time(MONEY_MAX, INT64_MAX), MONEY_MAX);
	assert_int_equal(money_for_time(MONEY_MAX, 3600), MONEY_MAX);
	assert_int_equal(money_for_time(MONEY_MAX, 3599), INT64_C(999722222222222));
	assert_int_equal(money_for_time(INT64_C(40000000), INT64_C(315360000)),
			 INT64_C(3504000000000));
}

static void test_time_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* INT64_MIN: refused */
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2020-03-20", INT64_C(1584662400000) },
		{ "2020-03-04T16:38:15.000Z", INT64_C(1583339895000) },
		{ "2006-01-02T15:04:05.999999999Z", INT64_C(1136214245999) },
		{ "2020-02-29T00:00:00+01:00", INT64_C(1582930800000) },
		{ "2000-02-29", INT64_C(951782400000) },
		{ "9999-12-31T23:59:59Z", INT64_C(253402300799000) },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228799000) },
		{ "2100-02-29", INT64_MIN },
		{ "2021-02-29", INT64_MIN },
		{ "2020-13-01", INT64_MIN },
		{ "2020-00-01", INT64_MIN },
		{ "1969-12-31", INT64_MIN },
		{ "2020-03-20T24:00:00Z", INT64_MIN },
		{ "2020-03-20T12:00:00", INT64_MIN },
		{ "2020-03-20T12:00:00.Z", INT64_MIN },
		{ "2020-03-20T12:00:00.0123456789Z", INT64_MIN },
		{ "2020-03-20T12:00:00Zx", INT64_MIN },
		{ "2020-3-20", INT64_MIN },
		{ "", INT64_MIN },
		{ "tomorrow", INT64_MIN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		int64_t ms = -7;
		int rc = time_parse_ms(cases[i].text, "--since", &ms, &err);

		assert_int_equal(rc, cases[i].ms == INT64_MIN ? -1 : 0);
		if (rc == 0)
			assert_int_equal(ms, cases[i].ms);
		else
			assert_non_null(strstr(err.message, "--since"));
	}
}

static void test_time_text(void **state)
{
	char text[TIME_TEXT_MAX];

	(void)state;
	assert_string_equal(time_format(text, 1583339895), "2020-03-04T16:38:15Z");
	assert_string_equal(time_format_basic(text, 1440938160), "20150830T123600Z");
	assert_string_equal(time_format_date(text, 1583339895), "2020-03-04");
	assert_string_equal(duration_format(text, 59), "59 s");
	assert_string_equal(duration_format(text, 3600), "1 h");
	assert_string_equal(duration_format(text, 12000), "3 h 20 min");
	assert_string_equal(duration_format(text, 90000), "1 d 1 h");
	assert_int_equal(time_parse_http("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
	assert_int_equal(time_parse_http("Sun, 06 Nov 1994 08:49:37 UTC"), -1);
	assert_int_equal(time_parse_http("Sunday, 06-Nov-94 08:49:37 GMT"), -1);
	assert_int_equal(time_parse_http(""), -1);
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t s; /* 0: refused */
	} cases[] = {
		{ "90d", 7776000 }, { "12h", 43200 },
		{ "1h30m", 5400 },  { "45s", 45 },
		{ "2w", 1209600 },  { "1y", 31536000 },
		{ "90", 0 },	    { "", 0 },
		{ "0h", 0 },	    { "-1h", 0 },
		{ "1h1h", 0 },	    { "30m1h", 0 },
		{ "1.5h", 0 },	    { "101y", 0 },
		{ "h", 0 },	    { "9999999999999999999s", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		int64_t s = -7;

		assert_int_equal(duration_parse(cases[i].text, "--since", &s, &err),
				 cases[i].s ? 0 : -1);
		if (cases[i].s)
			assert_int_equal(s, cases[i].s);
	}
	struct error err = ERROR_INIT;
	int64_t s;
	assert_int_equal(time_parse_ago("1h", "--since", 10000, &s, &err), 0);
	assert_int_equal(s, 6400);
	/* Longer ago than time itself: all there is. */
	assert_int_equal(time_parse_ago("1y", "--since", 10000, &s, &err), 0);
	assert_int_equal(s, 0);
	assert_int_equal(time_parse_ago("now", "--since", 10000, &s, &err), 0);
	assert_int_equal(s, 10000);
	assert_int_equal(time_parse_ago("soon", "--since", 10000, &s, &err), -1);
}

static void test_rng(void **state)
{
	struct rng_seeded a, b;
	struct rng one = rng_seeded(&a, 42), two = rng_seeded(&b, 42);
	char x[27], y[27];

	(void)state;
	rng_token(&one, x, 26);
	rng_token(&two, y, 26);
	assert_string_equal(x, y);
	assert_int_equal(strspn(x, "abcdefghijklmnopqrstuvwxyz234567"), 26);
	rng_token(&rng_system, y, 26);
	assert_string_not_equal(x, y);
	for (int i = 0; i < 1000; i++) {
		double u = rng_unit(&one);

		assert_true(u >= 0 && u < 1);
		assert_true(rng_below(&one, 7) < 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_is_one_line),
		cmocka_unit_test(test_buf_holds_its_ceiling),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_money_parse),
		cmocka_unit_test(test_money_text_and_sums),
		cmocka_unit_test(test_time_parse),
		cmocka_unit_test(test_time_text),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_rng),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
