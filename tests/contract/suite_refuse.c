/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of a cloud: why a launch fails, and that nothing stays of it. */
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

static void expect_kind(struct world *world, const struct launch_request *request,
			enum error_kind kind)
{
	struct launch_result result = { 0 };
	struct release_result released = { 0 };
	struct error err = ERROR_INIT, ignored = ERROR_INIT;

	assert_int_equal(suite_launch(world, request, &result, &err), -1);
	if (err.kind != kind)
		fail_msg("%s, not %s: %s", error_kind_name(err.kind), error_kind_name(kind),
			 err.message);
	assert_true(err.message[0]);
	assert_false(err.unknown);
	assert_int_equal(sim_living(&world->sim, "instance"), 0);
	assert_int_equal(sim_living(&world->sim, "spot-request"), 0);
	world_must(world->ops->release(world->p, world->cloud->region, request->launch_id,
				       &released, &ignored),
		   &ignored);
	suite_nothing_lives(world);
}

void test_no_capacity(void **state)
{
	struct world *world = *state;
	struct launch_request request = world_request(world, LAUNCH, TOKEN);
	const struct fault full = { .kind = FAULT_NO_CAPACITY, .zone = world->cloud->zone };

	cloud_fault_add(world->sim.cloud, &full);
	expect_kind(world, &request, ERROR_CAPACITY);
	request = world_request(world, LAUNCH, LAUNCH "-2");
	if (!request.spot)
		return;
	request.spot = false;
	expect_kind(world, &request, ERROR_CAPACITY);
}

void test_price_too_low(void **state)
{
	struct world *world = *state;
	struct launch_request request = world_request(world, LAUNCH, TOKEN);

	if (!(world->ops->caps & PROVIDER_CAP_SPOT))
		return;
	request.max_price = 917900; /* the price is 0.918 */
	expect_kind(world, &request, ERROR_PRICE);
	request = world_request(world, LAUNCH, LAUNCH "-2");
	request.max_price = 918000;
	free(suite_must_launch(world, &request));
}

void test_quota(void **state)
{
	struct world *world = *state;
	struct launch_request request = world_request(world, LAUNCH, TOKEN);
	struct quota quota = { 0 };
	struct error err = ERROR_INIT;

	if (strcmp(world->ops->name, "aws") != 0) /* others count instances: their own tests do */
		return;
	cloud_quota_set(world->sim.cloud, CLOUD_QUOTA_P, true, 7);
	cloud_quota_set(world->sim.cloud, CLOUD_QUOTA_P, false, 7);
	expect_kind(world, &request, ERROR_QUOTA);
	request = world_request(world, LAUNCH, LAUNCH "-2");
	request.spot = false;
	expect_kind(world, &request, ERROR_QUOTA);
	if (!world->ops->quota)
		return;
	world_must(world->ops->quota(world->p, world->cloud->region, world->cloud->type, 8, true,
				     &quota, &err),
		   &err);
	assert_true(quota.known && quota.limit == 7 && quota.need == 8);
	cloud_quota_set(world->sim.cloud, CLOUD_QUOTA_P, true, 8);
	request = world_request(world, LAUNCH, LAUNCH "-3");
	free(suite_must_launch(world, &request));
}

void test_bad_requests(void **state)
{
	struct world *world = *state;
	static const char *const nowhere[] = { "300.1.1.1/32" };
	const struct launch_request good = world_request(world, LAUNCH, TOKEN);
	struct launch_request bad[6];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].type = "no-such.type";
	bad[1].zone = world->cloud->bad_zone;
	bad[2].image = world->cloud->bad_image;
	bad[3].token = "a b";
	bad[4].from = nowhere;
	bad[5].ssh_public_key = "not a key";
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct launch_result result = { 0 };
		struct error err = ERROR_INIT;

		if (bad[i].from == nowhere && !(world->ops->caps & PROVIDER_CAP_GUARD))
			continue;
		assert_int_equal(suite_launch(world, &bad[i], &result, &err), -1);
		assert_true(err.message[0] && err.kind != ERROR_NONE);
		assert_false(err.unknown);
		assert_int_equal(sim_living(&world->sim, "instance"), 0);
	}
}

void test_wrong_credentials(void **state)
{
	struct world *good = *state, *world = xcalloc(1, sizeof(*world));
	const struct launch_request request = world_request(good, LAUNCH, TOKEN);
	const struct instance_query query = { .regions = &good->cloud->region, .nr_regions = 1 };
	struct launch_result result = { 0 };
	struct instance_list list = { 0 };
	struct account account = { 0 };
	struct error err = ERROR_INIT;

	world_open(world, good->ops->name, NULL, true);
	assert_int_equal(world->ops->account(world->p, &account, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	error_clear(&err);
	assert_int_equal(suite_launch(world, &request, &result, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	/* One region asked, and it refused: told one way or the other. */
	error_clear(&err);
	if (world->ops->instances(world->p, &query, &list, &err) == 0) {
		assert_int_equal(list.nr_failures, 1);
		assert_int_equal(list.failures[0].err.kind, ERROR_AUTH);
		instance_list_release(&list);
	} else {
		assert_int_equal(err.kind, ERROR_AUTH);
	}
	suite_nothing_lives(world);
	world_close(world);
	free(world);
}
