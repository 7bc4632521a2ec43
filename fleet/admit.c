/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/admit.h"

#include "core/error.h"
#include "core/log.h"
#include "fleet/machine.h"

int admit_this_computer(struct fleet *fleet, const struct instance *instance,
			char cidr[FLEET_ADDRESS_MAX], struct error *err)
{
	struct admit_request request = {
		.region = instance->region,
		.instance = instance->id,
		.launch_id = instance->launch_id,
		.owner = fleet->owner,
		.cidr = cidr,
	};
	struct admit_result result = { .added = false };

	/* What gpucloud did not launch has no group of ours. */
	if (!(fleet->ops->caps & PROVIDER_CAP_ADMIT) || !instance->launch_id[0])
		return 0;
	if (machine_port(fleet->settings, &request.port, err) < 0 ||
	    fleet_own_address(fleet, instance->region, cidr, err) < 0 ||
	    fleet->ops->admit(fleet->provider, &request, &result, err) < 0)
		return -1;
	if (result.removed)
		log_info("admit", "%s: %u older addresses of '%s' are let in no longer",
			 instance->id, result.removed, fleet->owner);
	return result.added;
}
