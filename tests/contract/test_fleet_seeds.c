/* SPDX-License-Identifier: Apache-2.0 */
/* Host keys of launches that were killed before their row was written: the next command's to remove,
 * once they are old, and never one that a launch still needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"
#include "fleet/hostkeys.h"
#include "fleet/recover.h"
#include "tests/contract/fake_user.h"

static char *seed_path(const struct fake *fake, const char *name)
{
	return xasprintf("%s/hostkeys/%s", fake->paths.state, name);
}

/* Written so many seconds ago, by the clock that the fake has. */
static void age(const struct fake *fake, const char *name, int64_t seconds)
{
	char *path = seed_path(fake, name);
	const struct timespec then = { .tv_sec = clock_now(&fake->clock) - seconds };
	const struct timespec times[2] = { then, then };

	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
	free(path);
}

static void seed(const struct fake *fake, const char *name, int64_t seconds)
{
	struct ssh_key key = { 0 };
	struct error err = ERROR_INIT;

	if (ssh_key_make("", &key, &err) < 0 || hostkeys_seed(&fake->paths, name, &key, &err) < 0)
		fail_msg("%s", err.message);
	ssh_key_release(&key);
	age(fake, name, seconds);
}

static bool there(const struct fake *fake, const char *name)
{
	char *path = seed_path(fake, name);
	struct stat st;
	bool is = lstat(path, &st) == 0;

	free(path);
	return is;
}

static void launch_id(struct fake *fake, enum launch_state launch_state, char id[64])
{
	struct launch_rows rows = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(fleet_journal(&fake->fleet, &err), 0);
	assert_int_equal(journal_launches(fake->fleet.journal, launch_state, NULL, &rows, &err), 0);
	assert_int_equal(rows.nr, 1);
	snprintf(id, 64, "%s", rows.v[0].id);
	launch_rows_release(&rows);
}

static void test_by_age(void **state)
{
	struct fake *fake = *state;

	seed(fake, "killed-long-ago", 86400);
	/* Without a journal nothing is known, and nothing is touched. */
	fake_recover(fake);
	assert_true(there(fake, "killed-long-ago"));

	fake_must_launch(fake, "x", 0);
	seed(fake, "just-over", RECOVER_SEED_S + 1);
	seed(fake, "just-under", RECOVER_SEED_S);
	seed(fake, "of-the-future", -86400);
	assert_string_equal(fake_recover(fake).text, "");
	assert_false(there(fake, "killed-long-ago"));
	assert_false(there(fake, "just-over"));
	assert_true(there(fake, "just-under"));
	assert_true(there(fake, "of-the-future"));
	fake_later(fake, 1);
	fake_recover(fake);
	assert_false(there(fake, "just-under"));
}

/* A row that is open or live keeps its key, however old; one that has ended does not. */
static void test_by_row(void **state)
{
	struct fake *fake = *state;
	char live[64], open[64], failed[64], part[80];

	fake_launch_and_die(fake, "x", FAKE_BEFORE_INTENT);
	launch_id(fake, LAUNCH_OPEN, failed);
	fake_recover(fake);
	fake_must_launch(fake, "y", 0);
	launch_id(fake, LAUNCH_LIVE, live);
	fake->state->hidden = true;
	fake_launch_and_die(fake, "z", FAKE_AFTER_INTENT);
	launch_id(fake, LAUNCH_OPEN, open);

	seed(fake, live, 30 * 86400);
	seed(fake, open, 30 * 86400);
	seed(fake, failed, 30 * 86400);
	/* What a write that was killed has left beside them. */
	snprintf(part, sizeof(part), "%s.tmp.Xy12Zz", live);
	seed(fake, part, 30 * 86400);
	assert_non_null(strstr(fake_recover(fake).text, "looks again"));
	assert_true(there(fake, live));
	assert_true(there(fake, open));
	assert_false(there(fake, failed));
	assert_false(there(fake, part));

	/* Another account's launches keep theirs too, although they are not ours to settle. */
	fake->state->account = "another";
	fake_restart(fake);
	seed(fake, failed, 30 * 86400);
	fake_recover(fake);
	assert_true(there(fake, live));
	assert_true(there(fake, open));
	assert_false(there(fake, failed));
}

/* Only regular files under names that a launch can have, and only in a folder that is one. */
static void test_what_is_none_of_ours(void **state)
{
	struct fake *fake = *state;
	char *link = seed_path(fake, "link"), *folder = seed_path(fake, "folder");
	char *hidden = seed_path(fake, ".hidden"), *dir = seed_path(fake, "");
	char *moved = xasprintf("%s/moved", fake->paths.state);

	fake_must_launch(fake, "x", 0);
	seed(fake, "old", 0);
	assert_int_equal(symlink("old", link), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(symlink("old", hidden), 0);
	age(fake, "link", 86400);
	age(fake, "folder", 86400);
	age(fake, ".hidden", 86400);
	fake_recover(fake);
	assert_true(there(fake, "old"));
	assert_true(there(fake, "link"));
	assert_true(there(fake, "folder"));
	assert_true(there(fake, ".hidden"));

	age(fake, "old", 86400);
	dir[strlen(dir) - 1] = '\0';
	assert_int_equal(rename(dir, moved), 0);
	assert_int_equal(symlink(moved, dir), 0);
	fake_recover(fake);
	assert_true(there(fake, "old"));
	assert_int_equal(unlink(dir), 0);
	assert_int_equal(rename(moved, dir), 0);
	fake_recover(fake);
	assert_false(there(fake, "old"));
	free(link);
	free(folder);
	free(hidden);
	free(dir);
	free(moved);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_by_age),
		TEST(test_by_row),
		TEST(test_what_is_none_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
