/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every bid would have met, all of them in one pass: O(n log n) for n changes of the price,
 * whatever the number of bids. Pure, as the rest of this folder.
 *
 * Only a bid equal to a price that was charged makes a difference, so the curve has one entry for
 * each distinct price; a bid between two of them meets what the lower one meets.
 */
#ifndef GPUCLOUD_BIDDING_SWEEP_H
#define GPUCLOUD_BIDDING_SWEEP_H

#include "bidding/series.h"

struct bid_point {
	int64_t bid;	    /* micro-dollars per hour */
	double share_under; /* as struct bid_stats */
	double paid;
	size_t crossings;
	double survival; /* S(bid, seconds), as bid_survival */
};

struct bid_curve {
	struct bid_point *v; /* ascending bids; malloc'ed */
	size_t nr;
	int64_t seconds; /* of the survival */
};

/*
 * The window is [since, until), as price_stats_compute has it; seconds > 0 is the run whose
 * survival is asked. Every entry equals bid_stats_compute and bid_survival of its bid, to the last
 * bit. Errors as there. Memory: 40 bytes for each price of the curve, and while it works 32 for
 * each change of the window; 64 in the worst of markets, one that only falls.
 */
int bid_curve_compute(const struct price_series *series, int64_t since, int64_t until,
		      int64_t seconds, struct bid_curve *ret, struct error *err);
void bid_curve_release(struct bid_curve *curve);

/* What this bid meets; NULL where it is below every price. */
const struct bid_point *bid_curve_at(const struct bid_curve *curve, int64_t bid);

#endif
