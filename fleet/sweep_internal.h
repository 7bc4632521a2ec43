/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to sweep*.c. */
#ifndef GPUCLOUD_FLEET_SWEEP_INTERNAL_H
#define GPUCLOUD_FLEET_SWEEP_INTERNAL_H

#include "fleet/sweep.h"

/* What is known of a launch; sorted by id. */
struct sweep_launch {
	const char *id;
	bool alive;	/* has an instance that is not gone */
	bool making;	/* open in the journal of this computer */
	bool ended;	/* its instance was ended by us just now */
	int64_t newest; /* Unix s of the last thing that happened to it; 0: not known */
};

struct sweep_launches {
	struct sweep_launch *v;
	size_t nr, cap;
};

/* sweep_launches.c. `ended` names launches whose instances were ended by us. */
void sweep_launches_collect(struct fleet *fleet, struct sweep *sweep, int64_t now,
			    const char *const *ended, size_t nr_ended, struct sweep_launches *ret);
const struct sweep_launch *sweep_launch_find(const struct sweep_launches *launches, const char *id);
/* 0 for a time that cannot be: a tag may have been changed by anybody. */
int64_t sweep_time(int64_t s, int64_t now);

/* sweep_price.c: the prices of the listed instances, with their disks. */
void sweep_price(struct fleet *fleet, struct sweep *sweep, int64_t now);

/* sweep.c: as sweep_look; what belongs to `ended` launches is never too young. */
int sweep_look_after(struct fleet *fleet, const struct sweep_options *options,
		     const char *const *ended, size_t nr_ended, struct sweep *ret,
		     struct error *err);

#endif
