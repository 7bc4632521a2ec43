/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to bidding/: a window of a price series as runs of one price, each with the seconds it
 * held. Neighbours of equal price are one run, so that a price stated twice counts as one. Unknown
 * time between known prices is a run of PRICE_GAP; it is in no sum, and what is on both sides of it
 * is never one run.
 */
#ifndef GPUCLOUD_BIDDING_RUNS_H
#define GPUCLOUD_BIDDING_RUNS_H

#include "bidding/series.h"
#include "bidding/wide.h"

struct price_run {
	int64_t micros;	 /* or PRICE_GAP, between others only */
	int64_t seconds; /* > 0 */
};

struct price_runs {
	struct price_run *v; /* in order of time; the first and the last are known; malloc'ed */
	size_t nr;
	size_t known;	   /* of them: those that are no gap */
	int64_t covered_s; /* the known seconds */
	bool open;	   /* unknown time follows the last run, up to the window's end */
	size_t points;	   /* prices of the series that lie in the window and hold for a while */
};

/* As price_stats_compute says of windows. Points out of order: ERROR_USAGE. */
int price_runs_make(const struct price_series *series, int64_t since, int64_t until,
		    struct price_runs *ret, struct error *err);
void price_runs_release(struct price_runs *runs);

/* A copy of the known runs in ascending order of price, for price_runs_quantile; free() it. */
struct price_run *price_runs_sorted(const struct price_runs *runs);
int64_t price_runs_quantile(const struct price_run *sorted, size_t nr, int64_t covered_s, double q);

/* The seconds that a price must reach to be the quantile q of so many. */
double price_quantile_need(int64_t covered_s, double q);

/*
 * Sorts by price, none negative, in time linear in nr; `spare` has room for nr. Which of equal
 * prices comes first is not said. Where the result lies is returned: in v or in spare.
 */
struct price_run *price_runs_sort(struct price_run *v, struct price_run *spare, size_t nr);

/* since and until stay 0: only the caller knows them. */
void price_runs_stats(const struct price_runs *runs, struct price_stats *ret);
void price_runs_under(const struct price_runs *runs, int64_t bid, struct bid_stats *ret);

/* price_micros x seconds, summed, over so many seconds: their mean in dollars. Exact sums, so that
 * it is never above the highest of the prices, and equal prices come out as they are. */
double price_mean(wide sum, int64_t seconds);

#endif
