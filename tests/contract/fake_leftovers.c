/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "tests/contract/fake_provider.h"

struct fake_instance *fake_instance_add(struct fake *fake, const char *launch_id, int64_t age_s)
{
	struct fake_state *state = fake->state;

	assert_true(state->nr < FAKE_MAX);
	struct fake_instance *one = &state->v[state->nr++];
	memset(one, 0, sizeof(*one));
	snprintf(one->id, sizeof(one->id), "i-%08zx", state->nr);
	snprintf(one->launch_id, sizeof(one->launch_id), "%s", launch_id);
	snprintf(one->name, sizeof(one->name), "n-%s", launch_id);
	snprintf(one->owner, sizeof(one->owner), "me");
	snprintf(one->zone, sizeof(one->zone), "r1a");
	snprintf(one->region, sizeof(one->region), FAKE_REGION);
	one->launched = state->now_ms / 1000 - age_s;
	return one;
}

struct fake_leftover *fake_leftover_add(struct fake *fake, enum leftover_kind kind, const char *id,
					const char *launch_id, int64_t age_s)
{
	struct fake_state *state = fake->state;

	assert_true(state->nr_leftovers < FAKE_MAX);
	struct fake_leftover *one = &state->leftovers[state->nr_leftovers++];
	memset(one, 0, sizeof(*one));
	one->kind = kind;
	snprintf(one->id, sizeof(one->id), "%s", id);
	snprintf(one->launch_id, sizeof(one->launch_id), "%s", launch_id);
	snprintf(one->owner, sizeof(one->owner), "me");
	snprintf(one->region, sizeof(one->region), FAKE_REGION);
	one->created = age_s < 0 ? 0 : state->now_ms / 1000 - age_s;
	return one;
}

static const struct fake_instance *find(const struct fake_state *state, const char *id)
{
	for (size_t i = 0; i < state->nr; i++)
		if (strcmp(state->v[i].id, id) == 0)
			return &state->v[i];
	return NULL;
}

/* What hung on an instance that has ended is free, or has gone with it. */
static void settle(struct fake_state *state)
{
	for (size_t i = 0; i < state->nr_leftovers; i++) {
		struct fake_leftover *one = &state->leftovers[i];
		const struct fake_instance *on = find(state, one->attached);

		if (!one->attached[0] || !on || !on->gone)
			continue;
		one->attached[0] = '\0';
		one->removed |= one->goes_with;
	}
}

int fake_leftovers(struct provider *p, const struct leftover_query *query,
		   struct leftover_list *ret, struct error *err)
{
	struct fake_state *state = fake_state_of(p);
	struct leftover_list list = { 0 };

	(void)err;
	if (state->at_leftovers)
		state->at_leftovers(state);
	settle(state);
	list.v = arena_alloc(&list.arena, (FAKE_MAX + 1) * sizeof(*list.v));
	list.failures = arena_alloc(&list.arena, 2 * sizeof(*list.failures));
	for (size_t i = 0; i < query->nr_regions && state->leftovers_down; i++) {
		if (strcmp(query->regions[i], "r2") != 0)
			continue;
		list.failures[list.nr_failures].region = "r2";
		error_set(&list.failures[list.nr_failures++].err, ERROR_NETWORK, "r2 is silent");
	}
	for (size_t i = 0; i < state->nr_leftovers; i++) {
		const struct fake_leftover *one = &state->leftovers[i];
		bool asked = false;

		for (size_t r = 0; r < query->nr_regions; r++)
			asked |= strcmp(query->regions[r], one->region) == 0 &&
				 !(state->leftovers_down && strcmp(one->region, "r2") == 0);
		if (one->removed || !asked ||
		    (query->launch_id && strcmp(query->launch_id, one->launch_id) != 0))
			continue;
		list.v[list.nr++] = (struct leftover){
			.provider = "fake",
			.region = arena_strdup(&list.arena, one->region),
			.kind = one->kind,
			.id = arena_strdup(&list.arena, one->id),
			.launch_id = arena_strdup(&list.arena, one->launch_id),
			.name = "",
			.owner = arena_strdup(&list.arena, one->owner),
			.attached = arena_strdup(&list.arena, one->attached),
			.created = one->created,
			.size_gib = one->kind == LEFTOVER_VOLUME ? 100 : 0,
			.price = one->kind == LEFTOVER_VOLUME ? 10000 : 0,
		};
	}
	*ret = list;
	return 0;
}

int fake_remove(struct provider *p, const struct leftover *leftover, struct error *err)
{
	struct fake_state *state = fake_state_of(p);

	state->removals++;
	for (size_t i = 0; i < state->nr_leftovers; i++) {
		struct fake_leftover *one = &state->leftovers[i];

		if (one->kind != leftover->kind || strcmp(one->id, leftover->id) != 0)
			continue;
		assert_string_equal(one->region, leftover->region);
		if (one->attached[0] || one->conflicts) {
			one->conflicts -= one->conflicts > 0;
			return error_set(err, ERROR_CONFLICT, "'%s' is in use", one->id);
		}
		if (!one->removed)
			snprintf(state->order + strlen(state->order),
				 sizeof(state->order) - strlen(state->order), "%s ", one->id);
		one->removed = true;
	}
	return 0;
}

static int power(struct provider *p, const char *id, enum instance_state to, struct error *err)
{
	struct fake_state *state = fake_state_of(p);

	for (size_t i = 0; i < state->nr; i++) {
		struct fake_instance *one = &state->v[i];

		if (strcmp(one->id, id) != 0 || one->gone)
			continue;
		if (state->refuses_end)
			return error_set(err, ERROR_AUTH, "'%s' may not be touched", id);
		if (state->busy_for) {
			state->busy_for--;
			return error_set(err, ERROR_CONFLICT, "'%s' is busy", id);
		}
		if (to == INSTANCE_RUNNING && one->state == INSTANCE_STOPPING) {
			one->state = INSTANCE_STOPPED; /* by the next time */
			return error_set(err, ERROR_CONFLICT, "'%s' is stopping", id);
		}
		if (!state->keeps_running)
			one->state = to;
		return 0;
	}
	return error_set(err, ERROR_NOT_FOUND, "there is no '%s'", id);
}

int fake_stop(struct provider *p, const char *region, const char *id, struct error *err)
{
	(void)region;
	fake_state_of(p)->stops++;
	return power(p, id, INSTANCE_STOPPED, err);
}

int fake_start(struct provider *p, const char *region, const char *id, struct error *err)
{
	(void)region;
	fake_state_of(p)->starts++;
	return power(p, id, INSTANCE_RUNNING, err);
}

int fake_limit(struct provider *p, const char *region, const char *id, int64_t until,
	       struct error *err)
{
	struct fake_state *state = fake_state_of(p);

	(void)region;
	if (state->refuses_limit)
		return error_set(err, ERROR_REMOTE, "the timer of '%s' is stuck", id);
	state->limit = until;
	return 0;
}
