/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job that is watched from here, by `run` or `attach`: its output handed on, the connection taken
 * up again where it is lost, what Ctrl-C means, and what happens at its end.
 */
#ifndef GPUCLOUD_CLI_JOB_SESSION_H
#define GPUCLOUD_CLI_JOB_SESSION_H

#include "cli/cli.h"
#include "cli/job_log.h"
#include "cli/reach.h"
#include "fleet/job.h"

#define JOB_LINGER_S INT64_C(7200) /* how long a machine waits for its results to be fetched */

/* What is brought home: a path on the machine, and where to here. */
struct job_output {
	const char *remote, *local;
};

struct job_session {
	struct cli *cli;
	struct reach reach; /* fleet, instance, connection */
	char id[JOB_ID_MAX];
	struct job_place place;
	struct job_log log;
	struct job job;	  /* as last seen; job_release */
	bool interactive; /* there is somebody to ask */
	int64_t painted_ms;
	/* what happens at its end */
	const struct job_output *outputs;
	size_t nr_outputs;
	bool keep, keep_failed;
	int64_t linger_s;
};

/* Finds the machine and the job on it (id NULL: the latest). Close it in any case. cli->error. */
int job_session_open(struct cli *cli, const char *target, const char *id,
		     struct job_session *session);
void job_session_close(struct job_session *session);

enum job_watched {
	JOB_WATCH_FAILED = -1, /* cli->error */
	JOB_WATCH_ENDED,
	JOB_WATCH_DETACHED,  /* it goes on, and was told so */
	JOB_WATCH_CANCELLED, /* the user had it ended */
	JOB_WATCH_GONE,	     /* the instance is no more: cli->error says how */
};

/* Hands on what it prints until it has ended. Where that failed, it was told what goes on. */
enum job_watched job_watch(struct job_session *session);

/* Who ends the machine and when, and how to come back: two or three lines on stderr. */
void job_tell_detached(struct job_session *session);

/* After its end: brings home what is to be, ends the instance where that is the policy, tells what it
 * came to. The exit code of the whole: the job's, or 125. */
int job_finish(struct job_session *session);

/* A warning, where its log is not whole: too long, or the machine's disk was full. */
void job_tell_dropped(struct cli *cli, const struct job *job);

/* With --json the last line of the whole. Returns that code. */
int job_summary(struct job_session *session, int code);

/* The instance vanished under the job: the receipt, as far as it is known. 125. */
int job_gone(struct job_session *session);

/* Ends the instance and prints its receipt: 0, or 125 where that is not certain. */
int job_end_instance(struct job_session *session);

/* What the instance has cost so far: "$0.4100", or "" where it is not known. */
struct job_cost {
	char text[40];
};
struct job_cost job_cost_so_far(struct job_session *session);

/* Everything but the job's own words goes to stderr: results as well, but for --json. */
struct job_aside {
	FILE *out;
	bool terminal, colour;
};
struct job_aside job_aside_begin(struct cli *cli);
void job_aside_end(struct cli *cli, const struct job_aside *aside);

#endif
