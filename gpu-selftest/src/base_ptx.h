/* SPDX-License-Identifier: Apache-2.0 */
/* kernels/ptx/base.ptx as a string, made by cmake/embed.cmake. */
#ifndef GPUCLOUD_SELFTEST_BASE_PTX_H
#define GPUCLOUD_SELFTEST_BASE_PTX_H

extern const char base_ptx[];

#endif
