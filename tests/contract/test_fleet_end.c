/* SPDX-License-Identifier: Apache-2.0 */
/* What fleet/ promises, whatever the cloud: zones in order, ends that are confirmed, true costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/cost.h"
#include "fleet/terminate.h"
#include "tests/contract/fake_user.h"

/* --- zones ---------------------------------------------------------------------------------- */

static void test_zones_are_tried_in_order(void **state)
{
	struct fake *fake = *state;
	struct wanted wanted = { .name = "x", .spot = true };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;

	fake->state->fail[1] = ERROR_CAPACITY; /* the calmest is full, the next too dear by now */
	fake->state->fail[2] = ERROR_PRICE;
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), 0);
	assert_string_equal(wanted.passed_over, "r1b r1c ");
	assert_string_equal(fake->state->v[0].zone, "r1a");
	for (int i = 0; i < 3; i++) /* each try has a token of its own */
		for (int k = 0; k < i; k++)
			assert_string_not_equal(fake->state->tokens[i], fake->state->tokens[k]);
	launch_outcome_release(&outcome);
}

static void test_no_zone_at_all(void **state)
{
	struct fake *fake = *state;
	struct wanted wanted = { .name = "x", .spot = true };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;

	for (int i = 0; i < 3; i++)
		fake->state->fail[i] = ERROR_CAPACITY;
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), -1);
	assert_int_equal(err.kind, ERROR_CAPACITY);
	assert_int_equal(fake->state->launches, 3);
	assert_int_equal(fake->state->releases, 1);
	assert_int_equal(fake_rows(fake, LAUNCH_FAILED, NULL), 1);
	assert_int_equal(fake_rows(fake, LAUNCH_OPEN, NULL), 0);
}

static void test_other_errors_stop(void **state)
{
	struct fake *fake = *state;
	struct wanted wanted = { .name = "x", .spot = true };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;

	fake->state->fail[1] = ERROR_QUOTA;
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), -1);
	assert_int_equal(err.kind, ERROR_QUOTA);
	assert_int_equal(fake->state->launches, 1);
	/* What cannot be taken away now is taken away by the next command. */
	fake->state->left = 1;
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), -1);
	assert_int_equal(fake_rows(fake, LAUNCH_OPEN, NULL), 1);
	fake->state->left = 0;
	assert_non_null(strstr(fake_recover(fake).text, "cleaned up"));
}

/* --- the end -------------------------------------------------------------------------------- */

static struct ending end_first(struct fake *fake)
{
	struct instance_list list = { 0 };
	struct error err = ERROR_INIT;
	static const char *const regions[] = { FAKE_REGION };
	const struct instance_query query = { .regions = regions, .nr_regions = 1 };
	const struct terminate_events events = { 0 };

	assert_int_equal(fake->fleet.ops->instances(fake->p, &query, &list, &err), 0);
	assert_true(list.nr > 0);
	struct ending ending = { .instance = list.v[0] };
	assert_int_equal(terminate_all(&fake->fleet, &ending, 1, 20, &events, &err), 0);
	instance_list_release(&list);
	return ending;
}

static void test_terminate(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	fake_later(fake, 1000);
	fake->state->refuses_end = true;
	struct ending ending = end_first(fake);
	assert_false(ending.asked || ending.confirmed);
	assert_int_equal(ending.err.kind, ERROR_AUTH);
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, NULL), 1);

	fake->state->refuses_end = false;
	fake->state->keeps_running = true;
	ending = end_first(fake);
	assert_true(ending.asked && !ending.confirmed); /* asked is not ended */
	assert_int_equal(fake->state->releases, 0);
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, NULL), 1);

	fake->state->keeps_running = false;
	fake->state->left = 1;
	ending = end_first(fake);
	assert_true(ending.confirmed);
	assert_int_equal(ending.release_err.kind, ERROR_REMOTE);
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, NULL), 1); /* not done with it */
	assert_int_equal(ending.cost.seconds, ending.ended - FAKE_START);
}

/* Stopped by somebody else, and ended ten hours later: once it has ended, the cloud tells the end
 * alone. With a journal and without one the rest is not billed. */
static void test_terminate_of_a_stopped_one(void **state)
{
	struct fake *fake = *state;
	struct cost cost;

	fake_must_launch(fake, "x", 0);
	fake_later(fake, 10 * 3600);
	struct fake_instance *one = &fake->state->v[0];
	one->state = INSTANCE_STOPPED;
	one->ended = FAKE_START + 90;
	cost = end_first(fake).cost;
	assert_int_equal(cost.seconds, 90);
	assert_false(cost.estimated);
	/* Launched by another computer. */
	one->gone = true;
	one = fake_instance_add(fake, "l9", 10 * 3600);
	one->state = INSTANCE_STOPPED;
	one->ended = one->launched + 90;
	fake->state->v[0] = *one;
	fake->state->nr = 1;
	struct ending ending = end_first(fake);
	assert_int_equal(ending.cost.seconds, 90);
	assert_false(ending.cost.estimated);
	assert_int_equal(ending.ended, fake->state->now_ms / 1000);
	/* It ran until we ended it. */
	fake->state->v[0].gone = false;
	fake->state->v[0].state = INSTANCE_RUNNING;
	fake->state->v[0].ended = 0;
	ending = end_first(fake);
	assert_int_equal(ending.cost.seconds, ending.ended - fake->state->v[0].launched);
	assert_false(ending.cost.estimated);
}

/* --- costs ---------------------------------------------------------------------------------- */

static struct cost follow(struct fake *fake, int64_t seconds, bool spot)
{
	const struct instance instance = { .region = FAKE_REGION,
					   .zone = { "r1b", "" },
					   .id = "i-00000001",
					   .type = FAKE_TYPE,
					   .spot = spot,
					   .launched = FAKE_START };
	struct cost cost;

	cost_follow(&fake->fleet, &instance, FAKE_START + seconds, &cost);
	return cost;
}

static void test_costs(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	fake->state->steps[3] = (struct fake_step){ FAKE_START + 3600, 600000 };
	fake->state->steps[4] = (struct fake_step){ FAKE_START + 7200, 360000 };
	fake->state->nr_steps = 5;
	struct cost cost = follow(fake, 9000, true);
	assert_true(cost.followed);
	assert_int_equal(cost.seconds, 9000);
	assert_int_equal(cost.total, 300000 + 600000 + 180000);
	assert_int_equal(cost.price, 360000);
	assert_int_equal(cost.on_demand_total, 2500000);
	assert_int_equal(follow(fake, 3600, true).total, 300000);
	/* A minute at least. */
	assert_int_equal(follow(fake, 3, true).total, 5000);
	assert_int_equal(follow(fake, 60, true).total, 5000);
	assert_int_equal(follow(fake, 72, true).total, 6000);
	assert_int_equal(follow(fake, 5400, false).total, 1500000);
	/* The cloud forgets; the journal does not. */
	fake->state->no_history = true;
	cost = follow(fake, 7200, true);
	assert_true(cost.followed);
	assert_int_equal(cost.total, 900000);
	assert_false(follow(fake, 9001, true).followed);
}

/* No history: the price it was quoted at, and not claimed to be followed. */
static void test_cost_without_history(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	fake->state->no_history = true;
	struct cost cost = follow(fake, 7200, true);
	assert_false(cost.followed);
	assert_int_equal(cost.total, 600000);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_zones_are_tried_in_order),   TEST(test_no_zone_at_all),
		TEST(test_other_errors_stop),	       TEST(test_terminate),
		TEST(test_terminate_of_a_stopped_one), TEST(test_costs),
		TEST(test_cost_without_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
