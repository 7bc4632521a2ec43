/* SPDX-License-Identifier: Apache-2.0 */
/* SFTP servers that lie about files, and in their answers. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "evil_sftp.h"
#include "ssh/worker.h"

static bool one_file(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	struct wire copy = *body;

	if (type == SFTP_STAT) {
		send_attrs(evil, id, S_IFREG | 0644, listed.size);
		return true;
	}
	if (type != SFTP_READ)
		return one_name(evil, type, id, body);
	wire_string(&copy);
	wire_u64(&copy);
	uint32_t len = wire_u32(&copy);
	if (listed.mode == 1) /* short */
		send_data(evil, id, 1);
	else if (listed.mode == 2) /* long */
		send_data(evil, id, len + 1);
	else if (listed.mode == 3)
		send_data(evil, id, 0);
	else
		send_data(evil, id, len);
	return true;
}

#define SERVES(fn, how, bytes)                   \
	static void fn(struct evil *evil)        \
	{                                        \
		listed.mode = (how);             \
		listed.size = (bytes);           \
		evil_sftp_serve(evil, one_file); \
	}

SERVES(file_honest, 0, 100000)
SERVES(reads_short, 1, 60)
SERVES(reads_short_for_ever, 1, 1000000)
SERVES(reads_long, 2, 100)
SERVES(reads_nothing, 3, 100)
SERVES(endless_file, 0, 0)

static bool wrong_id(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	return one_name(evil, type, type == SFTP_STAT ? id + 0x100 : id, body);
}

static void other_ids(struct evil *evil)
{
	evil_sftp_serve(evil, wrong_id);
}

static bool twice(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	if (type == SFTP_STAT)
		send_attrs(evil, id, S_IFDIR | 0755, 0);
	return one_name(evil, type, id, body);
}

static void answers_twice(struct evil *evil)
{
	evil_sftp_serve(evil, twice);
}

static bool raw(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	unsigned char head[9];

	if (type != SFTP_STAT)
		return one_name(evil, type, id, body);
	wire_store_u32(head, (uint32_t)listed.size);
	head[4] = SFTP_ATTRS;
	wire_store_u32(head + 5, id);
	evil_data(evil, head, sizeof(head));
	evil_hang();
	return false;
}

static void packet_4g(struct evil *evil)
{
	listed.size = 0xffffffff;
	evil_sftp_serve(evil, raw);
}

static void packet_0(struct evil *evil)
{
	listed.size = 0;
	evil_sftp_serve(evil, raw);
}

static void packet_cut(struct evil *evil)
{
	listed.size = 5; /* attributes without anything */
	evil_sftp_serve(evil, raw);
}

static void packet_never_ends(struct evil *evil)
{
	listed.size = 200000;
	evil_sftp_serve(evil, raw);
}

static bool hello(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	struct buf reply = BUF_INIT;

	if (type != SFTP_INIT)
		return one_name(evil, type, id, body);
	if (listed.mode == 2) { /* a name without its value */
		wire_put_text(&reply, "posix-rename@openssh.com");
		evil_sftp_send(evil, SFTP_VERSION, 3, &reply);
	} else if (listed.mode == 1) {
		evil_sftp_send(evil, SFTP_VERSION, 2, &reply);
	} else if (listed.mode == 3) {
		evil_data(evil, "Welcome to this machine!\r\n" CLEAR, 26 + sizeof(CLEAR) - 1);
	}
	return true;
}

#define GREETS(fn, how)                       \
	static void fn(struct evil *evil)     \
	{                                     \
		listed.mode = (how);          \
		evil_sftp_serve(evil, hello); \
	}

GREETS(version_2, 1)
GREETS(greeting_cut, 2)
GREETS(chatty_shell, 3)
GREETS(no_greeting, 4)

static bool refuses(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	if (type != SFTP_STAT)
		return one_name(evil, type, id, body);
	evil_sftp_status(evil, id, SFTP_DENIED, "no" CLEAR);
	return true;
}

static void status_escapes(struct evil *evil)
{
	evil_sftp_serve(evil, refuses);
}

static bool long_handle(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	static char handle[5001];

	if (type != SFTP_OPENDIR && type != SFTP_OPEN)
		return one_name(evil, type, id, body);
	memset(handle, 'h', sizeof(handle) - 1);
	evil_sftp_handle(evil, id, handle);
	return true;
}

static void handle_huge(struct evil *evil)
{
	evil_sftp_serve(evil, long_handle);
}

static bool silent(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	return type == SFTP_STAT ? true : one_name(evil, type, id, body);
}

static void no_answer(struct evil *evil)
{
	evil_sftp_serve(evil, silent);
}

static bool full(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	if (type == SFTP_STAT)
		evil_sftp_status(evil, id, SFTP_NO_SUCH_FILE, "");
	else if (type == SFTP_WRITE)
		evil_sftp_status(evil, id, 4, "disk full");
	else
		return one_name(evil, type, id, body);
	return true;
}

static void disk_full(struct evil *evil)
{
	evil_sftp_serve(evil, full);
}

static const struct evil_case cases[] = {
	{ .name = "honest file", .play = file_honest, PULL = ERROR_NONE, .pulled = 100000 },
	{ .name = "short reads", .play = reads_short, PULL = ERROR_NONE, .pulled = 60 },
	{ .name = "short reads for ever", .play = reads_short_for_ever, PULL = BAD },
	{ .name = "long reads", .play = reads_long, PULL = BAD },
	{ .name = "reads of nothing", .play = reads_nothing, PULL = BAD },
	{ .name = "file without end", .play = endless_file, PULL = BAD },
	{ .name = "wrong ids", .play = other_ids, PULL = BAD },
	{ .name = "two answers", .play = answers_twice, PULL = BAD },
	{ .name = "packet of 4 GB", .play = packet_4g, PULL = BAD },
	{ .name = "packet of nothing", .play = packet_0, PULL = BAD },
	{ .name = "packet cut off", .play = packet_cut, PULL = BAD },
	{ .name = "packet that never ends", .play = packet_never_ends, PULL = ERROR_TIMEOUT },
	{ .name = "SFTP version 2", .play = version_2, PULL = BAD },
	{ .name = "greeting cut off", .play = greeting_cut, PULL = BAD },
	{ .name = "shell that talks", .play = chatty_shell, PULL = BAD },
	{ .name = "no greeting", .play = no_greeting, PULL = ERROR_TIMEOUT },
	{ .name = "status with escapes",
	  .play = status_escapes,
	  PULL = ERROR_REMOTE,
	  .words = "no^[[2J" },
	{ .name = "handle of 5000 bytes", .play = handle_huge, PULL = BAD },
	{ .name = "no answer", .play = no_answer, PULL = ERROR_TIMEOUT },
	{ .name = "push: handle of 5000 bytes", .play = handle_huge, PUSH = BAD },
	{ .name = "push: disk full", .play = disk_full, PUSH = ERROR_REMOTE, .words = "disk full" },
	{ .name = "push: no answer", .play = no_answer, PUSH = ERROR_TIMEOUT },
};

static void test_files(void **state)
{
	run_sftp_cases(*state, cases, ARRAY_SIZE(cases));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, fixture_setup, fixture_teardown),
	};

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
