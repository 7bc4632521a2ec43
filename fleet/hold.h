/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping an instance: being idle does not end it for a while (tag gpucloud-hold), or nothing that
 * the reaper does ends it (gpucloud-protect). The time limit that the machine itself counts down is
 * renewed where it would come before.
 */
#ifndef GPUCLOUD_FLEET_HOLD_H
#define GPUCLOUD_FLEET_HOLD_H

#include "fleet/fleet.h"

struct machine;

#define HOLD_DEFAULT_S INT64_C(7200)
#define HOLD_MOST_S    (INT64_C(7) * 86400)

/*
 * What is left of the machine's own time limit, from now on. Returns once the machine has taken it
 * up. 1: it has no limit of its own, and nothing was done.
 */
int hold_renew(struct machine *machine, int64_t seconds, struct error *err);

struct hold {
	int64_t until;	 /* Unix s; 0: not held any more */
	int64_t expires; /* of the time limit, after it; 0: none */
	bool moved;	 /* the time limit was moved, in the tag */
	bool renewed;	 /* and on the machine, which confirmed it */
};

/* seconds 0: no longer. The machine is renewed before the tags say so; where it cannot be, nothing
 * has changed. */
int hold_set(struct fleet *fleet, const struct instance *instance, int64_t seconds,
	     struct hold *ret, struct error *err);

int hold_protect(struct fleet *fleet, const struct instance *instance, bool protect,
		 struct error *err);

#endif
