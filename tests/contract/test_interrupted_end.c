/* SPDX-License-Identifier: Apache-2.0 */
/* A `terminate` that was killed: the next command sees it through, or says that it did not get far
 * enough; what another gpucloud is ending right now is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"
#include "fleet/recover.h"
#include "fleet/terminate.h"
#include "tests/contract/fake_user.h"

/* Launches x; its row. */
static struct launch_rows launched(struct fake *fake)
{
	struct launch_rows rows = { 0 };
	struct error err = ERROR_INIT;

	fake_must_launch(fake, "x", 0);
	assert_int_equal(journal_launches(fake->fleet.journal, LAUNCH_LIVE, NULL, &rows, &err), 0);
	assert_int_equal(rows.nr, 1);
	return rows;
}

/* As far as a killed `terminate` got: written down, and perhaps sent. */
static void end_and_die(struct fake *fake, const struct launch_row *row, bool sent)
{
	struct error err = ERROR_INIT;

	assert_int_equal(journal_ending(fake->fleet.journal, row->id, row->instance, &err), 0);
	if (sent)
		assert_int_equal(
			fake->fleet.ops->terminate(fake->p, FAKE_REGION, row->instance, &err), 0);
	fake_restart(fake);
}

static void test_seen_through(void **state)
{
	struct fake *fake = *state;
	struct launch_rows rows = launched(fake);

	fake_later(fake, 5);
	end_and_die(fake, &rows.v[0], true);
	fake->state->left = 1;
	assert_non_null(strstr(fake_recover(fake).text, "could not be removed yet"));
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, NULL), 1);
	fake->state->left = 0;
	assert_non_null(strstr(fake_recover(fake).text, "'x' (i-00000001) has ended"));
	assert_int_equal(fake_rows(fake, LAUNCH_ENDED, NULL), 1);
	assert_int_equal(fake->state->releases, 2);
	assert_string_equal(fake_recover(fake).text, ""); /* once */
	assert_int_equal(fake->state->releases, 2);
	launch_rows_release(&rows);
}

/* The cloud may say "running" for a moment after it took the order: only later is that believed. */
static void test_never_got_through(void **state)
{
	struct fake *fake = *state;
	struct launch_rows rows = launched(fake);

	fake_later(fake, 1000);
	end_and_die(fake, &rows.v[0], false);
	fake_later(fake, RECOVER_END_S - 1);
	assert_string_equal(fake_recover(fake).text, "");
	fake_later(fake, 1);
	assert_non_null(strstr(fake_recover(fake).text, "interrupted before it got through"));
	assert_string_equal(fake_recover(fake).text, "");
	assert_int_equal(fake_rows(fake, LAUNCH_LIVE, NULL), 1);
	assert_int_equal(fake->state->releases, 0);

	/* A later end of the same instance is written down again. */
	end_and_die(fake, &rows.v[0], true);
	assert_non_null(strstr(fake_recover(fake).text, "has ended"));
	assert_int_equal(fake_rows(fake, LAUNCH_ENDED, NULL), 1);
	launch_rows_release(&rows);
}

/* New, and not listed: that does not say that it is gone. */
static void test_not_visible(void **state)
{
	struct fake *fake = *state;

	fake->state->hidden = true;
	struct launch_rows rows = launched(fake);
	end_and_die(fake, &rows.v[0], false);
	fake_later(fake, RECOVER_VISIBLE_S - 1);
	assert_string_equal(fake_recover(fake).text, "");
	assert_int_equal(fake->state->releases, 0);
	fake_later(fake, 1);
	assert_non_null(strstr(fake_recover(fake).text, "has ended"));
	launch_rows_release(&rows);
}

static void test_another_is_at_it(void **state)
{
	struct fake *fake = *state;
	struct launch_rows rows = launched(fake);
	struct error err = ERROR_INIT;
	struct journal *other;

	end_and_die(fake, &rows.v[0], true);
	assert_int_equal(journal_open(fake->paths.state, NULL, &fake->clock, &other, &err), 0);
	assert_int_equal(journal_claim(other, rows.v[0].id, &err), 1);
	assert_string_equal(fake_recover(fake).text, "");
	assert_int_equal(fake->state->releases, 0);
	journal_close(other);
	assert_non_null(strstr(fake_recover(fake).text, "has ended"));
	launch_rows_release(&rows);
}

/* A refused end leaves nothing open; one that nobody confirmed does. */
static void test_by_terminate_itself(void **state)
{
	const struct terminate_events events = { 0 };
	struct fake *fake = *state;
	struct launch_rows rows = launched(fake);
	struct error err = ERROR_INIT;
	struct end_row *ends;
	struct arena arena = { 0 };
	size_t nr;
	struct ending ending = { .instance = { .id = rows.v[0].instance,
					       .launch_id = rows.v[0].id,
					       .region = FAKE_REGION,
					       .state = INSTANCE_RUNNING } };

	fake_later(fake, 1000);
	fake->state->refuses_end = true;
	struct ending refused = ending;
	assert_int_equal(terminate_all(&fake->fleet, &refused, 1, 5, &events, &err), 0);
	assert_int_equal(journal_endings(fake->fleet.journal, &arena, &ends, &nr, &err), 0);
	assert_int_equal(nr, 0);

	/* On its way down is not gone: neither told as gone, nor cleaned up behind. */
	fake->state->refuses_end = false;
	fake->state->keeps_running = true;
	fake->state->v[0].state = INSTANCE_ENDING;
	struct ending slow = ending;
	assert_int_equal(terminate_all(&fake->fleet, &slow, 1, 5, &events, &err), 0);
	assert_true(slow.asked && !slow.confirmed);
	assert_string_equal(fake_recover(fake).text, "");
	assert_int_equal(fake->state->releases, 0);
	assert_int_equal(journal_endings(fake->fleet.journal, &arena, &ends, &nr, &err), 0);
	assert_int_equal(nr, 1);
	assert_string_equal(ends[0].launch_id, rows.v[0].id);

	fake->state->keeps_running = false;
	assert_int_equal(terminate_all(&fake->fleet, &ending, 1, 5, &events, &err), 0);
	assert_true(ending.confirmed);
	assert_int_equal(journal_endings(fake->fleet.journal, &arena, &ends, &nr, &err), 0);
	assert_int_equal(nr, 0);
	arena_release(&arena);
	launch_rows_release(&rows);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_seen_through),     TEST(test_never_got_through),   TEST(test_not_visible),
		TEST(test_another_is_at_it), TEST(test_by_terminate_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
