/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/serve/runtime.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/timefmt.h"

#define FILE_BYTES_MAX ((size_t)64 << 10)
#define CLAIM_TRIES    20

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* Below a folder that everybody may write to, the parent must be ours as well. */
static char *shared_parent(void)
{
	return xasprintf("/tmp/gpucloud-%u", (unsigned)geteuid());
}

static bool in_tmp(const struct runtime *runtime)
{
	char *parent = shared_parent();
	size_t n = strlen(parent);
	bool yes = strncmp(runtime->dir, parent, n) == 0 && runtime->dir[n] == '/';

	free(parent);
	return yes;
}

/* A detached simulator leaves the folder it was started in. */
static char *absolute(const char *path)
{
	char *here = *path == '/' ? NULL : getcwd(NULL, 0);
	char *all = here ? xasprintf("%s/%s", here, path) : xstrdup(path);

	free(here);
	return all;
}

void runtime_find(struct runtime *ret)
{
	if (env("GPUCLOUD_SIMULATOR_DIR")) {
		ret->dir = absolute(env("GPUCLOUD_SIMULATOR_DIR"));
	} else if (env("XDG_RUNTIME_DIR")) {
		ret->dir = xasprintf("%s/gpucloud-sim", env("XDG_RUNTIME_DIR"));
	} else {
		char *parent = shared_parent();

		ret->dir = xasprintf("%s/sim", parent);
		free(parent);
	}
	ret->file = xasprintf("%s/sim.json", ret->dir);
	ret->ca = xasprintf("%s/ca.pem", ret->dir);
	ret->lock = xasprintf("%s/sim.lock", ret->dir);
	ret->machines = xasprintf("%s/machines", ret->dir);
	ret->lock_fd = -1;
}

void runtime_release(struct runtime *runtime)
{
	if (runtime->lock_fd >= 0)
		close(runtime->lock_fd);
	free(runtime->dir);
	free(runtime->file);
	free(runtime->ca);
	free(runtime->lock);
	free(runtime->machines);
	*runtime = (struct runtime){ .lock_fd = -1 };
}

static int make_dir(const struct runtime *runtime, struct error *err)
{
	int rc = 0;

	if (in_tmp(runtime)) {
		char *parent = shared_parent();

		rc = dir_make(parent, err);
		free(parent);
	}
	return rc ? rc : dir_make(runtime->dir, err);
}

static int conflict(const struct runtime *runtime, struct error *err)
{
	struct running running = { 0 };
	struct error why = ERROR_INIT;

	if (runtime_read(runtime, &running, &why))
		error_set(err, ERROR_CONFLICT, "a simulator is starting or ending in '%s'",
			  runtime->dir);
	else
		error_set(err, ERROR_CONFLICT, "a simulator runs already: %s (process %ld)",
			  running.endpoint, (long)running.pid);
	running_release(&running);
	return error_hint(err, "gpucloud-sim stop, or choose another folder by "
			       "GPUCLOUD_SIMULATOR_DIR");
}

/* The one that just ended unlinks its lock: what we locked must still be what the name means. */
static bool lock_is_named(const struct runtime *runtime, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(runtime->lock, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

int runtime_claim(struct runtime *runtime, struct error *err)
{
	for (int i = 0; i < CLAIM_TRIES; i++) {
		struct error why = ERROR_INIT;
		int fd;

		if (make_dir(runtime, err))
			return -1;
		fd = file_lock(runtime->lock, &why);
		if (fd == -2)
			return conflict(runtime, err);
		if (fd >= 0 && lock_is_named(runtime, fd)) {
			runtime->lock_fd = fd;
			unlink(runtime->file);
			unlink(runtime->ca);
			machines_clear(runtime->machines);
			return 0;
		}
		if (fd >= 0)
			close(fd);
		else if (i == CLAIM_TRIES - 1) {
			*err = why;
			return -1;
		}
	}
	return error_set(err, ERROR_CONFLICT, "cannot get hold of '%s'", runtime->lock);
}

int runtime_write(const struct runtime *runtime, const struct running *running, const char *ca,
		  size_t ca_len, struct error *err)
{
	cJSON *root;
	char started[TIME_TEXT_MAX], *text;
	int rc = file_write(runtime->ca, ca, ca_len, 0644, err);

	if (rc)
		return rc;
	root = cJSON_CreateObject();
	cJSON_AddNumberToObject(root, "pid", (double)running->pid);
	cJSON_AddStringToObject(root, "endpoint", running->endpoint);
	cJSON_AddStringToObject(root, "ca_bundle", running->ca_bundle);
	cJSON_AddStringToObject(root, "access_key_id", running->access_key_id);
	cJSON_AddStringToObject(root, "secret_access_key", running->secret_access_key);
	cJSON_AddStringToObject(root, "region", running->region);
	cJSON_AddStringToObject(root, "paperspace_api_key", running->paperspace_api_key);
	cJSON_AddStringToObject(root, "paperspace_read_key", running->paperspace_read_key);
	cJSON_AddStringToObject(root, "digitalocean_token", running->digitalocean_token);
	cJSON_AddStringToObject(root, "digitalocean_read_token", running->digitalocean_read_token);
	cJSON_AddStringToObject(root, "admin_token", running->admin_token);
	cJSON_AddStringToObject(root, "started", time_format(started, running->started));
	cJSON_AddStringToObject(root, "machines", machine_kind_name(running->machines));
	if (running->ssh_port)
		cJSON_AddNumberToObject(root, "ssh_port", running->ssh_port);
	text = cJSON_Print(root);
	if (!text)
		out_of_memory();
	rc = file_write(runtime->file, text, strlen(text), 0600, err);
	cJSON_free(text);
	cJSON_Delete(root);
	return rc;
}

void runtime_leave(struct runtime *runtime)
{
	if (runtime->lock_fd < 0)
		return;
	unlink(runtime->file);
	unlink(runtime->ca);
	machines_clear(runtime->machines);
	unlink(runtime->lock);
	/* Fails where somebody keeps other things there: theirs to keep. */
	rmdir(runtime->dir);
	if (in_tmp(runtime)) {
		char *parent = shared_parent();

		rmdir(parent);
		free(parent);
	}
	close(runtime->lock_fd);
	runtime->lock_fd = -1;
}

static int parse_machines(const struct json *json, struct running *ret, struct error *err)
{
	const char *kind;
	int64_t port = 0;

	if (json_string(json->root, "machines", 16, &kind, err) ||
	    (json_get(json->root, "ssh_port") &&
	     json_int64(json->root, "ssh_port", 1, UINT16_MAX, &port, err)))
		return -1;
	ret->ssh_port = (uint16_t)port;
	return machine_kind_parse(kind, &ret->machines, err);
}

/* The keys of the clouds beside EC2. */
static int parse_tokens(const struct json *json, struct running *ret, struct error *err)
{
	const char *paperspace, *paperspace_read, *digitalocean, *digitalocean_read;

	if (json_string(json->root, "paperspace_api_key", 128, &paperspace, err) ||
	    json_string(json->root, "paperspace_read_key", 128, &paperspace_read, err) ||
	    json_string(json->root, "digitalocean_token", 128, &digitalocean, err) ||
	    json_string(json->root, "digitalocean_read_token", 128, &digitalocean_read, err))
		return -1;
	ret->paperspace_api_key = xstrdup(paperspace);
	ret->paperspace_read_key = xstrdup(paperspace_read);
	ret->digitalocean_token = xstrdup(digitalocean);
	ret->digitalocean_read_token = xstrdup(digitalocean_read);
	return 0;
}

static int parse(const struct json *json, struct running *ret, struct error *err)
{
	const char *endpoint, *ca, *key, *secret, *region, *token, *started;
	int64_t pid;

	if (json_int64(json->root, "pid", 2, INT32_MAX, &pid, err) ||
	    json_string(json->root, "endpoint", 128, &endpoint, err) ||
	    json_string(json->root, "ca_bundle", 4096, &ca, err) ||
	    json_string(json->root, "access_key_id", 128, &key, err) ||
	    json_string(json->root, "secret_access_key", 128, &secret, err) ||
	    json_string(json->root, "region", 64, &region, err) ||
	    json_string(json->root, "admin_token", 128, &token, err) ||
	    json_string(json->root, "started", TIME_TEXT_MAX, &started, err) ||
	    time_parse(started, "started", &ret->started, err) || parse_machines(json, ret, err) ||
	    parse_tokens(json, ret, err))
		return -1;
	ret->pid = (pid_t)pid;
	ret->endpoint = xstrdup(endpoint);
	ret->ca_bundle = xstrdup(ca);
	ret->access_key_id = xstrdup(key);
	ret->secret_access_key = xstrdup(secret);
	ret->region = xstrdup(region);
	ret->admin_token = xstrdup(token);
	return 0;
}

int runtime_read(const struct runtime *runtime, struct running *ret, struct error *err)
{
	struct buf text = BUF_INIT_MAX(FILE_BYTES_MAX);
	struct json json = { 0 };
	struct running running = { 0 };
	int rc = file_read(runtime->file, FILE_BYTES_MAX, &text, err);

	if (rc == 0)
		rc = json_parse(text.data, text.len, runtime->file, &json, err);
	if (rc == 0)
		rc = parse(&json, &running, err);
	if (rc == 0 && process_gone(running.pid))
		rc = error_set(err, ERROR_NOT_FOUND, "the simulator has ended without stopping");
	else if (rc && err->kind == ERROR_NOT_FOUND)
		error_set(err, ERROR_NOT_FOUND, "no simulator is running for this user");
	json_release(&json);
	buf_wipe(&text);
	if (rc) {
		running_release(&running);
		return error_hint(err, "gpucloud-sim start --detach");
	}
	*ret = running;
	return 0;
}

void running_release(struct running *running)
{
	free(running->endpoint);
	free(running->ca_bundle);
	free(running->access_key_id);
	free(running->secret_access_key);
	free(running->region);
	free(running->paperspace_api_key);
	free(running->paperspace_read_key);
	free(running->digitalocean_token);
	free(running->digitalocean_read_token);
	free(running->admin_token);
	*running = (struct running){ 0 };
}

bool runtime_locked(const struct runtime *runtime)
{
	struct error ignored = ERROR_INIT;
	struct stat st;
	int fd;

	if (lstat(runtime->lock, &st))
		return false;
	fd = file_lock(runtime->lock, &ignored);
	if (fd >= 0)
		close(fd);
	return fd == -2;
}

static int read_proc(pid_t pid, const char *name, char *out, size_t max)
{
	char path[64];
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	n = fread(out, 1, max - 1, file);
	out[n] = '\0';
	fclose(file);
	return 0;
}

/* From "PID (name) Z 1 ...": ended to the last thread, but its parent has not looked yet. */
static bool is_zombie(const char *stat)
{
	const char *p = strrchr(stat, ')');

	if (!p || strncmp(p, ") Z ", 4) != 0)
		return false;
	/* The number of threads is the 18th field from the state on. */
	for (int i = 0; i < 18 && p; i++)
		p = strchr(p + 1, ' ');
	return p && strtol(p + 1, NULL, 10) <= 1;
}

bool process_gone(pid_t pid)
{
	char text[512];

	if (kill(pid, 0) && errno == ESRCH)
		return true;
	return read_proc(pid, "stat", text, sizeof(text)) == 0 && is_zombie(text);
}

bool process_is_simulator(pid_t pid)
{
	char mine[64], theirs[64], path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%ld", (long)pid);
	return stat(path, &st) == 0 && st.st_uid == geteuid() &&
	       read_proc(getpid(), "comm", mine, sizeof(mine)) == 0 &&
	       read_proc(pid, "comm", theirs, sizeof(theirs)) == 0 && strcmp(mine, theirs) == 0;
}
