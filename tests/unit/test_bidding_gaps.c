/* SPDX-License-Identifier: Apache-2.0 */
/* Unknown time, and every statistic against one counted second by second. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bidding/bid.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "made_market.h"

#define USD(x)	    ((int64_t)((x)*1000000 + 0.5))
#define ROUNDS	    400
#define SECONDS_MAX 20000
#define NEAR	    1e-9

#define assert_near(a, b, epsilon) assert_true(fabs((a) - (b)) <= (epsilon))

/* $1 for 100 s, unknown for 50 s, $3 for 50 s, $1 for 100 s, then unknown. */
static const struct price_point holed[] = {
	{ 1000, USD(1) }, { 1100, PRICE_GAP }, { 1150, USD(3) },
	{ 1200, USD(1) }, { 1300, PRICE_GAP },
};

static struct price_series series_of(const struct price_point *v, size_t nr)
{
	return (struct price_series){ .zone = "z", .v = v, .nr = nr };
}

static void test_a_gap_counts_for_nothing(void **state)
{
	struct price_series series = series_of(holed, ARRAY_SIZE(holed));
	struct price_stats stats;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(price_stats_compute(&series, 900, 1400, &stats, &err), 0);
	assert_int_equal(stats.covered_s, 250);
	assert_int_equal(stats.changes, 3);
	assert_near(stats.mean, (200 * 1 + 50 * 3) / 250.0, NEAR);
	assert_int_equal(stats.median, USD(1));
	assert_int_equal(stats.p95, USD(3));
	assert_int_equal(stats.min, USD(1));
	assert_int_equal(stats.last, USD(1));
	assert_true(stats.last_is_old);
	assert_int_equal(price_stats_compute(&series, 1000, 1300, &stats, &err), 0);
	assert_false(stats.last_is_old);
}

static void test_nothing_ends_and_nothing_goes_on_in_a_gap(void **state)
{
	static const struct {
		int64_t bid, seconds;
		size_t crossings;
		double survival;
	} cases[] = {
		/* known: [1000,1100) and [1150,1300); at $1: [1000,1100) and [1200,1300) */
		{ USD(1), 10, 0, (90 + 90) / (90.0 + 140) },
		{ USD(1), 99, 0, (1 + 1) / (1 + 51.0) },
		{ USD(1), 100, 0, 0 },
		{ USD(3), 10, 0, 1 },
		{ USD(3), 120, 0, 1 }, /* fits the longer stretch only */
		{ USD(3), 150, 0, 1 }, /* just */
		{ USD(1), 150, 0, 0 },
		{ USD(3), 151, 0, 0 }, /* longer than anything known, though less than the window */
	};
	struct price_series series = series_of(holed, ARRAY_SIZE(holed));
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bid_stats under;
		double got;

		assert_int_equal(bid_stats_compute(&series, 900, 1400, cases[i].bid, &under, &err),
				 0);
		assert_int_equal(under.crossings, cases[i].crossings);
		assert_int_equal(bid_survival(&series, 900, 1400, cases[i].bid, cases[i].seconds,
					      &got, &err),
				 0);
		assert_near(got, cases[i].survival, NEAR);
	}
}

static void test_only_gaps_is_nothing_known(void **state)
{
	static const struct price_point v[] = { { 10, PRICE_GAP },
						{ 20, PRICE_GAP },
						{ 100, USD(1) } };
	struct price_series series = series_of(v, ARRAY_SIZE(v));
	struct price_stats stats;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(price_stats_compute(&series, 0, 100, &stats, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(price_stats_compute(&series, 0, 101, &stats, &err), 0);
	assert_int_equal(stats.covered_s, 1);
}

static void test_clean_keeps_gaps(void **state)
{
	struct price_point v[] = { { 30, PRICE_GAP },
				   { 10, USD(1) },
				   { 20, PRICE_GAP },
				   { 20, USD(2) },
				   { 10, PRICE_GAP } };
	static const struct price_point want[] = { { 10, PRICE_GAP },
						   { 20, USD(2) },
						   { 30, PRICE_GAP } };
	size_t nr = ARRAY_SIZE(v);
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(price_points_clean(v, &nr, "z", &err), 0);
	assert_int_equal(nr, 3);
	assert_memory_equal(v, want, sizeof(want));
}

static void test_a_zone_is_judged_by_what_is_known(void **state)
{
	/* at on demand, but for the half of the time that is unknown */
	static const struct price_point pinned[] = { { 0, USD(1) }, { 500, PRICE_GAP } };
	static const struct price_point good[] = { { 0, PRICE_GAP }, { 900, USD(0.2) } };
	static const struct price_point gap[] = { { 0, PRICE_GAP } };
	const struct price_series series[] = { { "pinned", pinned, 2 },
					       { "good", good, 2 },
					       { "gap", gap, 1 } };
	struct zone_score scores[3];
	size_t order[3];
	struct zone_choice choice = { .v = scores, .order = order };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(zone_choose(series, 3, 0, 1000, USD(0.51), USD(1), ZONE_BY_STABILITY,
				     &choice, &err),
			 0);
	assert_int_equal(choice.v[0].verdict, ZONE_AT_ON_DEMAND);
	assert_int_equal(choice.v[1].verdict, ZONE_OK);
	assert_int_equal(choice.v[2].verdict, ZONE_NO_HISTORY);
	assert_near(choice.v[1].under_bid.share_under, 1, NEAR);
}

/* --- second by second ------------------------------------------------------------------------- */

struct seconds {
	int64_t v[SECONDS_MAX]; /* the price in each, or PRICE_GAP */
	int64_t sorted[SECONDS_MAX];
	size_t nr, known;
};

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void count_seconds(const struct made_market *m, struct seconds *s)
{
	s->nr = (size_t)(m->until - m->since);
	s->known = 0;
	assert_true(s->nr <= SECONDS_MAX);
	for (size_t i = 0; i < s->nr; i++) {
		s->v[i] = PRICE_GAP;
		for (size_t p = 0; p < m->series.nr; p++)
			if (m->v[p].time <= m->since + (int64_t)i)
				s->v[i] = m->v[p].micros;
		if (s->v[i] != PRICE_GAP)
			s->sorted[s->known++] = s->v[i];
	}
	qsort(s->sorted, s->known, sizeof(s->sorted[0]), by_value);
}

static void check_stats(const struct made_market *m, const struct seconds *s)
{
	struct price_stats got;
	struct error err = ERROR_INIT;
	long double sum = 0, squares = 0, n = (long double)s->known;

	assert_int_equal(price_stats_compute(&m->series, m->since, m->until, &got, &err), 0);
	for (size_t i = 0; i < s->known; i++)
		sum += (long double)s->sorted[i] / 1e6L;
	for (size_t i = 0; i < s->known; i++) {
		long double d = (long double)s->sorted[i] / 1e6L - sum / n;

		squares += d * d;
	}
	assert_int_equal(got.covered_s, s->known);
	assert_near(got.mean, (double)(sum / n), NEAR * (1 + got.mean));
	assert_near(got.std, (double)sqrtl(squares / n), NEAR * (1 + got.mean));
	assert_int_equal(got.min, s->sorted[0]);
	assert_int_equal(got.max, s->sorted[s->known - 1]);
	assert_int_equal(got.median, s->sorted[(s->known + 1) / 2 - 1]);
	assert_int_equal(got.p95, s->sorted[(s->known * 95 + 99) / 100 - 1]);
	assert_int_equal(got.last_is_old, s->v[s->nr - 1] == PRICE_GAP);
}

static void check_bid(const struct made_market *m, const struct seconds *s, int64_t bid)
{
	struct bid_stats got;
	struct error err = ERROR_INIT;
	size_t under = 0, crossings = 0;
	long double paid = 0;

	assert_int_equal(bid_stats_compute(&m->series, m->since, m->until, bid, &got, &err), 0);
	for (size_t i = 0; i < s->nr; i++) {
		if (s->v[i] == PRICE_GAP || s->v[i] > bid)
			continue;
		under++;
		paid += (long double)s->v[i] / 1e6L;
		crossings += i + 1 < s->nr && s->v[i + 1] > bid;
	}
	assert_near(got.share_under, (double)under / (double)s->known, NEAR);
	assert_near(got.paid, under ? (double)(paid / under) : 0, NEAR * (1 + got.paid));
	assert_int_equal(got.crossings, crossings);
	assert_true(got.paid <= (double)bid / 1e6);
}

/* Of the moments in the middle of a second: from which of them the job sees nothing but known
 * prices, and from which none above the bid either. */
static void check_survival(const struct made_market *m, const struct seconds *s, int64_t bid,
			   size_t job)
{
	size_t starts = 0, good = 0, known = 0, under = 0;
	struct error err = ERROR_INIT;
	double got;

	for (size_t i = 0; i < s->nr; i++) {
		known = s->v[i] == PRICE_GAP ? 0 : known + 1;
		under = s->v[i] == PRICE_GAP || s->v[i] > bid ? 0 : under + 1;
		starts += known > job;
		good += under > job;
	}
	assert_int_equal(
		bid_survival(&m->series, m->since, m->until, bid, (int64_t)job, &got, &err), 0);
	if (starts)
		assert_near(got, (double)good / (double)starts, NEAR);
}

static void test_against_counting_seconds(void **state)
{
	static struct seconds s;
	static struct made_market m;
	size_t compared = 0;

	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct made made = { .points = 30, .step_s = 200, .prices = 12, .gaps = seed % 2 };

		made_market_init(&m, seed, &made);
		count_seconds(&m, &s);
		if (!s.known)
			continue;
		compared++;
		check_stats(&m, &s);
		for (int64_t tick = 0; tick <= 13; tick++) {
			int64_t bid = tick * MADE_TICK + (int64_t)rng_below(&m.rng, 2);

			check_bid(&m, &s, bid);
			check_survival(&m, &s, bid, (size_t)rng_below(&m.rng, 600));
		}
	}
	assert_true(compared > ROUNDS / 2);
}

/* Quantiles that fall exactly on a boundary, for every length and every per cent. */
static void test_quantiles_on_the_boundary(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	for (int64_t n = 1; n <= 400; n++) {
		struct price_point v[400];
		struct price_series series = { "z", v, (size_t)n };

		for (int64_t i = 0; i < n; i++)
			v[i] = (struct price_point){ i, i + 1 };
		for (int64_t q = 1; q <= 100; q++) {
			int64_t got;

			assert_int_equal(price_quantile(&series, 0, n, (double)q / 100, &got, &err),
					 0);
			assert_int_equal(got, (n * q + 99) / 100);
		}
	}
}

/* Prices and times of any size: nothing overflows, and what is exact stays so. */
static void test_extremes(void **state)
{
	static const struct price_point v[] = { { -1000000000000, 1 },
						{ 0, MONEY_MAX },
						{ 1000000000000, INT64_MAX } };
	struct price_series series = series_of(v, 2), top = series_of(v + 2, 1);
	struct price_stats stats;
	struct bid_stats under;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(price_stats_compute(&series, -1000000000000, 1000000000000, &stats, &err),
			 0);
	assert_near(stats.mean, 5e8, 1);
	assert_near(stats.std, 5e8, 1);
	assert_int_equal(stats.median, 1);
	assert_int_equal(stats.max, MONEY_MAX);
	assert_int_equal(
		bid_stats_compute(&series, -1000000000000, 1000000000000, MONEY_MAX, &under, &err),
		0);
	assert_near(under.paid, 5e8, 1);
	assert_int_equal(price_stats_compute(&top, 0, INT64_C(1) << 60, &stats, &err), 0);
	assert_int_equal(stats.max, INT64_MAX);
	assert_true(stats.std == 0.0);
	assert_int_equal(price_stats_compute(&top, 0, (INT64_C(1) << 60) + 1, &stats, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_gap_counts_for_nothing),
		cmocka_unit_test(test_nothing_ends_and_nothing_goes_on_in_a_gap),
		cmocka_unit_test(test_only_gaps_is_nothing_known),
		cmocka_unit_test(test_clean_keeps_gaps),
		cmocka_unit_test(test_a_zone_is_judged_by_what_is_known),
		cmocka_unit_test(test_against_counting_seconds),
		cmocka_unit_test(test_quantiles_on_the_boundary),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
