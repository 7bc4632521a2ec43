/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine is told by a startup script; what the script does is tried in test_boot_script.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/userdata.h"
#include "ssh/key.h"

#define MAX 16384

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

/* The other form, as JSON. */
static struct json make(const struct userdata *userdata)
{
	struct error err = ERROR_INIT;
	struct json json = { NULL };

	buf_wipe(&out);
	if (userdata_make(userdata, MAX, &out, &err) < 0)
		fail_msg("%s", err.message);
	const char *body = strchr(out.data, '\n') + 1;
	if (json_parse(body, strlen(body), "user-data", &json, &err) < 0)
		fail_msg("%s", err.message);
	return json;
}

/* Makes a startup script; false and err where it is refused. */
static bool make_script(struct userdata userdata, struct error *err)
{
	error_clear(err);
	buf_wipe(&out);
	userdata.form = USERDATA_SCRIPT;
	return userdata_make(&userdata, MAX, &out, err) == 0;
}

/* The lines between a file's end mark and its end, as a shell takes them. */
static void assert_file(const char *end, const char *content)
{
	char *open = xasprintf("<<'%s'", end), *close = xasprintf("\n%s\n", end);
	const char *begin = strstr(out.data, open), *stop;

	assert_non_null(begin);
	begin = strchr(begin, '\n') + 1;
	stop = strstr(begin - 1, close);
	assert_non_null(stop);
	assert_null(strstr(stop + strlen(close) - 1, end)); /* no third one */
	assert_int_equal(stop + 1 - begin, strlen(content));
	assert_memory_equal(begin, content, strlen(content));
	free(open);
	free(close);
}

static void assert_has(const char *text)
{
	if (!strstr(out.data, text))
		fail_msg("the script has no '%s'", text);
}

static void test_script(void **state)
{
	struct userdata all = { .login = "paperspace",
				.login_key = login.public_line,
				.host_key = &host,
				.ttl_s = 43200 };
	struct json json = make(&all); /* the other form, with the very same files */
	struct error err = ERROR_INIT;
	char *contents[3], *line;

	(void)state;
	assert_null(strstr(out.data, "paperspace"));
	const struct cJSON *files = json_get(json.root, "write_files");
	for (size_t i = 0; i < ARRAY_SIZE(contents); i++)
		contents[i] = xstrdup(json_text(json_get(json_at(files, i), "content")));
	json_release(&json);

	assert_true(make_script(all, &err));
	assert_true(text_starts_with(out.data, "#!/bin/sh\n" USERDATA_SCRIPT_MARK "\n"));
	for (size_t i = 0; i < out.len; i++)
		if (out.data[i] != '\n' && out.data[i] != '\t')
			assert_in_range(out.data[i], 0x20, 0x7e);
	assert_int_equal(out.data[out.len - 1], '\n');
	assert_in_range(out.len, 1000, 14000); /* EC2's 16384 is the least that any cloud takes */
	assert_file("GPUCLOUD-END-OF-TTL", contents[0]);
	assert_file("GPUCLOUD-END-OF-UNIT", contents[2]);
	assert_file("GPUCLOUD-END-OF-KEY", host.private_pem.data);
	assert_has("\nttl='43200'\n");
	assert_has("\nlogin='paperspace'\n");
	line = xasprintf("\nlogin_key='%.*s gpucloud'\n",
			 (int)(strrchr(login.public_line, ' ') - login.public_line),
			 login.public_line);
	assert_has(line);
	free(line);
	assert_has("systemctl enable --now gpucloud-ttl.service ||\n");
	assert_has("systemd-run --no-block --unit=gpucloud-ttl-arm "
		   "--property=DefaultDependencies=no --property=Restart=on-failure ");
	/* nothing is left to be filled in */
	for (const char *at = out.data; (at = strchr(at, '@')); at++)
		assert_int_not_equal(at[1 + strspn(at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")], '@');
	assert_null(strstr(out.data, "canary-login"));
	assert_null(strstr(out.data, "host-comment"));
	for (size_t i = 0; i < ARRAY_SIZE(contents); i++)
		free(contents[i]);
}

/* The name that the machine remembers: the same for the same launch, and no other's. */
static void launch_of(struct userdata userdata, char ret[40])
{
	struct error err = ERROR_INIT;
	static const char mark[] = "\nlaunch='";

	assert_true(make_script(userdata, &err));
	const char *at = strstr(out.data, mark);
	assert_non_null(at);
	at += strlen(mark);
	size_t len = strspn(at, "0123456789abcdef");
	assert_int_equal(len, 32);
	assert_int_equal(at[len], '\'');
	memcpy(ret, at, len);
	ret[len] = '\0';
}

static void test_script_launch(void **state)
{
	const struct userdata one = { .login = "root", .host_key = &host, .ttl_s = 3600 };
	const struct userdata others[] = {
		{ .login = "paperspace", .host_key = &host, .ttl_s = 3600 },
		{ .login = "root", .host_key = &login, .ttl_s = 3600 },
		{ .login = "root", .host_key = &host, .ttl_s = 3601 },
		{ .login = "root", .host_key = &host },
		{ .login = "root", .ttl_s = 3600 },
		{ .login = "root",
		  .host_key = &host,
		  .ttl_s = 3600,
		  .login_key = login.public_line },
	};
	char name[40], again[40];

	(void)state;
	launch_of(one, name);
	char *first = xstrdup(out.data);
	launch_of(one, again);
	assert_string_equal(out.data, first);
	explicit_bzero(first, strlen(first));
	free(first);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		launch_of(others[i], again);
		assert_string_not_equal(name, again);
	}
}

static void test_script_login(void **state)
{
	static const struct {
		const char *login;
		bool good;
	} cases[] = {
		{ "paperspace", true },
		{ "root", true },
		{ "a", true },
		{ "_x-9", true },
		{ "abcdefghijklmnopqrstuvwxyz012345", true },
		{ "abcdefghijklmnopqrstuvwxyz0123456", false },
		{ NULL, false },
		{ "", false },
		{ "Root", false },
		{ "9a", false },
		{ "-a", false },
		{ "a b", false },
		{ "a'b", false },
		{ "a\nb", false },
		{ "a/b", false },
		{ "a.b", false },
		{ "a$", false },
		{ "../root", false },
		{ "\xc3\xa4", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct userdata userdata = { .login = cases[i].login };
		struct error err = ERROR_INIT;

		if (make_script(userdata, &err) != cases[i].good)
			fail_msg("login '%s'", cases[i].login ? cases[i].login : "(none)");
		if (cases[i].good)
			continue;
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_true(text_starts_with(err.message, "startup script: '"));
		assert_int_equal(out.len, 0);
	}
}

/* What the other form refuses, this one does; and the size is bounded. */
static void test_script_bounds(void **state)
{
	struct userdata all = { .login = "root",
				.login_key = login.public_line,
				.host_key = &host,
				.ttl_s = USERDATA_TTL_MAX_S };
	struct error err = ERROR_INIT;

	(void)state;
	assert_true(make_script(all, &err));
	size_t len = out.len;
	all.form = USERDATA_SCRIPT;
	buf_wipe(&out);
	assert_int_equal(userdata_make(&all, len, &out, &err), 0);
	assert_int_equal(out.len, len);
	buf_wipe(&out);
	assert_int_equal(userdata_make(&all, len - 1, &out, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_null(strstr(err.message, "BEGIN"));
	assert_int_equal(out.len, 0);
	all.ttl_s = USERDATA_TTL_MAX_S + 1;
	assert_false(make_script(all, &err));
	assert_int_equal(err.kind, ERROR_USAGE);
	all.ttl_s = 0;
	all.login_key = "ssh-rsa ' AAAA";
	assert_false(make_script(all, &err));
	assert_int_equal(err.kind, ERROR_CONFIG);
	all.login_key = NULL;
	assert_true(make_script(all, &err));
	assert_has("\nttl=''\n");
	assert_has("\nlogin_key=''\n");
	assert_null(strstr(out.data, "shutdown -h now"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_script_launch),
		cmocka_unit_test(test_script_login),
		cmocka_unit_test(test_script_bounds),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
