/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/digitalocean/digitalocean.h"

const struct provider_ops digitalocean_provider = {
	.name = "digitalocean",
	.title = "DigitalOcean",
	.caps = PROVIDER_CAP_RESTART | PROVIDER_CAP_QUOTA | PROVIDER_CAP_USER_DATA |
		PROVIDER_CAP_TAGS | PROVIDER_CAP_REGIONS | PROVIDER_CAP_LEFTOVERS |
		PROVIDER_CAP_STOP | PROVIDER_CAP_ADMIT | PROVIDER_CAP_GUARD | PROVIDER_CAP_FORGETS,
	.boot_form = BOOT_CLOUD_INIT,
	.user_data_max = (size_t)64 << 10,
	.login = "root",
	.time_limit = TIME_LIMIT_NONE,
	.off_bills = OFF_BILLS_ALL,
	.is_id = ocean_is_id,
	.open = ocean_open,
	.close = ocean_close,
	.default_region = ocean_default_region,
	.region = ocean_region,
	.endpoint = ocean_endpoint,
	.account = ocean_account,
	.offers = ocean_offers,
	.launch = ocean_launch,
	.instances = ocean_instances,
	.terminate = ocean_terminate,
	.release = ocean_release,
	.regions = ocean_regions,
	.restart = ocean_restart,
	.tag = ocean_tag,
	.leftovers = ocean_leftovers,
	.remove = ocean_remove,
	.stop = ocean_stop,
	.start = ocean_start,
	.quota = ocean_quota,
	.admit = ocean_admit,
};
