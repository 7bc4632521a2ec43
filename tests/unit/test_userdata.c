/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine is told at boot: exactly these keys, nothing secret but the host key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/userdata.h"
#include "ssh/key.h"

#define MAX 16384
#define RSA "AAAAB3NzaC1yc2EAAAADAQABAAAAIQCAgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2enw=="

static struct ssh_key host, login;
static struct buf out = BUF_INIT;

static int enter(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	return ssh_key_make("host-comment", &host, &err) < 0 ||
			       ssh_key_make("canary-login", &login, &err) < 0
		       ? -1
		       : 0;
}

static int leave(void **state)
{
	(void)state;
	ssh_key_release(&host);
	ssh_key_release(&login);
	buf_wipe(&out);
	return 0;
}

/* Makes it and reads the JSON after its one header line. */
static struct json make(const struct userdata *userdata)
{
	static const char header[] = "#cloud-config\n";
	struct error err = ERROR_INIT;
	struct json json = { NULL };

	buf_wipe(&out);
	if (userdata_make(userdata, MAX, &out, &err) < 0)
		fail_msg("%s", err.message);
	assert_true(text_starts_with(out.data, header));
	/* One line, to its end, of printable ASCII: whatever reads it, reads the same. */
	for (size_t i = strlen(header); i + 1 < out.len; i++)
		assert_in_range(out.data[i], 0x20, 0x7e);
	assert_int_equal(out.data[out.len - 1], '\n');
	if (json_parse(out.data + strlen(header), out.len - strlen(header), "user-data", &json,
		       &err) < 0)
		fail_msg("%s", err.message);
	return json;
}

static const char *string_at(const struct json *json, const char *path)
{
	struct error err = ERROR_INIT;
	const char *ret;

	if (json_string(json->root, path, MAX, &ret, &err) < 0)
		fail_msg("%s", err.message);
	return ret;
}

/* The names of an object's members, joined by blanks. */
static void assert_keys(const struct cJSON *node, const char *expected)
{
	struct buf names = BUF_INIT;

	for (const struct cJSON *at = json_first(node); at; at = json_next(at))
		buf_addf(&names, "%s%s", names.len ? " " : "", json_name(at));
	assert_string_equal(names.data, expected);
	buf_release(&names);
}

static void assert_commands(const struct json *json, const char *name, const char *const *argv)
{
	const struct cJSON *commands = json_get(json->root, name);

	assert_int_equal(json_len(commands), 1);
	const struct cJSON *command = json_at(commands, 0);
	size_t n = 0;
	for (; argv[n]; n++)
		assert_string_equal(json_text(json_at(command, n)), argv[n]);
	assert_int_equal(json_len(command), n);
}

static void test_all(void **state)
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
		"gpucloud-ttl.service",
		NULL,
	};
	static const struct {
		const char *path, *mode, *first, *part;
	} files[] = {
		{ "/usr/local/lib/gpucloud/ttl", "0755", "#!/bin/sh\n", "shutdown -h now\n" },
		{ "/var/lib/gpucloud/ttl-left", "0644", "43200\n", "43200\n" },
		{ "/etc/systemd/system/gpucloud-ttl.service", "0644", "# SPDX",
		  "ExecStart=/bin/sh /usr/local/lib/gpucloud/ttl 43200\n" },
	};
	struct userdata all = { .login_key = login.public_line, .host_key = &host, .ttl_s = 43200 };
	struct json json = make(&all);

	(void)state;
	assert_keys(json.root, "ssh_authorized_keys ssh_deletekeys ssh_keys write_files bootcmd "
			       "runcmd");
	assert_keys(json_get(json.root, "ssh_keys"), "ed25519_private ed25519_public");
	assert_string_equal(string_at(&json, "ssh_keys.ed25519_private"), host.private_pem.data);
	assert_true(
		text_starts_with(host.public_line, string_at(&json, "ssh_keys.ed25519_public")));
	assert_true(cJSON_IsTrue(json_get(json.root, "ssh_deletekeys")));
	assert_int_equal(json_len(json_get(json.root, "ssh_authorized_keys")), 1);
	const struct cJSON *written = json_get(json.root, "write_files");
	assert_int_equal(json_len(written), ARRAY_SIZE(files));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const struct cJSON *file = json_at(written, i);
		const char *content = json_text(json_get(file, "content"));

		assert_keys(file, "path owner permissions content");
		assert_string_equal(json_text(json_get(file, "path")), files[i].path);
		assert_string_equal(json_text(json_get(file, "owner")), "root:root");
		assert_string_equal(json_text(json_get(file, "permissions")), files[i].mode);
		assert_true(text_starts_with(content, files[i].first));
		assert_non_null(strstr(content, files[i].part));
		assert_null(strstr(content, "@SECONDS@"));
	}
	assert_commands(&json, "bootcmd", arm);
	assert_commands(&json, "runcmd", arm + 8);
	json_release(&json);
}

static void test_parts(void **state)
{
	struct userdata none = { 0 };
	struct userdata key_only = { .login_key = login.public_line };
	struct userdata ttl_only = { .ttl_s = 60 };
	struct json json = make(&none);

	(void)state;
	assert_string_equal(out.data, "#cloud-config\n{}\n");
	json_release(&json);
	json = make(&key_only);
	assert_keys(json.root, "ssh_authorized_keys");
	json_release(&json);
	json = make(&ttl_only);
	assert_keys(json.root, "write_files bootcmd runcmd");
	json_release(&json);

	/* The same again, to the byte: a repeated launch sends the very same request. */
	struct userdata all = { .login_key = login.public_line, .host_key = &host, .ttl_s = 3600 };
	json = make(&all);
	json_release(&json);
	char *first = xstrdup(out.data);
	json = make(&all);
	json_release(&json);
	assert_string_equal(out.data, first);
	free(first);
}

/* What comes from a key file the user names ends up on a machine: key and nothing else. */
static void test_login_lines(void **state)
{
	static const char *const refused[] = {
		"",
		" ",
		"ssh-ed25519",
		"ssh-ed25519 ",
		"ssh-ed25519 !!!!",
		"ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==",
		"a\x1b[2J\"}] AAAACGEbWzJKIn1dAAAAAXg=", /* its own blob agrees with it */
		"command=\"rm -rf /\" ssh-rsa " RSA,
		"ssh-rsa " RSA "\nssh-rsa " RSA,
		"-----BEGIN OPENSSH PRIVATE KEY-----",
	};
	char hostile[SSH_LINE_MAX];
	const char *blob = strchr(login.public_line, ' ') + 1;
	int blob_len = (int)strcspn(blob, " ");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct userdata userdata = { .login_key = refused[i] };
		struct error err = ERROR_INIT;

		buf_wipe(&out);
		assert_int_equal(userdata_make(&userdata, MAX, &out, &err), -1);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_true(text_starts_with(err.message, "login key: "));
		assert_true(strlen(err.message) < 100);
		assert_int_equal(out.len, 0);
	}
	snprintf(hostile, sizeof(hostile),
		 "ssh-ed25519 %.*s \"}], \\ \xe2\x80\xae\x7f' $(id) `id` #: - \xf0\x9f\x98\x80",
		 blob_len, blob);
	struct userdata userdata = { .login_key = hostile };
	struct json json = make(&userdata);
	char expected[SSH_LINE_MAX];
	snprintf(expected, sizeof(expected), "ssh-ed25519 %.*s gpucloud", blob_len, blob);
	assert_string_equal(json_text(json_at(json_get(json.root, "ssh_authorized_keys"), 0)),
			    expected);
	json_release(&json);
	struct userdata rsa = { .login_key = "ssh-rsa " RSA " me@home" };
	json = make(&rsa);
	assert_string_equal(json_text(json_at(json_get(json.root, "ssh_authorized_keys"), 0)),
			    "ssh-rsa " RSA " gpucloud");
	json_release(&json);
}

static void test_host_keys(void **state)
{
	static const char head[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
	static const char tail[] = "-----END OPENSSH PRIVATE KEY-----\n";
	const char *const refused[] = {
		"",
		"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nAA\"A\n-----END OPENSSH PRIVATE KEY-----\n",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\nx",
		"x-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct ssh_key key = host;
		struct userdata userdata = { .host_key = &key };
		struct error err = ERROR_INIT;

		key.private_pem = (struct secret){ 0 };
		secret_set(&key.private_pem, refused[i], strlen(refused[i]));
		buf_wipe(&out);
		if (userdata_make(&userdata, MAX, &out, &err) == 0)
			fail_msg("accepted key %zu", i);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_string_equal(err.message, "host key: not an OpenSSH private key");
		secret_release(&key.private_pem);
	}
	/* sshd reads no key file without its last newline: it is there in any case. */
	struct ssh_key bare = host;
	bare.private_pem = (struct secret){ 0 };
	secret_set(&bare.private_pem, host.private_pem.data, strlen(host.private_pem.data) - 1);
	struct userdata userdata = { .host_key = &bare };
	struct json json = make(&userdata);
	const char *pem = string_at(&json, "ssh_keys.ed25519_private");
	assert_true(text_starts_with(pem, head));
	assert_string_equal(pem + strlen(pem) - strlen(tail), tail);
	json_release(&json);
	secret_release(&bare.private_pem);

	struct ssh_key rsa = host;
	struct error err = ERROR_INIT;
	userdata.host_key = &rsa;
	snprintf(rsa.public_line, sizeof(rsa.public_line), "ssh-rsa " RSA);
	assert_int_equal(userdata_make(&userdata, MAX, &out, &err), -1);
	assert_string_equal(err.message, "host key: not an ed25519 key");
}

static void test_ttl_bounds(void **state)
{
	static const struct {
		int64_t ttl_s;
		int rc;
	} cases[] = {
		{ INT64_MIN, -1 }, { -1, -1 },	      { 1, -1 },       { 59, -1 },
		{ 60, 0 },	   { 61, 0 },	      { 31622399, 0 }, { 31622400, 0 },
		{ 31622401, -1 },  { INT64_MAX, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct userdata userdata = { .ttl_s = cases[i].ttl_s };
		struct error err = ERROR_INIT;

		buf_wipe(&out);
		assert_int_equal(userdata_make(&userdata, MAX, &out, &err), cases[i].rc);
		assert_int_equal(err.kind, cases[i].rc ? ERROR_USAGE : ERROR_NONE);
		assert_int_equal(out.len > 0, cases[i].rc == 0);
	}
}

static void test_size(void **state)
{
	struct userdata all = { .login_key = login.public_line, .host_key = &host, .ttl_s = 43200 };
	struct json json = make(&all);
	size_t len = out.len;
	struct error err = ERROR_INIT;

	(void)state;
	json_release(&json);
	/* Room must be left below EC2's limit for what a user adds one day. */
	assert_in_range(len, 1000, 10240);
	buf_wipe(&out);
	assert_int_equal(userdata_make(&all, len, &out, &err), 0);
	assert_int_equal(out.len, len);
	buf_wipe(&out);
	assert_int_equal(userdata_make(&all, len - 1, &out, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.message, "takes"));
	assert_int_equal(out.len, 0);

	struct buf small = BUF_INIT_MAX(100);
	error_clear(&err);
	assert_int_equal(userdata_make(&all, len, &small, &err), -1);
	assert_int_equal(small.len, 0);
	buf_release(&small);
}

/* Neither the login key's private part, nor the host key's outside its one place. */
static void test_canary(void **state)
{
	struct userdata all = { .login_key = login.public_line, .host_key = &host, .ttl_s = 43200 };
	struct json json = make(&all);
	struct error err = ERROR_INIT;

	(void)state;
	json_release(&json);
	assert_null(strstr(out.data, "canary-login"));
	assert_null(strstr(out.data, "host-comment"));
	/* The lines of the key files that hold the secret: the last two of the base64. */
	char *pem = xstrdup(login.private_pem.data), *save = NULL;
	for (char *line = strtok_r(pem, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (line[0] == '-' || text_starts_with(line, "b3BlbnNzaC1rZXktdjE"))
			continue;
		assert_null(strstr(out.data, line));
	}
	free(pem);
	pem = xstrdup(host.private_pem.data);
	save = NULL;
	for (char *line = strtok_r(pem, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *found = strstr(out.data, line);
		assert_non_null(found);
		assert_null(strstr(found + 1, line));
	}
	free(pem);

	/* Nor in the text of an error. */
	buf_wipe(&out);
	assert_int_equal(userdata_make(&all, 10, &out, &err), -1);
	assert_null(strstr(err.message, "BEGIN"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),	    cmocka_unit_test(test_parts),
		cmocka_unit_test(test_login_lines), cmocka_unit_test(test_host_keys),
		cmocka_unit_test(test_ttl_bounds),  cmocka_unit_test(test_size),
		cmocka_unit_test(test_canary),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
