/* SPDX-License-Identifier: Apache-2.0 */
/* The clouds built in, by hand: the CMake option GPUCLOUD_PROVIDERS chooses among them. */
#include <string.h>

#include "providers/provider.h"

#ifdef GPUCLOUD_PROVIDER_AWS
extern const struct provider_ops aws_provider;
#endif
#ifdef GPUCLOUD_PROVIDER_PAPERSPACE
extern const struct provider_ops paperspace_provider;
#endif
#ifdef GPUCLOUD_PROVIDER_DIGITALOCEAN
extern const struct provider_ops digitalocean_provider;
#endif

const struct provider_ops *const providers[] = {
#ifdef GPUCLOUD_PROVIDER_AWS
	&aws_provider,
#endif
#ifdef GPUCLOUD_PROVIDER_PAPERSPACE
	&paperspace_provider,
#endif
#ifdef GPUCLOUD_PROVIDER_DIGITALOCEAN
	&digitalocean_provider,
#endif
	NULL,
};

const struct provider_ops *provider_find(const char *name)
{
	for (size_t i = 0; name && providers[i]; i++)
		if (!strcmp(providers[i]->name, name))
			return providers[i];
	return NULL;
}
