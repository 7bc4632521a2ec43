/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One GPU under test, in a process of its own: the driver, the context, the kernels, and where what
 * is found goes. Phases return 0, or -1 where the GPU stopped answering; the problem was recorded
 * then, and the phases after it are left out.
 */
#ifndef GPUCLOUD_SELFTEST_GPU_H
#define GPUCLOUD_SELFTEST_GPU_H

#include <stdbool.h>

#include "gpu-selftest/src/driver.h"
#include "gpu-selftest/src/engine.h"
#include "gpu-selftest/src/nvml.h"
#include "gpu-selftest/src/options.h"
#include "gpu-selftest/src/record.h"
#include "gpu-selftest/src/spec.h"

/* The fake driver's devices have it in their names, and are tested with small sizes. */
#define GPU_SIMULATED "(simulated)"

struct gpu_facts {
	char name[128], uuid[48], bus_id[32];
	int sms, major, minor, clock_khz, memory_khz, bus_bits;
	unsigned long long memory;
	bool simulated;
	const struct spec *spec; /* NULL: unknown */
};

struct gpu {
	struct record *record;
	const struct options *options;
	struct driver driver;
	struct nvml nvml;
	void *nvml_device; /* NULL: not known to NVML */
	int device;
	struct gpu_facts facts;
	void *context, *module, *functions[KERNEL_COUNT];
	void *events[2];
	int last_error; /* of the driver, for gpu_stopped */
	bool mig;
	struct engine engine; /* this GPU; its ctx is this struct */
};

/* What CUDA says of a device; -1 with the error's number in *code. */
int gpu_facts(const struct driver *d, int device, struct gpu_facts *facts, int *code);

/* Makes the context and the engine; -1 with the driver's sentence in engine.error. */
int gpu_enter(struct gpu *g);
/* Loads the kernels; -1 as well, and doing says at what. */
int gpu_load(struct gpu *g, const char **doing);
/* Both as phases of the test, recorded. */
int gpu_open(struct gpu *g);
void gpu_close(struct gpu *g);

/* Every call of the driver ends here: 0, or -1 with its error kept for the report. */
int gpu_checked(struct gpu *g, int code);

/* Records why the engine failed, with what is known of such errors; returns -1. */
int gpu_stopped(struct gpu *g, const char *doing);

/* Time on the GPU between the two calls, in seconds; -1 where the engine failed. */
int gpu_start_timer(struct gpu *g);
int gpu_stop_timer(struct gpu *g, double *seconds);

int phase_memory(struct gpu *g);
int phase_bandwidth(struct gpu *g);
int phase_product(struct gpu *g);
int phase_train(struct gpu *g);

/* A speed: the check's verdict and members, and the problem where it is low. */
void gpu_record_speed(struct gpu *g, const char *id, const char *unit, double value, double peak,
		      double expected);

/* The child's whole work. */
void gpu_test(struct record *record, const struct options *options, int device);

#endif
