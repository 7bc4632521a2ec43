/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What following the advice would have come to. Every zone and bid is run once from every moment of
 * a grid that holds the starts and what lies before them; a decision then only adds up those runs
 * whose time limit was over when it was made. Of a run that went on beyond its limit, the cost
 * counts only if it had ended by then.
 */
#include <stdlib.h>

#include "bidding/advice.h"
#include "bidding/choose.h"
#include "bidding/lane.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

#define LOOK_BACK_MIN 100 /* moments tried in the time looked back at, where starts lie sparsely */
#define FINER_MAX     64
#define GRID_MAX      (16 * WALK_STARTS_MAX)

enum run_state {
	RUN_UNTOLD, /* nothing was known at its start, or a gap came before its limit */
	RUN_LATE,
	RUN_IN_TIME,
};

/* One job of one lane. */
struct run {
	enum run_state state;
	unsigned interruptions;
	int64_t end; /* INT64_MAX: it met the end of the record or a gap */
	double cost;
};

struct follower {
	const struct walk *walk;
	const int64_t *bids;
	size_t nr_bids, nr_lanes; /* a zone's lanes lie side by side, its bids in their order */
	struct lane *lanes;
	int64_t from, step_s; /* the grid */
	size_t nr_runs;
	struct run *runs; /* of each lane, nr_runs in order of time */
};

static void lay_grid(struct follower *f)
{
	const struct walk *walk = f->walk;
	int64_t train = walk->first - walk_train_from(walk, walk->first);
	int64_t finer = train ? LOOK_BACK_MIN / (train / walk->step_s + 1) : 0;

	/* The starts themselves must lie on it: only a divisor of their distance will do. */
	finer = finer < 1 ? 1 : finer > FINER_MAX ? FINER_MAX : finer;
	while (walk->step_s % finer)
		finer--;
	f->step_s = walk->step_s / finer;
	f->from = walk->first - train / f->step_s * f->step_s;
	f->nr_runs = (size_t)((walk->last - f->from) / f->step_s) + 1;
}

static struct run run_of(const struct follower *f, const struct lane *lane, int64_t start)
{
	struct run run = { .state = RUN_UNTOLD, .end = INT64_MAX };
	int64_t limit = walk_limit(f->walk);
	struct job_outcome outcome;

	if (!lane_try(lane, f->walk, start, &outcome))
		return run;
	if (outcome.finished) {
		run.state = outcome.makespan_s <= limit ? RUN_IN_TIME : RUN_LATE;
		run.end = start + outcome.makespan_s;
		run.cost = outcome.cost;
		run.interruptions = outcome.interruptions;
	} else if (outcome.makespan_s >= limit) {
		run.state = RUN_LATE;
	}
	return run;
}

static int prepare(struct follower *f, struct error *err)
{
	lay_grid(f);
	if (f->nr_runs > GRID_MAX)
		return error_set(err, ERROR_USAGE,
				 "the time looked back at is too long for starts that close");
	size_t nr = f->walk->nr * f->nr_bids;
	f->lanes = xcalloc(nr + 1, sizeof(*f->lanes));
	f->runs = xcalloc(nr * f->nr_runs + 1, sizeof(*f->runs));
	for (; f->nr_lanes < nr; f->nr_lanes++) {
		size_t l = f->nr_lanes;

		if (lane_make(f->walk, l / f->nr_bids, f->bids[l % f->nr_bids], &f->lanes[l], err) <
		    0)
			return -1;
		for (size_t i = 0; i < f->nr_runs; i++)
			f->runs[l * f->nr_runs + i] =
				run_of(f, &f->lanes[l], f->from + (int64_t)i * f->step_s);
	}
	return 0;
}

static void release(struct follower *f)
{
	for (size_t l = 0; l < f->nr_lanes; l++)
		lane_release(&f->lanes[l]);
	free(f->lanes);
	free(f->runs);
}

/* What was known of a lane at `now`, as the walk of its zone would have told it then. */
static void look_back(const struct follower *f, size_t l, int64_t now, struct walk_result *ret)
{
	const struct run *runs = &f->runs[l * f->nr_runs];
	int64_t since = walk_train_from(f->walk, now), limit = walk_limit(f->walk);
	size_t i = since > f->from ? (size_t)((since - f->from + f->step_s - 1) / f->step_s) : 0;

	*ret = (struct walk_result){ 0 };
	for (; i < f->nr_runs && f->from + (int64_t)i * f->step_s <= now - limit; i++) {
		const struct run *run = &runs[i];

		ret->starts++;
		ret->unknown += run->state == RUN_UNTOLD;
		ret->in_time += run->state == RUN_IN_TIME;
		if (run->end > now)
			continue;
		ret->finished++;
		ret->mean_cost += run->cost;
		ret->interruptions += run->interruptions;
	}
	if (ret->finished) {
		ret->mean_cost /= (double)ret->finished;
		ret->interruptions /= (double)ret->finished;
	}
}

static int64_t price_at(const struct lane *lane, int64_t now)
{
	size_t i = track_find(&lane->track, now);

	return i == SIZE_MAX ? -1 : lane->track.v[i].micros;
}

/* The lane that would have been advised; nr_lanes: on demand; SIZE_MAX: nothing. */
static size_t advised(const struct follower *f, int64_t now, const struct advice_option *on_demand)
{
	struct advice_option best = *on_demand, option;
	size_t chosen = option_judge(on_demand) == ADVICE_DEARER ? f->nr_lanes : SIZE_MAX;

	for (size_t l = 0; l < f->nr_lanes; l++) {
		option = (struct advice_option){
			.zone = f->walk->series[l / f->nr_bids].zone,
			.bid = f->bids[l % f->nr_bids],
			.now = price_at(&f->lanes[l], now),
		};
		if (option.now < 0 || option.now > option.bid)
			continue; /* it could not start: spare the adding up */
		look_back(f, l, now, &option.result);
		if (option_judge(&option) != ADVICE_DEARER)
			continue;
		if (chosen == SIZE_MAX || option_compare(&option, &best) < 0) {
			best = option;
			chosen = l;
		}
	}
	return chosen;
}

static void follow(const struct follower *f, struct advice_followed *ret)
{
	const struct walk *walk = f->walk;
	struct advice_option on_demand = { .now = MONEY_UNKNOWN };
	struct job_outcome rented = { .finished = true, .makespan_s = walk->job.work_s };
	struct tally tally;

	walk_on_demand(walk, &on_demand.result);
	rented.cost = on_demand.result.mean_cost;
	/* Ties go on to these, and nobody has them here: sorting at every start takes long. */
	on_demand.result.p95_cost = on_demand.result.p95_makespan_s = 0;
	tally_init(&tally, walk);
	for (size_t n = 0; n < walk_count(walk); n++) {
		int64_t start = walk->first + (int64_t)n * walk->step_s;
		size_t l = advised(f, start, &on_demand);

		if (l == SIZE_MAX) {
			tally_none(&tally);
		} else if (l == f->nr_lanes) {
			ret->on_demand++;
			tally_add(&tally, &rented, 1);
		} else {
			ret->chosen[l / f->nr_bids]++;
			lane_run(&f->lanes[l], start, &tally);
		}
	}
	tally_finish(&tally, &ret->result);
}

int advice_follow(const struct walk *walk, const int64_t *bids, size_t nr_bids, struct arena *arena,
		  struct advice_followed *ret, struct error *err)
{
	struct follower f = { .walk = walk, .bids = bids, .nr_bids = nr_bids };
	int rc = 0;

	/* On demand alone is no bid: the walk is checked all the same. */
	for (size_t b = 0; b < nr_bids || !b; b++)
		if (walk_check(walk, nr_bids ? bids[b] : 1, err) < 0)
			return -1;
	rc = prepare(&f, err);
	if (!rc) {
		*ret = (struct advice_followed){
			.chosen = arena_alloc(arena, (walk->nr + 1) * sizeof(*ret->chosen)),
		};
		follow(&f, ret);
	}
	release(&f);
	return rc;
}
