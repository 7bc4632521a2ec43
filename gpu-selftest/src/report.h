/* SPDX-License-Identifier: Apache-2.0 */
/* The result, as one JSON object or for people. */
#ifndef GPUCLOUD_SELFTEST_REPORT_H
#define GPUCLOUD_SELFTEST_REPORT_H

#include <time.h>

#include "gpu-selftest/src/job.h"

struct report {
	const struct jobs *all;
	const struct job *probe, *cpu, *gpus;
	unsigned gpu_count;
	time_t when;
	int exit_code;
};

/* On stdout; -1 where it could not be written. */
int report_json(const struct report *r);
int report_text(const struct report *r);

#endif
