/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers that print too much, hang, daemonise, die or are not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/host.h"
#include "core/mem.h"

static int sh(const char *script, int64_t timeout_ms, struct buf *out, struct buf *diag,
	      int *status, struct error *err)
{
	const char *argv[] = { "sh", "-c", script, NULL };

	return host_system.run(host_system.ctx, argv, timeout_ms, out, diag, status, err);
}

static void test_output_and_status(void **state)
{
	static const struct {
		const char *script, *out, *diag;
		int status;
	} cases[] = {
		{ "echo a; echo b >&2", "a\n", "b\n", 0 },
		{ "exit 7", "", "", 7 },
		{ "printf x; kill -9 $$", "x", "", 128 + 9 },
		{ "kill -15 $$", "", "", 128 + 15 },
		{ "exec >&- 2>&-; sleep 0.05; exit 3", "", "", 3 },
		{ "read line || echo eof", "eof\n", "", 0 },
		{ "(exec </dev/tty) 2>/dev/null && echo tty || echo none", "none\n", "", 0 },
		{ "kill -PIPE $$; echo ignored", "", "", 128 + SIGPIPE },
		{ "i=0; while [ $i -lt 2000 ]; do echo 0123456789; echo x >&2; i=$((i+1)); done;"
		  " exit 5",
		  NULL, NULL, 5 },
	};

	(void)state;
	signal(SIGPIPE, SIG_IGN); /* as interrupt_install does; children get it back */
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf out = BUF_INIT, diag = BUF_INIT;
		struct error err = ERROR_INIT;
		int status = -1;

		if (sh(cases[i].script, 20000, &out, &diag, &status, &err) < 0)
			fail_msg("case %zu: %s", i, err.message);
		assert_int_equal(status, cases[i].status);
		if (cases[i].out) {
			assert_string_equal(out.data, cases[i].out);
			assert_string_equal(diag.data, cases[i].diag);
		} else {
			assert_int_equal(out.len, 22000);
			assert_int_equal(diag.len, 4000);
		}
		buf_release(&out);
		buf_release(&diag);
	}
}

static void test_arguments_are_not_shell(void **state)
{
	const char *argv[] = { "printf", "%s|", "$HOME", "a b;c", "", NULL };
	struct buf out = BUF_INIT, diag = BUF_INIT;
	struct error err = ERROR_INIT;
	int status = -1;

	(void)state;
	assert_int_equal(host_system.run(NULL, argv, 20000, &out, &diag, &status, &err), 0);
	assert_string_equal(out.data, "$HOME|a b;c||");
	buf_release(&out);
	buf_release(&diag);
}

static void test_cannot_start(void **state)
{
	static const char *const names[] = { "gpucloud-no-such-helper", "/etc/passwd", "/tmp", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *argv[] = { names[i], NULL };
		struct buf out = BUF_INIT, diag = BUF_INIT;
		struct error err = ERROR_INIT;
		int status = -1;

		assert_int_equal(host_system.run(NULL, argv, 20000, &out, &diag, &status, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_non_null(strstr(err.message, names[i]));
		assert_int_equal(status, -1);
	}
}

/* The ceiling of out holds at the byte; what is said on stderr past its own is dropped. */
static void test_ceilings(void **state)
{
	struct buf out = BUF_INIT_MAX(10), diag = BUF_INIT_MAX(4);
	struct error err = ERROR_INIT;
	int status = -1;

	(void)state;
	assert_int_equal(
		sh("printf 0123456789; printf abcdefgh >&2", 20000, &out, &diag, &status, &err), 0);
	assert_string_equal(out.data, "0123456789");
	assert_string_equal(diag.data, "abcd");
	buf_clear(&out);
	assert_int_equal(sh("printf 0123456789x", 20000, &out, &diag, &status, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	buf_clear(&out);
	assert_int_equal(sh("while :; do echo more; done", 20000, &out, &diag, &status, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	buf_release(&out);
	buf_release(&diag);
}

static bool alive(pid_t pid)
{
	char path[64], line[256] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	bool read = fgets(line, sizeof(line), file) != NULL;
	fclose(file);
	const char *paren = strrchr(line, ')');
	return read && paren && paren[2] != 'Z';
}

/* The deadline ends the helper and what it started. */
static void test_timeout_kills_the_group(void **state)
{
	struct buf out = BUF_INIT, diag = BUF_INIT;
	struct error err = ERROR_INIT;
	int status = -1;
	int64_t began = clock_mono_ms(&clock_system);

	(void)state;
	assert_int_equal(sh("trap '' TERM; sleep 600 & echo $!; wait; sleep 600", 400, &out, &diag,
			    &status, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_TIMEOUT);
	assert_string_equal(err.message, "'sh' did not finish within 0.4 s");
	assert_true(clock_mono_ms(&clock_system) - began < 60000);
	long grandchild = strtol(out.data, NULL, 10);
	assert_true(grandchild > 1);
	for (int i = 0; alive((pid_t)grandchild) && i < 200; i++)
		clock_sleep_ms(&clock_system, 10);
	assert_false(alive((pid_t)grandchild));
	buf_release(&out);
	buf_release(&diag);
}

/* Nor does one that never stops talking, on either stream. */
static void test_timeout_of_a_talker(void **state)
{
	struct buf out = BUF_INIT, diag = BUF_INIT_MAX(100);
	struct error err = ERROR_INIT;
	int status = -1;
	int64_t began = clock_mono_ms(&clock_system);

	(void)state;
	assert_int_equal(sh("cat /dev/zero >&2 & cat /dev/zero >&2 & exec cat /dev/zero >&2", 400,
			    &out, &diag, &status, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_TIMEOUT);
	assert_true(clock_mono_ms(&clock_system) - began < 60000);
	assert_int_equal(diag.len, 100);
	buf_release(&out);
	buf_release(&diag);
}

/* A helper that leaves something behind with its pipes open does not hold us up. */
static void test_background_child(void **state)
{
	struct buf out = BUF_INIT, diag = BUF_INIT;
	struct error err = ERROR_INIT;
	int status = -1;

	(void)state;
	assert_int_equal(sh("sleep 600 & echo $!", 20000, &out, &diag, &status, &err), 0);
	assert_int_equal(status, 0);
	long pid = strtol(out.data, NULL, 10);
	assert_true(pid > 1);
	assert_true(alive((pid_t)pid));
	kill((pid_t)pid, SIGKILL);
	buf_release(&out);
	buf_release(&diag);
}

/* No descriptor of ours but the three reaches the child, even one opened without O_CLOEXEC. */
static void test_descriptors(void **state)
{
	struct buf out = BUF_INIT, diag = BUF_INIT;
	struct error err = ERROR_INIT;
	int status = -1;
	int fd = open("/dev/null", O_RDONLY); /* on purpose */
	int high = fcntl(fd, F_DUPFD, 9);     /* a descriptor that sh does not use itself */
	char script[128];

	(void)state;
	assert_true(high >= 9);
	snprintf(script, sizeof(script), "test -e /proc/self/fd/%d && echo open || echo closed",
		 high);
	assert_int_equal(sh(script, 20000, &out, &diag, &status, &err), 0);
	assert_string_equal(out.data, "closed\n");
	close(fd);
	close(high);
	buf_release(&out);
	buf_release(&diag);
}

static size_t count_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void test_leaks_no_descriptor(void **state)
{
	size_t before = count_open();

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct buf out = BUF_INIT_MAX(3), diag = BUF_INIT;
		struct error err = ERROR_INIT;
		const char *absent[] = { "gpucloud-no-such-helper", NULL };
		int status = -1;

		sh("echo long", 20000, &out, &diag, &status, &err);
		sh("sleep 600", 20, &out, &diag, &status, &err);
		host_system.run(NULL, absent, 20000, &out, &diag, &status, &err);
		buf_release(&out);
		buf_release(&diag);
	}
	assert_int_equal(count_open(), before);
}

/* A helper of the user's has his environment; what is none of his business has no credentials. */
static void test_environment(void **state)
{
	static const char script[] = "env | sort";
	static const char *const hidden[] = { "AWS_SECRET_ACCESS_KEY",
					      "AWS_SESSION_TOKEN",
					      "AZURE_CLIENT_SECRET",
					      "PAPERSPACE_API_KEY",
					      "HTTPS_PROXY",
					      "CUDAX",
					      "HOMER",
					      "GPUCLOUD_CANARY" };
	static const char *const kept[] = {
		"HOME",	    "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES",
		"FAKE_GPUS"
	};
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct buf all = BUF_INIT, bare = BUF_INIT, diag = BUF_INIT;
	struct error err = ERROR_INIT;
	int status = -1;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		setenv(hidden[i], "s3same", 1);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		setenv(kept[i], "C", 1);
	assert_int_equal(host_system.run(host_system.ctx, argv, 20000, &all, &diag, &status, &err),
			 0);
	assert_int_equal(host_bare.run(host_bare.ctx, argv, 20000, &bare, &diag, &status, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		char *line = xasprintf("%s=s3same\n", hidden[i]);

		assert_non_null(strstr(all.data, line));
		free(line);
		unsetenv(hidden[i]);
	}
	assert_null(strstr(bare.data, "s3same"));
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		char *line = xasprintf("%s=C\n", kept[i]);

		assert_non_null(strstr(bare.data, line));
		free(line);
		unsetenv(kept[i]);
	}
	assert_non_null(strstr(bare.data, "PATH="));
	buf_release(&all);
	buf_release(&bare);
	buf_release(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_and_status),
		cmocka_unit_test(test_arguments_are_not_shell),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_timeout_of_a_talker),
		cmocka_unit_test(test_timeout_kills_the_group),
		cmocka_unit_test(test_background_child),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_leaks_no_descriptor),
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
