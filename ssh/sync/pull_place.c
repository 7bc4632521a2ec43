/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All has arrived: it is put in place, by renames within folders that are opened one after the other,
 * never through a link. First everything is on disk, then names change, so that whatever happens
 * in between leaves of each file the old or the new. Modes and times of folders come last, as a
 * mode may be one that even we cannot write through.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "ssh/sync/pull_internal.h"

#define NS 1000000000

struct placing {
	struct fetch *fetch;
	struct way way;
};

static int fail(const char *verb, const char *path, struct error *err)
{
	return error_errno(err, ERROR_IO, "cannot %s '%s'", verb,
			   path[0] ? shown_of(path, strlen(path)).text : ".");
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS - (ns % NS < 0)),
				  .tv_nsec = (long)((ns % NS + NS) % NS) };
}

static int set_time(int dir_fd, const char *leaf, int64_t ns)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, timespec_of(ns) };

	return utimensat(dir_fd, leaf, times, AT_SYMLINK_NOFOLLOW);
}

static int64_t time_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * NS + st->st_mtim.tv_nsec;
}

/* What is there of another type goes to the staging folder, and with it: at once if that can be. */
static int trade(const struct stage *stage, const char *name, int dir_fd, const char *leaf,
		 const struct manifest_entry *near)
{
	char old[STAGE_NAME_MAX + 8];

	if (near->type == TREE_DIR && (near->mode & 0700) != 0700)
		fchmodat(dir_fd, leaf, near->mode | 0700, 0);
	if (renameat2(stage->fd, name, dir_fd, leaf, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS && errno != ENOENT)
		return -1;
	snprintf(old, sizeof(old), "old-%s", name);
	if (renameat(dir_fd, leaf, stage->fd, old) < 0 && errno != ENOENT)
		return -1;
	return renameat(stage->fd, name, dir_fd, leaf);
}

static int put(struct placing *placing, const struct fetch_item *item, const char *name, int dir_fd,
	       const char *leaf)
{
	const struct stage *stage = &placing->fetch->stage;

	if (item->replace)
		return trade(stage, name, dir_fd, leaf, item->near);
	return renameat(stage->fd, name, dir_fd, leaf);
}

/* The last look, at its last place. */
static int check_file(const struct fetch *fetch, const struct fetch_item *item, int dir_fd,
		      const char *leaf)
{
	struct stat st;

	if (fstatat(dir_fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != item->far->size ||
	    !fetch_same_time(fetch, time_of(&st), item->far->mtime_ns)) {
		errno = ESTALE;
		return -1;
	}
	return (st.st_mode & 07777) == item->far->mode ? 0
						       : fchmodat(dir_fd, leaf, item->far->mode, 0);
}

static int place_file(struct placing *placing, const struct fetch_item *item, int dir_fd,
		      const char *leaf)
{
	char name[STAGE_NAME_MAX];

	stage_name(fetch_there(placing->fetch, item), name);
	if (put(placing, item, name, dir_fd, leaf) < 0)
		return -1;
	placing->fetch->result.files++;
	placing->fetch->result.bytes += item->far->size;
	return check_file(placing->fetch, item, dir_fd, leaf);
}

static int place_link(struct placing *placing, const struct fetch_item *item, int dir_fd,
		      const char *leaf)
{
	const struct stage *stage = &placing->fetch->stage;
	char name[STAGE_NAME_MAX];

	stage_name(fetch_there(placing->fetch, item), name);
	if (stage_remove_name(stage->fd, name) < 0 ||
	    symlinkat(item->far->target, stage->fd, name) < 0)
		return -1;
	placing->fetch->result.files++;
	return put(placing, item, name, dir_fd, leaf);
}

static int place_folder(struct placing *placing, const struct fetch_item *item, int dir_fd,
			const char *leaf)
{
	const struct stage *stage = &placing->fetch->stage;
	char name[STAGE_NAME_MAX];
	struct stat st;

	placing->fetch->result.folders++;
	if (item->replace) {
		stage_name(fetch_there(placing->fetch, item), name);
		if (stage_remove_name(stage->fd, name) < 0 || mkdirat(stage->fd, name, 0700) < 0)
			return -1;
		return put(placing, item, name, dir_fd, leaf);
	}
	if (mkdirat(dir_fd, leaf, 0700) == 0)
		return 0;
	if (errno != EEXIST || fstatat(dir_fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode) ? 0 : -1;
}

static int touch(const struct fetch_item *item, int dir_fd, const char *leaf)
{
	struct stat st;

	if (fstatat(dir_fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != item->far->size) {
		errno = ESTALE;
		return -1;
	}
	if ((st.st_mode & 07777) != item->far->mode &&
	    fchmodat(dir_fd, leaf, item->far->mode, 0) < 0)
		return -1;
	return set_time(dir_fd, leaf, item->far->mtime_ns);
}

static int place_one(struct placing *placing, const struct fetch_item *item, struct error *err)
{
	const char *path = fetch_here(placing->fetch, item), *leaf = path;
	bool folder =
		item->what == FETCH_FOLDER && item->far->path[0] && (!item->near || item->replace);
	int rc;

	if (item->what != FETCH_SEND && item->what != FETCH_TOUCH && !folder)
		return 0;
	int dir_fd = way_to(&placing->way, path, &leaf);
	if (dir_fd < 0)
		rc = -1;
	else if (item->what == FETCH_TOUCH)
		rc = touch(item, dir_fd, leaf);
	else if (folder)
		rc = place_folder(placing, item, dir_fd, leaf);
	else if (item->far->type == TREE_LINK)
		rc = place_link(placing, item, dir_fd, leaf);
	else
		rc = place_file(placing, item, dir_fd, leaf);
	return rc < 0 ? fail("write", path, err) : 0;
}

/* What is in a folder first. A folder stays while something that is left out is in it. */
static int remove_extra(struct placing *placing, struct error *err)
{
	struct fetch *fetch = placing->fetch;

	for (size_t i = fetch->nr_extra; i-- > 0;) {
		const struct manifest_entry *entry = fetch->extra[i];
		const char *leaf;
		int dir_fd = way_to(&placing->way, entry->path, &leaf);
		bool folder = entry->type == TREE_DIR;
		int rc = dir_fd < 0 ? -1 : unlinkat(dir_fd, leaf, folder ? AT_REMOVEDIR : 0);

		if (rc < 0 && errno != ENOENT && !(folder && errno == ENOTEMPTY))
			return fail("remove", entry->path, err);
		fetch->result.removed += rc == 0;
	}
	return 0;
}

static int set_folder(struct placing *placing, const struct fetch_item *item, struct error *err)
{
	const struct manifest_entry *far = item->far;
	const char *leaf;
	struct stat st;
	int dir_fd = way_to(&placing->way, far->path, &leaf);
	int rc = dir_fd < 0 ? -1 : fstatat(dir_fd, leaf, &st, AT_SYMLINK_NOFOLLOW);

	if (rc == 0 && !S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		rc = -1;
	}
	if (rc == 0 && (st.st_mode & 07777) != far->mode)
		rc = fchmodat(dir_fd, leaf, far->mode, 0);
	if (rc == 0 && !fetch_same_time(placing->fetch, time_of(&st), far->mtime_ns))
		rc = set_time(dir_fd, leaf, far->mtime_ns);
	return rc < 0 ? fail("set the mode of", far->path, err) : 0;
}

/* The deepest first. The target itself keeps its own, unless we made it. */
static int set_folders(struct placing *placing, struct error *err)
{
	const struct fetch *fetch = placing->fetch;

	for (size_t i = fetch->far.nr; i-- > 0;)
		if (fetch->items[i].what == FETCH_FOLDER && fetch->items[i].far->path[0] &&
		    set_folder(placing, &fetch->items[i], err) < 0)
			return -1;
	return 0;
}

static int make_root(struct fetch *fetch, struct error *err)
{
	struct fetch_target *target = &fetch->target;

	if (target->root_fd >= 0)
		return 0;
	if (mkdirat(fetch->stage.fd, "new", 0700) == 0)
		target->root_fd = openat(fetch->stage.fd, "new",
					 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target->root_fd < 0)
		return fail("make the folder", target->leaf, err);
	target->made = true;
	return 0;
}

/* A new folder shows itself at once, with all that is in it. */
static int show_root(struct fetch *fetch, struct error *err)
{
	const struct fetch_target *target = &fetch->target;
	const struct manifest_entry *far = &fetch->far.v[0];
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, timespec_of(far->mtime_ns) };

	if (!target->made)
		return 0;
	if (renameat(fetch->stage.fd, "new", target->parent_fd, target->leaf) < 0 ||
	    fchmod(target->root_fd, far->mode) < 0 || futimens(target->root_fd, times) < 0)
		return fail("write", target->leaf, err);
	fetch->result.folders++;
	return 0;
}

/* With `new` the names are not the target's yet: they are when it shows itself. */
static int place_all(struct placing *placing, struct error *err)
{
	struct fetch *fetch = placing->fetch;

	for (size_t i = 0; i < fetch->far.nr; i++)
		if (place_one(placing, &fetch->items[i], err) < 0)
			return -1;
	fetch->result.removed += fetch->nr_replaced;
	if (remove_extra(placing, err) < 0)
		return -1;
	way_release(&placing->way);
	placing->way.widen = false;
	return set_folders(placing, err);
}

int fetch_place(struct fetch *fetch, struct error *err)
{
	struct placing placing = { .fetch = fetch };

	if (make_root(fetch, err) < 0)
		return -1;
	if (syncfs(fetch->stage.fd) < 0)
		return fail("sync", fetch->stage.name, err);
	way_init(&placing.way, fetch->target.root_fd, true);
	int rc = place_all(&placing, err);
	way_release(&placing.way);
	if (rc == 0)
		rc = show_root(fetch, err);
	/* the machine may be terminated as soon as we return */
	if (syncfs(fetch->target.root_fd) < 0 && rc == 0)
		rc = fail("sync", fetch->local, err);
	return rc;
}
