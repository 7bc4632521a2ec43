/* SPDX-License-Identifier: Apache-2.0 */
/* Many listings at once: each sends its next page as soon as the one before has been read. */
#include "providers/aws/ec2.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

/*
 * A token that comes back leads round for ever. The one before is remembered, and one more, which
 * is replaced at the 2nd, 4th, 8th ... page: a circle of any length is found once it lies behind.
 */
static bool goes_round(struct ec2_job *job, const char *token)
{
	if ((job->next && !strcmp(job->next, token)) || (job->mark && !strcmp(job->mark, token)))
		return true;
	if ((job->pages & (job->pages - 1)) == 0) {
		free(job->mark);
		job->mark = xstrdup(token);
	}
	return false;
}

int ec2_job_next(struct ec2_job *job, const char *token, struct error *err)
{
	/* The end is no token, or an empty one. */
	if (!token || !*token) {
		job->done = true;
		return 0;
	}
	if (strlen(token) > EC2_TOKEN_MAX)
		return error_set(err, ERROR_PROTOCOL, "'nextToken' of the reply is too long");
	if (goes_round(job, token))
		return error_set(err, ERROR_PROTOCOL, "the reply repeats its 'nextToken'");
	if (job->pages >= EC2_PAGES_MAX)
		return error_set(err, ERROR_PROTOCOL, "the reply has more than %d pages",
				 EC2_PAGES_MAX);
	free(job->next);
	job->next = xstrdup(token);
	return 0;
}

static int take_page(struct ec2_job *job, struct error *err)
{
	job->pages++;
	if (job->stream)
		return job->page(job, NULL, err);
	const struct _xmlNode *root = xml_root(&job->call.xml);
	if (job->page(job, root, err))
		return -1;
	return ec2_job_next(job, xml_text(root, "nextToken"), err);
}

/* Throttled, or a server in trouble: less at once from here on, and slowly more again. */
static void adapt(struct ec2_lane *lane, const struct ec2_job *job)
{
	if (job->call.attempts > 1)
		lane->width = lane->width > 1 ? lane->width / 2 : 1;
	else if (lane->width < lane->max)
		lane->width++;
}

static void finish_call(struct ec2_job *job)
{
	const char *action = aws_form_get(&job->form, "Action");
	struct ec2_lane *lane = job->lane;

	job->in_flight = false;
	if (job->call.rc) {
		job->rc = -1;
		job->err = job->call.err;
	} else if (take_page(job, &job->err)) {
		job->rc = -1;
		error_prefix(&job->err, "%s in %s", action, job->region);
	}
	if (lane) {
		lane->in_flight--;
		adapt(lane, job);
		if (job->rc && !lane->failed && !(job->excused && job->excused(&job->err))) {
			lane->failed = true;
			lane->err = job->err;
		}
	}
	aws_call_release(&job->call);
	if (job->rc)
		job->done = true;
}

/* --- the feed ------------------------------------------------------------------------------ */

struct run {
	struct provider *p;
	struct ec2_jobs *jobs;
};

static bool is_ready(struct ec2_job *job)
{
	struct ec2_lane *lane = job->lane;

	if (job->done || job->in_flight)
		return false;
	if (!lane)
		return true;
	if (lane->failed) { /* what the others would still find is of no use */
		job->rc = -1;
		job->err = lane->err;
		job->done = true;
		return false;
	}
	if (!lane->width)
		lane->width = lane->max ? lane->max : 1;
	return lane->in_flight < lane->width;
}

static struct aws_call *next_call(void *ctx)
{
	const struct run *run = ctx;
	struct ec2_jobs *jobs = run->jobs;

	while (jobs->open < jobs->nr && jobs->v[jobs->open]->done)
		jobs->open++;
	for (size_t i = jobs->open; i < jobs->nr; i++) {
		struct ec2_job *job = jobs->v[i];

		if (!is_ready(job))
			continue;
		if (job->next)
			aws_form_set(&job->form, "NextToken", job->next);
		aws_call_query(&job->call, run->p, "ec2", job->region, &job->form);
		job->call.stream = job->stream;
		job->in_flight = true;
		if (job->lane)
			job->lane->in_flight++;
		return &job->call;
	}
	return NULL;
}

static void call_done(void *ctx, struct aws_call *call)
{
	(void)ctx;
	finish_call((void *)((char *)call - offsetof(struct ec2_job, call)));
}

void ec2_jobs_add(struct ec2_jobs *jobs, struct ec2_job *job)
{
	jobs->v = xgrow(jobs->v, jobs->nr, &jobs->cap, sizeof(*jobs->v));
	jobs->v[jobs->nr++] = job;
}

void ec2_jobs_send(struct provider *p, struct ec2_jobs *jobs)
{
	struct run run = { p, jobs };
	const struct aws_feed feed = { &run, next_call, call_done };

	aws_send_feed(p, &feed);
}

void ec2_jobs_release(struct ec2_jobs *jobs)
{
	free(jobs->v);
	*jobs = (struct ec2_jobs){ 0 };
}

void ec2_jobs_run(struct provider *p, struct ec2_job *jobs, size_t n)
{
	struct ec2_jobs list = { 0 };

	for (size_t i = 0; i < n; i++)
		ec2_jobs_add(&list, &jobs[i]);
	ec2_jobs_send(p, &list);
	ec2_jobs_release(&list);
}

void ec2_job_release(struct ec2_job *job)
{
	aws_form_release(&job->form);
	free(job->next);
	free(job->mark);
	job->next = job->mark = NULL;
}

int ec2_list(struct provider *p, struct ec2_job *job, struct error *err)
{
	ec2_jobs_run(p, job, 1);
	if (job->rc)
		*err = job->err;
	return job->rc;
}
