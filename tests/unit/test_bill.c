/* SPDX-License-Identifier: Apache-2.0 */
/* Time times price: minutes, steps, caps, and windows that add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/mem.h"
#include "core/money.h"
#include "core/rng.h"
#include "fleet/bill.h"

#define T INT64_C(1600000000)

static void test_one_run(void **state)
{
	static const struct {
		int64_t from, to, seconds, total;
	} cases[] = {
		{ T, T, 0, 6000 }, /* a minute at least, from every start */
		{ T, T + 1, 1, 6000 },
		{ T, T + 59, 59, 6000 },
		{ T, T + 60, 60, 6000 },
		{ T, T + 61, 61, 6100 },
		{ T, T + 3600, 3600, 360000 },
		{ T, T + 5400, 5400, 540000 },
	};
	const struct price_point price = { 0, 360000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct bill_run run = { cases[i].from, cases[i].to };
		const struct bill bill = { .runs = &run,
					   .nr_runs = 1,
					   .steps = &price,
					   .nr_steps = 1,
					   .on_demand = 720000 };
		struct bill_sum sum;

		bill_all(&bill, &sum);
		assert_int_equal(sum.seconds, cases[i].seconds);
		assert_int_equal(sum.total, cases[i].total);
		assert_int_equal(sum.on_demand_total, 2 * cases[i].total);
	}
}

static void test_steps(void **state)
{
	/* 1 $/h until T+1h, 2 until T+2h, then 0.5; it ran from T+30m to T+2h30m. */
	static const struct price_point steps[] = { { T - 50, 1000000 },
						    { T + 3600, 2000000 },
						    { T + 7200, 500000 },
						    { T + 900000, 9000000 } };
	const struct bill_run run = { T + 1800, T + 9000 };
	struct bill bill = { .runs = &run,
			     .nr_runs = 1,
			     .steps = steps,
			     .nr_steps = 4,
			     .on_demand = MONEY_UNKNOWN };
	struct bill_sum sum;

	(void)state;
	bill_all(&bill, &sum);
	assert_int_equal(sum.seconds, 7200);
	assert_int_equal(sum.total, 500000 + 2000000 + 250000);
	assert_int_equal(sum.on_demand_total, MONEY_UNKNOWN);
	bill.cap = 1500000; /* a price above the bid is never paid */
	bill_all(&bill, &sum);
	assert_int_equal(sum.total, 500000 + 1500000 + 250000);
	/* What the price was before it is known from is taken from the first. */
	bill.steps++;
	bill.nr_steps--;
	bill.cap = 0;
	bill_all(&bill, &sum);
	assert_int_equal(sum.total, 1000000 + 2000000 + 250000);
	assert_int_equal(bill_price_at(&bill, T), 2000000);
	assert_int_equal(bill_price_at(&bill, T + 7199), 2000000);
	assert_int_equal(bill_price_at(&bill, T + 7200), 500000);
}

static void test_unknown(void **state)
{
	static const struct price_point steps[] = { { T, 1000000 },
						    { T + 3600, PRICE_GAP },
						    { T + 7200, 1000000 } };
	const struct bill_run run = { T, T + 9000 };
	const struct bill none = { .runs = &run, .nr_runs = 1, .on_demand = 1000000 };
	const struct bill gap = {
		.runs = &run, .nr_runs = 1, .steps = steps, .nr_steps = 3, .on_demand = 1000000
	};
	struct bill_sum sum;

	(void)state;
	bill_all(&none, &sum);
	assert_int_equal(sum.total, MONEY_UNKNOWN); /* never 0 */
	assert_int_equal(sum.on_demand_total, 2500000);
	assert_int_equal(bill_price_at(&none, T), MONEY_UNKNOWN);
	bill_all(&gap, &sum);
	assert_int_equal(sum.total, MONEY_UNKNOWN);
	/* Only where it is: the hours beside it are known. */
	bill_between(&gap, T, T + 3600, &sum);
	assert_int_equal(sum.total, 1000000);
	bill_between(&gap, T + 3599, T + 3601, &sum);
	assert_int_equal(sum.total, MONEY_UNKNOWN);
	bill_between(&gap, T + 7200, T + 90000, &sum);
	assert_int_equal(sum.total, 500000);
}

static void test_stopped_time_is_free(void **state)
{
	static const struct bill_run runs[] = { { T, T + 3600 },
						{ T + 9000, T + 9010 },
						{ T + 90000, T + 93600 } };
	const struct price_point price = { 0, 3600000 };
	const struct bill bill = {
		.runs = runs, .nr_runs = 3, .steps = &price, .nr_steps = 1, .on_demand = 3600000
	};
	struct bill_sum sum;

	(void)state;
	bill_all(&bill, &sum);
	assert_int_equal(sum.seconds, 7210);
	assert_int_equal(sum.total, 3600000 + 60000 + 3600000);
	bill_between(&bill, T + 3600, T + 9000, &sum);
	assert_int_equal(sum.seconds, 0);
	assert_int_equal(sum.total, 0);
	bill_between(&bill, T + 9000, T + 9020, &sum);
	assert_int_equal(sum.seconds, 10);
	assert_int_equal(sum.total, 20000);
}

/* Whatever the cuts, the parts add up to the whole. */
static void test_windows_add_up(void **state)
{
	struct rng_seeded seeded;
	const struct rng rng = rng_seeded(&seeded, 7);

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct price_point steps[5];
		struct bill_run runs[3];
		struct bill_sum all, part;
		int64_t t = T, at = T - 100, total = 0, on_demand = 0, seconds = 0;

		for (size_t i = 0; i < 5; i++) {
			steps[i] = (struct price_point){ at, (int64_t)rng_below(&rng, 9000000) };
			at += 1 + (int64_t)rng_below(&rng, 9000);
		}
		for (size_t i = 0; i < 3; i++) {
			runs[i].from = t;
			runs[i].to = t + (int64_t)rng_below(&rng, 9000);
			t = runs[i].to + 60 + (int64_t)rng_below(&rng, 5000);
		}
		const struct bill bill = { runs, 3, steps, 5, 5000000, 1234567 };
		bill_all(&bill, &all);
		for (int64_t from = T - 1000, to; from < t + 1000; from = to) {
			to = from + 1 + (int64_t)rng_below(&rng, 4000);
			bill_between(&bill, from, to, &part);
			assert_true(part.total >= 0 && part.seconds >= 0);
			total += part.total;
			on_demand += part.on_demand_total;
			seconds += part.seconds;
		}
		assert_int_equal(total, all.total);
		assert_int_equal(on_demand, all.on_demand_total);
		assert_int_equal(seconds, all.seconds);
	}
}

static void test_far_out(void **state)
{
	const struct bill_run run = { 0, INT64_C(253402300799) };
	const struct price_point price = { 0, MONEY_MAX };
	const struct bill bill = { &run, 1, &price, 1, 0, MONEY_MAX };
	struct bill_sum sum;

	(void)state;
	bill_all(&bill, &sum);
	assert_int_equal(sum.total, MONEY_MAX);
	assert_int_equal(sum.on_demand_total, MONEY_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_run),	       cmocka_unit_test(test_steps),
		cmocka_unit_test(test_unknown),	       cmocka_unit_test(test_stopped_time_is_free),
		cmocka_unit_test(test_windows_add_up), cmocka_unit_test(test_far_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
