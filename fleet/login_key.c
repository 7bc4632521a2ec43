/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/login_key.h"

#include <errno.h>
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

static int load(const char *path, struct ssh_key *ret, struct error *err)
{
	struct ssh_key key = { 0 };

	if (ssh_key_load(path, &key, err) < 0)
		return -1;
	if (complete(path, &key, err) < 0) {
		ssh_key_release(&key);
		return -1;
	}
	*ret = key;
	return 0;
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

int login_key_get(const struct paths *paths, struct ssh_key *ret, struct error *err)
{
	char *path = xasprintf("%s/id_ed25519", paths->data);
	char *lock_path = xasprintf("%s/.id_ed25519.lock", paths->data);
	int lock = -1, rc = dir_make(paths->data, err);

	/* Looked for under the lock: two first launches at once must end up with one key. */
	if (rc == 0) {
		lock = wait_lock(lock_path, err);
		rc = lock < 0 ? -1 : exists(path, err);
	}
	if (rc >= 0)
		rc = rc ? load(path, ret, err) : make(path, ret, err);
	if (lock >= 0)
		close(lock);
	free(path);
	free(lock_path);
	return rc;
}
