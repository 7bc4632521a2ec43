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
	bool odd;	/* something of it tells a time to come: how old it is nobody knows */
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
/* A time to come, but for what clocks differ: a tag may have been changed by anybody. */
bool sweep_time_is_odd(int64_t s, int64_t now);

/* sweep_price.c: the prices of the listed instances, with their disks. */
void sweep_price(struct fleet *fleet, struct sweep *sweep, int64_t now);

/* sweep.c: the cloud's clock. */
int sweep_now(struct fleet *fleet, int64_t *ret, struct error *err);
/* sweep.c: false where it is nobody's leftover; else its verdict and age are in *ret. */
bool sweep_judge_instance(const struct fleet *fleet, const struct sweep_options *options,
			  int64_t now, const struct instance *instance, struct sweep_thing *ret);
/* sweep.c: whether a verdict counts under these options. */
bool sweep_counts(const struct sweep_options *options, enum sweep_verdict verdict);

/* sweep.c: as sweep_look; what belongs to `ended` launches is never too young. */
int sweep_look_after(struct fleet *fleet, const struct sweep_options *options,
		     const char *const *ended, size_t nr_ended, struct sweep *ret,
		     struct error *err);

#endif
