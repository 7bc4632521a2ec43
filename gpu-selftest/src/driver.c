/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "gpu-selftest/src/library.h"

int driver_load(struct driver *d, char *error, size_t size)
{
	memset(d, 0, sizeof(*d));
	void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		const char *why = dlerror();
		snprintf(error, size, "%s", why != NULL ? why : "libcuda.so.1 cannot be loaded");
		return -1;
	}
#define DRIVER_FIND(member, symbol, args)                              \
	if (!library_symbol(library, #symbol, &d->member)) {           \
		snprintf(error, size, "libcuda.so.1 has no " #symbol); \
		return -1;                                             \
	}
	DRIVER_CALLS(DRIVER_FIND)
#undef DRIVER_FIND
	library_symbol(library, "cuDeviceGetUuid", &d->uuid);
	library_symbol(library, "cuGetErrorName", &d->error_name);
	return 0;
}

const char *driver_error(const struct driver *d, int error, char *buffer, size_t size)
{
	const char *name = NULL;
	if (d->error_name == NULL || d->error_name(error, &name) != 0 || name == NULL)
		name = "CUDA error";
	snprintf(buffer, size, "%s (%d)", name, error);
	return buffer;
}
