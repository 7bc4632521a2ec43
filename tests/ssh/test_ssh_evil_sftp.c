/* SPDX-License-Identifier: Apache-2.0 */
/* SFTP servers that lie about names: nothing outside the target is ever touched. */
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

static void list_one(struct evil *evil, const char *name, size_t len, uint32_t mode, uint64_t size)
{
	listed.name = name;
	listed.name_len = len;
	listed.mode = mode;
	listed.size = size;
	evil_sftp_serve(evil, one_name);
}

#define LISTS(fn, name, mode, size)                                     \
	static void fn(struct evil *evil)                               \
	{                                                               \
		list_one(evil, name, sizeof(name) - 1, (mode), (size)); \
	}

LISTS(name_up, "../x", S_IFREG | 0644, 0)
LISTS(name_absolute, "/etc/x", S_IFREG | 0644, 0)
LISTS(name_inner, "a/../../x", S_IFREG | 0644, 0)
LISTS(name_nul, "a\0b", S_IFREG | 0644, 0)
LISTS(name_empty, "", S_IFREG | 0644, 0)
LISTS(name_dot, ".", S_IFREG | 0644, 5)
LISTS(name_dots, "..", S_IFREG | 0644, 5)
LISTS(name_escapes, "\r\033[2K ok/", S_IFREG | 0644, 5)
LISTS(size_huge, "file", S_IFREG | 0644, 0xffffffffffffffff)
LISTS(size_of_the_disk, "file", S_IFREG | 0644, (uint64_t)1 << 45)
LISTS(ends_early, "file", S_IFREG | 0644, 100000)
LISTS(link_with_nul, "link", S_IFLNK | 0777, 12)
LISTS(special, "device", S_IFBLK | 0666, 0)

static void name_long(struct evil *evil)
{
	static char name[256];

	memset(name, 'l', sizeof(name));
	list_one(evil, name, sizeof(name), S_IFREG | 0644, 0);
}

static bool many(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	struct buf reply = BUF_INIT;
	char name[64];

	if (type != SFTP_READDIR)
		return one_name(evil, type, id, body);
	if (listed.size && evil->step >= (int)listed.size) {
		evil_sftp_status(evil, id, SFTP_EOF, "");
		return true;
	}
	wire_put_u32(&reply, 1000);
	for (int i = 0; i < 1000; i++) {
		int n = snprintf(name, sizeof(name), "%s%d", listed.name, evil->step++);

		put_name(&reply, name, (size_t)n, listed.mode, 0);
	}
	evil_sftp_send(evil, SFTP_NAME, id, &reply);
	buf_release(&reply);
	return true;
}

static void entries_100000(struct evil *evil)
{
	listed.name = "socket";
	listed.mode = S_IFSOCK | 0777;
	listed.size = 100000;
	evil_sftp_serve(evil, many);
}

static void endless_listing(struct evil *evil)
{
	listed.name = "a name of some length, so that it takes less of them ";
	listed.mode = S_IFSOCK | 0777;
	listed.size = 0;
	evil_sftp_serve(evil, many);
}

static bool no_names(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	struct buf reply = BUF_INIT;

	if (type != SFTP_READDIR)
		return one_name(evil, type, id, body);
	wire_put_u32(&reply, 0);
	evil_sftp_send(evil, SFTP_NAME, id, &reply);
	return true;
}

static void empty_listing(struct evil *evil)
{
	evil_sftp_serve(evil, no_names);
}

static bool cut_names(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	struct buf reply = BUF_INIT;

	if (type != SFTP_READDIR)
		return one_name(evil, type, id, body);
	wire_put_u32(&reply, 0xffffffff);
	put_name(&reply, "one", 3, S_IFREG | 0644, 0);
	evil_sftp_send(evil, SFTP_NAME, id, &reply);
	return true;
}

static void listing_lies(struct evil *evil)
{
	evil_sftp_serve(evil, cut_names);
}

static bool same_folder(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	if (type != SFTP_READDIR)
		return one_name(evil, type, id, body);
	if (evil->step++ % 2 == 0)
		send_names(evil, id, "d", 1, S_IFDIR | 0755, 0);
	else
		evil_sftp_status(evil, id, SFTP_EOF, "");
	return true;
}

static void bottomless(struct evil *evil)
{
	evil_sftp_serve(evil, same_folder);
}

/* First a link "a" that leads out, then a folder "a" with a file in it. */
static bool link_then_folder(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	if (type == SFTP_READDIR) {
		int step = evil->step++;

		if (step == 0)
			send_names(evil, id, "a", 1, S_IFLNK | 0777, 0);
		else if (step == 1)
			send_names(evil, id, "a", 1, S_IFDIR | 0755, 0);
		else if (step == 3)
			send_names(evil, id, "inner", 5, S_IFREG | 0644, 0);
		else
			evil_sftp_status(evil, id, SFTP_EOF, "");
		return true;
	}
	if (type == SFTP_READLINK) {
		send_names(evil, id, "../outside", 10, 0, 0);
		return true;
	}
	return one_name(evil, type, id, body);
}

static void link_is_folder(struct evil *evil)
{
	evil_sftp_serve(evil, link_then_folder);
}

static const struct evil_case cases[] = {
	{ .name = "name ../x", .play = name_up, PULL = BAD },
	{ .name = "name /etc/x", .play = name_absolute, PULL = BAD },
	{ .name = "name a/../../x", .play = name_inner, PULL = BAD },
	{ .name = "name with NUL", .play = name_nul, PULL = BAD },
	{ .name = "name of nothing", .play = name_empty, PULL = BAD },
	{ .name = "name of 256 bytes", .play = name_long, PULL = BAD },
	{ .name = "name with escapes", .play = name_escapes, PULL = BAD },
	{ .name = "name .", .play = name_dot, PULL = ERROR_NONE }, /* every listing has it */
	{ .name = "name ..", .play = name_dots, PULL = ERROR_NONE },
	{ .name = "size 2^64-1", .play = size_huge, PULL = BAD },
	{ .name = "size of any disk",
	  .play = size_of_the_disk,
	  PULL = ERROR_IO,
	  .words = "no room" },
	{ .name = "file ends early", .play = ends_early, PULL = ERROR_CONFLICT },
	{ .name = "link with NUL", .play = link_with_nul, PULL = BAD },
	{ .name = "a device", .play = special, PULL = ERROR_UNSUPPORTED, .words = "'device'" },
	{ .name = "100,000 entries",
	  .play = entries_100000,
	  PULL = ERROR_UNSUPPORTED,
	  .words = "left out 100000" },
	{ .name = "endless listing",
	  .play = endless_listing,
	  PULL = ERROR_PROTOCOL,
	  .words = "more than" },
	{ .name = "lists without a name", .play = empty_listing, PULL = BAD },
	{ .name = "list of 4 billion", .play = listing_lies, PULL = BAD },
	{ .name = "bottomless folder",
	  .play = bottomless,
	  PULL = ERROR_PROTOCOL,
	  .words = "deeper than" },
	{ .name = "link and folder of one name", .play = link_is_folder, PULL = ERROR_IO },
};

static void test_names(void **state)
{
	run_sftp_cases(*state, cases, ARRAY_SIZE(cases));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, fixture_setup, fixture_teardown),
	};

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
