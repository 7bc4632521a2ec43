/* SPDX-License-Identifier: Apache-2.0 */
/* Inside fleet/job*.c: asking the machine, and the two texts that travel. */
#ifndef GPUCLOUD_FLEET_JOB_INTERNAL_H
#define GPUCLOUD_FLEET_JOB_INTERNAL_H

#include <stdint.h>

#include "fleet/job.h"

struct buf;
struct remote_exit;
struct remote_stream;

#define JOB_DEADLINE_MS INT64_C(60000)

/* job.json: what was asked for, without secrets and the values of env. */
void job_json_write(const struct job_spec *spec, struct buf *out);
int job_json_read(const char *text, size_t len, struct job *job, struct error *err);

/* What `look` and `list` of job_ask.sh print. Each is released by the caller, then free(*ret). */
int job_read(const char *text, size_t len, struct job **ret, size_t *nr, struct error *err);

/* Whole numbers of up to 18 digits and nothing else. */
bool job_number(const char *s, int64_t max, int64_t *ret);

/* Runs job_ask.sh with these words; ERROR_NOT_FOUND where it knows no such job. */
int job_ask(struct machine *machine, const char *words, int64_t deadline_ms, struct buf *out,
	    struct error *err);

/* The same with its streams handed on as they come. Its ctx is given to the stream's out and err. */
int job_ask_stream(struct machine *machine, const char *words, const struct remote_stream *stream,
		   struct remote_exit *ret, struct error *err);

int job_unknown(const char *id, struct error *err); /* ERROR_USAGE or ERROR_NOT_FOUND; -1 */

#endif
