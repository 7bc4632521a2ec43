/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/hostkeys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/settings.h"
#include "core/text.h"
#include "fleet/wait_lock.h"

#define ID_MAX	   128
#define SEED_MAX   ((size_t)16384)
#define RECORD_MAX ((size_t)HOSTKEYS_KNOWN_MAX * SSH_LINE_MAX)
#define BY_TAG	   " tag"

int hostkeys_line(const char *line, char out[SSH_LINE_MAX], struct error *err)
{
	unsigned char blob[SSH_BLOB_MAX];
	char type[32];
	size_t len;
	struct buf text = BUF_INIT_MAX(SSH_LINE_MAX - 1);

	if (ssh_public_parse(line, type, blob, &len, err) < 0)
		return -1;
	if (!text_is_token(type, "-@.", sizeof(type) - 1))
		return error_set(err, ERROR_CONFIG, "the key has a type that is none");
	buf_addf(&text, "%s ", type);
	base64_encode(&text, blob, len);
	if (text.overflow) {
		buf_release(&text);
		return error_set(err, ERROR_CONFIG, "the public key is too long");
	}
	memcpy(out, text.data, text.len + 1);
	buf_release(&text);
	return 0;
}

/* An id names a file: no separator, no "." or "..", no hidden file, no option. */
static int check_id(const char *what, const char *id, struct error *err)
{
	if (!id || !text_is_token(id, "-_.", ID_MAX) || id[0] == '.' || id[0] == '-')
		return error_set(err, ERROR_USAGE, "%s is not one of ours", what);
	return 0;
}

static char *seed_path(const struct paths *paths, const char *launch_id)
{
	return xasprintf("%s/hostkeys/%s", paths->state, launch_id);
}

/* Hidden, so that it is no launch's. */
static char *lock_path(const struct paths *paths, const char *launch_id)
{
	return xasprintf("%s/hostkeys/.%s.lock", paths->state, launch_id);
}

static char *record_path(const struct paths *paths, const char *instance_id)
{
	return xasprintf("%s/hosts/%s", paths->data, instance_id);
}

/* 0: a regular file of ours that nobody else can write to; 1: nothing there. */
static int check_file(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 1;
		return error_errno(err, ERROR_IO, "cannot open '%s'", path);
	}
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_IO, "refusing '%s': it is not a regular file", path);
	if (st.st_uid != geteuid())
		return error_set(err, ERROR_IO, "refusing '%s': it belongs to uid %u, not to you",
				 path, (unsigned)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		error_set(err, ERROR_IO, "refusing '%s': others may write to it", path);
		return error_hint(err, "chmod 600 '%s'", path);
	}
	return 0;
}

int hostkeys_seed(const struct paths *paths, const char *launch_id, const struct ssh_key *key,
		  struct error *err)
{
	struct stat st;

	if (check_id("launch id", launch_id, err) < 0)
		return -1;
	if (!secret_is_set(&key->private_pem))
		return error_set(err, ERROR_USAGE, "host key: no private part");
	char *dir = xasprintf("%s/hostkeys", paths->state);
	char *path = seed_path(paths, launch_id);
	int rc = dir_make(dir, err);

	/* The launch's lock is held: nobody else makes this file between the two calls. */
	if (rc == 0 && lstat(path, &st) == 0)
		rc = error_set(err, ERROR_CONFLICT, "a host key of launch '%s' is there already",
			       launch_id);
	if (rc == 0)
		rc = file_write(path, key->private_pem.data, key->private_pem.len, 0600, err);
	free(dir);
	free(path);
	return rc;
}

/* A key read and written again is the same key in other bytes (its format holds a random number); a
 * launch is repeated with the bytes it had. */
static int load_exactly(const char *path, struct ssh_key *ret, struct error *err)
{
	struct ssh_key key = { 0 };
	struct buf text = BUF_INIT_MAX(SEED_MAX);

	if (ssh_key_load(path, &key, err) < 0)
		return -1;
	if (file_read(path, SEED_MAX, &text, err) < 0) {
		ssh_key_release(&key);
		return -1;
	}
	secret_release(&key.private_pem);
	secret_set(&key.private_pem, text.data, text.len);
	buf_wipe(&text);
	*ret = key;
	return 0;
}

int hostkeys_load_seed(const struct paths *paths, const char *launch_id, struct ssh_key *ret,
		       struct error *err)
{
	if (check_id("launch id", launch_id, err) < 0)
		return -1;
	char *path = seed_path(paths, launch_id);
	int rc = check_file(path, err);
	if (rc == 1)
		rc = error_set(err, ERROR_NOT_FOUND, "no host key of launch '%s' is kept",
			       launch_id);
	else if (rc == 0)
		rc = load_exactly(path, ret, err);
	free(path);
	return rc;
}

static void remove_file(char *path)
{
	struct error ignored = ERROR_INIT;

	if (unlink(path) == 0)
		dir_sync_of(path, &ignored);
	free(path);
}

void hostkeys_forget(const struct paths *paths, const char *launch_id, const char *instance_id)
{
	struct error ignored = ERROR_INIT;

	if (launch_id && check_id("launch id", launch_id, &ignored) == 0) {
		remove_file(seed_path(paths, launch_id));
		remove_file(lock_path(paths, launch_id));
	}
	if (instance_id && check_id("instance id", instance_id, &ignored) == 0) {
		remove_file(record_path(paths, instance_id));
		/* what `ssh` told OpenSSH */
		remove_file(xasprintf("%s/known_hosts/%s", paths->data, instance_id));
	}
}

int hostkeys_lock(const struct paths *paths, const char *launch_id, int64_t wait_ms,
		  struct error *err)
{
	if (check_id("launch id", launch_id, err) < 0)
		return -1;
	char *dir = xasprintf("%s/hostkeys", paths->state);
	char *path = lock_path(paths, launch_id);
	int lock = dir_make(dir, err) < 0 ? -1 : wait_lock_for(path, wait_ms, err);

	free(dir);
	free(path);
	return lock;
}

void hostkeys_unlock(const struct paths *paths, const char *launch_id, int lock)
{
	char *path = lock_path(paths, launch_id);

	/* While it is held: whoever waits for it sees that it went, and makes a new one. */
	unlink(path);
	close(lock);
	free(path);
}

/* A regular file of ours, old enough, under a name that a launch can have. */
static bool is_old_seed(int dir, const char *name, int64_t before)
{
	struct error ignored = ERROR_INIT;
	struct stat st;

	return check_id("launch id", name, &ignored) == 0 &&
	       fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid() && st.st_mtime < before;
}

size_t hostkeys_sweep(const struct paths *paths, int64_t before, hostkeys_wanted_fn wanted,
		      void *ctx)
{
	char *path = xasprintf("%s/hostkeys", paths->state);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	size_t gone = 0;

	free(path);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((entry = readdir(dir)))
		if (is_old_seed(fd, entry->d_name, before) && !wanted(ctx, entry->d_name) &&
		    unlinkat(fd, entry->d_name, 0) == 0)
			gone++;
	if (gone)
		fsync(fd);
	closedir(dir);
	return gone;
}

static int damaged(const char *path, struct error *err)
{
	error_set(err, ERROR_IO, "'%s' is damaged: it should hold public keys, one a line", path);
	return error_hint(err,
			  "remove it: the machine is then verified by its gpucloud-hostkey tag");
}

bool hostkeys_by_tag(const char *line)
{
	size_t len = strlen(line), mark = strlen(BY_TAG);

	return len > mark && strcmp(line + len - mark, BY_TAG) == 0;
}

/* Of a line, without the mark. */
static size_t key_len(const char *line)
{
	return strlen(line) - (hostkeys_by_tag(line) ? strlen(BY_TAG) : 0);
}

static bool same_key(const char *a, const char *b)
{
	size_t len = key_len(a);

	return len == key_len(b) && memcmp(a, b, len) == 0;
}

/* Every line must be as we wrote it, to its newline: a part of a file proves nothing. */
static int split(const char *path, const struct buf *text, struct arena *arena, const char **lines,
		 size_t *nr, struct error *err)
{
	struct error why = ERROR_INIT;
	char clean[SSH_LINE_MAX];
	const char *at = text->data, *end = at + text->len;

	*nr = 0;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (!newline || *nr == HOSTKEYS_KNOWN_MAX)
			return damaged(path, err);
		char *line = arena_strndup(arena, at, (size_t)(newline - at));
		if (hostkeys_line(line, clean, &why) < 0 || strlen(clean) != key_len(line) ||
		    !text_starts_with(line, clean))
			return damaged(path, err);
		lines[(*nr)++] = line;
		at = newline + 1;
	}
	return *nr ? 0 : damaged(path, err);
}

static int read_record(const char *path, struct arena *arena, const char **lines, size_t *nr,
		       struct error *err)
{
	struct buf text = BUF_INIT_MAX(RECORD_MAX);

	*nr = 0;
	int rc = check_file(path, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = file_read(path, RECORD_MAX, &text, err);
	if (rc < 0 && err->kind == ERROR_NOT_FOUND) {
		rc = 0; /* forgotten between the two looks */
		error_clear(err);
	} else if (rc == 0) {
		rc = split(path, &text, arena, lines, nr, err);
	}
	buf_release(&text);
	return rc;
}

static int write_record(const char *path, const char *newest, const char *const *lines, size_t nr,
			struct error *err)
{
	struct buf text = BUF_INIT_MAX(RECORD_MAX);
	size_t kept = 1;

	buf_addf(&text, "%s\n", newest);
	for (size_t i = 0; i < nr && kept < HOSTKEYS_KNOWN_MAX; i++) {
		if (same_key(lines[i], newest))
			continue;
		buf_addf(&text, "%s\n", lines[i]);
		kept++;
	}
	int rc = file_write(path, text.data, text.len, 0600, err);
	buf_release(&text);
	return rc;
}

/* Locks the records; the path of one is made. The fd to close, or -1. */
static int open_records(const struct paths *paths, struct error *err)
{
	char *dir = xasprintf("%s/hosts", paths->data);
	/* Hidden, so that it can be no instance's; for all of them, so that none is left behind. */
	char *path = xasprintf("%s/.lock", dir);
	int lock = dir_make(dir, err) < 0 ? -1 : wait_lock(path, err);

	free(dir);
	free(path);
	return lock;
}

int hostkeys_record(const struct paths *paths, const char *instance_id, const char *line,
		    struct error *err)
{
	char clean[SSH_LINE_MAX];
	const char *lines[HOSTKEYS_KNOWN_MAX];
	struct arena arena = { NULL };
	size_t nr;

	if (check_id("instance id", instance_id, err) < 0 || hostkeys_line(line, clean, err) < 0)
		return -1;
	char *path = record_path(paths, instance_id);
	int lock = open_records(paths, err);
	int rc = lock < 0 ? -1 : read_record(path, &arena, lines, &nr, err);
	if (rc == 0)
		rc = write_record(path, clean, lines, nr, err);
	if (lock >= 0)
		close(lock);
	arena_release(&arena);
	free(path);
	return rc;
}

int hostkeys_only(const struct paths *paths, const char *instance_id, const char *line, bool by_tag,
		  struct error *err)
{
	char clean[SSH_LINE_MAX];
	const char *lines[HOSTKEYS_KNOWN_MAX];
	struct arena arena = { NULL };
	size_t nr;

	if (check_id("instance id", instance_id, err) < 0 || hostkeys_line(line, clean, err) < 0)
		return -1;
	char *path = record_path(paths, instance_id);
	char *wanted = xasprintf("%s%s", clean, by_tag ? BY_TAG : "");
	int lock = -1, rc = read_record(path, &arena, lines, &nr, err);
	bool is_so = rc == 0 && nr == 1 && strcmp(lines[0], wanted) == 0;

	if (rc == 0 && !is_so) {
		lock = open_records(paths, err);
		rc = lock < 0 ? -1 : write_record(path, wanted, NULL, 0, err);
	}
	if (lock >= 0)
		close(lock);
	arena_release(&arena);
	free(wanted);
	free(path);
	return rc;
}

int hostkeys_known(const struct paths *paths, const char *instance_id, struct arena *arena,
		   const char *const **ret, size_t *ret_nr, struct error *err)
{
	const char **lines = arena_alloc(arena, HOSTKEYS_KNOWN_MAX * sizeof(*lines));
	size_t nr;

	if (check_id("instance id", instance_id, err) < 0)
		return -1;
	char *path = record_path(paths, instance_id);
	int rc = read_record(path, arena, lines, &nr, err);
	free(path);
	if (rc < 0)
		return -1;
	*ret = lines;
	*ret_nr = nr;
	return 0;
}
