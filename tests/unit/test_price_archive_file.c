/* SPDX-License-Identifier: Apache-2.0 */
/* The archive's file: broken, foreign, full, shared by several programs, and killed. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/db.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/rng.h"
#include "tests/unit/price_cloud.h"

#define DAYS(n) (PC_NOW - (n)*PC_DAY)
#define TYPES	6
#define KILLS	30

static int enter(void **state)
{
	struct price_cloud *cloud = xcalloc(1, sizeof(*cloud));

	pc_open(cloud);
	for (int i = 0; i < TYPES; i++) {
		static const char *const types[TYPES] = { "g4", "g5", "g6", "p2", "p3", "p4" };
		struct pc_pool *pool = pc_pool(cloud, i % 2 ? "r2" : "r1", types[i],
					       i % 2 ? "r2a" : "r1a", i % 2 ? "az2" : "az1");

		for (int k = 0; k < 300; k++)
			pc_price(pool, DAYS(100) + k * PC_DAY / 3 + i, 1000 + k % 7 + i);
	}
	*state = cloud;
	return 0;
}

static int leave(void **state)
{
	pc_close(*state);
	free(*state);
	return 0;
}

/* --- what is not ours, or no more ------------------------------------------------------------ */

static void put_file(struct price_cloud *cloud, const void *bytes, size_t len)
{
	struct error err = ERROR_INIT;

	assert_int_equal(dir_make(cloud->paths.data, &err), 0);
	assert_int_equal(file_write(cloud->file, bytes, len, 0600, &err), 0);
}

/* Neither reading nor syncing works, both say why, and the file stays as it is. */
static void must_refuse(struct price_cloud *cloud, const char *message, const char *hint)
{
	struct buf before = BUF_INIT, after = BUF_INIT;
	struct market_list list = { 0 };
	struct price_sync sync;
	struct error err[2] = { ERROR_INIT, ERROR_INIT }, io = ERROR_INIT;

	assert_int_equal(file_read(cloud->file, BUF_DEFAULT_MAX, &before, &io), 0);
	assert_int_equal(pc_read(cloud, DAYS(20), PC_NOW, &list, &err[0]), -1);
	assert_int_equal(pc_sync(cloud, DAYS(20), PC_NOW, &sync, &err[1]), -1);
	for (size_t i = 0; i < ARRAY_SIZE(err); i++) {
		assert_int_equal(err[i].kind, ERROR_IO);
		if (!strstr(err[i].message, message) || !strstr(err[i].message, "price archive") ||
		    !strstr(err[i].hint, hint))
			fail_msg("%s (%s)", err[i].message, err[i].hint);
	}
	assert_int_equal(file_read(cloud->file, BUF_DEFAULT_MAX, &after, &io), 0);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, after.len);
	buf_release(&before);
	buf_release(&after);
}

static void test_missing(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_list list = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(pc_read(cloud, DAYS(20), PC_NOW, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_string_equal(err.hint, "gpucloud history --sync");
	assert_int_equal(access(cloud->paths.data, F_OK), -1); /* looking makes nothing */
	pc_must_sync(cloud, DAYS(20), PC_NOW, NULL);
}

static void test_private(void **state)
{
	struct price_cloud *cloud = *state;
	mode_t old = umask(0);
	struct stat st;

	pc_must_sync(cloud, DAYS(20), PC_NOW, NULL);
	umask(old);
	assert_int_equal(stat(cloud->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_no_database(void **state)
{
	struct price_cloud *cloud = *state;
	char text[5000];

	memset(text, 'x', sizeof(text));
	put_file(cloud, text, sizeof(text));
	must_refuse(cloud, "is corrupt, or no database", "history --sync");
	put_file(cloud, "", 0);
	must_refuse(cloud, "is corrupt, or no database", "history --sync");
	put_file(cloud, "SQLite format 3", 16);
	must_refuse(cloud, "is corrupt, or no database", "history --sync");
}

static void test_corrupt_page(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_list list = { 0 };
	struct error err = ERROR_INIT;
	char junk[4096];

	pc_must_sync(cloud, DAYS(90), PC_NOW, NULL);
	int64_t page = pc_number(cloud, "SELECT rootpage FROM sqlite_schema WHERE name = 'price'");
	int fd = open(cloud->file, O_RDWR | O_CLOEXEC);
	memset(junk, 0xee, sizeof(junk));
	assert_int_equal(pwrite(fd, junk, sizeof(junk), (page - 1) * 4096), sizeof(junk));
	close(fd);
	assert_int_equal(pc_read(cloud, DAYS(20), PC_NOW, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_non_null(strstr(err.message, "is corrupt"));
	assert_non_null(strstr(err.hint, "gpucloud history --sync"));
}

static void test_foreign(void **state)
{
	struct price_cloud *cloud = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(dir_make(cloud->paths.data, &err), 0);
	pc_do(cloud, "CREATE TABLE mine(x)");
	must_refuse(cloud, "is a database of another program", "left as it is");
	pc_do(cloud, "DROP TABLE mine; PRAGMA application_id = 7");
	must_refuse(cloud, "is a database of another program", "left as it is");
}

static void test_newer_and_other_currency(void **state)
{
	struct price_cloud *cloud = *state;

	pc_must_sync(cloud, DAYS(20), PC_NOW, NULL);
	pc_do(cloud, "PRAGMA user_version = 2");
	must_refuse(cloud, "has version 2, this gpucloud knows 1", "newer gpucloud");
	pc_do(cloud, "PRAGMA user_version = 1; UPDATE about SET value = 'CNY'");
	must_refuse(cloud, "is in the currency 'CNY', and not in USD", "");
	pc_do(cloud, "DELETE FROM about");
	must_refuse(cloud, "is in the currency '?'", "");
}

static void test_values_that_cannot_be(void **state)
{
	static const struct {
		const char *sql, *field;
	} cases[] = {
		{ "INSERT INTO price SELECT min(id), 1699999000, 0 FROM pool", "price.micros" },
		{ "INSERT INTO price SELECT min(id), 1699999001, -1 FROM pool", "price.micros" },
		{ "INSERT INTO price SELECT min(id), 1699999002, 1000000000000001 FROM pool",
		  "price.micros" },
		{ "UPDATE cover SET until = since - 1", "cover.since" },
		{ "INSERT INTO cover SELECT pool, since + 1, until FROM cover LIMIT 1",
		  "cover.since" },
		{ "UPDATE cover SET until = 253402300800", "cover.since" },
		{ "UPDATE zone SET name = ''", "zone.name" },
		{ "UPDATE zone SET name = char(27) || '[2J'", "zone.name" },
		{ "UPDATE zone SET zone_id = 'a b' WHERE id = 1", "zone.zone_id" },
		{ "UPDATE market SET type = hex(zeroblob(40)) WHERE id = 1", "market.type" },
		{ "UPDATE market SET region = 'r1;'", "market.region" },
		{ "UPDATE market SET on_demand = 0", "market.on_demand" },
		{ "UPDATE market SET on_demand_as_of = -5", "market.on_demand_as_of" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct price_cloud *cloud = *state;
		struct market_list list = { 0 };
		struct error err = ERROR_INIT;

		unlink(cloud->file);
		pc_must_sync(cloud, DAYS(20), PC_NOW, NULL);
		pc_do(cloud, cases[i].sql);
		assert_int_equal(pc_read(cloud, DAYS(30), INT64_C(253402300801), &list, &err), -1);
		if (err.kind != ERROR_IO || !strstr(err.message, cases[i].field))
			fail_msg("case %zu: %s", i, err.message);
	}
}

static void test_kept_prices_stay(void **state)
{
	struct price_cloud *cloud = *state;
	struct db *db;
	struct error err = ERROR_INIT;

	pc_must_sync(cloud, DAYS(20), PC_NOW, NULL);
	assert_int_equal(db_open(cloud->file, NULL, false, &db, &err), 0);
	assert_int_equal(db_exec(db, "UPDATE price SET micros = 1", &err), -1);
	assert_int_equal(db_exec(db, "DELETE FROM price", &err), -1);
	db_close(db);
}

/* --- no room, no right ------------------------------------------------------------------------ */

/* Runs fn in a process of its own and returns its exit status. */
static int in_child(struct price_cloud *cloud, int (*fn)(struct price_cloud *cloud))
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(cloud));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int sync_all_90(struct price_cloud *cloud)
{
	struct price_sync sync;
	struct error err = ERROR_INIT;

	if (pc_sync(cloud, DAYS(90), PC_NOW, &sync, &err) == 0)
		return 0;
	print_error("%s\n", err.message); /* of a child: the parent fails the test */
	return 1;
}

static int without_room(struct price_cloud *cloud)
{
	struct rlimit limit = { 100000, 100000 };
	struct price_sync sync;
	struct error err = ERROR_INIT;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	if (pc_sync(cloud, DAYS(90), PC_NOW, &sync, &err) == 0)
		return 1;
	return err.kind == ERROR_IO && strstr(err.message, "price archive") ? 0 : 2;
}

/* Where a market's window counts as asked, every price of it is there; and nothing else is. */
static void check_whole(struct price_cloud *cloud)
{
	struct market_list list = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(pc_number(cloud, "SELECT count(*) FROM pragma_integrity_check"
					  " WHERE integrity_check <> 'ok'"),
			 0);
	assert_int_equal(pc_number(cloud, "SELECT count(*) FROM price"
					  " WHERE pool NOT IN (SELECT pool FROM cover)"),
			 0);
	if (pc_read(cloud, 0, PC_NOW, &list, &err) < 0) {
		assert_int_equal(err.kind, ERROR_NOT_FOUND);
		return;
	}
	for (size_t i = 0; i < cloud->nr; i++) {
		const struct pc_pool *pool = &cloud->v[i];

		for (size_t m = 0; m < list.nr; m++) {
			if (strcmp(list.v[m].type, pool->type) != 0)
				continue;
			const struct price_series *series = &list.v[m].series[0];
			for (size_t k = 0; k < pool->nr && pool->v[k].time < PC_NOW; k++) {
				int64_t t = pool->v[k].time;

				if (t >= series->v[0].time)
					assert_int_equal(pc_at(series, t), pool->v[k].micros);
			}
		}
	}
	market_list_release(&list);
}

static void test_no_room(void **state)
{
	struct price_cloud *cloud = *state;
	struct price_sync sync;

	assert_int_equal(in_child(cloud, without_room), 0);
	check_whole(cloud);
	pc_must_sync(cloud, DAYS(90), PC_NOW, &sync); /* there is room again */
	check_whole(cloud);
	assert_int_equal(pc_number(cloud, "SELECT count(*) FROM asked"), TYPES);
}

static int without_right(struct price_cloud *cloud)
{
	struct price_sync sync;
	struct error err = ERROR_INIT;

	if (geteuid() == 0 && setuid(65534) < 0)
		return 1;
	if (pc_sync(cloud, DAYS(90), PC_NOW, &sync, &err) == 0 || err.kind != ERROR_IO)
		return 2;
	return strstr(err.message, "price archive") && strstr(err.message, cloud->paths.data) ? 0
											      : 3;
}

static void test_read_only_home(void **state)
{
	struct price_cloud *cloud = *state;

	assert_int_equal(chmod(cloud->dir, 0555), 0);
	assert_int_equal(in_child(cloud, without_right), 0);
	assert_int_equal(chmod(cloud->dir, 0700), 0);
}

/* --- several at once, and killed --------------------------------------------------------------- */

static void test_at_once(void **state)
{
	struct price_cloud *cloud = *state;

	for (int round = 0; round < 10; round++) {
		pid_t pids[4];

		unlink(cloud->file);
		for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
			pids[i] = fork();
			assert_true(pids[i] >= 0);
			if (pids[i] == 0)
				_exit(sync_all_90(cloud));
		}
		for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
			int status = -1;

			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_int_equal(status, 0);
		}
		check_whole(cloud);
		assert_int_equal(pc_number(cloud, "SELECT count(*) FROM asked"), TYPES);
		assert_int_equal(pc_number(cloud, "SELECT count(*) FROM cover"), TYPES);
		assert_int_equal(pc_number(cloud, "SELECT count(*) FROM pool"), TYPES);
	}
}

static void test_killed(void **state)
{
	struct price_cloud *cloud = *state;
	struct rng_seeded seeded;
	struct rng rng = rng_seeded(&seeded, 5);

	for (int i = 0; i < KILLS; i++) {
		int status = -1;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(sync_all_90(cloud));
		usleep((useconds_t)rng_below(&rng, 40000));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (access(cloud->file, F_OK) < 0)
			continue;
		struct market_list list = { 0 };
		struct error err = ERROR_INIT;
		if (pc_read(cloud, 0, PC_NOW, &list, &err) < 0 && err.kind != ERROR_NOT_FOUND)
			fail_msg("%s", err.message);
		market_list_release(&list);
		check_whole(cloud);
		if (i % 5 == 4)
			unlink(cloud->file); /* and not its log: it is of no use to the next one */
	}
	pc_must_sync(cloud, DAYS(90), PC_NOW, NULL);
	check_whole(cloud);
	assert_int_equal(pc_number(cloud, "SELECT count(*) FROM asked"), TYPES);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_missing),
		TEST(test_private),
		TEST(test_no_database),
		TEST(test_corrupt_page),
		TEST(test_foreign),
		TEST(test_newer_and_other_currency),
		TEST(test_values_that_cannot_be),
		TEST(test_kept_prices_stay),
		TEST(test_no_room),
		TEST(test_read_only_home),
		TEST(test_at_once),
		TEST(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
