/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prices for many instances at once: the spot history of each (region, type) is asked once, for the
 * window of all that lack it, and not once an instance. While fleet->ahead points to it, everything
 * of fleet/cost.h takes from here what it would ask the cloud for.
 */
#ifndef GPUCLOUD_FLEET_COST_AHEAD_H
#define GPUCLOUD_FLEET_COST_AHEAD_H

#include "fleet/cost.h"

/* As cost_basis_make gets them; without an instance nothing is asked. */
struct cost_want {
	const struct launch_row *row; /* NULL: the journal is looked into */
	const struct instance *instance;
	int64_t until;
};

/* What cannot be had is asked for no more. */
struct cost_ahead *cost_ahead_ask(struct fleet *fleet, const struct cost_want *v, size_t nr);
void cost_ahead_free(struct cost_ahead *ahead); /* NULL is fine */

/* The history that covers this, or NULL; *failed: it was asked for, and cannot be had. */
const struct spot_history *cost_ahead_history(const struct cost_ahead *ahead,
					      const struct spot_query *query, bool *failed);

/* What an hour costs on demand there: asked once. MONEY_UNKNOWN. */
int64_t cost_ahead_on_demand(struct fleet *fleet, const struct instance *instance);

#endif
