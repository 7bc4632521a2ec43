/* SPDX-License-Identifier: Apache-2.0 */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

/* The folder that holds path, malloc'ed. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	if (slash == path)
		return xstrdup("/");
	return xstrndup(path, (size_t)(slash - path));
}

int dir_sync_of(const char *path, struct error *err)
{
	char *parent = parent_of(path);
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	/* Some file systems cannot sync a folder and say EINVAL: nothing more can be done there. */
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL && errno != EROFS))
		rc = error_errno(err, ERROR_IO, "cannot sync the folder '%s'", parent);
	if (fd >= 0)
		close(fd);
	free(parent);
	return rc;
}

static int make_one(const char *path, struct error *err)
{
	struct error ignored = ERROR_INIT;

	if (mkdir(path, 0700) == 0) {
		/* A parent we may not read is no reason to stop. */
		dir_sync_of(path, &ignored);
		return 0;
	}
	if (errno == EEXIST)
		return 0;
	/* Above our own folders, mkdir may be refused for what is there already. */
	int saved = errno;
	struct stat st;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	errno = saved;
	return error_errno(err, ERROR_IO, "cannot create the folder '%s'", path);
}

static int check_dir(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return error_errno(err, ERROR_IO, "cannot open the folder '%s'", path);
	if (S_ISLNK(st.st_mode)) {
		error_set(err, ERROR_IO, "refusing the folder '%s': it is a symbolic link", path);
		return error_hint(err, "remove the link, or point the XDG folder at its target");
	}
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERROR_IO, "'%s' is not a folder", path);
	if (st.st_uid != geteuid())
		return error_set(err, ERROR_IO,
				 "refusing the folder '%s': it belongs to uid %u, not to you", path,
				 (unsigned)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		error_set(err, ERROR_IO, "refusing the folder '%s': others may write to it", path);
		return error_hint(err, "chmod go-w '%s'", path);
	}
	return 0;
}

int dir_make(const char *path, struct error *err)
{
	char *copy = xstrdup(path);
	size_t len = strlen(copy);
	int rc = 0;

	/* A trailing slash would make lstat look through a link. */
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	if (len == 0)
		rc = error_set(err, ERROR_IO, "cannot create a folder with an empty name");
	for (size_t i = 1; rc == 0 && i <= len; i++) {
		if (copy[i] != '/' && copy[i] != '\0')
			continue;
		char kept = copy[i];
		copy[i] = '\0';
		rc = make_one(copy, err);
		copy[i] = kept;
	}
	if (rc == 0)
		rc = check_dir(copy, err);
	free(copy);
	return rc;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_write(const char *path, const void *data, size_t len, mode_t mode, struct error *err)
{
	char *tmp = xasprintf("%s.tmp.XXXXXX", path);
	int fd = mkostemp(tmp, O_CLOEXEC);
	int rc = 0;

	if (fd < 0) {
		rc = error_errno(err, ERROR_IO, "cannot write '%s'", path);
		free(tmp);
		return rc;
	}
	if (fchmod(fd, mode) < 0 || write_all(fd, data, len) < 0 || fsync(fd) < 0)
		rc = error_errno(err, ERROR_IO, "cannot write '%s'", path);
	if (close(fd) < 0 && rc == 0)
		rc = error_errno(err, ERROR_IO, "cannot write '%s'", path);
	if (rc == 0 && rename(tmp, path) < 0)
		rc = error_errno(err, ERROR_IO, "cannot replace '%s'", path);
	if (rc < 0)
		unlink(tmp);
	else
		rc = dir_sync_of(path, err);
	free(tmp);
	return rc;
}

static int read_all(int fd, const char *path, size_t max, struct buf *out, struct error *err)
{
	char chunk[16384];
	size_t total = 0;

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_IO, "cannot read '%s'", path);
		if (n == 0)
			break;
		total += (size_t)n;
		if (total > max || buf_add(out, chunk, (size_t)n) < 0) {
			explicit_bzero(chunk, sizeof(chunk));
			return error_set(err, ERROR_IO, "'%s' is larger than %zu bytes", path, max);
		}
	}
	explicit_bzero(chunk, sizeof(chunk));
	return 0;
}

int file_read(const char *path, size_t max, struct buf *out, struct error *err)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int rc;

	if (fd < 0) {
		bool absent = errno == ENOENT || errno == ENOTDIR;

		return error_errno(err, absent ? ERROR_NOT_FOUND : ERROR_IO, "cannot open '%s'",
				   path);
	}
	size_t before = out->len;
	if (fstat(fd, &st) < 0)
		rc = error_errno(err, ERROR_IO, "cannot read '%s'", path);
	else if (!S_ISREG(st.st_mode))
		rc = error_set(err, ERROR_IO, "'%s' is not a regular file", path);
	else
		rc = read_all(fd, path, max, out, err);
	if (rc < 0 && out->len > before) {
		explicit_bzero(out->data + before, out->len - before);
		out->len = before;
	}
	close(fd);
	return rc;
}

/* Locked, 0 where the file was removed or replaced before we had the lock, -1, -2 held. */
static int lock_once(const char *path, int *ret, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st, now;

	if (fd < 0)
		return error_errno(err, ERROR_IO, "cannot open the lock file '%s'", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(err, ERROR_IO, "the lock file '%s' is not a regular file", path);
	}
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		int held = errno == EWOULDBLOCK;
		int rc = held ? -2 : error_errno(err, ERROR_IO, "cannot lock the file '%s'", path);
		close(fd);
		return rc;
	}
	if (lstat(path, &now) < 0 || now.st_ino != st.st_ino || now.st_dev != st.st_dev) {
		close(fd);
		return 0;
	}
	*ret = fd;
	return 1;
}

int file_lock(const char *path, struct error *err)
{
	int fd, rc;

	do {
		rc = lock_once(path, &fd, err);
	} while (rc == 0);
	return rc == 1 ? fd : rc;
}
