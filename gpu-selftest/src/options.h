/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GPUCLOUD_SELFTEST_OPTIONS_H
#define GPUCLOUD_SELFTEST_OPTIONS_H

#include <stdbool.h>

enum {
	EXIT_PASS = 0,
	EXIT_WARN = 1,
	EXIT_FAIL = 2,
	EXIT_UNKNOWN = 3,
	EXIT_USE = 64,
	EXIT_BUG = 70
};

struct options {
	bool full, shared, no_cpu, warn_ok, text, progress_json, quiet;
	int gpu;	   /* the only one to test, -1 for all */
	unsigned deadline; /* seconds for each phase, 0: its own limit */
	const char *root;  /* stands for / when looking at /sys and /proc; "" */
};

/* -1 to go on, else the exit code: help and version are printed, errors said. */
int options_parse(struct options *o, int argc, char **argv);

#endif
