/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/device.h"

#include <stdio.h>
#include <string.h>

/* 1: there is no GPU, and why; -1: there is one, or seems to be, and it failed */
static int find_gpu(struct gpu *g, char *error, size_t size)
{
	char text[128];
	int count = 0, code;
	if (driver_load(&g->driver, error, size) != 0)
		return 1;
	code = g->driver.init(0);
	if (code == 0)
		code = g->driver.count(&count);
	if (code == CU_NO_DEVICE || (code == 0 && count == 0)) {
		snprintf(error, size, "CUDA shows no GPU");
		return 1;
	}
	if (code == 0)
		code = g->driver.device(&g->device, 0);
	if (code == 0 && gpu_facts(&g->driver, g->device, &g->facts, &code) == 0)
		return 0;
	snprintf(error, size, "starting the driver failed: %s",
		 driver_error(&g->driver, code, text, sizeof(text)));
	return -1;
}

static int open_gpu(struct device *d, char *error, size_t size)
{
	const char *doing = "opening it";
	int rc = find_gpu(&d->gpu, error, size);
	if (rc != 0)
		return rc;
	if (gpu_enter(&d->gpu) != 0 || gpu_load(&d->gpu, &doing) != 0) {
		snprintf(error, size, "GPU %d: %s failed: %s", d->gpu.device, doing,
			 d->gpu.engine.error);
		gpu_close(&d->gpu);
		return -1;
	}
	d->engine = &d->gpu.engine;
	d->on_gpu = true;
	d->simulated = d->gpu.facts.simulated;
	snprintf(d->name, sizeof(d->name), "GPU %d, %s", d->gpu.device, d->gpu.facts.name);
	return 0;
}

static int open_cpu(struct device *d, char *error, size_t size)
{
	unsigned threads;
	if (engine_cpu_open(&d->cpu, &threads) != 0) {
		snprintf(error, size, "%s", d->cpu.error);
		return -1;
	}
	d->engine = &d->cpu;
	snprintf(d->name, sizeof(d->name), "the CPU, %u thread%s", threads,
		 threads == 1 ? "" : "s");
	return 0;
}

int device_open(struct device *d, enum device_choice choice, char *error, size_t size)
{
	int rc = 1;
	memset(d, 0, sizeof(*d));
	error[0] = '\0';
	if (choice != DEVICE_CPU)
		rc = open_gpu(d, error, size);
	if (rc == 1 && choice != DEVICE_GPU) {
		snprintf(d->why, sizeof(d->why), "%s", error);
		return open_cpu(d, error, size);
	}
	if (rc == 0)
		return 0;
	size_t used = strlen(error);
	snprintf(error + used, size - used,
		 "\n--device cpu does without; `gpu-selftest --text` says more");
	return -1;
}

void device_tell(const struct device *d, const char *work)
{
	printf("%s on %s\n", work, d->name);
	if (d->why[0] != '\0')
		printf("no GPU: %s\n", d->why);
}

void device_close(struct device *d)
{
	if (d->on_gpu)
		gpu_close(&d->gpu);
	else
		engine_cpu_close(&d->cpu);
}
