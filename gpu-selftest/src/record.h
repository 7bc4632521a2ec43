/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child process tells its parent, one line each over a pipe:
 *
 *	phase NAME SECONDS	it begins a phase, which may last that long
 *	field {MEMBERS}		facts about what it tests
 *	check {...}		one check is done
 *	problem SEVERITY {...}	something a person should know
 *	train GPU SECONDS STEPS SHA MATCH CORRECT TOTAL THREADS
 *	devices COUNT		how many GPUs CUDA shows
 *	simulated		the driver is the simulator's
 *	done			it ended by itself
 *
 * A line is written in one go. The parent takes lines of RECORD_MAX bytes at most.
 */
#ifndef GPUCLOUD_SELFTEST_RECORD_H
#define GPUCLOUD_SELFTEST_RECORD_H

#include "gpu-selftest/src/json.h"

#define RECORD_MAX 16384

/* In the order in which one outweighs another. */
enum severity {
	SEVERITY_PASS,
	SEVERITY_WARN,
	SEVERITY_UNKNOWN,
	SEVERITY_FAIL,
	SEVERITY_COUNT
};

/* "pass", "warn", "unknown", "fail" */
const char *severity_name(enum severity severity);
/* -1 where there is no such word */
int severity_from(const char *name);

struct record {
	int fd;
	int gpu;	  /* its index, -1 for none */
	unsigned seconds; /* what the user allows a phase, 0: its own limit */
	double phase_started;
};

/* Monotonic seconds. */
double record_clock(void);

void record_phase(struct record *r, const char *name, unsigned seconds);
/* For the checks of a phase: seconds since it began. */
double record_elapsed(const struct record *r);

/* members: what json_* wrote of an object's inside. */
void record_fields(struct record *r, const struct json *members);

/*
 * Checks are built in a json of the caller's: begin, its own members, end. note may be NULL.
 */
void record_check_begin(struct json *j, const char *id, enum severity verdict, const char *note);
void record_check_end(struct record *r, struct json *j);

/* advice may be NULL. The text is one line, and printf-formatted. */
void record_problem(struct record *r, enum severity severity, const char *id, const char *advice,
		    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Any other line. */
void record_line(struct record *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
