/* SPDX-License-Identifier: Apache-2.0 */
/* What was decided is done, after one more look at the tags. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/hold.h"
#include "fleet/idle_store.h"
#include "fleet/labels.h"
#include "fleet/machine.h"
#include "fleet/machine/machine_files.h"
#include "fleet/reaper_internal.h"
#include "fleet/script.h"
#include "fleet/stop.h"
#include "fleet/terminate.h"

#define WARN_MS	  20000
#define TIMEOUT_S 300

static bool ends(const struct reap_item *item)
{
	return item->decision.verdict == REAP_STOP || item->decision.verdict == REAP_TERMINATE;
}

/* --- again ----------------------------------------------------------------------------------- */

static const struct instance *fresh(const struct pass *pass, const char *id)
{
	const struct instance_list *list = &pass->report->fresh;

	for (size_t i = 0; i < list->nr; i++)
		if (strcmp(list->v[i].id, id) == 0)
			return &list->v[i];
	return NULL;
}

/*
 * The looks took their time: meanwhile it may have been held, or be gone. One question for all;
 * what cannot be asked for again is left alone.
 */
void pass_check_again(struct pass *pass)
{
	struct reap_report *report = pass->report;
	const char **ids = xcalloc(report->nr, sizeof(*ids));
	const char **regions = xcalloc(report->nr, sizeof(*regions));
	struct instance_query query = { .ids = ids, .regions = regions };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < report->nr; i++) {
		bool known = false;

		if (!ends(&report->v[i]))
			continue;
		ids[query.nr_ids++] = report->v[i].instance.id;
		for (size_t k = 0; k < query.nr_regions; k++)
			known |= strcmp(regions[k], report->v[i].instance.region) == 0;
		if (!known)
			regions[query.nr_regions++] = report->v[i].instance.region;
	}
	int rc = query.nr_ids ? fleet_instances(pass->fleet, &query, &report->fresh, &err) : 0;
	for (size_t i = 0; i < report->nr; i++) {
		struct reap_item *item = &report->v[i];

		if (!ends(item))
			continue;
		const struct instance *now = fresh(pass, item->instance.id);
		if (rc < 0 || !now) {
			if (rc < 0)
				item->err = err;
			else
				error_set(&item->err, ERROR_NOT_FOUND,
					  "it could not be looked up again");
			item->decision.verdict = REAP_KEEP;
			continue;
		}
		item->instance = *now;
		pass_read_policy(pass, item);
		reap_decide(&item->facts, &item->decision);
	}
	free(ids);
	free(regions);
}

/* --- on the machine -------------------------------------------------------------------------- */

struct visiting {
	struct reap_item *item;
	char words[400], limit_words[400];
	bool warn, warned, shortens, renewed;
	struct error err;
};

static bool say(struct machine *machine, const char *words, struct error *err)
{
	struct buf out = BUF_INIT_MAX(4096);
	struct remote_exit ended = { 0 };

	/* Whatever became of it on the machine: nobody may be logged in, or there is no wall. */
	bool said =
		script_run(machine, machine_warn_script, words, WARN_MS, &out, &ended, err) == 0;
	buf_release(&out);
	return said;
}

static void note_admitted(void *ctx, const struct instance *instance, const char *cidr)
{
	struct visiting *visiting = ctx;

	(void)instance;
	snprintf(visiting->item->admitted, sizeof(visiting->item->admitted), "%s", cidr);
}

static void visit(struct fleet *fleet, void *item)
{
	struct visiting *visiting = item;
	struct machine machine = { 0 };
	const struct machine_events events = { .ctx = visiting, .admitted = note_admitted };

	if (machine_connect(fleet, &visiting->item->instance, LOOK_CONNECT_MS, &events, &machine,
			    &visiting->err) < 0)
		return;
	if (visiting->warn)
		visiting->warned = say(&machine, visiting->words, &visiting->err);
	/* Whoever made it longer must hear of it before it is shorter. */
	if (visiting->shortens && visiting->err.kind == ERROR_NONE)
		say(&machine, visiting->limit_words, &visiting->err);
	if (visiting->item->limit_s && visiting->err.kind == ERROR_NONE)
		visiting->renewed =
			hold_renew(&machine, visiting->item->limit_s, &visiting->err) == 0;
	machine_close(&machine);
}

/* One word for a shell; what it is made of is ours, but nothing may end the quotes. */
static void quote(char *words)
{
	for (char *p = words + 1; *p && p[1]; p++)
		if (*p == '\'' || *p < 0x20 || *p > 0x7e)
			*p = '?';
}

static void word_warning(const struct pass *pass, const struct reap_item *item, char *out,
			 size_t max)
{
	bool budget = item->decision.budget;
	const char *what = item->facts.policy.stop_first && !budget ? "stopped" : "terminated";

	snprintf(out, max, "'%.180s: this machine will be %s at the next look%s%.70s'",
		 item->decision.reason, what, budget ? "" : ". To keep it: gpucloud hold ",
		 budget ? "" : fleet_target(pass->fleet, &item->instance));
	quote(out);
}

static void word_limit(const struct pass *pass, const struct reap_item *item, char *out, size_t max)
{
	char was[TIME_TEXT_MAX], is[TIME_TEXT_MAX];

	snprintf(
		out, max,
		"'its own time limit, %s, lay after what it was rented for: it ends at %s. To keep "
		"it longer: gpucloud hold %.70s TIME'",
		time_format(was, item->limit_was), time_format(is, item->facts.policy.expires),
		fleet_target(pass->fleet, &item->instance));
	quote(out);
}

static void note_visit(struct pass *pass, const struct visiting *visiting)
{
	struct reap_item *item = visiting->item;
	bool budget = item->decision.budget;

	item->renewed = visiting->renewed;
	if (visiting->err.kind != ERROR_NONE)
		item->err = visiting->err;
	if (!visiting->warn)
		return;
	item->acted = true;
	item->confirmed = visiting->warned;
	/* A budget binds even where nobody can be told; idleness was seen there a moment ago. */
	if (visiting->warned || budget)
		pass_mark(pass, &item->instance, budget ? IDLE_MARK_BUDGET : IDLE_MARK_IDLE,
			  item->facts.now);
}

void pass_visit(struct pass *pass)
{
	struct reap_report *report = pass->report;
	struct visiting *v = xcalloc(report->nr, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < report->nr; i++) {
		struct reap_item *item = &report->v[i];
		bool warns = item->decision.verdict == REAP_WARN;

		if ((!warns && !item->limit_s) || ends(item) ||
		    item->instance.state != INSTANCE_RUNNING)
			continue;
		v[n] = (struct visiting){ .item = item, .warn = warns };
		if (warns)
			word_warning(pass, item, v[n].words, sizeof(v[n].words));
		v[n].shortens = item->limit_s && item->limit_was > item->facts.policy.expires;
		if (v[n].shortens)
			word_limit(pass, item, v[n].limit_words, sizeof(v[n].limit_words));
		n++;
	}
	look_each(pass->fleet, v, n, sizeof(*v), visit);
	for (size_t i = 0; i < n; i++)
		note_visit(pass, &v[i]);
	free(v);
}

/* --- in the cloud ---------------------------------------------------------------------------- */

static int mark_stopped(struct pass *pass, const struct reap_item *item, struct error *err)
{
	char text[32];
	const struct tag tag = { TAG_STOPPED, text };

	snprintf(text, sizeof(text), "%" PRId64, item->facts.now);
	return fleet_tag(pass->fleet, &item->instance, &tag, err);
}

/* The tag first: one that is stopped without it would bill for its disks for ever. */
static bool may_stop(struct pass *pass, struct reap_item *item)
{
	return power_check(pass->fleet, POWER_STOP, &item->instance, &item->err) == 0 &&
	       mark_stopped(pass, item, &item->err) == 0;
}

/* And once more: another computer may have taken the mark off while it still ran. */
static void note_stopped(struct pass *pass, struct reap_item *item, const struct powered *powered)
{
	item->confirmed = powered->confirmed;
	item->instance.state = powered->instance.state;
	if (powered->err.kind != ERROR_NONE)
		item->err = powered->err;
	if (!powered->confirmed)
		return;
	mark_stopped(pass, item, &item->err);
	pass_mark(pass, &item->instance, IDLE_MARK_IDLE, 0);
}

void pass_stop(struct pass *pass)
{
	struct reap_report *report = pass->report;
	const struct power_events events = { .ctx = pass->events->ctx,
					     .waiting = pass->events->waiting };
	struct powered *v = xcalloc(report->nr, sizeof(*v));
	struct reap_item **items = xcalloc(report->nr, sizeof(*items));
	size_t n = 0;

	for (size_t i = 0; i < report->nr; i++) {
		struct reap_item *item = &report->v[i];

		if (item->decision.verdict != REAP_STOP)
			continue;
		item->acted = true;
		if (!may_stop(pass, item))
			continue;
		v[n].instance = item->instance;
		items[n++] = item;
	}
	if (n)
		power_all(pass->fleet, POWER_STOP, v, n, TIMEOUT_S, &events, &report->list.arena);
	for (size_t i = 0; i < n; i++)
		note_stopped(pass, items[i], &v[i]);
	free(v);
	free(items);
}

static void note_ending(struct pass *pass, struct reap_item *item, const struct ending *ending)
{
	struct error err = ERROR_INIT;

	item->confirmed = ending->confirmed;
	item->instance.state = ending->instance.state;
	if (ending->err.kind != ERROR_NONE)
		item->err = ending->err;
	else if (ending->release_err.kind != ERROR_NONE)
		item->err = ending->release_err;
	if (!ending->confirmed)
		return;
	item->cost = ending->cost;
	if (pass->store && idle_store_forget(pass->store, pass->scope, item->instance.id, &err) < 0)
		pass_store_failed(pass, &err);
}

int pass_terminate(struct pass *pass, struct error *err)
{
	struct reap_report *report = pass->report;
	const struct terminate_events events = { .ctx = pass->events->ctx,
						 .waiting = pass->events->waiting };
	struct ending *v = xcalloc(report->nr, sizeof(*v));
	struct reap_item **items = xcalloc(report->nr, sizeof(*items));
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < report->nr; i++) {
		if (report->v[i].decision.verdict != REAP_TERMINATE)
			continue;
		v[n].instance = report->v[i].instance;
		items[n++] = &report->v[i];
	}
	if (n)
		rc = terminate_all(pass->fleet, v, n, TIMEOUT_S, &events, err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		items[i]->acted = true;
		note_ending(pass, items[i], &v[i]);
	}
	free(v);
	free(items);
	return rc;
}
