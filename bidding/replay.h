/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One job run through recorded prices under a bid, second by second exact: when it would have
 * started, been interrupted, gone on from its last checkpoint, finished, and what it would have
 * cost. Pure.
 *
 * An instance boots (restart_s), then works; after every checkpoint_every_s of work it writes a
 * checkpoint (checkpoint_s, no work meanwhile), but none after the last piece of work. Taken away,
 * it loses what it did since the last whole checkpoint.
 *
 * The market is the one of the record: an instance starts whenever the price is at or below the bid
 * and is taken away the moment it is above. (Today capacity interrupts as well: see
 * docs/bidding.md. This tells what the price would have done.)
 *
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-for-interrupted-spot-instances.html
 */
#ifndef GPUCLOUD_BIDDING_REPLAY_H
#define GPUCLOUD_BIDDING_REPLAY_H

#include "bidding/series.h"

enum billing {
	BILLING_SEC,	      /* today: the price in force each second; at least 60 s an instance,
			       * those missing at the last price; an instance taken away before its
			       * first hour is full is free */
	BILLING_SEC_HOURLOCK, /* as BILLING_SEC, at the price in force when each hour began */
	BILLING_HOUR2017,     /* whole hours, counted from its start, at the price in force at their
			       * beginning; the hour in which it is taken away is free, the one in
			       * which the job ends is paid in full */
};
#define BILLING_NR 3
const char *billing_name(enum billing billing); /* "sec", "sec_hourlock", "hour2017" */
int billing_parse(const char *text, enum billing *ret, struct error *err); /* ERROR_USAGE */

struct job {
	int64_t work_s;		    /* of useful work; > 0 */
	int64_t checkpoint_every_s; /* useful work between checkpoints; 0: none are made */
	int64_t checkpoint_s;	    /* what one costs */
	int64_t restart_s; /* lost at the beginning of every instance, the first too: it boots,
			       * and loads what there is to load */
};
#define JOB_MAX_S (INT64_C(10) * 366 * 86400) /* of any of these */

struct job_outcome {
	bool finished;	    /* false: the record ended first; the figures are those until then */
	int64_t makespan_s; /* from the asked start to the end of the work */
	int64_t ran_s;	    /* with an instance */
	int64_t waited_s;   /* without one */
	int64_t lost_s;	    /* of work done again, checkpoints and restarts */
	unsigned interruptions;
	double cost; /* dollars */
};

/* Every span from 0 to JOB_MAX_S, work above 0: else ERROR_USAGE, naming it. */
int job_check(const struct job *job, struct error *err);

/*
 * The job is asked for at `start`; nothing is known from `until` on, nor in a gap of the series: it
 * ends there unfinished, and is billed as if stopped there. bid > 0. A start before the first point
 * or at `until` and later, or a job that makes no sense: ERROR_USAGE. The points must be in order
 * of time (price_points_clean), which is not looked at: the time it takes is log n and the changes
 * of the price while the job runs.
 */
struct replay {
	const struct price_series *series;
	int64_t until;
	int64_t bid;
	struct job job;
	enum billing billing;
};
int job_replay(const struct replay *replay, int64_t start, struct job_outcome *ret,
	       struct error *err);

/*
 * The work alone on demand: never interrupted, so it needs no checkpoints, and no restart is
 * counted. Billed by the second (by the begun hour in BILLING_HOUR2017), at least 60 s. Dollars.
 */
double job_on_demand_cost(const struct job *job, int64_t on_demand, enum billing billing);

#endif
