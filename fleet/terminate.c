/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/terminate.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "fleet/hostkeys.h"
#include "fleet/journal.h"
#include "fleet/journal_keep.h"
#include "fleet/labels.h"
#include "fleet/look.h"
#include "fleet/remembered.h"

#define POLL_FIRST_MS  500
#define AGAIN_AFTER_MS 3000 /* a cloud that heard it says so by then */
#define POLL_MAX_MS    5000

static size_t unconfirmed(const struct ending *v, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++)
		left += v[i].asked && !v[i].confirmed;
	return left;
}

/* A cloud that bills a machine for its disk alone while it is off: when it stopped running. */
static void note_halt(const struct fleet *fleet, struct ending *ending, const struct instance *now,
		      int64_t clock)
{
	if (now->state == INSTANCE_STOPPED && !ending->rested && !ending->halted &&
	    fleet->ops->off_bills == OFF_BILLS_DISK)
		ending->halted = now->ended ? now->ended : clock;
}

static void note(const struct fleet *fleet, struct ending *ending, const struct instance *now,
		 int64_t clock)
{
	if (now && now->state != INSTANCE_GONE) {
		ending->listed = true;
		ending->instance.state = now->state;
		note_halt(fleet, ending, now, clock);
		return;
	}
	/* Gone, or so long gone that the cloud forgot it. */
	ending->confirmed = true;
	ending->instance.state = INSTANCE_GONE;
	if (now)
		ending->instance.ended = now->ended; /* 0: it does not say when */
	else if (fleet->ops->caps & PROVIDER_CAP_FORGETS)
		ending->instance.ended = clock; /* it never says: a moment ago, then */
	ending->ended = now && now->ended ? now->ended : clock;
}

/*
 * New and not listed yet is not gone: it is asked for again until the cloud knows it. So is one that
 * lives on: when it was asked for, the cloud did not know it yet. And one that is off by now, where
 * that was the first of two steps.
 */
static bool is_to_ask(struct fleet *fleet, const struct ending *ending, const struct instance *now,
		      bool again)
{
	if (!now)
		return !ending->listed && remembered_is_new(fleet, &ending->instance);
	return now->state == INSTANCE_STOPPED ||
	       (again && now->state != INSTANCE_ENDING && now->state != INSTANCE_GONE &&
		now->state != INSTANCE_STOPPING);
}

static void look_at(struct fleet *fleet, struct ending *ending, const struct instance *now,
		    bool again, const struct terminate_events *events)
{
	const struct instance *instance = &ending->instance;
	enum instance_state before = instance->state;
	struct error err = ERROR_INIT;

	if (is_to_ask(fleet, ending, now, again)) {
		fleet->ops->terminate(fleet->provider, instance->region, instance->id, &err);
		ending->err = err;
		if (!now)
			return;
	}
	note(fleet, ending, now, look_now(fleet, fleet->provider, instance->region));
	if (ending->confirmed)
		error_clear(&ending->err);
	else if (events->step && instance->state != before)
		events->step(events->ctx, instance);
}

/* One question per region for all that are still ending there. */
static void look(struct fleet *fleet, struct ending *v, size_t n, const char *region, bool again,
		 const struct terminate_events *events)
{
	const char **ids = xcalloc(n, sizeof(*ids));
	struct instance_list list = { 0 };
	struct error err = ERROR_INIT;
	size_t nr = 0;

	for (size_t i = 0; i < n; i++)
		if (v[i].asked && !v[i].confirmed && strcmp(v[i].instance.region, region) == 0)
			ids[nr++] = v[i].instance.id;
	const struct instance_query query = {
		.regions = &region,
		.nr_regions = 1,
		.ids = ids,
		.nr_ids = nr,
		.with_gone = true,
	};
	bool told = nr && fleet_instances(fleet, &query, &list, &err) == 0 && !list.nr_failures;
	for (size_t i = 0; told && i < n; i++) {
		const struct instance *now = NULL;

		if (!v[i].asked || v[i].confirmed || strcmp(v[i].instance.region, region) != 0)
			continue;
		for (size_t k = 0; k < list.nr && !now; k++)
			if (strcmp(list.v[k].id, v[i].instance.id) == 0)
				now = &list.v[k];
		look_at(fleet, &v[i], now, again, events);
	}
	instance_list_release(&list);
	free(ids);
}

static void look_everywhere(struct fleet *fleet, struct ending *v, size_t n, bool again,
			    const struct terminate_events *events)
{
	for (size_t i = 0; i < n; i++) {
		bool first = true;

		for (size_t k = 0; k < i; k++)
			first &= strcmp(v[k].instance.region, v[i].instance.region) != 0;
		if (first)
			look(fleet, v, n, v[i].instance.region, again, events);
	}
}

static void wait_until_gone(struct fleet *fleet, struct ending *v, size_t n, int64_t timeout_s,
			    const struct terminate_events *events)
{
	int64_t start = clock_mono_ms(fleet->clock), pause = POLL_FIRST_MS;

	for (;;) {
		look_everywhere(fleet, v, n, clock_mono_ms(fleet->clock) - start >= AGAIN_AFTER_MS,
				events);
		size_t left = unconfirmed(v, n);
		int64_t waited = (clock_mono_ms(fleet->clock) - start) / 1000;
		if (!left || waited >= timeout_s)
			return;
		if (events->waiting)
			events->waiting(events->ctx, left, waited);
		if (clock_sleep_ms(fleet->clock, pause) < 0)
			return;
		pause = pause * 3 / 2 > POLL_MAX_MS ? POLL_MAX_MS : pause * 3 / 2;
	}
}

/* What belonged to it goes too; what cannot go yet is told and stays in the journal. */
static void clean_up(struct fleet *fleet, struct ending *ending)
{
	const struct instance *instance = &ending->instance;
	struct error err = ERROR_INIT;

	if (instance->launch_id[0] &&
	    fleet->ops->release(fleet->provider, instance->region, instance->launch_id,
				&ending->released, &ending->release_err) < 0)
		return;
	if (ending->released.left) {
		error_set(&ending->release_err, ERROR_REMOTE,
			  "%u things made for it could not be removed yet", ending->released.left);
		return;
	}
	hostkeys_forget(fleet->paths, instance->launch_id, instance->id);
	if (fleet->journal && instance->launch_id[0] &&
	    (journal_end_settled(fleet->journal, instance->launch_id, true, &err) < 0 ||
	     journal_finish(fleet->journal, instance->launch_id, LAUNCH_ENDED, &err) < 0))
		ending->release_err = err;
}

/*
 * Written down before it is asked for: who is killed between the cloud's word and the cleaning up
 * leaves a group, a key and a row that nobody would look at again. The claim keeps another gpucloud
 * from cleaning up behind us while we wait; where there are too many, it may, and nothing is lost.
 */
static void intend(struct fleet *fleet, const struct instance *instance)
{
	struct error err = ERROR_INIT;

	if (!fleet->journal || !instance->launch_id[0])
		return;
	/* A journal that cannot be written must not keep anything running. */
	int claimed = journal_ending(fleet->journal, instance->launch_id, instance->id, &err);
	if (claimed == 0)
		claimed = journal_claim(fleet->journal, instance->launch_id, &err);
	if (claimed < 0)
		log_info("terminate", "%s", err.message);
	else if (!claimed)
		log_info("terminate", "%s is not claimed: another gpucloud may clean up after it",
			 instance->id);
}

static void ask(struct fleet *fleet, struct ending *ending)
{
	const struct instance *instance = &ending->instance;
	struct error err = ERROR_INIT;

	ending->was_gone = instance->state == INSTANCE_GONE;
	if (ending->was_gone) {
		ending->asked = true;
		note(fleet, ending, instance, look_now(fleet, fleet->provider, instance->region));
		return;
	}
	/* Once it has ended, the cloud tells of no stop before that any more. */
	cost_observe(fleet, instance, look_now(fleet, fleet->provider, instance->region));
	if ((instance->state == INSTANCE_STOPPED || instance->state == INSTANCE_STOPPING) &&
	    fleet->ops->off_bills == OFF_BILLS_DISK)
		ending->rested = instance->ended;
	intend(fleet, instance);
	ending->asked = fleet->ops->terminate(fleet->provider, instance->region, instance->id,
					      &ending->err) == 0;
	if (fleet->journal && !ending->asked && !ending->err.unknown && instance->launch_id[0] &&
	    journal_end_settled(fleet->journal, instance->launch_id, false, &err) < 0)
		log_info("terminate", "%s", err.message);
}

static void settle(struct fleet *fleet, struct ending *ending)
{
	clean_up(fleet, ending);
	if (ending->rested || ending->halted)
		ending->instance.ended = ending->rested ? ending->rested : ending->halted;
	if (ending->was_gone)
		cost_follow(fleet, &ending->instance, ending->ended, &ending->cost);
	else
		cost_settle(fleet, &ending->instance, ending->ended, &ending->cost);
	ending->instance.ended = ending->ended;
}

int terminate_all(struct fleet *fleet, struct ending *endings, size_t n, int64_t timeout_s,
		  const struct terminate_events *events, struct error *err)
{
	int64_t last = 0; /* by the cloud's clock */

	/* Without a journal the tags say it all, but for what it cost. */
	if (fleet_journal(fleet, err) < 0) {
		log_info("terminate", "%s", err->message);
		error_clear(err);
	}
	if (fleet->journal && n)
		journal_skew(fleet->journal,
			     look_now(fleet, fleet->provider, endings[0].instance.region) -
				     clock_now(fleet->clock));
	for (size_t i = 0; i < n; i++)
		ask(fleet, &endings[i]);
	wait_until_gone(fleet, endings, n, timeout_s, events);
	for (size_t i = 0; i < n; i++)
		if (endings[i].confirmed) {
			settle(fleet, &endings[i]);
			last = endings[i].ended > last ? endings[i].ended : last;
		}
	if (fleet->journal && last && journal_retire(fleet->journal, last, NULL, err) < 0) {
		log_info("terminate", "%s", err->message);
		error_clear(err);
	}
	for (size_t i = 0; fleet->journal && i < n; i++)
		journal_unclaim(fleet->journal, endings[i].instance.launch_id);
	return 0;
}
