/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/digitalocean_fake.h"

int digitalocean_fake_setup(void **state)
{
	static const char *const env[] = { "DIGITALOCEAN_TOKEN=" DF_TOKEN, "GPUCLOUD_REGION=nyc2",
					   NULL };
	static const struct cloud_fake_kind kind = { ocean_open, ocean_close, env,
						     DF_URL,	 DF_TOKEN,    true };

	return cloud_fake_setup(state, &kind);
}
