/* SPDX-License-Identifier: Apache-2.0 */
/* Folders, atomic files and locks, with what a hostile or broken file system offers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"

static char *folder; /* of this test */

static int enter(void **state)
{
	(void)state;
	folder = xstrdup("/tmp/gpucloud-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		char *child = xasprintf("%s/%s", path, entry->d_name);
		if (unlink(child) < 0)
			remove_tree(child);
		free(child);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static int leave(void **state)
{
	(void)state;
	remove_tree(folder);
	free(folder);
	return 0;
}

static size_t count_entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_dir_make(void **state)
{
	struct error err = ERROR_INIT;
	char *deep = xasprintf("%s/a/b//c/", folder), *b = xasprintf("%s/a/b", folder);
	char *c = xasprintf("%s/a/b/c", folder), *file = xasprintf("%s/file", folder);
	char *link = xasprintf("%s/link", folder), *slashed = xasprintf("%s/link/", folder);

	(void)state;
	mode_t old = umask(0);
	assert_int_equal(dir_make(deep, &err), 0);
	umask(old);
	assert_int_equal(mode_of(b), 0700);
	assert_int_equal(mode_of(c), 0700);
	assert_int_equal(dir_make(deep, &err), 0);
	assert_int_equal(dir_make("/", &err), 0);

	assert_int_equal(file_write(file, "x", 1, 0600, &err), 0);
	assert_int_equal(dir_make(file, &err), -1);
	assert_non_null(strstr(err.message, "is not a folder"));
	assert_int_equal(symlink(c, link), 0);
	assert_int_equal(dir_make(link, &err), -1);
	assert_non_null(strstr(err.message, "is a symbolic link"));
	assert_int_equal(dir_make(slashed, &err), -1);
	assert_int_equal(dir_make("", &err), -1);

	/* Under a file, and where others may write. */
	char *under = xasprintf("%s/file/x", folder);
	assert_int_equal(dir_make(under, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_int_equal(chmod(c, 0770), 0);
	assert_int_equal(dir_make(c, &err), -1);
	assert_non_null(strstr(err.hint, "chmod go-w"));
	assert_int_equal(chmod(c, 0755), 0);
	assert_int_equal(dir_make(c, &err), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(c, 12345, 12345), 0);
		assert_int_equal(dir_make(c, &err), -1);
		assert_non_null(strstr(err.message, "belongs to uid 12345"));
	}
	free(deep);
	free(b);
	free(c);
	free(file);
	free(link);
	free(slashed);
	free(under);
}

static void test_write_and_read(void **state)
{
	struct error err = ERROR_INIT;
	struct buf out = BUF_INIT;
	char *path = xasprintf("%s/f", folder), *target = xasprintf("%s/t", folder);
	static const char bytes[] = "a\0b\n";

	(void)state;
	assert_int_equal(file_write(path, bytes, 4, 0600, &err), 0);
	assert_int_equal(mode_of(path), 0600);
	buf_addstr(&out, "before:");
	assert_int_equal(file_read(path, 4, &out, &err), 0);
	assert_int_equal(out.len, 11);
	assert_memory_equal(out.data, "before:a\0b\n", 11);

	/* One byte over: an error, and out as it was. */
	assert_int_equal(file_read(path, 3, &out, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_non_null(strstr(err.message, "larger than 3 bytes"));
	assert_int_equal(out.len, 11);

	/* Replaces content and mode; through a link it replaces the link. */
	assert_int_equal(file_write(path, "", 0, 0644, &err), 0);
	assert_int_equal(mode_of(path), 0644);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(file_write(path, "new", 3, 0600, &err), 0);
	buf_clear(&out);
	assert_int_equal(file_read(target, 10, &out, &err), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(file_read(path, 10, &out, &err), 0);
	assert_string_equal(out.data, "new");
	assert_int_equal(count_entries(folder), 2);
	buf_release(&out);
	free(path);
	free(target);
}

static void test_read_refusals(void **state)
{
	struct error err = ERROR_INIT;
	struct buf out = BUF_INIT, small = BUF_INIT_MAX(2);
	char *fifo = xasprintf("%s/fifo", folder), *absent = xasprintf("%s/none", folder);
	char *f = xasprintf("%s/f", folder), *under = xasprintf("%s/f/x", folder);

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(file_read(fifo, 10, &out, &err), -1); /* and does not wait */
	assert_non_null(strstr(err.message, "not a regular file"));
	assert_int_equal(file_read("/dev/zero", 10, &out, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_int_equal(file_read(folder, 10, &out, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_int_equal(file_read(absent, 10, &out, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(file_write(f, "abc", 3, 0600, &err), 0);
	assert_int_equal(file_read(under, 10, &out, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(file_read(f, 10, &small, &err), -1); /* the buffer's own ceiling */
	assert_int_equal(err.kind, ERROR_IO);
	assert_int_equal(out.len, 0);
	buf_release(&out);
	buf_release(&small);
	free(fifo);
	free(absent);
	free(f);
	free(under);
}

/* A disk that takes no more: RLIMIT_FSIZE fails as ENOSPC does, in the middle of a write. */
static void test_write_fails_whole(void **state)
{
	struct error err = ERROR_INIT;
	struct buf out = BUF_INIT;
	char *path = xasprintf("%s/f", folder), *absent = xasprintf("%s/no/f", folder);
	char *big = xcalloc(1, 1 << 20);

	(void)state;
	assert_int_equal(file_write(path, "old", 3, 0600, &err), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit limit = { 65536, 65536 };

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		int rc = file_write(path, big, 1 << 20, 0600, &err);
		_exit(rc == -1 && err.kind == ERROR_IO && strstr(err.message, "cannot write") ? 0
											      : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(file_read(path, 10, &out, &err), 0);
	assert_string_equal(out.data, "old");
	assert_int_equal(count_entries(folder), 1);

	assert_int_equal(file_write(absent, "x", 1, 0600, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	buf_release(&out);
	free(big);
	free(path);
	free(absent);
}

static void test_lock(void **state)
{
	struct error err = ERROR_INIT;
	char *path = xasprintf("%s/lock", folder), *link = xasprintf("%s/link", folder);
	int fd = file_lock(path, &err);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(file_lock(path, &err), -2);
	assert_int_equal(err.kind, ERROR_NONE);
	close(fd);
	fd = file_lock(path, &err);
	assert_true(fd >= 0);
	close(fd);

	/* It dies with its holder. */
	pid_t pid = fork();
	if (pid == 0)
		_exit(file_lock(path, &err) >= 0 ? 0 : 1);
	int status = -1;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	fd = file_lock(path, &err);
	assert_true(fd >= 0);
	close(fd);

	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(file_lock(link, &err), -1);
	assert_int_equal(file_lock(folder, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	free(path);
	free(link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dir_make, enter, leave),
		cmocka_unit_test_setup_teardown(test_write_and_read, enter, leave),
		cmocka_unit_test_setup_teardown(test_read_refusals, enter, leave),
		cmocka_unit_test_setup_teardown(test_write_fails_whole, enter, leave),
		cmocka_unit_test_setup_teardown(test_lock, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
