/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/nvml.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "gpu-selftest/src/library.h"

bool nvml_open(struct nvml *n, char *why, size_t size)
{
	memset(n, 0, sizeof(*n));
	void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		const char *reason = dlerror();
		snprintf(why, size, "%s", reason != NULL ? reason : "not loaded");
		return false;
	}
#define NVML_FIND(member, symbol, args) library_symbol(library, #symbol, &n->member);
	NVML_CALLS(NVML_FIND)
#undef NVML_FIND
	int rc = n->init != NULL ? n->init() : -1;
	if (rc != 0) {
		snprintf(why, size, "nvmlInit answered %d", rc);
		memset(n, 0, sizeof(*n));
		return false;
	}
	if (n->driver_version == NULL || n->driver_version(n->version, sizeof(n->version)) != 0)
		n->version[0] = '\0';
	n->version[sizeof(n->version) - 1] = '\0';
	return true;
}

void nvml_close(struct nvml *n)
{
	if (n->shutdown != NULL)
		n->shutdown();
	memset(n, 0, sizeof(*n));
}

void *nvml_device(const struct nvml *n, const char *bus_id)
{
	void *device = NULL;
	if (n->by_bus_id == NULL || n->by_bus_id(bus_id, &device) != 0)
		return NULL;
	return device;
}
