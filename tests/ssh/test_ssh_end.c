/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that are given up: what is left of them where they ran. */
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/interrupt.h"
#include "core/mem.h"
#include "ssh/worker.h"
#include "ssh_fixture.h"

static int setup(void **state)
{
	fixture_setup(state);
	fixture_start(*state);
	return 0;
}

/* Processes of that session, zombies left out: what a command has left on its machine. */
static int session_size(int session)
{
	glob_t found;
	int nr = 0;

	assert_int_equal(glob("/proc/[0-9]*/stat", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char line[1024] = "", status = 0;
		int its = 0;
		FILE *f = fopen(found.gl_pathv[i], "re");
		const char *after = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;

		if (after && sscanf(after, ") %c %*d %*d %d", &status, &its) == 2)
			nr += its == session && status != 'Z';
		if (f)
			fclose(f);
	}
	globfree(&found);
	return nr;
}

/* The session whose leader printed its own number first. */
static int session_of(const struct streams *streams)
{
	int session = (int)strtol(streams->out.text.data ? streams->out.text.data : "", NULL, 10);

	assert_true(session > 1);
	return session;
}

static void test_deadline_ends_what_runs(void **state)
{
	static const struct {
		const char *name, *command, *code;
	} cases[] = {
		{ "a tree", "echo $$; sleep 7801 & (sleep 7801; true) | cat; wait",
		  "CommandEnded" },
		{ "a group of its own", "echo $$; timeout 7801 sh -c 'sleep 7801; true'; true",
		  "CommandEnded" },
		{ "one that ignores TERM", "trap '' TERM HUP; echo $$; while :; do sleep 1; done",
		  "CommandEnded" },
		{ "a flood", "echo $$; yes", "CommandEnded" },
		{ "a name that misleads",
		  "cp /bin/sleep './a) R 1 (b'; echo $$; './a) R 1 (b' 7801; true",
		  "CommandEnded" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct remote *remote = fixture_connect(*state);
		struct error err = ERROR_INIT;
		struct remote_exit how;
		struct streams streams;

		streams_init(&streams);
		streams.out.text.max = 64;
		int64_t start = now_ms();
		assert_int_equal(run_command(remote, cases[i].command, &streams, 1500, &how, &err),
				 -1);
		int64_t took = now_ms() - start;
		print_message("  %-24s %5lld ms  %s\n", cases[i].name, (long long)took,
			      err.message);
		assert_int_equal(err.kind, ERROR_TIMEOUT);
		assert_string_equal(err.code, cases[i].code);
		assert_true(took >= 1500 && took < 60000);
		assert_int_equal(session_size(session_of(&streams)), 0);
		streams_release(&streams);
		remote_ssh.close(remote);
	}
}

static ssize_t zeros_in(void *ctx, char *buf, size_t n, struct error *err)
{
	(void)ctx;
	(void)err;
	memset(buf, 0, n);
	return (ssize_t)n;
}

/* Input that the command never reads must not keep it from being ended. */
static void test_deadline_behind_unread_input(void **state)
{
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct streams streams;

	streams_init(&streams);
	streams.stream.in = zeros_in;
	assert_int_equal(
		run_command(remote, "echo $$; sleep 7802; true", &streams, 1500, &how, &err), -1);
	assert_string_equal(err.code, "CommandEnded");
	assert_int_equal(session_size(session_of(&streams)), 0);
	streams_release(&streams);
	remote_ssh.close(remote);
}

/* Nobody takes its output any more: it has nothing to go on for. */
static void test_sink_that_is_closed_ends_it(void **state)
{
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct streams streams;

	streams_init(&streams);
	streams.out.limit = 20;
	assert_int_equal(run_command(remote,
				     "echo $$; sleep 0.3; trap '' PIPE; echo "
				     "xxxxxxxxxxxxxxxxxxxxxxxxxx; sleep 7803; true",
				     &streams, 10000, &how, &err),
			 -1);
	assert_string_equal(err.message, "that is enough");
	assert_int_equal(session_size(session_of(&streams)), 0);
	streams_release(&streams);
	remote_ssh.close(remote);
}

/* What it left in the background on purpose is not its own any more: the connection only closes. */
static void test_nothing_to_end(void **state)
{
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct streams streams;

	streams_init(&streams);
	assert_int_equal(
		run_command(remote, "echo $$; sleep 3 & exit 0", &streams, 700, &how, &err), -1);
	assert_int_equal(err.kind, ERROR_TIMEOUT);
	assert_string_equal(err.code, "CommandLeft");
	assert_non_null(strstr(err.message, "may still run there"));
	streams_release(&streams);
	remote_ssh.close(remote);
}

static int interrupt_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct streams *streams = ctx;

	if (!interrupted())
		raise(SIGINT);
	return sink_out(&streams->out, data, len, err);
}

/* The last test: Ctrl-C cannot be taken back. */
static void test_interrupt_ends_it(void **state)
{
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct streams streams;

	streams_init(&streams);
	interrupt_install();
	const struct remote_stream stream = { .ctx = &streams, .out = interrupt_out };
	assert_int_equal(
		remote_ssh.exec(remote, "echo $$; sleep 7804; true", &stream, 0, &how, &err), -1);
	assert_int_equal(err.kind, ERROR_CANCELLED);
	assert_string_equal(err.code, "CommandEnded");
	assert_int_equal(session_size(session_of(&streams)), 0);
	streams_release(&streams);
	remote_ssh.close(remote);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_deadline_ends_what_runs, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_deadline_behind_unread_input, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_sink_that_is_closed_ends_it, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_nothing_to_end, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_interrupt_ends_it, setup, fixture_teardown),
	};

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	if (fixture_missing()) {
		printf("skipped: %s\n", fixture_missing());
		return 77;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
