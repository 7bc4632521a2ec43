/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bidding/series.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/rng.h"

#define USD(x) ((int64_t)((x)*1000000 + 0.5))
#define ROUNDS 300
#define POINTS 64
#define NEAR   1e-9

/* cmocka's own comparison is one of floats, too coarse here. */
#define assert_near(a, b, epsilon) assert_true(fabs((a) - (b)) <= (epsilon))

static struct price_series series_of(const struct price_point *v, size_t nr)
{
	return (struct price_series){ .zone = "z", .v = v, .nr = nr };
}

/* $1 for 100 s, $3 for 50 s, $2 for 50 s. */
static const struct price_point steps[] = {
	{ 1000, USD(1) },
	{ 1100, USD(3) },
	{ 1150, USD(2) },
};

static void test_stats_are_weighted_by_time(void **state)
{
	struct price_series series = series_of(steps, ARRAY_SIZE(steps));
	struct price_stats stats;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(price_stats_compute(&series, 1000, 1200, &stats, &err), 0);
	assert_int_equal(stats.since, 1000);
	assert_int_equal(stats.until, 1200);
	assert_int_equal(stats.covered_s, 200);
	assert_int_equal(stats.changes, 3);
	assert_int_equal(stats.last, USD(2));
	assert_int_equal(stats.min, USD(1));
	assert_int_equal(stats.max, USD(3));
	assert_int_equal(stats.median, USD(1));
	assert_int_equal(stats.p95, USD(3));
	assert_near(stats.mean, 1.75, NEAR);
	assert_near(stats.std, 0.82915619758885, NEAR);
}

static void test_windows(void **state)
{
	static const struct {
		int64_t since, until, covered;
		double mean;
		size_t changes;
		int64_t last;
	} cases[] = {
		{ 1050, 1100, 50, 1, 0, USD(1) },   /* inside one step: the change before it */
		{ 1100, 1150, 50, 3, 1, USD(3) },   /* a change at the very begin counts */
		{ 1099, 1101, 2, 2, 1, USD(3) },    /* one second on each side */
		{ 900, 1100, 100, 1, 1, USD(1) },   /* 100 s before the first are unknown */
		{ 1150, 5150, 4000, 2, 1, USD(2) }, /* the last one runs to the end */
		{ 9000, 9001, 1, 2, 0, USD(2) },    /* long after the last change */
	};
	struct price_series series = series_of(steps, ARRAY_SIZE(steps));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct price_stats stats;
		struct error err = ERROR_INIT;

		assert_int_equal(
			price_stats_compute(&series, cases[i].since, cases[i].until, &stats, &err),
			0);
		assert_int_equal(stats.covered_s, cases[i].covered);
		assert_near(stats.mean, cases[i].mean, NEAR);
		assert_int_equal(stats.changes, cases[i].changes);
		assert_int_equal(stats.last, cases[i].last);
	}
}

static void test_nothing_known(void **state)
{
	static const int64_t windows[][2] = {
		{ 0, 1000 },		  /* ends where the first price begins */
		{ 1100, 1100 },		  /* empty */
		{ 1200, 1100 },		  /* reversed */
		{ INT64_MIN, INT64_MAX }, /* longer than can be counted */
	};
	struct price_series series = series_of(steps, ARRAY_SIZE(steps));
	struct price_series none = series_of(NULL, 0);
	struct price_stats stats = { .last = 7 };
	struct bid_stats under;
	struct error err = ERROR_INIT;
	double chance;
	int64_t price;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		int64_t a = windows[i][0], b = windows[i][1];

		assert_int_equal(price_stats_compute(&series, a, b, &stats, &err), -1);
		assert_int_equal(err.kind, ERROR_NOT_FOUND);
		assert_int_equal(price_quantile(&series, a, b, 0.5, &price, &err), -1);
		assert_int_equal(bid_stats_compute(&series, a, b, 1, &under, &err), -1);
		assert_int_equal(bid_survival(&series, a, b, 1, 1, &chance, &err), -1);
		assert_int_equal(err.kind, ERROR_NOT_FOUND);
	}
	assert_int_equal(price_stats_compute(&none, 0, 10, &stats, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(err.message, "'z'"));
	assert_int_equal(stats.last, 7);
}

static void test_unsorted_is_refused(void **state)
{
	static const struct price_point v[] = { { 20, USD(1) }, { 10, USD(2) } };
	struct price_series series = series_of(v, ARRAY_SIZE(v));
	struct price_stats stats;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(price_stats_compute(&series, 0, 30, &stats, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.message, "row 2"));
}

static void test_equal_times_last_wins(void **state)
{
	static const struct price_point v[] = {
		{ 10, USD(9) }, { 10, USD(1) }, { 20, USD(9) }, { 20, USD(2) }
	};
	struct price_series series = series_of(v, ARRAY_SIZE(v));
	struct price_stats stats;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(price_stats_compute(&series, 10, 30, &stats, &err), 0);
	assert_int_equal(stats.max, USD(2));
	assert_int_equal(stats.changes, 2);
	assert_near(stats.mean, 1.5, NEAR);
}

static void test_pinned_price_has_no_deviation(void **state)
{
	/* 0.9 is no binary fraction; a pinned zone must come out as exactly 0 all the same. */
	static const struct price_point v[] = { { 7, USD(0.9) },
						{ 77777, USD(0.9) },
						{ 7777777, USD(0.9) } };
	struct price_series series = series_of(v, ARRAY_SIZE(v));
	struct price_stats stats;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(price_stats_compute(&series, 0, 9999999, &stats, &err), 0);
	assert_true(stats.std == 0.0);
	assert_true(stats.mean == 0.9);
}

static void test_quantiles(void **state)
{
	/* 1, 2, ... 20 dollars for a second each. */
	struct price_point v[20];
	static const struct {
		double q;
		int64_t want;
	} cases[] = {
		{ 1e-9, USD(1) },  { 0.05, USD(1) },  { 0.0500001, USD(2) }, { 0.5, USD(10) },
		{ 0.55, USD(11) }, { 0.95, USD(19) }, { 0.951, USD(20) },    { 1, USD(20) },
	};
	static const double bad[] = { 0, -0.1, 1.0001 };
	struct error err = ERROR_INIT;
	int64_t got;

	(void)state;
	for (size_t i = 0; i < 20; i++) /* the times fall as the prices rise: order is no matter */
		v[i] = (struct price_point){ (int64_t)i, USD(20 - i) };
	struct price_series series = series_of(v, 20);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(price_quantile(&series, 0, 20, cases[i].q, &got, &err), 0);
		assert_int_equal(got, cases[i].want);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(price_quantile(&series, 0, 20, bad[i], &got, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
	}
}

static void test_under_a_bid(void **state)
{
	static const struct {
		int64_t bid;
		double share;
		size_t crossings;
		double paid;
	} cases[] = {
		{ USD(0.99), 0, 0, 0 },	      /* never runs */
		{ USD(1), 0.5, 1, 1 },	      /* equal to the price keeps the instance */
		{ USD(1.99), 0.5, 1, 1 },     /* nothing between the prices */
		{ USD(2), 0.75, 1, 4.0 / 3 }, /* $1 for 100 s and $2 for 50 s */
		{ USD(2.999999), 0.75, 1, 4.0 / 3 },
		{ USD(3), 1, 0, 1.75 }, /* never interrupted */
		{ MONEY_MAX, 1, 0, 1.75 },
	};
	struct price_series series = series_of(steps, ARRAY_SIZE(steps));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bid_stats got;
		struct error err = ERROR_INIT;

		assert_int_equal(bid_stats_compute(&series, 1000, 1200, cases[i].bid, &got, &err),
				 0);
		assert_near(got.share_under, cases[i].share, NEAR);
		assert_int_equal(got.crossings, cases[i].crossings);
		assert_near(got.paid, cases[i].paid, NEAR);
	}
}

static void test_survival(void **state)
{
	static const struct {
		int64_t bid, seconds;
		double want;
	} cases[] = {
		{ USD(2), 0, 0.75 },	     /* no time at all: the share under the bid */
		{ USD(2), 10, 130.0 / 190 }, /* (100 - 10) + (50 - 10) starts of 190 */
		{ USD(2), 50, 50.0 / 150 },  /* the second stretch is just too short */
		{ USD(2), 100, 0 },	     { USD(2), 199, 0 }, { USD(3), 10, 1 },
		{ USD(3), 200, 1 }, /* all of the window, all of it under the bid */
		{ USD(3), 201, 0 }, /* more than is known */
		{ USD(0.5), 0, 0 },
	};
	struct price_series series = series_of(steps, ARRAY_SIZE(steps));
	struct error err = ERROR_INIT;
	double got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(bid_survival(&series, 1000, 1200, cases[i].bid, cases[i].seconds,
					      &got, &err),
				 0);
		assert_near(got, cases[i].want, NEAR);
	}
	assert_int_equal(bid_survival(&series, 1000, 1200, USD(2), -1, &got, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
}

static void test_clean(void **state)
{
	struct price_point v[] = {
		{ 30, USD(3) }, { 10, USD(1) }, { 20, USD(9) }, { 10, USD(4) }, { 20, USD(2) },
	};
	static const struct price_point want[] = { { 10, USD(4) }, { 20, USD(2) }, { 30, USD(3) } };
	size_t nr = ARRAY_SIZE(v);
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(price_points_clean(v, &nr, "z", &err), 0);
	assert_int_equal(nr, 3);
	assert_memory_equal(v, want, sizeof(want));
	nr = 0;
	assert_int_equal(price_points_clean(NULL, &nr, "z", &err), 0);
	assert_int_equal(nr, 0);
}

static void test_clean_refuses(void **state)
{
	static const struct {
		int64_t micros;
		int rc;
	} cases[] = {
		{ 0, -1 }, { -2, -1 },	     { INT64_MIN, -1 }, { MONEY_MAX + 1, -1 },
		{ 1, 0 },  { MONEY_MAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct price_point v[] = { { 20, USD(1) }, { 10, cases[i].micros } };
		size_t nr = ARRAY_SIZE(v);
		struct error err = ERROR_INIT;

		assert_int_equal(price_points_clean(v, &nr, "us-east-1a", &err), cases[i].rc);
		if (cases[i].rc == 0)
			continue;
		assert_int_equal(err.kind, ERROR_PROTOCOL);
		assert_non_null(strstr(err.message, "us-east-1a"));
		assert_non_null(strstr(err.message, "row 2"));
		assert_int_equal(v[0].time, 20); /* untouched */
	}
}

/* --- properties, over made-up markets ------------------------------------------------------- */

struct market {
	struct rng_seeded state;
	struct rng rng;
	struct price_point v[POINTS];
	size_t nr;
	int64_t since, until;
};

static void market_make(struct market *m, uint64_t seed)
{
	int64_t time = 1000000;

	m->rng = rng_seeded(&m->state, seed);
	m->nr = 1 + (size_t)rng_below(&m->rng, POINTS / 2);
	for (size_t i = 0; i < m->nr; i++) {
		time += 1 + (int64_t)rng_below(&m->rng, 5000);
		m->v[i] = (struct price_point){ time, 1 + (int64_t)rng_below(&m->rng, 20) * 50000 };
	}
	m->since = m->v[0].time - 100 + (int64_t)rng_below(&m->rng, 3000);
	m->until = m->since + 200 + (int64_t)rng_below(&m->rng, 80000);
}

static void same_stats(const struct price_stats *a, const struct price_stats *b)
{
	assert_int_equal(a->covered_s, b->covered_s);
	assert_int_equal(a->last, b->last);
	assert_int_equal(a->min, b->min);
	assert_int_equal(a->max, b->max);
	assert_int_equal(a->median, b->median);
	assert_int_equal(a->p95, b->p95);
	assert_true(a->mean == b->mean);
	assert_true(a->std == b->std);
}

static void same_answers(const struct market *m, const struct price_point *v, size_t nr)
{
	struct price_series one = series_of(m->v, m->nr), other = series_of(v, nr);
	struct price_stats a, b;
	struct bid_stats under_a, under_b;
	struct error err = ERROR_INIT;
	double chance_a, chance_b;

	assert_int_equal(price_stats_compute(&one, m->since, m->until, &a, &err), 0);
	assert_int_equal(price_stats_compute(&other, m->since, m->until, &b, &err), 0);
	same_stats(&a, &b);
	for (int64_t bid = 0; bid < USD(1.1); bid += USD(0.1)) {
		assert_int_equal(bid_stats_compute(&one, m->since, m->until, bid, &under_a, &err),
				 0);
		assert_int_equal(bid_stats_compute(&other, m->since, m->until, bid, &under_b, &err),
				 0);
		assert_true(under_a.share_under == under_b.share_under);
		assert_true(under_a.paid == under_b.paid);
		assert_int_equal(under_a.crossings, under_b.crossings);
		assert_int_equal(bid_survival(&one, m->since, m->until, bid, 900, &chance_a, &err),
				 0);
		assert_int_equal(
			bid_survival(&other, m->since, m->until, bid, 900, &chance_b, &err), 0);
		assert_true(chance_a == chance_b);
	}
}

static void test_restated_prices_change_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct market m;
		struct price_point v[POINTS];
		size_t nr = 0;

		market_make(&m, seed);
		for (size_t i = 0; i < m.nr; i++) {
			v[nr++] = m.v[i];
			if (rng_below(&m.rng, 2)) { /* say it again before it changes */
				int64_t end = i + 1 < m.nr ? m.v[i + 1].time : m.v[i].time + 500;
				uint64_t span = (uint64_t)(end - m.v[i].time);

				v[nr] = m.v[i];
				v[nr++].time += (int64_t)rng_below(&m.rng, span);
			}
		}
		same_answers(&m, v, nr);
	}
}

static void test_order_of_rows_is_no_matter(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct market m;
		struct price_point v[POINTS];
		struct error err = ERROR_INIT;

		market_make(&m, seed);
		size_t nr = m.nr;
		memcpy(v, m.v, nr * sizeof(v[0]));
		for (size_t i = nr; i > 1; i--) {
			size_t j = (size_t)rng_below(&m.rng, i);
			struct price_point swap = v[i - 1];

			v[i - 1] = v[j];
			v[j] = swap;
		}
		assert_int_equal(price_points_clean(v, &nr, "z", &err), 0);
		assert_int_equal(nr, m.nr);
		assert_memory_equal(v, m.v, nr * sizeof(v[0]));
		same_answers(&m, v, nr);
	}
}

static void test_a_higher_bid_is_never_worse(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		double share = 0, chance = 0;
		struct market m;

		market_make(&m, seed);
		struct price_series series = series_of(m.v, m.nr);
		for (int64_t bid = 0; bid < USD(1.1); bid += 25000) {
			struct bid_stats under;
			struct error err = ERROR_INIT;
			double got;

			assert_int_equal(
				bid_stats_compute(&series, m.since, m.until, bid, &under, &err), 0);
			assert_true(under.share_under >= share && under.share_under <= 1);
			assert_true(under.paid <= (double)bid / 1e6 + NEAR);
			assert_true((under.share_under > 0) == (under.paid > 0));
			assert_int_equal(
				bid_survival(&series, m.since, m.until, bid, 600, &got, &err), 0);
			assert_true(got >= chance && got <= 1);
			share = under.share_under;
			chance = got;
		}
		assert_true(share == 1);
	}
}

static void test_a_longer_job_survives_less(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct market m;
		double chance = 2;

		market_make(&m, seed);
		struct price_series series = series_of(m.v, m.nr);
		int64_t bid = (int64_t)rng_below(&m.rng, USD(1.1));
		for (int64_t seconds = 0; seconds < 90000; seconds += 307) {
			struct error err = ERROR_INIT;
			double got;

			assert_int_equal(
				bid_survival(&series, m.since, m.until, bid, seconds, &got, &err),
				0);
			assert_true(got <= chance + 1e-12 && got >= 0);
			chance = got;
		}
		assert_true(chance == 0); /* longer than the window */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stats_are_weighted_by_time),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_unsorted_is_refused),
		cmocka_unit_test(test_equal_times_last_wins),
		cmocka_unit_test(test_pinned_price_has_no_deviation),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_under_a_bid),
		cmocka_unit_test(test_survival),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_clean_refuses),
		cmocka_unit_test(test_restated_prices_change_nothing),
		cmocka_unit_test(test_order_of_rows_is_no_matter),
		cmocka_unit_test(test_a_higher_bid_is_never_worse),
		cmocka_unit_test(test_a_longer_job_survives_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
