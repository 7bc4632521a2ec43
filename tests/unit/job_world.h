/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for the tests of jobs: commands run here, by /bin/sh, with a home and a root of their own that
 * are removed at the end. A connection may be cut, or a liar may answer in its place.
 */
#ifndef GPUCLOUD_TESTS_JOB_WORLD_H
#define GPUCLOUD_TESTS_JOB_WORLD_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/error.h"
#include "fleet/job.h"
#include "fleet/machine.h"

struct job_world {
	char dir[64], home[80], root[80];
	struct machine machine;
	const char *shell; /* that runs the scripts: NULL: /bin/sh */
	long cut_in,
		cut_out;  /* the connection is lost after so many bytes of input, output; -1: not */
	const char *lie;  /* said in place of running anything */
	size_t lie_times; /* so often over: endless output */
	int execs;
	struct buf out, err; /* what a sink was given */
	struct buf commands; /* what was asked to be run: an argv */
	struct job_sink sink;
	struct error error;
};

int job_world_setup(void **state);
int job_world_teardown(void **state);

/* Runs it to its end; *ret is released by the caller. Fails the test where it cannot. */
void job_world_run(struct job_world *world, const struct job_spec *spec, struct job *ret);
void job_world_start(struct job_world *world, const char *id, const struct job_spec *spec);
void job_world_look(struct job_world *world, const char *id, struct job *ret);

/* Until the job is in that state, or the test fails. */
void job_world_wait(struct job_world *world, const char *id, enum job_state state);

/* A file of the job's folder (id NULL: below the root), "" where there is none; malloc'ed. */
char *job_world_file(struct job_world *world, const char *id, const char *name);
void job_world_write(struct job_world *world, const char *id, const char *name, const char *text);

/* Fails the test with the error's own words. */
void job_world_works(struct job_world *world, int rc);

#endif
