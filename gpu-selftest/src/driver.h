/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CUDA driver, loaded at run time: libcuda.so.1, as the driver's own package installs it. Only
 * old entry points are used (those of CUDA 7.5), declared here after
 * https://docs.nvidia.com/cuda/cuda-driver-api/.
 */
#ifndef GPUCLOUD_SELFTEST_DRIVER_H
#define GPUCLOUD_SELFTEST_DRIVER_H

#include <stddef.h>

typedef unsigned long long cu_memory;

/* X(member, symbol, arguments); every one returns a CUresult, 0 for success. */
#define DRIVER_CALLS(X)                                                                     \
	X(init, cuInit, (unsigned flags))                                                   \
	X(driver_version, cuDriverGetVersion, (int *version))                               \
	X(count, cuDeviceGetCount, (int *count))                                            \
	X(device, cuDeviceGet, (int *device, int ordinal))                                  \
	X(name, cuDeviceGetName, (char *name, int length, int device))                      \
	X(attribute, cuDeviceGetAttribute, (int *value, int attribute, int device))         \
	X(total_memory, cuDeviceTotalMem_v2, (size_t * bytes, int device))                  \
	X(bus_id, cuDeviceGetPCIBusId, (char *id, int length, int device))                  \
	X(create, cuCtxCreate_v2, (void **context, unsigned flags, int device))             \
	X(destroy, cuCtxDestroy_v2, (void *context))                                        \
	X(synchronize, cuCtxSynchronize, (void))                                            \
	X(load, cuModuleLoadDataEx,                                                         \
	  (void **module, const void *image, unsigned count, int *options, void **values))  \
	X(function, cuModuleGetFunction, (void **function, void *module, const char *name)) \
	X(launch, cuLaunchKernel,                                                           \
	  (void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, \
	   unsigned bz, unsigned shared, void *stream, void **params, void **extra))        \
	X(alloc, cuMemAlloc_v2, (cu_memory * memory, size_t bytes))                         \
	X(release, cuMemFree_v2, (cu_memory memory))                                        \
	X(memory_info, cuMemGetInfo_v2, (size_t * unused, size_t * total))                  \
	X(put, cuMemcpyHtoD_v2, (cu_memory to, const void *from, size_t bytes))             \
	X(get, cuMemcpyDtoH_v2, (void *to, cu_memory from, size_t bytes))                   \
	X(set, cuMemsetD8_v2, (cu_memory to, unsigned char value, size_t bytes))            \
	X(event_create, cuEventCreate, (void **event, unsigned flags))                      \
	X(event_record, cuEventRecord, (void *event, void *stream))                         \
	X(event_wait, cuEventSynchronize, (void *event))                                    \
	X(event_elapsed, cuEventElapsedTime, (float *milliseconds, void *from, void *to))   \
	X(event_destroy, cuEventDestroy_v2, (void *event))

/* CUresult values that have a meaning for us */
enum {
	CU_NO_MEMORY = 2,
	CU_NO_DEVICE = 100,
	CU_ECC_UNCORRECTABLE = 214,
	CU_INVALID_PTX = 218,
	CU_NVLINK_UNCORRECTABLE = 220,
	CU_NO_JIT = 221,
	CU_NEWER_PTX = 222,
	CU_LAUNCH_TIMEOUT = 702,
	CU_ILLEGAL_ADDRESS = 700,
	CU_LAUNCH_FAILED = 719,
	CU_NOT_READY = 802,
	CU_DRIVER_MISMATCH = 803,
	CU_UNKNOWN = 999,
};

/* CUdevice_attribute values */
enum {
	CU_ATTR_CLOCK_KHZ = 13,
	CU_ATTR_SMS = 16,
	CU_ATTR_MEMORY_KHZ = 36,
	CU_ATTR_BUS_BITS = 37,
	CU_ATTR_MAJOR = 75,
	CU_ATTR_MINOR = 76,
};

/* CUjit_option values */
enum {
	CU_JIT_ERROR_LOG = 5,
	CU_JIT_ERROR_LOG_BYTES = 6
};

struct driver {
#define DRIVER_MEMBER(member, symbol, args) int(*member) args;
	DRIVER_CALLS(DRIVER_MEMBER)
#undef DRIVER_MEMBER
	/* not in every driver: X is NULL there */
	int (*uuid)(unsigned char uuid[16], int device);
	int (*error_name)(int error, const char **name);
};

/* -1 with the loader's sentence. The library stays loaded. */
int driver_load(struct driver *d, char *error, size_t size);

/* "CUDA_ERROR_X (123)" into buffer, which is returned. */
const char *driver_error(const struct driver *d, int error, char *buffer, size_t size);

#endif
