/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/login_key.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/settings.h"
#include "fleet/wait_lock.h"

/* 1 there (whatever it is), 0 not there, -1 cannot tell: which must not lead to a new key. */
static int exists(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return error_errno(err, ERROR_IO, "cannot open '%s'", path);
}

/* A crash may have come between the two files; the second follows from the first. */
static int complete(const char *path, const struct ssh_key *key, struct error *err)
{
	char *public_path = xasprintf("%s.pub", path);
	int rc = exists(public_path, err);

	if (rc == 0) {
		char line[SSH_LINE_MAX + 1];
		int len = snprintf(line, sizeof(line), "%s\n", key->public_line);
		rc = file_write(public_path, line, (size_t)len, 0644, err);
	}
	free(public_path);
	return rc < 0 ? -1 : 0;
}

static int make(const char *path, struct ssh_key *ret, struct error *err)
{
	struct ssh_key key = { 0 };

	if (ssh_key_make("gpucloud", &key, err) < 0)
		return -1;
	if (ssh_key_save(&key, path, err) < 0) {
		ssh_key_release(&key);
		return -1;
	}
	*ret = key;
	return 0;
}

/* Looked for again under the lock: two first launches at once must end up with one key. */
static int make_or_complete(const struct paths *paths, const char *path, bool loaded,
			    struct ssh_key *ret, struct error *err)
{
	char *lock_path = xasprintf("%s/.id_ed25519.lock", paths->data);
	int lock = wait_lock(lock_path, err);
	int rc = lock < 0 ? -1 : exists(path, err);

	if (rc == 1 && !loaded)
		rc = ssh_key_load(path, ret, err);
	else if (rc == 0 && !loaded)
		rc = make(path, ret, err);
	if (rc >= 0)
		rc = complete(path, ret, err);
	if (lock >= 0)
		close(lock);
	free(lock_path);
	return rc;
}

/* 1 loaded, 0 none there. */
static int load(const char *path, struct ssh_key *ret, struct error *err)
{
	int rc = exists(path, err);

	if (rc == 1 && ssh_key_load(path, ret, err) < 0)
		rc = -1;
	return rc;
}

int login_key_get(const struct paths *paths, struct ssh_key *ret, struct error *err)
{
	char *path = xasprintf("%s/id_ed25519", paths->data);
	char *public_path = xasprintf("%s.pub", path);
	struct ssh_key key = { 0 };
	struct error ignored = ERROR_INIT;
	struct stat st;
	int rc = dir_make(paths->data, err);

	if (rc == 0)
		rc = load(path, &key, err);
	if (rc == 0)
		rc = make_or_complete(paths, path, false, &key, err);
	else if (rc == 1 && lstat(public_path, &st) < 0)
		/* The public half is for people to read: nothing of ours waits for it. */
		make_or_complete(paths, path, true, &key, &ignored);
	if (rc < 0)
		ssh_key_release(&key);
	else
		*ret = key;
	free(path);
	free(public_path);
	return rc < 0 ? -1 : 0;
}
