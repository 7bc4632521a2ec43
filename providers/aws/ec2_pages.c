/* SPDX-License-Identifier: Apache-2.0 */
/* Many listings at once: every round sends the next page of each that is not at its end. */
#include "providers/aws/ec2.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

int ec2_job_next(struct ec2_job *job, const char *token, struct error *err)
{
	/* The end is no token, or an empty one. */
	if (!token || !*token) {
		job->done = true;
		return 0;
	}
	if (strlen(token) > EC2_TOKEN_MAX)
		return error_set(err, ERROR_PROTOCOL, "'nextToken' of the reply is too long");
	if (job->next && !strcmp(job->next, token))
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

static void finish_call(struct ec2_job *job)
{
	const char *action = aws_form_get(&job->form, "Action");

	if (job->call.rc) {
		job->rc = -1;
		job->err = job->call.err;
	} else if (take_page(job, &job->err)) {
		job->rc = -1;
		error_prefix(&job->err, "%s in %s", action, job->region);
	}
	aws_call_release(&job->call);
	if (job->rc)
		job->done = true;
}

void ec2_jobs_run(struct provider *p, struct ec2_job *jobs, size_t n)
{
	struct aws_call **calls = xcalloc(n ? n : 1, sizeof(struct aws_call *));
	struct ec2_job **sent = xcalloc(n ? n : 1, sizeof(struct ec2_job *));

	for (;;) {
		size_t nr = 0;
		for (size_t i = 0; i < n; i++) {
			struct ec2_job *job = &jobs[i];
			if (job->done)
				continue;
			if (job->next)
				aws_form_set(&job->form, "NextToken", job->next);
			aws_call_query(&job->call, p, "ec2", job->region, &job->form);
			job->call.stream = job->stream;
			sent[nr] = job;
			calls[nr++] = &job->call;
		}
		if (nr == 0)
			break;
		aws_send_all(p, calls, nr);
		for (size_t i = 0; i < nr; i++)
			finish_call(sent[i]);
	}
	free(calls);
	free(sent);
}

void ec2_job_release(struct ec2_job *job)
{
	aws_form_release(&job->form);
	free(job->next);
	job->next = NULL;
}

int ec2_list(struct provider *p, struct ec2_job *job, struct error *err)
{
	ec2_jobs_run(p, job, 1);
	if (job->rc)
		*err = job->err;
	return job->rc;
}
