/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that let us in and lie about what runs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/mem.h"
#include "evil_case.h"
#include "ssh/worker.h"

#define CLEAR         \
	"\033[2J\x9b" \
	"31m"

static void honest(struct evil *evil)
{
	evil_exec(evil);
	evil_data(evil, "hello\n", 6);
	evil_exit(evil, 7);
	evil_close(evil);
	evil_hang();
}

static void huge_window(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_channel(evil, 0xffffffff, 0xffffffff);
	evil_expect(evil, MSG_REQUEST);
	evil_msg_channel(&payload, evil, MSG_SUCCESS);
	evil_send(evil, &payload);
	evil_msg_channel(&payload, evil, MSG_WINDOW_ADJUST);
	wire_put_u32(&payload, 0xffffffff);
	evil_send(evil, &payload);
	evil_exit(evil, 7);
	evil_close(evil);
	evil_hang();
}

static void no_window(struct evil *evil)
{
	evil_channel(evil, 0, 0);
	evil_hang();
}

static void open_refused(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_login(evil);
	evil_expect(evil, MSG_OPEN);
	evil_msg_channel(&payload, evil, MSG_OPEN_FAILURE);
	wire_put_u32(&payload, 1);
	wire_put_text(&payload, "no" CLEAR);
	wire_put_text(&payload, "");
	evil_send(evil, &payload);
	evil_hang();
}

static void open_cut(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_login(evil);
	evil_expect(evil, MSG_OPEN);
	evil_msg_channel(&payload, evil, MSG_OPEN_CONFIRM);
	evil_send(evil, &payload);
	evil_hang();
}

static void exec_refused(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_channel(evil, 100000, 32768);
	evil_expect(evil, MSG_REQUEST);
	evil_msg_channel(&payload, evil, MSG_FAILURE);
	evil_send(evil, &payload);
	evil_hang();
}

static void exec_hangs(struct evil *evil)
{
	evil_channel(evil, 100000, 32768);
	evil_hang();
}

static void endless_output(struct evil *evil)
{
	static char data[32000];

	evil_exec(evil);
	for (;;)
		evil_data(evil, data, sizeof(data));
}

static void no_status(struct evil *evil)
{
	evil_exec(evil);
	evil_data(evil, "all well", 8);
	evil_close(evil);
	evil_hang();
}

/* The words, but as output: not a status. */
static void status_in_output(struct evil *evil)
{
	struct buf text = BUF_INIT;

	evil_exec(evil);
	wire_put_u8(&text, MSG_REQUEST);
	wire_put_u32(&text, 0);
	wire_put_text(&text, "exit-status");
	wire_put_u8(&text, 0);
	wire_put_u32(&text, 0);
	evil_data(evil, text.data, text.len);
	evil_close(evil);
	evil_hang();
}

static void never_closes(struct evil *evil)
{
	evil_exec(evil);
	evil_exit(evil, 0);
	evil_hang();
}

static void status_then_gone(struct evil *evil)
{
	evil_exec(evil);
	evil_exit(evil, 0);
	_exit(0);
}

static void big_status(struct evil *evil)
{
	evil_exec(evil);
	evil_exit(evil, 0xffffffff);
	evil_close(evil);
	evil_hang();
}

static void data_longer_than_packet(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_exec(evil);
	evil_msg_channel(&payload, evil, MSG_DATA);
	wire_put_u32(&payload, 0xffffffff);
	buf_addstr(&payload, "tail");
	evil_send(evil, &payload);
	evil_msg_channel(&payload, evil, MSG_DATA);
	evil_send(evil, &payload);
	evil_exit(evil, 7);
	evil_close(evil);
	evil_hang();
}

static void more_than_a_window(struct evil *evil)
{
	static char data[32000];

	evil_exec(evil);
	for (int i = 0; i < 2000; i++) /* 64 MB, read or not */
		evil_data(evil, data, sizeof(data));
	evil_hang();
}

static void foreign_channel(struct evil *evil)
{
	static char data[30000];

	evil_exec(evil);
	evil->channel = 77;
	for (;;)
		evil_data(evil, data, sizeof(data));
}

static void unknown_messages(struct evil *evil)
{
	struct buf payload = BUF_INIT;
	static char data[30000];

	evil_exec(evil);
	wire_put_u8(&payload, 199);
	wire_put_string(&payload, data, sizeof(data));
	for (;;)
		evil_send(evil, &payload);
}

static void other_streams(struct evil *evil)
{
	struct buf payload = BUF_INIT;
	static char data[30000];

	evil_exec(evil);
	evil_msg_channel(&payload, evil, MSG_EXTENDED_DATA);
	wire_put_u32(&payload, 7);
	wire_put_string(&payload, data, sizeof(data));
	for (;;)
		evil_send(evil, &payload);
}

static void signal_with(struct evil *evil, uint32_t claimed, const char *name)
{
	struct buf payload = BUF_INIT;

	evil_exec(evil);
	evil_msg_channel(&payload, evil, MSG_REQUEST);
	wire_put_text(&payload, "exit-signal");
	wire_put_u8(&payload, 0);
	wire_put_u32(&payload, claimed);
	buf_addstr(&payload, name);
	wire_put_u8(&payload, 0);
	wire_put_text(&payload, "because" CLEAR);
	wire_put_text(&payload, "");
	evil_send(evil, &payload);
	evil_close(evil);
	evil_hang();
}

static void signal_escapes(struct evil *evil)
{
	signal_with(evil, 9, "\033[2JKILL\n");
}

static void signal_lies(struct evil *evil)
{
	signal_with(evil, 60000, "KILL");
}

static void signal_lies_more(struct evil *evil)
{
	signal_with(evil, 0xfffffffe, "KILL");
}

static void signal_flood(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_exec(evil);
	evil_msg_channel(&payload, evil, MSG_REQUEST);
	wire_put_text(&payload, "exit-signal");
	wire_put_u8(&payload, 0);
	wire_put_u32(&payload, 8 << 20);
	buf_addstr(&payload, "KILL.........................");
	for (;;)
		evil_send(evil, &payload);
}

static void disconnects(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_exec(evil);
	wire_put_u8(&payload, MSG_DISCONNECT);
	wire_put_u32(&payload, 2);
	wire_put_text(&payload, "maintenance" CLEAR);
	wire_put_text(&payload, "");
	evil_send(evil, &payload);
	evil_hang();
}

static void asks_for_channels(struct evil *evil)
{
	struct buf payload = BUF_INIT;
	static const char *const types[] = { "x11", "forwarded-tcpip" };

	evil_exec(evil);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		buf_clear(&payload);
		wire_put_u8(&payload, MSG_OPEN);
		wire_put_text(&payload, types[i]);
		wire_put_u32(&payload, 5);
		wire_put_u32(&payload, 100000);
		wire_put_u32(&payload, 32768);
		wire_put_text(&payload, "127.0.0.1");
		wire_put_u32(&payload, 6010);
		wire_put_text(&payload, "127.0.0.1");
		wire_put_u32(&payload, 6010);
		evil_send(evil, &payload);
		evil_expect(evil, MSG_OPEN_FAILURE);
	}
	evil_exit(evil, 7);
	evil_close(evil);
	evil_hang();
}

static void questions_unread(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	/* each wants an answer, and nobody reads the answers */
	evil_exec(evil);
	wire_put_u8(&payload, 80);
	wire_put_text(&payload, "keepalive@openssh.com");
	wire_put_u8(&payload, 1);
	for (;;)
		evil_send(evil, &payload);
}

static const struct evil_case cases[] = {
	{ .name = "honest", .play = honest, .what = TRY_EXEC, .status = 7 },
	{ .name = "huge window", .play = huge_window, .what = TRY_EXEC, .status = 7 },
	{ .name = "no window", .play = no_window, .what = TRY_EXEC, .kind = ERROR_TIMEOUT },
	{ .name = "channel refused",
	  .play = open_refused,
	  .what = TRY_EXEC,
	  .kind = ERROR_PROTOCOL },
	{ .name = "channel cut off", .play = open_cut, .what = TRY_EXEC, .kind = ERROR_PROTOCOL },
	{ .name = "command refused",
	  .play = exec_refused,
	  .what = TRY_EXEC,
	  .kind = ERROR_PROTOCOL },
	{ .name = "command never begins",
	  .play = exec_hangs,
	  .what = TRY_EXEC,
	  .kind = ERROR_TIMEOUT },
	{ .name = "endless output",
	  .play = endless_output,
	  .what = TRY_EXEC,
	  .kind = ERROR_IO,
	  .words = "that is enough" },
	{ .name = "no exit status",
	  .play = no_status,
	  .what = TRY_EXEC,
	  .kind = ERROR_PROTOCOL,
	  .code = "NoExitStatus" },
	{ .name = "exit status as output",
	  .play = status_in_output,
	  .what = TRY_EXEC,
	  .kind = ERROR_PROTOCOL,
	  .code = "NoExitStatus" },
	{ .name = "never closes", .play = never_closes, .what = TRY_EXEC, .kind = ERROR_TIMEOUT },
	{ .name = "status, then gone",
	  .play = status_then_gone,
	  .what = TRY_EXEC,
	  .kind = ERROR_NETWORK,
	  .code = "ConnectionLost" },
	{ .name = "status 2^32-1", .play = big_status, .what = TRY_EXEC, .status = 255 },
	{ .name = "data longer than packet",
	  .play = data_longer_than_packet,
	  .what = TRY_EXEC,
	  .status = 7 },
	{ .name = "more than a window",
	  .play = more_than_a_window,
	  .what = TRY_EXEC,
	  .kind = ERROR_IO },
	{ .name = "data of another channel",
	  .play = foreign_channel,
	  .what = TRY_EXEC,
	  .kind = ERROR_TIMEOUT },
	{ .name = "unknown messages",
	  .play = unknown_messages,
	  .what = TRY_EXEC,
	  .kind = ERROR_PROTOCOL,
	  .code = "TooMuch" },
	{ .name = "other streams", .play = other_streams, .what = TRY_EXEC, .kind = ERROR_TIMEOUT },
	{ .name = "signal with escapes", .play = signal_escapes, .what = TRY_EXEC, .status = 128 },
	{ .name = "signal longer than packet",
	  .play = signal_lies,
	  .what = TRY_EXEC,
	  .kind = ERROR_PROTOCOL,
	  .code = "NoExitStatus" },
	{ .name = "signal of 4 GB",
	  .play = signal_lies_more,
	  .what = TRY_EXEC,
	  .kind = ERROR_PROTOCOL },
	{ .name = "flood of signals",
	  .play = signal_flood,
	  .what = TRY_EXEC,
	  .kind = ERROR_PROTOCOL,
	  .code = "TooMuch" },
	{ .name = "disconnect with escapes",
	  .play = disconnects,
	  .what = TRY_EXEC,
	  .kind = ERROR_NETWORK,
	  .words = "maintenance^[[2J" },
	{ .name = "asks for channels", .play = asks_for_channels, .what = TRY_EXEC, .status = 7 },
	{ .name = "questions, answers unread",
	  .play = questions_unread,
	  .or_late = true,
	  .what = TRY_EXEC,
	  .kind = ERROR_PROTOCOL,
	  .code = "TooMuch" },
};

static void test_run(void **state)
{
	struct evil_seen seen;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		evil_run(*state, &cases[i], &seen);
		if (cases[i].play == honest)
			assert_string_equal(seen.out, "hello\n");
		/* whatever a lost command did is not known */
		if (cases[i].kind == ERROR_NETWORK || cases[i].kind == ERROR_TIMEOUT)
			assert_true(seen.err.unknown);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_run, fixture_setup, fixture_teardown),
	};

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
