/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory, in a process of its own because starting the driver may hang: which GPUs the PCI
 * bus, NVML and CUDA show, and where CUDA shows none, the reason.
 */
#ifndef GPUCLOUD_SELFTEST_PROBE_H
#define GPUCLOUD_SELFTEST_PROBE_H

#include "gpu-selftest/src/options.h"
#include "gpu-selftest/src/record.h"

void probe(struct record *record, const struct options *options);

#endif
