/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/paperspace/paperspace.h"

const struct provider_ops paperspace_provider = {
	.name = "paperspace",
	.title = "Paperspace",
	.caps = PROVIDER_CAP_RESTART | PROVIDER_CAP_USER_DATA | PROVIDER_CAP_REGIONS |
		PROVIDER_CAP_LEFTOVERS | PROVIDER_CAP_STOP | PROVIDER_CAP_FORGETS |
		PROVIDER_CAP_STATIC_ADDRESS,
	.boot_form = BOOT_SCRIPT,
	.user_data_max = PSPACE_USER_DATA_MAX,
	.login = PSPACE_LOGIN,
	.time_limit = TIME_LIMIT_STOPS,
	.off_bills = OFF_BILLS_DISK,
	.is_id = pspace_is_instance_id,
	.open = pspace_open,
	.close = pspace_close,
	.default_region = pspace_default_region,
	.region = pspace_region,
	.endpoint = pspace_endpoint,
	.account = pspace_account,
	.offers = pspace_offers,
	.launch = pspace_launch,
	.instances = pspace_instances,
	.terminate = pspace_terminate,
	.release = pspace_release,
	.regions = pspace_regions,
	.restart = pspace_restart,
	.leftovers = pspace_leftovers,
	.remove = pspace_remove,
	.stop = pspace_stop,
	.start = pspace_start,
	.limit = pspace_limit,
};
