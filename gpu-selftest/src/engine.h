/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where kernels run: a GPU through its driver (gpu.c), or this CPU (engine_cpu.c). The training
 * step is one sequence of launches for both.
 *
 * Functions return 0, or -1 with a sentence in error.
 */
#ifndef GPUCLOUD_SELFTEST_ENGINE_H
#define GPUCLOUD_SELFTEST_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "gpu-selftest/kernels/args.h"
#include "gpu-selftest/kernels/list.h"

struct engine {
	void *ctx;
	/* Memory is not cleared. Released all at once, by the one who made the engine. */
	int (*alloc)(struct engine *e, size_t bytes, void **memory);
	int (*put)(struct engine *e, void *memory, const void *from, size_t bytes);
	int (*get)(struct engine *e, void *to, const void *memory, size_t bytes);
	int (*fill)(struct engine *e, void *memory, unsigned char value, size_t bytes);
	/* Starts a kernel; launches run in order. args is copied. */
	int (*launch)(struct engine *e, enum kernel kernel, unsigned blocks, const void *args);
	/* Waits for all of them. */
	int (*finish)(struct engine *e);
	char error[200];
};

/* All processors that this process may use, eight at most. */
int engine_cpu_open(struct engine *e, unsigned *threads);
void engine_cpu_close(struct engine *e);
/* Without fused multiply-add in hardware the CPU takes a hundred times as long. */
int engine_cpu_is_fast(void);

#endif
