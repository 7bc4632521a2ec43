/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances that our journal saw being made a short while ago and that the cloud does not list yet:
 * they bill all the same, so list, show and terminate must know them. What a cloud that forgets has
 * listed once (fleet/labels.h), and lists no longer, is not new but gone.
 */
#ifndef GPUCLOUD_FLEET_REMEMBERED_H
#define GPUCLOUD_FLEET_REMEMBERED_H

#include "fleet/fleet.h"

/* Which ones; NULL is any. */
struct remembered_query {
	const char *name, *owner, *id;
	const char *const *regions;
	size_t nr_regions;
};

/*
 * Appends them to list, as pending, where it does not hold them. Costs one read of the journal where
 * there are none, and makes no journal.
 */
int remembered_add(struct fleet *fleet, const struct remembered_query *query,
		   struct instance_list *list, struct error *err);

/* True where `instance`, which is not listed now, may be so only because it is new. */
bool remembered_is_new(struct fleet *fleet, const struct instance *instance);

/*
 * The instance a live row of that name speaks of, whatever became of it: the cloud's word, or "gone"
 * where it has forgotten it. An empty list where there is no such row.
 */
int remembered_by_name(struct fleet *fleet, const char *name, struct instance_list *ret,
		       struct error *err);

#endif
