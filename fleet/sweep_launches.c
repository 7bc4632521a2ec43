/* SPDX-License-Identifier: Apache-2.0 */
/* Launch by launch: does it live, and when did something last happen to it? */
#include <stdlib.h>
#include <string.h>

#include "fleet/journal.h"
#include "fleet/sweep_internal.h"

#define AHEAD_S 300 /* clocks differ by so much at most */

bool sweep_time_is_odd(int64_t s, int64_t now)
{
	return s > now + AHEAD_S;
}

static void add(struct sweep *sweep, struct sweep_launches *launches, struct sweep_launch launch)
{
	if (!launch.id[0])
		return;
	launches->v = arena_grow(&sweep->arena, launches->v, launches->nr, &launches->cap,
				 sizeof(*launches->v));
	launches->v[launches->nr++] = launch;
}

static void add_instances(struct sweep *sweep, int64_t now, struct sweep_launches *launches)
{
	for (size_t i = 0; i < sweep->instances.nr; i++) {
		const struct instance *instance = &sweep->instances.v[i];
		int64_t last =
			instance->ended > instance->launched ? instance->ended : instance->launched;

		add(sweep, launches,
		    (struct sweep_launch){ .id = instance->launch_id,
					   .alive = instance->state != INSTANCE_GONE,
					   .odd = sweep_time_is_odd(last, now),
					   .newest = last });
	}
}

/* An image or snapshot is made of a machine, often long after its launch. */
static void add_leftovers(struct sweep *sweep, int64_t now, struct sweep_launches *launches)
{
	for (size_t i = 0; i < sweep->leftovers.nr; i++) {
		const struct leftover *one = &sweep->leftovers.v[i];

		if (one->kind != LEFTOVER_IMAGE && one->kind != LEFTOVER_SNAPSHOT)
			add(sweep, launches,
			    (struct sweep_launch){ .id = one->launch_id,
						   .odd = sweep_time_is_odd(one->created, now),
						   .newest = one->created });
	}
}

/* Without a journal the grace time alone decides. */
static void add_open(struct fleet *fleet, struct sweep *sweep, struct sweep_launches *launches)
{
	struct launch_rows rows = { 0 };
	struct error ignored = ERROR_INIT;

	if (!fleet->journal ||
	    journal_launches(fleet->journal, LAUNCH_OPEN, NULL, &rows, &ignored) < 0)
		return;
	for (size_t i = 0; i < rows.nr; i++)
		add(sweep, launches,
		    (struct sweep_launch){ .id = arena_strdup(&sweep->arena, rows.v[i].id),
					   .making = true });
	launch_rows_release(&rows);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct sweep_launch *)a)->id, ((const struct sweep_launch *)b)->id);
}

static void merge(struct sweep_launches *launches)
{
	size_t nr = 0;

	if (launches->nr)
		qsort(launches->v, launches->nr, sizeof(*launches->v), by_id);
	for (size_t i = 0; i < launches->nr; i++) {
		const struct sweep_launch *one = &launches->v[i];
		struct sweep_launch *last = nr ? &launches->v[nr - 1] : NULL;

		if (!last || strcmp(last->id, one->id) != 0) {
			launches->v[nr++] = *one;
			continue;
		}
		last->alive |= one->alive;
		last->making |= one->making;
		last->ended |= one->ended;
		last->odd |= one->odd;
		if (one->newest > last->newest)
			last->newest = one->newest;
	}
	launches->nr = nr;
}

void sweep_launches_collect(struct fleet *fleet, struct sweep *sweep, int64_t now,
			    const char *const *ended, size_t nr_ended, struct sweep_launches *ret)
{
	*ret = (struct sweep_launches){ 0 };
	add_instances(sweep, now, ret);
	add_leftovers(sweep, now, ret);
	add_open(fleet, sweep, ret);
	for (size_t i = 0; i < nr_ended; i++)
		add(sweep, ret, (struct sweep_launch){ .id = ended[i], .ended = true });
	merge(ret);
}

const struct sweep_launch *sweep_launch_find(const struct sweep_launches *launches, const char *id)
{
	const struct sweep_launch wanted = { .id = id };

	return launches->nr ? bsearch(&wanted, launches->v, launches->nr, sizeof(wanted), by_id)
			    : NULL;
}
