/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of a cloud: what is left over is found and removed; stopping and starting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/contract/suite.h"

static void list(struct world *world, const char *launch_id, struct leftover_list *ret)
{
	const struct leftover_query query = { .regions = &world->cloud->region,
					      .nr_regions = 1,
					      .launch_id = launch_id };
	struct error err = ERROR_INIT;

	world_must(world->ops->leftovers(world->p, &query, ret, &err), &err);
	assert_int_equal(ret->nr_failures, 0);
}

/* What a launch made is listed with its tags while it lives, and hangs on its instance. */
void test_leftovers(void **state)
{
	struct world *world = *state;
	struct launch_request request = world_request(world, LAUNCH, TOKEN);
	struct leftover_list found = { 0 };
	struct error err = ERROR_INIT;
	size_t disks = 0;

	if (!(world->ops->caps & PROVIDER_CAP_LEFTOVERS))
		return;
	request.made = SIM_START - 5;
	char *id = suite_must_launch(world, &request);
	suite_wait_s(world, 10);
	list(world, NULL, &found);
	for (size_t i = 0; i < found.nr; i++) {
		const struct leftover *one = &found.v[i];

		assert_string_equal(one->provider, world->ops->name);
		assert_string_equal(one->region, world->cloud->region);
		assert_string_equal(one->launch_id, LAUNCH);
		if (one->name[0])
			assert_string_equal(one->name, "train");
		assert_string_equal(one->owner, WORLD_OWNER);
		if (one->created)
			assert_in_range(one->created, SIM_START - 5, SIM_START + 60);
		if (i)
			assert_true(one->kind >= found.v[i - 1].kind);
		if (one->kind != LEFTOVER_VOLUME)
			continue;
		disks++;
		assert_string_equal(one->attached, id);
		assert_true(one->size_gib > 0 && one->price > 0);
		/* In use: refused, and still there. */
		assert_int_equal(world->ops->remove(world->p, one, &err), -1);
		assert_int_equal(err.kind, ERROR_CONFLICT);
	}
	assert_true(found.nr >= 1);
	assert_true(disks >= 1 || strcmp(world->ops->name, "aws") != 0);
	leftover_list_release(&found);
	list(world, OTHER, &found);
	assert_int_equal(found.nr, 0);
	leftover_list_release(&found);

	/* Ended, but not released: its key is left over, and goes, twice without harm. */
	suite_terminate(world, id);
	list(world, LAUNCH, &found);
	assert_true(found.nr >= 1);
	for (size_t i = 0; i < found.nr; i++) {
		assert_string_equal(found.v[i].attached, "");
		world_must(world->ops->remove(world->p, &found.v[i], &err), &err);
		world_must(world->ops->remove(world->p, &found.v[i], &err), &err);
	}
	leftover_list_release(&found);
	list(world, NULL, &found);
	assert_int_equal(found.nr, 0);
	leftover_list_release(&found);
	suite_nothing_lives(world);
	free(id);
}

void test_leftovers_of_others(void **state)
{
	struct world *world = *state;
	static const char *const bodies[] = {
		"Action=CreateVolume&AvailabilityZone=" WORLD_ZONE "&Size=8",
		"Action=CreateVolume&AvailabilityZone=" WORLD_ZONE
		"&Size=8&TagSpecification.1.ResourceType=volume&TagSpecification.1.Tag.1.Key="
		"gpucloud-name&TagSpecification.1.Tag.1.Value=train",
		"Action=AllocateAddress",
		/* named like ours, but without our tag; and tagged like ours, but named otherwise */
		"Action=CreateSecurityGroup&GroupName=gpucloud-" LAUNCH "&GroupDescription=x",
		"Action=CreateSecurityGroup&GroupName=web&GroupDescription=x"
		"&TagSpecification.1.ResourceType=security-group&TagSpecification.1.Tag.1.Key="
		"gpucloud-launch&TagSpecification.1.Tag.1.Value=" LAUNCH,
	};
	struct leftover_list found = { 0 };

	if (strcmp(world->ops->name, "aws") != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		sim_expect(&world->sim, NULL, "%s", bodies[i]);
	list(world, NULL, &found);
	assert_int_equal(found.nr, 0);
	leftover_list_release(&found);
}

#define HOUR_S 3600

static enum instance_state state_of(struct world *world, const char *id)
{
	struct instance_list found = { 0 };

	suite_wait_s(world, 10);
	suite_find(world, (struct instance_query){ .ids = &id, .nr_ids = 1 }, &found);
	assert_int_equal(found.nr, 1);
	enum instance_state state = found.v[0].state;
	instance_list_release(&found);
	return state;
}

void test_stop_and_start(void **state)
{
	struct world *world = *state;
	const struct provider_ops *ops = world->ops;
	struct launch_request request = world_request(world, LAUNCH, TOKEN);
	struct error err = ERROR_INIT;

	if (!(ops->caps & PROVIDER_CAP_STOP))
		return;
	request.spot = false;
	char *id = suite_must_launch(world, &request);
	suite_wait_s(world, 10);
	int64_t running = sim_bill(&world->sim);
	world_must(ops->stop(world->p, world->cloud->region, id, &err), &err);
	assert_int_equal(state_of(world, id), INSTANCE_STOPPED);
	world_must(ops->stop(world->p, world->cloud->region, id, &err), &err);
	if (ops->off_bills == OFF_BILLS_ALL)
		assert_int_equal(sim_bill(&world->sim), running);
	else /* its disk */
		assert_true(sim_bill(&world->sim) < running && sim_bill(&world->sim) > 0);
	world_must(ops->start(world->p, world->cloud->region, id, &err), &err);
	assert_int_equal(state_of(world, id), INSTANCE_RUNNING);
	world_must(ops->start(world->p, world->cloud->region, id, &err), &err);
	assert_int_equal(sim_bill(&world->sim), running);
	suite_end(world, id);
	assert_int_equal(ops->start(world->p, world->cloud->region, id, &err), -1);
	assert_int_equal(err.kind,
			 ops->caps & PROVIDER_CAP_FORGETS ? ERROR_NOT_FOUND : ERROR_CONFLICT);
	assert_int_equal(ops->stop(world->p, world->cloud->region, world->cloud->nobody, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	free(id);
	if (!(ops->caps & PROVIDER_CAP_SPOT) || (ops->caps & PROVIDER_CAP_STOP_SPOT))
		return;
	request = world_request(world, OTHER, OTHER "-1");
	id = suite_must_launch(world, &request);
	suite_wait_s(world, 10);
	assert_int_equal(ops->stop(world->p, world->cloud->region, id, &err), -1);
	assert_int_equal(err.kind, ERROR_UNSUPPORTED);
	assert_int_equal(state_of(world, id), INSTANCE_RUNNING);
	free(id);
}

/* The cloud's own timer: moved to later it holds until then, and is never brought forward. */
void test_limit(void **state)
{
	struct world *world = *state;
	const struct provider_ops *ops = world->ops;
	struct launch_request request = world_request(world, LAUNCH, TOKEN);
	struct error err = ERROR_INIT;

	assert_int_equal(!ops->limit, ops->time_limit != TIME_LIMIT_STOPS);
	if (!ops->limit)
		return;
	request.ttl_s = HOUR_S;
	char *id = suite_must_launch(world, &request);
	suite_wait_s(world, 10);
	int64_t began = clock_now(&world->clock);
	const int64_t later = began + 4 * HOUR_S + 600;
	world_must(ops->limit(world->p, world->cloud->region, id, later, &err), &err);
	world_must(ops->limit(world->p, world->cloud->region, id, began + 60, &err), &err);
	suite_wait_s(world, later - began - 10);
	assert_int_equal(state_of(world, id), INSTANCE_RUNNING);
	suite_wait_s(world, HOUR_S);
	assert_int_equal(state_of(world, id), INSTANCE_STOPPED);
	suite_end(world, id);
	assert_int_equal(
		ops->limit(world->p, world->cloud->region, world->cloud->nobody, later, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	free(id);
	/* Without one it gets none. */
	request = world_request(world, OTHER, OTHER "-1");
	request.ttl_s = 0;
	id = suite_must_launch(world, &request);
	suite_wait_s(world, 10);
	began = clock_now(&world->clock);
	world_must(ops->limit(world->p, world->cloud->region, id, began + HOUR_S, &err), &err);
	suite_wait_s(world, 3 * HOUR_S);
	assert_int_equal(state_of(world, id), INSTANCE_RUNNING);
	suite_terminate(world, id);
	free(id);
}
