/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/labels.h"

int fleet_instances(struct fleet *fleet, const struct instance_query *query,
		    struct instance_list *ret, struct error *err)
{
	return fleet->ops->instances(fleet->provider, query, ret, err);
}

int fleet_tag(struct fleet *fleet, const struct instance *instance, const struct tag *tag,
	      struct error *err)
{
	return fleet->ops->tag(fleet->provider, instance->region, instance->id, tag, err);
}

int labels_intend(struct fleet *fleet, const struct launch_request *request, struct error *err)
{
	(void)fleet;
	(void)request;
	(void)err;
	return 0;
}
