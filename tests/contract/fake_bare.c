/* SPDX-License-Identifier: Apache-2.0 */
/* The slots of the poorer clouds: no request is known again, and what has ended is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "tests/contract/fake_provider.h"

static int64_t now_of(const struct fake_state *state)
{
	return state->now_ms / 1000;
}

/* Time passes for those that are being stopped. */
static void settle(struct fake_state *state)
{
	for (size_t i = 0; i < state->nr; i++) {
		struct fake_instance *one = &state->v[i];

		if (one->state != INSTANCE_STOPPING || now_of(state) < one->off)
			continue;
		one->state = INSTANCE_STOPPED;
		one->ended = one->off;
	}
}

int fake_bare_instances(struct provider *p, const struct instance_query *query,
			struct instance_list *ret, struct error *err)
{
	struct fake_state *state = fake_state_of(p);
	struct instance_list list = { 0 };

	(void)err;
	settle(state);
	list.v = arena_alloc(&list.arena, FAKE_MAX * sizeof(*list.v));
	list.failures = arena_alloc(&list.arena, sizeof(*list.failures));
	for (size_t i = 0; i < state->nr && !state->hidden; i++) {
		const struct fake_instance *one = &state->v[i];

		if (!one->gone && now_of(state) >= one->shows && fake_asked_for(query, one))
			fake_describe(one, &list.arena, &list.v[list.nr++]);
		if (list.nr && state->type[0])
			list.v[list.nr - 1].type = state->type;
	}
	for (size_t i = 0; i < query->nr_regions && state->region_down; i++) {
		if (strcmp(query->regions[i], "r2") != 0)
			continue;
		list.failures[list.nr_failures].region = "r2";
		error_set(&list.failures[list.nr_failures++].err, ERROR_NETWORK, "r2 is silent");
	}
	*ret = list;
	return 0;
}

/* The startup script stands by itself, until it is removed. */
static void make_script(struct fake_state *state, const char *launch_id)
{
	struct fake_leftover *one = &state->leftovers[state->nr_leftovers++];

	assert_true(state->nr_leftovers <= FAKE_MAX);
	memset(one, 0, sizeof(*one));
	one->kind = LEFTOVER_SCRIPT;
	snprintf(one->id, sizeof(one->id), "script-%zu", state->nr_leftovers);
	snprintf(one->launch_id, sizeof(one->launch_id), "%s", launch_id);
	snprintf(one->owner, sizeof(one->owner), "me");
	snprintf(one->region, sizeof(one->region), FAKE_REGION);
	one->created = now_of(state);
}

static bool has_script(const struct fake_state *state, const char *launch_id)
{
	for (size_t i = 0; i < state->nr_leftovers; i++)
		if (!state->leftovers[i].removed &&
		    strcmp(state->leftovers[i].launch_id, launch_id) == 0)
			return true;
	return false;
}

static int prepare(struct provider *p, const struct launch_request *request,
		   const struct launch_steps *steps, struct error *err)
{
	struct fake_state *state = fake_state_of(p);

	if (steps->intend(steps->ctx, "script", request->launch_id, "", err) < 0)
		return -1;
	if (!has_script(state, request->launch_id))
		make_script(state, request->launch_id);
	if (fake_reach(p, FAKE_AFTER_SCRIPT, err) < 0)
		return -1;
	return steps->done(steps->ctx, "script", request->launch_id, "script", err);
}

/* 1: one with that token is listed, and is the answer. */
static int listed(struct provider *p, const struct launch_request *request,
		  struct launch_result *ret, struct error *err)
{
	const struct instance_query query = { .regions = &request->region,
					      .nr_regions = 1,
					      .token = request->token };
	struct instance_list list = { 0 };

	if (fake_bare_instances(p, &query, &list, err) < 0)
		return -1;
	if (list.nr)
		*ret = (struct launch_result){ .arena = list.arena,
					       .instance = list.v[0],
					       .image = "image",
					       .image_name = "" };
	else
		instance_list_release(&list);
	return ret->image != NULL;
}

int fake_bare_launch(struct provider *p, const struct launch_request *request,
		     const struct launch_steps *steps, struct launch_result *ret, struct error *err)
{
	struct fake_state *state = fake_state_of(p);

	if (fake_reach(p, FAKE_BEFORE_INTENT, err) < 0)
		return -1;
	int known = listed(p, request, ret, err);
	if (known)
		return known < 0 ? -1 : 0;
	if (prepare(p, request, steps, err) < 0 ||
	    steps->intend(steps->ctx, "instance", request->token, "hash", err) < 0)
		return -1;
	fake_read_journal(p);
	if (fake_reach(p, FAKE_AFTER_INTENT, err) < 0)
		return -1;
	/* One that was sent is never sent again. */
	for (unsigned i = 0; i < state->launches && i < FAKE_MAX; i++)
		assert_string_not_equal(state->tokens[i], request->token);
	snprintf(state->tokens[state->launches++ % FAKE_MAX], 64, "%s", request->token);
	if (state->fail[0] != ERROR_NONE)
		return error_set(err, state->fail[0], "it will not");
	struct fake_instance *one = fake_make(state, request);
	for (size_t i = 0; i < request->nr_tags && state->mode == FAKE_BILLS; i++) {
		snprintf(one->keys[i], sizeof(one->keys[i]), "%s", request->tags[i].key);
		snprintf(one->values[i], sizeof(one->values[i]), "%s", request->tags[i].value);
		one->nr_tags = i + 1;
	}
	if (fake_reach(p, FAKE_AFTER_MAKE, err) < 0 ||
	    steps->done(steps->ctx, "instance", request->token, one->id, err) < 0 ||
	    fake_reach(p, FAKE_AFTER_DONE, err) < 0)
		return -1;
	fake_describe(one, &ret->arena, &ret->instance);
	ret->image = "image";
	ret->image_name = "";
	return 0;
}

static int stop_first(struct provider *p, struct fake_instance *one, struct error *err)
{
	struct fake_state *state = fake_state_of(p);

	if (fake_reach(p, FAKE_BEFORE_STOP, err) < 0)
		return -1;
	one->state = INSTANCE_STOPPING;
	one->off = now_of(state) + state->stop_takes_s;
	return fake_reach(p, FAKE_AFTER_STOP, err);
}

static int end(struct provider *p, struct fake_instance *one, struct error *err)
{
	if (fake_reach(p, FAKE_BEFORE_DELETE, err) < 0)
		return -1;
	one->gone = true;
	one->ended = now_of(fake_state_of(p));
	return fake_reach(p, FAKE_AFTER_DELETE, err);
}

/* The next step that is possible; an id that is gone is a success. */
int fake_bare_terminate(struct provider *p, const char *region, const char *id, struct error *err)
{
	struct fake_state *state = fake_state_of(p);
	bool bare = state->mode == FAKE_BARE;

	(void)region;
	state->terminates++;
	if (state->refuses_end)
		return error_set(err, ERROR_AUTH, "'%s' may not be ended", id);
	settle(state);
	for (size_t i = 0; i < state->nr && !state->keeps_running; i++) {
		struct fake_instance *one = &state->v[i];

		if (strcmp(one->id, id) != 0 || one->gone || one->state == INSTANCE_STOPPING)
			continue;
		return bare && one->state != INSTANCE_STOPPED ? stop_first(p, one, err)
							      : end(p, one, err);
	}
	return 0;
}

int fake_bare_release(struct provider *p, const char *region, const char *launch_id,
		      struct release_result *ret, struct error *err)
{
	struct fake_state *state = fake_state_of(p);
	unsigned scripts = 0;

	(void)region;
	state->releases++;
	if (fake_reach(p, FAKE_BEFORE_RELEASE, err) < 0)
		return -1;
	for (size_t i = 0; i < state->nr_leftovers; i++) {
		struct fake_leftover *one = &state->leftovers[i];

		if (one->removed || strcmp(one->launch_id, launch_id) != 0)
			continue;
		one->removed = true;
		scripts++;
	}
	*ret = (struct release_result){ .left = state->left, .scripts = scripts };
	return fake_reach(p, FAKE_AFTER_RELEASE, err);
}
