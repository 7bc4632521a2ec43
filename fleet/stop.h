/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping instances, starting them again, and being sure of it. */
#ifndef GPUCLOUD_FLEET_STOP_H
#define GPUCLOUD_FLEET_STOP_H

#include "fleet/fleet.h"

enum power {
	POWER_STOP,
	POWER_START,
};

struct powered {
	struct instance instance; /* strings borrowed from the list handed in, or from `arena` */
	bool asked;		  /* the cloud accepted the request */
	bool confirmed;		  /* it is in the state asked for */
	struct error err;	  /* why not, where it was not asked */
	struct error refused;	  /* ERROR_CONFLICT of the last try: it is asked again */
	struct error tag_err;	  /* it is as asked for, but its tags do not say so */
	int64_t spent_cents;	  /* before a start (fleet/spent.h); -1: nobody is sure */
	int64_t spent_at;	  /* Unix s: when that was all */
	uint64_t disk_gib;	  /* of a stopped one: what bills on, and about what an hour */
	int64_t disk_price;	  /* MONEY_UNKNOWN */
};

struct power_events {
	void *ctx;
	void (*waiting)(void *ctx, size_t left, int64_t seconds);
	bool by_hand; /* a person wants it: noted (TAG_RESTED) where the cloud shows no difference to
		       * a machine that its time limit turned off */
};

/* Whether it can be done at all, before anybody is asked: ERROR_UNSUPPORTED, ERROR_CONFLICT. */
int power_check(const struct fleet *fleet, enum power want, const struct instance *instance,
		struct error *err);

/* What its disks bill while it is stopped: about, micro-dollars an hour; MONEY_UNKNOWN. *ret_gib is 0
 * where the cloud tells the price alone. */
int64_t stop_disk_price(struct fleet *fleet, const struct instance *instance, uint64_t *ret_gib);

/*
 * Asks for all n, then waits until the cloud confirms each or timeout_s has passed. `v` has n zeroed
 * entries with .instance set; new strings live in the arena. One that is busy (it stops still, or
 * restarts) is asked again until then.
 */
void power_all(struct fleet *fleet, enum power want, struct powered *v, size_t n, int64_t timeout_s,
	       const struct power_events *events, struct arena *arena);

#endif
