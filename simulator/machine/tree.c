/* SPDX-License-Identifier: Apache-2.0 */
/* Folders that a machine could write to, handled by somebody with more rights: by descriptor only. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simulator/machine/guest.h"

#define DEPTH_MAX 256 /* deeper is left alone: open descriptors are few */

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int remove_below(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *entry;
	DIR *dir;
	int rc = 0;

	if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
		fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return unlinkat(parent, name, 0);
	fchmod(fd, 0700); /* a machine may have made folders nobody may write to */
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -1;
	}
	while ((entry = readdir(dir))) {
		if (is_dots(entry->d_name))
			continue;
		if (unlinkat(fd, entry->d_name, 0) &&
		    (depth >= DEPTH_MAX || remove_below(fd, entry->d_name, depth + 1)))
			rc = -1;
	}
	closedir(dir);
	return unlinkat(parent, name, AT_REMOVEDIR) ? -1 : rc;
}

int tree_remove(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -1;
	return remove_below(AT_FDCWD, path, 0);
}

static int copy_file(int from, int to, const char *name)
{
	char piece[65536];
	int in = openat(from, name, O_RDONLY | O_CLOEXEC), out;
	ssize_t n = -1;
	struct stat st;

	if (in < 0)
		return -1;
	if (fstat(in, &st) || !S_ISREG(st.st_mode)) {
		close(in);
		return 0;
	}
	out = openat(to, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	while (out >= 0 && (n = read(in, piece, sizeof(piece))) > 0) {
		if (write(out, piece, (size_t)n) != n) {
			n = -1;
			break;
		}
	}
	if (out >= 0) {
		fchmod(out, 0755);
		close(out);
	}
	close(in);
	return n == 0 ? 0 : -1;
}

int tree_copy_files(const char *from, const char *to)
{
	DIR *dir = opendir(from);
	int out = dir ? open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct dirent *entry;
	int rc = out < 0 ? -1 : 0;

	while (rc == 0 && (entry = readdir(dir))) {
		if (!is_dots(entry->d_name))
			rc = copy_file(dirfd(dir), out, entry->d_name);
	}
	if (out >= 0)
		close(out);
	if (dir)
		closedir(dir);
	return rc;
}
