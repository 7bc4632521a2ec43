/* SPDX-License-Identifier: Apache-2.0 */
/* After how many hours of use buying a machine beats renting one. Pure. */
#ifndef GPUCLOUD_BIDDING_OWN_H
#define GPUCLOUD_BIDDING_OWN_H

#include <stdint.h>

struct error;

struct own {
	int64_t price;	      /* micro-dollars to buy it; > 0 */
	int64_t running_cost; /* micro-dollars per hour of use: power, cooling, people; 0 */
};

/*
 * Hours of use at which price + running_cost * h = rate * h. rate: micro-dollars per hour of
 * renting. A rate at or below the running cost never gets there: *ret_hours is INFINITY.
 * ERROR_USAGE where price or rate is not above 0, or the running cost below.
 */
int own_break_even(const struct own *own, int64_t rate, double *ret_hours, struct error *err);

#endif
