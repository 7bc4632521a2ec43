/* SPDX-License-Identifier: Apache-2.0 */
/* Where a pull goes to: the rules of remote_ops.pull (ssh/remote.h). */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/sync/pull_internal.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

void fetch_target_release(struct fetch_target *target)
{
	if (target->root_fd >= 0)
		close(target->root_fd);
	if (target->parent_fd >= 0)
		close(target->parent_fd);
	free(target->leaf);
	*target = (struct fetch_target){ .parent_fd = -1, .root_fd = -1 };
}

static int fail(const char *verb, const char *path, struct error *err)
{
	return error_errno(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "cannot %s '%s'",
			   verb, shown_of(path, strlen(path)).text);
}

static int conflict(const char *path, const char *here, const char *there, struct error *err)
{
	error_set(err, ERROR_CONFLICT, "'%s' is a %s here, and what is pulled is a %s",
		  shown_of(path, strlen(path)).text, here, there);
	return error_hint(err, "name another target, or move it away");
}

/* "a/b/" to "a" and "b"; "b" to "." and "b". Both malloc'ed. */
static void split(const char *path, char **dir, char **leaf)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	char *whole = xstrndup(path, len);
	char *slash = strrchr(whole, '/');

	*leaf = xstrdup(slash ? slash + 1 : whole);
	if (slash)
		slash[slash == whole] = '\0';
	*dir = xstrdup(slash ? whole : ".");
	free(whole);
}

static int open_parent(struct fetch_target *target, const char *path, struct error *err)
{
	char *dir = NULL;

	split(path, &dir, &target->leaf);
	int rc = 0;
	if (!target->leaf[0] || !strcmp(target->leaf, ".") || !strcmp(target->leaf, ".."))
		rc = error_set(err, ERROR_USAGE, "'%s' is no name for a target",
			       shown_of(path, strlen(path)).text);
	if (rc == 0) {
		target->parent_fd = open(dir, OPEN_DIR);
		if (target->parent_fd < 0)
			rc = fail("write into", dir, err);
	}
	free(dir);
	return rc;
}

/* A folder that is there, by whatever way it was named. */
static int find_folder(struct fetch *fetch, struct error *err)
{
	struct fetch_target *target = &fetch->target;
	char *real = realpath(fetch->local, NULL);
	int rc = 0;

	target->root_fd = open(fetch->local, OPEN_DIR);
	if (!real || target->root_fd < 0)
		rc = fail("write into", fetch->local, err);
	else if (strcmp(real, "/") != 0)
		rc = open_parent(target, real, err);
	else
		target->leaf = xstrdup("root");
	free(real);
	return rc;
}

static int find_tree(struct fetch *fetch, struct error *err)
{
	struct stat st;

	if (stat(fetch->local, &st) == 0)
		return S_ISDIR(st.st_mode) ? find_folder(fetch, err)
					   : conflict(fetch->local, "file", "folder", err);
	if (errno != ENOENT)
		return fail("write into", fetch->local, err);
	if (lstat(fetch->local, &st) == 0)
		return conflict(fetch->local, "link that leads nowhere", "folder", err);
	return open_parent(&fetch->target, fetch->local, err);
}

static int find_single(struct fetch *fetch, struct error *err)
{
	struct fetch_target *target = &fetch->target;
	size_t len = strlen(fetch->local);
	struct stat st;

	if ((len > 0 && fetch->local[len - 1] == '/') ||
	    (stat(fetch->local, &st) == 0 && S_ISDIR(st.st_mode))) {
		target->root_fd = open(fetch->local, OPEN_DIR);
		if (target->root_fd < 0)
			return fail("write into", fetch->local, err);
		target->leaf = xstrdup(fetch->name);
	} else {
		if (open_parent(target, fetch->local, err) < 0)
			return -1;
		target->root_fd = target->parent_fd;
		target->parent_fd = -1;
	}
	if (fstatat(target->root_fd, target->leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		return conflict(target->leaf, "folder", "file", err);
	return 0;
}

int fetch_target_find(struct fetch *fetch, struct error *err)
{
	return fetch->name ? find_single(fetch, err) : find_tree(fetch, err);
}

int fetch_target_check(const struct fetch *fetch, struct error *err)
{
	const struct fetch_target *target = &fetch->target;
	int fd = target->root_fd >= 0 ? target->root_fd : target->parent_fd;

	if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return fail("write into", fetch->local, err);
	return 0;
}

/* A target typed wrong costs what is in it. */
int fetch_target_spare(const struct fetch *fetch, struct error *err)
{
	const struct fetch_target *target = &fetch->target;
	const struct passwd *user = getpwuid(geteuid());
	struct stat here, home;
	bool whole, mine;

	if (!fetch->options->mirror || fetch->name || target->root_fd < 0 ||
	    fstat(target->root_fd, &here) < 0)
		return 0;
	whole = target->parent_fd < 0;
	mine = user && stat(user->pw_dir, &home) == 0 && home.st_dev == here.st_dev &&
	       home.st_ino == here.st_ino;
	if (!whole && !mine)
		return 0;
	error_set(err, ERROR_USAGE, "'%s' is %s: nothing there is removed",
		  shown_of(fetch->local, strlen(fetch->local)).text,
		  whole ? "the root of this computer" : "your home");
	return error_hint(err, "name a folder of its own, or leave --delete out");
}
