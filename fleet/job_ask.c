/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a machine about its jobs, and ending one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "fleet/job_internal.h"
#include "fleet/machine.h"
#include "fleet/machine/machine_files.h"
#include "fleet/script.h"

#define LOOK_MAX	((size_t)2 << 20)
#define SMALL_MAX	((size_t)64 << 10)
#define NO_SUCH_JOB	3 /* job_ask.sh's exit status */
#define GRACE_MAX	3600
#define CANCEL_EXTRA_MS 30000

int job_unknown(const char *id, struct error *err)
{
	if (!job_id_ok(id)) {
		error_set(err, ERROR_USAGE, "'%.40s' is no name of a job", id);
		return error_hint(err, "they look like 20261123-141503-k3x9ab");
	}
	return error_set(err, ERROR_NOT_FOUND, "there is no job '%s' on this machine", id);
}

static char *ask_script(void)
{
	return xasprintf("%s%s", machine_job_common_script, machine_job_ask_script);
}

int job_ask(struct machine *machine, const char *words, int64_t deadline_ms, struct buf *out,
	    struct error *err)
{
	struct remote_exit ended = { 0 };
	char *script = ask_script();
	int rc = script_run(machine, script, words, deadline_ms, out, &ended, err);

	free(script);
	if (rc < 0)
		return -1;
	if (ended.code == NO_SUCH_JOB)
		return error_set(err, ERROR_NOT_FOUND, "there is no such job on this machine");
	if (ended.code != 0)
		return error_set(err, ERROR_REMOTE, "asking about jobs ended with %d there",
				 ended.code);
	return 0;
}

/* The script, and whose stream it really is. */
struct asking {
	const struct remote_stream *stream;
	const char *script;
	size_t sent, len;
};

static int pass_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct asking *asking = ctx;

	return asking->stream->out(asking->stream->ctx, data, len, err);
}

static int pass_err(void *ctx, const char *data, size_t len, struct error *err)
{
	struct asking *asking = ctx;

	return asking->stream->err(asking->stream->ctx, data, len, err);
}

static ssize_t give_script(void *ctx, char *buf, size_t n, struct error *err)
{
	struct asking *asking = ctx;
	size_t left = asking->len - asking->sent;

	(void)err;
	if (n > left)
		n = left;
	memcpy(buf, asking->script + asking->sent, n);
	asking->sent += n;
	return (ssize_t)n;
}

int job_ask_stream(struct machine *machine, const char *words, const struct remote_stream *stream,
		   struct remote_exit *ret, struct error *err)
{
	char *script = ask_script(), *command = xasprintf("exec /bin/sh -s %s", words);
	struct asking asking = { .stream = stream, .script = script, .len = strlen(script) };
	const struct remote_stream passing = {
		.ctx = &asking, .out = pass_out, .err = pass_err, .in = give_script
	};
	int rc = machine->ops->exec(machine->remote, command, &passing, 0, ret, err);

	free(command);
	free(script);
	return rc;
}

int job_look(struct machine *machine, const char *id, struct job *ret, struct error *err)
{
	struct buf text = BUF_INIT_MAX(LOOK_MAX);
	char words[JOB_ID_MAX + 8];
	struct job *v = NULL;
	size_t nr = 0;

	if (id && !job_id_ok(id))
		return job_unknown(id, err);
	snprintf(words, sizeof(words), "look %s", id ? id : "");
	int rc = job_ask(machine, words, JOB_DEADLINE_MS, &text, err);
	if (rc == 0)
		rc = job_read(text.data, text.len, &v, &nr, err);
	buf_release(&text);
	if (rc < 0)
		return -1;
	if (nr == 1 && (!id || strcmp(v[0].id, id) == 0)) {
		*ret = v[0];
	} else if (nr == 0) {
		rc = id ? job_unknown(id, err)
			: error_set(err, ERROR_NOT_FOUND, "no job was started on this machine");
	} else {
		rc = error_set(err, ERROR_PROTOCOL,
			       "the machine told of another job than asked for");
		for (size_t i = 0; i < nr; i++)
			job_release(&v[i]);
	}
	free(v);
	return rc;
}

int job_list(struct machine *machine, struct job **ret, size_t *nr, struct error *err)
{
	struct buf text = BUF_INIT;
	int rc = job_ask(machine, "list", JOB_DEADLINE_MS, &text, err);

	if (rc == 0)
		rc = job_read(text.data, text.len, ret, nr, err);
	buf_release(&text);
	return rc;
}

int job_other(struct machine *machine, const char *id, char other[JOB_ID_MAX], struct error *err)
{
	struct job *jobs = NULL;
	size_t nr = 0, found;

	if (job_list(machine, &jobs, &nr, err) < 0)
		return -1;
	for (found = 0; found < nr; found++)
		if (jobs[found].state != JOB_DONE && jobs[found].state != JOB_LOST &&
		    (!id || strcmp(jobs[found].id, id) != 0))
			break;
	int rc = found < nr;
	if (rc)
		snprintf(other, JOB_ID_MAX, "%s", jobs[found].id);
	for (size_t i = 0; i < nr; i++)
		job_release(&jobs[i]);
	free(jobs);
	return rc;
}

/* Asks for one line that begins with that word: a copy of the rest of it, or NULL with err filled. */
static char *ask_line(struct machine *machine, const char *words, const char *word,
		      int64_t deadline_ms, struct error *err)
{
	struct buf text = BUF_INIT_MAX(SMALL_MAX);
	size_t len = strlen(word);
	char *found = NULL;

	if (job_ask(machine, words, deadline_ms, &text, err) < 0) {
		buf_release(&text);
		return NULL;
	}
	for (char *line = text.data, *end; !found && (end = strchr(line, '\n')); line = end + 1)
		if (strncmp(line, word, len) == 0 && line[len] == ' ')
			found = xstrndup(line + len + 1, (size_t)(end - line) - len - 1);
	buf_release(&text);
	if (!found)
		error_set(err, ERROR_PROTOCOL, "the machine did not answer '%s' of a job", word);
	return found;
}

int job_tail(struct machine *machine, const char *id, unsigned lines, struct job_place *ret,
	     struct error *err)
{
	char words[JOB_ID_MAX + 32];
	int64_t v[4];
	size_t nr = 0;

	if (!job_id_ok(id))
		return job_unknown(id, err);
	snprintf(words, sizeof(words), "tail %s %u", id, lines);
	char *text = ask_line(machine, words, "tail", JOB_DEADLINE_MS, err);
	if (!text)
		return err->kind == ERROR_NOT_FOUND ? job_unknown(id, err) : -1;
	char *rest = text;
	for (char *one; nr < ARRAY_SIZE(v) && (one = strsep(&rest, " ")); nr++)
		if (!job_number(one, JOB_LOG_KEEP, &v[nr]))
			break;
	bool ok = nr == ARRAY_SIZE(v) && !rest;
	free(text);
	if (!ok)
		return error_set(err, ERROR_PROTOCOL,
				 "where the job's last lines begin cannot be read");
	*ret = (struct job_place){ .out = (uint64_t)v[0],
				   .err = (uint64_t)v[1],
				   .setup_out = (uint64_t)v[2],
				   .setup_err = (uint64_t)v[3] };
	return 0;
}

int job_cancel(struct machine *machine, const char *id, int grace_s, bool *was_running,
	       struct error *err)
{
	char words[JOB_ID_MAX + 32];
	int64_t left = -1;

	if (!job_id_ok(id))
		return job_unknown(id, err);
	if (grace_s < 0 || grace_s > GRACE_MAX)
		return error_set(err, ERROR_USAGE, "a job may be given 0 to %d s to end",
				 GRACE_MAX);
	snprintf(words, sizeof(words), "cancel %s %d", id, grace_s);
	char *text =
		ask_line(machine, words, "cancel", (int64_t)grace_s * 1000 + CANCEL_EXTRA_MS, err);
	if (!text)
		return err->kind == ERROR_NOT_FOUND ? job_unknown(id, err) : -1;
	bool ended = strcmp(text, "ended") == 0;
	bool ok = ended || (strncmp(text, "left ", 5) == 0 && job_number(text + 5, 1000000, &left));
	free(text);
	if (!ok)
		return error_set(err, ERROR_PROTOCOL, "what became of the job cannot be read");
	if (left > 0) {
		error_set(err, ERROR_REMOTE, "%" PRId64 " of the job's processes cannot be ended",
			  left);
		snprintf(err->code, sizeof(err->code), "JobLeft");
		return error_hint(err, "they may wait for a device; terminate the instance");
	}
	*was_running = !ended;
	return 0;
}

int job_keep(struct machine *machine, const char *id, bool keep, struct error *err)
{
	char words[JOB_ID_MAX + 32];
	int rc = 0;

	if (!job_id_ok(id))
		return job_unknown(id, err);
	snprintf(words, sizeof(words), "keep %s %d", id, keep);
	char *text = ask_line(machine, words, "keep", JOB_DEADLINE_MS, err);
	if (!text)
		return err->kind == ERROR_NOT_FOUND ? job_unknown(id, err) : -1;
	if (strcmp(text, "ended") == 0) {
		rc = error_set(err, ERROR_CONFLICT, "job '%s' has ended", id);
		snprintf(err->code, sizeof(err->code), "JobEnded");
	} else if (strcmp(text, "set") != 0) {
		rc = error_set(err, ERROR_REMOTE, "the machine could not write it down");
	}
	free(text);
	return rc;
}

int job_stay(struct machine *machine, const char *id, int64_t seconds, int64_t most_s,
	     struct error *err)
{
	char words[JOB_ID_MAX + 64];

	if (!job_id_ok(id))
		return job_unknown(id, err);
	snprintf(words, sizeof(words), "stay %s %" PRId64 " %" PRId64, id, seconds, most_s);
	char *text = ask_line(machine, words, "stay", JOB_DEADLINE_MS, err);
	if (!text)
		return err->kind == ERROR_NOT_FOUND ? job_unknown(id, err) : -1;
	int rc = strcmp(text, "yes") == 0
			 ? 0
			 : error_set(err, ERROR_REMOTE,
				     "the machine's time limit cannot be held while this goes on");
	free(text);
	return rc;
}
