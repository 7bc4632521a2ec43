/* SPDX-License-Identifier: Apache-2.0 */
/* After the launch: is there one of that name already, and does it run yet? */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "fleet/journal.h"
#include "fleet/journal_cost.h"
#include "fleet/labels.h"
#include "fleet/launch_internal.h"
#include "fleet/recover.h"
#include "fleet/remembered.h"

#define POLL_FIRST_MS 500
#define POLL_MAX_MS   4000
#define VISIBLE_S     60 /* a new instance may be invisible for so long */
#define REASON_S      10 /* and so long after its end the cloud may not say yet why */

static bool lives(const struct instance *instance)
{
	return instance->state != INSTANCE_GONE && instance->state != INSTANCE_ENDING;
}

static void adopt(struct instance_list *list, const struct instance *instance,
		  struct launch_outcome *ret)
{
	ret->made.arena = list->arena;
	ret->made.instance = *instance;
	ret->made.image = instance->image;
	ret->made.image_name = "";
	ret->launch_id = instance->launch_id;
	ret->name = instance->name;
	ret->price = ret->quoted = MONEY_UNKNOWN;
	ret->existed = true;
	memset(list, 0, sizeof(*list));
}

/* The price it was quoted at, if our journal knows it. */
static void recall_price(struct fleet *fleet, struct launch_outcome *outcome)
{
	struct launch_rows rows = { 0 };
	struct error ignored = ERROR_INIT;

	if (journal_find_instance(fleet->journal, outcome->made.instance.id, &rows, &ignored) ==
		    0 &&
	    rows.nr)
		outcome->price = outcome->quoted = rows.v[0].price;
	launch_rows_release(&rows);
}

/* 1: an instance of that name lives; 0: the cloud shows none; -1: error. */
static int find_visible(struct fleet *fleet, const char *name, struct launch_outcome *ret,
			struct error *err)
{
	struct arena arena = { 0 };
	struct instance_list list = { 0 };
	const struct region_choice everywhere = { .all = true };
	struct instance_query query = { .name = name, .owner = fleet->owner };
	int rc = -1;

	if (fleet_regions(fleet, &everywhere, &arena, &query.regions, &query.nr_regions, err) < 0 ||
	    fleet_instances(fleet, &query, &list, err) < 0)
		goto out;
	rc = 0;
	for (size_t i = 0; i < list.nr && rc == 0; i++) {
		if (!lives(&list.v[i]))
			continue;
		adopt(&list, &list.v[i], ret);
		rc = 1;
	}
	if (rc == 0 && list.nr_failures) {
		/* A region that did not answer may hold it: a second one must not be made. */
		*err = list.failures[0].err;
		rc = error_prefix(err, "cannot tell whether '%s' exists in %s", name,
				  list.failures[0].region);
	}
out:
	instance_list_release(&list);
	arena_release(&arena);
	return rc;
}

/* As find_visible, of what this journal saw being made a short while ago. */
static int find_remembered(struct fleet *fleet, const char *name, struct launch_outcome *ret,
			   struct error *err)
{
	struct instance_list list = { 0 };
	const struct remembered_query query = { .name = name, .owner = fleet->owner };
	int rc = remembered_add(fleet, &query, &list, err);

	for (size_t i = 0; rc == 0 && i < list.nr; i++) {
		if (!lives(&list.v[i]))
			continue;
		adopt(&list, &list.v[i], ret);
		rc = 1;
	}
	instance_list_release(&list);
	return rc;
}

int launch_find_existing(struct fleet *fleet, const char *name, struct launch_outcome *ret,
			 struct launch_resume *resume, struct error *err)
{
	if (fleet_journal(fleet, err) < 0)
		return -1;
	int claimed = journal_claim_name(fleet->journal, name, err);
	if (claimed < 0)
		return -1;
	if (!claimed) {
		error_set(err, ERROR_CONFLICT, "another gpucloud is launching '%s' right now",
			  name);
		return error_hint(err, "gpucloud list");
	}
	int rc = find_visible(fleet, name, ret, err);
	if (rc == 0)
		rc = find_remembered(fleet, name, ret, err);
	if (rc == 1)
		recall_price(fleet, ret);
	if (rc == 0 && recover_open_name(fleet, name, resume, err) != 0)
		rc = resume->launch_id ? 2 : -1;
	if (rc == 1 || rc < 0)
		journal_unclaim_name(fleet->journal, name);
	return rc;
}

void launch_learn_price(struct fleet *fleet, struct launch_outcome *outcome)
{
	const struct instance *instance = &outcome->made.instance;
	struct error err = ERROR_INIT;

	if (instance->spot || instance->price <= 0 || instance->price == outcome->price)
		return;
	outcome->price = instance->price;
	if (fleet->journal &&
	    journal_price_told(fleet->journal, outcome->launch_id, instance->price, &err) < 0)
		log_info("launch", "%s", err.message);
}

static bool has_ended(const struct instance *instance)
{
	return instance->state != INSTANCE_RUNNING && instance->state != INSTANCE_UNKNOWN &&
	       instance->state != INSTANCE_PENDING;
}

/* 1: runs; 0: not yet; -1: it never will. patient: a reason that is not told yet is waited for. */
static int judge(const struct instance *instance, bool patient, struct error *err)
{
	if (instance->state == INSTANCE_RUNNING)
		return 1;
	if (!has_ended(instance) || (patient && !instance->reason[0]))
		return 0;
	error_set(err, instance->spot ? ERROR_CAPACITY : ERROR_REMOTE,
		  "%s is %s instead of running%s%s", instance->id,
		  instance_state_name(instance->state), instance->reason[0] ? ": " : "",
		  instance->reason);
	return -1;
}

/* Replaces the outcome's instance by what the cloud says now. 1, 0, -1 as judge(); 2: unseen. */
static int look(struct fleet *fleet, struct launch_outcome *outcome, bool patient,
		struct error *err)
{
	struct instance_list list = { 0 };
	const struct instance_query query = {
		.regions = &outcome->made.instance.region,
		.nr_regions = 1,
		.ids = &outcome->made.instance.id,
		.nr_ids = 1,
		.with_gone = true,
	};

	if (fleet_instances(fleet, &query, &list, err) < 0)
		return -1;
	if (!list.nr) {
		instance_list_release(&list);
		return 2;
	}
	struct launch_outcome fresh = *outcome;
	fresh.made.arena = list.arena;
	fresh.made.instance = list.v[0];
	fresh.made.image = arena_strdup(&list.arena, outcome->made.image);
	fresh.made.image_name = arena_strdup(&list.arena, outcome->made.image_name);
	fresh.launch_id = arena_strdup(&list.arena, outcome->launch_id);
	fresh.name = arena_strdup(&list.arena, outcome->name);
	fresh.made.arena = list.arena;
	arena_release(&outcome->made.arena);
	*outcome = fresh;
	return judge(&outcome->made.instance, patient, err);
}

int launch_wait_running(struct fleet *fleet, struct launch_outcome *outcome, int64_t timeout_s,
			const struct launch_events *events, struct error *err)
{
	int64_t start = clock_mono_ms(fleet->clock);
	int64_t pause = POLL_FIRST_MS;
	int64_t ended_at = -1; /* s waited by then */
	bool seen = false, missed = false;

	for (;;) {
		int64_t waited = (clock_mono_ms(fleet->clock) - start) / 1000;
		bool patient = !outcome->existed && (ended_at < 0 || waited < ended_at + REASON_S);
		int rc = look(fleet, outcome, patient, err);

		if (rc == 0 && ended_at < 0 && has_ended(&outcome->made.instance))
			ended_at = waited;

		/* Shown before, and twice not since: there, what is gone is not listed any more. */
		if (rc == 2 && seen && missed && (fleet->ops->caps & PROVIDER_CAP_FORGETS)) {
			error_set(err, ERROR_REMOTE, "%s is gone: the cloud could not make it",
				  outcome->made.instance.id);
			return error_hint(err, "gpucloud terminate %s   (what was made for it)",
					  outcome->name);
		}
		missed = rc == 2;
		seen |= rc == 0;
		if (rc == 1) {
			launch_learn_price(fleet, outcome);
			return 0;
		}
		if (rc < 0)
			break;
		if (rc == 2 && waited > VISIBLE_S) {
			error_set(err, ERROR_REMOTE, "%s was made, but the cloud does not list it",
				  outcome->made.instance.id);
			break;
		}
		if (waited >= timeout_s) {
			error_set(err, ERROR_TIMEOUT, "%s did not run within %lld s",
				  outcome->made.instance.id, (long long)timeout_s);
			break;
		}
		if (events->waiting)
			events->waiting(events->ctx, &outcome->made.instance, waited);
		if (clock_sleep_ms(fleet->clock, pause) < 0) {
			error_set(err, ERROR_CANCELLED, "interrupted while waiting for %s",
				  outcome->made.instance.id);
			break;
		}
		pause = pause * 5 / 4 > POLL_MAX_MS ? POLL_MAX_MS : pause * 5 / 4;
	}
	if (!err->hint[0])
		error_hint(err, "it is billing: gpucloud show %s, gpucloud terminate %s",
			   outcome->name, outcome->name);
	return -1;
}
