/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fleet/ promises, whatever the cloud: the intent is on the disk before the request leaves,
 * a killed launch is kept or undone by the next command and never made twice, and a
 * name is one instance.
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
#include "fleet/recover.h"
#include "tests/contract/fake_user.h"

/* --- intent first --------------------------------------------------------------------------- */

static void test_intent_is_durable(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	assert_string_equal(fake->state->seen_at_intent, fake->state->tokens[0]);
	assert_string_equal(fake->state->v[0].token, fake->state->tokens[0]);
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, NULL), 1);
}

/* --- killed --------------------------------------------------------------------------------- */

static void test_killed_before_the_intent(void **state)
{
	struct fake *fake = *state;

	fake_launch_and_die(fake, "x", FAKE_BEFORE_INTENT);
	assert_int_equal(fake_rows(fake, LAUNCH_OPEN, NULL), 1);
	assert_non_null(strstr(fake_recover(fake).text, "had made no instance: cleaned up"));
	assert_int_equal(fake->state->releases, 1);
	assert_int_equal(fake_rows(fake, LAUNCH_OPEN, NULL), 0);
	assert_int_equal(fake_rows(fake, LAUNCH_FAILED, NULL), 1);
	assert_string_equal(fake_recover(fake).text, "");
	fake_must_launch(fake, "x", 0);
	assert_int_equal(fake->state->nr, 1);
}

static void test_killed_before_it_was_sent(void **state)
{
	struct fake *fake = *state;

	fake_launch_and_die(fake, "x", FAKE_AFTER_INTENT);
	assert_int_equal(fake->state->nr, 0);
	/* It may yet come true: left alone until it would long have been seen. */
	assert_non_null(strstr(fake_recover(fake).text, "the next command looks again"));
	fake_later(fake, RECOVER_VISIBLE_S - 10);
	assert_non_null(strstr(fake_recover(fake).text, "the next command looks again"));
	assert_int_equal(fake->state->releases, 0);
	fake_later(fake, 20);
	assert_non_null(strstr(fake_recover(fake).text, "had made no instance: cleaned up"));
	assert_int_equal(fake_rows(fake, LAUNCH_OPEN, NULL), 0);
	assert_int_equal(fake->state->launches, 0);
}

static void test_killed_after_it_was_made(void **state)
{
	struct fake *fake = *state;
	char id[32];

	fake_launch_and_die(fake, "x", FAKE_AFTER_MAKE);
	assert_int_equal(fake->state->nr, 1);
	assert_non_null(strstr(fake_recover(fake).text, "an interrupted launch had made 'x'"));
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, id), 1);
	assert_string_equal(id, fake->state->v[0].id);
	assert_string_equal(fake_recover(fake).text, "");
	fake_must_launch(fake, "x", 1);
	assert_int_equal(fake->state->nr, 1);
}

static void test_killed_after_it_was_kept(void **state)
{
	struct fake *fake = *state;

	fake_launch_and_die(fake, "x", FAKE_AFTER_DONE);
	assert_string_equal(fake_recover(fake).text, "");
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, NULL), 1);
	fake_must_launch(fake, "x", 1);
	assert_int_equal(fake->state->nr, 1);
}

/* The repeated command itself finishes it, with the same token, seen or not. */
static void test_resumed_with_the_same_token(void **state)
{
	static const enum fake_point points[] = { FAKE_AFTER_INTENT, FAKE_AFTER_MAKE };
	struct fake *fake = *state;

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		char name[2] = { (char)('x' + i), '\0' };

		fake->state->hidden = true;
		fake_launch_and_die(fake, name, points[i]);
		snprintf(fake->state->tokens[0], 64, "%s", "");
		fake->state->launches = 0;
		fake_must_launch(fake, name, 0);
		assert_string_equal(fake->state->tokens[0], fake->state->seen_at_intent);
		assert_int_equal(fake->state->nr, i + 1);
		fake->state->hidden = false;
		assert_string_equal(fake_recover(fake).text, "");
		fake_must_launch(fake, name, 1);
	}
}

static void test_not_resumed_with_other_parameters(void **state)
{
	struct fake *fake = *state;
	struct wanted wanted = { .name = "x", .spot = true, .disk_gib = 5 };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;

	fake_launch_and_die(fake, "x", FAKE_AFTER_INTENT);
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(fake->state->launches, 0);
	assert_int_equal(fake_rows(fake, LAUNCH_OPEN, NULL), 1); /* still looked for */
}

static void test_whose_owner_lives(void **state)
{
	struct fake *fake = *state;
	struct launch_rows open = { 0 };
	struct error err = ERROR_INIT;
	struct journal *other;

	fake_launch_and_die(fake, "x", FAKE_BEFORE_INTENT);
	assert_int_equal(journal_open(fake->paths.state, NULL, &fake->clock, &other, &err), 0);
	assert_int_equal(journal_launches(other, LAUNCH_OPEN, NULL, &open, &err), 0);
	assert_int_equal(journal_claim(other, open.v[0].id, &err), 1);
	launch_rows_release(&open);
	assert_string_equal(fake_recover(fake).text, "");
	assert_int_equal(fake->state->releases, 0);
	journal_close(other);
	assert_non_null(strstr(fake_recover(fake).text, "cleaned up"));
}

static void test_of_another_account(void **state)
{
	struct fake *fake = *state;

	fake_launch_and_die(fake, "x", FAKE_BEFORE_INTENT);
	fake->state->account = "9999";
	assert_string_equal(fake_recover(fake).text, "");
	assert_int_equal(fake_rows(fake, LAUNCH_OPEN, NULL), 1);
	fake->state->account = "1234";
	assert_non_null(strstr(fake_recover(fake).text, "cleaned up"));
}

/* --- answers that never came ---------------------------------------------------------------- */

static void test_lost_answer_is_looked_up(void **state)
{
	struct fake *fake = *state;
	char id[32];

	fake->state->lose_at = FAKE_AFTER_MAKE;
	fake_must_launch(fake, "x", 0);
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, id), 1);
	assert_string_equal(id, fake->state->v[0].id);
}

static void test_unknown_is_said(void **state)
{
	struct fake *fake = *state;
	struct wanted wanted = { .name = "x" };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;

	fake->state->lose_at = FAKE_AFTER_MAKE;
	fake->state->hidden = true;
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), -1);
	assert_true(err.unknown);
	assert_non_null(strstr(err.message, "is not known"));
	assert_int_equal(fake->state->releases, 0); /* it may live: nothing of it is taken away */
	assert_int_equal(fake->state->launches, 1); /* and no other zone is tried */
	fake->state->hidden = false;
	fake->state->lose_at = FAKE_NOWHERE;
	assert_non_null(strstr(fake_recover(fake).text, "had made 'x'"));
}

/* --- names ---------------------------------------------------------------------------------- */

static void test_a_name_in_use_right_now(void **state)
{
	struct fake *fake = *state;
	struct wanted wanted = { .name = "x" };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;
	struct journal *other;

	assert_int_equal(journal_open(fake->paths.state, NULL, &fake->clock, &other, &err), 0);
	assert_int_equal(journal_claim_name(other, "x", &err), 1);
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(fake->state->nr, 0);
	fake_must_launch(fake, "y", 0);
	journal_close(other); /* as its death would */
	fake_must_launch(fake, "x", 0);
}

static void test_a_silent_region_may_hold_it(void **state)
{
	struct fake *fake = *state;
	struct wanted wanted = { .name = "x" };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;

	fake->state->region_down = true;
	assert_int_equal(fake_user_launch(fake, &wanted, &outcome, &err), -1);
	assert_non_null(strstr(err.message, "cannot tell whether 'x' exists in r2"));
	assert_int_equal(fake->state->nr, 0);
}

static void test_not_described_yet(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	fake->state->hidden = true;
	fake_restart(fake);
	fake_must_launch(fake, "x", 1);
	assert_int_equal(fake->state->nr, 1);
	/* Known to have ended, the name is free at once. */
	fake->state->hidden = false;
	fake->state->v[0].gone = true;
	fake_must_launch(fake, "x", 0);
	assert_int_equal(fake->state->nr, 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_intent_is_durable),
		TEST(test_killed_before_the_intent),
		TEST(test_killed_before_it_was_sent),
		TEST(test_killed_after_it_was_made),
		TEST(test_killed_after_it_was_kept),
		TEST(test_resumed_with_the_same_token),
		TEST(test_not_resumed_with_other_parameters),
		TEST(test_whose_owner_lives),
		TEST(test_of_another_account),
		TEST(test_lost_answer_is_looked_up),
		TEST(test_unknown_is_said),
		TEST(test_a_name_in_use_right_now),
		TEST(test_a_silent_region_may_hold_it),
		TEST(test_not_described_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
