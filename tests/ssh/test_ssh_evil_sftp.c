/* SPDX-License-Identifier: Apache-2.0 */
/* SFTP servers that lie: names, sizes, answers. Nothing outside the target is ever touched. */
#include <dirent.h>
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

#include "core/mem.h"
#include "evil_case.h"
#include "ssh/sftp.h"
#include "ssh/worker.h"

#define CLEAR         \
	"\033[2J\x9b" \
	"31m"

static struct {
	const char *name; /* the one in the listing */
	size_t name_len;
	uint32_t mode;
	uint64_t size;
} listed;

static void put_name(struct buf *body, const char *name, size_t len, uint32_t mode, uint64_t size)
{
	wire_put_string(body, name, len);
	wire_put_text(body, "-rw-r--r-- as ls has it" CLEAR);
	evil_put_attrs(body, mode, size);
}

static void greet(struct evil *evil)
{
	struct buf body = BUF_INIT;

	/* no id in this one: the version stands where it would be */
	evil_sftp_send(evil, SFTP_VERSION, 3, &body);
}

static void attrs(struct evil *evil, uint32_t id, uint32_t mode, uint64_t size)
{
	struct buf body = BUF_INIT;

	evil_put_attrs(&body, mode, size);
	evil_sftp_send(evil, SFTP_ATTRS, id, &body);
	buf_release(&body);
}

static void names(struct evil *evil, uint32_t id, const char *name, size_t len, uint32_t mode,
		  uint64_t size)
{
	struct buf body = BUF_INIT;

	wire_put_u32(&body, 1);
	put_name(&body, name, len, mode, size);
	evil_sftp_send(evil, SFTP_NAME, id, &body);
	buf_release(&body);
}

static void data(struct evil *evil, uint32_t id, size_t len)
{
	static char bytes[200000];
	struct buf body = BUF_INIT;

	wire_put_string(&body, bytes, len);
	evil_sftp_send(evil, SFTP_DATA, id, &body);
	buf_release(&body);
}

/* An honest server with one folder that lists one name, of `size` zeroes. */
static bool one_name(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	(void)body;
	switch (type) {
	case SFTP_INIT:
		greet(evil);
		return true;
	case SFTP_STAT:
		attrs(evil, id, S_IFDIR | 0755, 0);
		return true;
	case SFTP_OPENDIR:
	case SFTP_OPEN:
		evil_sftp_handle(evil, id, "h");
		return true;
	case SFTP_READDIR:
		if (evil->step++ == 0)
			names(evil, id, listed.name, listed.name_len, listed.mode, listed.size);
		else
			evil_sftp_status(evil, id, SFTP_EOF, "");
		return true;
	case SFTP_READ:
		evil_sftp_status(evil, id, SFTP_EOF, "");
		return true;
	case SFTP_READLINK:
		names(evil, id, "/etc/pas\0swd", 12, 0, 0);
		return true;
	case SFTP_CLOSE:
		evil_sftp_status(evil, id, SFTP_OK, "");
		return true;
	default:
		evil_sftp_status(evil, id, 8, "not here");
		return true;
	}
}

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
		names(evil, id, "d", 1, S_IFDIR | 0755, 0);
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
			names(evil, id, "a", 1, S_IFLNK | 0777, 0);
		else if (step == 1)
			names(evil, id, "a", 1, S_IFDIR | 0755, 0);
		else if (step == 3)
			names(evil, id, "inner", 5, S_IFREG | 0644, 0);
		else
			evil_sftp_status(evil, id, SFTP_EOF, "");
		return true;
	}
	if (type == SFTP_READLINK) {
		names(evil, id, "../outside", 10, 0, 0);
		return true;
	}
	return one_name(evil, type, id, body);
}

static void link_is_folder(struct evil *evil)
{
	evil_sftp_serve(evil, link_then_folder);
}

static bool one_file(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	struct wire copy = *body;

	if (type == SFTP_STAT) {
		attrs(evil, id, S_IFREG | 0644, listed.size);
		return true;
	}
	if (type != SFTP_READ)
		return one_name(evil, type, id, body);
	wire_string(&copy);
	wire_u64(&copy);
	uint32_t len = wire_u32(&copy);
	if (listed.mode == 1) /* short */
		data(evil, id, 1);
	else if (listed.mode == 2) /* long */
		data(evil, id, len + 1);
	else if (listed.mode == 3)
		data(evil, id, 0);
	else
		data(evil, id, len);
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
		attrs(evil, id, S_IFDIR | 0755, 0);
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

#define PULL .what = TRY_PULL, .kind
#define PUSH .what = TRY_PUSH, .kind
#define BAD  ERROR_PROTOCOL, .code = "SftpProtocol"

static const struct evil_case cases[] = {
	{ .name = "honest file", .play = file_honest, PULL = ERROR_NONE },
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
	{ .name = "short reads", .play = reads_short, PULL = ERROR_NONE },
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

/* What is in the test's folder beside the known: nothing may have been written there. */
static void check_outside(const struct fixture *fixture)
{
	DIR *dir = opendir(fixture->dir);
	const struct dirent *item;

	assert_non_null(dir);
	while ((item = readdir(dir))) {
		const char *name = item->d_name;

		if (name[0] == '.' && (!name[1] || !strcmp(name, "..")))
			continue;
		if (strcmp(name, "home") != 0 && strcmp(name, "local") != 0 &&
		    strcmp(name, "file") != 0 && strcmp(name, "outside") != 0)
			fail_msg("'%s' was written outside of the target", name);
	}
	closedir(dir);
	char *inner = path_in(fixture->dir, "outside/inner");
	assert_int_equal(access(inner, F_OK), -1);
	free(inner);
}

static const char *only; /* one case, by name */

static void test_sftp(void **state)
{
	struct fixture *fixture = *state;
	struct evil_seen seen;
	char *outside = path_in(fixture->dir, "outside");

	assert_int_equal(mkdir(outside, 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (only && strcmp(only, cases[i].name) != 0)
			continue;
		evil_run(fixture, &cases[i], &seen);
		check_outside(fixture);
		if (cases[i].kind == ERROR_NONE && cases[i].play == reads_short) {
			struct stat st;

			assert_int_equal(stat(seen.local, &st), 0);
			assert_int_equal(st.st_size, 60);
		}
	}
	free(outside);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sftp, fixture_setup, fixture_teardown),
	};

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	if (argc > 1)
		only = argv[1];
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
