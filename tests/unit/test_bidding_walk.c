/* SPDX-License-Identifier: Apache-2.0 */
/* Walk-forward: what is decided sees only the past, what is judged only the future. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bidding/walk.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "made_market.h"

#define USD(x) ((int64_t)((x)*1e6 + 0.5))
#define H      INT64_C(3600)
#define DAY    (24 * H)
#define ZONES  4
#define ROUNDS 150
#define NEAR   1e-12

#define assert_near(a, b, epsilon) assert_true(fabs((a) - (b)) <= (epsilon))

static const char *const names[ZONES] = { "d", "b", "c", "a" };
static struct made_market made_zones[ZONES];
static struct price_series zones[ZONES];

/* A walk over four made-up zones of about two days, whose tops lie around on demand ($0.40). */
static struct walk made_walk(uint64_t seed, bool gaps)
{
	struct made made = { .points = 200, .step_s = 1500, .prices = 9, .gaps = gaps };
	struct walk walk = { .series = zones, .nr = ZONES, .since = INT64_MAX };
	struct rng *rng = &made_zones[0].rng;

	for (size_t z = 0; z < ZONES; z++) {
		made.prices = 5 + (seed + z) % 5;
		made_market_init(&made_zones[z], seed * ZONES + z, &made);
		zones[z] = made_zones[z].series;
		zones[z].zone = names[z];
		if (made_zones[z].since < walk.since)
			walk.since = made_zones[z].since;
		if (made_zones[z].until > walk.until)
			walk.until = made_zones[z].until;
	}
	if (walk.until < walk.since + 20 * H)
		walk.until = walk.since + 20 * H;
	walk.train_s = 1 + (int64_t)rng_below(rng, 40 * H);
	walk.first = walk.since + (int64_t)rng_below(rng, 10 * H);
	walk.last = walk.first + (int64_t)rng_below(rng, 8 * H);
	walk.step_s = 900;
	walk.job = (struct job){ 1 + (int64_t)rng_below(rng, 6000), 600, 30, 60 };
	walk.billing = (enum billing)(seed % BILLING_NR);
	walk.on_demand = 8 * MADE_TICK;
	return walk;
}

static int64_t train_from(const struct walk *walk, int64_t start)
{
	return start - walk->train_s > walk->since ? start - walk->train_s : walk->since;
}

/* --- the same, done the slow way -------------------------------------------------------------- */

struct slow {
	size_t starts, finished, in_time, unknown, uninterrupted, none, dearer;
	double cost, makespan, interruptions, predicted;
	double costs[WALK_STARTS_MAX];
	size_t predictions;
};

static void slow_run(const struct walk *walk, size_t zone, int64_t bid, int64_t start,
		     struct slow *s)
{
	struct replay replay = { &walk->series[zone], walk->until, bid, walk->job, walk->billing };
	struct job_outcome out;
	struct error err = ERROR_INIT;
	double predicted = 0;

	s->starts++;
	if (job_replay(&replay, start, &out, &err) < 0 ||
	    (!out.finished && !out.makespan_s)) { /* nothing known at the start */
		s->unknown++;
		return;
	}
	if (bid_survival(&walk->series[zone], train_from(walk, start), start, bid, walk->job.work_s,
			 &predicted, &err) < 0)
		predicted = 0;
	s->predicted += predicted;
	s->predictions++;
	if (!out.finished) {
		s->unknown += out.makespan_s < 2 * walk->job.work_s;
		return;
	}
	s->costs[s->finished++] = out.cost;
	s->in_time += out.makespan_s <= 2 * walk->job.work_s;
	s->uninterrupted += out.interruptions == 0 && out.waited_s == 0;
	s->cost += out.cost;
	s->makespan += (double)out.makespan_s;
	s->interruptions += out.interruptions;
	s->dearer += out.cost > job_on_demand_cost(&walk->job, walk->on_demand, walk->billing);
}

static size_t slow_choice(const struct walk *walk, int64_t bid, int64_t start,
			  enum zone_order order)
{
	struct zone_score scores[ZONES];
	size_t ranks[ZONES];
	struct zone_choice choice = { .v = scores, .order = ranks };
	struct error err = ERROR_INIT;
	int64_t from = train_from(walk, start);

	if (start <= from)
		return SIZE_MAX;
	assert_int_equal(zone_choose(walk->series, walk->nr, from, start, bid, walk->on_demand,
				     order, &choice, &err),
			 0);
	return choice.nr_eligible ? choice.order[0] : SIZE_MAX;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void same_result(const struct walk_result *got, struct slow *want)
{
	double n = (double)want->finished;

	assert_int_equal(got->starts, want->starts);
	assert_int_equal(got->finished, want->finished);
	assert_int_equal(got->in_time, want->in_time);
	assert_int_equal(got->unknown, want->unknown);
	assert_int_equal(got->uninterrupted, want->uninterrupted);
	assert_int_equal(got->none, want->none);
	assert_near(got->predicted_survival,
		    want->predictions ? want->predicted / (double)want->predictions : 0, NEAR);
	if (!want->finished) {
		assert_true(got->mean_cost == 0 && got->p95_makespan_s == 0);
		return;
	}
	assert_near(got->mean_cost, want->cost / n, NEAR);
	assert_near(got->mean_makespan_s, want->makespan / n, 1e-6);
	assert_near(got->interruptions, want->interruptions / n, NEAR);
	assert_near(got->dearer_than_on_demand, (double)want->dearer / n, NEAR);
	qsort(want->costs, want->finished, sizeof(double), by_value);
	assert_true(got->p95_cost == want->costs[(want->finished * 95 + 99) / 100 - 1]);
}

static void test_a_zone_as_if_start_by_start(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct walk walk = made_walk(seed, seed % 2);
		size_t zone = seed % ZONES;
		struct walk_result got;
		struct slow want = { 0 };
		struct error err = ERROR_INIT;
		int64_t bid = (1 + (int64_t)(seed % 11)) * MADE_TICK;

		assert_int_equal(walk_zone(&walk, zone, bid, &got, &err), 0);
		for (int64_t at = walk.first; at <= walk.last; at += walk.step_s)
			slow_run(&walk, zone, bid, at, &want);
		same_result(&got, &want);
	}
}

static void test_the_rule_as_if_start_by_start(void **state)
{
	size_t chosen_at_all = 0;

	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct walk walk = made_walk(seed, seed % 3 == 0);
		enum zone_order order = seed % 2 ? ZONE_BY_PRICE : ZONE_BY_STABILITY;
		size_t chosen[ZONES], want_chosen[ZONES] = { 0 };
		struct walk_result got;
		struct slow want = { 0 };
		struct error err = ERROR_INIT;
		int64_t bid = (4 + (int64_t)(seed % 7)) * MADE_TICK;

		assert_int_equal(walk_rule(&walk, bid, order, &got, chosen, &err), 0);
		for (int64_t at = walk.first; at <= walk.last; at += walk.step_s) {
			size_t zone = slow_choice(&walk, bid, at, order);

			if (zone == SIZE_MAX) {
				want.starts++;
				want.none++;
				continue;
			}
			want_chosen[zone]++;
			chosen_at_all++;
			slow_run(&walk, zone, bid, at, &want);
		}
		for (size_t z = 0; z < ZONES; z++)
			assert_int_equal(chosen[z], want_chosen[z]);
		same_result(&got, &want);
	}
	assert_true(chosen_at_all > ROUNDS);
}

/* --- past and future -------------------------------------------------------------------------- */

static void change(struct made_market *m, bool before, int64_t start)
{
	struct price_point *in_force = NULL;

	for (size_t i = 0; i < m->series.nr; i++)
		if (m->v[i].time <= start)
			in_force = &m->v[i];
	for (size_t i = 0; i < m->series.nr; i++)
		if ((m->v[i].time < start) == before && &m->v[i] != in_force)
			m->v[i].micros = (1 + (int64_t)rng_below(&m->rng, 9)) * MADE_TICK;
}

static void test_a_decision_knows_nothing_of_what_comes(void **state)
{
	size_t decided = 0;

	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct walk walk = made_walk(seed, false);
		size_t before[ZONES], after[ZONES];
		struct walk_result first, second;
		struct error err = ERROR_INIT;
		int64_t bid = 6 * MADE_TICK;

		walk.last = walk.first; /* one start */
		assert_int_equal(walk_rule(&walk, bid, ZONE_BY_STABILITY, &first, before, &err), 0);
		for (size_t z = 0; z < ZONES; z++)
			for (size_t i = 0; i < zones[z].nr; i++)
				if (made_zones[z].v[i].time >= walk.first)
					made_zones[z].v[i].micros =
						(1 + (int64_t)rng_below(&made_zones[z].rng, 9)) *
						MADE_TICK;
		assert_int_equal(walk_rule(&walk, bid, ZONE_BY_STABILITY, &second, after, &err), 0);
		assert_memory_equal(before, after, sizeof(before));
		assert_int_equal(first.none, second.none);
		assert_true(first.predicted_survival == second.predicted_survival ||
			    first.unknown != second.unknown);
		decided += !first.none;
	}
	assert_true(decided > ROUNDS / 10);
}

static void test_an_outcome_knows_nothing_of_what_was(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct walk walk = made_walk(seed, false);
		struct walk_result first, second;
		struct error err = ERROR_INIT;

		walk.last = walk.first;
		assert_int_equal(walk_zone(&walk, 0, 4 * MADE_TICK, &first, &err), 0);
		change(&made_zones[0], true, walk.first);
		assert_int_equal(walk_zone(&walk, 0, 4 * MADE_TICK, &second, &err), 0);
		first.predicted_survival = second.predicted_survival = 0; /* that is of the past */
		assert_memory_equal(&first, &second, sizeof(first));
	}
}

/* --- which starts ----------------------------------------------------------------------------- */

static const struct price_point flat[] = { { 0, USD(0.3) } };
static const struct price_series flat_zone[] = { { "z", flat, 1 } };

static void test_starts(void **state)
{
	static const struct {
		int64_t days, work_s, limit_s;
		int rc;
		int64_t train_days; /* of a success */
	} cases[] = {
		{ 90, 24 * H, 0, 0, 45 }, /* what EC2 keeps */
		{ 365, 24 * H, 0, 0, 90 },
		{ 730, 24 * H, 0, 0, 90 },
		{ 180, 24 * H, 0, 0, 90 },
		{ 30, 24 * H, 0, 0, 15 },
		{ 90, 15 * DAY, 0, 0, 45 }, /* 45 days for starts and what follows them */
		{ 90, 22 * DAY, 0, 0, 24 }, /* starts over 22 days, 44 after them: 24 are left */
		{ 88, 30 * DAY, 0, 0, 22 }, /* a quarter, and starts over 6 days */
		{ 88, 33 * DAY, 0, -1, 0 },
		{ 365, 150 * DAY, 0, -1, 0 },
		{ 4, 24 * H, 0, 0, 1 },
		{ 3, 24 * H, 0, -1, 0 },
		{ 1, H, 0, 0, 0 },
		{ 90, 24 * H, 40 * DAY, 0, 45 }, /* a wide limit keeps its room as well */
		{ 90, 24 * H, 68 * DAY, -1, 0 },
		{ 0, H, 0, -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct walk walk = { .series = flat_zone,
				     .nr = 1,
				     .since = -1000 * DAY, /* nothing is known before 0 */
				     .until = cases[i].days * DAY,
				     .job = { .work_s = cases[i].work_s },
				     .limit_s = cases[i].limit_s,
				     .on_demand = USD(1) };
		struct error err = ERROR_INIT;
		struct walk_result got;
		int64_t limit = walk_limit(&walk);

		assert_int_equal(walk_starts(&walk, &err), cases[i].rc);
		if (cases[i].rc) {
			assert_int_equal(err.kind, ERROR_NOT_FOUND);
			assert_int_equal(walk.step_s, 0);
			continue;
		}
		if (cases[i].train_days)
			assert_int_equal(walk.train_s, cases[i].train_days * DAY);
		assert_true(walk.train_s <= walk.first && walk.first <= walk.last);
		assert_true(walk.last + 2 * cases[i].work_s <= walk.until);
		assert_true(walk.last + limit <= walk.until);
		assert_true(walk.step_s >= H);
		assert_true((walk.last - walk.first) / walk.step_s >= 9);
		assert_true((walk.last - walk.first) / walk.step_s < 500);
		assert_int_equal(walk_zone(&walk, 0, USD(0.5), &got, &err), 0);
		assert_int_equal(got.finished, got.starts);
		assert_int_equal(got.in_time, got.starts);
		assert_int_equal(got.uninterrupted, got.starts);
	}
}

/* The length that the error asks for is enough, and a second less is not. */
static void test_the_error_says_how_long_it_must_be(void **state)
{
	static const int64_t works[] = { 1, H, DAY, 30 * DAY, 44 * DAY, 60 * DAY, 300 * DAY };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(works); i++) {
		int64_t after = 2 * works[i] + 9 * H;
		int64_t least = after < 270 * DAY ? (4 * after + 2) / 3 : after + 90 * DAY;
		struct walk walk = {
			.series = flat_zone, .nr = 1, .until = least, .job = { .work_s = works[i] }
		};
		struct error err = ERROR_INIT;

		assert_int_equal(walk_starts(&walk, &err), 0);
		walk.until = least - 2;
		assert_int_equal(walk_starts(&walk, &err), -1);
		assert_int_equal(err.kind, ERROR_NOT_FOUND);
		assert_non_null(strstr(err.message, "are known"));
		assert_true(err.hint[0]);
	}
}

static void test_refuses(void **state)
{
	static const struct price_point unsorted[] = { { 20, 1 }, { 10, 2 } };
	const struct price_series bad_zone[] = { { "u", unsorted, 2 } };
	const struct walk good = { .series = flat_zone,
				   .nr = 1,
				   .until = 90 * DAY,
				   .train_s = DAY,
				   .first = DAY,
				   .last = 2 * DAY,
				   .step_s = H,
				   .job = { .work_s = H },
				   .on_demand = USD(1) };
	struct walk bad[9];
	struct walk_result got = { .starts = 42 };
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].step_s = 0;
	bad[1].first = 3 * DAY;
	bad[2].last = 90 * DAY;
	bad[3].first = -1;
	bad[4].step_s = 43; /* more than 2000 */
	bad[5].on_demand = MONEY_UNKNOWN;
	bad[6].train_s = 0;
	bad[7].job.work_s = 0;
	bad[8].series = bad_zone;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(walk_zone(&bad[i], 0, 1, &got, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_int_equal(walk_rule(&bad[i], 1, ZONE_BY_PRICE, &got, NULL, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
	}
	assert_int_equal(walk_zone(&good, 1, 1, &got, &err), -1);
	assert_int_equal(walk_zone(&good, 0, 0, &got, &err), -1);
	assert_int_equal(got.starts, 42);
	assert_int_equal(walk_zone(&good, 0, 1, &got, &err), 0);
	assert_int_equal(got.starts, 25);
}

static void test_on_demand_line(void **state)
{
	struct walk walk = { .series = flat_zone,
			     .nr = 1,
			     .until = 90 * DAY,
			     .job = { DAY, 1800, 60, 300 },
			     .on_demand = USD(0.65) };
	struct walk_result got;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(walk_starts(&walk, &err), 0);
	walk_on_demand(&walk, &got);
	assert_near(got.mean_cost, 15.6, NEAR);
	assert_int_equal(got.in_time, got.starts);
	walk.limit_s = DAY - 1;
	walk_on_demand(&walk, &got);
	assert_int_equal(got.in_time, 0);
}

/* On both sides of the limit: 300 s to boot, a day's work, 47 checkpoints of a minute. */
static void test_the_limit(void **state)
{
	struct walk walk = { .series = flat_zone,
			     .nr = 1,
			     .until = 90 * DAY,
			     .job = { DAY, 1800, 60, 300 },
			     .on_demand = USD(0.65) };
	struct walk_result got;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(walk_starts(&walk, &err), 0);
	walk.limit_s = 300 + DAY + 47 * 60;
	assert_int_equal(walk_zone(&walk, 0, USD(0.3), &got, &err), 0);
	assert_int_equal(got.in_time, got.starts);
	walk.limit_s--;
	assert_int_equal(walk_zone(&walk, 0, USD(0.3), &got, &err), 0);
	assert_int_equal(got.finished, got.starts);
	assert_int_equal(got.in_time, 0);
	assert_int_equal(got.unknown, 0);
	/* waiting in vain: late where the limit was over, unknown where the record was */
	walk.limit_s = 10 * DAY;
	walk.last = walk.until - 1;
	assert_int_equal(walk_zone(&walk, 0, USD(0.2), &got, &err), 0);
	assert_int_equal(got.finished, 0);
	size_t late = (size_t)((walk.until - 10 * DAY - walk.first) / walk.step_s) + 1;
	assert_int_equal(got.unknown, got.starts - late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_zone_as_if_start_by_start),
		cmocka_unit_test(test_the_rule_as_if_start_by_start),
		cmocka_unit_test(test_a_decision_knows_nothing_of_what_comes),
		cmocka_unit_test(test_an_outcome_knows_nothing_of_what_was),
		cmocka_unit_test(test_starts),
		cmocka_unit_test(test_the_error_says_how_long_it_must_be),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_on_demand_line),
		cmocka_unit_test(test_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
