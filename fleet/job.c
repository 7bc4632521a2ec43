/* SPDX-License-Identifier: Apache-2.0 */
/* A job's name, its start, and what a shell says of its end. */
#include "fleet/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "fleet/job_internal.h"
#include "fleet/machine.h"
#include "fleet/machine/machine_files.h"

#define ID_TIME_LEN 15 /* "20261123-141503" */
#define ID_RANDOM   4
#define ANSWER_MAX  ((size_t)64 << 10)
#define ANSWER_MARK "gpucloud-job "

void job_release(struct job *job)
{
	arena_release(&job->arena);
	memset(job, 0, sizeof(*job));
}

int job_exit_code(const struct job *job)
{
	switch (job->end) {
	case JOB_END_EXIT:
	case JOB_END_SETUP:
		return job->code;
	case JOB_END_SIGNAL:
		return 128 + job->code;
	case JOB_END_CANCELLED:
		return 130;
	case JOB_END_NONE:
		break;
	}
	return -1;
}

void job_new_id(int64_t now_ms, char id[JOB_ID_MAX])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char time[TIME_TEXT_MAX], random[ID_RANDOM + 1];
	unsigned ms = (unsigned)(now_ms % 1000);

	time_format_basic(time, now_ms / 1000);
	rng_token(&rng_system, random, ID_RANDOM);
	/* of two in one second the later one sorts behind */
	snprintf(id, JOB_ID_MAX, "%.8s-%.6s-%c%c%s", time, time + 9, digits[ms / 36],
		 digits[ms % 36], random);
}

bool job_id_ok(const char *id)
{
	size_t len = strlen(id);

	if (len < ID_TIME_LEN + 3 || len >= JOB_ID_MAX || id[8] != '-' || id[ID_TIME_LEN] != '-')
		return false;
	for (size_t i = 0; i < ID_TIME_LEN; i++)
		if (i != 8 && (id[i] < '0' || id[i] > '9'))
			return false;
	return strspn(id + ID_TIME_LEN + 1, "abcdefghijklmnopqrstuvwxyz0123456789") ==
	       len - ID_TIME_LEN - 1;
}

/*
 * What is sent. A shell that reads its script from its input may read past it, so the first line of that is the
 * script, whole, and all else follows line by line, which a shell reads byte by byte. The keeper has the script
 * as a file, a pipe: with "-c" bash would not say that a signal ended the job. The outer shell waits until the
 * keeper has answered and closed its output. setsid forks only where it is the leader of a group, so the
 * second of two always does, and without the ignored SIGINT that '&' would leave the job.
 */
static const char start_command[] =
	"exec /bin/sh -c 'exec 3<&0; IFS= read -r s; "
	"printf \"%s\\n\" \"$({ printf %s \"$s\" | base64 -d | "
	"setsid setsid /bin/sh /dev/fd/4 \"$1\" \"$(umask)\" 4<&0 <&3 3<&-; } 2>&1)\"' gpucloud-start ";

struct start_io {
	const struct buf *payload;
	size_t sent;
	struct buf answer;
};

static int take_answer(void *ctx, const char *data, size_t len, struct error *err)
{
	struct start_io *io = ctx;

	if (buf_add(&io->answer, data, len) == 0)
		return 0;
	return error_set(err, ERROR_PROTOCOL, "the machine said too much");
}

static ssize_t give_payload(void *ctx, char *buf, size_t n, struct error *err)
{
	struct start_io *io = ctx;
	size_t left = io->payload->len - io->sent;

	(void)err;
	if (n > left)
		n = left;
	memcpy(buf, io->payload->data + io->sent, n);
	io->sent += n;
	return (ssize_t)n;
}

static void put_text(struct buf *out, const char *key, const char *text)
{
	if (!text)
		return;
	buf_addf(out, "%s ", key);
	base64_encode(out, text, strlen(text));
	buf_addch(out, '\n');
}

static void put_variable(struct buf *out, const char *name, const char *value, size_t len)
{
	buf_addf(out, "variable %s ", name);
	base64_encode(out, value, len);
	buf_addch(out, '\n');
}

static void put_payload(const struct job_spec *spec, bool beside, struct buf *out)
{
	struct buf text = BUF_INIT;

	buf_addstr(&text, machine_job_common_script);
	buf_addstr(&text, machine_job_run_script);
	base64_encode(out, text.data, text.len);
	buf_clear(&text);
	job_json_write(spec, &text);
	buf_addf(out, "\nbeside %d\npolicy %d %d %lld\n", beside, spec->keep, spec->keep_failed,
		 (long long)spec->linger_s);
	put_text(out, "spec", text.data);
	put_text(out, "command", spec->command);
	put_text(out, "setup", spec->setup);
	put_text(out, "folder", spec->folder);
	for (size_t i = 0; i < spec->nr_env; i++)
		put_variable(out, spec->env[i].name, spec->env[i].value,
			     strlen(spec->env[i].value));
	for (size_t i = 0; i < spec->nr_secrets; i++)
		put_variable(out, spec->secrets[i].name,
			     spec->secrets[i].value.data ? spec->secrets[i].value.data : "",
			     spec->secrets[i].value.len);
	buf_addstr(out, "end\n");
	buf_release(&text);
}

/* The last line that was said, made safe to show. */
static void last_line(const struct buf *answer, char *out, size_t size)
{
	size_t end = answer->len, begin;
	struct buf safe = BUF_INIT;

	while (end > 0 && strchr("\r\n ", answer->data[end - 1]))
		end--;
	for (begin = end; begin > 0 && answer->data[begin - 1] != '\n'; begin--)
		;
	text_escape(&safe, answer->data + begin, end - begin < 200 ? end - begin : 200);
	snprintf(out, size, "%s", safe.data);
	buf_release(&safe);
}

static int read_answer(const struct buf *answer, const char *id, struct error *err)
{
	char line[256];
	const char *said = line;

	last_line(answer, line, sizeof(line));
	if (!text_starts_with(line, ANSWER_MARK)) {
		error_set(err, ERROR_PROTOCOL, "the job was not started: %s",
			  line[0] ? line : "the machine said nothing");
		err->unknown = true;
		return -1;
	}
	said += strlen(ANSWER_MARK);
	if (strcmp(said, "started") == 0 || strcmp(said, "again") == 0)
		return 0;
	if (text_starts_with(said, "busy ") && job_id_ok(said + 5) && strcmp(said + 5, id) != 0) {
		error_set(err, ERROR_CONFLICT, "job '%s' runs there", said + 5);
		snprintf(err->code, sizeof(err->code), "JobRuns");
		return error_hint(err, JOB_RUNS_HINT);
	}
	if (text_starts_with(said, "failed "))
		return error_set(err, ERROR_REMOTE, "the job was not started: %s", said + 7);
	error_set(err, ERROR_PROTOCOL, "the machine's answer to the start makes no sense: %s",
		  said);
	err->unknown = true;
	return -1;
}

int job_start(struct machine *machine, const char *id, const struct job_spec *spec, bool beside,
	      struct error *err)
{
	struct buf payload = BUF_INIT;
	struct start_io io = { .payload = &payload, .answer = BUF_INIT_MAX(ANSWER_MAX) };
	const struct remote_stream stream = { .ctx = &io, .out = take_answer, .in = give_payload };
	struct remote_exit ended = { 0 };
	char *command;

	if (!job_id_ok(id))
		return error_set(err, ERROR_USAGE, "'%.40s' is no name of a job", id);
	if (job_spec_check(spec, err) < 0)
		return -1;
	put_payload(spec, beside, &payload);
	command = xasprintf("%s%s", start_command, id);
	int rc =
		machine->ops->exec(machine->remote, command, &stream, JOB_DEADLINE_MS, &ended, err);
	if (rc == 0)
		rc = read_answer(&io.answer, id, err);
	free(command);
	buf_wipe(&payload);
	buf_release(&io.answer);
	return rc;
}
