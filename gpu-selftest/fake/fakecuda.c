/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libcuda.so.1 that has no GPU: kernels are computed on this CPU from the same source, so results
 * are real; times come from a model of the GPU it pretends to be. Its devices say "(simulated)".
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpu-selftest/fake/config.h"
#include "gpu-selftest/fake/memory.h"
#include "gpu-selftest/kernels/cpu.h"
#include "gpu-selftest/kernels/portable.h"
#include "gpu-selftest/src/driver.h"

#define EXPORT			      __attribute__((visibility("default")))
#define DECLARE(member, symbol, args) EXPORT int symbol args;
DRIVER_CALLS(DECLARE)
#undef DECLARE
EXPORT int cuDeviceGetUuid(unsigned char uuid[16], int device);
EXPORT int cuGetErrorName(int error, const char **name);

enum {
	INVALID_VALUE = 1,
	NOT_INITIALIZED = 3,
	INVALID_DEVICE = 101,
	INVALID_CONTEXT = 201,
	INVALID_HANDLE = 400,
	NOT_FOUND = 500
};

#define KERNEL_ROW(kernel, type) { #kernel, kernel##_any, kernel##_fma, sizeof(struct type) },
static const struct row {
	const char *name;
	kernel_fn *any, *fma;
	size_t size;
} rows[KERNEL_COUNT] = { KERNELS_TRAIN(KERNEL_ROW) KERNELS_OTHER(KERNEL_ROW) };

static struct {
	int started, device; /* device of the context, -1: none */
	double seconds;	     /* the model's clock */
	int failed;	     /* a kernel's error, which stays */
	char *image;
	const struct vec16 *soft;
	struct mem_args checking;
} state = { .device = -1 };

struct event {
	double seconds;
};

/* the hook of mem_check's first read: a fault that is gone when read again */
struct vec16 fake_load(const struct vec16 *p);
struct vec16 fake_load(const struct vec16 *p)
{
	struct vec16 v = *p;
	if (p == state.soft)
		v.x ^= 1ull << 11;
	return v;
}

static int visible(void)
{
	int count = fake_config()->count;
	return fake_fault("missing", -1) != NULL && count > 0 ? count - 1 : count;
}

static const struct fake_gpu *gpu_of(int device)
{
	return device >= 0 && device < visible() ? &fake_config()->gpus[device] : NULL;
}

static size_t total_of(int device)
{
	const struct spec *s = gpu_of(device)->spec;
	double gib = s != NULL ? s->memory_gb * 0.99 : 20;
	if (fake_fault("mig", device) != NULL)
		gib /= 7;
	return (size_t)(gib * 1024) << 20;
}

int cuInit(unsigned flags)
{
	const struct fake_fault *f = fake_fault("init", -1);
	if (flags != 0)
		return INVALID_VALUE;
	if (f != NULL)
		return (int)f->arg[0];
	if (visible() == 0)
		return CU_NO_DEVICE;
	state.started = 1;
	return 0;
}

int cuDriverGetVersion(int *version)
{
	*version = fake_config()->cuda;
	return 0;
}

int cuDeviceGetCount(int *count)
{
	*count = visible();
	return state.started ? 0 : NOT_INITIALIZED;
}

int cuDeviceGet(int *device, int ordinal)
{
	*device = ordinal;
	return !state.started ? NOT_INITIALIZED : gpu_of(ordinal) == NULL ? INVALID_DEVICE : 0;
}

int cuDeviceGetName(char *name, int length, int device)
{
	if (gpu_of(device) == NULL)
		return INVALID_DEVICE;
	snprintf(name, (size_t)length, "%s", gpu_of(device)->name);
	return 0;
}

int cuDeviceGetUuid(unsigned char uuid[16], int device)
{
	memset(uuid, 0, 16);
	uuid[15] = (unsigned char)(device + 1);
	return gpu_of(device) == NULL ? INVALID_DEVICE : 0;
}

int cuDeviceGetPCIBusId(char *id, int length, int device)
{
	if (gpu_of(device) == NULL)
		return INVALID_DEVICE;
	fake_bus_id(device, id, length);
	return 0;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device)
{
	if (gpu_of(device) == NULL)
		return INVALID_DEVICE;
	*bytes = total_of(device);
	return 0;
}

int cuDeviceGetAttribute(int *value, int attribute, int device)
{
	if (gpu_of(device) == NULL)
		return INVALID_DEVICE;
	const struct spec *s = gpu_of(device)->spec;
	const struct fake_fault *sms = fake_fault("sms", device);
	const struct fake_fault *clock = fake_fault("memclock", device);
	int percent = clock != NULL ? (int)clock->arg[0] : 100;
	switch (attribute) {
	case CU_ATTR_SMS:
		*value = sms != NULL ? (int)sms->arg[0] : s != NULL ? (int)s->sms : 40;
		return 0;
	case CU_ATTR_MAJOR:
		*value = s != NULL ? (int)s->cc : 9;
		return 0;
	case CU_ATTR_MINOR:
		*value = s != NULL ? (int)(s->cc * 10 + 0.5) % 10 : 9;
		return 0;
	case CU_ATTR_CLOCK_KHZ:
		*value = s != NULL ? (int)s->boost_mhz * 1000 : 1500000;
		return 0;
	case CU_ATTR_BUS_BITS:
		*value = s != NULL ? (int)s->bus_bits : 256;
		return 0;
	case CU_ATTR_MEMORY_KHZ:
		*value = s != NULL ? (int)(s->gbs * 1e9 * 8 / s->bus_bits / 2 / 1e3) / 100 * percent
				   : 5000000;
		return 0;
	default:
		return INVALID_VALUE;
	}
}

int cuCtxCreate_v2(void **context, unsigned flags, int device)
{
	const struct fake_fault *f = fake_fault("create", device);
	if (!state.started || gpu_of(device) == NULL || flags != 0)
		return INVALID_DEVICE;
	if (f != NULL)
		return (int)f->arg[0];
	state.device = device;
	*context = &state;
	return 0;
}

int cuCtxDestroy_v2(void *context)
{
	if (context != &state || state.device < 0)
		return INVALID_CONTEXT;
	state.device = -1;
	free(state.image);
	state.image = NULL;
	return 0;
}

int cuCtxSynchronize(void)
{
	return state.device < 0 ? INVALID_CONTEXT : state.failed;
}

int cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options,
		       void **values)
{
	const struct fake_fault *f = fake_fault("load", state.device);
	if (state.device < 0)
		return INVALID_CONTEXT;
	if (f != NULL) {
		for (unsigned i = 0; i < count; i++)
			if (options[i] == CU_JIT_ERROR_LOG)
				snprintf(values[i], 64, "ptxas fatal: as was asked for\nmore");
		return (int)f->arg[0];
	}
	/* a driver before CUDA 7.5 knows no PTX 4.3 */
	if (strstr(image, "\n.version 4.3\n") == NULL || strstr(image, ".target sm_37") == NULL)
		return CU_INVALID_PTX;
	if (fake_config()->cuda < 7050)
		return CU_NEWER_PTX;
	free(state.image);
	state.image = strdup(image);
	*module = &state.image;
	return state.image == NULL ? CU_NO_MEMORY : 0;
}

int cuModuleGetFunction(void **function, void *module, const char *name)
{
	char entry[96];
	if (module != &state.image || state.image == NULL)
		return INVALID_HANDLE;
	/* what the PTX does not have, the fake has not either */
	snprintf(entry, sizeof(entry), ".entry %s(", name);
	if (strstr(state.image, entry) == NULL)
		return NOT_FOUND;
	for (unsigned k = 0; k < KERNEL_COUNT; k++) {
		if (strcmp(rows[k].name, name) != 0)
			continue;
		*function = (void *)(uintptr_t)(k + 1);
		return 0;
	}
	return NOT_FOUND;
}

static double model_seconds(enum kernel kernel, const void *args)
{
	const struct spec *s = gpu_of(state.device)->spec;
	const struct fake_fault *slow = fake_fault("slow", state.device);
	const struct fake_fault *slow_math = fake_fault("slowmath", state.device);
	const struct bandwidth_args *b = args;
	const struct product_args *p = args;
	double gbs = (s != NULL ? s->gbs : 320) * 1e9,
	       flops = (s != NULL ? s->fp32_tflops : 7.7) * 1e12;
	gbs *= slow != NULL ? (double)slow->arg[0] / 100 : 1;
	flops *= slow_math != NULL ? (double)slow_math->arg[0] / 100 : 1;
	switch ((int)kernel) {
	case K_mem_fill:
	case K_mem_check:
		return 16.0 * (double)((const struct mem_args *)args)->units / gbs;
	case K_bandwidth_read:
		return 16.0 * (double)b->units / gbs / (s != NULL ? s->expect_read : 0.9);
	case K_bandwidth_write:
		return 16.0 * (double)b->units / gbs / (s != NULL ? s->expect_write : 0.9);
	case K_bandwidth_copy:
		return 32.0 * (double)b->units / gbs / (s != NULL ? s->expect_copy : 0.9);
	case K_product_f32:
		return 2.0 * p->rows * p->columns * p->depth / flops /
		       (s != NULL ? s->expect_fp32 : 0.9);
	default:
		return 2e-6;
	}
}

static void act_on(const char *what, const char *kernel)
{
	const struct fake_fault *f = fake_fault(what, state.device);
	if (f == NULL || strcmp(f->word, kernel) != 0)
		return;
	if (strcmp(what, "crash") == 0)
		raise(SIGKILL);
	/* a process that waits in the driver hears no polite signal */
	signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
		   unsigned bz, unsigned shared, void *stream, void **params, void **extra)
{
	enum kernel kernel = (enum kernel)((uintptr_t)function - 1);
	if (state.device < 0 || state.failed != 0)
		return state.failed != 0 ? state.failed : INVALID_CONTEXT;
	if ((unsigned)kernel >= KERNEL_COUNT || gx == 0 || gy != 1 || gz != 1 || bx != THREADS ||
	    by != 1 || bz != 1 || shared != 0 || stream != NULL || extra != NULL)
		return INVALID_VALUE;
	const struct row *row = &rows[kernel];
	const struct fake_fault *f = fake_fault("exception", state.device);
	act_on("hang", row->name);
	act_on("crash", row->name);
	if (f != NULL && strcmp(f->word, row->name) == 0)
		state.failed = (int)f->arg[1];
	unsigned char args[256];
	memcpy(args, params[0], row->size);
	f = fake_fault("soft", state.device);
	state.soft = NULL;
	if (kernel == K_mem_check && f != NULL) {
		const struct mem_args *m = params[0];
		if (m->units * 16 >= FAKE_FAULTY_BYTES)
			state.soft = (const struct vec16 *)m->data + f->arg[0] / 16;
	}
	kernel_fn *fn = row->any;
#if defined(__x86_64__)
	if (!fake_config()->plain && __builtin_cpu_supports("fma") &&
	    __builtin_cpu_supports("avx2"))
		fn = row->fma;
#endif
	for (unsigned block = 0; block < gx; block++)
		fn(args, block, gx);
	fake_kernel_faults(state.device, kernel, params[0]);
	fake_memory_faults(state.device);
	state.seconds += model_seconds(kernel, params[0]);
	return 0;
}

int cuMemAlloc_v2(cu_memory *memory, size_t bytes)
{
	if (state.device < 0)
		return INVALID_CONTEXT;
	*memory = (cu_memory)(uintptr_t)fake_alloc(bytes, total_of(state.device));
	return *memory == 0 ? CU_NO_MEMORY : 0;
}

int cuMemFree_v2(cu_memory memory)
{
	return fake_free((void *)(uintptr_t)memory) ? 0 : INVALID_VALUE;
}

int cuMemGetInfo_v2(size_t *unused, size_t *total)
{
	const struct fake_fault *busy = fake_fault("busy", state.device);
	if (state.device < 0)
		return INVALID_CONTEXT;
	*total = total_of(state.device);
	size_t taken =
		((size_t)450 << 20) + fake_used() + (busy != NULL ? (size_t)busy->arg[0] << 20 : 0);
	*unused = *total > taken ? *total - taken : 0;
	return 0;
}

int cuMemcpyHtoD_v2(cu_memory to, const void *from, size_t bytes)
{
	if (state.failed != 0 || !fake_owns((void *)(uintptr_t)to, bytes))
		return state.failed != 0 ? state.failed : INVALID_VALUE;
	memcpy((void *)(uintptr_t)to, from, bytes);
	fake_memory_faults(state.device);
	return 0;
}

int cuMemcpyDtoH_v2(void *to, cu_memory from, size_t bytes)
{
	if (state.failed != 0 || !fake_owns((void *)(uintptr_t)from, bytes))
		return state.failed != 0 ? state.failed : INVALID_VALUE;
	memcpy(to, (void *)(uintptr_t)from, bytes);
	return 0;
}

int cuMemsetD8_v2(cu_memory to, unsigned char value, size_t bytes)
{
	if (state.failed != 0 || !fake_owns((void *)(uintptr_t)to, bytes))
		return state.failed != 0 ? state.failed : INVALID_VALUE;
	memset((void *)(uintptr_t)to, value, bytes);
	fake_memory_faults(state.device);
	return 0;
}

int cuEventCreate(void **event, unsigned flags)
{
	(void)flags;
	*event = calloc(1, sizeof(struct event));
	return *event == NULL ? CU_NO_MEMORY : 0;
}

int cuEventRecord(void *event, void *stream)
{
	(void)stream;
	((struct event *)event)->seconds = state.seconds;
	return state.failed;
}

int cuEventSynchronize(void *event)
{
	(void)event;
	return state.failed;
}

int cuEventElapsedTime(float *milliseconds, void *from, void *to)
{
	*milliseconds =
		(float)((((struct event *)to)->seconds - ((struct event *)from)->seconds) * 1e3);
	return 0;
}

int cuEventDestroy_v2(void *event)
{
	free(event);
	return 0;
}

int cuGetErrorName(int error, const char **name)
{
	static const struct {
		int error;
		const char *name;
	} names[] = {
		{ 2, "CUDA_ERROR_OUT_OF_MEMORY" },
		{ 100, "CUDA_ERROR_NO_DEVICE" },
		{ 214, "CUDA_ERROR_ECC_UNCORRECTABLE" },
		{ 221, "CUDA_ERROR_JIT_COMPILER_NOT_FOUND" },
		{ 222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION" },
		{ 700, "CUDA_ERROR_ILLEGAL_ADDRESS" },
		{ 719, "CUDA_ERROR_LAUNCH_FAILED" },
		{ 802, "CUDA_ERROR_SYSTEM_NOT_READY" },
		{ 803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" },
		{ 999, "CUDA_ERROR_UNKNOWN" },
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (names[i].error != error)
			continue;
		*name = names[i].name;
		return 0;
	}
	return INVALID_VALUE;
}
