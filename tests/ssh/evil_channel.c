/* SPDX-License-Identifier: Apache-2.0 */
/* What comes after the keys: login, channel, SFTP. */
#include <string.h>

#include "evil_sshd.h"

void evil_login(struct evil *evil)
{
	struct buf reply = BUF_INIT;

	evil_kex(evil, KEX_HONEST, true);
	evil_expect(evil, MSG_SERVICE_REQUEST);
	wire_put_u8(&reply, MSG_SERVICE_ACCEPT);
	wire_put_text(&reply, "ssh-userauth");
	evil_send(evil, &reply);
	evil_expect(evil, MSG_AUTH_REQUEST);
	buf_clear(&reply);
	wire_put_u8(&reply, MSG_AUTH_SUCCESS);
	evil_send(evil, &reply);
	buf_release(&reply);
}

void evil_channel(struct evil *evil, uint32_t window, uint32_t packet)
{
	struct buf reply = BUF_INIT;

	evil_login(evil);
	size_t len = evil_expect(evil, MSG_OPEN);
	struct wire wire = wire_of(evil->packet + 1, len - 1);
	wire_string(&wire);
	evil->channel = wire_u32(&wire);
	evil_msg_channel(&reply, evil, MSG_OPEN_CONFIRM);
	wire_put_u32(&reply, 0);
	wire_put_u32(&reply, window);
	wire_put_u32(&reply, packet);
	evil_send(evil, &reply);
	buf_release(&reply);
}

void evil_msg_channel(struct buf *payload, const struct evil *evil, enum evil_msg type)
{
	buf_clear(payload);
	wire_put_u8(payload, (uint8_t)type);
	wire_put_u32(payload, evil->channel);
}

static void send_channel(struct evil *evil, enum evil_msg type)
{
	struct buf payload = BUF_INIT;

	evil_msg_channel(&payload, evil, type);
	evil_send(evil, &payload);
	buf_release(&payload);
}

void evil_exec(struct evil *evil)
{
	evil_channel(evil, 0x7fffffff, 32768);
	evil_expect(evil, MSG_REQUEST);
	send_channel(evil, MSG_SUCCESS);
}

void evil_data(struct evil *evil, const void *data, size_t len)
{
	struct buf payload = BUF_INIT;

	evil_msg_channel(&payload, evil, MSG_DATA);
	wire_put_string(&payload, data, len);
	evil_send(evil, &payload);
	buf_release(&payload);
}

void evil_exit(struct evil *evil, uint32_t status)
{
	struct buf payload = BUF_INIT;

	evil_msg_channel(&payload, evil, MSG_REQUEST);
	wire_put_text(&payload, "exit-status");
	wire_put_u8(&payload, 0);
	wire_put_u32(&payload, status);
	evil_send(evil, &payload);
	buf_release(&payload);
}

void evil_close(struct evil *evil)
{
	send_channel(evil, MSG_EOF);
	send_channel(evil, MSG_CLOSE);
}

void evil_sftp_send(struct evil *evil, uint8_t type, uint32_t id, const struct buf *body)
{
	struct buf packet = BUF_INIT;

	wire_put_u32(&packet, (uint32_t)body->len + 5);
	wire_put_u8(&packet, type);
	wire_put_u32(&packet, id);
	buf_add(&packet, body->data, body->len);
	for (size_t i = 0; i < packet.len; i += 30000)
		evil_data(evil, packet.data + i, packet.len - i < 30000 ? packet.len - i : 30000);
	buf_release(&packet);
}

void evil_sftp_status(struct evil *evil, uint32_t id, uint32_t code, const char *text)
{
	struct buf body = BUF_INIT;

	wire_put_u32(&body, code);
	wire_put_text(&body, text);
	wire_put_text(&body, "");
	evil_sftp_send(evil, 101, id, &body);
	buf_release(&body);
}

void evil_sftp_handle(struct evil *evil, uint32_t id, const char *handle)
{
	struct buf body = BUF_INIT;

	wire_put_text(&body, handle);
	evil_sftp_send(evil, 102, id, &body);
	buf_release(&body);
}

void evil_put_attrs(struct buf *body, uint32_t mode, uint64_t size)
{
	wire_put_u32(body, 0x5);
	wire_put_u64(body, size);
	wire_put_u32(body, mode);
}

/* The next SFTP packet; what it was stays in evil->sftp until the next call. */
static struct wire next_request(struct evil *evil, size_t *used)
{
	memmove(evil->sftp.data, evil->sftp.data + *used, evil->sftp.len - *used);
	evil->sftp.len -= *used;
	for (;;) {
		struct wire wire = wire_of(evil->sftp.data, evil->sftp.len);
		uint32_t len = wire_u32(&wire);

		if (!wire.bad && wire.left >= len) {
			wire.left = len;
			*used = 4 + len;
			return wire;
		}
		size_t n = evil_recv(evil);
		if (evil->packet[0] == MSG_EOF) {
			evil_close(evil);
			evil_hang();
		}
		if (evil->packet[0] != MSG_DATA)
			continue;
		struct wire data = wire_of(evil->packet + 5, n - 5);
		struct wire_str bytes = wire_string(&data);
		buf_add(&evil->sftp, bytes.data, bytes.len);
	}
}

void evil_sftp_serve(struct evil *evil, evil_sftp fn)
{
	size_t used = 0;

	evil_exec(evil);
	for (;;) {
		struct wire wire = next_request(evil, &used);
		uint8_t type = wire_u8(&wire);
		uint32_t id = wire_u32(&wire);

		if (!fn(evil, type, id, &wire))
			return;
	}
}
