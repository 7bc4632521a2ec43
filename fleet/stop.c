/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/stop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/cost.h"
#include "fleet/labels.h"
#include "fleet/look.h"
#include "fleet/reap.h"
#include "fleet/spent.h"

#define POLL_FIRST_MS 500
#define POLL_MAX_MS   5000

struct work {
	struct fleet *fleet;
	enum power want;
	struct powered *v;
	size_t n;
	struct arena *arena;
};

int power_check(const struct fleet *fleet, enum power want, const struct instance *instance,
		struct error *err)
{
	const char *verb = want == POWER_STOP ? "stopped" : "started";
	const char *name = instance->name[0] ? instance->name : instance->id;

	if (!(fleet->ops->caps & PROVIDER_CAP_STOP))
		return error_set(err, ERROR_UNSUPPORTED, "%s cannot stop or start an instance",
				 fleet->ops->title);
	if (instance->state == INSTANCE_GONE || instance->state == INSTANCE_ENDING) {
		error_set(err, ERROR_CONFLICT, "'%s' (%s) has ended: it cannot be %s", name,
			  instance->id, verb);
		return error_hint(err, "gpucloud launch --name %s",
				  text_is_label(name) ? name : "NAME");
	}
	if (want == POWER_STOP && instance->spot && !(fleet->ops->caps & PROVIDER_CAP_STOP_SPOT)) {
		error_set(err, ERROR_UNSUPPORTED,
			  "'%s' (%s) is a spot instance, which %s can only end, not stop", name,
			  instance->id, fleet->ops->title);
		return error_hint(err, "gpucloud terminate %s", fleet_target(fleet, instance));
	}
	return 0;
}

static bool has_arrived(const struct work *work, const struct powered *one)
{
	return one->instance.state ==
	       (work->want == POWER_STOP ? INSTANCE_STOPPED : INSTANCE_RUNNING);
}

/* Still to be waited for. One that ends meanwhile will never get there. */
static bool is_open(const struct powered *one)
{
	return !one->confirmed && one->err.kind == ERROR_NONE;
}

static void request(const struct work *work, struct powered *one)
{
	const struct provider_ops *ops = work->fleet->ops;
	struct error err = ERROR_INIT;
	int rc;

	if (work->want == POWER_STOP)
		rc = ops->stop(work->fleet->provider, one->instance.region, one->instance.id, &err);
	else
		rc = ops->start(work->fleet->provider, one->instance.region, one->instance.id,
				&err);
	one->asked = rc == 0;
	/* On its way down, or busy otherwise: asked again while there is time. */
	if (rc < 0)
		*(err.kind == ERROR_CONFLICT ? &one->refused : &one->err) = err;
}

static void note(const struct work *work, struct powered *one, const struct instance *now)
{
	one->instance.state = now->state;
	one->instance.launched = now->launched; /* a start begins anew */
	one->instance.ended = now->ended;
	one->instance.public_ip = arena_strdup(work->arena, now->public_ip);
	if (now->state == INSTANCE_GONE || now->state == INSTANCE_ENDING)
		error_set(&one->err, ERROR_CONFLICT, "it has ended");
	one->confirmed = has_arrived(work, one);
}

/* One question per region. What is not listed for a moment is simply asked for again. */
static void look(const struct work *work, const char *region)
{
	const char **ids = xcalloc(work->n, sizeof(*ids));
	struct instance_list list = { 0 };
	struct error ignored = ERROR_INIT;
	size_t nr = 0;

	for (size_t i = 0; i < work->n; i++)
		if (is_open(&work->v[i]) && strcmp(work->v[i].instance.region, region) == 0)
			ids[nr++] = work->v[i].instance.id;
	const struct instance_query query = {
		.regions = &region, .nr_regions = 1, .ids = ids, .nr_ids = nr, .with_gone = true
	};
	if (nr && fleet_instances(work->fleet, &query, &list, &ignored) == 0)
		for (size_t i = 0; i < work->n; i++)
			for (size_t k = 0; k < list.nr; k++)
				if (is_open(&work->v[i]) &&
				    strcmp(list.v[k].id, work->v[i].instance.id) == 0)
					note(work, &work->v[i], &list.v[k]);
	instance_list_release(&list);
	free(ids);
}

static size_t look_everywhere(const struct work *work)
{
	size_t left = 0;

	for (size_t i = 0; i < work->n; i++) {
		bool first = true;

		for (size_t k = 0; k < i; k++)
			first &=
				strcmp(work->v[k].instance.region, work->v[i].instance.region) != 0;
		if (first)
			look(work, work->v[i].instance.region);
	}
	for (size_t i = 0; i < work->n; i++) {
		if (is_open(&work->v[i]) && !work->v[i].asked)
			request(work, &work->v[i]);
		left += is_open(&work->v[i]);
	}
	return left;
}

int64_t stop_disk_price(struct fleet *fleet, const struct instance *instance, uint64_t *ret_gib)
{
	const struct leftover_query query = { .regions = &instance->region,
					      .nr_regions = 1,
					      .launch_id = instance->launch_id };
	struct leftover_list list = { 0 };
	struct error ignored = ERROR_INIT;
	int64_t price = MONEY_UNKNOWN;

	*ret_gib = 0;
	if (instance->price_off > 0)
		return instance->price_off;
	if (!instance->launch_id[0] || !(fleet->ops->caps & PROVIDER_CAP_LEFTOVERS) ||
	    fleet->ops->leftovers(fleet->provider, &query, &list, &ignored) < 0)
		return MONEY_UNKNOWN;
	for (size_t i = 0; i < list.nr; i++) {
		const struct leftover *disk = &list.v[i];

		if (disk->kind != LEFTOVER_VOLUME || disk->price == MONEY_UNKNOWN ||
		    strcmp(disk->attached, instance->id) != 0)
			continue;
		*ret_gib += disk->size_gib;
		price = (price == MONEY_UNKNOWN ? 0 : price) + disk->price;
	}
	leftover_list_release(&list);
	return price;
}

/* --- what is written down of it -------------------------------------------------------------- */

static void set_tag(const struct work *work, struct powered *one, const char *key,
		    const char *value)
{
	const struct tag tag = { key, value };

	if (fleet_tag(work->fleet, &one->instance, &tag, &one->tag_err) < 0)
		error_prefix(&one->tag_err, "cannot set the tag %s", key);
}

static void clear(const struct work *work, struct powered *one, const char *key)
{
	const char *value = instance_tag(&one->instance, key);

	if (value && strcmp(value, "0") != 0)
		set_tag(work, one, key, "0");
}

/* A machine that runs was not left stopped: reap would end it a day after. */
static void clear_stopped(const struct work *work, struct powered *one)
{
	if (work->want != POWER_START)
		return;
	clear(work, one, TAG_STOPPED);
	clear(work, one, TAG_RESTED);
}

static bool needs_mark(const struct work *work, const struct power_events *events)
{
	return events->by_hand && work->want == POWER_STOP &&
	       work->fleet->ops->time_limit != TIME_LIMIT_ENDS;
}

/* Before it is asked for: off without it, 'reap' would take its time limit for the reason. */
static void mark_rested(const struct work *work, struct powered *one)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld",
		 (long long)look_now(work->fleet, work->fleet->provider, one->instance.region));
	set_tag(work, one, TAG_RESTED, text);
}

/* The cloud forgets this run at the next start; a budget must not. */
static void keep_spent(const struct work *work, struct powered *one)
{
	const struct instance *instance = &one->instance;
	int64_t now = look_now(work->fleet, work->fleet->provider, instance->region);
	int64_t at = now;

	/* When it ran is what it cost. */
	cost_observe(work->fleet, instance, now);
	if (work->want == POWER_STOP) {
		one->spent_cents = spent_cents(work->fleet, instance, now);
		if (instance->ended && work->fleet->ops->off_bills == OFF_BILLS_DISK)
			at = instance->ended;
	} else {
		/* Not every cloud tells of the start anew. */
		at = instance->launched > one->spent_at ? instance->launched : one->spent_at;
	}
	if (one->spent_cents >= 0)
		spent_keep(work->fleet, instance, one->spent_cents, at, &one->tag_err);
}

static void begin(const struct work *work, struct powered *one)
{
	const struct instance *instance = &one->instance;

	one->disk_price = MONEY_UNKNOWN;
	one->spent_cents = -1;
	one->confirmed = one->asked = has_arrived(work, one);
	if (one->confirmed)
		return;
	if (work->want == POWER_START) {
		one->spent_at = look_now(work->fleet, work->fleet->provider, instance->region);
		one->spent_cents = spent_cents(work->fleet, instance, one->spent_at);
	}
	request(work, one);
}

void power_all(struct fleet *fleet, enum power want, struct powered *v, size_t n, int64_t timeout_s,
	       const struct power_events *events, struct arena *arena)
{
	const struct work work = { fleet, want, v, n, arena };
	int64_t start = clock_mono_ms(fleet->clock), pause = POLL_FIRST_MS;

	for (size_t i = 0; i < n; i++) {
		if (needs_mark(&work, events))
			mark_rested(&work, &v[i]);
		begin(&work, &v[i]);
	}
	for (;;) {
		size_t left = look_everywhere(&work);
		int64_t waited = (clock_mono_ms(fleet->clock) - start) / 1000;

		if (!left || waited >= timeout_s)
			break;
		if (events->waiting)
			events->waiting(events->ctx, left, waited);
		if (clock_sleep_ms(fleet->clock, pause) < 0)
			break;
		pause = pause * 3 / 2 > POLL_MAX_MS ? POLL_MAX_MS : pause * 3 / 2;
	}
	for (size_t i = 0; i < n; i++) {
		if (is_open(&v[i]) && !v[i].asked)
			v[i].err = v[i].refused;
		if (v[i].asked)
			clear_stopped(&work, &v[i]);
		if (needs_mark(&work, events) && v[i].err.kind != ERROR_NONE)
			set_tag(&work, &v[i], TAG_RESTED, "0");
		if (!v[i].confirmed)
			continue;
		keep_spent(&work, &v[i]);
		if (want == POWER_STOP)
			v[i].disk_price = stop_disk_price(fleet, &v[i].instance, &v[i].disk_gib);
	}
}
