/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to bidding/: sums of price x seconds are kept exact, whatever the order they are taken
 * in, so that two ways to the same figure give the same figure. Also the mean and the deviation
 * made of such sums.
 */
#ifndef GPUCLOUD_BIDDING_WIDE_H
#define GPUCLOUD_BIDDING_WIDE_H

#include <stdint.h>

__extension__ typedef __int128 wide;

/* Prices are measured from `base`, in steps of 1 << shift micro-dollars: 1, but where a spread of
 * millions of dollars an hour over years would not fit. */
struct price_scale {
	int64_t base;
	int shift;
};
struct price_scale price_scale_of(int64_t min, int64_t max, int64_t seconds);

struct price_moments {
	int64_t seconds; /* > 0 for price_moments_finish */
	wide first, second;
};
/* What `seconds` at that price add. */
void price_moments_add(struct price_moments *m, const struct price_scale *scale, int64_t micros,
		       int64_t seconds);
/* Dollars an hour; the deviation is the population's. A price that never moved has exactly that
 * mean and a deviation of exactly 0. */
void price_moments_finish(const struct price_moments *m, const struct price_scale *scale,
			  double *mean, double *std);

#endif
