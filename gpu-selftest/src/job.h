/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's side: child processes, each with a pipe, a phase it is in and a deadline for it. The
 * parent itself never calls the driver, so that whatever hangs, it ends and says so.
 */
#ifndef GPUCLOUD_SELFTEST_JOB_H
#define GPUCLOUD_SELFTEST_JOB_H

#include <stdbool.h>
#include <sys/types.h>

#include "gpu-selftest/src/options.h"
#include "gpu-selftest/src/record.h"

enum {
	JOB_CPU = -1,
	JOB_PROBE = -2
}; /* or a GPU's index */

struct training {
	bool known;
	double seconds;
	unsigned steps, match, correct, total, threads;
	char sha256[65];
};

struct job {
	int who;
	pid_t pid;
	int fd; /* -1: over */
	char *line;
	size_t used;
	char phase[32];
	double deadline;
	int kills; /* signals sent so far */
	bool done, hung;
	enum severity worst;
	struct json fields, checks; /* members and values, without brackets */
	struct training training;
	/* of the probe */
	int devices;
	bool simulated;
};

struct jobs {
	const struct options *options;
	double started;
	struct json problems; /* values of an array */
	enum severity worst;
};

typedef void job_work(struct record *record, const struct options *options, int who);

/* Starts a child that runs work; -1 where the system has none left, recorded as a problem. */
int job_start(struct jobs *all, struct job *j, int who, job_work *work);

/* Until every one of them ended, or was given up after its deadline. */
void jobs_wait(struct jobs *all, struct job *jobs, unsigned count);

/* The parent's own findings. */
void jobs_problem(struct jobs *all, struct job *j, enum severity severity, const char *id,
		  const char *advice, const char *text);

void job_release(struct job *j);

/* "gpu 3", "cpu", "inventory" */
const char *job_name(const struct job *j, char *buffer, size_t size);

#endif
