/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL_SUFFIX _fma
#include "gpu-selftest/kernels/cpu.c"
