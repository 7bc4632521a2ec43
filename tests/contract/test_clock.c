/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This computer's clock jumps a day, either way, at the worst moment: the cloud's own clock decides
 * what is old, so nothing is undone that may still come, and nothing that is new is thought gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "fleet/journal.h"
#include "fleet/recover.h"
#include "fleet/remembered.h"
#include "tests/contract/world.h"

#define DAY_MS INT64_C(86400000)

static int64_t offset_ms;
static struct clock right;

static int64_t wrong_now_ms(void *ctx)
{
	return right.now_ms(ctx) + offset_ms;
}

static void open_world(struct world *world, int64_t visible_after_ms)
{
	const struct cloud_config config = { .visible_after_ms = visible_after_ms, .seed = 7 };

	offset_ms = 0;
	world_open(world, "aws", visible_after_ms ? &config : NULL, false);
	right = world->clock;
	world->clock.now_ms = wrong_now_ms;
}

struct told {
	char text[1024];
};

static void on_told(void *ctx, const char *line)
{
	struct told *told = ctx;
	size_t len = strlen(told->text);

	snprintf(told->text + len, sizeof(told->text) - len, "%s\n", line);
}

static struct told recover(struct world *world)
{
	struct told told = { "" };

	recover_all(&world->fleet, on_told, &told);
	return told;
}

static int launch(struct world *world, struct launch_outcome *outcome, struct error *err)
{
	const struct plan_options wanted = { .type = WORLD_TYPE,
					     .region = WORLD_REGION,
					     .on_demand = MONEY_UNKNOWN };
	const struct launch_options options = { .name = "x", .ssh_port = 22 };
	const struct launch_events events = { 0 };
	struct launch_plan plan = { 0 };

	int rc = launch_plan_make(&world->fleet, &wanted, &plan, err);
	if (rc == 0)
		rc = launch_make(&world->fleet, &plan, &options, &events, outcome, err);
	launch_plan_release(&plan);
	return rc;
}

static void launch_and_crash(struct world *world, bool after)
{
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;

	world_crash_in(world, 0, after);
	assert_int_equal(launch(world, &outcome, &err), -1);
	assert_true(world_reboot(world));
	launch_outcome_release(&outcome);
}

static void later(struct world *world, int64_t s)
{
	clock_sleep_ms(&world->net.clock, s * 1000);
}

static const int64_t jumps[] = { -DAY_MS, DAY_MS, -30 * DAY_MS, 30 * DAY_MS };

static void test_sent_a_moment_ago(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
		struct world world;

		open_world(&world, 0);
		launch_and_crash(&world, false);
		later(&world, 60);
		offset_ms = jumps[i];
		struct told told = recover(&world);
		assert_non_null(strstr(told.text, "the next command looks again"));
		assert_null(strstr(told.text, "cleaned up"));
		/* Old is what the cloud's clock calls old. */
		later(&world, RECOVER_VISIBLE_S);
		told = recover(&world);
		assert_non_null(strstr(told.text, "cleaned up"));
		world_close(&world);
	}
}

/* The clock was wrong when it was launched, and is right now. */
static void test_launched_by_a_wrong_clock(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
		struct world world;

		open_world(&world, 0);
		offset_ms = jumps[i];
		launch_and_crash(&world, false);
		later(&world, 60);
		offset_ms = 0;
		assert_non_null(strstr(recover(&world).text, "the next command looks again"));
		later(&world, RECOVER_VISIBLE_S);
		assert_non_null(strstr(recover(&world).text, "cleaned up"));
		world_close(&world);
	}
}

static void test_what_was_made_is_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
		struct world world;

		open_world(&world, 0);
		launch_and_crash(&world, true);
		offset_ms = jumps[i];
		assert_non_null(strstr(recover(&world).text, "an interrupted launch had made 'x'"));
		world_close(&world);
	}
}

/* Made, in the journal, and not described yet: it bills, so it must not be forgotten. */
static void test_new_and_invisible(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
		static const char *const regions[] = { WORLD_REGION };
		const struct instance_query query = { .regions = regions, .nr_regions = 1 };
		const struct remembered_query remembered = { .name = "x" };
		struct launch_outcome outcome = { 0 };
		struct instance_list list = { 0 };
		struct error err = ERROR_INIT;
		struct world world;

		open_world(&world, 300000);
		world_must(launch(&world, &outcome, &err), &err);
		later(&world, 30);
		offset_ms = jumps[i];
		world_must(world.ops->instances(world.p, &query, &list, &err), &err);
		assert_int_equal(list.nr, 0);
		world_must(remembered_add(&world.fleet, &remembered, &list, &err), &err);
		assert_int_equal(list.nr, 1);
		assert_true(remembered_is_new(&world.fleet, &list.v[0]));
		instance_list_release(&list);
		launch_outcome_release(&outcome);
		world_close(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sent_a_moment_ago),
		cmocka_unit_test(test_launched_by_a_wrong_clock),
		cmocka_unit_test(test_what_was_made_is_kept),
		cmocka_unit_test(test_new_and_invisible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
