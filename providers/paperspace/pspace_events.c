/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine tells what it is; its events tell since when, and what became of what was asked of it:
 * the last start and the last stop are what a bill goes by.
 * https://docs.digitalocean.com/reference/paperspace/api-reference/machine-events/
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "providers/paperspace/paperspace.h"

#define ROUNDS_MAX 20 /* pages of one machine: with a snapshot an hour, 100 days */

enum step { /* events that matter, by what they do to a machine */
	STEP_NONE,
	STEP_CREATE,
	STEP_START,
	STEP_RESTART,
	STEP_STOP,
	STEP_DELETE
};

enum progress {
	PROGRESS_UNDER_WAY,
	PROGRESS_DONE,
	PROGRESS_FAILED,
	PROGRESS_CANCELLED
};

/* What is known so far of one machine. */
struct reading {
	struct pspace_history *history;
	struct rest_call call;
	char cursor[PSPACE_TEXT_MAX + 1];
	int64_t on_ms, off_ms, restarted_ms; /* when each was asked for */
	int64_t newest_ms;
	bool complete;
};

static enum step step_of(const char *name)
{
	static const struct {
		const char *name;
		enum step step;
	} steps[] = {
		{ "create", STEP_CREATE },   { "start", STEP_START },
		{ "stop", STEP_STOP },	     { "vm-shutdown-force", STEP_STOP },
		{ "restart", STEP_RESTART }, { "deactivate", STEP_DELETE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (!strcmp(steps[i].name, name))
			return steps[i].step;
	return STEP_NONE;
}

static enum progress progress_of(const char *state)
{
	if (!strcmp(state, "error"))
		return PROGRESS_FAILED;
	if (!strcmp(state, "cancelled"))
		return PROGRESS_CANCELLED;
	return strcmp(state, "done") == 0 ? PROGRESS_DONE : PROGRESS_UNDER_WAY;
}

/* Milliseconds, to keep apart what happened in one second; 0: unknown. */
static int64_t time_ms(const struct cJSON *event, const char *name)
{
	const struct cJSON *member = json_get(event, name);
	const char *text = member ? json_text(member) : NULL;
	struct error bad = ERROR_INIT;
	int64_t ms;

	return text && *text && time_parse_ms(text, "time", &ms, &bad) == 0 && ms > 0 ? ms : 0;
}

static int64_t first_known(int64_t a, int64_t b, int64_t c)
{
	return a ? a : b ? b : c;
}

static void keep_error(const struct cJSON *event, struct pspace_history *history)
{
	struct arena arena = { 0 };
	const char *text = text_escaped(&arena, pspace_text(event, "error", &arena));

	snprintf(history->error, sizeof(history->error), "%.*s", (int)sizeof(history->error) - 1,
		 *text ? text : "it could not be made");
	arena_release(&arena);
}

static void note(struct reading *reading, const struct cJSON *event, enum step step,
		 enum progress progress)
{
	struct pspace_history *history = reading->history;
	int64_t asked = time_ms(event, "dtCreated"), began = time_ms(event, "dtStarted"),
		ended = time_ms(event, "dtFinished");
	bool newest = asked > reading->newest_ms;
	bool failed = progress == PROGRESS_FAILED || progress == PROGRESS_CANCELLED;

	/* Whoever stops a machine on its way up cancels its making: until then it billed. */
	if (step == STEP_CREATE && progress == PROGRESS_CANCELLED)
		failed = false;
	if (newest) {
		reading->newest_ms = asked;
		history->stop_failed = step == STEP_STOP && failed;
		history->stopping =
			step == STEP_STOP && progress == PROGRESS_UNDER_WAY ? asked / 1000 : 0;
	}
	if (step == STEP_CREATE && failed) {
		history->create_failed = true;
		keep_error(event, history);
	} else if ((step == STEP_CREATE || step == STEP_START) && !failed &&
		   asked > reading->on_ms) {
		reading->on_ms = asked;
		history->started = first_known(began, asked, 0) / 1000;
	} else if (step == STEP_RESTART && !failed && asked > reading->restarted_ms) {
		reading->restarted_ms = asked;
	} else if (step == STEP_STOP && !failed && asked > reading->off_ms) {
		reading->off_ms = asked;
		history->stopped = first_known(ended, began, asked) / 1000;
	} else if (step == STEP_DELETE && progress == PROGRESS_UNDER_WAY) {
		history->ending = true;
	}
}

/* Newest first: what is older than the last start changes nothing any more. */
static int take_page(struct reading *reading, struct error *err)
{
	const struct cJSON *root = reading->call.json.root, *items;
	const struct cJSON *more = json_get(root, "hasMore");
	const char *next = NULL;
	bool has_more = false;

	if (json_array(root, "items", &items, err) < 0 ||
	    (more && json_bool(root, "hasMore", &has_more, err) < 0) ||
	    (has_more && json_string(root, "nextPage", PSPACE_TEXT_MAX, &next, err) < 0))
		return error_prefix(err, "events of machine '%s'", reading->history->id);
	for (const struct cJSON *event = json_first(items); event; event = json_next(event)) {
		const struct cJSON *name = json_get(event, "name"),
				   *state = json_get(event, "state");
		const char *whose = NULL;

		if (!name || !json_text(name) || !state || !json_text(state) ||
		    json_string_opt(event, "machineId", PSPACE_ID_MAX, &whose, err) < 0)
			return error_set(err, ERROR_PROTOCOL,
					 "events of machine '%s': field 'name', 'state' or "
					 "'machineId' is missing or no string",
					 reading->history->id);
		/* A server that ignores the filter tells of others' machines too. */
		if (!whose || strcmp(whose, reading->history->id) == 0)
			note(reading, event, step_of(json_text(name)),
			     progress_of(json_text(state)));
	}
	bool circle = next && strcmp(next, reading->cursor) == 0;
	reading->complete = !next || circle || reading->on_ms != 0;
	snprintf(reading->cursor, sizeof(reading->cursor), "%s", next ? next : "");
	return 0;
}

static void ask(struct provider *p, struct reading *reading)
{
	rest_begin(&reading->call, &p->rest, REST_READ, "GET", REST_PATH("machine-events"),
		   "cannot list the events of machine '%s'", reading->history->id);
	rest_query(&reading->call, "machineId", reading->history->id);
	rest_query(&reading->call, "limit", PSPACE_PAGE);
	rest_query(&reading->call, "orderBy", "dtCreated");
	rest_query(&reading->call, "order", "desc");
	if (reading->cursor[0])
		rest_query(&reading->call, "after", reading->cursor);
}

static void finish(struct reading *reading)
{
	struct pspace_history *history = reading->history;

	/* A restart starts what was off; of one that ran it changes no bill. */
	if (reading->off_ms > reading->on_ms && reading->restarted_ms > reading->off_ms) {
		history->started = reading->restarted_ms / 1000;
		reading->on_ms = reading->restarted_ms;
	}
	if (reading->off_ms <= reading->on_ms)
		history->stopped = 0;
}

static size_t one_round(struct provider *p, struct reading *v, size_t n, struct rest_call **calls)
{
	size_t nr = 0, left = 0;

	for (size_t i = 0; i < n; i++) {
		if (v[i].complete)
			continue;
		ask(p, &v[i]);
		calls[nr++] = &v[i].call;
	}
	rest_send_all(calls, nr);
	for (size_t i = 0; i < n; i++) {
		if (v[i].complete)
			continue;
		if (v[i].call.rc < 0)
			v[i].history->err = v[i].call.err;
		else
			take_page(&v[i], &v[i].history->err);
		if (v[i].history->err.kind)
			v[i].complete = true;
		left += !v[i].complete;
		rest_release(&v[i].call);
	}
	return left;
}

void pspace_histories(struct provider *p, struct pspace_history *v, size_t n)
{
	struct reading *readings = xcalloc(n + 1, sizeof(*readings));
	struct rest_call **calls = xcalloc(n + 1, sizeof(*calls));
	size_t left = n;

	for (size_t i = 0; i < n; i++)
		readings[i].history = &v[i];
	for (int i = 0; i < ROUNDS_MAX && left; i++)
		left = one_round(p, readings, n, calls);
	for (size_t i = 0; i < n; i++)
		finish(&readings[i]);
	free(calls);
	free(readings);
}
