/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/tally.h"

#include <math.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

int walk_check(const struct walk *walk, int64_t bid, struct error *err)
{
	int64_t span;

	if (job_check(&walk->job, err) < 0)
		return -1;
	if (bid <= 0)
		return error_set(err, ERROR_USAGE, "the bid must be above 0");
	if (walk->on_demand <= 0 || walk->on_demand > MONEY_MAX)
		return error_set(err, ERROR_USAGE,
				 "a walk through the past needs an on-demand price");
	if (walk->train_s <= 0 || walk->limit_s < 0 || walk->step_s <= 0)
		return error_set(err, ERROR_USAGE, "the spans of the walk are out of range");
	if (walk->first < walk->since || walk->last < walk->first || walk->until <= walk->last ||
	    __builtin_sub_overflow(walk->until, walk->since, &span))
		return error_set(err, ERROR_USAGE,
				 "the starts of the walk are not within what is known");
	if (walk->first < INT64_MIN + walk->train_s ||
	    (walk->last - walk->first) / walk->step_s >= WALK_STARTS_MAX)
		return error_set(err, ERROR_USAGE, "more than %d starts are too many",
				 WALK_STARTS_MAX);
	return 0;
}

size_t walk_count(const struct walk *walk)
{
	return (size_t)((walk->last - walk->first) / walk->step_s) + 1;
}

int64_t walk_train_from(const struct walk *walk, int64_t start)
{
	int64_t from = start - walk->train_s;

	return from > walk->since ? from : walk->since;
}

int64_t walk_limit(const struct walk *walk)
{
	return walk->limit_s ? walk->limit_s : 2 * walk->job.work_s;
}

void tally_init(struct tally *tally, const struct walk *walk)
{
	size_t nr = walk_count(walk);

	*tally = (struct tally){
		.walk = walk,
		.on_demand = job_on_demand_cost(&walk->job, walk->on_demand, walk->billing),
		.costs = xcalloc(nr, sizeof(*tally->costs)),
		.makespans = xcalloc(nr, sizeof(*tally->makespans)),
	};
}

void tally_none(struct tally *tally)
{
	tally->result.starts++;
	tally->result.none++;
}

void tally_unknown(struct tally *tally)
{
	tally->result.starts++;
	tally->result.unknown++;
}

void tally_add(struct tally *tally, const struct job_outcome *outcome, double predicted)
{
	struct walk_result *r = &tally->result;
	int64_t limit = walk_limit(tally->walk);

	r->starts++;
	tally->predicted += predicted;
	tally->nr_predicted++;
	if (!outcome->finished) {
		r->unknown += outcome->makespan_s < limit;
		return;
	}
	tally->costs[r->finished] = outcome->cost;
	tally->makespans[r->finished] = (double)outcome->makespan_s;
	r->finished++;
	r->in_time += outcome->makespan_s <= limit;
	r->uninterrupted += !outcome->interruptions && !outcome->waited_s;
	r->interruptions += outcome->interruptions;
	r->dearer_than_on_demand += outcome->cost > tally->on_demand;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sorts them. The smallest that at least 95 % do not exceed. */
static void mean_and_p95(double *v, size_t nr, double *mean, double *p95)
{
	double sum = 0;

	qsort(v, nr, sizeof(*v), by_value);
	for (size_t i = 0; i < nr; i++)
		sum += v[i];
	*mean = sum / (double)nr;
	*p95 = v[(nr * 95 + 99) / 100 - 1];
}

void tally_finish(struct tally *tally, struct walk_result *ret)
{
	struct walk_result *r = &tally->result;

	if (r->finished) {
		mean_and_p95(tally->costs, r->finished, &r->mean_cost, &r->p95_cost);
		mean_and_p95(tally->makespans, r->finished, &r->mean_makespan_s,
			     &r->p95_makespan_s);
		r->interruptions /= (double)r->finished;
		r->dearer_than_on_demand /= (double)r->finished;
	}
	if (tally->nr_predicted)
		r->predicted_survival = tally->predicted / (double)tally->nr_predicted;
	*ret = *r;
	free(tally->costs);
	free(tally->makespans);
}
