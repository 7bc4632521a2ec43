/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to bidding/: what was known of a zone at any moment of its record, answered in log n, so
 * that a rule can be tried at hundreds of starts. The answers are those of bid_survival and
 * zone_choose for the same window.
 */
#ifndef GPUCLOUD_BIDDING_PAST_H
#define GPUCLOUD_BIDDING_PAST_H

#include "bidding/bid.h"
#include "bidding/track.h"

/* Stretches of time, and how much longer than a job they are, summed from the first on. */
struct stretches {
	struct stretch {
		int64_t from, to;
		int64_t longer; /* of those before this one: the sum of max(0, length - job) */
	} * v;
	size_t nr;
};

struct past {
	const struct price_series *series;
	const struct track *track;
	int64_t seconds;	       /* the job */
	struct stretches known, under; /* not yet cut to a window */
	/* Only past_make_rule() makes these; from the first point to each: */
	int64_t on_demand;
	struct price_scale scale;
	struct past_sums {
		int64_t under, below_on_demand; /* seconds */
		struct price_moments moments;	/* and the seconds known */
	} * sums;
};

/* Borrows track and series, which must be of one another; seconds > 0. */
void past_make(const struct price_series *series, const struct track *track, int64_t seconds,
	       struct past *ret);
/* What zone_choose asks for as well. */
void past_make_rule(struct past *past, int64_t on_demand);
void past_release(struct past *past);

/* bid_survival of the window for the track's bid; 0 where nothing is known in it. */
double past_survival(const struct past *past, int64_t since, int64_t until);

/* zone, verdict, stats.mean and .std, and volatility; the rest stays 0. */
void past_score(const struct past *past, int64_t since, int64_t until, struct zone_score *ret);

#endif
