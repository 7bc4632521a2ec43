/* SPDX-License-Identifier: Apache-2.0 */
/* What a tree of this computer holds, and what both sides' lists have in common. */
#include "ssh/sync/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "ssh/sync/ignore.h"
#include "ssh/sync/manifest_take.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

void manifest_release(struct manifest *manifest)
{
	arena_release(&manifest->arena);
	memset(manifest, 0, sizeof(*manifest));
}

static int by_path(const void *a, const void *b)
{
	const struct manifest_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

void manifest_sort(struct manifest *manifest)
{
	if (manifest->nr > 1)
		qsort(manifest->v, manifest->nr, sizeof(*manifest->v), by_path);
	manifest->files = manifest->bytes = 0;
	for (size_t i = 0; i < manifest->nr; i++) {
		const struct manifest_entry *entry = &manifest->v[i];

		if (entry->ignored || (entry->type != TREE_FILE && entry->type != TREE_LINK))
			continue;
		manifest->files++;
		manifest->bytes += entry->size;
	}
}

const struct manifest_entry *manifest_find(const struct manifest *manifest, const char *path)
{
	const struct manifest_entry key = { .path = path };

	if (manifest->nr == 0)
		return NULL;
	return bsearch(&key, manifest->v, manifest->nr, sizeof(key), by_path);
}

struct scan {
	struct manifest *manifest;
	struct ignore *ignore;
	size_t cap, text;
};

static struct shown path_shown(const char *path)
{
	return path[0] ? shown_of(path, strlen(path)) : shown_of(".", 1);
}

static int too_many(struct error *err)
{
	error_set(err, ERROR_UNSUPPORTED, "there are more than %d files", TREE_ENTRIES_MAX);
	return error_hint(err, "pack them into one archive, and copy that");
}

static int read_target(struct scan *scan, int dir_fd, const char *name,
		       struct manifest_entry *entry, struct error *err)
{
	char target[MANIFEST_PATH_MAX];
	ssize_t n = readlinkat(dir_fd, name, target, sizeof(target));

	if (n < 0 && errno == ENOENT)
		return 1;
	if (n < 0)
		return error_errno(err, ERROR_IO, "cannot read the link '%s'",
				   path_shown(entry->path).text);
	if ((size_t)n == sizeof(target))
		return error_set(err, ERROR_UNSUPPORTED, "the link '%s' leads to too long a path",
				 path_shown(entry->path).text);
	entry->target = arena_strndup(&scan->manifest->arena, target, (size_t)n);
	return 0;
}

static int64_t nanoseconds(struct timespec ts)
{
	/* what a nanosecond count can't hold is no time anybody meant: the years 1677 to 2262 */
	if (ts.tv_sec > INT64_MAX / 1000000000 - 1 || ts.tv_sec < INT64_MIN / 1000000000 + 1)
		return 0;
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* 0 added (*ret is its place), 1 it is gone, -1. */
static int add(struct scan *scan, int dir_fd, const char *name, const char *path, size_t *ret,
	       struct error *err)
{
	struct manifest *manifest = scan->manifest;
	struct manifest_entry entry = { .path = path };
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW | (name[0] ? 0 : AT_EMPTY_PATH)) < 0) {
		if (errno == ENOENT)
			return 1;
		return error_errno(err, ERROR_IO, "cannot read '%s'", path_shown(path).text);
	}
	if (manifest->nr >= TREE_ENTRIES_MAX)
		return too_many(err);
	entry.type = tree_type_of(st.st_mode);
	entry.mode = st.st_mode & 0777;
	entry.mtime_ns = nanoseconds(st.st_mtim);
	entry.size = entry.type == TREE_FILE ? (uint64_t)st.st_size : 0;
	entry.ignored =
		path[0] && scan->ignore && ignore_match(scan->ignore, path, entry.type == TREE_DIR);
	if (entry.type == TREE_LINK) {
		int rc = read_target(scan, dir_fd, name, &entry, err);

		if (rc)
			return rc;
	}
	manifest->v =
		arena_grow(&manifest->arena, manifest->v, manifest->nr, &scan->cap, sizeof(entry));
	*ret = manifest->nr;
	manifest->v[manifest->nr++] = entry;
	return 0;
}

static int scan_folder(struct scan *scan, int fd, const char *path, unsigned depth,
		       struct error *err);

static int scan_item(struct scan *scan, int dir_fd, const char *name, const char *parent,
		     unsigned depth, struct error *err)
{
	size_t len = strlen(parent) + strlen(name) + 1, index = 0;
	const char *path;

	if (len >= MANIFEST_PATH_MAX)
		return error_set(err, ERROR_UNSUPPORTED, "a path in '%s' is longer than %d bytes",
				 path_shown(parent).text, MANIFEST_PATH_MAX - 1);
	scan->text += len + 1;
	if (scan->text > MANIFEST_TEXT_MAX)
		return too_many(err);
	path = parent[0] ? arena_printf(&scan->manifest->arena, "%s/%s", parent, name)
			 : arena_strdup(&scan->manifest->arena, name);
	int rc = add(scan, dir_fd, name, path, &index, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (scan->manifest->v[index].type != TREE_DIR || scan->manifest->v[index].ignored)
		return 0;
	if (depth >= TREE_DEPTH_MAX)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' is deeper than %d folders",
				 path_shown(path).text, TREE_DEPTH_MAX);
	int fd = openat(dir_fd, name, OPEN_DIR);
	if (fd < 0 && errno == ENOENT) {
		scan->manifest->nr = index;
		return 0;
	}
	if (fd < 0)
		return error_errno(err, ERROR_IO, "cannot read the folder '%s'",
				   path_shown(path).text);
	return scan_folder(scan, fd, path, depth + 1, err);
}

/* Takes fd over. */
static int scan_folder(struct scan *scan, int fd, const char *path, unsigned depth,
		       struct error *err)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *item;
	int rc = 0;

	if (!dir) {
		close(fd);
		return error_errno(err, ERROR_IO, "cannot read the folder '%s'",
				   path_shown(path).text);
	}
	if (scan->ignore)
		rc = ignore_enter(scan->ignore, fd, path, err);
	for (errno = 0; rc == 0 && (item = readdir(dir)); errno = 0)
		if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
			rc = scan_item(scan, fd, item->d_name, path, depth, err);
	if (rc == 0 && errno)
		rc = error_errno(err, ERROR_IO, "cannot read the folder '%s'",
				 path_shown(path).text);
	closedir(dir);
	if (rc == 0 && interrupted())
		rc = error_set(err, ERROR_CANCELLED, "interrupted while reading '%s'",
			       path_shown(path).text);
	return rc;
}

int manifest_scan(int root_fd, const char *name, struct ignore *ignore, struct manifest *ret,
		  struct error *err)
{
	struct manifest manifest = { .single = name != NULL };
	struct scan scan = { .manifest = &manifest, .ignore = name ? NULL : ignore };
	size_t index;
	int rc = add(&scan, root_fd, name ? name : "", "", &index, err);

	if (rc > 0) {
		manifest.missing = true;
		rc = 0;
	} else if (rc == 0 && !name) {
		/* an open of its own: fdopendir's position is shared by duplicates */
		int fd = openat(root_fd, ".", OPEN_DIR);

		rc = fd < 0 ? error_errno(err, ERROR_IO, "cannot read the folder")
			    : scan_folder(&scan, fd, "", 1, err);
	}
	if (rc < 0) {
		manifest_release(&manifest);
		return -1;
	}
	manifest_sort(&manifest);
	*ret = manifest;
	return 0;
}
