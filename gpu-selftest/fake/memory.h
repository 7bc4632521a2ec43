/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake GPU's memory, and the faults in it. An allocation of the device is one of the process,
 * so that AddressSanitizer watches the kernels. Faults of memory live in every allocation of
 * FAKE_FAULTY_BYTES or more: the memory test has one, nothing else does.
 */
#ifndef GPUCLOUD_SELFTEST_FAKE_MEMORY_H
#define GPUCLOUD_SELFTEST_FAKE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "gpu-selftest/kernels/list.h"

#define FAKE_FAULTY_BYTES ((size_t)6 << 20)

/* NULL where the GPU has no more: it pretends total bytes, but really has 256 MiB. */
void *fake_alloc(size_t bytes, size_t total);
bool fake_free(void *memory);
/* The range lies within one allocation. */
bool fake_owns(const void *memory, size_t bytes);
size_t fake_used(void);

/* After each write: stuck bits stick, aliased addresses agree. */
void fake_memory_faults(int gpu);
/* After a kernel: what it computed is spoilt. */
void fake_kernel_faults(int gpu, enum kernel kernel, const void *args);

#endif
