/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances with their labels, wherever those are kept. Most clouds keep tags; where one keeps none
 * (no PROVIDER_CAP_TAGS), the labels of a launch are in the journal, by its launch id, which such a
 * cloud's instances carry in their name. Everything above asks through here, never a provider itself.
 *
 * The labels of a launch are in the journal before its instance is made. An instance that the journal
 * does not know (it was lost, or another computer made it) is listed all the same, with
 * .policy_unknown set: nothing ends it by a policy that nobody knows.
 *
 * Where a cloud forgets what is gone (PROVIDER_CAP_FORGETS), the journal keeps track of what was ever
 * listed (launch_row.listed): before that, not being listed may mean being new.
 */
#ifndef GPUCLOUD_FLEET_LABELS_H
#define GPUCLOUD_FLEET_LABELS_H

#include "fleet/fleet.h"

/* As provider_ops.instances. fleet->journal may be NULL: where labels are kept in a journal, it is
 * opened, and none is made. A journal that cannot be opened knows nothing. */
int fleet_instances(struct fleet *fleet, const struct instance_query *query,
		    struct instance_list *ret, struct error *err);

/* As provider_ops.tag. Where the journal keeps labels, they are durable when this returns; an instance
 * whose policy was not known has one from then on. */
int fleet_tag(struct fleet *fleet, const struct instance *instance, const struct tag *tag,
	      struct error *err);

/* Before the instance of a launch is made: everything that its request says as a tag. What a launch
 * that goes on has already stays as it is: it may have been changed since. Nothing to do where the
 * cloud keeps tags. */
int labels_intend(struct fleet *fleet, const struct launch_request *request, struct error *err);

#endif
