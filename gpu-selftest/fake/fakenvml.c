/* SPDX-License-Identifier: Apache-2.0 */
/* A libnvidia-ml.so.1 for the GPUs that the fake libcuda.so.1 pretends. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gpu-selftest/fake/config.h"
#include "gpu-selftest/src/nvml.h"

#define EXPORT			      __attribute__((visibility("default")))
#define DECLARE(member, symbol, args) EXPORT int symbol args;
NVML_CALLS(DECLARE)
#undef DECLARE

enum {
	INVALID = 2,
	NOT_SUPPORTED = 3,
	NOT_FOUND = 6
};

static unsigned asked[FAKE_GPUS_MAX][2];
static int reported;

static int index_of(const void *device)
{
	return (int)((uintptr_t)device - 1);
}

static int valid(const void *device)
{
	return device != NULL && index_of(device) < fake_config()->count;
}

/* An old driver, or a container, answers most questions like this. */
static int refuses(const void *device)
{
	if (!valid(device))
		return INVALID;
	return fake_fault("silent", index_of(device)) != NULL ? NOT_SUPPORTED : 0;
}

static const struct spec *spec_of(const void *device)
{
	return fake_config()->gpus[index_of(device)].spec;
}

static unsigned long long memory_of(const void *device)
{
	const struct spec *s = spec_of(device);
	return (unsigned long long)((s != NULL ? s->memory_gb * 0.99 : 20) * 1024) << 20;
}

int nvmlInit_v2(void)
{
	const struct fake_fault *f = fake_fault("nvml", -1);
	return f != NULL ? (int)f->arg[0] : 0;
}

int nvmlShutdown(void)
{
	return 0;
}

int nvmlSystemGetDriverVersion(char *version, unsigned length)
{
	snprintf(version, length, "simulated %d.%02d", fake_config()->cuda / 1000,
		 fake_config()->cuda % 1000);
	return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
	*count = (unsigned)fake_config()->count;
	return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
	*device = (void *)(uintptr_t)(index + 1);
	return valid(*device) ? 0 : INVALID;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *id, void **device)
{
	char mine[32];
	for (int i = 0; i < fake_config()->count; i++) {
		fake_bus_id(i, mine, sizeof(mine));
		if (strcmp(mine, id) == 0)
			return nvmlDeviceGetHandleByIndex_v2((unsigned)i, device);
	}
	return NOT_FOUND;
}

int nvmlDeviceGetPciInfo_v3(void *device, struct nvml_pci *pci)
{
	if (!valid(device))
		return INVALID;
	memset(pci, 0, sizeof(*pci));
	/* NVML's domain has eight digits, CUDA's four */
	snprintf(pci->id, sizeof(pci->id), "0000");
	fake_bus_id(index_of(device), pci->id + 4, sizeof(pci->id) - 4);
	return 0;
}

int nvmlDeviceGetSerial(void *device, char *serial, unsigned length)
{
	snprintf(serial, length, "SIMULATED-%d", index_of(device));
	return refuses(device);
}

int nvmlDeviceGetMemoryInfo(void *device, struct nvml_memory *memory)
{
	const struct fake_fault *busy = fake_fault("busy", index_of(device));
	if (refuses(device) != 0)
		return NOT_SUPPORTED;
	memory->total = memory_of(device);
	memory->used = busy != NULL ? (unsigned long long)busy->arg[0] << 20 : 3ull << 20;
	memory->unused = memory->total - memory->used;
	return 0;
}

int nvmlDeviceGetMemoryInfo_v2(void *device, struct nvml_memory2 *memory)
{
	struct nvml_memory one;
	if (memory->version != (sizeof(*memory) | 2u << 24))
		return INVALID;
	if (nvmlDeviceGetMemoryInfo(device, &one) != 0)
		return NOT_SUPPORTED;
	memory->total = one.total;
	memory->reserved = 400ull << 20;
	memory->used = one.used;
	memory->unused = one.total - one.used - memory->reserved;
	return 0;
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending)
{
	*current = *pending = fake_fault("mig", index_of(device)) != NULL;
	return refuses(device);
}

int nvmlDeviceGetEccMode(void *device, unsigned *current, unsigned *pending)
{
	*current = *pending = fake_fault("ecc_off", index_of(device)) == NULL;
	return refuses(device);
}

/* Counters grow between the first and the second time they are asked for. */
int nvmlDeviceGetTotalEccErrors(void *device, unsigned type, unsigned counter,
				unsigned long long *count)
{
	if (type > 1 || counter > 1 || refuses(device) != 0)
		return NOT_SUPPORTED;
	int gpu = index_of(device);
	unsigned before = asked[gpu][type]++;
	const struct fake_fault *f = fake_fault(type == 1 ? "ecc" : "corrected", gpu);
	*count = type == 1 && fake_fault("ecc_before", gpu) != NULL ? 2 : 0;
	if (f != NULL && before > 0)
		*count += (unsigned long long)(f->arg[0] > 0 ? f->arg[0] : 1);
	return 0;
}

int nvmlDeviceGetRemappedRows(void *device, unsigned *correctable, unsigned *uncorrectable,
			      unsigned *pending, unsigned *failed)
{
	if (refuses(device) != 0 || spec_of(device) == NULL || spec_of(device)->cc < 8)
		return NOT_SUPPORTED;
	*correctable = *uncorrectable = 0;
	*pending = fake_fault("remap_pending", index_of(device)) != NULL;
	*failed = fake_fault("remap_failed", index_of(device)) != NULL;
	return 0;
}

int nvmlDeviceGetRetiredPagesPendingStatus(void *device, unsigned *pending)
{
	*pending = fake_fault("retired", index_of(device)) != NULL;
	return refuses(device);
}

int nvmlDeviceGetClockInfo(void *device, unsigned type, unsigned *mhz)
{
	if (refuses(device) != 0 || type > 3)
		return NOT_SUPPORTED;
	*mhz = spec_of(device) != NULL ? (unsigned)spec_of(device)->boost_mhz : 1500;
	return 0;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts)
{
	*milliwatts = 100000;
	return refuses(device);
}

int nvmlDeviceGetTemperature(void *device, unsigned sensor, unsigned *c)
{
	*c = 45;
	return sensor != 0 ? INVALID : refuses(device);
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons)
{
	const struct fake_fault *f = fake_fault("throttle", index_of(device));
	*reasons = f != NULL ? (unsigned long long)f->arg[0] : NVML_SLOW_POWER_CAP;
	return refuses(device);
}

int nvmlDeviceGetCurrPcieLinkWidth(void *device, unsigned *width)
{
	if (refuses(device) != 0)
		return NOT_SUPPORTED;
	const struct fake_fault *f = fake_fault("width", index_of(device));
	*width = spec_of(device) != NULL ? (unsigned)spec_of(device)->pcie_width : 16;
	if (f != NULL)
		*width = (unsigned)f->arg[0];
	return 0;
}

int nvmlDeviceGetCurrPcieLinkGeneration(void *device, unsigned *gen)
{
	if (refuses(device) != 0)
		return NOT_SUPPORTED;
	*gen = spec_of(device) != NULL ? (unsigned)spec_of(device)->pcie_gen : 3;
	return 0;
}

int nvmlEventSetCreate(void **set)
{
	*set = &reported;
	return fake_fault("noevents", -1) != NULL ? NOT_SUPPORTED : 0;
}

int nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *set)
{
	if (set != &reported || types != NVML_EVENT_XID)
		return INVALID;
	/* one process tests one GPU */
	reported = -index_of(device) - 1;
	return refuses(device);
}

int nvmlEventSetWait_v2(void *set, struct nvml_event *event, unsigned ms)
{
	if (set != &reported)
		return INVALID;
	int gpu = -reported - 1;
	const struct fake_fault *f = reported < 0 ? fake_fault("xid", gpu) : NULL;
	if (f != NULL) {
		reported = 1;
		event->device = (void *)(uintptr_t)(gpu + 1);
		event->type = NVML_EVENT_XID;
		event->data = (unsigned long long)f->arg[0];
		return 0;
	}
	const struct timespec pause = { .tv_nsec = (long)ms * 1000000L };
	nanosleep(&pause, NULL);
	return NVML_TIMEOUT;
}

int nvmlEventSetFree(void *set)
{
	return set == &reported ? 0 : INVALID;
}
