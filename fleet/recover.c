/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/recover.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/fleet.h"
#include "fleet/hostkeys.h"
#include "fleet/journal.h"
#include "fleet/labels.h"
#include "fleet/look.h"
#include "fleet/recover_internal.h"

void recover_tell(const struct recovery *recovery, const char *fmt, ...)
{
	char line[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (recovery->told)
		recovery->told(recovery->ctx, line);
}

/* The instance is there: the journal learns its id. */
static int keep(const struct recovery *recovery, const struct instance *instance, struct error *err)
{
	struct journal *journal = recovery->fleet->journal;

	if (journal_made(journal, recovery->row->id, instance->id, instance->zone.name, err) < 0)
		return -1;
	if (instance->state == INSTANCE_GONE)
		return 0; /* terminate cleans up behind it */
	recover_tell(recovery,
		     "an interrupted launch had made '%s' (%s in %s, %s): kept; end it with: "
		     "gpucloud terminate %s",
		     recovery->row->name, instance->id, instance->zone.name,
		     instance_state_name(instance->state), fleet_target(recovery->fleet, instance));
	return 0;
}

/* Nothing was made and nothing can come any more. */
static int undo(const struct recovery *recovery, struct error *err)
{
	struct fleet *fleet = recovery->fleet;
	struct release_result result = { 0 };

	if (fleet->ops->release(fleet->provider, recovery->row->region, recovery->row->id, &result,
				err) < 0)
		return -1;
	if (result.left)
		return error_set(err, ERROR_REMOTE, "%u things could not be removed yet",
				 result.left);
	hostkeys_forget(fleet->paths, recovery->row->id, NULL);
	if (journal_finish(fleet->journal, recovery->row->id, LAUNCH_FAILED, err) < 0)
		return -1;
	recover_tell(recovery, "an interrupted launch of '%s' had made no instance: cleaned up",
		     recovery->row->name);
	return 0;
}

int recover_find(const struct recovery *recovery, struct instance_list *ret, struct error *err)
{
	const struct instance_query query = {
		.regions = &recovery->row->region,
		.nr_regions = 1,
		.launch_id = recovery->row->id,
		.with_gone = true,
	};
	struct fleet *fleet = recovery->fleet;

	return fleet_instances(fleet, &query, ret, err);
}

/* A cloud that knows a request again makes no second instance of it. */
static bool repeats(const struct fleet *fleet)
{
	return (fleet->ops->caps & PROVIDER_CAP_TOKEN) != 0;
}

/* After this another one may be launched under its name: one listing alone is not believed. */
static int undo_if_still_unseen(const struct recovery *recovery, struct error *err)
{
	struct instance_list list = { 0 };
	int rc = -1;

	if (clock_sleep_ms(recovery->fleet->clock, RECOVER_AGAIN_MS) < 0)
		return error_set(err, ERROR_CANCELLED, "interrupted");
	if (recover_find(recovery, &list, err) < 0)
		return -1;
	if (list.nr)
		rc = keep(recovery, &list.v[0], err);
	else if (list.nr_failures)
		*err = list.failures[0].err;
	else
		rc = undo(recovery, err);
	instance_list_release(&list);
	return rc;
}

static int settle(const struct recovery *recovery, struct error *err)
{
	struct fleet *fleet = recovery->fleet;
	struct instance_list list = { 0 };
	struct attempt_row attempt = { 0 };
	struct arena arena = { 0 };
	char age[TIME_TEXT_MAX];

	if (recover_find(recovery, &list, err) < 0)
		return -1;
	int rc = 0;
	if (list.nr) {
		rc = keep(recovery, &list.v[0], err);
		goto out;
	}
	/* The region that would list it did not answer. */
	if (list.nr_failures) {
		*err = list.failures[0].err;
		rc = -1;
		goto out;
	}
	int sent = journal_open_attempt(fleet->journal, recovery->row->id, &arena, &attempt, err);
	/* By the cloud's clock, which has just answered; one that went back makes nothing old. */
	int64_t waited = look_now(fleet, fleet->provider, recovery->row->region) - attempt.began;
	if (waited < 0)
		waited = 0;
	if (sent < 0)
		rc = -1;
	else if (sent && waited < RECOVER_VISIBLE_S)
		recover_tell(
			recovery,
			"a launch of '%s' was interrupted %s ago; no instance is visible yet, the next "
			"command looks again",
			recovery->row->name, duration_format(age, waited));
	else
		rc = sent && !repeats(fleet) ? undo_if_still_unseen(recovery, err)
					     : undo(recovery, err);
out:
	arena_release(&arena);
	instance_list_release(&list);
	return rc;
}

static void recover_one(struct fleet *fleet, const struct launch_row *row, recover_told_fn told,
			void *ctx)
{
	const struct recovery recovery = { fleet, row, told, ctx };
	struct error err = ERROR_INIT;

	if (journal_claim(fleet->journal, row->id, &err) != 1)
		return; /* its owner lives */
	if (settle(&recovery, &err) < 0)
		recover_tell(&recovery, "an interrupted launch of '%s' could not be looked at: %s",
			     row->name, err.message);
	journal_unclaim(fleet->journal, row->id);
}

/* --- host keys ----------------------------------------------------------------------------- */

/* The launches that may still need the key they were made with; read when first asked for. */
struct wanted {
	struct fleet *fleet;
	struct launch_rows rows[2]; /* open, live */
	bool read, failed;
};

static void read_wanted(struct wanted *wanted)
{
	static const enum launch_state states[] = { LAUNCH_OPEN, LAUNCH_LIVE };
	struct error err = ERROR_INIT;

	wanted->read = true;
	for (size_t i = 0; i < ARRAY_SIZE(states) && !wanted->failed; i++)
		wanted->failed = journal_launches(wanted->fleet->journal, states[i], NULL,
						  &wanted->rows[i], &err) < 0;
}

static bool is_wanted(void *ctx, const char *launch_id)
{
	struct wanted *wanted = ctx;

	if (!wanted->read)
		read_wanted(wanted);
	if (wanted->failed)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(wanted->rows); i++)
		for (size_t k = 0; k < wanted->rows[i].nr; k++)
			if (strcmp(wanted->rows[i].v[k].id, launch_id) == 0)
				return true;
	return false;
}

/* Private keys that nobody will ask for again. */
static void sweep_seeds(struct fleet *fleet)
{
	struct wanted wanted = { .fleet = fleet };
	size_t gone = hostkeys_sweep(fleet->paths, clock_now(fleet->clock) - RECOVER_SEED_S,
				     is_wanted, &wanted);

	if (gone)
		log_info("recover", "removed %zu host key%s that belong%s to no launch", gone,
			 gone == 1 ? "" : "s", gone == 1 ? "s" : "");
	for (size_t i = 0; i < ARRAY_SIZE(wanted.rows); i++)
		launch_rows_release(&wanted.rows[i]);
}

static bool journal_exists(const struct fleet *fleet)
{
	char *path = xasprintf("%s/journal.db", fleet->paths->state);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

void recover_all(struct fleet *fleet, recover_told_fn told, void *ctx)
{
	struct launch_rows rows = { 0 };
	char scope[FLEET_SCOPE_MAX] = "";
	struct error err = ERROR_INIT;

	if (!journal_exists(fleet))
		return;
	if (fleet_journal(fleet, &err) < 0 ||
	    journal_launches(fleet->journal, LAUNCH_OPEN, NULL, &rows, &err) < 0) {
		if (told)
			told(ctx, err.message);
		return;
	}
	sweep_seeds(fleet);
	if (rows.nr && fleet_scope(fleet, scope, &err) < 0) {
		launch_rows_release(&rows);
		return; /* the command itself will say what is wrong */
	}
	for (size_t i = 0; i < rows.nr; i++)
		if (strcmp(rows.v[i].provider, fleet->ops->name) == 0 &&
		    strcmp(rows.v[i].account, scope) == 0)
			recover_one(fleet, &rows.v[i], told, ctx);
	launch_rows_release(&rows);
	recover_ends(fleet, told, ctx);
}

int recover_open_name(struct fleet *fleet, const char *name, struct launch_resume *ret,
		      struct error *err)
{
	struct launch_rows rows = { 0 };
	char scope[FLEET_SCOPE_MAX] = "";
	int rc = -1;

	if (journal_launches(fleet->journal, LAUNCH_OPEN, name, &rows, err) < 0)
		return -1;
	if (rows.nr && fleet_scope(fleet, scope, err) < 0)
		goto out;
	rc = 0;
	for (size_t i = 0; i < rows.nr && rc == 0; i++) {
		const struct launch_row *row = &rows.v[i];

		if (strcmp(row->provider, fleet->ops->name) != 0 ||
		    strcmp(row->account, scope) != 0)
			continue;
		rc = journal_open_attempt(fleet->journal, row->id, &ret->arena, &ret->attempt, err);
		ret->began = row->began;
		if (rc == 1)
			ret->launch_id = arena_strdup(&ret->arena, row->id);
	}
out:
	launch_rows_release(&rows);
	return rc;
}

void launch_resume_release(struct launch_resume *resume)
{
	arena_release(&resume->arena);
	memset(resume, 0, sizeof(*resume));
}
