/* SPDX-License-Identifier: Apache-2.0 */
/* All bids in one pass, against each of them alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bidding/sweep.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "made_market.h"

#define ROUNDS 1500

/* Every figure is the very same double: both add up whole numbers. */
static void same_as_alone(const struct price_series *series, int64_t since, int64_t until,
			  const struct bid_point *point, int64_t seconds)
{
	struct bid_stats alone;
	struct error err = ERROR_INIT;
	double survival;

	assert_int_equal(bid_stats_compute(series, since, until, point->bid, &alone, &err), 0);
	assert_int_equal(bid_survival(series, since, until, point->bid, seconds, &survival, &err),
			 0);
	assert_true(point->share_under == alone.share_under);
	assert_true(point->paid == alone.paid);
	assert_int_equal(point->crossings, alone.crossings);
	assert_true(point->survival == survival);
}

static void sensible(const struct bid_curve *curve)
{
	for (size_t i = 0; i < curve->nr; i++) {
		const struct bid_point *p = &curve->v[i];

		assert_true(p->paid <= (double)p->bid / 1e6);
		assert_true(p->survival >= 0 && p->survival <= 1);
		if (!i)
			continue;
		assert_true(p->bid > p[-1].bid);
		assert_true(p->share_under > p[-1].share_under);
		assert_true(p->survival >= p[-1].survival);
		assert_true(p->paid >= p[-1].paid);
	}
	assert_true(curve->v[curve->nr - 1].share_under == 1);
	assert_int_equal(curve->v[curve->nr - 1].crossings, 0);
}

static void test_every_bid_as_if_alone(void **state)
{
	static struct made_market m;
	size_t compared = 0;

	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		/* few and many points, few and many prices: both ways of sorting */
		struct made made = { .points = seed % 5 ? 60 : MADE_POINTS,
				     .step_s = 300,
				     .prices = seed % 3 ? 10 : 0,
				     .gaps = seed % 2 };
		struct error err = ERROR_INIT;
		struct bid_curve curve;
		int64_t seconds;

		made_market_init(&m, seed, &made);
		seconds = 1 + (int64_t)rng_below(&m.rng, 1500);
		if (seed % 4 == 0) /* the window and the job just as long */
			seconds = m.until - m.since;
		if (bid_curve_compute(&m.series, m.since, m.until, seconds, &curve, &err) < 0) {
			assert_int_equal(err.kind, ERROR_NOT_FOUND);
			continue;
		}
		compared++;
		assert_int_equal(curve.seconds, seconds);
		for (size_t i = 0; i < curve.nr; i++)
			same_as_alone(&m.series, m.since, m.until, &curve.v[i], seconds);
		sensible(&curve);
		bid_curve_release(&curve);
	}
	assert_true(compared > ROUNDS / 2);
}

static void same_curve(const struct bid_curve *a, const struct bid_curve *b)
{
	assert_int_equal(a->nr, b->nr);
	for (size_t i = 0; i < a->nr; i++) {
		assert_int_equal(a->v[i].bid, b->v[i].bid);
		assert_true(a->v[i].share_under == b->v[i].share_under);
		assert_true(a->v[i].paid == b->v[i].paid);
		assert_true(a->v[i].survival == b->v[i].survival);
		assert_int_equal(a->v[i].crossings, b->v[i].crossings);
	}
}

/* Prices said again in between, and all rows then in another order. */
static void test_more_rows_and_another_order_change_nothing(void **state)
{
	static struct made_market m;
	static struct price_point v[2 * MADE_POINTS];
	size_t compared = 0;

	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS / 3; seed++) {
		struct made made = { .points = 100, .step_s = 300, .prices = 10, .gaps = seed % 2 };
		struct error err = ERROR_INIT;
		struct bid_curve curve, other;
		size_t nr;

		made_market_init(&m, seed, &made);
		nr = m.series.nr;
		assert_int_equal(price_points_clean(m.v, &nr, "z", &err), 0);
		m.series.nr = nr;
		memcpy(v, m.v, nr * sizeof(v[0]));
		for (size_t i = 0; i + 1 < m.series.nr; i++)
			if (m.v[i + 1].time - m.v[i].time > 1)
				v[nr++] =
					(struct price_point){ m.v[i + 1].time - 1, m.v[i].micros };
		for (size_t i = nr; i > 1; i--) {
			size_t j = (size_t)rng_below(&m.rng, i);
			struct price_point swap = v[i - 1];

			v[i - 1] = v[j];
			v[j] = swap;
		}
		assert_int_equal(price_points_clean(v, &nr, "z", &err), 0);
		struct price_series more = { "z", v, nr };
		if (bid_curve_compute(&m.series, m.since, m.until, 500, &curve, &err) < 0)
			continue;
		assert_int_equal(bid_curve_compute(&more, m.since, m.until, 500, &other, &err), 0);
		same_curve(&curve, &other);
		compared++;
		bid_curve_release(&curve);
		bid_curve_release(&other);
	}
	assert_true(compared > ROUNDS / 6);
}

static const struct price_point steps[] = {
	{ 1000, 1000000 }, { 1100, 3000000 }, { 1150, 2000000 }, { 1180, 2000000 }
};
static const struct price_series series = { "z", steps, ARRAY_SIZE(steps) };

static void test_by_hand(void **state)
{
	static const struct bid_point want[] = {
		{ 1000000, 0.5, 1, 1, 50.0 / 150 },
		{ 2000000, 0.75, 4.0 / 3, 1, 50.0 / 150 },
		{ 3000000, 1, 1.75, 0, 1 },
	};
	static const struct {
		int64_t bid;
		int at;
	} looked_up[] = { { 0, -1 },	  { 999999, -1 }, { 1000000, 0 },  { 1999999, 0 },
			  { 2000000, 1 }, { 3000000, 2 }, { INT64_MAX, 2 } };
	struct bid_curve curve;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(bid_curve_compute(&series, 1000, 1200, 50, &curve, &err), 0);
	assert_int_equal(curve.nr, ARRAY_SIZE(want));
	for (size_t i = 0; i < curve.nr; i++) {
		assert_int_equal(curve.v[i].bid, want[i].bid);
		assert_true(curve.v[i].share_under == want[i].share_under);
		assert_true(curve.v[i].paid == want[i].paid);
		assert_int_equal(curve.v[i].crossings, want[i].crossings);
		assert_true(curve.v[i].survival == want[i].survival);
	}
	for (size_t i = 0; i < ARRAY_SIZE(looked_up); i++) {
		const struct bid_point *at = bid_curve_at(&curve, looked_up[i].bid);

		assert_true(at == (looked_up[i].at < 0 ? NULL : &curve.v[looked_up[i].at]));
	}
	bid_curve_release(&curve);
	assert_null(bid_curve_at(&curve, 1));
}

static void test_refuses(void **state)
{
	static const struct price_point unsorted[] = { { 20, 1 }, { 10, 2 } };
	struct price_series bad = { "z", unsorted, 2 };
	struct bid_curve curve = { .nr = 42 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(bid_curve_compute(&series, 1000, 1200, 0, &curve, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(bid_curve_compute(&bad, 0, 100, 5, &curve, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(bid_curve_compute(&series, 0, 1000, 5, &curve, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(bid_curve_compute(&series, 1200, 1200, 5, &curve, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(curve.nr, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bid_as_if_alone),
		cmocka_unit_test(test_more_rows_and_another_order_change_nothing),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
