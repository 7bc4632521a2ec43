/* SPDX-License-Identifier: Apache-2.0 */
/* Looks kept between runs: what comes back, what is forgotten, and a file that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "fleet/idle_store.h"
#include "fleet/look.h"
#include "fleet/probe.h"
#include "fleet/reap.h"

#define T0 INT64_C(1700000000)

static char dir[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/gpucloud-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "samples.db", "samples.db-wal", "samples.db-shm",
					     "samples.db.corrupt" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static struct idle_store *open_store(bool expect_aside)
{
	struct idle_store *store = NULL;
	struct error err = ERROR_INIT;
	bool aside = false;

	if (idle_store_open(dir, &aside, &store, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(aside, expect_aside);
	return store;
}

static struct probe look_at(int64_t taken)
{
	static const char text[] = "probe 1\nboot 8144d298-762e-4ea7-9bf8-5c6c6eb957b5\nup 99\n"
				   "cpus 8\ncpu 5\nload 0.07\nnet 7\ndisk 9\nusers 0\njob none\n"
				   "ttl none\ngpu 0, T4, 3, 1, [N/A]\ngpus 1\nprocesses 0\nend\n";
	struct probe probe;

	probe_read(text, sizeof(text) - 1, taken, &probe);
	assert_true(probe.whole);
	return probe;
}

static void keep(struct idle_store *store, const char *instance, const struct probe *look)
{
	struct error err = ERROR_INIT;

	if (idle_store_add(store, "1234", instance, look, 3600, &err) < 0)
		fail_msg("%s", err.message);
}

static size_t count(struct idle_store *store, const char *scope, const char *instance,
		    int64_t since)
{
	struct error err = ERROR_INIT;
	struct probe *v = NULL;
	size_t nr = 0;

	if (idle_store_looks(store, scope, instance, since, &v, &nr, &err) < 0)
		fail_msg("%s", err.message);
	for (size_t i = 1; i < nr; i++)
		assert_true(v[i].taken > v[i - 1].taken);
	free(v);
	return nr;
}

/* `idle --window 1m` must not cost `reap` what it goes by. */
static void a_short_look_keeps_the_long_ones(void **state)
{
	struct idle_store *store = open_store(false);
	const struct tag tag = { TAG_IDLE, "43200" };
	struct instance instance = { .id = "i-1", .tags = &tag, .nr_tags = 1 };
	struct error err = ERROR_INIT;

	(void)state;
	for (int64_t i = 0; i < 3; i++) {
		struct look look = { .instance = &instance,
				     .reached = true,
				     .probe = look_at(T0 + i * 64800) };

		/* An hour before the end of a day and a half. */
		assert_int_equal(look_keep(store, "1234", &look, 60, &err), 0);
		assert_int_equal(count(store, "1234", "i-1", 0), i + 1);
	}
	instance.nr_tags = 0; /* without a policy of its own: by what was asked */
	struct look look = { .instance = &instance,
			     .reached = true,
			     .probe = look_at(T0 + 129601) };
	assert_int_equal(look_keep(store, "1234", &look, 60, &err), 0);
	assert_int_equal(count(store, "1234", "i-1", 0), 3);
	idle_store_close(store);
}

static void kept_and_forgotten(void **state)
{
	struct idle_store *store = open_store(false);
	struct error err = ERROR_INIT;
	struct probe *v, look, partial;
	size_t nr;

	(void)state;
	for (int64_t i = 0; i < 10; i++) {
		look = look_at(T0 + i * 300);
		keep(store, "i-1", &look);
	}
	keep(store, "i-2", &look);
	idle_store_close(store);
	store = open_store(false);
	assert_int_equal(count(store, "1234", "i-1", 0), 10);
	assert_int_equal(count(store, "1234", "i-1", T0 + 2700), 1);
	assert_int_equal(count(store, "1234", "i-1", T0 + 2701), 0);
	assert_int_equal(count(store, "1234", "i-2", 0), 1);
	assert_int_equal(count(store, "9999", "i-1", 0), 0); /* another account */
	/* The same second twice is one look; older ones than an hour go with the next. */
	keep(store, "i-1", &look);
	assert_int_equal(count(store, "1234", "i-1", 0), 10);
	look = look_at(T0 + 3600);
	keep(store, "i-1", &look);
	assert_int_equal(count(store, "1234", "i-1", 0), 11);
	look = look_at(T0 + 3601);
	keep(store, "i-1", &look);
	assert_int_equal(count(store, "1234", "i-1", 0), 11);
	probe_failed("nvidia-smi timed out", T0 + 3700, &partial);
	keep(store, "i-1", &partial);
	assert_int_equal(idle_store_looks(store, "1234", "i-1", T0 + 3601, &v, &nr, &err), 0);
	assert_int_equal(nr, 2);
	assert_true(v[0].whole && v[0].gpus_known && v[0].gpus[0].busy_percent == 3);
	assert_false(v[1].whole);
	assert_string_equal(v[1].trouble, "nvidia-smi timed out");
	free(v);
	assert_int_equal(idle_store_forget(store, "1234", "i-1", &err), 0);
	assert_int_equal(count(store, "1234", "i-1", 0), 0);
	assert_int_equal(count(store, "1234", "i-2", 0), 1);
	idle_store_close(store);
}

static int64_t marked(struct idle_store *store, enum idle_mark mark)
{
	struct error err = ERROR_INIT;
	int64_t at = -1;

	assert_int_equal(idle_store_marked(store, "1234", "i-1", mark, &at, &err), 0);
	return at;
}

static void marks(void **state)
{
	struct idle_store *store = open_store(false);
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(marked(store, IDLE_MARK_IDLE), 0);
	assert_int_equal(idle_store_mark(store, "1234", "i-1", IDLE_MARK_IDLE, T0, &err), 0);
	assert_int_equal(idle_store_mark(store, "1234", "i-1", IDLE_MARK_BUDGET, T0 + 1, &err), 0);
	assert_int_equal(marked(store, IDLE_MARK_IDLE), T0);
	assert_int_equal(marked(store, IDLE_MARK_BUDGET), T0 + 1);
	assert_int_equal(idle_store_mark(store, "1234", "i-1", IDLE_MARK_IDLE, 0, &err), 0);
	assert_int_equal(marked(store, IDLE_MARK_IDLE), 0);
	assert_int_equal(marked(store, IDLE_MARK_BUDGET), T0 + 1);
	idle_store_close(store);
}

static void corrupt(void **state)
{
	struct error err = ERROR_INIT;
	struct probe look = look_at(T0);
	char path[128];

	(void)state;
	struct idle_store *store = open_store(false);
	keep(store, "i-1", &look);
	idle_store_close(store);
	snprintf(path, sizeof(path), "%s/samples.db", dir);
	assert_int_equal(file_write(path, "no database at all, in no way", 29, 0600, &err), 0);
	store = open_store(true);
	assert_int_equal(count(store, "1234", "i-1", 0), 0);
	keep(store, "i-1", &look);
	idle_store_close(store);
	store = open_store(false);
	assert_int_equal(count(store, "1234", "i-1", 0), 1);
	idle_store_close(store);
}

static void cannot_be_opened(void **state)
{
	struct idle_store *store = NULL;
	struct error err = ERROR_INIT;
	char path[128];
	bool aside;

	(void)state;
	snprintf(path, sizeof(path), "%s/samples.db", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(idle_store_open(dir, &aside, &store, &err), -1);
	assert_null(store);
	assert_false(aside); /* a folder is not ours to rename */
	rmdir(path);
}

/* Two programs at once: nothing is lost, nobody fails. */
static void two_writers(void **state)
{
	(void)state;
	idle_store_close(open_store(false));
	for (int child = 0; child < 4; child++)
		if (fork() == 0) {
			struct idle_store *store = NULL;
			struct error err = ERROR_INIT;
			bool aside;
			int rc = idle_store_open(dir, &aside, &store, &err);

			for (int64_t i = 0; i < 25 && rc == 0; i++) {
				struct probe look = look_at(T0 + i * 4 + child);

				rc = idle_store_add(store, "1234", "i-1", &look, 3600, &err);
			}
			_exit(rc ? 1 : 0);
		}
	for (int child = 0; child < 4; child++) {
		int status = -1;

		wait(&status);
		assert_int_equal(status, 0);
	}
	struct idle_store *store = open_store(false);
	assert_int_equal(count(store, "1234", "i-1", 0), 100);
	idle_store_close(store);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_short_look_keeps_the_long_ones),
		TEST(kept_and_forgotten),
		TEST(marks),
		TEST(corrupt),
		TEST(cannot_be_opened),
		TEST(two_writers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
