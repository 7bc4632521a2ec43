/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/userdata.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/hostkeys.h"
#include "fleet/machine/machine_files.h"
#include "ssh/key.h"

/* No valid input makes more: two keys and the files of fleet/machine. cJSON wants 5 to spare. */
#define PRINT_MAX ((size_t)32 << 10)
#define PEM_MAX	  4096

#define ENABLE_ARGS 4 /* the last arguments of what arms: the command that is run in the end */

#define TTL_UNIT    "gpucloud-ttl.service"
#define UNIT_MARK   "@SECONDS@"
#define SCRIPT_PATH "/usr/local/lib/gpucloud/ttl"
#define STATE_PATH  "/var/lib/gpucloud/ttl-left"
#define UNIT_PATH   "/etc/systemd/system/" TTL_UNIT

static const char pem_head[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
static const char pem_tail[] = "\n-----END OPENSSH PRIVATE KEY-----";

static cJSON *must(cJSON *item)
{
	if (!item)
		out_of_memory();
	return item;
}

static void put(cJSON *object, const char *name, cJSON *item)
{
	if (!cJSON_AddItemToObjectCS(object, name, must(item)))
		out_of_memory();
}

static void put_string(cJSON *object, const char *name, const char *value)
{
	put(object, name, cJSON_CreateString(value));
}

static void append(cJSON *array, cJSON *item)
{
	if (!cJSON_AddItemToArray(array, must(item)))
		out_of_memory();
}

static int add_login_key(cJSON *root, const char *login_key, struct error *err)
{
	char line[SSH_LINE_MAX];

	if (hostkeys_line(login_key, line, err) < 0)
		return error_prefix(err, "login key");
	char *named = xasprintf("%s gpucloud", line);
	cJSON *keys = must(cJSON_CreateArray());
	append(keys, cJSON_CreateString(named));
	put(root, "ssh_authorized_keys", keys);
	free(named);
	return 0;
}

/*
 * The file as sshd reads it: it must end in a newline. *ret is a wiped copy's to be; NULL and an
 * error where the text is no key file, so that nothing else can ride in it.
 */
static char *pem_copy(const struct secret *pem, struct error *err)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n";
	size_t len = pem->len, head = strlen(pem_head), tail = strlen(pem_tail);

	if (len && pem->data[len - 1] == '\n')
		len--;
	if (len <= head + tail || len > PEM_MAX || memcmp(pem->data, pem_head, head) != 0 ||
	    memcmp(pem->data + len - tail, pem_tail, tail) != 0 ||
	    strspn(pem->data + head, alphabet) != len - tail - head + 1) {
		error_set(err, ERROR_CONFIG, "host key: not an OpenSSH private key");
		return NULL;
	}
	char *copy = xmalloc(len + 2);
	memcpy(copy, pem->data, len);
	memcpy(copy + len, "\n", 2);
	return copy;
}

/* *pem is what root refers to: to be wiped and freed after it. */
static int add_host_key(cJSON *root, const struct ssh_key *key, char **pem, struct error *err)
{
	char line[SSH_LINE_MAX];

	if (hostkeys_line(key->public_line, line, err) < 0)
		return error_prefix(err, "host key");
	if (!text_starts_with(line, "ssh-ed25519 "))
		return error_set(err, ERROR_CONFIG, "host key: not an ed25519 key");
	*pem = pem_copy(&key->private_pem, err);
	if (!*pem)
		return -1;
	/* What the image brought, or another machine of the same image has, must not be served. */
	put(root, "ssh_deletekeys", cJSON_CreateTrue());
	cJSON *keys = must(cJSON_CreateObject());
	put(keys, "ed25519_private", cJSON_CreateStringReference(*pem));
	put_string(keys, "ed25519_public", line);
	put(root, "ssh_keys", keys);
	return 0;
}

static void add_file(cJSON *files, const char *path, const char *mode, const char *content)
{
	cJSON *file = must(cJSON_CreateObject());

	put_string(file, "path", path);
	put_string(file, "owner", "root:root");
	put_string(file, "permissions", mode);
	put_string(file, "content", content);
	append(files, file);
}

static cJSON *one_command(const char *const *argv, size_t n)
{
	cJSON *commands = must(cJSON_CreateArray());

	append(commands, cJSON_CreateStringArray(argv, (int)n));
	return commands;
}

/* The unit is written last: once systemd can see it, all it needs is there. */
static void add_ttl(cJSON *root, int64_t ttl_s)
{
	static const char *const arm[] = {
		"systemd-run",
		"--no-block",
		"--unit=gpucloud-ttl-arm",
		"--property=DefaultDependencies=no",
		"--property=Restart=on-failure",
		"--property=RestartSec=5",
		"--property=StartLimitIntervalSec=3600",
		"--property=StartLimitBurst=60",
		"systemctl",
		"enable",
		"--now",
		TTL_UNIT,
	};
	const char *const *enable = arm + ARRAY_SIZE(arm) - ENABLE_ARGS;
	const char *mark = strstr(machine_ttl_service, UNIT_MARK);
	size_t before = mark ? (size_t)(mark - machine_ttl_service) : strlen(machine_ttl_service);
	char *unit = xasprintf("%.*s%" PRId64 "%s", (int)before, machine_ttl_service, ttl_s,
			       machine_ttl_service + before + (mark ? strlen(UNIT_MARK) : 0));
	char *state = xasprintf("%" PRId64 "\n", ttl_s);
	cJSON *files = must(cJSON_CreateArray());

	add_file(files, SCRIPT_PATH, "0755", machine_ttl_script);
	add_file(files, STATE_PATH, "0644", state);
	add_file(files, UNIT_PATH, "0644", unit);
	put(root, "write_files", files);
	put(root, "bootcmd", one_command(arm, ARRAY_SIZE(arm)));
	put(root, "runcmd", one_command(enable, ENABLE_ARGS));
	free(unit);
	free(state);
}

static int print(const cJSON *root, size_t max, struct buf *out, struct error *err)
{
	static const char header[] = "#cloud-config\n";
	char *text = xmalloc(PRINT_MAX); /* one buffer: growing would leave secrets behind */
	int rc = 0;

	memcpy(text, header, sizeof(header));
	char *json = text + strlen(header);
	if (!cJSON_PrintPreallocated((cJSON *)(uintptr_t)root, json,
				     (int)(PRINT_MAX - strlen(header) - 1), 0))
		rc = error_set(err, ERROR_USAGE, "user-data is larger than %zu bytes", PRINT_MAX);
	size_t len = rc < 0 ? 0 : strlen(text) + 1;
	if (rc == 0 && len > max)
		rc = error_set(err, ERROR_USAGE,
			       "user-data is %zu bytes, and this cloud takes %zu at most", len,
			       max);
	if (rc == 0) {
		text[len - 1] = '\n';
		if (buf_add(out, text, len) < 0)
			rc = error_set(err, ERROR_USAGE, "user-data of %zu bytes has no room", len);
	}
	explicit_bzero(text, PRINT_MAX);
	free(text);
	return rc;
}

int userdata_make(const struct userdata *userdata, size_t max, struct buf *out, struct error *err)
{
	int64_t ttl_s = userdata->ttl_s;
	char *pem = NULL;
	int rc = 0;

	if (ttl_s != 0 && (ttl_s < USERDATA_TTL_MIN_S || ttl_s > USERDATA_TTL_MAX_S))
		return error_set(err, ERROR_USAGE,
				 "a time limit of %" PRId64 " s is not within one minute and 366 "
				 "days",
				 ttl_s);
	cJSON *root = must(cJSON_CreateObject());
	if (userdata->login_key)
		rc = add_login_key(root, userdata->login_key, err);
	if (rc == 0 && userdata->host_key)
		rc = add_host_key(root, userdata->host_key, &pem, err);
	if (rc == 0 && ttl_s)
		add_ttl(root, ttl_s);
	if (rc == 0)
		rc = print(root, max, out, err);
	cJSON_Delete(root);
	if (pem) {
		explicit_bzero(pem, strlen(pem));
		free(pem);
	}
	return rc;
}
