/* SPDX-License-Identifier: Apache-2.0 */
/* The journal as a file: damaged, moved aside, and written by many at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/db.h"
#include "core/mem.h"
#include "fleet/journal_cost.h"
#include "fleet/journal_keep.h"
#include "providers/provider.h"
#include "tests/unit/journal_fixture.h"

/* --- damage ---------------------------------------------------------------------------------- */

static void write_at(const char *path, off_t at, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, at), (ssize_t)len);
	close(fd);
}

static void on_problem(void *ctx, const char *problem)
{
	(void)problem;
	++*(int *)ctx;
}

static void test_damage(void **state)
{
	struct fixture *fixture = *state;
	struct journal *journal = journal_fixture_open_it(fixture);
	struct error err = ERROR_INIT;
	int told = 0;
	static char junk[3000];

	journal_fixture_begin(journal, "l1", T);
	assert_int_equal(journal_check(journal, on_problem, &told, &err), 0);
	journal_fixture_sql(fixture,
			    "PRAGMA foreign_keys = OFF; INSERT INTO run VALUES('nobody', 1, 0, 1)");
	assert_int_equal(journal_check(journal, on_problem, &told, &err), 1);
	assert_int_equal(told, 1);
	journal_fixture_sql(fixture, "DELETE FROM run");

	journal_fixture_sql(fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
	journal_close(fixture->journal);
	fixture->journal = NULL;
	memset(junk, 0x5a, sizeof(junk));
	write_at(fixture->path, 4096, junk, sizeof(junk)); /* the page of the launches */
	told = 0;
	journal = journal_fixture_open_it(fixture); /* only its head is looked at */
	assert_true(journal_check(journal, on_problem, &told, &err) > 0);
	assert_true(told > 0);
	/* Whoever runs into it later is told the same as whoever cannot open it. */
	struct launch_rows rows = { 0 };
	assert_int_equal(journal_launches(journal, LAUNCH_OPEN, NULL, &rows, &err), -1);
	assert_string_equal(err.code, DB_CORRUPT);
	assert_string_equal(err.hint, "gpucloud journal --repair");
	error_clear(&err);
	journal_close(fixture->journal);
	fixture->journal = NULL;

	write_at(fixture->path, 0, junk, 100);
	err = journal_fixture_not_opened(fixture);
	assert_string_equal(err.code, DB_CORRUPT);
	assert_non_null(strstr(err.message, fixture->path));
	assert_string_equal(err.hint, "gpucloud journal --repair");
}

static void test_moved_aside(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	char *moved = NULL, *log = xasprintf("%s-wal", fixture->path);

	assert_int_equal(journal_move_aside(fixture->dir, T, &moved, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	journal_fixture_open_it(fixture);
	journal_fixture_begin(fixture->journal, "l1", T);
	/* Its log is moved too: the next journal must not read it. */
	assert_int_equal(access(log, F_OK), 0);
	assert_int_equal(journal_move_aside(fixture->dir, T, &moved, &err), 0);
	assert_non_null(strstr(moved, "journal.db.corrupt-20200913T122640Z"));
	assert_int_equal(access(moved, F_OK), 0);
	assert_int_equal(access(fixture->path, F_OK), -1);
	assert_int_equal(access(log, F_OK), -1);
	free(moved);
	journal_fixture_open_it(fixture);
	assert_int_equal(journal_fixture_number(fixture, "SELECT count(*) FROM launch"), 0);
	/* Nothing is ever written over. */
	assert_int_equal(journal_move_aside(fixture->dir, T, &moved, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	free(log);
}

/* --- two at once ------------------------------------------------------------------------------ */

static int child(struct fixture *fixture, int nth)
{
	struct journal *journal = NULL;
	struct error err = ERROR_INIT;

	if (journal_open(fixture->dir, NULL, &fixture->clock, &journal, &err) < 0)
		return 1;
	for (int i = 0; i < 25; i++) {
		char id[32];

		snprintf(id, sizeof(id), "p%d-%d", nth, i);
		const struct launch_row row = { .id = id,
						.name = "n",
						.owner = "me",
						.provider = "aws",
						.account = "1",
						.region = "r1",
						.type = "g5",
						.on_demand = 1,
						.began = T };
		if (journal_begin(journal, &row, &err) < 0 ||
		    journal_finish(journal, id, LAUNCH_FAILED, &err) < 0)
			return 1;
		journal_unclaim(journal, id);
	}
	journal_close(journal);
	return 0;
}

/* Terminating many at once claims each of them. */
static void test_many_claims(void **state)
{
	struct fixture *fixture = *state;
	struct journal *journal = journal_fixture_open_it(fixture), *other = NULL;
	struct error err = ERROR_INIT;
	char id[32];

	assert_int_equal(journal_open(fixture->dir, NULL, &fixture->clock, &other, &err), 0);
	for (int i = 0; i < 60; i++) {
		snprintf(id, sizeof(id), "l%d", i);
		assert_int_equal(journal_claim(journal, id, &err), 1);
		assert_int_equal(journal_claim(other, id, &err), 0);
	}
	for (int i = 0; i < 60; i++) {
		snprintf(id, sizeof(id), "l%d", i);
		journal_unclaim(journal, id);
	}
	journal_close(other);
}

/* Several gpucloud make the journal, or bring it up to date, and write to it, all at once. */
static void test_many_at_once(void **state)
{
	struct fixture *fixture = *state;
	pid_t pids[4];

	journal_fixture_sql(fixture, journal_version_1);
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(child(fixture, i));
	}
	for (int i = 0; i < 4; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_int_equal(
		journal_fixture_number(fixture, "SELECT count(*) FROM launch WHERE state = 3"),
		100);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, journal_fixture_enter, journal_fixture_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_damage),
		TEST(test_moved_aside),
		TEST(test_many_claims),
		TEST(test_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
