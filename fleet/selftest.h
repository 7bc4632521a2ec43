/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GPU self-test on a machine: gpu-selftest is uploaded, run, and its report read. The report is
 * a machine's word: bounded, checked, and escaped before it is shown (docs/selftest.md).
 */
#ifndef GPUCLOUD_FLEET_SELFTEST_H
#define GPUCLOUD_FLEET_SELFTEST_H

#include "core/arena.h"
#include "core/json.h"
#include "fleet/machine.h"

enum selftest_verdict {
	SELFTEST_PASS,
	SELFTEST_WARN,
	SELFTEST_FAIL,
	SELFTEST_UNKNOWN,
};
const char *selftest_verdict_name(enum selftest_verdict verdict);

struct selftest_problem {
	const char *severity, *text, *advice;
};

struct selftest_report {
	struct arena arena;
	struct json doc; /* the whole report, as the program printed it */
	enum selftest_verdict verdict;
	bool simulated; /* the GPU was a simulated one */
	double seconds;
	const char **gpus; /* names */
	size_t nr_gpus;
	struct selftest_problem *problems;
	size_t nr_problems;
};
void selftest_report_release(struct selftest_report *report);

/* Reads a report. ERROR_PROTOCOL naming the field where it is none. */
int selftest_parse(const char *text, size_t len, struct selftest_report *ret, struct error *err);

/*
 * The program to upload: $GPUCLOUD_SELFTEST, beside this program, or in ../libexec/gpucloud.
 * ERROR_CONFIG where there is none, or none that can be run. In the arena.
 */
int selftest_program(const struct settings *settings, struct arena *arena, const char **ret,
		     struct error *err);

/* Can it run there? arch is "x86_64" or "arm64"; of another one, or "", nothing is known. ERROR_CONFIG. */
int selftest_check_arch(const char *program, const char *arch, struct error *err);

/* Uploads and runs it; mode is "quick" or "full". A report without a GPU is a success (unknown). */
int selftest_on_machine(struct fleet *fleet, struct machine *machine, const char *mode,
			struct selftest_report *ret, struct error *err);

#endif
