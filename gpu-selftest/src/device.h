/* SPDX-License-Identifier: Apache-2.0 */
/* Where a training runs: the first GPU that CUDA shows, or this computer's processors. */
#ifndef GPUCLOUD_SELFTEST_DEVICE_H
#define GPUCLOUD_SELFTEST_DEVICE_H

#include "gpu-selftest/src/gpu.h"

enum device_choice {
	DEVICE_AUTO, /* the CPU where there is no driver, or no GPU for it; not where one fails */
	DEVICE_GPU,
	DEVICE_CPU,
};

struct device {
	struct engine *engine;
	char name[160]; /* "GPU 0, Tesla T4", "the CPU, 2 threads" */
	char why[256];	/* auto chose the CPU; "" where it was wanted */
	bool simulated, on_gpu;
	struct gpu gpu;
	struct engine cpu;
};

/* -1 with a sentence that says what to do; nothing is to be closed then. */
int device_open(struct device *d, enum device_choice choice, char *error, size_t size);
/* "WORK on NAME" on stdout, and why it is the CPU. */
void device_tell(const struct device *d, const char *work);
void device_close(struct device *d);

#endif
