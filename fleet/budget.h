/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a launch may cost at most. The machine's own timer is set by the worst price there is, so that
 * the budget holds with no computer of ours on; `reap` goes by the price that is really paid, and ends
 * it where that has spent the budget. Of the machine alone: without disk, address and traffic.
 */
#ifndef GPUCLOUD_FLEET_BUDGET_H
#define GPUCLOUD_FLEET_BUDGET_H

#include "fleet/plan.h"

#define BUDGET_CENTS_MAX INT64_C(100000000) /* a million dollars */
#define BUDGET_TAG_LEN	 12
/* It bills from before it boots, and counts in steps: so much sooner than the budget is spent. */
#define BUDGET_MARGIN_S INT64_C(120)

/* "5", "2.50": dollars in whole cents, 0.01 at least. ERROR_USAGE. */
int budget_parse(const char *text, int64_t *ret_cents, struct error *err);

/* The value of the tag gpucloud-budget (fleet/reap.h). */
void budget_tag(int64_t cents, char out[BUDGET_TAG_LEN]);

struct budget_limit {
	int64_t price;	   /* the worst: the bid, or on demand; micro-dollars an hour */
	int64_t seconds;   /* the timer that keeps the budget, USERDATA_TTL_MIN_S at least */
	bool ttl_is_first; /* the time limit that was given is shorter */
};

/*
 * ttl_s: the time limit so far (0: none); the shorter of both on return. A budget that the shortest
 * timer and the margin could pass is ERROR_USAGE; so is one where no worst price is known.
 */
int budget_apply(const struct launch_plan *plan, int64_t cents, int64_t *ttl_s,
		 struct budget_limit *ret, struct error *err);

#endif
