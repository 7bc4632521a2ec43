/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVML, loaded at run time: libnvidia-ml.so.1. The library, each of its functions, and each answer
 * may be missing; what is missing is not known, never wrong. Declared here after
 * https://docs.nvidia.com/deploy/nvml-api/.
 */
#ifndef GPUCLOUD_SELFTEST_NVML_H
#define GPUCLOUD_SELFTEST_NVML_H

#include <stdbool.h>
#include <stddef.h>

struct nvml_pci {
	char legacy_id[16];
	unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
	char id[32];
};

struct nvml_memory {
	unsigned long long total, unused, used;
};

struct nvml_memory2 {
	unsigned version; /* size of the struct, and 2 << 24 */
	unsigned long long total, reserved, unused, used;
};

struct nvml_event {
	void *device;
	unsigned long long type, data;
	unsigned gpu_instance, compute_instance;
};

#define NVML_EVENT_DOUBLE_BIT 2ull
#define NVML_EVENT_XID	      8ull
#define NVML_TIMEOUT	      10

/* bits of the reasons for lower clocks */
#define NVML_SLOW_POWER_CAP   0x04ull
#define NVML_SLOW_HARDWARE    0x08ull
#define NVML_SLOW_SW_THERMAL  0x20ull
#define NVML_SLOW_HW_THERMAL  0x40ull
#define NVML_SLOW_POWER_BRAKE 0x80ull

/* X(member, symbol, arguments); every one returns 0 for success */
#define NVML_CALLS(X)                                                                           \
	X(init, nvmlInit_v2, (void))                                                            \
	X(shutdown, nvmlShutdown, (void))                                                       \
	X(driver_version, nvmlSystemGetDriverVersion, (char *version, unsigned length))         \
	X(count, nvmlDeviceGetCount_v2, (unsigned *count))                                      \
	X(by_bus_id, nvmlDeviceGetHandleByPciBusId_v2, (const char *id, void **device))         \
	X(by_index, nvmlDeviceGetHandleByIndex_v2, (unsigned index, void **device))             \
	X(pci, nvmlDeviceGetPciInfo_v3, (void *device, struct nvml_pci *pci))                   \
	X(serial, nvmlDeviceGetSerial, (void *device, char *serial, unsigned length))           \
	X(memory, nvmlDeviceGetMemoryInfo, (void *device, struct nvml_memory *memory))          \
	X(memory2, nvmlDeviceGetMemoryInfo_v2, (void *device, struct nvml_memory2 *memory))     \
	X(mig, nvmlDeviceGetMigMode, (void *device, unsigned *current, unsigned *pending))      \
	X(ecc_mode, nvmlDeviceGetEccMode, (void *device, unsigned *current, unsigned *pending)) \
	X(ecc_errors, nvmlDeviceGetTotalEccErrors,                                              \
	  (void *device, unsigned type, unsigned counter, unsigned long long *count))           \
	X(remapped, nvmlDeviceGetRemappedRows,                                                  \
	  (void *device, unsigned *correctable, unsigned *uncorrectable, unsigned *pending,     \
	   unsigned *failed))                                                                   \
	X(retired_pending, nvmlDeviceGetRetiredPagesPendingStatus,                              \
	  (void *device, unsigned *pending))                                                    \
	X(clock, nvmlDeviceGetClockInfo, (void *device, unsigned type, unsigned *mhz))          \
	X(power, nvmlDeviceGetPowerUsage, (void *device, unsigned *milliwatts))                 \
	X(temperature, nvmlDeviceGetTemperature, (void *device, unsigned sensor, unsigned *c))  \
	X(slow_reasons, nvmlDeviceGetCurrentClocksThrottleReasons,                              \
	  (void *device, unsigned long long *reasons))                                          \
	X(link_width, nvmlDeviceGetCurrPcieLinkWidth, (void *device, unsigned *width))          \
	X(link_gen, nvmlDeviceGetCurrPcieLinkGeneration, (void *device, unsigned *gen))         \
	X(events_create, nvmlEventSetCreate, (void **set))                                      \
	X(events_register, nvmlDeviceRegisterEvents,                                            \
	  (void *device, unsigned long long types, void *set))                                  \
	X(events_wait, nvmlEventSetWait_v2, (void *set, struct nvml_event *event, unsigned ms)) \
	X(events_free, nvmlEventSetFree, (void *set))

struct nvml {
#define NVML_MEMBER(member, symbol, args) int(*member) args;
	NVML_CALLS(NVML_MEMBER)
#undef NVML_MEMBER
	char version[80]; /* of the driver, "" where it is not known */
};

/* Loads and initialises it; false, with the reason, where there is none or it refuses. */
bool nvml_open(struct nvml *n, char *why, size_t size);
void nvml_close(struct nvml *n);

/* NULL where NVML does not know it. */
void *nvml_device(const struct nvml *n, const char *bus_id);

#endif
