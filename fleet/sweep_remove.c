/* SPDX-License-Identifier: Apache-2.0 */
/* The end of what is left over, in the order in which one thing hangs on the other. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "fleet/labels.h"
#include "fleet/sweep_internal.h"
#include "fleet/terminate.h"

#define PAUSE_MS 2000

struct removal {
	struct fleet *fleet;
	const struct sweep_options *options;
	struct sweep *sweep;
	const struct sweep_events *events;
	int64_t start_ms, timeout_s;
	struct instance_list again; /* those to end, as they were right before */
	const char **ended;	    /* launches whose instance was ended here */
	size_t nr_ended;
};

static int64_t passed_s(const struct removal *removal)
{
	return (clock_mono_ms(removal->fleet->clock) - removal->start_ms) / 1000;
}

static void tell(const struct removal *removal, const struct sweep_thing *thing)
{
	if (removal->events->done)
		removal->events->done(removal->events->ctx, thing);
}

/* --- instances ----------------------------------------------------------------------------- */

static void note_ending(struct removal *removal, struct sweep_thing *thing,
			const struct ending *ending)
{
	thing->removed = ending->confirmed;
	if (!ending->asked)
		thing->err = ending->err;
	else if (!ending->confirmed)
		error_set(&thing->err, ERROR_TIMEOUT,
			  "the end was accepted, but the cloud still says '%s'",
			  instance_state_name(ending->instance.state));
	else if (thing->thing.launch_id[0])
		removal->ended[removal->nr_ended++] = thing->thing.launch_id;
	tell(removal, thing);
}

static const struct instance *by_id(const struct instance_list *list, const char *id)
{
	for (size_t i = 0; i < list->nr; i++)
		if (strcmp(list->v[i].id, id) == 0)
			return &list->v[i];
	return NULL;
}

/* All that are to end, in their regions; *ret is what the cloud says of them now. */
static int ask_again(struct removal *removal, struct instance_list *ret, struct error *err)
{
	struct sweep *sweep = removal->sweep;
	const char **ids = xcalloc(sweep->nr + 1, sizeof(*ids));
	const char **regions = xcalloc(sweep->nr + 1, sizeof(*regions));
	struct instance_query query = { .ids = ids, .regions = regions, .with_gone = true };

	for (size_t i = 0; i < sweep->nr; i++) {
		const struct sweep_thing *thing = &sweep->v[i];
		bool known = false;

		if (!thing->counted || !thing->instance)
			continue;
		ids[query.nr_ids++] = thing->thing.id;
		for (size_t k = 0; k < query.nr_regions; k++)
			known |= strcmp(regions[k], thing->thing.region) == 0;
		if (!known)
			regions[query.nr_regions++] = thing->thing.region;
	}
	int rc = query.nr_ids ? fleet_instances(removal->fleet, &query, ret, err) : 0;
	free(ids);
	free(regions);
	return rc;
}

/* Whether it is left over still. A question may have stood open for hours: held meanwhile, or
 * protected, it is somebody's again. */
static bool still_counts(struct removal *removal, int64_t now, const struct instance *instance,
			 struct sweep_thing *thing)
{
	struct sweep_thing again;

	if (!instance) {
		error_set(&thing->err, ERROR_NOT_FOUND, "it could not be looked up again");
		return false;
	}
	if (instance->state == INSTANCE_GONE || instance->state == INSTANCE_ENDING)
		return true;
	if (sweep_judge_instance(removal->fleet, removal->options, now, instance, &again) &&
	    sweep_counts(removal->options, again.verdict))
		return true;
	error_set(&thing->err, ERROR_CONFLICT,
		  "it is not left over any more: held, protected, or its tags were changed");
	return false;
}

static int end_instances(struct removal *removal, struct error *err)
{
	struct sweep *sweep = removal->sweep;
	struct ending *endings = xcalloc(sweep->nr + 1, sizeof(*endings));
	struct sweep_thing **things = xcalloc(sweep->nr + 1, sizeof(*things));
	const struct terminate_events events = { .ctx = removal->events->ctx,
						 .waiting = removal->events->waiting };
	size_t n = 0;
	int64_t now = 0;
	int rc = sweep_now(removal->fleet, &now, err);

	if (rc == 0)
		rc = ask_again(removal, &removal->again, err);
	for (size_t i = 0; rc == 0 && i < sweep->nr; i++) {
		struct sweep_thing *thing = &sweep->v[i];
		const struct instance *instance = by_id(&removal->again, thing->thing.id);

		if (!thing->counted || !thing->instance)
			continue;
		if (!still_counts(removal, now, instance, thing)) {
			tell(removal, thing);
			continue;
		}
		endings[n].instance = *instance;
		things[n++] = thing;
	}
	if (n)
		rc = terminate_all(removal->fleet, endings, n, removal->timeout_s, &events, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		note_ending(removal, things[i], &endings[i]);
	free(endings);
	free(things);
	return rc;
}

/* --- everything else ----------------------------------------------------------------------- */

static bool same(const struct sweep_thing *a, const struct sweep_thing *b)
{
	return !a->instance == !b->instance && a->thing.kind == b->thing.kind &&
	       strcmp(a->thing.id, b->thing.id) == 0 &&
	       strcmp(a->thing.region, b->thing.region) == 0;
}

static struct sweep_thing *find(const struct sweep *sweep, const struct sweep_thing *wanted)
{
	for (size_t i = 0; i < sweep->nr; i++)
		if (same(&sweep->v[i], wanted))
			return &sweep->v[i];
	return NULL;
}

static bool was_ended(const struct removal *removal, const struct sweep_thing *thing)
{
	for (size_t i = 0; i < removal->nr_ended; i++)
		if (strcmp(removal->ended[i], thing->thing.launch_id) == 0)
			return true;
	return false;
}

static bool did_not_answer(const struct sweep *sweep, const char *region)
{
	for (size_t i = 0; i < sweep->nr_failures; i++)
		if (strcmp(sweep->failures[i].region, region) == 0)
			return true;
	return false;
}

/*
 * The second look decides: what was counted at the first and is no more has found a use, or is gone.
 * What the first did not show is touched only where it belonged to an instance ended here.
 */
static void choose(const struct removal *removal, struct sweep *now)
{
	for (size_t i = 0; i < now->nr; i++) {
		struct sweep_thing *thing = &now->v[i];
		const struct sweep_thing *before = find(removal->sweep, thing);

		if (thing->instance || !thing->counted ||
		    !((before && before->counted) || was_ended(removal, thing)))
			thing->counted = false;
	}
	for (size_t i = 0; i < removal->sweep->nr; i++) {
		struct sweep_thing *before = &removal->sweep->v[i];
		const struct sweep_thing *thing = find(now, before);

		if (before->instance || !before->counted || (thing && thing->counted))
			continue;
		/* gone by itself, as disks go with their instance, where we can know it */
		before->removed = !thing && !did_not_answer(now, before->thing.region);
		if (!thing && !before->removed)
			error_set(&before->err, ERROR_REMOTE, "%s did not answer",
				  before->thing.region);
		else if (thing)
			error_set(&before->err, ERROR_CONFLICT,
				  "it is %s now: somebody may be using it",
				  sweep_verdict_name(thing->verdict));
		tell(removal, before);
	}
}

/* One pass over all that waits; how many still do. */
static size_t pass(struct removal *removal, struct sweep *now)
{
	size_t waiting = 0;

	for (size_t i = 0; i < now->nr; i++) {
		struct sweep_thing *thing = &now->v[i];
		struct error err = ERROR_INIT;

		if (!thing->counted || thing->removed ||
		    (thing->err.kind != ERROR_NONE && thing->err.kind != ERROR_CONFLICT))
			continue;
		thing->removed = removal->fleet->ops->remove(removal->fleet->provider,
							     &thing->thing, &err) == 0;
		thing->err = err;
		if (err.kind == ERROR_CONFLICT)
			waiting++;
		else
			tell(removal, thing);
	}
	return waiting;
}

static void remove_all(struct removal *removal, struct sweep *now)
{
	for (;;) {
		size_t waiting = pass(removal, now);

		if (!waiting)
			return;
		if (removal->events->waiting)
			removal->events->waiting(removal->events->ctx, waiting, passed_s(removal));
		if (passed_s(removal) + PAUSE_MS / 1000 > removal->timeout_s ||
		    clock_sleep_ms(removal->fleet->clock, PAUSE_MS) < 0)
			break;
	}
	for (size_t i = 0; i < now->nr; i++)
		if (now->v[i].counted && !now->v[i].removed && now->v[i].err.kind == ERROR_CONFLICT)
			tell(removal, &now->v[i]);
}

static size_t count_left(const struct removal *removal, const struct sweep *now)
{
	size_t left = 0;

	for (size_t i = 0; i < removal->sweep->nr; i++) {
		struct sweep_thing *before = &removal->sweep->v[i];
		const struct sweep_thing *thing = find(now, before);

		if (before->counted && thing && thing->counted) {
			before->removed = thing->removed;
			before->err = thing->err;
		}
		left += before->counted && !before->removed;
	}
	for (size_t i = 0; i < now->nr; i++)
		left += now->v[i].counted && !now->v[i].removed &&
			!find(removal->sweep, &now->v[i]);
	return left;
}

int sweep_remove(struct fleet *fleet, const struct sweep_options *options, struct sweep *sweep,
		 int64_t timeout_s, const struct sweep_events *events, size_t *ret_left,
		 struct error *err)
{
	struct removal removal = {
		.fleet = fleet,
		.options = options,
		.sweep = sweep,
		.events = events,
		.start_ms = clock_mono_ms(fleet->clock),
		.timeout_s = timeout_s,
		.ended = xcalloc(sweep->nr + 1, sizeof(const char *)),
	};
	struct sweep now = { 0 };
	int rc = end_instances(&removal, err);

	if (rc == 0)
		rc = sweep_look_after(fleet, options, removal.ended, removal.nr_ended, &now, err);
	if (rc == 0) {
		choose(&removal, &now);
		remove_all(&removal, &now);
		*ret_left = count_left(&removal, &now);
	}
	sweep_release(&now);
	instance_list_release(&removal.again);
	free(removal.ended);
	return rc;
}
