/* SPDX-License-Identifier: Apache-2.0 */
/* What an instance has cost: its time at the price of that time. */
#ifndef GPUCLOUD_FLEET_COST_H
#define GPUCLOUD_FLEET_COST_H

#include "fleet/fleet.h"

#define BILLED_MIN_S 60 /* EC2 bills Linux per second, at least a minute */

struct cost {
	int64_t seconds;	 /* from launch to `until`, or to its end */
	int64_t price;		 /* in force at the end, micro-dollars per hour; MONEY_UNKNOWN */
	int64_t total;		 /* micro-dollars so far; MONEY_UNKNOWN */
	int64_t on_demand;	 /* per hour; MONEY_UNKNOWN */
	int64_t on_demand_total; /* the same time on demand; MONEY_UNKNOWN */
	bool followed;		 /* every price step was counted, not the launch price alone */
};

/* From the journal alone: no request. Unknown where the journal does not know the instance. */
void cost_recall(struct fleet *fleet, const struct instance *instance, int64_t until,
		 struct cost *ret);

/* Asks the cloud for the spot price steps and the on-demand price where the journal lacks it. What
 * cannot be had stays unknown: a receipt must not fail. */
void cost_follow(struct fleet *fleet, const struct instance *instance, int64_t until,
		 struct cost *ret);

#endif
