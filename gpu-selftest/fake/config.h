/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fake driver pretends, from the environment:
 *
 *	FAKE_GPUS	"8xH100", "V100,T4": aliases of spec/gpus.tsv; other names make GPUs
 *			that nobody knows; "0": none. The default is one V100.
 *	FAKE_CUDA	version of the driver, as 12040
 *	FAKE_FAULT	faults, parted by commas: KIND[:A[:B[:C]]][@GPU], GPU 0 where not said.
 *			README.md has the kinds.
 *	FAKE_KERNELS	"any": the kernels' variant for any CPU, which sanitizers watch
 */
#ifndef GPUCLOUD_SELFTEST_FAKE_CONFIG_H
#define GPUCLOUD_SELFTEST_FAKE_CONFIG_H

#include "gpu-selftest/src/spec.h"

#define FAKE_GPUS_MAX	64
#define FAKE_FAULTS_MAX 16

struct fake_gpu {
	const struct spec *spec; /* NULL: unknown */
	char name[96];
};

struct fake_fault {
	char kind[24];
	long long arg[3];
	char word[32]; /* the first argument as it stands */
	int gpu;
};

struct fake_config {
	int count, cuda;
	struct fake_gpu gpus[FAKE_GPUS_MAX];
	struct fake_fault faults[FAKE_FAULTS_MAX];
	int fault_count;
	int plain; /* FAKE_KERNELS=any */
};

/* Read once. */
const struct fake_config *fake_config(void);

/* NULL where this GPU has no such fault; gpu -1: any. */
const struct fake_fault *fake_fault(const char *kind, int gpu);

/* "0000:03:00.0" and so on */
void fake_bus_id(int gpu, char *id, int length);

#endif
