/* SPDX-License-Identifier: Apache-2.0 */
/* Ending instances, and being sure of it. */
#ifndef GPUCLOUD_FLEET_TERMINATE_H
#define GPUCLOUD_FLEET_TERMINATE_H

#include "fleet/cost.h"

struct ending {
	struct instance instance; /* strings borrowed from the list handed in */
	bool asked;		  /* the cloud accepted the request */
	bool confirmed;		  /* the cloud says it is gone */
	bool was_gone;		  /* and said so before it was asked for */
	struct error err;	  /* why not, where it was not asked */
	struct release_result released;
	struct error release_err; /* what still lies around, if kind is set */
	struct cost cost;
	int64_t ended;	/* Unix s, as far as we know */
	int64_t rested; /* since then it was stopped, when its end was asked for; 0: it ran */
	int64_t halted; /* it ran until then, stopped on the way to its end; 0: it was not */
	bool listed;	/* seen in a listing since */
};

struct terminate_events {
	void *ctx;
	void (*waiting)(void *ctx, size_t left, int64_t seconds);
	/* Where it must be off before it can be ended: what it is now. Or NULL. */
	void (*step)(void *ctx, const struct instance *instance);
};

/*
 * Ends n instances: asks for all, then waits until the cloud confirms each or timeout_s passed,
 * then removes what belonged to them. Where one must be off first, the next step is asked for as soon
 * as it is. Not confirmed: .err says why the last step was refused, where it was. endings has n zeroed entries with .instance set. Per-instance
 * trouble is in the entries, and there is no other: without a journal it goes by the tags. Returns 0.
 */
int terminate_all(struct fleet *fleet, struct ending *endings, size_t n, int64_t timeout_s,
		  const struct terminate_events *events, struct error *err);

/*
 * What was made with those that are confirmed gone, and bills on: disks kept on purpose, addresses,
 * snapshots. A disk that goes with its instance is waited for, a few seconds. What could not be
 * asked is among ret->failures; fails where nothing could. ERROR_UNSUPPORTED: this cloud has no
 * such list.
 */
int terminate_still_bills(struct fleet *fleet, const struct ending *endings, size_t n,
			  struct leftover_list *ret, struct error *err);

#endif
