/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that lie in the key exchange and at the login. */
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

static void signature_wrong(struct evil *evil)
{
	evil_kex(evil, KEX_BAD_SIGNATURE, true);
}

static void signature_short(struct evil *evil)
{
	evil_kex(evil, KEX_SHORT_SIGNATURE, true);
}

static void key_truncated(struct evil *evil)
{
	evil_kex(evil, KEX_KEY_TRUNCATED, true);
}

static void key_huge(struct evil *evil)
{
	evil_kex(evil, KEX_KEY_HUGE, true);
}

static void key_unknown(struct evil *evil)
{
	evil_kex(evil, KEX_KEY_UNKNOWN, true);
}

static void point_empty(struct evil *evil)
{
	evil_kex(evil, KEX_POINT_EMPTY, true);
}

static void point_short(struct evil *evil)
{
	evil_kex(evil, KEX_POINT_SHORT, true);
}

static void point_zero(struct evil *evil)
{
	evil_kex(evil, KEX_POINT_ZERO, true);
}

static void point_huge(struct evil *evil)
{
	evil_kex(evil, KEX_POINT_HUGE, true);
}

static void newkeys_early(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_kexinits(evil);
	wire_put_u8(&payload, MSG_NEWKEYS);
	evil_send(evil, &payload);
	evil_hang();
}

static void put_disconnect(struct buf *payload, const char *text, uint32_t claimed)
{
	buf_clear(payload);
	wire_put_u8(payload, MSG_DISCONNECT);
	wire_put_u32(payload, 2);
	wire_put_u32(payload, claimed);
	buf_addstr(payload, text);
	wire_put_text(payload, "en");
}

static void disconnects(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_kexinits(evil);
	put_disconnect(&payload, "go away" CLEAR, 7 + sizeof(CLEAR) - 1);
	evil_send(evil, &payload);
	evil_hang();
}

static void disconnect_lies(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_kexinits(evil);
	put_disconnect(&payload, "short", 0xffffffff);
	evil_send(evil, &payload);
	evil_hang();
}

static void flood(struct evil *evil, enum evil_msg type)
{
	struct buf payload = BUF_INIT;
	static char text[1000];

	memset(text, 'f', sizeof(text));
	wire_put_u8(&payload, (uint8_t)type);
	wire_put_string(&payload, text, sizeof(text));
	wire_put_text(&payload, "");
	for (;;)
		evil_send(evil, &payload);
}

static void ignore_flood(struct evil *evil)
{
	evil_kexinits(evil);
	flood(evil, MSG_IGNORE);
}

static void ext_info(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_kex(evil, KEX_HONEST, true);
	wire_put_u8(&payload, MSG_EXT_INFO);
	wire_put_u32(&payload, 0xffffffff);
	wire_put_text(&payload, "server-sig-algs");
	evil_send(evil, &payload);
	evil_hang();
}

static void mac_wrong(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_kex(evil, KEX_HONEST, true);
	evil->out_mac[0] ^= 1;
	wire_put_u8(&payload, MSG_IGNORE);
	wire_put_text(&payload, "");
	evil_send(evil, &payload);
	evil_hang();
}

static void accept_service(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	evil_kex(evil, KEX_HONEST, true);
	evil_expect(evil, MSG_SERVICE_REQUEST);
	wire_put_u8(&payload, MSG_SERVICE_ACCEPT);
	wire_put_text(&payload, "ssh-userauth");
	evil_send(evil, &payload);
	evil_expect(evil, MSG_AUTH_REQUEST);
	buf_release(&payload);
}

static void login_hangs(struct evil *evil)
{
	accept_service(evil);
	evil_hang();
}

static void login_refused(struct evil *evil)
{
	struct buf payload = BUF_INIT;

	accept_service(evil);
	wire_put_u8(&payload, MSG_AUTH_FAILURE);
	wire_put_text(&payload, "password,keyboard-interactive");
	wire_put_u8(&payload, 0);
	evil_send(evil, &payload);
	evil_hang();
}

static void banner_flood(struct evil *evil)
{
	accept_service(evil);
	flood(evil, MSG_AUTH_BANNER);
}

static void honest(struct evil *evil)
{
	evil_login(evil);
	evil_hang();
}

static const struct evil_case cases[] = {
	{ .name = "honest", .play = honest },
	{ .name = "signature wrong",
	  .play = signature_wrong,
	  .kind = ERROR_PROTOCOL,
	  .code = "HostKeyUnproven" },
	{ .name = "signature short", .play = signature_short, .kind = ERROR_PROTOCOL },
	{ .name = "host key truncated", .play = key_truncated, .kind = ERROR_PROTOCOL },
	{ .name = "host key huge", .play = key_huge, .kind = ERROR_PROTOCOL },
	{ .name = "host key of unknown type", .play = key_unknown, .kind = ERROR_PROTOCOL },
	{ .name = "point empty", .play = point_empty, .kind = ERROR_PROTOCOL },
	{ .name = "point short", .play = point_short, .kind = ERROR_PROTOCOL },
	{ .name = "point zero", .play = point_zero, .kind = ERROR_PROTOCOL },
	{ .name = "point huge", .play = point_huge, .kind = ERROR_PROTOCOL },
	{ .name = "new keys too early", .play = newkeys_early, .kind = ERROR_TIMEOUT },
	{ .name = "disconnect with escapes",
	  .play = disconnects,
	  .kind = ERROR_NETWORK,
	  .words = "go away^[[2J" },
	{ .name = "disconnect that lies", .play = disconnect_lies, .kind = ERROR_NETWORK },
	{ .name = "flood of ignore",
	  .play = ignore_flood,
	  .kind = ERROR_PROTOCOL,
	  .code = "TooMuch" },
	{ .name = "4 billion extensions", .play = ext_info, .kind = ERROR_TIMEOUT },
	{ .name = "wrong MAC", .play = mac_wrong, .kind = ERROR_PROTOCOL },
	{ .name = "login hangs", .play = login_hangs, .kind = ERROR_TIMEOUT },
	{ .name = "login refused",
	  .play = login_refused,
	  .kind = ERROR_AUTH,
	  .code = "LoginRefused" },
	{ .name = "flood of login banners",
	  .play = banner_flood,
	  .kind = ERROR_PROTOCOL,
	  .code = "TooMuch" },
	{ .name = "another host key",
	  .play = honest,
	  .kind = ERROR_AUTH,
	  .code = "HostKeyMismatch",
	  .wrong_host = true },
};

static void test_login(void **state)
{
	struct evil_seen seen;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		evil_run(*state, &cases[i], &seen);
}

/* After a wrong key, or a right key that is not proven, not one message more. */
static void test_nothing_is_sent(void **state)
{
	static const struct evil_case wrong[] = {
		{ .name = "another key", .play = honest, .kind = ERROR_AUTH, .wrong_host = true },
		{ .name = "key not proven", .play = signature_wrong, .kind = ERROR_PROTOCOL },
	};
	struct evil_seen seen;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		evil_run(*state, &wrong[i], &seen);
		assert_int_equal(seen.nr, 2);
		assert_int_equal(seen.types[0], MSG_KEXINIT);
		assert_int_equal(seen.types[1], MSG_KEX_INIT);
	}
	/* and with the right one, the login follows */
	evil_run(*state, &cases[0], &seen);
	assert_non_null(memchr(seen.types, MSG_AUTH_REQUEST, seen.nr));
}

static void record_kexinit(struct evil *evil)
{
	evil_kexinits(evil);
	/* as the disconnect text, it comes out in the error: the lists themselves */
	struct wire wire = wire_of(evil->client_kexinit.data + 17, evil->client_kexinit.len - 17);
	struct buf payload = BUF_INIT;

	for (int i = 0; i < 10; i++) {
		struct wire_str list = wire_string(&wire);
		static const char *const expected[10] = {
			"curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
			"ecdh-sha2-nistp384,ecdh-sha2-nistp521",
			"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521",
			"aes128-ctr,aes256-ctr,aes192-ctr",
			"aes128-ctr,aes256-ctr,aes192-ctr",
			"hmac-sha2-256,hmac-sha2-512",
			"hmac-sha2-256,hmac-sha2-512",
			"none",
			"none",
			"",
			"",
		};
		if (!wire_is(list, expected[i])) {
			put_disconnect(&payload, "wrong list", 10);
			evil_send(evil, &payload);
			evil_hang();
		}
	}
	put_disconnect(&payload, "exact lists", 11);
	evil_send(evil, &payload);
	evil_hang();
}

static void test_what_is_offered(void **state)
{
	static const struct evil_case offer = { .name = "what is offered",
						.play = record_kexinit,
						.kind = ERROR_NETWORK,
						.words = "exact lists" };
	struct evil_seen seen;

	evil_run(*state, &offer, &seen);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_login, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_sent, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_is_offered, fixture_setup,
						fixture_teardown),
	};

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
