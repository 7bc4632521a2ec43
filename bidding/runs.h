/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to bidding/: a window of a price series as runs of one price, each with the seconds it
 * held. Neighbours of equal price are one run, so that a price stated twice counts as one.
 */
#ifndef GPUCLOUD_BIDDING_RUNS_H
#define GPUCLOUD_BIDDING_RUNS_H

#include "bidding/series.h"

struct price_run {
	int64_t micros;
	int64_t seconds; /* > 0 */
};

struct price_runs {
	struct price_run *v; /* in order of time, without gaps; malloc'ed */
	size_t nr;
	int64_t covered_s; /* their sum: from the first known price to the window's end */
	size_t points;	   /* points of the series that lie in the window and hold for a while */
};

/* As price_stats_compute says of windows. Points out of order: ERROR_USAGE. */
int price_runs_make(const struct price_series *series, int64_t since, int64_t until,
		    struct price_runs *ret, struct error *err);
void price_runs_release(struct price_runs *runs);

/* A copy in ascending order of price, for price_runs_quantile; free() it. */
struct price_run *price_runs_sorted(const struct price_runs *runs);
int64_t price_runs_quantile(const struct price_run *sorted, size_t nr, int64_t covered_s, double q);

/* since and until stay 0: only the caller knows them. */
void price_runs_stats(const struct price_runs *runs, struct price_stats *ret);
void price_runs_under(const struct price_runs *runs, int64_t bid, struct bid_stats *ret);

#endif
