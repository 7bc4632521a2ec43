/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/userdata.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/hostkeys.h"
#include "fleet/machine/machine_files.h"
#include "fleet/userdata_internal.h"
#include "ssh/key.h"

#define PEM_MAX	  4096
#define UNIT_MARK "@SECONDS@"

const char *const userdata_arm[USERDATA_ARM_WORDS] = {
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
	USERDATA_UNIT,
};

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

/*
 * The file as sshd reads it: it must end in a newline. A copy that is to be wiped; NULL and an
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

static int check_login_key(const char *login_key, struct userdata_parts *parts, struct error *err)
{
	char line[SSH_LINE_MAX];

	if (hostkeys_line(login_key, line, err) < 0)
		return error_prefix(err, "login key");
	snprintf(parts->login_key, sizeof(parts->login_key), "%s gpucloud", line);
	return 0;
}

static int check_host_key(const struct ssh_key *key, struct userdata_parts *parts,
			  struct error *err)
{
	if (hostkeys_line(key->public_line, parts->host_public, err) < 0)
		return error_prefix(err, "host key");
	if (!text_starts_with(parts->host_public, "ssh-ed25519 "))
		return error_set(err, ERROR_CONFIG, "host key: not an ed25519 key");
	parts->host_private = pem_copy(&key->private_pem, err);
	return parts->host_private ? 0 : -1;
}

static int check_ttl(int64_t ttl_s, struct userdata_parts *parts, struct error *err)
{
	const char *mark = strstr(machine_ttl_service, UNIT_MARK);
	size_t before = mark ? (size_t)(mark - machine_ttl_service) : strlen(machine_ttl_service);

	if (ttl_s < USERDATA_TTL_MIN_S || ttl_s > USERDATA_TTL_MAX_S)
		return error_set(err, ERROR_USAGE,
				 "a time limit of %" PRId64 " s is not within one minute and 366 "
				 "days",
				 ttl_s);
	snprintf(parts->ttl, sizeof(parts->ttl), "%" PRId64, ttl_s);
	parts->unit = xasprintf("%.*s%s%s", (int)before, machine_ttl_service, parts->ttl,
				machine_ttl_service + before + (mark ? strlen(UNIT_MARK) : 0));
	return 0;
}

static int check(const struct userdata *userdata, struct userdata_parts *parts, struct error *err)
{
	if (userdata->ttl_s && check_ttl(userdata->ttl_s, parts, err) < 0)
		return -1;
	if (userdata->login_key && check_login_key(userdata->login_key, parts, err) < 0)
		return -1;
	return userdata->host_key ? check_host_key(userdata->host_key, parts, err) : 0;
}

static void parts_release(struct userdata_parts *parts)
{
	if (parts->host_private)
		explicit_bzero(parts->host_private, strlen(parts->host_private));
	free(parts->host_private);
	free(parts->unit);
}

static void add_login_key(cJSON *root, const struct userdata_parts *parts)
{
	cJSON *keys = must(cJSON_CreateArray());

	append(keys, cJSON_CreateString(parts->login_key));
	put(root, "ssh_authorized_keys", keys);
}

/* parts must outlive root: a copy would be one more to wipe. */
static void add_host_key(cJSON *root, const struct userdata_parts *parts)
{
	cJSON *keys = must(cJSON_CreateObject());

	/* What the image brought, or another machine of the same image has, must not be served. */
	put(root, "ssh_deletekeys", cJSON_CreateTrue());
	put(keys, "ed25519_private", cJSON_CreateStringReference(parts->host_private));
	put_string(keys, "ed25519_public", parts->host_public);
	put(root, "ssh_keys", keys);
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
static void add_ttl(cJSON *root, const struct userdata_parts *parts)
{
	const char *const *enable = userdata_arm + USERDATA_ARM_WORDS - USERDATA_ENABLE_WORDS;
	char *state = xasprintf("%s\n", parts->ttl);
	cJSON *files = must(cJSON_CreateArray());

	add_file(files, USERDATA_TTL_PATH, "0755", machine_ttl_script);
	add_file(files, USERDATA_STATE_PATH, "0644", state);
	add_file(files, USERDATA_UNIT_PATH, "0644", parts->unit);
	put(root, "write_files", files);
	put(root, "bootcmd", one_command(userdata_arm, USERDATA_ARM_WORDS));
	put(root, "runcmd", one_command(enable, USERDATA_ENABLE_WORDS));
	free(state);
}

int userdata_emit(const char *text, size_t len, size_t max, struct buf *out, struct error *err)
{
	if (len > max)
		return error_set(err, ERROR_USAGE,
				 "user-data is %zu bytes, and this cloud takes %zu at most", len,
				 max);
	if (buf_add(out, text, len) < 0)
		return error_set(err, ERROR_USAGE, "user-data of %zu bytes has no room", len);
	return 0;
}

static int print(const cJSON *root, size_t max, struct buf *out, struct error *err)
{
	static const char header[] = "#cloud-config\n";
	char *text = xmalloc(USERDATA_PRINT_MAX); /* growing would leave secrets behind */
	int rc;

	memcpy(text, header, sizeof(header));
	char *json = text + strlen(header);
	if (cJSON_PrintPreallocated((cJSON *)(uintptr_t)root, json,
				    (int)(USERDATA_PRINT_MAX - strlen(header) - 1), 0)) {
		size_t len = strlen(text) + 1;

		text[len - 1] = '\n';
		rc = userdata_emit(text, len, max, out, err);
	} else {
		rc = error_set(err, ERROR_USAGE, "user-data is larger than %zu bytes",
			       USERDATA_PRINT_MAX);
	}
	explicit_bzero(text, USERDATA_PRINT_MAX);
	free(text);
	return rc;
}

static int cloud_init(const struct userdata_parts *parts, size_t max, struct buf *out,
		      struct error *err)
{
	cJSON *root = must(cJSON_CreateObject());

	if (parts->login_key[0])
		add_login_key(root, parts);
	if (parts->host_private)
		add_host_key(root, parts);
	if (parts->unit)
		add_ttl(root, parts);
	int rc = print(root, max, out, err);
	cJSON_Delete(root);
	return rc;
}

int userdata_make(const struct userdata *userdata, size_t max, struct buf *out, struct error *err)
{
	struct userdata_parts parts = { 0 };
	int rc = check(userdata, &parts, err);

	if (rc == 0)
		rc = userdata->form == USERDATA_SCRIPT
			     ? userdata_script(&parts, userdata->login, max, out, err)
			     : cloud_init(&parts, max, out, err);
	parts_release(&parts);
	return rc;
}
