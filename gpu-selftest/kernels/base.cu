/* SPDX-License-Identifier: Apache-2.0 */
/* The module that every GPU from the K80 on can run. tools/relabel_ptx makes ptx/base.ptx of it. */
#include "gpu-selftest/kernels/memory.cu"
#include "gpu-selftest/kernels/product.cu"
#include "gpu-selftest/kernels/train.cu"
