/* SPDX-License-Identifier: Apache-2.0 */
#include "evil_sftp.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct listed listed;

void put_name(struct buf *body, const char *name, size_t len, uint32_t mode, uint64_t size)
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

void send_attrs(struct evil *evil, uint32_t id, uint32_t mode, uint64_t size)
{
	struct buf body = BUF_INIT;

	evil_put_attrs(&body, mode, size);
	evil_sftp_send(evil, SFTP_ATTRS, id, &body);
	buf_release(&body);
}

void send_names(struct evil *evil, uint32_t id, const char *name, size_t len, uint32_t mode,
		uint64_t size)
{
	struct buf body = BUF_INIT;

	wire_put_u32(&body, 1);
	put_name(&body, name, len, mode, size);
	evil_sftp_send(evil, SFTP_NAME, id, &body);
	buf_release(&body);
}

void send_data(struct evil *evil, uint32_t id, size_t len)
{
	static char bytes[200000];
	struct buf body = BUF_INIT;

	wire_put_string(&body, bytes, len);
	evil_sftp_send(evil, SFTP_DATA, id, &body);
	buf_release(&body);
}

/* An honest server with one folder that lists one name, of `size` zeroes. */
bool one_name(struct evil *evil, uint8_t type, uint32_t id, struct wire *body)
{
	(void)body;
	switch (type) {
	case SFTP_INIT:
		greet(evil);
		return true;
	case SFTP_STAT:
		send_attrs(evil, id, S_IFDIR | 0755, 0);
		return true;
	case SFTP_OPENDIR:
	case SFTP_OPEN:
		evil_sftp_handle(evil, id, "h");
		return true;
	case SFTP_READDIR:
		if (evil->step++ == 0)
			send_names(evil, id, listed.name, listed.name_len, listed.mode,
				   listed.size);
		else
			evil_sftp_status(evil, id, SFTP_EOF, "");
		return true;
	case SFTP_READ:
		evil_sftp_status(evil, id, SFTP_EOF, "");
		return true;
	case SFTP_READLINK:
		send_names(evil, id, "/etc/pas\0swd", 12, 0, 0);
		return true;
	case SFTP_CLOSE:
		evil_sftp_status(evil, id, SFTP_OK, "");
		return true;
	default:
		evil_sftp_status(evil, id, 8, "not here");
		return true;
	}
}

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

void run_sftp_cases(struct fixture *fixture, const struct evil_case *cases, size_t nr)
{
	struct evil_seen seen;
	char *outside = path_in(fixture->dir, "outside");

	assert_int_equal(mkdir(outside, 0755), 0);
	for (size_t i = 0; i < nr; i++) {
		struct stat st;

		evil_run(fixture, &cases[i], &seen);
		check_outside(fixture);
		if (cases[i].pulled == 0)
			continue;
		assert_int_equal(stat(seen.local, &st), 0);
		assert_int_equal(st.st_size, cases[i].pulled);
	}
	free(outside);
}
