/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of a cloud: launches and ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "simulator/cloud/fault.h"
#include "tests/contract/suite.h"

void test_launch_to_release(void **state)
{
	struct world *world = *state;
	const struct launch_request request = world_request(world, LAUNCH, TOKEN);
	char *id = suite_must_launch(world, &request);
	struct instance_list list = { 0 };

	suite_wait_s(world, 10);
	suite_find(world, (struct instance_query){ .launch_id = LAUNCH }, &list);
	assert_int_equal(list.nr, 1);
	const struct instance *instance = &list.v[0];
	assert_string_equal(instance->id, id);
	assert_string_equal(instance->zone.name, world->cloud->zone);
	assert_string_equal(instance->type, world->cloud->type);
	assert_string_equal(instance->name, "train");
	assert_string_equal(instance->owner, WORLD_OWNER);
	assert_string_equal(instance->launch_id, LAUNCH);
	assert_string_equal(instance->token, TOKEN);
	assert_int_equal(instance->state, INSTANCE_RUNNING);
	assert_int_equal(instance->spot, request.spot);
	assert_true(instance->public_ip[0]);
	assert_in_range(instance->launched, SIM_START, SIM_START + 60);
	assert_int_equal(instance->ended, 0);
	instance_list_release(&list);

	const char *ids[] = { id };
	const struct instance_query found[] = {
		{ .name = "train", .owner = WORLD_OWNER },
		{ .token = TOKEN },
		{ .ids = ids, .nr_ids = 1 },
		{ .owner = WORLD_OWNER },
		{ .launch_id = LAUNCH, .ids = ids, .nr_ids = 1 },
		{ .with_gone = true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(found); i++)
		assert_int_equal(suite_count(world, found[i]), 1);
	const struct instance_query missed[] = {
		{ .name = "trai" },
		{ .owner = "somebody" },
		{ .token = LAUNCH "-2" },
		{ .launch_id = OTHER },
		{ .name = "train", .launch_id = OTHER },
	};
	for (size_t i = 0; i < ARRAY_SIZE(missed); i++)
		assert_int_equal(suite_count(world, missed[i]), 0);

	suite_end(world, id);
	suite_nothing_lives(world);
	assert_int_equal(suite_count(world, (struct instance_query){ .launch_id = LAUNCH }), 0);
	suite_find(world, (struct instance_query){ .launch_id = LAUNCH, .with_gone = true }, &list);
	assert_int_equal(list.nr, world->ops->caps & PROVIDER_CAP_FORGETS ? 0 : 1);
	if (list.nr) {
		assert_int_equal(list.v[0].state, INSTANCE_GONE);
		assert_true(list.v[0].ended >= list.v[0].launched);
	}
	instance_list_release(&list);
	suite_end(world, id); /* twice is harmless */
	free(id);
}

void test_token_is_idempotent(void **state)
{
	struct world *world = *state;
	struct launch_request request = world_request(world, LAUNCH, TOKEN);
	struct launch_result result = { 0 };
	struct error err = ERROR_INIT;
	char *first = suite_must_launch(world, &request),
	     *again = suite_must_launch(world, &request);

	assert_string_equal(first, again);
	assert_int_equal(sim_living(&world->sim, "instance"), 1);
	if (world->cloud->guard)
		assert_int_equal(sim_living(&world->sim, world->cloud->guard), 1);
	/* Where the cloud itself knows tokens, it knows what was asked for under them. */
	if (world->ops->caps & PROVIDER_CAP_TOKEN) {
		request.disk_gib = 200;
		assert_int_equal(suite_launch(world, &request, &result, &err), -1);
		assert_int_equal(err.kind, ERROR_CONFLICT);
	}
	request = world_request(world, LAUNCH, LAUNCH "-2");
	char *other = suite_must_launch(world, &request);
	assert_string_not_equal(first, other);
	assert_int_equal(sim_living(&world->sim, "instance"), 2);
	free(first);
	free(again);
	free(other);
}

void test_lost_reply_is_replayed(void **state)
{
	struct world *world = *state;
	const struct launch_request request = world_request(world, LAUNCH, TOKEN);
	/* Sent again by itself only where a token makes that harmless. */
	const uint64_t attempts = world->ops->caps & PROVIDER_CAP_TOKEN ? 4 : 1;
	const struct fault lost = { .kind = FAULT_LOST,
				    .service = world->cloud->service,
				    .action = world->cloud->launch,
				    .count = attempts };
	struct launch_result result = { 0 };
	struct error err = ERROR_INIT;

	cloud_fault_add(world->sim.cloud, &lost);
	assert_int_equal(suite_launch(world, &request, &result, &err), -1);
	assert_true(err.unknown);
	assert_int_equal(sim_living(&world->sim, "instance"), 1);
	assert_int_equal(suite_count(world, (struct instance_query){ .token = TOKEN }), 1);
	while (world_launches(world) < attempts) /* the rest of the fault's turns */
		assert_int_equal(suite_launch(world, &request, &result, &err), -1);
	char *id = suite_must_launch(world, &request);
	assert_int_equal(sim_living(&world->sim, "instance"), 1);
	suite_end(world, id);
	suite_nothing_lives(world);
	free(id);
}

void test_dry_run(void **state)
{
	struct world *world = *state;
	struct launch_request request = world_request(world, LAUNCH, TOKEN);
	struct launch_result result = { 0 };
	struct error err = ERROR_INIT;
	struct diary diary;
	const struct launch_steps steps = suite_steps(&diary, world);

	request.dry_run = true;
	request.user_data = "canary-data";
	request.user_data_len = strlen("canary-data");
	world_must(world->ops->launch(world->p, &request, &steps, &result, &err), &err);
	launch_result_release(&result);
	assert_string_equal(diary.log, "");
	assert_non_null(strstr(diary.shown.data, world->cloud->shown));
	assert_null(strstr(diary.shown.data, "canary"));
	assert_null(strstr(diary.shown.data, "Y2FuYXJ5"));
	buf_release(&diary.shown);
	suite_nothing_lives(world);

	/* What would be refused is refused, where the cloud can be asked. */
	if (!(world->ops->caps & PROVIDER_CAP_DRY_RUN))
		return;
	const struct fault denied = { .kind = FAULT_ERROR,
				      .service = world->cloud->service,
				      .action = world->cloud->launch,
				      .status = world->cloud->denied.status,
				      .code = world->cloud->denied.code };
	cloud_fault_add(world->sim.cloud, &denied);
	assert_int_equal(world->ops->launch(world->p, &request, NULL, &result, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	suite_nothing_lives(world);
}

void test_intent_comes_first(void **state)
{
	struct world *world = *state;
	const struct launch_request request = world_request(world, LAUNCH, TOKEN);
	struct launch_result result = { 0 };
	struct error err = ERROR_INIT;
	struct diary diary;
	struct launch_steps steps = suite_steps(&diary, world);
	char hash[sizeof(diary.hash)];

	diary.refuse = "instance";
	assert_int_equal(world->ops->launch(world->p, &request, &steps, &result, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_false(err.unknown);
	assert_int_equal(world_launches(world), 0);
	snprintf(hash, sizeof(hash), "%s", "");

	steps = suite_steps(&diary, world);
	world_must(world->ops->launch(world->p, &request, &steps, &result, &err), &err);
	launch_result_release(&result);
	assert_int_equal(diary.sent_at_intent, 0);
	assert_string_equal(diary.log, world->cloud->steps);
	assert_int_equal(strlen(diary.hash), 64);
	snprintf(hash, sizeof(hash), "%s", diary.hash);

	/* Replayed: the very same body, by its hash. */
	steps = suite_steps(&diary, world);
	world_must(world->ops->launch(world->p, &request, &steps, &result, &err), &err);
	launch_result_release(&result);
	if (world->ops->caps & PROVIDER_CAP_TOKEN)
		assert_string_equal(diary.hash, hash);
	assert_int_equal(sim_living(&world->sim, "instance"), 1);
}

void test_refused_at_once(void **state)
{
	struct world *world = *state;
	const char *const *kinds = world->cloud->kinds;

	for (size_t i = 0; kinds[i]; i++) {
		const struct launch_request request = world_request(world, LAUNCH, TOKEN);
		struct launch_result result = { 0 };
		struct error err = ERROR_INIT;
		struct diary diary;
		const struct launch_steps steps = suite_steps(&diary, world);

		diary.refuse = kinds[i];
		assert_int_equal(world->ops->launch(world->p, &request, &steps, &result, &err), -1);
		assert_int_equal(sim_living(&world->sim, kinds[i]), 0);
		assert_int_equal(sim_living(&world->sim, "instance"), 0);
	}
}

void test_unknown_ids(void **state)
{
	struct world *world = *state;
	struct error err = ERROR_INIT;
	struct release_result released = { 0 };
	const char *ids[] = { world->cloud->nobody };

	assert_int_equal(suite_count(world, (struct instance_query){ .ids = ids, .nr_ids = 1 }), 0);
	const struct launch_request request = world_request(world, LAUNCH, TOKEN);
	char *id = suite_must_launch(world, &request);
	const char *mixed[] = { world->cloud->nobody, id };
	assert_int_equal(suite_count(world, (struct instance_query){ .ids = mixed, .nr_ids = 2 }),
			 1);
	world_must(
		world->ops->terminate(world->p, world->cloud->region, world->cloud->nobody, &err),
		&err);
	if (world->ops->restart) {
		assert_int_equal(world->ops->restart(world->p, world->cloud->region,
						     world->cloud->nobody, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_NOT_FOUND);
		suite_wait_s(world, 10);
		world_must(world->ops->restart(world->p, world->cloud->region, id, &err), &err);
	}
	world_must(world->ops->release(world->p, world->cloud->region, NOBODYS, &released, &err),
		   &err);
	assert_int_equal(released.spot_requests + released.security_groups + released.keys +
				 released.addresses + released.scripts + released.tags,
			 0);
	if (world->cloud->guard) /* another's is left */
		assert_int_equal(sim_living(&world->sim, world->cloud->guard), 1);
	free(id);
}

void test_what_others_made(void **state)
{
	struct world *world = *state;
	static const char body[] = "Action=RunInstances&InstanceType=t3.micro&MinCount=1&MaxCount=1"
				   "&ImageId=%s";

	if (strcmp(world->ops->name, "aws") != 0)
		return;
	sim_expect(&world->sim, NULL, body, sim_image("x86_64"));
	suite_wait_s(world, 10);
	assert_int_equal(suite_count(world, (struct instance_query){ .with_gone = true }), 0);
	assert_int_equal(sim_living(&world->sim, "instance"), 1);
}
