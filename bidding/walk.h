/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a way of bidding would have cost and risked, walk-forward: for many starts spread over the
 * record, whatever is decided at a start uses only the prices before it, and is judged only by
 * those after it. In-sample figures flatter every rule; see docs/bidding.md. Pure.
 */
#ifndef GPUCLOUD_BIDDING_WALK_H
#define GPUCLOUD_BIDDING_WALK_H

#include "bidding/bid.h"
#include "bidding/replay.h"

#define WALK_STARTS_MAX 2000

struct walk {
	const struct price_series *series; /* one for each zone */
	size_t nr;
	int64_t since, until; /* what is known of them */
	int64_t train_s;      /* a decision looks so far back, or as far as is known */
	int64_t first,
		last;	/* the starts: first, first + step_s, ... up to last; all in the window.
			       * Those of walk_starts() are a fair choice. */
	int64_t step_s; /* > 0 */
	struct job job;
	enum billing billing;
	int64_t on_demand; /* > 0 */
	int64_t limit_s; /* a job that takes longer is late; 0: twice its work, see walk_limit() */
};
int64_t walk_limit(const struct walk *walk);

/*
 * Fills first, last, step_s and train_s: half of the record is kept for looking back (90 days
 * suffice; a quarter, where a long job would else have its starts closer together than it is long),
 * starts end where a job still has its time limit before it and could be done twice over, and there
 * are at most 500 of them, an hour apart at least. The record begins with the first known price of
 * any zone. One too short for ten starts: ERROR_NOT_FOUND, saying how long it must be.
 */
int walk_starts(struct walk *walk, struct error *err);

struct walk_result {
	size_t starts;
	size_t finished;      /* the others met the end of the record or a gap: in no mean below */
	size_t in_time;	      /* finished within the limit */
	size_t unknown;	      /* not finished, and the record ended before the limit did: neither in
			       * time nor late. Late are starts - none - unknown - in_time. */
	size_t uninterrupted; /* finished, started at once, never taken away */
	size_t none;	      /* the rule found no zone fit to start in: nothing was run */
	double mean_cost, p95_cost; /* dollars for one job; all means 0 where none finished */
	double mean_makespan_s, p95_makespan_s;
	double interruptions;	      /* per job */
	double dearer_than_on_demand; /* share of the finished ones */
	/* Mean over the starts that were run of S(bid, work_s) of the time looked back at, as
	 * bid_survival has it; 0 where none was known. */
	double predicted_survival;
};

/* One zone, one bid at every start. Starts at which nothing is known there count as unknown. */
int walk_zone(const struct walk *walk, size_t zone, int64_t bid, struct walk_result *ret,
	      struct error *err);

/* The corrected book rule (zone_choose) at every start, then the zone it names. `chosen` counts how
 * often each zone was; caller's memory of walk->nr entries, may be NULL. */
int walk_rule(const struct walk *walk, int64_t bid, enum zone_order order, struct walk_result *ret,
	      size_t *chosen, struct error *err);

/* The same jobs on demand, to compare with. The walk must be one that walk_zone would take. */
void walk_on_demand(const struct walk *walk, struct walk_result *ret);

#endif
