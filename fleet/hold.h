/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping an instance: being idle does not end it for a while (tag gpucloud-hold), or nothing that
 * the reaper does ends it (gpucloud-protect). The time limit that the machine itself counts down is
 * renewed where it would come before.
 */
#ifndef GPUCLOUD_FLEET_HOLD_H
#define GPUCLOUD_FLEET_HOLD_H

#include "core/error.h"
#include "fleet/fleet.h"

struct machine;
struct machine_events;

#define HOLD_DEFAULT_S INT64_C(7200)
#define HOLD_MOST_S    (INT64_C(7) * 86400)

/*
 * What is left of the machine's own time limit, from now on. Returns once the machine has taken it
 * up. 1: it has no limit of its own, and nothing was done.
 */
int hold_renew(struct machine *machine, int64_t seconds, struct error *err);

struct hold_wish {
	int64_t seconds; /* 0: no longer */
	bool asked;	 /* by a person in so many words: refused where the budget ends before */
	int64_t cents;	 /* the budget from now on; 0: as it is */
};

struct hold {
	int64_t until;	 /* Unix s; 0: not held any more */
	int64_t expires; /* of the time limit, after it; 0: none */
	bool moved;	 /* the time limit is moved, in the tag */
	bool renewed;	 /* and on the machine, which confirmed it */
	int64_t cents;	 /* the budget is set to it; 0: it stays */
	/* Where the limit moves, and there is a budget, in micro-dollars: it, what is spent, and the most
	 * an hour can cost. */
	int64_t budget, spent, price;
	bool capped; /* the budget allows no longer one */
	struct error
		unmoved; /* why the machine's own limit stays, where that is no reason to fail */
};

/*
 * What a hold comes to; changes nothing. A machine's own limit is what keeps a budget with no
 * computer of ours on, so it moves no further than what is left lasts at the worst price: where more
 * was asked for, ERROR_CONFLICT with the figures. Of an instance whose policy is not known, the end of
 * the hold becomes its time limit: from then on it has a policy.
 */
int hold_plan(struct fleet *fleet, const struct instance *instance, const struct hold_wish *wish,
	      struct hold *ret, struct error *err);

/* Does it. The cloud's timer, where it has one, and the machine are renewed before the tags say so; where
 * one of them cannot be, the instance ends when it would have.
 * events: of logging in, or NULL. */
int hold_set(struct fleet *fleet, const struct instance *instance,
	     const struct machine_events *events, struct hold *hold, struct error *err);

int hold_protect(struct fleet *fleet, const struct instance *instance, bool protect,
		 struct error *err);

#endif
