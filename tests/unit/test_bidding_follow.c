/* SPDX-License-Identifier: Apache-2.0 */
/* The advice followed at every start: chosen by what was over then, judged by what came after. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bidding/advice.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "made_market.h"

#define USD(x) ((int64_t)((x)*1e6 + 0.5))
#define H      INT64_C(3600)
#define DAY    (24 * H)
#define T0     INT64_C(1577836800) /* 2020-01-01 */
#define ZONES  3
#define BIDS   3
#define ROUNDS 20

static const char *const names[ZONES] = { "b", "c", "a" };
static const int64_t bids[BIDS] = { 4 * MADE_TICK, 6 * MADE_TICK, 9 * MADE_TICK };
static struct made_market made_zones[ZONES];
static struct price_series zones[ZONES];

/* Three made-up zones of a few days; the moments tried before a start lie as far apart as starts. */
static struct walk made_walk(uint64_t seed)
{
	struct made made = { .points = MADE_POINTS, .step_s = 1500, .prices = 9 };
	struct walk walk = { .series = zones, .nr = ZONES, .since = INT64_MAX };
	struct rng *rng = &made_zones[0].rng;

	made.gaps = seed % 3 == 2;
	for (size_t z = 0; z < ZONES; z++) {
		made_market_init(&made_zones[z], seed * ZONES + z, &made);
		zones[z] = made_zones[z].series;
		zones[z].zone = names[z];
		if (made_zones[z].since < walk.since)
			walk.since = made_zones[z].since;
		if (made_zones[z].until > walk.until)
			walk.until = made_zones[z].until;
	}
	if (walk.until < walk.since + 60 * H)
		walk.until = walk.since + 60 * H;
	walk.train_s = 26 * H;
	walk.first = walk.since + 27 * H;
	walk.last = walk.first + 20 * H;
	walk.step_s = 900;
	walk.job = (struct job){ 600 + (int64_t)rng_below(rng, 6000), 600, 30, 60 };
	walk.limit_s = walk.job.work_s * 3 / 2;
	walk.billing = (enum billing)(seed % BILLING_NR);
	walk.on_demand = 8 * MADE_TICK;
	return walk;
}

/* --- the same, done the slow way -------------------------------------------------------------- */

static int64_t price_at(const struct price_series *series, int64_t now)
{
	int64_t price = MONEY_UNKNOWN;

	for (size_t i = 0; i < series->nr && series->v[i].time <= now; i++)
		price = series->v[i].micros < 0 ? MONEY_UNKNOWN : series->v[i].micros;
	return price;
}

/* One option, from a record that ends at `now`: it cannot know what comes. */
static struct advice_option look_back(const struct walk *walk, size_t zone, int64_t bid,
				      int64_t now)
{
	struct advice_option option = { .zone = names[zone],
					.bid = bid,
					.now = price_at(&zones[zone], now) };
	struct walk_result *r = &option.result;
	struct replay replay = { &zones[zone], now, bid, walk->job, walk->billing };

	for (int64_t s = walk->first - 200 * walk->step_s; s + walk->limit_s <= now;
	     s += walk->step_s) {
		struct job_outcome out = { 0 };
		struct error err = ERROR_INIT;

		if (s < now - walk->train_s || s < walk->since)
			continue;
		r->starts++;
		if (price_at(&zones[zone], s) == MONEY_UNKNOWN) {
			r->unknown++;
			continue;
		}
		assert_int_equal(job_replay(&replay, s, &out, &err), 0);
		if (!out.finished) {
			r->unknown += out.makespan_s < walk->limit_s;
			continue;
		}
		r->in_time += out.makespan_s <= walk->limit_s;
		r->finished++;
		r->mean_cost += out.cost;
		r->interruptions += out.interruptions;
	}
	if (r->finished) {
		r->mean_cost /= (double)r->finished;
		r->interruptions /= (double)r->finished;
	}
	return option;
}

struct slow {
	size_t chosen[ZONES], on_demand, finished, in_time, unknown;
	double cost;
};

static void slow_start(const struct walk *walk, int64_t now, struct slow *s)
{
	struct advice_option options[ZONES * BIDS + 1];
	struct arena arena = { 0 };
	struct advice_choice choice;
	struct job_outcome out = { 0 };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < ZONES * BIDS; i++)
		options[i] = look_back(walk, i / BIDS, bids[i % BIDS], now);
	options[ZONES * BIDS] = (struct advice_option){ .now = MONEY_UNKNOWN };
	walk_on_demand(walk, &options[ZONES * BIDS].result);
	options[ZONES * BIDS].result.p95_cost = options[ZONES * BIDS].result.p95_makespan_s = 0;
	advice_choose(walk, options, ARRAY_SIZE(options), NULL, &arena, &choice);
	arena_release(&arena);
	if (choice.best == ZONES * BIDS) {
		s->on_demand++;
		s->finished++;
		s->in_time++;
		s->cost += options[choice.best].result.mean_cost;
		return;
	}
	size_t zone = choice.best / BIDS;
	struct replay replay = { &zones[zone], walk->until, bids[choice.best % BIDS], walk->job,
				 walk->billing };
	s->chosen[zone]++;
	assert_int_equal(job_replay(&replay, now, &out, &err), 0);
	if (!out.finished) {
		s->unknown += out.makespan_s < walk->limit_s;
		return;
	}
	s->finished++;
	s->in_time += out.makespan_s <= walk->limit_s;
	s->cost += out.cost;
}

static void test_as_if_each_start_were_today(void **state)
{
	size_t spot = 0, none = 0;

	(void)state;
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct walk walk = made_walk(seed);
		struct arena arena = { 0 };
		struct advice_followed got;
		struct slow want = { 0 };
		struct error err = ERROR_INIT;

		assert_int_equal(advice_follow(&walk, bids, BIDS, &arena, &got, &err), 0);
		for (int64_t start = walk.first; start <= walk.last; start += walk.step_s)
			slow_start(&walk, start, &want);
		assert_int_equal(got.result.starts, 81);
		assert_int_equal(got.on_demand, want.on_demand);
		assert_memory_equal(got.chosen, want.chosen, sizeof(want.chosen));
		assert_int_equal(got.result.finished, want.finished);
		assert_int_equal(got.result.in_time, want.in_time);
		assert_int_equal(got.result.unknown, want.unknown);
		assert_true(fabs(got.result.mean_cost * (double)want.finished - want.cost) < 1e-9);
		none += want.on_demand;
		spot += got.result.starts - want.on_demand;
		arena_release(&arena);
	}
	assert_true(spot > 100 && none > 40);
}

/* --- what can be told by hand ----------------------------------------------------------------- */

static const int64_t half[] = { USD(0.51) };

static void follow(const struct walk *walk, struct arena *arena, struct advice_followed *ret)
{
	struct error err = ERROR_INIT;

	assert_int_equal(advice_follow(walk, half, 1, arena, ret, &err), 0);
	assert_int_equal(ret->result.starts, (walk->last - walk->first) / walk->step_s + 1);
}

/* 90 days, on demand $1; the best in hindsight is the zone that was no bargain before. */
static void test_hindsight_is_not_foresight(void **state)
{
	static const struct price_point before[] = { { T0, USD(0.2) },
						     { T0 + 46 * DAY, USD(0.5) } };
	static const struct price_point after[] = { { T0, USD(0.4) }, { T0 + 46 * DAY, USD(0.1) } };
	const struct price_series both[] = { { .zone = "a", .v = before, .nr = 2 },
					     { .zone = "b", .v = after, .nr = 2 } };
	struct walk walk = { .series = both,
			     .nr = 2,
			     .since = T0,
			     .until = T0 + 90 * DAY,
			     .job = { .work_s = H },
			     .on_demand = USD(1) };
	struct walk_result hindsight;
	struct arena arena = { 0 };
	struct advice_followed got;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(walk_starts(&walk, &err), 0);
	assert_int_equal(walk_zone(&walk, 1, half[0], &hindsight, &err), 0);
	follow(&walk, &arena, &got);
	assert_true(hindsight.mean_cost < 0.11);
	assert_true(got.chosen[0] > 0 && got.chosen[1] > 0 && !got.on_demand);
	/* at $0.5 for as long as the look-back holds a good word for the zone */
	double want = (0.5 * (double)got.chosen[0] + 0.1 * (double)got.chosen[1]) / 499;
	assert_true(fabs(got.result.mean_cost - want) < 0.01);
	assert_true(got.result.mean_cost > 1.5 * hindsight.mean_cost);
	arena_release(&arena);
}

/* Starts a week apart: what lies between them is looked at as well. */
static void test_sparse_starts_are_proven(void **state)
{
	static const struct price_point calm[] = { { T0, USD(0.2) } };
	const struct price_series one[] = { { .zone = "a", .v = calm, .nr = 1 } };
	struct walk walk = { .series = one,
			     .nr = 1,
			     .since = T0,
			     .until = T0 + 200 * DAY,
			     .train_s = 20 * DAY,
			     .first = T0 + 30 * DAY,
			     .last = T0 + 100 * DAY,
			     .step_s = 7 * DAY,
			     .job = { .work_s = H },
			     .on_demand = USD(1) };
	struct arena arena = { 0 };
	struct advice_followed got;

	(void)state;
	follow(&walk, &arena, &got);
	assert_int_equal(got.chosen[0], 11);
	/* none is over in so short a look-back, or none is known: no bid is proven */
	walk.limit_s = 20 * DAY;
	follow(&walk, &arena, &got);
	assert_int_equal(got.on_demand, 11);
	assert_int_equal(got.result.in_time, 11);
	assert_true(got.result.mean_cost > 0.9999 && got.result.mean_cost < 1.0001);
	walk.limit_s = 0;
	walk.first = walk.since;
	walk.last = walk.first;
	follow(&walk, &arena, &got);
	assert_int_equal(got.on_demand, 1);
	arena_release(&arena);
}

/* Longer than the limit even on demand: nothing is ever advised. */
static void test_nothing_will_do(void **state)
{
	static const struct price_point calm[] = { { T0, USD(0.2) } };
	const struct price_series one[] = { { .zone = "a", .v = calm, .nr = 1 } };
	struct walk walk = { .series = one,
			     .nr = 1,
			     .since = T0,
			     .until = T0 + 90 * DAY,
			     .job = { .work_s = 2 * H },
			     .limit_s = H,
			     .on_demand = USD(1) };
	struct arena arena = { 0 };
	struct advice_followed got;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(walk_starts(&walk, &err), 0);
	follow(&walk, &arena, &got);
	assert_int_equal(got.result.none, got.result.starts);
	/* no bids at all is on demand at every start */
	walk.limit_s = 0;
	assert_int_equal(advice_follow(&walk, NULL, 0, &arena, &got, &err), 0);
	assert_int_equal(got.on_demand, got.result.starts);
	arena_release(&arena);
}

static void test_refuses(void **state)
{
	static const struct price_point unsorted[] = { { T0 + 2, 1 }, { T0 + 1, 2 } };
	static const int64_t none[] = { USD(0.51), 0 };
	const struct price_series bad[] = { { .zone = "u", .v = unsorted, .nr = 2 } };
	const struct walk good = { .series = bad,
				   .since = T0,
				   .until = T0 + 90 * DAY,
				   .train_s = DAY,
				   .first = T0 + 2 * DAY,
				   .last = T0 + 2 * DAY,
				   .step_s = H,
				   .job = { .work_s = H },
				   .on_demand = USD(1) };
	struct walk walks[] = { good, good, good };
	struct arena arena = { 0 };
	struct advice_followed got = { .on_demand = 42 };

	(void)state;
	walks[0].nr = 1;     /* its prices are out of order */
	walks[1].step_s = 1; /* a day looked back at, second by second */
	walks[2].on_demand = 0;
	for (size_t i = 0; i < ARRAY_SIZE(walks); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(advice_follow(&walks[i], half, 1, &arena, &got, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
	}
	struct error err = ERROR_INIT;
	assert_int_equal(advice_follow(&good, none, 2, &arena, &got, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(got.on_demand, 42);
	arena_release(&arena);
}

/* --- the words -------------------------------------------------------------------------------- */

static const char *second_reason(const struct advice_followed *followed)
{
	static const struct walk walk = { .job = { .work_s = DAY }, .on_demand = USD(1) };
	static const struct walk_result fine = {
		.starts = 100, .finished = 100, .in_time = 100, .mean_cost = 6
	};
	static const struct advice_option options[] = {
		{ .zone = "a", .bid = USD(0.51), .now = USD(0.3), .result = fine }
	};
	static struct arena arena;
	static char text[256];
	struct advice_choice got;

	advice_choose(&walk, options, 1, followed, &arena, &got);
	assert_int_equal(got.best, 0);
	assert_true(strlen(got.reasons[1]) < sizeof(text));
	memcpy(text, got.reasons[1], strlen(got.reasons[1]) + 1);
	arena_release(&arena);
	return text;
}

static void test_it_stands_beside_the_choice(void **state)
{
	struct advice_followed followed = {
		.result = { .starts = 100, .finished = 92, .in_time = 92, .mean_cost = 7.5 }
	};

	(void)state;
	assert_string_equal(second_reason(&followed),
			    "chosen anew at every start, by what was known then, jobs would have "
			    "cost $7.5000 on average, 92.0 % of them in time");
	followed.result.mean_cost = 24.1;
	assert_non_null(strstr(second_reason(&followed), "in time, which is more than on demand"));
	followed.result.mean_cost = 24;
	followed.on_demand = 100;
	assert_non_null(strstr(second_reason(&followed), "in time: on demand each time"));
	followed.result.finished = followed.result.in_time = 0;
	assert_non_null(strstr(second_reason(&followed), "no job would have been finished"));
	followed.result.none = 100; /* nothing was ever advised: nothing is to be told */
	assert_null(strstr(second_reason(&followed), "chosen anew"));
	assert_null(strstr(second_reason(NULL), "chosen anew"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_if_each_start_were_today),
		cmocka_unit_test(test_hindsight_is_not_foresight),
		cmocka_unit_test(test_sparse_starts_are_proven),
		cmocka_unit_test(test_nothing_will_do),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_it_stands_beside_the_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
