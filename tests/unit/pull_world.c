/* SPDX-License-Identifier: Apache-2.0 */
#include "pull_world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/mem.h"

static void on_progress(void *ctx, const struct sync_progress *progress)
{
	struct pull_world *world = ctx;

	assert_non_null(progress->path);
	assert_true(progress->done_bytes <= progress->bytes);
	assert_true(progress->done_files <= progress->files);
	world->told++;
	world->last = *progress;
	world->last.path = NULL;
}

static void on_note(void *ctx, const char *text)
{
	struct pull_world *world = ctx;

	assert_true(text[0] != '\0');
	world->notes++;
}

static int on_agree(void *ctx, const struct sync_plan *plan, struct error *err)
{
	struct pull_world *world = ctx;

	world->plan = *plan;
	world->asked++;
	return world->refuse ? error_set(err, ERROR_CANCELLED, "not agreed") : 0;
}

static void on_change(void *ctx, const char *what, const char *path)
{
	struct pull_world *world = ctx;

	assert_true(path[0] != '\0');
	if (!strcmp(what, "send"))
		world->sent++;
	else if (!strcmp(what, "remove"))
		world->removed++;
	else if (!strcmp(what, "touch"))
		world->touched++;
	else if (!strcmp(what, "make"))
		world->made++;
	else
		fail_msg("an unknown change '%s'", what);
}

static int64_t now_ms(void *ctx)
{
	(void)ctx;
	return clock_now_ms(&clock_system);
}

static int64_t mono_ms(void *ctx)
{
	(void)ctx;
	return clock_mono_ms(&clock_system);
}

/* Nobody waits for a connection to come back. */
static int sleep_ms(void *ctx, int64_t ms)
{
	(void)ctx;
	assert_true(ms > 0 && ms <= 8000);
	return 0;
}

static const struct clock hasty = { .now_ms = now_ms, .mono_ms = mono_ms, .sleep_ms = sleep_ms };

int pull_world_setup(void **state)
{
	struct pull_world *world = xcalloc(1, sizeof(*world));

	umask(077);
	fake_remote_init(&world->fake);
	snprintf(world->dir, sizeof(world->dir), "/tmp/gpucloud-pull-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	snprintf(world->near, sizeof(world->near), "%s/near", world->dir);
	snprintf(world->far, sizeof(world->far), "%s/far", world->fake.home);
	world->link = (struct sync_link){ .ops = &fake_remote_ops,
					  .remote = fake_remote_open(&world->fake),
					  .ctx = &world->fake,
					  .again = fake_remote_again,
					  .clock = &hasty };
	world->events = (struct sync_events){ .ctx = world,
					      .agree = on_agree,
					      .progress = on_progress,
					      .note = on_note,
					      .change = on_change };
	*state = world;
	return 0;
}

int pull_world_teardown(void **state)
{
	struct pull_world *world = *state;

	fake_remote_ops.close(world->link.remote);
	fake_remote_release(&world->fake);
	world_remove(world->dir);
	free(world);
	return 0;
}

int pull_world_pull(struct pull_world *world, const char *path)
{
	error_clear(&world->err);
	world->asked = world->made = 0;
	world->told = world->sent = world->removed = world->touched = world->notes = 0;
	world->result = (struct sync_result){ 0 };
	return sync_pull(&world->link, path, world->near, &world->options, &world->events,
			 &world->result, &world->err);
}

void pull_world_must(struct pull_world *world, const char *path)
{
	if (pull_world_pull(world, path) < 0)
		fail_msg("%s (%s; %s)", world->err.message, error_kind_name(world->err.kind),
			 world->err.hint);
}

static char *path_of(const char *root, const char *name)
{
	if (!name[0])
		return xstrdup(root);
	char *path = xasprintf("%s/%s", root, name);

	for (char *slash = path + strlen(root); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	return path;
}

void world_file(const char *root, const char *name, const void *data, size_t len, mode_t mode,
		int64_t mtime_ns)
{
	mkdir(root, 0755);
	char *path = path_of(root, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	if (mtime_ns != -1) {
		const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
						   { .tv_sec = (time_t)(mtime_ns / 1000000000),
						     .tv_nsec = (long)(mtime_ns % 1000000000) } };

		assert_int_equal(futimens(fd, times), 0);
	}
	close(fd);
	free(path);
}

void world_text(const char *root, const char *name, const char *text)
{
	world_file(root, name, text, strlen(text), 0644, -1);
}

void world_link(const char *root, const char *name, const char *target)
{
	mkdir(root, 0755);
	char *path = path_of(root, name);

	assert_int_equal(symlink(target, path), 0);
	free(path);
}

void world_folder(const char *root, const char *name, mode_t mode)
{
	mkdir(root, 0755);
	char *path = path_of(root, name);

	if (mkdir(path, 0700) < 0)
		assert_int_equal(errno, EEXIST);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

void world_noise(const char *root, const char *name, size_t size, uint32_t seed)
{
	char *data = xmalloc(size + 1);

	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525u + 1013904223u;
		data[i] = (char)(seed >> 24);
	}
	world_file(root, name, data, size, 0640, -1);
	free(data);
}

static int open_up(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)at;
	return kind == FTW_D || kind == FTW_DNR ? (chmod(path, 0700), 0) : 0;
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

void world_remove(const char *path)
{
	nftw(path, open_up, 70, FTW_PHYS);
	nftw(path, drop, 70, FTW_PHYS | FTW_DEPTH);
}

void world_remove_in(const char *root, const char *name)
{
	char *path = xasprintf("%s/%s", root, name);

	world_remove(path);
	free(path);
}

bool world_has(const char *root, const char *name)
{
	char *path = xasprintf("%s/%s", root, name);
	struct stat st;
	bool has = lstat(path, &st) == 0;

	free(path);
	return has;
}

char *world_read(const char *root, const char *name)
{
	char *path = name[0] ? xasprintf("%s/%s", root, name) : xstrdup(root);
	struct buf text = BUF_INIT_MAX((size_t)64 << 20);
	char chunk[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		fail_msg("there is no %s", path);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(&text, chunk, (size_t)n);
	close(fd);
	free(path);
	char *copy = xmalloc(text.len + 1);
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	buf_release(&text);
	return copy;
}

unsigned world_count(const char *folder)
{
	DIR *dir = opendir(folder);
	unsigned nr = 0;

	assert_non_null(dir);
	for (const struct dirent *item; (item = readdir(dir));)
		nr += strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0;
	closedir(dir);
	return nr;
}

static void equal_content(const char *a, const char *b, size_t size)
{
	char *x = world_read(a, ""), *y = world_read(b, "");

	if (memcmp(x, y, size) != 0)
		fail_msg("%s and %s hold different things", a, b);
	free(x);
	free(y);
}

static void equal(const char *a, const char *b, bool root);

static void equal_folder(const char *a, const char *b)
{
	DIR *dir = opendir(a);

	assert_non_null(dir);
	for (const struct dirent *item; (item = readdir(dir));) {
		if (!strcmp(item->d_name, ".") || !strcmp(item->d_name, ".."))
			continue;
		char *x = xasprintf("%s/%s", a, item->d_name);
		char *y = xasprintf("%s/%s", b, item->d_name);

		equal(x, y, false);
		free(x);
		free(y);
	}
	closedir(dir);
	if (world_count(a) != world_count(b))
		fail_msg("%s and %s hold another number of things", a, b);
}

static void equal(const char *a, const char *b, bool root)
{
	struct stat x, y;
	char to_a[4096] = "", to_b[4096] = "";

	if (lstat(a, &x) < 0 || lstat(b, &y) < 0)
		fail_msg("one is missing: %s, %s", a, b);
	if (x.st_mode != y.st_mode)
		fail_msg("modes differ: %s %o, %s %o", a, x.st_mode, b, y.st_mode);
	if (S_ISLNK(x.st_mode)) {
		assert_true(readlink(a, to_a, sizeof(to_a) - 1) > 0);
		assert_true(readlink(b, to_b, sizeof(to_b) - 1) > 0);
		assert_string_equal(to_a, to_b);
		return;
	}
	if (root && S_ISDIR(x.st_mode)) { /* keeps its own time where it was there before */
		equal_folder(a, b);
		return;
	}
	if (x.st_mtim.tv_sec != y.st_mtim.tv_sec || x.st_mtim.tv_nsec != y.st_mtim.tv_nsec)
		fail_msg("times differ: %s, %s", a, b);
	if (S_ISDIR(x.st_mode)) {
		equal_folder(a, b);
		return;
	}
	assert_int_equal(x.st_size, y.st_size);
	equal_content(a, b, (size_t)x.st_size);
}

void world_equal(const char *a, const char *b)
{
	equal(a, b, true);
}
