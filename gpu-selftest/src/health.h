/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What NVML says of a GPU before, while and after it works: counters that must not grow, reasons
 * for lower clocks, and XID events. All of it optional.
 */
#ifndef GPUCLOUD_SELFTEST_HEALTH_H
#define GPUCLOUD_SELFTEST_HEALTH_H

#include <pthread.h>
#include <stdatomic.h>

#include "gpu-selftest/src/gpu.h"

#define HEALTH_SAMPLES 4096u
#define HEALTH_XIDS    16u

/* -1: not known */
struct health_counters {
	long long ecc_mode, uncorrected, corrected;
	long long remap_pending, remap_failed, retired_pending;
};

struct health {
	struct gpu *g;
	struct health_counters before, after;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	void *events;
	/* the thread's, until it ended */
	unsigned samples, mhz[HEALTH_SAMPLES];
	unsigned power_mw, temperature, link_width, link_gen;
	unsigned long long reasons;
	unsigned xids[HEALTH_XIDS], xid_count;
};

/* Bytes of the GPU's memory that others use; -1 where it is not known. Before our own context. */
long long health_used_by_others(const struct gpu *g);

void health_start(struct health *h, struct gpu *g);
/* Records the checks, the problems, and the nvml field. */
void health_stop(struct health *h);

#endif
