/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ssh/sync/pull_internal.h"

void way_init(struct way *way, int root_fd, bool widen)
{
	memset(way, 0, sizeof(*way));
	way->fds[0] = root_fd;
	way->widen = widen;
}

static void back_to(struct way *way, size_t depth)
{
	while (way->depth > depth)
		close(way->fds[way->depth--]);
}

void way_release(struct way *way)
{
	back_to(way, 0);
}

/* How many folders of the way lead to that path too. */
static size_t shared(const struct way *way, const char *path, size_t len)
{
	size_t depth = 0;

	while (depth < way->depth) {
		size_t end = way->ends[depth + 1];

		if (end > len || (end < len && path[end] != '/') ||
		    memcmp(way->path, path, end) != 0)
			break;
		depth++;
	}
	return depth;
}

/* What is put into a folder whose owner may not write to it must still get there. */
static int widened(const struct way *way, int parent, const char *name, int fd)
{
	struct stat st;

	if (!way->widen || fstat(fd, &st) < 0 || st.st_uid != geteuid() ||
	    (st.st_mode & 0700) == 0700)
		return fd;
	fchmodat(parent, name, (st.st_mode & 0777) | 0700, 0);
	return fd;
}

static int step(struct way *way, const char *path, size_t start, size_t end)
{
	char name[256];

	if (end - start >= sizeof(name) || way->depth + 1 >= TREE_DEPTH_MAX + 2) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, path + start, end - start);
	name[end - start] = '\0';
	int parent = way->fds[way->depth];
	int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	way->fds[++way->depth] = widened(way, parent, name, fd);
	memcpy(way->path, path, end);
	way->ends[way->depth] = end;
	return 0;
}

int way_to(struct way *way, const char *path, const char **leaf)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	size_t depth = shared(way, path, len);

	if (len > MANIFEST_PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	back_to(way, depth);
	size_t start = depth > 0 ? way->ends[depth] + 1 : 0;
	while (start < len) {
		const char *end = memchr(path + start, '/', len - start);
		size_t at = end ? (size_t)(end - path) : len;

		if (step(way, path, start, at) < 0)
			return -1;
		start = at + 1;
	}
	*leaf = slash ? slash + 1 : path;
	return way->fds[way->depth];
}
