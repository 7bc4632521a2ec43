/* SPDX-License-Identifier: Apache-2.0 */
/* push where something goes wrong: files that change meanwhile, pushes that were cut off, Ctrl-C. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/interrupt.h"
#include "core/mem.h"
#include "ssh/worker.h"
#include "ssh_fixture.h"

#define BIG ((size_t)24 << 20)

static int setup(void **state)
{
	fixture_setup(state);
	fixture_start(*state);
	return 0;
}

/* A file of that many zeros here; its path. */
static char *make_file(const struct fixture *fixture, const char *name, size_t size)
{
	char *path = path_in(fixture->dir, name);

	write_file(path, "", 0, 0644);
	assert_int_equal(truncate(path, (off_t)size), 0);
	return path;
}

static int count_strays(const char *dir)
{
	DIR *folder = opendir(dir);
	const struct dirent *item;
	int nr = 0;

	assert_non_null(folder);
	while ((item = readdir(folder)))
		nr += strncmp(item->d_name, ".gpucloud-", 10) == 0;
	closedir(folder);
	return nr;
}

static bool is_there(const char *dir, const char *name)
{
	char *path = path_in(dir, name);
	struct stat st;
	bool there = lstat(path, &st) == 0;

	free(path);
	return there;
}

static const char *cut_path;

static void cut_short(void *ctx, const char *path, uint64_t files, uint64_t bytes)
{
	(void)ctx;
	(void)path;
	(void)files;
	if (cut_path && bytes > 0) {
		assert_int_equal(truncate(cut_path, 4096), 0);
		cut_path = NULL;
	}
}

static void test_a_file_that_shrinks(void **state)
{
	struct fixture *fixture = *state;
	const struct remote_progress progress = { NULL, cut_short };
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	char *path = make_file(fixture, "log", BIG);

	cut_path = path;
	assert_int_equal(remote_ssh.push(remote, path, "log", &progress, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_true(err.retryable);
	assert_non_null(strstr(err.message, "'log' ended at byte"));
	assert_false(is_there(fixture->home, "log"));
	assert_int_equal(count_strays(fixture->home), 0);

	/* the connection is as good as before, and what stays as it is goes through */
	struct error none = ERROR_INIT;
	must_work(remote_ssh.push(remote, path, "log", &progress, &none), &none);
	assert_true(is_there(fixture->home, "log"));
	free(path);
	remote_ssh.close(remote);
}

/* The kernel's own files say 0 and are read to their end, but not without one. */
static void test_a_file_without_a_size(void **state)
{
	struct fixture *fixture = *state;
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;

	must_work(remote_ssh.push(remote, "/proc/self/status", "status", NULL, &err), &err);
	assert_true(is_there(fixture->home, "status"));
	if (access("/proc/self/pagemap", R_OK) == 0) {
		assert_int_equal(remote_ssh.push(remote, "/proc/self/pagemap", "map", NULL, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_UNSUPPORTED);
		assert_non_null(strstr(err.message, "more than 16 MiB"));
		assert_false(is_there(fixture->home, "map"));
	}
	remote_ssh.close(remote);
}

static void put_old(const char *dir, const char *name, int age_s)
{
	char *path = path_in(dir, name);
	const struct timespec when[2] = { { .tv_sec = time(NULL) - age_s },
					  { .tv_sec = time(NULL) - age_s } };

	if (!is_there(dir, name))
		write_file(path, "half", 4, 0666);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, when, AT_SYMLINK_NOFOLLOW), 0);
	free(path);
}

static const struct {
	const char *name;
	int age_s;
	bool stays;
} strays[] = {
	{ ".gpucloud-0123456789abcdef", 300, false },
	{ ".gpucloud-0000000000000000", 100000, false },
	{ ".gpucloud-aaaaaaaaaaaaaaaa", 20, true },   /* somebody may be at it */
	{ ".gpucloud-aaaaaaaaaaaaaaaa1", 300, true }, /* none of ours */
	{ ".gpucloud-aaaaaaaaaaaaaaa", 300, true },
	{ ".gpucloud-AAAAAAAAAAAAAAAA", 300, true },
	{ ".gpucloud-aaaaaaaaaaaaaaa\n", 300, true },
	{ "gpucloud-0123456789abcdef0", 300, true },
	{ ".gpucloud-bbbbbbbbbbbbbbbb", 300, true },  /* a folder */
	{ ".gpucloud-cccccccccccccccc", 300, false }, /* a link */
};

static void plant_strays(const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(strays); i++) {
		char *path = path_in(dir, strays[i].name);

		if (strstr(strays[i].name, "-bbbb"))
			assert_int_equal(mkdir(path, 0777), 0);
		if (strstr(strays[i].name, "-cccc"))
			assert_int_equal(symlink("/nonexistent", path), 0);
		put_old(dir, strays[i].name, strays[i].age_s);
		free(path);
	}
}

static void check_strays(const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(strays); i++)
		if (is_there(dir, strays[i].name) != strays[i].stays)
			fail_msg("'%s' %s", strays[i].name, strays[i].stays ? "is gone" : "stays");
}

static void test_leftovers_are_removed(void **state)
{
	struct fixture *fixture = *state;
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	char *file = make_file(fixture, "file", 100), *tree = path_in(fixture->dir, "tree");
	char *into = path_in(fixture->home, "into"), *sub = path_in(into, "sub");

	/* a file into the login folder, under its own name and under another's */
	plant_strays(fixture->home);
	must_work(remote_ssh.push(remote, file, "file", NULL, &err), &err);
	check_strays(fixture->home);

	/* a tree into folders that are there */
	assert_int_equal(mkdir(tree, 0755), 0);
	char *inner = path_in(tree, "sub");
	assert_int_equal(mkdir(inner, 0755), 0);
	char *leaf = path_in(inner, "f");
	write_file(leaf, "x", 1, 0644);
	free(leaf);
	assert_int_equal(mkdir(into, 0777), 0);
	assert_int_equal(mkdir(sub, 0777), 0);
	plant_strays(into);
	plant_strays(sub);
	must_work(remote_ssh.push(remote, tree, "into", NULL, &err), &err);
	check_strays(into);
	check_strays(sub);
	assert_true(is_there(sub, "f"));

	/* into a folder named by a '/' at its end */
	put_old(sub, ".gpucloud-0123456789abcdef", 300);
	must_work(remote_ssh.push(remote, file, "into/sub/", NULL, &err), &err);
	check_strays(sub);
	free(inner);
	free(sub);
	free(into);
	free(tree);
	free(file);
	remote_ssh.close(remote);
}

static void interrupt_it(void *ctx, const char *path, uint64_t files, uint64_t bytes)
{
	(void)ctx;
	(void)path;
	(void)files;
	(void)bytes;
	if (!interrupted())
		raise(SIGINT);
}

/* The last test: Ctrl-C cannot be taken back. */
static void test_interrupted(void **state)
{
	struct fixture *fixture = *state;
	const struct remote_progress progress = { NULL, interrupt_it };
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	char *path = make_file(fixture, "big", BIG);

	interrupt_install();
	int64_t start = now_ms();
	assert_int_equal(remote_ssh.push(remote, path, "big", &progress, &err), -1);
	assert_int_equal(err.kind, ERROR_CANCELLED);
	assert_true(now_ms() - start < 6000);
	assert_int_equal(count_strays(fixture->home), 0);
	assert_false(is_there(fixture->home, "big"));
	/* as ever, the connection is closed for good */
	struct error after = ERROR_INIT;
	assert_int_equal(remote_ssh.push(remote, path, "big", NULL, &after), -1);
	assert_string_equal(after.code, "ConnectionClosed");
	free(path);
	remote_ssh.close(remote);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_file_that_shrinks, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_a_file_without_a_size, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_leftovers_are_removed, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_interrupted, setup, fixture_teardown),
	};

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	if (fixture_missing()) {
		printf("skipped: %s\n", fixture_missing());
		return 77;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
