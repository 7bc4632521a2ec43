/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine says of its jobs, one fact a line. Whoever has the machine can say anything: each line is
 * read as it is written, or refused by its name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/expiry.h"
#include "fleet/job_internal.h"

#define FIRST_LINE "jobs 1"

struct reading {
	struct job *v, *job; /* job: the one being read */
	size_t nr, cap;
	int64_t now;
	bool live, state_seen, spec_seen, ended;
	char status[32];
	int64_t last;
};

bool job_number(const char *s, int64_t max, int64_t *ret)
{
	size_t len = strlen(s);
	int64_t value = 0;

	if (len == 0 || len > 18 || strspn(s, "0123456789") != len)
		return false;
	for (; *s; s++)
		value = value * 10 + (*s - '0');
	if (value > max)
		return false;
	*ret = value;
	return true;
}

/* The next word, cut off at its blank; NULL where there is none. */
static char *word(char **rest)
{
	char *begin = *rest, *end;

	if (!begin || !*begin)
		return NULL;
	end = strchr(begin, ' ');
	if (end)
		*end++ = '\0';
	*rest = end;
	return begin;
}

static bool read_state(struct reading *r, char *value)
{
	static const struct {
		const char *name;
		enum job_state state;
	} states[] = {
		{ "starting", JOB_STARTING }, { "setup", JOB_SETUP }, { "running", JOB_RUNNING },
		{ "done", JOB_DONE },	      { "none", JOB_LOST },
	};
	char *name = word(&value), *live = word(&value);

	if (!name || !live || value || (strcmp(live, "yes") != 0 && strcmp(live, "no") != 0))
		return false;
	r->live = live[0] == 'y';
	r->state_seen = true;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		if (strcmp(name, states[i].name) != 0)
			continue;
		r->job->state = states[i].state;
		if (r->job->state != JOB_DONE && !r->live)
			r->job->state = JOB_LOST;
		return true;
	}
	return false;
}

static bool read_status(struct reading *r, char *value)
{
	static const struct {
		const char *name;
		enum job_end end;
		int64_t min, max;
	} ends[] = {
		{ "exit", JOB_END_EXIT, 0, 255 },
		{ "signal", JOB_END_SIGNAL, 1, 127 },
		{ "setup", JOB_END_SETUP, 0, 255 },
		{ "cancelled", JOB_END_CANCELLED, 0, 127 },
	};
	char *name = word(&value), *code = word(&value);
	int64_t n;

	if (!name || !code || value)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (strcmp(name, ends[i].name) != 0)
			continue;
		if (!job_number(code, ends[i].max, &n) || n < ends[i].min)
			return false;
		r->job->end = ends[i].end;
		r->job->code = (int)n;
		return true;
	}
	return false;
}

static bool read_policy(struct reading *r, char *value)
{
	char *keep = word(&value), *failed = word(&value), *linger = word(&value);
	int64_t k, f, after;

	if (!linger || value || !job_number(keep, 1, &k) || !job_number(failed, 1, &f) ||
	    !job_number(linger, JOB_LINGER_MAX, &after))
		return false;
	r->job->spec.keep = k;
	r->job->spec.keep_failed = f;
	r->job->spec.linger_s = after;
	return true;
}

static bool read_linger(struct reading *r, char *value)
{
	char *name = word(&value);
	struct job *job = r->job;

	if (!name)
		return false;
	if (strcmp(name, "set") == 0) {
		job->linger = JOB_LINGER_SET;
		return value && job_number(value, JOB_LINGER_MAX, &job->linger_left_s);
	}
	if (strcmp(name, "other") == 0) {
		job->linger = JOB_LINGER_OTHER;
		return value && job_id_ok(value);
	}
	if (value)
		return false;
	job->linger = strcmp(name, "none") == 0	    ? JOB_LINGER_NO_TTL
		      : strcmp(name, "failed") == 0 ? JOB_LINGER_FAILED
						    : JOB_LINGER_NONE;
	return job->linger != JOB_LINGER_NONE || strcmp(name, "kept") == 0;
}

static bool read_sizes(struct reading *r, char *value)
{
	uint64_t *const slots[] = { &r->job->out_size, &r->job->err_size, &r->job->setup_out_size,
				    &r->job->setup_err_size };

	for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
		char *one = word(&value);
		int64_t n;

		if (!one || !job_number(one, JOB_LOG_KEEP, &n))
			return false;
		*slots[i] = (uint64_t)n;
	}
	return !value;
}

static bool read_dropped(char *value, uint64_t *ret)
{
	int64_t n;

	if (!job_number(value, INT64_MAX, &n))
		return false;
	*ret = (uint64_t)n;
	return true;
}

static bool read_spec(struct reading *r, char *value, struct error *err)
{
	struct buf text = BUF_INIT_MAX((size_t)1 << 20);
	bool ok = base64_decode(&text, value, strlen(value)) == 0 && !text.overflow;

	r->spec_seen = true;
	if (ok && job_json_read(text.data, text.len, r->job, err) < 0)
		ok = false;
	buf_release(&text);
	return ok;
}

static bool read_time(char *value, int64_t *ret)
{
	return job_number(value, EXPIRY_LAST_S, ret);
}

/* A fact about one job. -1: nobody says such a thing; 0: wrong; 1: read. */
static int read_fact(struct reading *r, const char *key, char *value, struct error *err)
{
	struct job *job = r->job;

	if (strcmp(key, "state") == 0)
		return !r->state_seen && read_state(r, value);
	if (strcmp(key, "spec") == 0)
		return !r->spec_seen && read_spec(r, value, err);
	if (strcmp(key, "status") == 0)
		return read_status(r, value);
	if (strcmp(key, "policy") == 0)
		return read_policy(r, value);
	if (strcmp(key, "linger") == 0)
		return read_linger(r, value);
	if (strcmp(key, "sizes") == 0)
		return read_sizes(r, value);
	if (strcmp(key, "created") == 0)
		return read_time(value, &job->created);
	if (strcmp(key, "started") == 0)
		return read_time(value, &job->started);
	if (strcmp(key, "ended") == 0)
		return read_time(value, &job->ended);
	if (strcmp(key, "last") == 0)
		return read_time(value, &r->last);
	if (strcmp(key, "out-dropped") == 0)
		return read_dropped(value, &job->out_dropped);
	if (strcmp(key, "err-dropped") == 0)
		return read_dropped(value, &job->err_dropped);
	if (strcmp(key, "rebooted") == 0)
		return job->rebooted = strcmp(value, "yes") == 0;
	if (strcmp(key, "cancel") == 0)
		return job->cancelling = strcmp(value, "yes") == 0;
	return -1;
}

/* What was said of one belongs together. */
static int finish_job(struct reading *r, struct error *err)
{
	struct job *job = r->job;

	if (!job)
		return 0;
	if (!r->state_seen || !r->spec_seen)
		return error_set(err, ERROR_PROTOCOL, "job '%s': not all of it was told", job->id);
	/* The result is on disk before the state says so; until then it is none. */
	if (job->state == JOB_DONE && job->end == JOB_END_NONE)
		job->state = JOB_LOST;
	if (job->state != JOB_DONE && job->state != JOB_LOST)
		job->end = JOB_END_NONE;
	/* Killed between the two: it has ended, and how is known. */
	if (job->state == JOB_LOST && job->end != JOB_END_NONE)
		job->state = JOB_DONE;
	if (job->state != JOB_LOST)
		job->rebooted = false;
	if (job->end == JOB_END_NONE) {
		job->code = 0;
		job->ended = 0;
		job->linger = JOB_LINGER_NONE;
	}
	int64_t until = job->state == JOB_LOST ? r->last : job->ended ? job->ended : r->now;
	if (job->created && until > job->created)
		job->ran_s = until - job->created;
	return 0;
}

static int begin_job(struct reading *r, const char *id, struct error *err)
{
	if (finish_job(r, err) < 0)
		return -1;
	if (!job_id_ok(id))
		return error_set(err, ERROR_PROTOCOL, "the machine named a job as none is named");
	if (r->nr > 0 && strcmp(r->v[r->nr - 1].id, id) >= 0)
		return error_set(err, ERROR_PROTOCOL, "the machine's jobs are not in order");
	if (r->nr == JOB_LIST_MAX)
		return error_set(err, ERROR_PROTOCOL, "the machine told more than %d jobs",
				 JOB_LIST_MAX);
	r->v = xgrow(r->v, r->nr, &r->cap, sizeof(*r->v));
	r->job = &r->v[r->nr++];
	memset(r->job, 0, sizeof(*r->job));
	snprintf(r->job->id, sizeof(r->job->id), "%s", id);
	r->live = r->state_seen = r->spec_seen = false;
	r->last = 0;
	return 0;
}

static int read_line(struct reading *r, char *line, struct error *err)
{
	char *value = strchr(line, ' ');

	if (r->ended)
		return error_set(err, ERROR_PROTOCOL, "the machine said more behind its end");
	if (strcmp(line, "end") == 0) {
		r->ended = true;
		return finish_job(r, err);
	}
	if (value)
		*value++ = '\0';
	if (value && strcmp(line, "now") == 0 && !r->job && read_time(value, &r->now))
		return 0;
	if (value && strcmp(line, "job") == 0)
		return begin_job(r, value, err);
	int rc = value && r->job ? read_fact(r, line, value, err) : -1;
	if (rc > 0)
		return 0;
	if (err->kind != ERROR_NONE)
		return error_prefix(err, "job '%s'", r->job->id);
	if (rc < 0)
		return error_set(err, ERROR_PROTOCOL,
				 "the machine said what is no fact about a job");
	return error_set(err, ERROR_PROTOCOL, "job '%s': '%s' cannot be read", r->job->id, line);
}

int job_read(const char *text, size_t len, struct job **ret, size_t *nr, struct error *err)
{
	struct reading r = { .nr = 0 };
	char *copy = xstrndup(text, len), *rest = copy;
	bool begun = false;
	struct error mine = ERROR_INIT;

	if (strlen(copy) != len)
		error_set(&mine, ERROR_PROTOCOL, "the machine said what is no fact about a job");
	while (mine.kind == ERROR_NONE && *rest) {
		char *line = rest, *end = strchr(rest, '\n');

		if (!end)
			break;
		*end = '\0';
		rest = end + 1;
		if (begun)
			read_line(&r, line, &mine);
		else /* a user's .bashrc may print something first */
			begun = strcmp(line, FIRST_LINE) == 0;
	}
	free(copy);
	if (mine.kind == ERROR_NONE && !r.ended)
		error_set(&mine, ERROR_PROTOCOL, "the answer about jobs was cut short");
	if (mine.kind == ERROR_NONE) {
		*ret = r.v;
		*nr = r.nr;
		return 0;
	}
	for (size_t i = 0; i < r.nr; i++)
		job_release(&r.v[i]);
	free(r.v);
	*err = mine;
	return -1;
}
