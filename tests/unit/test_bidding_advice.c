/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody about to bid is told, and which line is recommended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bidding/advice.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

#define USD(x) ((int64_t)((x)*1e6 + 0.5))
#define H      INT64_C(3600)
#define DAY    (24 * H)
#define NOW    INT64_C(1584662400) /* 2020-03-20 */
#define SINCE  (NOW - 90 * DAY)

#define SERIES(name, points)                                            \
	{                                                               \
		.zone = (name), .v = (points), .nr = ARRAY_SIZE(points) \
	}

/* on demand is $1 */
static const struct price_point calm[] = { { SINCE, USD(0.3) } };
static const struct price_point pinned[] = { { SINCE, USD(1) } };
static const struct price_point spiky[] = { { SINCE, USD(0.3) },
					    { NOW - 10 * DAY, USD(10) },
					    { NOW - DAY, USD(0.3) } };
static const struct price_point dear[] = { { SINCE, USD(0.3) }, { NOW - H, USD(0.6) } };
static const struct price_point young[] = { { NOW - 3 * DAY, USD(0.3) } };
static const struct price_point holed[] = { { SINCE, USD(0.3) },
					    { SINCE + DAY, PRICE_GAP },
					    { SINCE + 3 * DAY, USD(0.3) } };

/* in the days of the auction */
#define THEN (ADVICE_AUCTION_END - 60 * DAY)
static const struct price_point stuck[] = { { THEN, USD(0.3) },
					    { ADVICE_AUCTION_END - 6 * DAY, USD(10) },
					    { ADVICE_AUCTION_END - DAY, USD(10.01) },
					    { ADVICE_AUCTION_END, USD(10) },
					    { ADVICE_AUCTION_END + DAY, USD(0.3) } };
static const struct price_point last_day[] = { { ADVICE_AUCTION_END - 1, USD(0.3) } };
static const struct price_point first_day[] = { { THEN, PRICE_GAP },
						{ ADVICE_AUCTION_END, USD(0.3) } };

static const struct price_series all[] = {
	SERIES("calm", calm),	SERIES("pinned", pinned), SERIES("spiky", spiky),
	SERIES("dear", dear),	SERIES("young", young),	  SERIES("holed", holed),
	SERIES("stuck", stuck), SERIES("last", last_day), SERIES("first", first_day),
};
enum {
	CALM = 1,
	PINNED = 2,
	SPIKY = 4,
	DEAR = 8,
	YOUNG = 16,
	HOLED = 32,
	STUCK = 64,
	LAST = 128,
	FIRST = 256,
};

/* The notes, as "code zone" with '!' before warnings, in their order, one a line. */
static void summary(const struct advice *advice, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < advice->nr; i++) {
		size_t n = strlen(out);

		snprintf(out + n, size - n, "%s%s%s%s\n", advice->v[i].warning ? "!" : "",
			 advice_code_name(advice->v[i].code), advice->v[i].zone[0] ? " " : "",
			 advice->v[i].zone);
	}
}

static void test_notes(void **state)
{
	static const struct {
		unsigned zones;
		int64_t since, on_demand, bid;
		const char *want;
	} cases[] = {
		{ CALM, SINCE, USD(1), USD(0.51), "capacity\n" },
		{ CALM, SINCE, USD(1), 0, "capacity\n" },
		{ CALM, SINCE, USD(1), USD(0.9999), "capacity\n" },
		{ CALM, SINCE, USD(1), USD(1), "!bid-at-on-demand\ncapacity\n" },
		{ CALM, SINCE, USD(1), USD(2), "!bid-at-on-demand\ncapacity\n" },
		{ CALM, SINCE, USD(1), USD(2.0001),
		  "!bid-at-on-demand\n!bid-far-above\ncapacity\n" },
		{ CALM, SINCE, MONEY_UNKNOWN, USD(2), "!no-on-demand\ncapacity\n" },
		{ CALM, SINCE, USD(1), USD(0.3), "capacity\n" }, /* equal is enough */
		{ CALM, SINCE, USD(1), USD(0.2), "!bid-below-price\ncapacity\n" },
		{ CALM | DEAR, SINCE, USD(1), USD(0.51), "!bid-below-price dear\ncapacity\n" },
		{ CALM | DEAR, SINCE, USD(1), USD(0.2), "!bid-below-price\ncapacity\n" },
		{ PINNED, SINCE, USD(1), 0, "!pinned pinned\ncapacity\n" },
		/* ten times on demand, but long after the auction */
		{ SPIKY, SINCE, USD(1), 0, "!spot-above-on-demand spiky\ncapacity\n" },
		{ STUCK, THEN, USD(1), 0,
		  "!spot-above-on-demand stuck\ncapacity\nauction\nten-times stuck\n" },
		/* more than ten times, less than that, and from when it was over */
		{ STUCK, THEN, USD(0.99), 0, "!spot-above-on-demand stuck\ncapacity\nauction\n" },
		{ STUCK, ADVICE_AUCTION_END - DAY, USD(1), 0,
		  "!spot-above-on-demand stuck\ncapacity\nauction\n" },
		{ STUCK, ADVICE_AUCTION_END, USD(1), 0, "!spot-above-on-demand stuck\ncapacity\n" },
		{ SPIKY, SINCE, USD(1.01), 0, "!spot-above-on-demand spiky\ncapacity\n" },
		{ YOUNG, SINCE, USD(1), 0, "!short-history\ncapacity\ngaps young\n" },
		{ YOUNG | CALM, SINCE, USD(1), 0, "!short-history young\ncapacity\ngaps young\n" },
		{ HOLED, SINCE, USD(1), 0, "capacity\ngaps holed\n" },
		{ YOUNG | HOLED, SINCE, USD(1), 0, "!short-history young\ncapacity\ngaps\n" },
		{ CALM, NOW - 7 * DAY, USD(1), 0, "!short-history\ncapacity\n" },
		/* what is known counts, not what was asked for */
		{ CALM, ADVICE_AUCTION_END - 1, USD(1), 0, "capacity\ngaps calm\n" },
		{ LAST, THEN, USD(1), 0, "capacity\nauction\ngaps last\n" },
		{ FIRST, THEN, USD(1), 0, "capacity\ngaps first\n" },
		{ LAST, ADVICE_AUCTION_END, USD(1), 0, "capacity\n" },
		{ 0, SINCE, USD(1), 0, "!short-history\ncapacity\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct price_series series[ARRAY_SIZE(all)];
		struct advice_market market = { .series = series,
						.since = cases[i].since,
						.until = NOW,
						.on_demand = cases[i].on_demand,
						.bid = cases[i].bid };
		struct arena arena = { 0 };
		struct advice advice;
		struct error err = ERROR_INIT;
		char got[512];

		for (size_t z = 0; z < ARRAY_SIZE(all); z++)
			if (cases[i].zones & 1u << z)
				series[market.nr++] = all[z];
		assert_int_equal(advice_make(&market, &arena, &advice, &err), 0);
		summary(&advice, got, sizeof(got));
		assert_string_equal(got, cases[i].want);
		arena_release(&arena);
	}
}

static const char *text_of(const struct advice *advice, enum advice_code code)
{
	for (size_t i = 0; i < advice->nr; i++)
		if (advice->v[i].code == code)
			return advice->v[i].text;
	fail_msg("no note of that kind");
	return "";
}

static void test_words(void **state)
{
	struct advice_market market = { .series = all,
					.nr = 6, /* today's */
					.since = SINCE,
					.until = NOW,
					.on_demand = USD(1),
					.bid = USD(2.5) };
	struct arena arena = { 0 };
	struct advice advice;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(advice_make(&market, &arena, &advice, &err), 0);
	/* nine of ninety days at $10 */
	assert_string_equal(text_of(&advice, ADVICE_SPOT_ABOVE_ON_DEMAND),
			    "in spiky the price was above on demand for 10.0 % of the time, and up "
			    "to $10.0000, 10.0 times on demand");
	assert_non_null(strstr(text_of(&advice, ADVICE_PINNED), "100.0 %"));
	assert_non_null(strstr(text_of(&advice, ADVICE_BID_AT_ON_DEMAND), "250 %"));
	assert_non_null(strstr(text_of(&advice, ADVICE_BID_FAR_ABOVE), "2.5 times"));
	for (size_t i = 0; i < advice.nr; i++) { /* one sentence each, without its full stop */
		size_t len = strlen(advice.v[i].text);

		assert_true(len > 20 && len < 250);
		assert_true(advice.v[i].text[len - 1] != '.');
		assert_null(strchr(advice.v[i].text, '\n'));
		assert_true(!advice.v[i].zone[0] ||
			    strstr(advice.v[i].text, advice.v[i].zone) != NULL);
	}
	/* five of sixty days at exactly ten times */
	market.series = &all[6];
	market.nr = 1;
	market.since = THEN;
	assert_int_equal(advice_make(&market, &arena, &advice, &err), 0);
	assert_non_null(strstr(text_of(&advice, ADVICE_TEN_TIMES), " 8.3 %"));
	arena_release(&arena);
}

/* A price hardly above on demand is not "1.0 times" of it. */
static void test_a_ratio_of_one_is_left_out(void **state)
{
	static const struct {
		int64_t on_demand;
		const char *end;
	} cases[] = {
		{ USD(9.9999), "up to $10.0000" },
		{ USD(9.53), "up to $10.0000" },
		{ USD(9.52), "up to $10.0000, 1.1 times on demand" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct advice_market market = { .series = &all[2],
						.nr = 1,
						.since = SINCE,
						.until = NOW,
						.on_demand = cases[i].on_demand };
		struct arena arena = { 0 };
		struct advice advice;
		struct error err = ERROR_INIT;

		assert_int_equal(advice_make(&market, &arena, &advice, &err), 0);
		const char *text = text_of(&advice, ADVICE_SPOT_ABOVE_ON_DEMAND);
		assert_string_equal(text + strlen(text) - strlen(cases[i].end), cases[i].end);
		arena_release(&arena);
	}
}

static void test_refuses(void **state)
{
	static const struct price_point unsorted[] = { { NOW - 1, 1 }, { NOW - 2, 2 } };
	const struct price_series bad[] = { SERIES("u", unsorted) };
	const struct advice_market markets[] = {
		{ .series = bad, .nr = 1, .since = SINCE, .until = NOW, .on_demand = 1 },
		{ .series = all, .nr = 1, .since = NOW, .until = NOW, .on_demand = 1 },
		{ .series = all, .nr = 1, .since = SINCE, .until = NOW, .bid = -1 },
		{ .series = all, .nr = 1, .since = SINCE, .until = NOW, .on_demand = INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(markets); i++) {
		struct arena arena = { 0 };
		struct advice advice = { .nr = 42 };
		struct error err = ERROR_INIT;

		assert_int_equal(advice_make(&markets[i], &arena, &advice, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_int_equal(advice.nr, 42);
		arena_release(&arena);
	}
}

static void test_every_code_has_its_name(void **state)
{
	(void)state;
	for (int a = 0; a < ADVICE_NR; a++)
		for (int b = 0; b < a; b++)
			assert_string_not_equal(advice_code_name((enum advice_code)a),
						advice_code_name((enum advice_code)b));
	for (int a = ADVICE_BEST; a <= ADVICE_WONT_START; a++)
		for (int b = ADVICE_BEST; b < a; b++)
			assert_string_not_equal(advice_verdict_text((enum advice_verdict)a),
						advice_verdict_text((enum advice_verdict)b));
}

/* --- the recommended line --------------------------------------------------------------------- */

static const struct walk walk = { .job = { .work_s = DAY }, .on_demand = USD(1), .step_s = 1 };

/* 100 starts of which so many were in time. */
static struct advice_option option(const char *zone, double bid, double cost, size_t in_time)
{
	return (struct advice_option){
		.zone = zone,
		.bid = USD(bid),
		.now = zone ? USD(0.3) : MONEY_UNKNOWN,
		.result = { .starts = 100,
			    .finished = in_time,
			    .in_time = in_time,
			    .mean_cost = cost,
			    .p95_cost = cost * 1.2,
			    .mean_makespan_s = 26 * 3600,
			    .p95_makespan_s = 30 * 3600 },
	};
}

static struct arena scratch;

static struct advice_choice choose(const struct advice_option *v, size_t nr)
{
	struct advice_choice choice;

	arena_release(&scratch);
	advice_choose(&walk, v, nr, NULL, &scratch, &choice);
	return choice;
}

static void test_least_cost_that_is_in_time(void **state)
{
	struct advice_option v[] = {
		option("a", 0.51, 6, 89), option("a", 0.76, 8, 90),  option("b", 0.51, 9, 100),
		option(NULL, 0, 24, 100), option("c", 0.25, 5, 100), option("d", 0.51, 4, 100),
	};

	(void)state;
	v[4].now = USD(0.26); /* a tick above its bid */
	v[5].result.unknown = 91;
	v[5].result.in_time = v[5].result.finished = 9;
	struct advice_choice got = choose(v, ARRAY_SIZE(v));
	assert_int_equal(got.best, 1);
	assert_int_equal(got.verdicts[0], ADVICE_TOO_LATE);
	assert_int_equal(got.verdicts[1], ADVICE_BEST);
	assert_int_equal(got.verdicts[2], ADVICE_DEARER);
	assert_int_equal(got.verdicts[3], ADVICE_DEARER);
	assert_int_equal(got.verdicts[4], ADVICE_WONT_START);
	assert_int_equal(got.verdicts[5], ADVICE_UNPROVEN);
	assert_string_equal(got.text, "bid $0.7600 in a");
	assert_int_equal(got.nr_reasons, 5);
	assert_string_equal(got.reasons[0],
			    "over 90 past starts the job would have cost $8.0000 on average, 33 % "
			    "of the $24.0000 on demand");
	assert_string_equal(got.reasons[3],
			    "next best outside that zone: bid $0.5100 in b, $9.0000");
	assert_string_equal(got.reasons[4], "bid $0.5100 in a was cheaper, $6.0000, but too few "
					    "jobs were done in time");
	v[4].now = USD(0.25); /* equal: it starts */
	v[5].result.unknown = 0;
	v[5].result.starts = 11; /* enough, but 9 in time are too few */
	got = choose(v, ARRAY_SIZE(v));
	assert_int_equal(got.best, 4);
	assert_int_equal(got.verdicts[5], ADVICE_TOO_LATE);
	v[4].now = MONEY_UNKNOWN;
	assert_int_equal(choose(v, ARRAY_SIZE(v)).verdicts[4], ADVICE_WONT_START);
}

static bool has_reason(const struct advice_choice *choice, const char *text)
{
	for (size_t i = 0; i < choice->nr_reasons; i++)
		if (strstr(choice->reasons[i], text))
			return true;
	return false;
}

static void test_more_for_the_same(void **state)
{
	struct advice_option v[] = { option("a", 0.51, 6, 100), option("a", 0.76, 6, 100),
				     option("a", 1.01, 6, 100), option("b", 0.51, 7, 100) };
	struct advice_choice got = choose(v, ARRAY_SIZE(v));

	(void)state;
	assert_int_equal(got.best, 0);
	assert_true(has_reason(&got, "a higher bid there would have changed nothing"));
	assert_true(has_reason(&got, "next best outside that zone: bid $0.5100 in b, $7.0000"));
	v[2].result.uninterrupted = 1;
	got = choose(v, ARRAY_SIZE(v));
	assert_false(has_reason(&got, "changed nothing"));
	got = choose(v + 2, 2);
	assert_false(has_reason(&got, "changed nothing"));
}

static void test_on_demand_may_be_the_advice(void **state)
{
	struct advice_option v[] = { option("a", 1.01, 24, 100), option(NULL, 0, 24, 100),
				     option("b", 0.51, 6, 50) };
	struct advice_choice got = choose(v, ARRAY_SIZE(v));

	(void)state;
	/* same cost: nothing interrupts it */
	v[0].result.interruptions = 0.1;
	assert_int_equal(got.best, 1);
	assert_string_equal(got.text, "on demand");
	assert_non_null(strstr(got.reasons[got.nr_reasons - 1], "bid $0.5100 in b was cheaper"));
	/* no start was judged at all: on demand needs none */
	v[1].result = (struct walk_result){ .mean_cost = 24, .starts = 1, .in_time = 1 };
	assert_int_equal(choose(v + 1, 1).best, 0);
	/* the job is longer than the limit: nothing helps */
	v[1].result.in_time = 0;
	got = choose(v + 1, 2);
	assert_true(got.best == SIZE_MAX);
	assert_int_equal(got.nr_reasons, 0);
	assert_true(got.text[0] != '\0');
	assert_true(choose(NULL, 0).best == SIZE_MAX);
}

static void test_next_best_is_no_sibling(void **state)
{
	struct advice_option v[] = { option("a", 0.51, 6, 100), option("a", 0.76, 6.5, 100),
				     option(NULL, 0, 24, 100) };
	struct advice_choice got = choose(v, ARRAY_SIZE(v));

	(void)state;
	assert_true(has_reason(&got, "next best outside that zone: on demand, $24.0000"));
	v[2] = option(NULL, 0, 5, 100);
	got = choose(v, ARRAY_SIZE(v));
	assert_true(has_reason(&got, "next best: bid $0.5100 in a, $6.0000"));
}

static void test_little_money_is_not_none(void **state)
{
	struct advice_option v[] = { option("a", 0.51, 0.00024, 100) };
	struct advice_choice got = choose(v, 1);

	(void)state;
	assert_true(has_reason(&got, "would have cost $0.000240 on average"));
}

static void test_shares_are_not_rounded_up(void **state)
{
	static const struct {
		double share, want;
	} cases[] = {
		{ 0.8999, 89.9 }, { 0.9, 90.0 },	 { 27.0 / 30, 90.0 },
		{ 0.29, 29.0 },	  { 0.9999, 99.9 },	 { 1.0, 100.0 },
		{ 0, 0 },	  { 449.0 / 499, 89.9 }, { 0.575, 57.5 },
		{ 0.0009, 0.0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char got[16], want[16];

		snprintf(got, sizeof(got), "%.1f", advice_percent(cases[i].share));
		snprintf(want, sizeof(want), "%.1f", cases[i].want);
		assert_string_equal(got, want);
	}
}

/* Each pair is equal but for one thing; the second is to win, whichever comes first. */
static void test_ties(void **state)
{
	struct advice_option pairs[][2] = {
		{ option("a", 0.51, 6.00006, 100), option("b", 0.51, 6, 100) },
		{ option("a", 0.51, 6, 100), option("b", 0.51, 6, 100) },
		{ option("a", 0.51, 6, 100), option("b", 0.51, 6, 100) },
		{ option("a", 0.51, 6, 100), option("b", 0.51, 6, 100) },
		{ option("a", 0.51, 6, 100), option(NULL, 0, 6, 100) },
		{ option("a", 0.76, 6, 100), option("b", 0.51, 6, 100) },
		{ option("b", 0.51, 6, 100), option("a", 0.51, 6, 100) },
		{ option("b", 0.51, 6, 100), option("a", 0.51, 6.00002, 100) },
	};

	(void)state;
	pairs[1][0].result.interruptions = 0.01;
	pairs[2][0].result.p95_cost += 0.001;
	pairs[3][0].result.p95_makespan_s += 1;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct advice_option turned[] = { pairs[i][1], pairs[i][0] };

		assert_int_equal(choose(pairs[i], 2).best, 1);
		assert_int_equal(choose(turned, 2).best, 0);
	}
	arena_release(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_a_ratio_of_one_is_left_out),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_every_code_has_its_name),
		cmocka_unit_test(test_least_cost_that_is_in_time),
		cmocka_unit_test(test_more_for_the_same),
		cmocka_unit_test(test_on_demand_may_be_the_advice),
		cmocka_unit_test(test_next_best_is_no_sibling),
		cmocka_unit_test(test_little_money_is_not_none),
		cmocka_unit_test(test_shares_are_not_rounded_up),
		cmocka_unit_test(test_ties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
