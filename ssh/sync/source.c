/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/sync/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "ssh/sync/manifest.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
/* O_NONBLOCK: it may have become a FIFO since it was listed */
#define OPEN_FILE (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)

static int open_single(struct source *source, char *real, struct error *err)
{
	char *slash = strrchr(real, '/');

	source->name = xstrdup(slash + 1);
	*(slash > real ? slash : slash + 1) = '\0';
	source->root_fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source->root_fd < 0)
		return error_errno(err, ERROR_IO, "cannot read the folder '%s'",
				   shown_of(real, strlen(real)).text);
	return 0;
}

int source_open(struct source *source, const char *local, struct error *err)
{
	struct shown shown = shown_of(local, strlen(local));
	char *real = realpath(local, NULL);
	struct stat st;
	int rc;

	*source = (struct source){ .root_fd = -1, .parent_fd = -1, .parent = BUF_INIT };
	if (!real || stat(real, &st) < 0) {
		rc = error_errno(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO,
				 "cannot read '%s'", shown.text);
	} else if (S_ISREG(st.st_mode)) {
		rc = open_single(source, real, err);
	} else if (S_ISDIR(st.st_mode)) {
		source->root_fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = source->root_fd < 0
			     ? error_errno(err, ERROR_IO, "cannot read '%s'", shown.text)
			     : 0;
	} else {
		rc = error_set(err, ERROR_UNSUPPORTED, "'%s' is neither a file nor a folder",
			       shown.text);
	}
	free(real);
	if (rc < 0)
		source_close(source);
	return rc;
}

void source_close(struct source *source)
{
	if (source->parent_fd >= 0)
		close(source->parent_fd);
	if (source->root_fd >= 0)
		close(source->root_fd);
	free((char *)(uintptr_t)source->name);
	buf_release(&source->parent);
	*source = (struct source){ .root_fd = -1, .parent_fd = -1, .parent = BUF_INIT };
}

/* The folder of that path below the root: files come sorted, so the last one is often the next. */
static int open_parent(struct source *source, const char *path, size_t len)
{
	int fd = fcntl(source->root_fd, F_DUPFD_CLOEXEC, 0);

	if (source->parent_fd >= 0 && source->parent.len == len &&
	    !memcmp(source->parent.data, path, len)) {
		if (fd >= 0)
			close(fd);
		return source->parent_fd;
	}
	for (size_t start = 0; start < len && fd >= 0;) {
		size_t n = strcspn(path + start, "/");
		char name[256];

		if (n >= sizeof(name)) {
			close(fd);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, path + start, n);
		name[n] = '\0';
		int next = openat(fd, name, OPEN_DIR);
		int saved = errno;
		close(fd);
		errno = saved;
		fd = next;
		start += n + 1;
	}
	if (fd < 0)
		return -1;
	if (source->parent_fd >= 0)
		close(source->parent_fd);
	source->parent_fd = fd;
	buf_clear(&source->parent);
	buf_add(&source->parent, path, len);
	return fd;
}

static int64_t time_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

int source_file(struct source *source, const struct manifest_entry *entry,
		struct manifest_entry *ret)
{
	const char *slash = strrchr(entry->path, '/');
	const char *name = source->name ? source->name : slash ? slash + 1 : entry->path;
	size_t len = source->name || !slash ? 0 : (size_t)(slash - entry->path);
	int dir_fd = open_parent(source, entry->path, len);
	int fd = dir_fd < 0 ? -1 : openat(dir_fd, name, OPEN_FILE);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	*ret = *entry;
	ret->size = (uint64_t)st.st_size;
	ret->mtime_ns = time_of(&st);
	ret->mode = st.st_mode & 0777;
	return fd;
}

bool source_changed(int fd, const struct manifest_entry *entry)
{
	struct stat st;

	return fstat(fd, &st) < 0 || (uint64_t)st.st_size != entry->size ||
	       time_of(&st) != entry->mtime_ns;
}

/* 0, 1: too short, -1 with errno. */
static int hash_fd(int fd, uint64_t bytes, EVP_MD_CTX *hash)
{
	const size_t room = (size_t)256 << 10;
	char *chunk = xmalloc(room);
	int rc = 0;

	while (bytes > 0 && rc == 0) {
		ssize_t n = read(fd, chunk, bytes < room ? (size_t)bytes : room);

		if (n < 0 && errno == EINTR && !interrupted())
			continue;
		if (n <= 0) {
			rc = n < 0 ? -1 : 1;
		} else {
			EVP_DigestUpdate(hash, chunk, (size_t)n);
			bytes -= (uint64_t)n;
		}
		if (interrupted()) {
			errno = EINTR;
			rc = -1;
		}
	}
	free(chunk);
	return rc;
}

int source_sha256(struct source *source, const struct manifest_entry *entry, uint64_t bytes,
		  char hex[65], struct error *err)
{
	struct manifest_entry now;
	unsigned char digest[32];
	int fd = source_file(source, entry, &now);
	EVP_MD_CTX *hash;

	if (fd < 0)
		return 1; /* gone or no file: whoever sends it finds that out */
	hash = EVP_MD_CTX_new();
	if (!hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL))
		out_of_memory();
	int rc = hash_fd(fd, bytes, hash);
	int saved = errno;
	close(fd);
	EVP_DigestFinal_ex(hash, digest, NULL);
	EVP_MD_CTX_free(hash);
	errno = saved;
	if (rc < 0)
		return error_errno(err, saved == EINTR ? ERROR_CANCELLED : ERROR_IO,
				   "cannot read '%s'",
				   shown_of(entry->path, strlen(entry->path)).text);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return rc;
}
