/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/contract/suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"

/* --- what the steps were told --------------------------------------------------------------- */

static int on_intend(void *ctx, const char *kind, const char *name, const char *sha256,
		     struct error *err)
{
	struct diary *diary = ctx;
	size_t len = strlen(diary->log);

	snprintf(diary->log + len, sizeof(diary->log) - len, "intend %s;", kind);
	if (diary->refuse && strcmp(diary->refuse, kind) == 0)
		return error_set(err, ERROR_IO, "the disk is full");
	if (strcmp(kind, "instance") == 0) {
		diary->sent_at_intent = world_launches(diary->world);
		snprintf(diary->hash, sizeof(diary->hash), "%s", sha256);
		assert_string_equal(name, TOKEN);
	}
	return 0;
}

static int on_done(void *ctx, const char *kind, const char *name, const char *id, struct error *err)
{
	struct diary *diary = ctx;
	size_t len = strlen(diary->log);

	(void)name;
	(void)err;
	assert_true(id[0] != '\0');
	snprintf(diary->log + len, sizeof(diary->log) - len, "done %s;", kind);
	return 0;
}

static void on_show(void *ctx, const char *title, const char *request)
{
	struct diary *diary = ctx;

	buf_addf(&diary->shown, "[%s]\n%s", title, request);
}

struct launch_steps suite_steps(struct diary *diary, struct world *world)
{
	memset(diary, 0, sizeof(*diary));
	diary->world = world;
	diary->shown = (struct buf)BUF_INIT;
	return (struct launch_steps){ diary, on_intend, on_done, on_show };
}

/* --- small words ---------------------------------------------------------------------------- */

int suite_launch(struct world *world, const struct launch_request *request,
		 struct launch_result *ret, struct error *err)
{
	return world->ops->launch(world->p, request, NULL, ret, err);
}

char *suite_must_launch(struct world *world, const struct launch_request *request)
{
	struct launch_result result = { 0 };
	struct error err = ERROR_INIT;

	world_must(suite_launch(world, request, &result, &err), &err);
	char *id = xstrdup(result.instance.id);
	launch_result_release(&result);
	return id;
}

void suite_find(struct world *world, struct instance_query query, struct instance_list *ret)
{
	struct error err = ERROR_INIT;

	query.regions = &world->cloud->region;
	query.nr_regions = 1;
	world_must(world->ops->instances(world->p, &query, ret, &err), &err);
	assert_int_equal(ret->nr_failures, 0);
}

size_t suite_count(struct world *world, struct instance_query query)
{
	struct instance_list list = { 0 };

	suite_find(world, query, &list);
	size_t nr = list.nr;
	instance_list_release(&list);
	return nr;
}

void suite_wait_s(struct world *world, int64_t s)
{
	clock_sleep_ms(&world->clock, s * 1000);
}

void suite_terminate(struct world *world, const char *id)
{
	const struct instance_query query = { .ids = &id, .nr_ids = 1 };
	struct error err = ERROR_INIT;

	for (int i = 0; i < 20; i++) {
		struct instance_list list = { 0 };

		world_must(world->ops->terminate(world->p, world->cloud->region, id, &err), &err);
		suite_wait_s(world, 10);
		suite_find(world, query, &list);
		bool gone = list.nr == 0 || list.v[0].state == INSTANCE_GONE;
		instance_list_release(&list);
		if (gone)
			return;
	}
	fail_msg("%s does not end", id);
}

void suite_end(struct world *world, const char *id)
{
	struct release_result released = { 0 };
	struct error err = ERROR_INIT;

	suite_terminate(world, id);
	world_must(world->ops->release(world->p, world->cloud->region, LAUNCH, &released, &err),
		   &err);
	assert_int_equal(released.left, 0);
}

static void must_be_gone(void *ctx, const struct cloud_resource *resource)
{
	(void)ctx;
	if (!resource->ended_ms)
		fail_msg("a %s is left: %s", resource->kind, resource->id);
}

void suite_nothing_lives(const struct world *world)
{
	cloud_each_resource(world->sim.cloud, must_be_gone, NULL);
	assert_int_equal(sim_bill(&world->sim), 0);
}
