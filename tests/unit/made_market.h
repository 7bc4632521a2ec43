/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up markets for property tests: seeded, so that a failure can be had again. */
#ifndef GPUCLOUD_TESTS_MADE_MARKET_H
#define GPUCLOUD_TESTS_MADE_MARKET_H

#include "bidding/series.h"
#include "core/rng.h"

#define MADE_POINTS 400
#define MADE_TICK   50000 /* prices are 1 to `prices` of these, in micro-dollars */

struct made_market {
	struct rng_seeded state;
	struct rng rng; /* goes on from here, for the test's own choices */
	struct price_point v[MADE_POINTS];
	struct price_series series; /* of v; zone "z" */
	int64_t since, until;	    /* about where the points lie: some before, some after */
};

struct made {
	size_t points;	 /* at most; at least 1 */
	int64_t step_s;	 /* at most, between two; now and then 0 */
	uint64_t prices; /* how many different ones; 0: any */
	bool gaps;	 /* one point in six */
};
void made_market_init(struct made_market *m, uint64_t seed, const struct made *made);

#endif
