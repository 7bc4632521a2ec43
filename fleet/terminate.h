/* SPDX-License-Identifier: Apache-2.0 */
/* Ending instances, and being sure of it. */
#ifndef GPUCLOUD_FLEET_TERMINATE_H
#define GPUCLOUD_FLEET_TERMINATE_H

#include "fleet/cost.h"

struct ending {
	struct instance instance; /* strings borrowed from the list handed in */
	bool asked;		  /* the cloud accepted the request */
	bool confirmed;		  /* the cloud says it is gone */
	struct error err;	  /* why not, where it was not asked */
	struct release_result released;
	struct error release_err; /* what still lies around, if kind is set */
	struct cost cost;
	int64_t ended; /* Unix s, as far as we know */
};

struct terminate_events {
	void *ctx;
	void (*waiting)(void *ctx, size_t left, int64_t seconds);
};

/*
 * Ends n instances: asks for all, then waits until the cloud confirms each or timeout_s passed,
 * then removes what belonged to them. endings has n zeroed entries with .instance set. Fails only
 * where the journal does; per-instance trouble is in the entries.
 */
int terminate_all(struct fleet *fleet, struct ending *endings, size_t n, int64_t timeout_s,
		  const struct terminate_events *events, struct error *err);

#endif
