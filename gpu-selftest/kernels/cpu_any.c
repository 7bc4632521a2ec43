/* SPDX-License-Identifier: Apache-2.0 */
#define KERNEL_SUFFIX _any
#include "gpu-selftest/kernels/cpu.c"
