/* SPDX-License-Identifier: Apache-2.0 */
/* Included by cpu_any.c and cpu_fma.c; all kernels for the fake driver (KERNELS_ALL). */
#include "gpu-selftest/kernels/cpu.h"

#include "gpu-selftest/kernels/train.cu"
#ifdef KERNELS_ALL
#include "gpu-selftest/kernels/memory.cu"
#include "gpu-selftest/kernels/product.cu"
#endif
