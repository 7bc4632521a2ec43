/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels as functions of this CPU, in two compilations of the same source: for any CPU, and
 * for those with fused multiply-add, where the first would call a slow routine for it. Both give
 * the same bits.
 */
#ifndef GPUCLOUD_SELFTEST_CPU_H
#define GPUCLOUD_SELFTEST_CPU_H

#include "gpu-selftest/kernels/args.h"
#include "gpu-selftest/kernels/list.h"

/* Runs one block of a grid. */
typedef void kernel_fn(const void *args, unsigned block, unsigned blocks);

#define KERNEL_DECLARE(name, type) \
	kernel_fn name##_any;      \
	kernel_fn name##_fma;
KERNELS_TRAIN(KERNEL_DECLARE)
KERNELS_OTHER(KERNEL_DECLARE)
#undef KERNEL_DECLARE

#endif
