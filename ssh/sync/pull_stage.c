/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/sync/ignore.h"
#include "ssh/sync/pull_internal.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define BOOT_MAX 64

static int fail(const struct stage *stage, const char *verb, struct error *err)
{
	return error_errno(err, ERROR_IO, "cannot %s '%s'", verb,
			   shown_of(stage->name, strlen(stage->name)).text);
}

/* --- removing ------------------------------------------------------------------------------ */

static int remove_folder(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, OPEN_DIR);
	const struct dirent *item;
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
		fchmod(fd, 0700);
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -1;
	}
	while (rc == 0 && (item = readdir(dir)))
		if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
			rc = stage_remove_name(fd, item->d_name);
	int saved = errno;
	closedir(dir);
	errno = saved;
	return rc < 0 ? -1 : unlinkat(dir_fd, name, AT_REMOVEDIR);
}

int stage_remove_name(int dir_fd, const char *name)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(dir_fd, name, 0);
	if ((st.st_mode & 0500) != 0500)
		fchmodat(dir_fd, name, 0700, 0);
	return remove_folder(dir_fd, name);
}

/* --- opening ------------------------------------------------------------------------------- */

/* Ours, shut to others, locked, and still the one of that name. 1: gone meanwhile. */
static int lock(struct stage *stage, struct error *err)
{
	struct stat st, named;

	if (fstat(stage->fd, &st) < 0)
		return fail(stage, "look at", err);
	if (st.st_uid != geteuid() || (st.st_mode & 077)) {
		error_set(err, ERROR_CONFLICT, "'%s' is not a folder of ours alone",
			  shown_of(stage->name, strlen(stage->name)).text);
		return error_hint(err, "what a pull keeps there while it runs must be out of "
				       "reach of others: remove it");
	}
	if (flock(stage->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		error_set(err, ERROR_CONFLICT, "another pull into the same target is under way");
		return error_hint(err, "wait until it has ended");
	}
	if (fstatat(stage->dir_fd, stage->name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    named.st_ino != st.st_ino || named.st_dev != st.st_dev)
		return 1;
	return 0;
}

/* Beside the target, so that a rename does; or in it, where it is the root of a disk, or what is
 * above it is not ours. */
static void choose(struct stage *stage, const struct fetch_target *target, bool single)
{
	bool beside = !single && target->parent_fd >= 0;
	struct stat parent, root;
	char hashed[STAGE_NAME_MAX];

	if (beside && target->root_fd >= 0 &&
	    (fstat(target->parent_fd, &parent) < 0 || fstat(target->root_fd, &root) < 0 ||
	     parent.st_dev != root.st_dev ||
	     faccessat(target->parent_fd, ".", W_OK | X_OK, AT_EACCESS) < 0))
		beside = false;
	stage->dir_fd = beside ? target->parent_fd : target->root_fd;
	/* a name that long would be too long with ours around it */
	stage_name(target->leaf, hashed);
	snprintf(stage->name, sizeof(stage->name), ".%s" IGNORE_PULL_SUFFIX,
		 strlen(target->leaf) > 200 ? hashed : target->leaf);
}

static int make_and_lock(struct stage *stage, struct error *err)
{
	for (int turn = 0; turn < 10; turn++) {
		if (mkdirat(stage->dir_fd, stage->name, 0700) < 0 && errno != EEXIST)
			return fail(stage, "make the folder", err);
		stage->fd = openat(stage->dir_fd, stage->name, OPEN_DIR);
		if (stage->fd < 0 && errno == ENOENT)
			continue;
		if (stage->fd < 0)
			return fail(stage, "open the folder", err);
		int rc = lock(stage, err);
		if (rc == 0)
			return 0;
		stage_close(stage);
		if (rc < 0)
			return -1;
	}
	return error_set(err, ERROR_CONFLICT, "another pull into the same target is under way");
}

/* --- what is in it -------------------------------------------------------------------------- */

static ssize_t read_short(int dir_fd, const char *name, char *buf, size_t size)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t n = read(fd, buf, size);
	close(fd);
	return n;
}

/* A time that no listing has: then only what the machine vouches for by its hash is taken. */
static void doubt(const struct stage *stage, const char *name)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1 } };

	utimensat(stage->fd, name, times, AT_SYMLINK_NOFOLLOW);
}

static int each(struct stage *stage,
		int (*fn)(struct stage *stage, const char *name, void *ctx, struct error *err),
		void *ctx, struct error *err)
{
	int fd = openat(stage->fd, ".", OPEN_DIR);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *item;
	int rc = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return fail(stage, "read the folder", err);
	}
	while (rc == 0 && (item = readdir(dir)))
		if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
			rc = fn(stage, item->d_name, ctx, err);
	closedir(dir);
	return rc;
}

static int doubt_one(struct stage *stage, const char *name, void *ctx, struct error *err)
{
	(void)ctx;
	(void)err;
	doubt(stage, name);
	return 0;
}

/* What was written before this computer last started may be there by its name and size alone. */
static int check_boot(struct stage *stage, struct error *err)
{
	char now[BOOT_MAX] = "", then[BOOT_MAX] = "";
	ssize_t n = read_short(AT_FDCWD, "/proc/sys/kernel/random/boot_id", now, sizeof(now));
	ssize_t m = read_short(stage->fd, "boot", then, sizeof(then));

	if (n > 0 && n == m && !memcmp(now, then, sizeof(now)))
		return 0;
	if (each(stage, doubt_one, NULL, err) < 0)
		return -1;
	int fd = stage_create(stage->fd, "boot");
	int rc = fd < 0 ? -1 : stage_write(fd, now, n > 0 ? (size_t)n : 0);
	if (fd >= 0)
		close(fd);
	return rc < 0 ? fail(stage, "write into", err) : 0;
}

/* A new folder that was never put in its place: its files go back, and are put there again. */
static int harvest(struct stage *stage, struct error *err)
{
	int fd = openat(stage->fd, "new", OPEN_DIR);
	struct manifest there = { 0 };
	struct way way;
	int rc = 0;

	if (fd < 0)
		return 0;
	fchmod(fd, 0700);
	way_init(&way, fd, true);
	if (manifest_scan(fd, NULL, NULL, &there, err) < 0) {
		error_clear(err); /* not worth a failure: it comes again */
		there.nr = 0;
	}
	for (size_t i = 0; i < there.nr; i++) {
		char name[STAGE_NAME_MAX];
		const char *leaf;

		if (there.v[i].type != TREE_FILE)
			continue;
		stage_name(there.v[i].path, name);
		int dir_fd = way_to(&way, there.v[i].path, &leaf);
		if (dir_fd >= 0)
			renameat(dir_fd, leaf, stage->fd, name);
	}
	way_release(&way);
	manifest_release(&there);
	close(fd);
	if (stage_remove_name(stage->fd, "new") < 0)
		rc = fail(stage, "tidy up", err);
	return rc;
}

int stage_open(struct stage *stage, const struct fetch *fetch, struct error *err)
{
	choose(stage, &fetch->target, fetch->name != NULL);
	if (make_and_lock(stage, err) < 0)
		return -1;
	if (check_boot(stage, err) == 0 && harvest(stage, err) == 0)
		return 0;
	stage_close(stage);
	return -1;
}

void stage_sweep(struct stage *stage, const struct fetch *fetch)
{
	struct error ignored = ERROR_INIT;
	struct stat st;

	choose(stage, &fetch->target, fetch->name != NULL);
	if (stage->dir_fd >= 0 &&
	    fstatat(stage->dir_fd, stage->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    make_and_lock(stage, &ignored) == 0)
		stage_remove(stage);
}

uint64_t stage_has(const struct stage *stage, const struct fetch *fetch,
		   const struct fetch_item *item, bool *whole)
{
	char name[STAGE_NAME_MAX];
	struct stat st;

	*whole = false;
	stage_name(fetch_there(fetch, item), name);
	if (fstatat(stage->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	uint64_t size = (uint64_t)st.st_size;
	int64_t time = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	*whole = size == item->far->size && fetch_same_time(fetch, time, item->far->mtime_ns);
	if (*whole)
		return size;
	return size >= FETCH_PARTIAL_MIN && size <= item->far->size ? size : 0;
}

/* --- what is left over ----------------------------------------------------------------------- */

struct names {
	char (*v)[STAGE_NAME_MAX];
	size_t nr;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int drop_unwanted(struct stage *stage, const char *name, void *ctx, struct error *err)
{
	const struct names *names = ctx;

	if (!strcmp(name, "boot") ||
	    (names->nr > 0 && bsearch(name, names->v, names->nr, STAGE_NAME_MAX, by_name)))
		return 0;
	return stage_remove_name(stage->fd, name) < 0 ? fail(stage, "tidy up", err) : 0;
}

int stage_prune(struct stage *stage, const struct fetch *fetch, struct error *err)
{
	struct names names = { 0 };

	names.v = xcalloc(fetch->far.nr + 1, STAGE_NAME_MAX);
	for (size_t i = 0; i < fetch->far.nr; i++)
		if (fetch->items[i].what == FETCH_SEND &&
		    (fetch->items[i].staged || fetch->items[i].partial > 0))
			stage_name(fetch_there(fetch, &fetch->items[i]), names.v[names.nr++]);
	qsort(names.v, names.nr, STAGE_NAME_MAX, by_name);
	int rc = each(stage, drop_unwanted, &names, err);
	free(names.v);
	return rc;
}

void stage_close(struct stage *stage)
{
	if (stage->fd >= 0)
		close(stage->fd);
	stage->fd = -1;
}

void stage_remove(struct stage *stage)
{
	/* the lock is held until it is gone */
	if (stage->fd >= 0)
		stage_remove_name(stage->dir_fd, stage->name);
	stage_close(stage);
}
