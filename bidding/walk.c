/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/walk.h"

#include <stdlib.h>

#include "bidding/judge.h"
#include "bidding/lane.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/timefmt.h"

#define HOUR	   INT64_C(3600)
#define DAY	   (24 * HOUR)
#define TRAIN_MAX  (90 * DAY)
#define STARTS	   500
#define STARTS_MIN 10

/* The first moment at which a price of any zone is known; until where there is none. */
static int64_t known_from(const struct walk *walk)
{
	int64_t first = walk->until;

	for (size_t z = 0; z < walk->nr; z++) {
		const struct price_series *series = &walk->series[z];

		for (size_t i = 0; i < series->nr && series->v[i].time < first; i++) {
			int64_t end = i + 1 < series->nr ? series->v[i + 1].time : walk->until;

			if (series->v[i].micros < 0 || end <= walk->since)
				continue;
			first = series->v[i].time > walk->since ? series->v[i].time : walk->since;
			break;
		}
	}
	return first;
}

static int64_t least_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A job needs `after` seconds to be tried in, behind a quarter of the record to look back at. */
static int too_short(int64_t known, int64_t after, struct error *err)
{
	int64_t needed = least_of((4 * after + 2) / 3, after + TRAIN_MAX);
	char have[TIME_TEXT_MAX], need[TIME_TEXT_MAX];

	duration_format(have, known);
	duration_format(need, needed);
	error_set(err, ERROR_NOT_FOUND,
		  "%s of prices are known, and to try a job of this length on them takes %s", have,
		  need);
	return error_hint(err, "look further back, or try a shorter job");
}

int walk_starts(struct walk *walk, struct error *err)
{
	int64_t span, known, tail;

	if (job_check(&walk->job, err) < 0)
		return -1;
	if (walk->limit_s < 0 || walk->limit_s > JOB_MAX_S)
		return error_set(err, ERROR_USAGE, "the time limit of a job is out of range");
	if (walk->until <= walk->since || __builtin_sub_overflow(walk->until, walk->since, &span))
		return error_set(err, ERROR_USAGE,
				 "the window of prices ends no later than it begins");
	known = walk->until - known_from(walk);
	tail = most_of(2 * walk->job.work_s, walk_limit(walk));

	/* Starts that lie closer together than a job is long are hardly more than one. */
	int64_t wanted = known - tail - most_of(walk->job.work_s, (STARTS_MIN - 1) * HOUR);
	int64_t train = most_of(least_of(known / 2, wanted), known / 4);
	train = least_of(train, TRAIN_MAX);
	int64_t first = walk->until - known + train, last = walk->until - tail;
	if (last - first < (STARTS_MIN - 1) * HOUR)
		return too_short(known, tail + (STARTS_MIN - 1) * HOUR, err);
	walk->train_s = train;
	walk->first = first;
	walk->last = last;
	walk->step_s = most_of((last - first + STARTS - 2) / (STARTS - 1), HOUR);
	return 0;
}

/* --- one zone --------------------------------------------------------------------------------- */

int walk_zone(const struct walk *walk, size_t zone, int64_t bid, struct walk_result *ret,
	      struct error *err)
{
	struct tally tally;
	struct lane lane;

	if (walk_check(walk, bid, err) < 0)
		return -1;
	if (zone >= walk->nr)
		return error_set(err, ERROR_USAGE, "there is no such zone in the walk");
	if (lane_make(walk, zone, bid, &lane, err) < 0)
		return -1;
	tally_init(&tally, walk);
	for (size_t n = 0; n < walk_count(walk); n++)
		lane_run(&lane, walk->first + (int64_t)n * walk->step_s, &tally);
	tally_finish(&tally, ret);
	lane_release(&lane);
	return 0;
}

/* --- the rule --------------------------------------------------------------------------------- */

static size_t choose(const struct walk *walk, const struct lane *lanes, int64_t start,
		     enum zone_order order)
{
	struct zone_score best = { 0 }, score;
	size_t chosen = SIZE_MAX;

	for (size_t z = 0; z < walk->nr; z++) {
		past_score(&lanes[z].past, walk_train_from(walk, start), start, &score);
		if (score.verdict != ZONE_OK)
			continue;
		if (chosen == SIZE_MAX || zone_compare(&score, &best, order) < 0) {
			best = score;
			chosen = z;
		}
	}
	return chosen;
}

static void run_rule(const struct walk *walk, const struct lane *lanes, enum zone_order order,
		     struct walk_result *ret, size_t *chosen)
{
	struct tally tally;

	tally_init(&tally, walk);
	for (size_t z = 0; chosen && z < walk->nr; z++)
		chosen[z] = 0;
	for (size_t n = 0; n < walk_count(walk); n++) {
		int64_t start = walk->first + (int64_t)n * walk->step_s;
		size_t z = choose(walk, lanes, start, order);

		if (z == SIZE_MAX) {
			tally_none(&tally);
			continue;
		}
		if (chosen)
			chosen[z]++;
		lane_run(&lanes[z], start, &tally);
	}
	tally_finish(&tally, ret);
}

int walk_rule(const struct walk *walk, int64_t bid, enum zone_order order, struct walk_result *ret,
	      size_t *chosen, struct error *err)
{
	struct lane *lanes;
	size_t made = 0;

	if (walk_check(walk, bid, err) < 0)
		return -1;
	lanes = xcalloc(walk->nr, sizeof(*lanes));
	for (; made < walk->nr; made++) {
		if (lane_make(walk, made, bid, &lanes[made], err) < 0)
			break;
		past_make_rule(&lanes[made].past, walk->on_demand);
	}
	if (made == walk->nr)
		run_rule(walk, lanes, order, ret, chosen);
	for (size_t z = 0; z < made; z++)
		lane_release(&lanes[z]);
	free(lanes);
	return made == walk->nr ? 0 : -1;
}

void walk_on_demand(const struct walk *walk, struct walk_result *ret)
{
	double cost = job_on_demand_cost(&walk->job, walk->on_demand, walk->billing);
	double makespan = (double)walk->job.work_s;
	size_t starts = walk_count(walk);

	*ret = (struct walk_result){
		.starts = starts,
		.finished = starts,
		.in_time = walk->job.work_s <= walk_limit(walk) ? starts : 0,
		.uninterrupted = starts,
		.mean_cost = cost,
		.p95_cost = cost,
		.mean_makespan_s = makespan,
		.p95_makespan_s = makespan,
		.predicted_survival = 1,
	};
}
