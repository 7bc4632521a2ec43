/* SPDX-License-Identifier: Apache-2.0 */
/* Time times price. Pure. */
#ifndef GPUCLOUD_FLEET_BILL_H
#define GPUCLOUD_FLEET_BILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/price_point.h"

#define BILLED_MIN_S 60 /* EC2 bills Linux per second, at least a minute from every start */

struct bill_run {
	int64_t from, to; /* Unix s, to >= from */
};

struct bill {
	const struct bill_run *runs; /* ascending, without overlap */
	size_t nr_runs;
	/* What an hour costs, ascending; the first one also holds before it. Of points at one time
	 * the last counts. PRICE_GAP, or no point at all: not known. */
	const struct price_point *steps;
	size_t nr_steps;
	int64_t cap;	   /* never billed above it; 0: none */
	int64_t on_demand; /* the same hour on demand; MONEY_UNKNOWN */
};

struct bill_sum {
	int64_t seconds;	 /* it ran */
	int64_t total;		 /* micro-dollars; MONEY_UNKNOWN where a price is not known */
	int64_t on_demand_total; /* MONEY_UNKNOWN */
};

/* Of all runs. */
void bill_all(const struct bill *bill, struct bill_sum *ret);

/*
 * Of what lies in [from, to). Windows that touch add up to bill_all to the micro-dollar: each is the
 * difference of two sums from the beginning. The minute that is billed at least counts where it
 * would have been.
 */
void bill_between(const struct bill *bill, int64_t from, int64_t to, struct bill_sum *ret);

/* The price in force then, capped. MONEY_UNKNOWN. */
int64_t bill_price_at(const struct bill *bill, int64_t t);

#endif
