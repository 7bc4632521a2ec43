/* SPDX-License-Identifier: Apache-2.0 */
/* The database: what is kept is kept, and what is broken says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/db.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"

struct fixture {
	char *folder, *path;
};

static int enter(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));

	fixture->folder = xstrdup("/tmp/gpucloud-test-XXXXXX");
	*state = fixture;
	if (!mkdtemp(fixture->folder))
		return -1;
	fixture->path = xasprintf("%s/j.db", fixture->folder);
	return 0;
}

static int leave(void **state)
{
	static const char *const names[] = { "j.db", "j.db-wal", "j.db-shm", "j.db-journal",
					     "link" };
	struct fixture *fixture = *state;
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *path = xasprintf("%s/%s", fixture->folder, names[i]);
		unlink(path);
		free(path);
	}
	rc = rmdir(fixture->folder); /* fails where a test left something else behind */
	free(fixture->folder);
	free(fixture->path);
	free(fixture);
	return rc;
}

static struct db *open_ok(const char *path)
{
	struct error err = ERROR_INIT;
	struct db *db = NULL;

	if (db_open(path, NULL, false, &db, &err) < 0)
		fail_msg("%s", err.message);
	return db;
}

static int64_t one_number(struct db *db, const char *sql)
{
	struct error err = ERROR_INIT;
	struct db_stmt *stmt = NULL;

	assert_int_equal(db_prepare(db, sql, &stmt, &err), 0);
	assert_int_equal(db_step(stmt, &err), 1);
	int64_t n = db_int64(stmt, 0);
	db_finalize(stmt);
	return n;
}

static void make_table(struct db *db)
{
	struct error err = ERROR_INIT;

	assert_int_equal(db_exec(db,
				 "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, n INTEGER) STRICT;"
				 "INSERT INTO t VALUES ('seed', 7); PRAGMA user_version = 3",
				 &err),
			 0);
}

static void test_round_trip(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct db *db = open_ok(fixture->path);
	struct db_stmt *stmt = NULL;

	make_table(db);
	assert_int_equal(db_prepare(db, "INSERT INTO t VALUES (?1, ?2)", &stmt, &err), 0);
	db_bind_text(stmt, 1, "o'ne\n; DROP TABLE t");
	db_bind_int64(stmt, 2, INT64_MIN);
	assert_int_equal(db_step(stmt, &err), 0);
	db_reset(stmt);
	db_bind_text(stmt, 1, "two"); /* the second one is NULL again */
	assert_int_equal(db_step(stmt, &err), 0);
	db_finalize(stmt);
	db_close(db);

	db = open_ok(fixture->path);
	assert_int_equal(one_number(db, "PRAGMA user_version"), 3);
	assert_int_equal(db_prepare(db, "SELECT k, n FROM t ORDER BY rowid", &stmt, &err), 0);
	assert_int_equal(db_step(stmt, &err), 1);
	assert_string_equal(db_text(stmt, 0), "seed");
	assert_int_equal(db_step(stmt, &err), 1);
	assert_string_equal(db_text(stmt, 0), "o'ne\n; DROP TABLE t");
	assert_true(db_int64(stmt, 1) == INT64_MIN);
	assert_int_equal(db_step(stmt, &err), 1);
	assert_null(db_text(stmt, 1));
	assert_int_equal(db_step(stmt, &err), 0);
	db_finalize(stmt);
	db_close(db);
}

static void test_modes(void **state)
{
	struct fixture *fixture = *state;
	char *wal = xasprintf("%s-wal", fixture->path);
	struct stat st;
	mode_t old = umask(0);
	struct db *db = open_ok(fixture->path);
	struct db_stmt *stmt = NULL;
	struct error err = ERROR_INIT;

	umask(old);
	make_table(db);
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(one_number(db, "PRAGMA synchronous"), 2);
	assert_int_equal(one_number(db, "PRAGMA foreign_keys"), 1);
	assert_int_equal(db_prepare(db, "PRAGMA journal_mode", &stmt, &err), 0);
	assert_int_equal(db_step(stmt, &err), 1);
	assert_string_equal(db_text(stmt, 0), "wal");
	db_finalize(stmt);
	db_close(db);

	/* A file that had been opened up is made private again. */
	assert_int_equal(chmod(fixture->path, 0644), 0);
	db_close(open_ok(fixture->path));
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	free(wal);
}

static void assert_no_open(const char *path, bool readonly, const char *message)
{
	struct error err = ERROR_INIT;
	struct db *db = NULL;

	assert_int_equal(db_open(path, NULL, readonly, &db, &err), -1);
	assert_null(db);
	assert_int_equal(err.kind, ERROR_IO);
	if (!strstr(err.message, message) || !strstr(err.message, path))
		fail_msg("%s", err.message);
}

static void test_refusals(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	char *link = xasprintf("%s/link", fixture->folder);
	char *absent = xasprintf("%s/none/j.db", fixture->folder);

	assert_no_open(fixture->path, true, "cannot open");
	assert_int_equal(access(fixture->path, F_OK), -1); /* and did not create it */
	assert_no_open(absent, false, "No such file");
	assert_no_open(fixture->folder, false, "cannot open the database");

	char garbage[8192];
	memset(garbage, 'x', sizeof(garbage));
	assert_int_equal(file_write(fixture->path, garbage, sizeof(garbage), 0600, &err), 0);
	assert_no_open(fixture->path, false, "is corrupt, or no database");
	assert_no_open(fixture->path, true, "is corrupt, or no database");

	assert_int_equal(symlink(fixture->path, link), 0);
	assert_no_open(link, false, "cannot open the database");
	unlink(link);
	assert_int_equal(mkfifo(link, 0600), 0);
	assert_no_open(link, false, "not a regular file");
	if (geteuid() == 0) {
		assert_int_equal(chown(fixture->path, 12345, 12345), 0);
		assert_no_open(fixture->path, false, "belongs to uid 12345");
	}
	free(link);
	free(absent);
}

/* Damage in the middle is found when it is read, and told as such. */
static void test_corrupt_page(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct db *db = open_ok(fixture->path);
	struct db_stmt *stmt = NULL;

	make_table(db);
	db_close(db);
	int fd = open(fixture->path, O_RDWR | O_CLOEXEC);
	char junk[4096];
	memset(junk, 0xa5, sizeof(junk));
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 4096), sizeof(junk));
	close(fd);
	db = open_ok(fixture->path);
	assert_int_equal(db_prepare(db, "SELECT n FROM t", &stmt, &err), 0);
	assert_int_equal(db_step(stmt, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_non_null(strstr(err.message, "is corrupt"));
	db_finalize(stmt);
	db_close(db);
}

static void test_constraint_and_sql_errors(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct db *db = open_ok(fixture->path);
	struct db_stmt *stmt = NULL;

	make_table(db);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES ('seed', 1)", &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(db_prepare(db, "SELECT nonsense FROM t", &stmt, &err), -1);
	assert_null(stmt);
	assert_non_null(strstr(err.message, "nonsense"));
	assert_int_equal(db_prepare(db, "SELECT k FROM t WHERE n = ?1", &stmt, &err), 0);
	db_bind_int64(stmt, 2, 7); /* there is no second one */
	assert_int_equal(db_step(stmt, &err), -1);
	db_reset(stmt);
	db_bind_int64(stmt, 1, 7);
	assert_int_equal(db_step(stmt, &err), 1);
	db_finalize(stmt);
	db_close(db);
}

static void test_full(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct db *db = open_ok(fixture->path);

	make_table(db);
	assert_int_equal(db_exec(db, "PRAGMA max_page_count = 3", &err), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES (hex(zeroblob(40000)), 1)", &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_non_null(strstr(err.message, "the disk is full"));
	assert_int_equal(one_number(db, "SELECT count(*) FROM t"), 1);
	db_close(db);
}

/* The system refuses a write in the middle: an error, and what was there is still there. */
static void test_write_refused(void **state)
{
	struct fixture *fixture = *state;
	struct db *db = open_ok(fixture->path);

	make_table(db);
	db_close(db);
	pid_t pid = fork();
	if (pid == 0) {
		struct error err = ERROR_INIT;
		struct rlimit limit = { 16384, 16384 };

		signal(SIGXFSZ, SIG_IGN);
		db = open_ok(fixture->path);
		setrlimit(RLIMIT_FSIZE, &limit);
		int rc = db_exec(db, "INSERT INTO t VALUES (hex(zeroblob(40000)), 1)", &err);
		db_close(db);
		_exit(rc == -1 && err.kind == ERROR_IO ? 0 : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	db = open_ok(fixture->path);
	assert_int_equal(one_number(db, "SELECT count(*) FROM t"), 1);
	db_close(db);
}

/* Two programs, and a database that neither has seen: each waits for the other. */
static void test_opened_at_once(void **state)
{
	struct fixture *fixture = *state;

	for (int round = 0; round < 20; round++) {
		pid_t children[8];
		int gate[2];

		assert_int_equal(pipe(gate), 0);
		for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
			children[i] = fork();
			if (children[i])
				continue;
			struct error err = ERROR_INIT;
			struct db *db;
			char go;

			close(gate[1]);
			if (read(gate[0], &go, 1) != 0 ||
			    db_open(fixture->path, NULL, false, &db, &err) < 0)
				_exit(1);
			db_close(db);
			_exit(0);
		}
		close(gate[0]);
		close(gate[1]);
		for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
			int status = -1;

			assert_int_equal(waitpid(children[i], &status, 0), children[i]);
			if (status != 0)
				fail_msg("round %d: a program could not open it", round);
		}
		unlink(fixture->path);
	}
}

/* Killed in a transaction: the open one is gone, the committed one is kept. */
static void test_killed(void **state)
{
	struct fixture *fixture = *state;
	struct db *db;
	pid_t pid = fork();

	if (pid == 0) {
		struct error err = ERROR_INIT;

		db = open_ok(fixture->path);
		make_table(db);
		db_exec(db, "BEGIN IMMEDIATE; INSERT INTO t VALUES ('open', 1)", &err);
		kill(getpid(), SIGKILL);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	db = open_ok(fixture->path);
	assert_int_equal(one_number(db, "SELECT n FROM t"), 7);
	assert_int_equal(one_number(db, "SELECT count(*) FROM t"), 1);
	db_close(db);
}

static void test_readonly(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct db *db = open_ok(fixture->path), *reader = NULL;

	make_table(db);
	assert_int_equal(db_open(fixture->path, NULL, true, &reader, &err), 0);
	assert_int_equal(one_number(reader, "SELECT n FROM t"), 7);
	assert_int_equal(db_exec(reader, "DELETE FROM t", &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_non_null(strstr(err.message, "read-only"));
	db_close(reader);
	db_close(db);

	assert_int_equal(db_open(":memory:", NULL, false, &db, &err), 0);
	assert_int_equal(one_number(db, "SELECT 5"), 5);
	db_close(db);
	db_close(NULL);
	assert_int_equal(db_open(fixture->path, "no-such-vfs", false, &db, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
}

#define T(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_round_trip),	T(test_modes),	T(test_refusals),
		T(test_corrupt_page),	T(test_full),	T(test_constraint_and_sql_errors),
		T(test_opened_at_once), T(test_killed), T(test_write_refused),
		T(test_readonly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
