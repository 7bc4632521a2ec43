/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends on a cloud whose machines must be off first, and that forgets them then: wherever one is
 * killed, a later command finishes it, and nothing of it is left; its bill is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "fleet/labels.h"
#include "fleet/recover.h"
#include "fleet/terminate.h"
#include "tests/contract/fake_user.h"

static int setup(void **state)
{
	fake_setup(state);
	fake_become(*state, FAKE_BARE);
	((struct fake *)*state)->state->stop_takes_s = 20;
	return 0;
}

static struct instance_list list(struct fake *fake)
{
	static const char *const regions[] = { FAKE_REGION };
	const struct instance_query query = { .regions = regions, .nr_regions = 1 };
	struct instance_list ret = { 0 };
	struct error err = ERROR_INIT;

	if (fleet_instances(&fake->fleet, &query, &ret, &err) < 0)
		fail_msg("%s", err.message);
	return ret;
}

static size_t scripts(const struct fake *fake)
{
	size_t nr = 0;

	for (size_t i = 0; i < fake->state->nr_leftovers; i++)
		nr += !fake->state->leftovers[i].removed;
	return nr;
}

static char steps[200];

static void on_step(void *ctx, const struct instance *instance)
{
	size_t len = strlen(steps);

	(void)ctx;
	snprintf(steps + len, sizeof(steps) - len, "%s ", instance_state_name(instance->state));
}

/* Ends the first that is listed. */
static struct ending end_first(struct fake *fake, int64_t timeout_s)
{
	const struct terminate_events events = { .step = on_step };
	struct instance_list all = list(fake);
	struct error err = ERROR_INIT;

	steps[0] = '\0';
	assert_true(all.nr > 0);
	struct ending ending = { .instance = all.v[0] };
	assert_int_equal(terminate_all(&fake->fleet, &ending, 1, timeout_s, &events, &err), 0);
	instance_list_release(&all);
	return ending;
}

static void end_it(struct fake *fake)
{
	end_first(fake, 300);
}

/* --- the steps -------------------------------------------------------------------------------- */

static void test_step_after_step(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	fake_later(fake, 3600);
	struct ending ending = end_first(fake, 300);
	assert_true(ending.asked && ending.confirmed);
	assert_int_equal(ending.err.kind, ERROR_NONE);
	assert_string_equal(steps, "stopping stopped ");
	assert_int_equal(ending.released.scripts, 1);
	assert_int_equal(fake_alive(fake), 0);
	assert_int_equal(scripts(fake), 0);
	assert_int_equal(fake_rows(fake, LAUNCH_ENDED, NULL), 1);
	/* As soon as it was off, the end was asked for. */
	int64_t off = fake->state->v[0].off;
	assert_in_range(fake->state->v[0].ended, off, off + 6);
	/* It ran until it was off; that was no rest. */
	assert_int_equal(ending.cost.seconds, off - FAKE_START);
	assert_int_equal(ending.rested, 0);
	assert_false(ending.cost.estimated);
	assert_true(ending.cost.followed);
	assert_int_equal(ending.cost.total, (ending.cost.seconds * 1000000 + 1800) / 3600);
	assert_in_range(ending.ended, fake->state->v[0].ended, off + 12);
}

/* Off within a second: its end is not kept waiting. */
static void test_at_once(void **state)
{
	struct fake *fake = *state;

	fake->state->stop_takes_s = 1;
	fake_must_launch(fake, "x", 0);
	int64_t before = fake->state->now_ms;
	assert_true(end_first(fake, 300).confirmed);
	assert_true(fake->state->now_ms - before < 3000);
}

/* Asked for no oftener than there are steps, while it is being stopped. */
static void test_not_pestered(void **state)
{
	struct fake *fake = *state;

	fake->state->stop_takes_s = 120;
	fake_must_launch(fake, "x", 0);
	assert_true(end_first(fake, 300).confirmed);
	assert_int_equal(fake->state->terminates, 2);
}

/* Resting since an hour, and ended now: that rest is not billed, and is told. */
static void test_of_a_resting_one(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	fake_later(fake, 7200);
	fake->state->v[0].state = INSTANCE_STOPPED;
	fake->state->v[0].ended = FAKE_START + 3600;
	struct ending ending = end_first(fake, 300);
	assert_true(ending.confirmed);
	assert_int_equal(ending.cost.seconds, 3600);
	assert_int_equal(ending.rested, FAKE_START + 3600);
	assert_int_equal(fake->state->terminates, 1);
}

/* Where being off costs the same, there is no rest, and no need to be off first. */
static void test_where_being_off_bills(void **state)
{
	struct fake *fake = *state;

	fake_become(fake, FAKE_BILLS);
	fake_must_launch(fake, "x", 0);
	fake_later(fake, 7200);
	fake->state->v[0].state = INSTANCE_STOPPED;
	fake->state->v[0].ended = FAKE_START + 3600;
	struct ending ending = end_first(fake, 300);
	assert_true(ending.confirmed);
	assert_int_equal(ending.cost.seconds, ending.ended - FAKE_START);
	assert_int_equal(ending.rested, 0);
	assert_false(ending.cost.estimated);
}

/* The second step is refused: the reason is told, and the next command goes on. */
static void test_refused_half_way(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	struct ending ending = end_first(fake, 5); /* it is still being stopped then */
	assert_true(ending.asked && !ending.confirmed);
	assert_int_equal(ending.instance.state, INSTANCE_STOPPING);
	assert_int_equal(ending.err.kind, ERROR_NONE);
	fake_later(fake, 30);
	fake_restart(fake);
	fake->state->refuses_end = true;
	assert_non_null(strstr(fake_recover(fake).text, "may not be ended"));
	fake->state->refuses_end = false;
	struct told told = fake_recover(fake);
	assert_non_null(strstr(told.text, "was interrupted while it was stopped: asked for again"));
	assert_non_null(strstr(told.text, "has ended, as an interrupted command wanted"));
	assert_int_equal(fake_alive(fake), 0);
	assert_int_equal(scripts(fake), 0);
	assert_string_equal(fake_recover(fake).text, "");
}

/* The cloud says the start a second later than it said at first; still that is one run. */
static void test_a_second_is_no_run(void **state)
{
	struct fake *fake = *state;
	struct instance_list all;

	fake_must_launch(fake, "x", 0);
	fake->state->v[0].launched++;
	fake_later(fake, 3600);
	for (int i = 0; i < 3; i++) {
		struct cost cost;

		fake->state->v[0].state = i ? INSTANCE_STOPPED : INSTANCE_RUNNING;
		fake->state->v[0].ended = i ? FAKE_START + 3600 : 0;
		all = list(fake);
		cost_recall(&fake->fleet, &all.v[0], fake->state->now_ms / 1000, &cost);
		instance_list_release(&all);
		assert_int_equal(cost.total, 1000000);
	}
	struct cost cost = end_first(fake, 300).cost;
	assert_int_equal(cost.total, 1000000);
	assert_false(cost.estimated);
}

/* --- killed ----------------------------------------------------------------------------------- */

static void check_killed(enum fake_point point, int64_t stop_takes_s, int64_t pause_s)
{
	struct fake fake;

	fake_open(&fake);
	fake_become(&fake, FAKE_BARE);
	fake.state->stop_takes_s = stop_takes_s;
	fake_must_launch(&fake, "x", 0);
	fake_later(&fake, 50);
	assert_true(fake_do_and_die(&fake, point, end_it));
	fake_restart(&fake);
	/* Other commands, until it has settled; nobody says "terminate" again. */
	for (int i = 0; i < 4; i++) {
		fake_later(&fake, pause_s);
		fake_recover(&fake);
		fake_restart(&fake);
	}
	/* Killed before anything was sent, it runs on, and that was said: then it is said again. */
	if (point == FAKE_BEFORE_STOP) {
		assert_int_equal(fake_alive(&fake), 1);
		assert_true(end_first(&fake, 300).confirmed);
	}
	if (fake_alive(&fake) || scripts(&fake) || fake_rows(&fake, LAUNCH_LIVE, NULL))
		fail_msg("killed at %d, stopping for %d, again after %d: %zu live, %zu scripts",
			 (int)point, (int)stop_takes_s, (int)pause_s, fake_alive(&fake),
			 scripts(&fake));
	assert_int_equal(fake_rows(&fake, LAUNCH_ENDED, NULL), 1);
	fake_close(&fake);
}

static void test_killed_anywhere(void **state)
{
	static const enum fake_point points[] = {
		FAKE_BEFORE_STOP,  FAKE_AFTER_STOP,	FAKE_BEFORE_DELETE,
		FAKE_AFTER_DELETE, FAKE_BEFORE_RELEASE, FAKE_AFTER_RELEASE,
	};
	static const int64_t takes[] = { 0, 20, 90 };
	static const int64_t pauses[] = { 1, 40, 900 };

	(void)state;
	for (size_t p = 0; p < ARRAY_SIZE(points); p++)
		for (size_t t = 0; t < ARRAY_SIZE(takes); t++)
			for (size_t w = 0; w < ARRAY_SIZE(pauses); w++)
				/* Enough time in all to be off by then. */
				if (4 * pauses[w] > takes[t])
					check_killed(points[p], takes[t], pauses[w]);
}

/* Only that one: another instance of its launch, as a name could claim, is not ended. */
static void test_the_id_is_exact(void **state)
{
	struct fake *fake = *state;

	fake->state->stop_takes_s = 0;
	fake_must_launch(fake, "x", 0);
	assert_true(fake_do_and_die(fake, FAKE_AFTER_STOP, end_it));
	fake_restart(fake);
	snprintf(fake->state->v[0].id, sizeof(fake->state->v[0].id), "i-99999999");
	fake_later(fake, 100);
	assert_non_null(strstr(fake_recover(fake).text, "end it with: gpucloud terminate"));
	assert_int_equal(fake_alive(fake), 1);
}

/* Started again by somebody after its end was asked for and interrupted: told, and left. */
static void test_started_again(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	assert_true(fake_do_and_die(fake, FAKE_AFTER_STOP, end_it));
	fake_restart(fake);
	fake->state->v[0].state = INSTANCE_RUNNING;
	fake_later(fake, RECOVER_END_S + 1);
	assert_non_null(strstr(fake_recover(fake).text, "interrupted before it got through"));
	assert_int_equal(fake_alive(fake), 1);
	assert_string_equal(fake_recover(fake).text, "");
}

/* --- without us ------------------------------------------------------------------------------- */

/* Ended elsewhere, and forgotten at once: it counts as gone as soon as it is not listed. */
static void test_gone_elsewhere(void **state)
{
	struct fake *fake = *state;
	struct error err = ERROR_INIT;
	struct cost cost;

	fake_must_launch(fake, "x", 0);
	struct instance_list all = list(fake);
	instance_list_release(&all);
	fake->state->v[0].gone = true;
	fake_later(fake, 3600);
	/* Its cost stops growing once that is known. */
	struct launch_rows rows = { 0 };
	assert_int_equal(journal_launches(fake->fleet.journal, LAUNCH_LIVE, NULL, &rows, &err), 0);
	const struct instance gone = { .provider = "fake",
				       .region = FAKE_REGION,
				       .zone = { FAKE_REGION, "" },
				       .id = rows.v[0].instance,
				       .type = FAKE_TYPE,
				       .state = INSTANCE_GONE,
				       .reason = "",
				       .launch_id = rows.v[0].id,
				       .launched = rows.v[0].began };
	cost_follow(&fake->fleet, &gone, FAKE_START + 3600, &cost);
	assert_int_equal(cost.seconds, 3600);
	assert_true(cost.estimated);
	fake_later(fake, 36000);
	cost_follow(&fake->fleet, &gone, FAKE_START + 36000, &cost);
	assert_int_equal(cost.seconds, 3600);
	launch_rows_release(&rows);
}

/* Written down and never sent, and now nothing is listed. Where it was seen before, it is gone, for this
 * cloud forgets; where it never was, it may only not be visible yet. */
static void end_not_listed(struct fake *fake, bool seen)
{
	struct launch_rows rows = { 0 };
	struct error err = ERROR_INIT;

	fake_must_launch(fake, "x", 0);
	if (seen) {
		struct instance_list all = list(fake);
		assert_int_equal(all.nr, 1);
		instance_list_release(&all);
	}
	assert_int_equal(journal_launches(fake->fleet.journal, LAUNCH_LIVE, NULL, &rows, &err), 0);
	assert_int_equal(rows.nr, 1);
	assert_int_equal(
		journal_ending(fake->fleet.journal, rows.v[0].id, rows.v[0].instance, &err), 0);
	launch_rows_release(&rows);
	fake_restart(fake);
	fake->state->hidden = true;
}

static void test_not_visible_yet(void **state)
{
	struct fake *fake = *state;

	end_not_listed(fake, false);
	fake_later(fake, RECOVER_VISIBLE_S - 1);
	assert_string_equal(fake_recover(fake).text, "");
	assert_int_equal(scripts(fake), 1);
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, NULL), 1);
	fake_later(fake, 1);
	assert_non_null(strstr(fake_recover(fake).text, "has ended"));
	assert_int_equal(scripts(fake), 0);
}

static void test_visible_no_more(void **state)
{
	struct fake *fake = *state;

	end_not_listed(fake, true);
	assert_non_null(strstr(fake_recover(fake).text, "has ended"));
	assert_int_equal(scripts(fake), 0);
	assert_int_equal(fake_rows(fake, LAUNCH_ENDED, NULL), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_at_once),	     TEST(test_a_second_is_no_run),
		TEST(test_step_after_step),  TEST(test_not_pestered),
		TEST(test_of_a_resting_one), TEST(test_where_being_off_bills),
		TEST(test_refused_half_way), TEST(test_killed_anywhere),
		TEST(test_the_id_is_exact),  TEST(test_started_again),
		TEST(test_gone_elsewhere),   TEST(test_not_visible_yet),
		TEST(test_visible_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
