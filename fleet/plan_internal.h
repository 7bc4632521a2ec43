/* SPDX-License-Identifier: Apache-2.0 */
/* Between plan.c, plan_types.c and plan_spot.c only. */
#ifndef GPUCLOUD_FLEET_PLAN_INTERNAL_H
#define GPUCLOUD_FLEET_PLAN_INTERNAL_H

#include "fleet/plan.h"

struct candidate {
	const struct offer *offer; /* borrowed */
	int64_t price;		   /* what orders them: least spot price now, or on demand */
};

/* Offers that fit, cheapest first; *ret is malloc'ed. */
int plan_candidates(struct fleet *fleet, const struct plan_options *options,
		    const struct offer_list *offers, struct candidate **ret, size_t *ret_nr,
		    struct error *err);

/* Reads the history of plan->zones and ranks them. */
int plan_spot_zones(struct fleet *fleet, const struct plan_options *options,
		    struct launch_plan *plan, struct error *err);

#endif
