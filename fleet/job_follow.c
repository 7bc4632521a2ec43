/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job prints, as it does: set-up's logs, then the command's, each as one command on the machine whose
 * two streams are the job's. Every byte counts where it belongs, so a cut connection goes on from there.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/error.h"
#include "fleet/job_internal.h"
#include "fleet/machine.h"

/* So often may a machine say that something runs and then tell nothing of it. */
#define EMPTY_ROUNDS_MAX 50

struct following {
	struct machine *machine;
	const char *id;
	const struct job_sink *sink;
	bool setup;		   /* which part */
	uint64_t *out, *err;	   /* where in it */
	uint64_t out_end, err_end; /* no more than up to there */
	bool moved;
};

static int take(struct following *f, bool err_stream, const char *data, size_t len,
		struct error *err)
{
	uint64_t *at = err_stream ? f->err : f->out;

	if (len > (err_stream ? f->err_end : f->out_end) - *at)
		return error_set(err, ERROR_PROTOCOL, "the machine told more than job '%s' printed",
				 f->id);
	/* Taken before it is counted: what a sink refuses was not seen. */
	if (f->sink->write(f->sink->ctx, err_stream, data, len, err) < 0)
		return -1;
	*at += len;
	f->moved = true;
	return 0;
}

static int take_out(void *ctx, const char *data, size_t len, struct error *err)
{
	return take(ctx, false, data, len, err);
}

static int take_err(void *ctx, const char *data, size_t len, struct error *err)
{
	return take(ctx, true, data, len, err);
}

static int run(struct following *f, const char *words, struct error *err)
{
	const struct remote_stream stream = { .ctx = f, .out = take_out, .err = take_err };
	struct remote_exit ended = { 0 };

	if (job_ask_stream(f->machine, words, &stream, &ended, err) < 0)
		return -1;
	if (ended.code != 0)
		return error_set(err, ERROR_REMOTE, "following the job ended with %d there",
				 ended.code);
	return 0;
}

static void choose(struct following *f, bool setup, struct job_place *place)
{
	f->setup = setup;
	f->out = setup ? &place->setup_out : &place->out;
	f->err = setup ? &place->setup_err : &place->err;
}

/* What is there now of one part. */
static int dump(struct following *f, const struct job *job, struct error *err)
{
	char words[256];

	f->out_end = f->setup ? job->setup_out_size : job->out_size;
	f->err_end = f->setup ? job->setup_err_size : job->err_size;
	if (*f->out > f->out_end || *f->err > f->err_end)
		return error_set(err, ERROR_PROTOCOL,
				 "the logs of job '%s' are shorter than they were", f->id);
	if (*f->out == f->out_end && *f->err == f->err_end)
		return 0;
	snprintf(words, sizeof(words), "dump %s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
		 f->id, f->setup ? "setup" : "running", *f->out, *f->err, f->out_end, f->err_end);
	if (run(f, words, err) < 0)
		return -1;
	if (*f->out == f->out_end && *f->err == f->err_end)
		return 0;
	return error_set(err, ERROR_PROTOCOL, "the machine told less than job '%s' printed", f->id);
}

/* To the end of one part. */
static int follow_part(struct following *f, struct error *err)
{
	char words[256];

	f->out_end = f->err_end = JOB_LOG_KEEP;
	snprintf(words, sizeof(words), "follow %s %s %" PRIu64 " %" PRIu64, f->id,
		 f->setup ? "setup" : "running", *f->out, *f->err);
	return run(f, words, err);
}

/* 1: all was told, 0: look again. */
static int step(struct following *f, const struct job *job, bool follow, struct job_place *place,
		struct error *err)
{
	bool runs = follow && (job->state == JOB_STARTING || job->state == JOB_SETUP ||
			       job->state == JOB_RUNNING);

	choose(f, true, place);
	if (runs && job->state != JOB_RUNNING)
		return follow_part(f, err);
	if (dump(f, job, err) < 0)
		return -1;
	choose(f, false, place);
	if (runs)
		return follow_part(f, err);
	return dump(f, job, err) < 0 ? -1 : 1;
}

int job_follow(struct machine *machine, const char *id, struct job_place *place, bool follow,
	       const struct job_sink *sink, struct job *ret, struct error *err)
{
	struct following f = { .machine = machine, .id = id, .sink = sink };
	enum job_state before = JOB_LOST;
	struct job job;

	for (unsigned empty = 0; empty < EMPTY_ROUNDS_MAX; empty++) {
		if (job_look(machine, id, &job, err) < 0)
			return -1;
		if (job.state != before)
			empty = 0;
		before = job.state;
		f.moved = false;
		int rc = step(&f, &job, follow, place, err);
		if (rc == 1) {
			*ret = job;
			return 0;
		}
		job_release(&job);
		if (rc < 0)
			return -1;
		if (f.moved)
			empty = 0;
	}
	return error_set(err, ERROR_PROTOCOL,
			 "the machine says that job '%s' runs, and nothing else", id);
}
