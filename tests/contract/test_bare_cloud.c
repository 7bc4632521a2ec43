/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Launches on a cloud that knows no request again, keeps no tags and forgets what has ended: wherever
 * one is killed, and however late what it made is shown, there is one instance in the end, never two,
 * and nothing is left when that has ended.
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
#include "fleet/labels.h"
#include "fleet/recover.h"
#include "fleet/remembered.h"
#include "fleet/terminate.h"
#include "tests/contract/fake_user.h"

static int setup(void **state)
{
	fake_setup(state);
	fake_become(*state, FAKE_BARE);
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

/* What `list` shows: what was made a moment ago, too. */
static size_t shown(struct fake *fake, enum instance_state state)
{
	static const char *const regions[] = { FAKE_REGION };
	const struct remembered_query query = { .regions = regions, .nr_regions = 1 };
	struct instance_list all = list(fake);
	struct error err = ERROR_INIT;
	size_t nr = 0;

	if (remembered_add(&fake->fleet, &query, &all, &err) < 0)
		fail_msg("%s", err.message);
	for (size_t i = 0; i < all.nr; i++)
		nr += all.v[i].state == state;
	instance_list_release(&all);
	return nr;
}

static size_t scripts(const struct fake *fake)
{
	size_t nr = 0;

	for (size_t i = 0; i < fake->state->nr_leftovers; i++)
		nr += !fake->state->leftovers[i].removed;
	return nr;
}

static void end_all(struct fake *fake)
{
	const struct terminate_events events = { 0 };
	struct instance_list all = list(fake);
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < all.nr; i++) {
		struct ending ending = { .instance = all.v[i] };

		assert_int_equal(terminate_all(&fake->fleet, &ending, 1, 300, &events, &err), 0);
		if (!ending.confirmed)
			fail_msg("not confirmed: %s", ending.err.message);
		assert_int_equal(ending.release_err.kind, ERROR_NONE);
	}
	instance_list_release(&all);
}

/* --- killed ----------------------------------------------------------------------------------- */

static void check_one(enum fake_point point, int64_t shows_after_s, int64_t pause_s, bool other)
{
	struct wanted wanted = { .name = "x" };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;
	struct fake fake;

	fake_open(&fake);
	fake_become(&fake, FAKE_BARE);
	fake.state->shows_after_s = shows_after_s;
	fake_launch_and_die(&fake, "x", point);
	fake_restart(&fake);
	fake_later(&fake, pause_s);
	if (other) /* any other command, which looks too */
		fake_recover(&fake);
	fake_restart(&fake);
	fake_recover(&fake);
	int rc = fake_user_launch(&fake, &wanted, &outcome, &err);
	if (rc < 0)
		fail_msg("killed at %d, shown after %d, again after %d: %s", (int)point,
			 (int)shows_after_s, (int)pause_s, err.message);
	launch_outcome_release(&outcome);
	if (fake.state->nr != 1)
		fail_msg("killed at %d, shown after %d, again after %d: %zu were made", (int)point,
			 (int)shows_after_s, (int)pause_s, fake.state->nr);
	fake_later(&fake, 2 * RECOVER_VISIBLE_S);
	assert_string_equal(fake_recover(&fake).text, "");
	fake_must_launch(&fake, "x", 1);
	assert_int_equal(fake_rows(&fake, LAUNCH_OPEN, NULL), 0);
	assert_int_equal(fake_rows(&fake, LAUNCH_LIVE, NULL), 1);
	end_all(&fake);
	assert_int_equal(fake_alive(&fake), 0);
	assert_int_equal(scripts(&fake), 0);
	assert_int_equal(fake_rows(&fake, LAUNCH_LIVE, NULL), 0);
	fake_close(&fake);
}

static void test_killed_anywhere(void **state)
{
	static const enum fake_point points[] = { FAKE_BEFORE_INTENT, FAKE_AFTER_SCRIPT,
						  FAKE_AFTER_INTENT, FAKE_AFTER_MAKE,
						  FAKE_AFTER_DONE };
	static const int64_t shows[] = { 0, 7, 300, RECOVER_VISIBLE_S - 5 };
	static const int64_t pauses[] = { 0, 60, RECOVER_VISIBLE_S - 1, RECOVER_VISIBLE_S + 1,
					  5000 };

	(void)state;
	for (size_t p = 0; p < ARRAY_SIZE(points); p++)
		for (size_t s = 0; s < ARRAY_SIZE(shows); s++)
			for (size_t w = 0; w < ARRAY_SIZE(pauses); w++)
				check_one(points[p], shows[s], pauses[w], (p + s + w) % 2);
}

/* Nobody repeats it: the next commands undo what nothing came of, and keep what did. */
static void test_only_looked_after(void **state)
{
	struct fake *fake = *state;

	fake_launch_and_die(fake, "x", FAKE_AFTER_INTENT);
	assert_non_null(strstr(fake_recover(fake).text, "the next command looks again"));
	assert_int_equal(scripts(fake), 1);
	fake_later(fake, RECOVER_VISIBLE_S + 1);
	int64_t before = fake->state->now_ms;
	assert_non_null(strstr(fake_recover(fake).text, "had made no instance: cleaned up"));
	assert_true(fake->state->now_ms - before >= RECOVER_AGAIN_MS); /* looked for twice */
	assert_int_equal(scripts(fake), 0);
	fake->state->shows_after_s = 30;
	fake_launch_and_die(fake, "y", FAKE_AFTER_MAKE);
	assert_non_null(strstr(fake_recover(fake).text, "the next command looks again"));
	fake_later(fake, 31);
	assert_non_null(strstr(fake_recover(fake).text, "had made 'y'"));
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, NULL), 1);
}

/* It shows between the two looks: it is kept. */
static void test_shown_at_the_last_moment(void **state)
{
	struct fake *fake = *state;

	fake->state->shows_after_s = RECOVER_VISIBLE_S + 3;
	fake_launch_and_die(fake, "x", FAKE_AFTER_MAKE);
	fake_later(fake, RECOVER_VISIBLE_S + 1);
	assert_non_null(strstr(fake_recover(fake).text, "had made 'x'"));
	assert_int_equal(scripts(fake), 1);
	assert_int_equal(fake->state->releases, 0);
}

/* As before, for who waits for it: after its time it is looked for once more. */
static void test_shown_to_who_waits(void **state)
{
	struct fake *fake = *state;

	fake->state->shows_after_s = RECOVER_VISIBLE_S + 3;
	fake_launch_and_die(fake, "x", FAKE_AFTER_MAKE);
	fake_later(fake, RECOVER_VISIBLE_S - 1);
	fake_must_launch(fake, "x", 0);
	assert_int_equal(fake->state->nr, 1);
}

/* A region that does not answer proves nothing. */
static void test_silence_undoes_nothing(void **state)
{
	struct fake *fake = *state;

	fake_launch_and_die(fake, "x", FAKE_AFTER_INTENT);
	fake_later(fake, RECOVER_VISIBLE_S + 1);
	fake_sql(fake, "UPDATE launch SET region = 'r2'");
	fake->state->region_down = true;
	assert_non_null(strstr(fake_recover(fake).text, "could not be looked at"));
	assert_int_equal(fake_rows(fake, LAUNCH_OPEN, NULL), 1);
	assert_int_equal(fake->state->releases, 0);
}

/* --- unknown answers ------------------------------------------------------------------------- */

static void test_lost_answers(void **state)
{
	static const struct {
		enum fake_point lose_at;
		int64_t shows_after_s;
		bool found;
	} cases[] = {
		{ FAKE_AFTER_MAKE, 0, true },
		{ FAKE_AFTER_MAKE, 5, true },
		{ FAKE_AFTER_MAKE, 400, false },
		{ FAKE_AFTER_INTENT, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct wanted wanted = { .name = "x" };
		struct launch_outcome outcome = { 0 };
		struct error err = ERROR_INIT;
		struct fake fake;

		fake_open(&fake);
		fake_become(&fake, FAKE_BARE);
		fake.state->lose_at = cases[i].lose_at;
		fake.state->shows_after_s = cases[i].shows_after_s;
		int rc = fake_user_launch(&fake, &wanted, &outcome, &err);
		assert_int_equal(rc, cases[i].found ? 0 : -1);
		if (rc < 0) {
			assert_true(err.unknown);
			assert_non_null(strstr(err.message, "is not known"));
		}
		launch_outcome_release(&outcome);
		fake.state->lose_at = FAKE_NOWHERE;
		fake_restart(&fake);
		fake_recover(&fake);
		fake_must_launch(&fake, "x", cases[i].found);
		assert_int_equal(fake.state->nr, 1);
		fake_close(&fake);
	}
}

/* --- names ----------------------------------------------------------------------------------- */

/* The interrupted launch had made another type than is wanted now: nobody gets that unawares. */
static void test_of_another_type(void **state)
{
	struct fake *fake = *state;
	struct wanted wanted = { .name = "x" };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;

	fake->state->shows_after_s = 20;
	fake_launch_and_die(fake, "x", FAKE_AFTER_MAKE);
	snprintf(fake->state->type, sizeof(fake->state->type), "%s", "gpu.small");
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, "gpu.small"));
	assert_int_equal(fake->state->nr, 1);
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, NULL), 1); /* and it is not lost */
}

/* Another gpucloud is at it. */
static void test_claimed(void **state)
{
	struct fake *fake = *state;
	struct wanted wanted = { .name = "x" };
	struct launch_outcome outcome = { 0 };
	struct launch_rows open = { 0 };
	struct error err = ERROR_INIT;
	struct journal *other;

	fake_launch_and_die(fake, "x", FAKE_AFTER_INTENT);
	assert_int_equal(journal_open(fake->paths.state, NULL, &fake->clock, &other, &err), 0);
	assert_int_equal(journal_launches(other, LAUNCH_OPEN, NULL, &open, &err), 0);
	assert_int_equal(journal_claim(other, open.v[0].id, &err), 1);
	launch_rows_release(&open);
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(fake->state->nr, 0);
	journal_close(other);
}

/* Who does not want to wait may go: nothing is made, and nothing forgotten. */
static void test_interrupted_while_waiting(void **state)
{
	struct fake *fake = *state;
	struct wanted wanted = { .name = "x" };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;

	fake_launch_and_die(fake, "x", FAKE_AFTER_INTENT);
	fake->state->no_sleep = true;
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), -1);
	assert_int_equal(err.kind, ERROR_CANCELLED);
	assert_non_null(strstr(err.message, "is not known"));
	assert_true(err.hint[0]);
	fake->state->no_sleep = false;
	assert_int_equal(fake->state->nr, 0);
	assert_int_equal(fake_rows(fake, LAUNCH_OPEN, NULL), 1);
}

/* --- what is forgotten ----------------------------------------------------------------------- */

/* Not shown yet is pending; shown once, and no longer, is gone. */
static void test_forgotten(void **state)
{
	struct fake *fake = *state;

	fake->state->shows_after_s = 20;
	fake_must_launch(fake, "x", 0);
	fake_restart(fake);
	fake_recover(fake);
	assert_int_equal(shown(fake, INSTANCE_PENDING), 1);
	fake_must_launch(fake, "x", 1); /* and is not made again */
	fake_later(fake, 21);
	assert_int_equal(shown(fake, INSTANCE_RUNNING), 1);
	fake->state->v[0].gone = true; /* by its owner, at the cloud's own page */
	assert_int_equal(shown(fake, INSTANCE_PENDING), 0);
	fake_must_launch(fake, "x", 0);
	assert_int_equal(fake->state->nr, 2);
}

/* Ended right after it was launched, while it boots: its end is seen at once, and what it cost. */
static void test_ended_while_it_boots(void **state)
{
	struct fake *fake = *state;
	const struct terminate_events events = { 0 };
	struct error err = ERROR_INIT;

	fake_must_launch(fake, "x", 0);
	fake->state->v[0].state = INSTANCE_PENDING;
	struct instance_list all = list(fake);
	struct ending ending = { .instance = all.v[0] };
	int64_t before = fake->state->now_ms;
	assert_int_equal(terminate_all(&fake->fleet, &ending, 1, 300, &events, &err), 0);
	assert_true(ending.confirmed);
	assert_true(fake->state->now_ms - before < 20000);
	instance_list_release(&all);
}

/* --- prices ---------------------------------------------------------------------------------- */

/* The cloud says 0.76 where a dollar was quoted: that counts, also in what the journal adds up. */
static void test_price_is_what_the_cloud_says(void **state)
{
	struct fake *fake = *state;
	struct wanted wanted = { .name = "x" };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;
	struct cost cost;

	fake->state->price = 760000;
	fake->state->price_off = 10000;
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), 0);
	assert_int_equal(outcome.quoted, 1000000);
	assert_int_equal(outcome.price, 760000);
	const struct instance *instance = &outcome.made.instance;
	cost_follow(&fake->fleet, instance, FAKE_START + 7200, &cost);
	assert_int_equal(cost.total, 1520000);
	assert_true(cost.followed);
	struct instance forgotten = *instance;
	forgotten.price = 0; /* the journal alone */
	cost_recall(&fake->fleet, &forgotten, FAKE_START + 7200, &cost);
	assert_int_equal(cost.total, 1520000);
	assert_int_equal(cost.price, 760000);
	launch_outcome_release(&outcome);
	/* It lives already: what was quoted is what is known by now. */
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), 1);
	assert_int_equal(outcome.price, 760000);
	launch_outcome_release(&outcome);
}

static void test_no_zones(void **state)
{
	struct fake *fake = *state;
	struct plan_options wish = { .on_demand = MONEY_UNKNOWN };
	struct launch_plan plan = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(launch_plan_make(&fake->fleet, &wish, &plan, &err), 0);
	assert_true(plan.zoneless);
	assert_non_null(strstr(plan.reason, "Bare has no zones"));
	launch_plan_release(&plan);
	wish.zone = FAKE_REGION;
	assert_int_equal(launch_plan_make(&fake->fleet, &wish, &plan, &err), 0);
	launch_plan_release(&plan);
	wish.zone = "r1a";
	assert_int_equal(launch_plan_make(&fake->fleet, &wish, &plan, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.message, "Bare has no zones"));
	fake_become(fake, FAKE_FULL);
	assert_int_equal(launch_plan_make(&fake->fleet, &wish, &plan, &err), 0);
	assert_false(plan.zoneless);
	launch_plan_release(&plan);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_killed_anywhere),
		TEST(test_only_looked_after),
		TEST(test_shown_at_the_last_moment),
		TEST(test_shown_to_who_waits),
		TEST(test_silence_undoes_nothing),
		TEST(test_lost_answers),
		TEST(test_of_another_type),
		TEST(test_claimed),
		TEST(test_interrupted_while_waiting),
		TEST(test_forgotten),
		TEST(test_ended_while_it_boots),
		TEST(test_price_is_what_the_cloud_says),
		TEST(test_no_zones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
