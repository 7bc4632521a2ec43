/* SPDX-License-Identifier: Apache-2.0 */
/* What a job prints, handed on: its standard output to ours, its error output to ours. */
#ifndef GPUCLOUD_CLI_JOB_LOG_H
#define GPUCLOUD_CLI_JOB_LOG_H

#include "cli/relay.h"
#include "core/buf.h"

struct cli;

struct job_log {
	struct cli *cli;
	struct relay out, err;
	/* with --json: what waits for the end of its line */
	struct buf out_line, err_line;
	bool only_out, only_err;
};

/* out: where the job's standard output goes, a terminal or not. */
void job_log_init(struct job_log *log, struct cli *cli, FILE *out, bool terminal);

/* For job_sink.write: ctx is the job_log. */
int job_log_write(void *ctx, bool err_stream, const char *data, size_t len, struct error *err);

/* What has no line end yet is written too. -1 with err. */
int job_log_end(struct job_log *log, struct error *err);
bool job_log_closed(const struct job_log *log); /* nobody reads it any more */
void job_log_release(struct job_log *log);

#endif
