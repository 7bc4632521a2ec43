/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of a spot price as a right-continuous step function. Pure: no I/O, no clock.
 * Everything is weighted by time, never by row. The window is right-open, [since, until): the value
 * at `since` is the last change at or before it; the last price runs to `until` and never beyond.
 *
 * Time before the first known change is unknown, and so is the time from a point of PRICE_GAP to
 * the next: it is left out of every share and mean, nothing is said to end or to go on in it, and
 * `covered_s` says how much of the window is known.
 */
#ifndef GPUCLOUD_BIDDING_SERIES_H
#define GPUCLOUD_BIDDING_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/price_point.h"

struct error;

/* Borrowed points: ascending times, equal times allowed (the last wins). */
struct price_series {
	const char *zone;
	const struct price_point *v;
	size_t nr;
};

/*
 * Sorts by time (stable), keeps the last of equal times, and refuses what is no price: negative,
 * zero, or above MONEY_MAX (ERROR_PROTOCOL, naming zone and row). PRICE_GAP is kept as it is: who
 * reads prices from outside refuses a negative one before it can be taken for that. In place; *nr
 * may shrink.
 */
int price_points_clean(struct price_point *v, size_t *nr, const char *zone, struct error *err);

struct price_stats {
	int64_t since, until;
	int64_t covered_s;	/* seconds of the window with a known price */
	size_t changes;		/* known prices stated inside the window */
	int64_t last, min, max; /* micro-dollars per hour */
	bool last_is_old;	/* the window ends in a gap: `last` is the last known before it */
	int64_t median, p95;	/* smallest p with share(price <= p) >= q; no interpolation */
	double mean, std;	/* dollars per hour; population std */
};

/* No known price in the window, or until <= since: ERROR_NOT_FOUND. */
int price_stats_compute(const struct price_series *series, int64_t since, int64_t until,
			struct price_stats *ret, struct error *err);

/* q in (0, 1]. As median and p95 above. */
int price_quantile(const struct price_series *series, int64_t since, int64_t until, double q,
		   int64_t *ret, struct error *err);

/*
 * What a bid would have met. A bid equal to the price keeps the instance.
 */
struct bid_stats {
	double share_under; /* time with price <= bid / covered time */
	size_t crossings;   /* changes from <= bid to > bid */
	double paid;	    /* mean price while price <= bid, dollars per hour; 0 if never */
};
int bid_stats_compute(const struct price_series *series, int64_t since, int64_t until, int64_t bid,
		      struct bid_stats *ret, struct error *err);

/*
 * Chance that a run of `seconds` started at a uniform time in the covered window is never above
 * the bid: S(b,T) = sum over stretches under the bid of max(0, L - T) / (W - T). With gaps, W - T
 * is summed over the stretches of known time that are longer than T, and no stretch under the bid
 * goes on over a gap. 0 where no known stretch is as long. It rises with b always, and falls with T
 * wherever there is no gap.
 */
int bid_survival(const struct price_series *series, int64_t since, int64_t until, int64_t bid,
		 int64_t seconds, double *ret, struct error *err);

#endif
