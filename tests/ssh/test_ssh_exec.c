/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on a real sshd: streams, codes, signals, deadlines, and a connection that is cut. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/interrupt.h"
#include "core/mem.h"
#include "ssh/worker.h"
#include "ssh_fixture.h"

static int setup(void **state)
{
	fixture_setup(state);
	((struct fixture *)*state)->extra = "RekeyLimit 24M\n"; /* a key exchange in the middle */
	fixture_start(*state);
	return 0;
}

static void test_codes(void **state)
{
	static const struct {
		const char *command;
		int status, code;
		const char *signal;
	} cases[] = {
		{ "exit 0", 0, 0, "" },
		{ "exit 3", 3, 3, "" },
		{ "exit 255", 255, 255, "" },
		{ "kill -KILL $$", 0, 137, "KILL" },
		{ "kill -TERM $$", 0, 143, "TERM" },
		{ "kill -SEGV $$", 0, 139, "SEGV" },
		/* its output is closed long before its status is known */
		{ "exec >&- 2>&-; sleep 0.3; exit 7", 7, 7, "" },
		{ "no-such-command-here", 127, 127, "" },
	};
	struct remote *remote = fixture_connect(*state);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		struct remote_exit how;
		struct streams streams;

		streams_init(&streams);
		memset(&how, 0x5a, sizeof(how));
		if (run_command(remote, cases[i].command, &streams, 10000, &how, &err) < 0)
			fail_msg("%s: %s", cases[i].command, err.message);
		assert_int_equal(how.code, cases[i].code);
		assert_int_equal(how.status, cases[i].status);
		assert_string_equal(how.signal, cases[i].signal);
		streams_release(&streams);
	}
	remote_ssh.close(remote);
}

static void test_streams_are_apart(void **state)
{
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct streams streams;

	streams_init(&streams);
	must_work(run_command(remote, "printf 'a\\000b\\377\\r\\n'; printf 'two\\033[2J' >&2",
			      &streams, 10000, &how, &err),
		  &err);
	assert_int_equal(streams.out.bytes, 6);
	assert_memory_equal(streams.out.text.data, "a\0b\xff\r\n", 6);
	assert_int_equal(streams.err.bytes, 7);
	assert_memory_equal(streams.err.text.data, "two\033[2J", 7);
	streams_release(&streams);
	remote_ssh.close(remote);
}

static void test_every_byte(void **state)
{
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct streams streams;

	streams_init(&streams);
	must_work(run_command(remote,
			      "i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %o $i)\"; "
			      "i=$((i+1)); done",
			      &streams, 10000, &how, &err),
		  &err);
	assert_int_equal(streams.out.bytes, 256);
	for (int i = 0; i < 256; i++)
		assert_int_equal((unsigned char)streams.out.text.data[i], i);
	streams_release(&streams);
	remote_ssh.close(remote);
}

/* What `seq -f %015.0f N` prints, so that we know the hash beforehand. */
static void test_100_mb_out(void **state)
{
	const size_t lines = 6553600, size = lines * 16;
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct streams streams;
	char *expected = xmalloc(size + 1), ours[SHA256_HEX_MAX], theirs[SHA256_HEX_MAX];

	for (size_t i = 0; i < lines; i++) {
		char *line = expected + i * 16;
		size_t n = i + 1;

		for (int d = 14; d >= 0; d--, n /= 10)
			line[d] = (char)('0' + n % 10);
		line[15] = '\n';
	}
	streams_init(&streams);
	int64_t start = now_ms();
	if (run_command(remote, "seq -f %015.0f 6553600", &streams, 60000, &how, &err) < 0)
		fail_msg("%s", err.message);
	int64_t took = now_ms() - start;
	printf("100 MiB of output: %lld ms\n", (long long)took);
	assert_int_equal(how.code, 0);
	assert_int_equal(streams.out.bytes, size);
	assert_true(streams.out.longest <= 65536);
	sha256_hex(expected, size, ours);
	sha256_hex(streams.out.text.data, streams.out.text.len, theirs);
	assert_string_equal(ours, theirs);
	free(expected);
	streams_release(&streams);
	remote_ssh.close(remote);
}

struct feed {
	struct streams streams;
	const char *data;
	size_t len, given;
	int fail_after;
};

static int feed_out(void *ctx, const char *data, size_t len, struct error *err)
{
	return sink_out(&((struct feed *)ctx)->streams.out, data, len, err);
}

static ssize_t feed_in(void *ctx, char *buf, size_t n, struct error *err)
{
	struct feed *feed = ctx;
	size_t left = feed->len - feed->given;

	if (feed->fail_after && feed->given >= (size_t)feed->fail_after)
		return error_set(err, ERROR_IO, "the tape is torn");
	n = n < left ? n : left;
	memcpy(buf, feed->data + feed->given, n);
	feed->given += n;
	return (ssize_t)n;
}

static void test_stdin_echo(void **state)
{
	const size_t size = 10u << 20;
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	char *data = xmalloc(size);
	uint32_t x = 12345;

	for (size_t i = 0; i < size; i++) {
		x = x * 1664525u + 1013904223u;
		data[i] = (char)(x >> 24);
	}
	struct feed feed = { .data = data, .len = size };
	streams_init(&feed.streams);
	feed.streams.stream =
		(struct remote_stream){ .ctx = &feed, .out = feed_out, .in = feed_in };
	if (remote_ssh.exec(remote, "cat", &feed.streams.stream, 60000, &how, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(feed.streams.out.bytes, size);
	assert_memory_equal(feed.streams.out.text.data, data, size);

	/* a reader that is not interested: no error, and the connection goes on */
	feed.given = 0;
	buf_clear(&feed.streams.out.text);
	must_work(remote_ssh.exec(remote, "head -c 3; exit 4", &feed.streams.stream, 60000, &how,
				  &err),
		  &err);
	assert_int_equal(how.code, 4);
	assert_int_equal(feed.streams.out.text.len, 3);

	/* a source that fails ends the command */
	feed.given = 0;
	feed.fail_after = 1 << 20;
	assert_int_equal(
		remote_ssh.exec(remote, "cat >/dev/null", &feed.streams.stream, 60000, &how, &err),
		-1);
	assert_string_equal(err.message, "the tape is torn");
	streams_release(&feed.streams);
	free(data);
	remote_ssh.close(remote);
}

static void test_silent_input_does_not_hold_output(void **state)
{
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct feed feed = { .data = "x", .len = 1 };
	int fds[2];

	/* in() would be asked for, but its descriptor has nothing to read: the command still ends */
	assert_int_equal(pipe(fds), 0);
	streams_init(&feed.streams);
	feed.streams.stream = (struct remote_stream){
		.ctx = &feed, .out = feed_out, .in = feed_in, .in_fd = &fds[0]
	};
	must_work(remote_ssh.exec(remote, "echo ready", &feed.streams.stream, 10000, &how, &err),
		  &err);
	assert_string_equal(feed.streams.out.text.data, "ready\n");
	assert_int_equal(feed.given, 0);
	close(fds[0]);
	close(fds[1]);
	streams_release(&feed.streams);
	remote_ssh.close(remote);
}

static void test_deadline(void **state)
{
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct streams streams;

	streams_init(&streams);
	int64_t start = now_ms();
	assert_int_equal(run_command(remote, "echo begun; sleep 60", &streams, 1500, &how, &err),
			 -1);
	int64_t took = now_ms() - start;
	assert_int_equal(err.kind, ERROR_TIMEOUT);
	assert_true(err.unknown);
	assert_true(took >= 1500 && took < 30000);
	assert_string_equal(streams.out.text.data, "begun\n");

	/* the connection is closed for good, and says so */
	assert_int_equal(run_command(remote, "true", &streams, 700, &how, &err), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	assert_string_equal(err.code, "ConnectionClosed");
	assert_false(err.unknown);
	streams_release(&streams);
	remote_ssh.close(remote);
}

static void test_sink_ends_endless_output(void **state)
{
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct streams streams;

	streams_init(&streams);
	streams.out.limit = 1 << 20;
	assert_int_equal(run_command(remote, "yes", &streams, 10000, &how, &err), -1);
	assert_string_equal(err.message, "that is enough");
	assert_true(streams.out.bytes <= (1 << 20) + 65536);
	streams_release(&streams);
	remote_ssh.close(remote);
}

struct cutter {
	struct fixture *fixture;
	uint64_t bytes;
};

static int cut_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct cutter *cutter = ctx;

	(void)data;
	(void)err;
	if (cutter->bytes == 0)
		fixture_cut(cutter->fixture);
	cutter->bytes += len;
	return 0;
}

static void test_cut_in_the_middle(void **state)
{
	struct cutter cutter = { .fixture = *state };
	struct remote_stream stream = { .ctx = &cutter, .out = cut_out };
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;

	assert_int_equal(
		remote_ssh.exec(remote, "echo x; sleep 3; exit 0", &stream, 20000, &how, &err), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	assert_true(err.unknown);
	assert_string_equal(err.code, "ConnectionLost");
	remote_ssh.close(remote);
}

static void test_long_commands(void **state)
{
	struct remote *remote = fixture_connect(*state);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct streams streams;
	char *command = xcalloc(1, 30002);

	streams_init(&streams);
	memset(command, 'x', 30000);
	memcpy(command, "echo ", 5);
	must_work(run_command(remote, command, &streams, 10000, &how, &err), &err);
	assert_int_equal(streams.out.bytes, 30000 - 5 + 1);
	command[30000] = 'x';
	assert_int_equal(run_command(remote, command, &streams, 10000, &how, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	/* refused before anything was sent: the connection is as good as before */
	must_work(run_command(remote, "exit 9", &streams, 10000, &how, &err), &err);
	assert_int_equal(how.code, 9);
	free(command);
	streams_release(&streams);
	remote_ssh.close(remote);
}

static void test_nothing_is_left(void **state)
{
	struct fixture *fixture = *state;
	int before = count_children();
	struct remote *remote = fixture_connect(fixture);
	struct remote *second = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	struct remote_exit how;

	must_work(remote_ssh.exec(remote, "exit 1", NULL, 0, &how, &err), &err);
	assert_int_equal(how.code, 1);
	must_work(remote_ssh.exec(second, "exit 2", NULL, 0, &how, &err), &err);
	assert_int_equal(how.code, 2);
	remote_ssh.close(remote);
	remote_ssh.close(second);
	remote_ssh.close(NULL);
	fixture_end_conns(fixture);
	assert_int_equal(count_children(), before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_codes, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_streams_are_apart, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_every_byte, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_100_mb_out, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_stdin_echo, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_silent_input_does_not_hold_output, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_deadline, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_sink_ends_endless_output, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_cut_in_the_middle, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_long_commands, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_left, setup, fixture_teardown),
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
