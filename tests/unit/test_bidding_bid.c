/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bidding/bid.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/rng.h"

#define USD(x)	 ((int64_t)((x)*1000000 + 0.5))
#define DAY	 INT64_C(86400)
#define ZONES	 8
#define POINTS	 40
#define ROUNDS	 500
#define MILLIONS INT64_C(1000000)

#define assert_near(a, b, epsilon) assert_true(fabs((a) - (b)) <= (epsilon))

/* --- what a person types -------------------------------------------------------------------- */

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		bool percent;
		int64_t value;
	} cases[] = {
		{ "51%", true, 51 * MILLIONS },
		{ "50.5%", true, 50500000 },
		{ "0.000001%", true, 1 },
		{ "0.0000005%", true, 1 }, /* half a millionth rounds up */
		{ "1000%", true, 1000 * MILLIONS },
		{ "1000.000%", true, 1000 * MILLIONS },
		{ "007%", true, 7 * MILLIONS },
		{ "7.21", false, 7210000 },
		{ "7", false, 7000000 },
		{ "0.0374000", false, 37400 },
		{ "0.000001", false, 1 },
		{ "10000", false, 10000 * MILLIONS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bid bid;
		struct error err = ERROR_INIT;

		assert_int_equal(bid_parse(cases[i].text, &bid, &err), 0);
		assert_int_equal(bid.percent, cases[i].percent);
		assert_int_equal(bid.value, cases[i].value);
	}
}

static void test_parse_refuses(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "0%", "bid '0%' must be above 0" },
		{ "0", "bid '0' must be above 0" },
		{ "0.0000001", "bid '0.0000001' must be above 0" },
		{ "0.0000004%", "bid '0.0000004%' must be above 0" },
		{ "-5%", "bid '-5%' must be above 0" },
		{ "-1", "bid '-1' must be above 0" },
		{ "1e9", "bid '1e9' is neither a share of on demand nor dollars an hour" },
		{ "abc", "bid 'abc' is neither a share of on demand nor dollars an hour" },
		{ "nan", "bid 'nan' is neither a share of on demand nor dollars an hour" },
		{ "inf", "bid 'inf' is neither a share of on demand nor dollars an hour" },
		{ "infinity%",
		  "bid 'infinity%' is neither a share of on demand nor dollars an hour" },
		{ "0x10", "bid '0x10' is neither a share of on demand nor dollars an hour" },
		{ "$7.21", "bid '$7.21' is neither a share of on demand nor dollars an hour" },
		{ "+51%", "bid '+51%' is neither a share of on demand nor dollars an hour" },
		{ "51%%", "bid '51%%' is neither a share of on demand nor dollars an hour" },
		{ "5%1", "bid '5%1' is neither a share of on demand nor dollars an hour" },
		{ "7.", "bid '7.' is neither a share of on demand nor dollars an hour" },
		{ ".5", "bid '.5' is neither a share of on demand nor dollars an hour" },
		{ ".", "bid '.' is neither a share of on demand nor dollars an hour" },
		{ "7.2.1", "bid '7.2.1' is neither a share of on demand nor dollars an hour" },
		{ "7.0000000x1",
		  "bid '7.0000000x1' is neither a share of on demand nor dollars an hour" },
		{ "", "bid '' is empty" },
		{ "%", "bid '%' has no number before the %" },
		{ " 51%", "bid ' 51%' has a blank in it" },
		{ "51 %", "bid '51 %' has a blank in it" },
		{ "51% ", "bid '51% ' has a blank in it" },
		{ "5,1%", "bid '5,1%' has a comma in it: write a point" },
		{ "1,000", "bid '1,000' has a comma in it: write a point" },
		{ "1001%", "bid '1001%' is above 1000% of on demand" },
		{ "1000.000001%", "bid '1000.000001%' is above 1000% of on demand" },
		{ "10000.000001", "bid '10000.000001' is above 10000 dollars an hour" },
		{ "9223372036854775808",
		  "bid '9223372036854775808' is above 10000 dollars an hour" },
		{ "99999999999999999999999999999999999999999999999999%",
		  "bid '99999999999999999999999999999999...' is above 1000% of on demand" },
		{ "99999999999999999999999999999999999999999999999999.5",
		  "bid '99999999999999999999999999999999...' is above 10000 dollars an hour" },
		{ "\x1b[31m5%",
		  "bid '?[31m5%' is neither a share of on demand nor dollars an hour" },
		{ "5\xc2\xa0%", "bid '5??%' is neither a share of on demand nor dollars an hour" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bid bid = { .value = 42 };
		struct error err = ERROR_INIT;

		assert_int_equal(bid_parse(cases[i].text, &bid, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_string_equal(err.message, cases[i].message);
		assert_non_null(strstr(err.hint, "51%"));
		assert_int_equal(bid.value, 42);
	}
}

static void test_resolve(void **state)
{
	static const struct {
		const char *text;
		int64_t on_demand, want;
	} cases[] = {
		{ "51%", USD(14.40), 7344000 }, /* exactly 7.344 */
		{ "76%", USD(14.40), 10944000 },
		{ "101%", USD(14.40), 14544000 },
		{ "51%", USD(0.65), 331500 },
		{ "101%", USD(0.65), 656500 },
		{ "101%", USD(0.526), 531300 }, /* 0.53126 is rounded up, never down */
		{ "51%", USD(0.9), 459000 },
		{ "0.000001%", USD(0.526), 100 }, /* never below one step */
		{ "100%", 1, 100 },
		{ "7.21", USD(14.40), 7210000 },
		{ "7.21", MONEY_UNKNOWN, 7210000 }, /* dollars need no on-demand price */
		{ "0.00001", USD(1), 100 },
		{ "7.21001", USD(1), 7210100 },
		{ "1000%", MONEY_MAX / 10, MONEY_MAX },
		{ "33.333333%", USD(55.04), 18346700 }, /* 18.34666648 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bid bid;
		struct error err = ERROR_INIT;
		int64_t got;

		assert_int_equal(bid_parse(cases[i].text, &bid, &err), 0);
		assert_int_equal(bid_resolve(&bid, cases[i].on_demand, &got, &err), 0);
		assert_int_equal(got, cases[i].want);
	}
}

static void test_resolve_refuses(void **state)
{
	static const struct {
		struct bid bid;
		int64_t on_demand;
		enum error_kind kind;
	} cases[] = {
		{ { true, 51 * MILLIONS }, MONEY_UNKNOWN, ERROR_NOT_FOUND },
		{ { true, 51 * MILLIONS }, 0, ERROR_NOT_FOUND },
		{ { true, 51 * MILLIONS }, MONEY_MAX + 1, ERROR_USAGE },
		{ { true, 101 * MILLIONS }, MONEY_MAX, ERROR_USAGE },
		{ { true, 0 }, USD(1), ERROR_USAGE },
		{ { true, -1 }, USD(1), ERROR_USAGE },
		{ { true, 1001 * MILLIONS }, USD(1), ERROR_USAGE },
		{ { false, INT64_MAX }, USD(1), ERROR_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		int64_t got = 42;

		assert_int_equal(bid_resolve(&cases[i].bid, cases[i].on_demand, &got, &err), -1);
		assert_int_equal(err.kind, cases[i].kind);
		assert_int_equal(err.hint[0] != '\0', cases[i].kind == ERROR_NOT_FOUND);
		assert_int_equal(got, 42);
	}
}

/* The cap is the least multiple of $0.0001 that is not below the share. */
static void test_resolve_rounds_up_and_no_more(void **state)
{
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 7);

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct bid bid = { true, 1 + (int64_t)rng_below(&rng, 1000 * MILLIONS) };
		int64_t on_demand = 1 + (int64_t)rng_below(&rng, USD(200));
		struct error err = ERROR_INIT;
		int64_t got;

		assert_int_equal(bid_resolve(&bid, on_demand, &got, &err), 0);
		long double share = (long double)on_demand * (long double)bid.value / 1e8L;
		assert_int_equal(got % BID_STEP, 0);
		assert_true((long double)got >= share);
		assert_true((long double)got < share + BID_STEP);
	}
}

/* --- zones ---------------------------------------------------------------------------------- */

static struct zone_score scores[ZONES];
static size_t ranks[ZONES];

static struct zone_choice choose(const struct price_series *series, size_t n, int64_t bid,
				 enum zone_order order)
{
	struct zone_choice choice = { .v = scores, .order = ranks };
	struct error err = ERROR_INIT;

	assert_int_equal(zone_choose(series, n, 0, 100 * DAY, bid, USD(1), order, &choice, &err),
			 0);
	assert_int_equal(choice.nr, n);
	return choice;
}

#define SERIES(name, points)                                            \
	{                                                               \
		.zone = (name), .v = (points), .nr = ARRAY_SIZE(points) \
	}

static const struct price_point calm[] = { { 0, USD(0.3) }, { DAY, USD(0.31) } };
static const struct price_point cheap[] = { { 0, USD(0.1) }, { 50 * DAY, USD(0.3) } };
static const struct price_point pinned[] = { { 0, USD(1) } };
static const struct price_point pinned_low[] = { { 0, USD(0.45) } };
static const struct price_point dear[] = { { 0, USD(0.2) }, { 90 * DAY, USD(0.6) } };
static const struct price_point rising[] = { { 0, USD(0.2) }, { 99 * DAY, USD(0.8) } };
static const struct price_point late[] = { { 100 * DAY, USD(0.1) } };
static const struct price_point spiky[] = { { 0, USD(0.2) },
					    { 93 * DAY, USD(10) },
					    { 99 * DAY, USD(0.2) } };

static void test_verdicts(void **state)
{
	static const struct price_series series[] = {
		SERIES("calm", calm),	  SERIES("pinned", pinned), SERIES("dear", dear),
		SERIES("rising", rising), SERIES("late", late),	    SERIES("spiky", spiky),
	};
	static const struct {
		int64_t bid;
		enum zone_verdict want[6];
	} cases[] = {
		{ USD(0.51),
		  { ZONE_OK, ZONE_AT_ON_DEMAND, ZONE_ABOVE_BID, ZONE_NOW_ABOVE_BID, ZONE_NO_HISTORY,
		    ZONE_AT_ON_DEMAND } },
		{ USD(0.6), /* equal to p95 and to the price now: it starts */
		  { ZONE_OK, ZONE_AT_ON_DEMAND, ZONE_OK, ZONE_NOW_ABOVE_BID, ZONE_NO_HISTORY,
		    ZONE_AT_ON_DEMAND } },
		{ USD(1.01), /* above on demand: a pinned zone is still no bargain */
		  { ZONE_OK, ZONE_AT_ON_DEMAND, ZONE_OK, ZONE_OK, ZONE_NO_HISTORY,
		    ZONE_AT_ON_DEMAND } },
		{ USD(0.05),
		  { ZONE_ABOVE_BID, ZONE_AT_ON_DEMAND, ZONE_ABOVE_BID, ZONE_ABOVE_BID,
		    ZONE_NO_HISTORY, ZONE_AT_ON_DEMAND } },
		{ 0, /* no cap */
		  { ZONE_OK, ZONE_AT_ON_DEMAND, ZONE_OK, ZONE_OK, ZONE_NO_HISTORY,
		    ZONE_AT_ON_DEMAND } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct zone_choice choice = choose(series, 6, cases[i].bid, ZONE_BY_STABILITY);
		size_t eligible = 0;

		for (size_t z = 0; z < 6; z++) {
			assert_int_equal(choice.v[z].verdict, cases[i].want[z]);
			assert_string_equal(choice.v[z].zone, series[z].zone);
			eligible += cases[i].want[z] == ZONE_OK;
		}
		assert_int_equal(choice.nr_eligible, eligible);
		assert_string_equal(choice.v[choice.raw_min_std].zone, "pinned");
	}
}

static void test_scores(void **state)
{
	static const struct price_series series[] = { SERIES("dear", dear) };
	struct zone_choice choice = choose(series, 1, USD(0.51), ZONE_BY_STABILITY);

	(void)state;
	assert_near(choice.v[0].stats.mean, 0.24, 1e-12);
	assert_near(choice.v[0].stats.std, 0.12, 1e-12);
	assert_near(choice.v[0].volatility, 0.12, 1e-12);
	assert_near(choice.v[0].under_bid.share_under, 0.9, 1e-12);
	assert_near(choice.v[0].under_rung[0], 0.9, 1e-12);
	assert_near(choice.v[0].under_rung[1], 1, 1e-12);
	assert_near(choice.v[0].under_rung[2], 1, 1e-12);
	assert_int_equal(choice.v[0].stats.until, 100 * DAY);
	choice = choose(series, 1, 0, ZONE_BY_STABILITY); /* no cap is never passed */
	assert_near(choice.v[0].under_bid.share_under, 1, 1e-12);
	assert_near(choice.v[0].under_bid.paid, 0.24, 1e-12);
}

static void test_orders_and_ties(void **state)
{
	static const struct price_series series[] = {
		SERIES("cheap", cheap),
		SERIES("calm-b", calm),
		SERIES("calm-a", calm),
		SERIES("flat", pinned_low),
	};
	static const struct {
		enum zone_order order;
		const char *want[4];
	} cases[] = {
		{ ZONE_BY_STABILITY, { "flat", "calm-a", "calm-b", "cheap" } },
		{ ZONE_BY_PRICE, { "cheap", "calm-a", "calm-b", "flat" } },
	};
	static const struct price_point low[] = { { 0, USD(0.2) } }, high[] = { { 0, USD(0.4) } };
	static const struct price_series flat[] = { SERIES("a", high), SERIES("b", low) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct zone_choice choice = choose(series, 4, USD(0.51), cases[i].order);

		assert_int_equal(choice.nr_eligible, 4);
		for (size_t z = 0; z < 4; z++)
			assert_string_equal(choice.v[choice.order[z]].zone, cases[i].want[z]);
	}
	struct zone_choice choice = choose(flat, 2, USD(0.51), ZONE_BY_STABILITY);
	assert_string_equal(choice.v[choice.order[0]].zone,
			    "b"); /* equally calm: the cheaper one */
	assert_string_equal(choice.v[choice.raw_min_std].zone, "b");
}

static void test_nothing_to_choose(void **state)
{
	static const struct price_series series[] = { SERIES("late", late), { .zone = "none" } };
	struct zone_choice choice = choose(series, 2, USD(0.51), ZONE_BY_PRICE);

	(void)state;
	assert_int_equal(choice.nr_eligible, 0);
	assert_true(choice.raw_min_std == SIZE_MAX);
	choice = choose(NULL, 0, USD(0.51), ZONE_BY_PRICE);
	assert_true(choice.raw_min_std == SIZE_MAX);
}

static void test_choose_refuses(void **state)
{
	static const struct price_point unsorted[] = { { 20, USD(0.1) }, { 10, USD(0.2) } };
	static const struct price_series good[] = { SERIES("calm", calm) };
	static const struct price_series bad[] = { SERIES("unsorted", unsorted) };
	const struct {
		const struct price_series *series;
		int64_t since, until, bid, on_demand;
	} cases[] = {
		{ good, 0, DAY, 1, 0 },		{ good, 0, DAY, 1, MONEY_UNKNOWN },
		{ good, 0, DAY, -1, 1 },	{ good, DAY, DAY, 1, 1 },
		{ good, DAY, 0, 1, 1 },		{ bad, 0, DAY, 1, 1 },
		{ good, 0, DAY, 1, MONEY_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct zone_choice choice = { .v = scores, .order = ranks, .nr = 42 };
		struct error err = ERROR_INIT;

		assert_int_equal(zone_choose(cases[i].series, 1, cases[i].since, cases[i].until,
					     cases[i].bid, cases[i].on_demand, ZONE_BY_PRICE,
					     &choice, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_int_equal(choice.nr, 42);
	}
}

static void test_every_verdict_has_its_words(void **state)
{
	(void)state;
	for (int a = ZONE_OK; a <= ZONE_NOW_ABOVE_BID; a++)
		for (int b = ZONE_OK; b < a; b++)
			assert_string_not_equal(zone_verdict_text((enum zone_verdict)a),
						zone_verdict_text((enum zone_verdict)b));
}

/* Whatever the market does, the rule keeps its promises. */
static void test_the_rule_holds(void **state)
{
	static const char *const names[ZONES] = { "h", "b", "g", "d", "e", "f", "c", "a" };
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 99);

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		static struct price_point v[ZONES][POINTS];
		struct price_series series[ZONES];
		int64_t bid = rng_below(&rng, 4) ? 1 + (int64_t)rng_below(&rng, USD(1.2)) : 0;
		enum zone_order order = rng_below(&rng, 2) ? ZONE_BY_PRICE : ZONE_BY_STABILITY;

		for (size_t z = 0; z < ZONES; z++) {
			size_t nr = (size_t)rng_below(&rng, POINTS);
			uint64_t span = rng_below(&rng, 3) ? 8 : 1; /* some zones never move */
			int64_t base = 1 + (int64_t)rng_below(&rng, 11);

			for (size_t i = 0; i < nr; i++)
				v[z][i] = (struct price_point){
					(int64_t)i * 3 * DAY,
					(base + (int64_t)rng_below(&rng, span)) * 100000,
				};
			series[z] = (struct price_series){ names[z], v[z], nr };
		}
		struct zone_choice choice = choose(series, ZONES, bid, order);
		for (size_t i = 0; i < choice.nr_eligible; i++) {
			const struct zone_score *score = &choice.v[choice.order[i]];

			assert_true(score->stats.p95 < USD(1));
			assert_true(!bid || score->stats.p95 <= bid);
			assert_true(!bid || score->stats.last <= bid);
			assert_true(!bid || score->under_bid.share_under >= 0.95 - 1e-9);
			assert_true(score->under_rung[0] <= score->under_rung[1]);
			assert_true(score->under_rung[1] <= score->under_rung[2]);
			if (!i)
				continue;
			const struct zone_score *before = &choice.v[choice.order[i - 1]];
			assert_true(order == ZONE_BY_PRICE
					    ? before->stats.mean <= score->stats.mean
					    : before->volatility <= score->volatility);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_resolve_refuses),
		cmocka_unit_test(test_resolve_rounds_up_and_no_more),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_orders_and_ties),
		cmocka_unit_test(test_nothing_to_choose),
		cmocka_unit_test(test_choose_refuses),
		cmocka_unit_test(test_every_verdict_has_its_words),
		cmocka_unit_test(test_the_rule_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
