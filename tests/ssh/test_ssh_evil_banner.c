/* SPDX-License-Identifier: Apache-2.0 */
/* What answers is no SSH server, or not for long: version lines, and the first packets. */
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

#define CLEAR                             \
	"\033[2J\033]52;c;ZXZpbA==\a\x9b" \
	"31m"

static void endless_lines(struct evil *evil)
{
	for (;;)
		evil_text(evil, "welcome " CLEAR " to this machine\r\n");
}

static void endless_banner(struct evil *evil)
{
	static char line[10 << 20];

	memset(line, 'a', sizeof(line));
	evil_write(evil, line, sizeof(line));
	evil_hang();
}

static void long_version(struct evil *evil)
{
	char line[400];

	memset(line, 'v', sizeof(line));
	memcpy(line, "SSH-2.0-", 8);
	line[398] = '\r';
	line[399] = '\n';
	evil_write(evil, line, sizeof(line));
	evil_hang();
}

static void no_newline(struct evil *evil)
{
	evil_text(evil, "SSH-2.0-quiet");
	evil_hang();
}

static void silence(struct evil *evil)
{
	(void)evil;
	evil_hang();
}

static void drip(struct evil *evil)
{
	for (;;) {
		evil_text(evil, "x");
		usleep(200000);
	}
}

static void version_1(struct evil *evil)
{
	evil_text(evil, "SSH-1.5-old\r\n");
	evil_hang();
}

static void version_199(struct evil *evil)
{
	evil_text(evil, "SSH-1.99-both\r\n");
	evil_hang();
}

static void web_server(struct evil *evil)
{
	evil_text(evil, "HTTP/1.1 400 " CLEAR "\r\n\r\n");
}

static void nul_in_banner(struct evil *evil)
{
	evil_write(evil, "SSH-2.0-a\0b\r\n", 13);
	evil_hang();
}

static void hangs_up(struct evil *evil)
{
	(void)evil;
	_exit(0);
}

static void hello_before_version(struct evil *evil)
{
	evil_text(evil, "a word from our lawyers\r\n");
	evil_login(evil);
	evil_hang();
}

static void names_huge(struct evil *evil)
{
	struct buf payload = BUF_INIT;
	char names[3400];

	for (size_t i = 0; i < sizeof(names); i++)
		names[i] = i % 7 == 6 ? ',' : 'k';
	names[sizeof(names) - 1] = '\0';
	evil_banners(evil);
	evil_put_kexinit(&payload, names);
	evil_send(evil, &payload);
	evil_hang();
}

static void names_old(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_banners(evil);
	evil_put_kexinit(&payload, "diffie-hellman-group1-sha1,ssh-rsa,aes128-cbc,hmac-sha1,none");
	evil_send(evil, &payload);
	evil_hang();
}

static void names_cut(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_banners(evil);
	evil_put_kexinit(&payload, NULL);
	wire_store_u32((unsigned char *)payload.data + 17, 0xfffffff0u);
	evil_send(evil, &payload);
	evil_hang();
}

static void raw_length(struct evil *evil, uint32_t length)
{
	unsigned char head[4096] = { 0 };

	evil_banners(evil);
	wire_store_u32(head, length);
	head[4] = 4;
	head[5] = MSG_KEXINIT;
	evil_write(evil, head, sizeof(head));
	evil_hang();
}

static void length_0(struct evil *evil)
{
	raw_length(evil, 0);
}

static void length_1(struct evil *evil)
{
	raw_length(evil, 1);
}

static void length_2g(struct evil *evil)
{
	raw_length(evil, 0x7fffffff);
}

static void length_4g(struct evil *evil)
{
	raw_length(evil, 0xffffffff);
}

static void all_padding(struct evil *evil)
{
	unsigned char head[16] = { 0, 0, 0, 12, 255, MSG_KEXINIT };

	evil_banners(evil);
	evil_write(evil, head, sizeof(head));
	evil_hang();
}

static const struct evil_case cases[] = {
	{ .name = "text before version", .play = hello_before_version },
	{ .name = "endless lines",
	  .play = endless_lines,
	  .kind = ERROR_PROTOCOL,
	  .code = "NotSsh" },
	{ .name = "10 MB in one line",
	  .play = endless_banner,
	  .kind = ERROR_PROTOCOL,
	  .code = "NotSsh" },
	{ .name = "long version", .play = long_version, .kind = ERROR_PROTOCOL, .code = "NotSsh" },
	{ .name = "no newline", .play = no_newline, .kind = ERROR_TIMEOUT },
	{ .name = "silence", .play = silence, .kind = ERROR_TIMEOUT },
	{ .name = "a byte now and then", .play = drip, .kind = ERROR_TIMEOUT },
	{ .name = "version 1.5",
	  .play = version_1,
	  .kind = ERROR_PROTOCOL,
	  .words = "SSH-1.5-old" },
	{ .name = "version 1.99", .play = version_199, .kind = ERROR_PROTOCOL, .code = "NotSsh" },
	{ .name = "a web server", .play = web_server, .kind = ERROR_PROTOCOL, .words = "^[[2J" },
	{ .name = "NUL in version", .play = nul_in_banner, .kind = ERROR_PROTOCOL },
	{ .name = "hangs up", .play = hangs_up, .kind = ERROR_NETWORK, .code = "ConnectionLost" },
	{ .name = "huge name lists", .play = names_huge, .kind = ERROR_PROTOCOL },
	{ .name = "old algorithms alone",
	  .play = names_old,
	  .kind = ERROR_PROTOCOL,
	  .code = "KeyExchange" },
	{ .name = "name list past its end", .play = names_cut, .kind = ERROR_PROTOCOL },
	{ .name = "packet length 0", .play = length_0, .kind = ERROR_PROTOCOL },
	{ .name = "packet length 1", .play = length_1, .kind = ERROR_PROTOCOL },
	{ .name = "packet length 2^31-1", .play = length_2g, .kind = ERROR_PROTOCOL },
	{ .name = "packet length 2^32-1", .play = length_4g, .kind = ERROR_PROTOCOL },
	{ .name = "padding past the packet", .play = all_padding, .kind = ERROR_PROTOCOL },
};

static void test_banner(void **state)
{
	struct evil_seen seen;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		evil_run(*state, &cases[i], &seen);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_banner, fixture_setup, fixture_teardown),
	};

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
