/* SPDX-License-Identifier: Apache-2.0 */
/* One job through recorded prices: by hand, and against a machine that ticks every second. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bidding/replay.h"
#include "bidding/run_job.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "job_ticker.h"
#include "made_market.h"

#define USD(x) ((int64_t)((x)*1e6 + 0.5))
#define H      INT64_C(3600)
#define ROUNDS 1200

#define assert_near(a, b, epsilon) assert_true(fabs((a) - (b)) <= (epsilon))

/* $0.36 an hour, $0.72 from half an hour on, $2 from 2.5 h to 3 h, then $0.36 again. */
static const struct price_point steps[] = {
	{ 0, USD(0.36) },
	{ H / 2, USD(0.72) },
	{ 5 * H / 2, USD(2) },
	{ 3 * H, USD(0.36) },
};
static const struct price_series series = { "z", steps, ARRAY_SIZE(steps) };

struct case_of {
	const char *what;
	int64_t start, bid;
	struct job job;
	enum billing billing;
	struct job_outcome want;
};

static const struct case_of cases[] = {
	{ "an hour in which the price doubles: both prices",
	  0,
	  USD(1),
	  { H, 0, 0, 0 },
	  BILLING_SEC,
	  { true, H, H, 0, 0, 0, 0.54 } },
	{ "the price of its beginning holds for the hour",
	  0,
	  USD(1),
	  { H, 0, 0, 0 },
	  BILLING_SEC_HOURLOCK,
	  { true, H, H, 0, 0, 0, 0.36 } },
	{ "and so it was in 2017",
	  0,
	  USD(1),
	  { H, 0, 0, 0 },
	  BILLING_HOUR2017,
	  { true, H, H, 0, 0, 0, 0.36 } },
	{ "the second hour is at the price then",
	  0,
	  USD(1),
	  { 3 * H / 2, 0, 0, 0 },
	  BILLING_SEC_HOURLOCK,
	  { true, 3 * H / 2, 3 * H / 2, 0, 0, 0, 0.72 } },
	{ "and was whole in 2017, stopped or not",
	  0,
	  USD(1),
	  { 3 * H / 2, 0, 0, 0 },
	  BILLING_HOUR2017,
	  { true, 3 * H / 2, 3 * H / 2, 0, 0, 0, 1.08 } },
	{ "a minute is the least: those missing at the last price",
	  H / 2 - 5,
	  USD(1),
	  { 10, 0, 0, 0 },
	  BILLING_SEC,
	  { true, 10, 10, 0, 0, 0, 0.36 * 5 / 3600 + 0.72 * 55 / 3600 } },
	{ "a minute is the least: at the price of its beginning",
	  H / 2 - 5,
	  USD(1),
	  { 10, 0, 0, 0 },
	  BILLING_SEC_HOURLOCK,
	  { true, 10, 10, 0, 0, 0, 0.36 * 60 / 3600 } },
	{ "taken away in the first hour: free, all is lost",
	  2 * H,
	  USD(1),
	  { H, 0, 0, 0 },
	  BILLING_SEC,
	  { true, 2 * H, 3 * H / 2, H / 2, H / 2, 1, 0.36 } },
	{ "taken away later: every second is paid",
	  H / 2,
	  USD(1),
	  { 5 * H / 2, 0, 0, 0 },
	  BILLING_SEC,
	  { true, 5 * H, 9 * H / 2, H / 2, 2 * H, 1, 2 * 0.72 + 2.5 * 0.36 } },
	{ "taken away when its second hour was full: not in that hour",
	  H / 2,
	  USD(1),
	  { 5 * H / 2, 0, 0, 0 },
	  BILLING_HOUR2017,
	  { true, 5 * H, 9 * H / 2, H / 2, 2 * H, 1, 2 * 0.72 + 3 * 0.36 } },
	{ "the hour of the interruption was free in 2017",
	  0,
	  USD(1),
	  { 3 * H, 0, 0, 0 },
	  BILLING_HOUR2017,
	  { true, 6 * H, 11 * H / 2, H / 2, 5 * H / 2, 1, 0.36 + 0.72 + 3 * 0.36 } },
	{ "an hour of 3600 s is full: it is no longer the first",
	  3 * H / 2,
	  USD(1),
	  { 2 * H, 0, 0, 0 },
	  BILLING_SEC,
	  { true, 7 * H / 2, 3 * H, H / 2, H, 1, 0.72 + 2 * 0.36 } },
	{ "checkpoints: whole ones are kept, none comes last",
	  /* 300 boot, 900 work, 60 save, 900, 60: then 2 * 900 are safe after 2220 s of 1 h */
	  3 * H / 2,
	  USD(1),
	  { 5000, 900, 60, 300 },
	  BILLING_SEC,
	  { true, H + H / 2 + 300 + 2300 + 2 * 60, H + 300 + 2300 + 2 * 60, H / 2,
	    H + 300 + 2300 + 2 * 60 - 5000, 1, 0.72 + 0.36 * (300 + 2300 + 120) / 3600.0 } },
	{ "equal to the price is enough",
	  0,
	  USD(0.36),
	  { 3 * H, 0, 0, 0 },
	  BILLING_SEC,
	  { true, 6 * H, 7 * H / 2, 5 * H / 2, H / 2, 1, 3 * 0.36 } },
	{ "asked for while it is dear: it waits",
	  5 * H / 2,
	  USD(1),
	  { H, 0, 0, 0 },
	  BILLING_SEC,
	  { true, 3 * H / 2, H, H / 2, 0, 0, 0.36 } },
	{ "the record ends first: what it came to until then",
	  3 * H,
	  USD(1),
	  { 20 * H, 0, 0, 0 },
	  BILLING_SEC,
	  { false, 7 * H, 7 * H, 0, 7 * H, 0, 7 * 0.36 } },
	{ "it ends just then: done",
	  3 * H,
	  USD(1),
	  { 7 * H, 0, 0, 0 },
	  BILLING_SEC,
	  { true, 7 * H, 7 * H, 0, 0, 0, 7 * 0.36 } },
	{ "never as cheap: it waits to the end",
	  0,
	  USD(0.1),
	  { H, 0, 0, 0 },
	  BILLING_SEC,
	  { false, 10 * H, 0, 10 * H, 0, 0, 0 } },
};

static void same_outcome(const struct job_outcome *a, const struct job_outcome *b)
{
	assert_int_equal(a->finished, b->finished);
	assert_int_equal(a->makespan_s, b->makespan_s);
	assert_int_equal(a->ran_s, b->ran_s);
	assert_int_equal(a->waited_s, b->waited_s);
	assert_int_equal(a->lost_s, b->lost_s);
	assert_int_equal(a->interruptions, b->interruptions);
	assert_near(a->cost, b->cost, 1e-9 * (1 + b->cost));
}

static void test_by_hand(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct replay replay = { &series, 10 * H, cases[i].bid, cases[i].job,
					 cases[i].billing };
		struct job_outcome got;
		struct error err = ERROR_INIT;

		print_message("%s\n", cases[i].what);
		assert_int_equal(job_replay(&replay, cases[i].start, &got, &err), 0);
		same_outcome(&got, &cases[i].want);
	}
}

static void test_a_gap_is_the_end(void **state)
{
	static const struct price_point v[] = { { 0, USD(1) },
						{ 5 * H, PRICE_GAP },
						{ 6 * H, USD(1) } };
	struct price_series holed = { "z", v, ARRAY_SIZE(v) };
	struct replay replay = { &holed, 20 * H, USD(1), { 2 * H, 0, 0, 0 }, BILLING_SEC };
	struct job_outcome got;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(job_replay(&replay, 3 * H, &got, &err), 0);
	assert_true(got.finished);
	assert_int_equal(job_replay(&replay, 4 * H, &got, &err), 0);
	assert_false(got.finished);
	assert_int_equal(got.interruptions, 0);
	assert_int_equal(got.makespan_s, H);
	assert_near(got.cost, 1, 1e-12); /* it was not seen to be taken away: not free */
	assert_int_equal(job_replay(&replay, 5 * H, &got, &err), 0); /* nothing is known then */
	assert_false(got.finished);
	assert_int_equal(got.makespan_s, 0);
	assert_int_equal(job_replay(&replay, 6 * H, &got, &err), 0);
	assert_true(got.finished);
}

static void test_refuses(void **state)
{
	const struct job good = { H, 0, 0, 0 };
	const struct {
		struct job job;
		int64_t bid, start;
	} bad[] = {
		{ { 0, 0, 0, 0 }, 1, 0 },
		{ { -1, 0, 0, 0 }, 1, 0 },
		{ { H, -1, 0, 0 }, 1, 0 },
		{ { H, 0, -1, 0 }, 1, 0 },
		{ { H, 0, 0, -1 }, 1, 0 },
		{ { JOB_MAX_S + 1, 0, 0, 0 }, 1, 0 },
		{ good, 0, 0 },
		{ good, -1, 0 },
		{ good, 1, -1 },
		{ good, 1, 10 * H },
		{ good, 1, INT64_MIN },
		{ good, 1, INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct replay replay = { &series, 10 * H, bad[i].bid, bad[i].job, BILLING_SEC };
		struct job_outcome got = { .ran_s = 42 };
		struct error err = ERROR_INIT;

		assert_int_equal(job_replay(&replay, bad[i].start, &got, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_int_equal(got.ran_s, 42);
	}
	/* the longest of all jobs, with the most checkpoints, overflows nothing */
	struct replay longest = {
		&series, 10 * H, USD(9), { JOB_MAX_S, 1, JOB_MAX_S, JOB_MAX_S }, BILLING_HOUR2017
	};
	struct job_outcome got;
	struct error err = ERROR_INIT;
	assert_int_equal(job_replay(&longest, 0, &got, &err), 0);
	assert_false(got.finished);
	longest.until = INT64_C(1) << 59;
	longest.billing = BILLING_SEC_HOURLOCK;
	assert_int_equal(job_replay(&longest, 0, &got, &err), 0);
	assert_true(got.finished);
	assert_int_equal(got.makespan_s, JOB_MAX_S + JOB_MAX_S + (JOB_MAX_S - 1) * JOB_MAX_S);
}

static void test_names_of_billing(void **state)
{
	static const char *const wrong[] = { "", "SEC", "sec ", "hour", "seconds" };
	struct error err = ERROR_INIT;
	enum billing got;

	(void)state;
	for (int b = 0; b < BILLING_NR; b++) {
		assert_int_equal(billing_parse(billing_name((enum billing)b), &got, &err), 0);
		assert_int_equal(got, b);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(billing_parse(wrong[i], &got, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_non_null(strstr(err.hint, "sec_hourlock"));
	}
}

static void test_on_demand(void **state)
{
	static const struct {
		struct job job;
		enum billing billing;
		double want;
	} jobs[] = {
		{ { 24 * H, 1800, 60, 300 }, BILLING_SEC, 15.60 },
		{ { 24 * H, 1800, 60, 300 }, BILLING_HOUR2017, 15.60 },
		{ { 24 * H + 1, 0, 0, 0 }, BILLING_HOUR2017, 25 * 0.65 },
		{ { 24 * H + 1, 0, 0, 0 }, BILLING_SEC_HOURLOCK, 15.60 + 0.65 / 3600 },
		{ { 1, 0, 0, 0 }, BILLING_SEC, 0.65 / 60 },
		{ { 1, 0, 0, 0 }, BILLING_HOUR2017, 0.65 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_near(job_on_demand_cost(&jobs[i].job, USD(0.65), jobs[i].billing),
			    jobs[i].want, 1e-12);
}

/* --- a machine that ticks --------------------------------------------------------------------- */

static void check_bounds(const struct job_outcome *got, const struct replay *replay)
{
	double hours = (double)got->ran_s / (double)H;
	double billed = replay->billing == BILLING_HOUR2017
				? hours + 1 + got->interruptions
				: hours + (1 + got->interruptions) / 60.0;

	assert_true(got->cost >= 0);
	assert_true(got->cost <= (double)replay->bid / 1e6 * billed * (1 + 1e-12));
	assert_true(got->lost_s >= 0);
	assert_true(!got->finished || got->ran_s >= replay->job.work_s);
}

static void test_against_a_ticking_machine(void **state)
{
	static struct made_market m;
	size_t finished = 0, interrupted = 0;

	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct made made = { .points = 40,
				     .step_s = seed % 4 ? 2500 : 90,
				     .prices = 6,
				     .gaps = seed % 7 == 0 };
		struct error err = ERROR_INIT;
		struct job_outcome got, ticked, tabled;
		struct track track;

		made_market_init(&m, seed, &made);
		if (seed % 5 == 0)
			m.until -= (m.until - m.since) / 2;
		int64_t start = m.v[0].time + (int64_t)rng_below(&m.rng, 4000);
		struct replay replay = {
			.series = &m.series,
			.until = m.until,
			.bid = (1 + (int64_t)rng_below(&m.rng, 7)) * MADE_TICK,
			.job = { 1 + (int64_t)rng_below(&m.rng, seed % 3 ? 9000 : 100),
				 (int64_t)rng_below(&m.rng, 3) * 300,
				 (int64_t)rng_below(&m.rng, 3) * 40,
				 (int64_t)rng_below(&m.rng, 3) * 100 },
			.billing = (enum billing)(seed % BILLING_NR),
		};
		if (start >= m.until)
			continue;
		job_tick(&m, &replay, start, &ticked);
		assert_int_equal(job_replay(&replay, start, &got, &err), 0);
		same_outcome(&got, &ticked);
		check_bounds(&got, &replay);
		finished += got.finished;
		interrupted += got.interruptions > 0;
		/* the same with tables, to the last bit */
		struct job_terms terms = { replay.job, replay.billing };
		assert_int_equal(track_make(&m.series, m.until, replay.bid, &track, &err), 0);
		job_run(&track, &terms, track_find(&track, start), start, &tabled);
		same_outcome(&tabled, &got);
		assert_true(tabled.cost == got.cost);
		track_release(&track);
	}
	assert_true(finished > ROUNDS / 3 && interrupted > ROUNDS / 6);
}

/* Prices said again change nothing. */
static void test_restated_prices_change_nothing(void **state)
{
	struct price_point twice[3 * ARRAY_SIZE(steps)];
	struct price_series more = { "z", twice, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		twice[more.nr++] = (struct price_point){ steps[i].time, USD(7) }; /* replaced */
		twice[more.nr++] = steps[i];
		twice[more.nr++] = (struct price_point){ steps[i].time + 99, steps[i].micros };
	}
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct replay replay = { &more, 10 * H, cases[i].bid, cases[i].job,
					 cases[i].billing };
		struct job_outcome got;
		struct error err = ERROR_INIT;

		assert_int_equal(job_replay(&replay, cases[i].start, &got, &err), 0);
		same_outcome(&got, &cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_a_gap_is_the_end),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_names_of_billing),
		cmocka_unit_test(test_on_demand),
		cmocka_unit_test(test_against_a_ticking_machine),
		cmocka_unit_test(test_restated_prices_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
