/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"

/* How much is sent at once, so that a wiped front of the queue is not copied about too often. */
#define COMPACT_AT ((size_t)256 << 10)

void frame_io_init(struct frame_io *io, int fd)
{
	memset(io, 0, sizeof(*io));
	io->fd = fd;
	io->in = xmalloc(FRAME_IN_MAX);
	io->out = (struct buf)BUF_INIT_MAX((size_t)8 << 20);
}

void frame_io_release(struct frame_io *io)
{
	if (io->fd >= 0)
		close(io->fd);
	io->fd = -1;
	if (io->in)
		explicit_bzero(io->in, FRAME_IN_MAX);
	free(io->in);
	io->in = NULL;
	buf_wipe(&io->out);
}

void frame_put(struct frame_io *io, enum frame_type type, const void *data, size_t len)
{
	unsigned char header[FRAME_HEADER] = { (unsigned char)type };

	wire_store_u32(header + 1, (uint32_t)len);
	buf_add(&io->out, header, sizeof(header));
	buf_add(&io->out, data, len);
}

int frame_flush(struct frame_io *io)
{
	while (frame_unsent(io) > 0) {
		ssize_t n = send(io->fd, io->out.data + io->out_start, frame_unsent(io),
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0)
			return -1;
		io->out_start += (size_t)n;
	}
	if (frame_unsent(io) == 0) {
		buf_clear(&io->out);
		io->out_start = 0;
	} else if (io->out_start >= COMPACT_AT) {
		memmove(io->out.data, io->out.data + io->out_start, frame_unsent(io));
		io->out.len -= io->out_start;
		io->out_start = 0;
	}
	return 0;
}

int frame_fill(struct frame_io *io)
{
	if (io->in_start > 0) {
		memmove(io->in, io->in + io->in_start, io->in_end - io->in_start);
		io->in_end -= io->in_start;
		io->in_start = 0;
	}
	while (io->in_end < FRAME_IN_MAX) {
		ssize_t n =
			recv(io->fd, io->in + io->in_end, FRAME_IN_MAX - io->in_end, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 1;
		if (n <= 0)
			return 0;
		io->in_end += (size_t)n;
	}
	return 1;
}

int frame_next(struct frame_io *io, struct frame *ret)
{
	struct wire wire = wire_of(io->in + io->in_start, io->in_end - io->in_start);
	uint8_t type = wire_u8(&wire);
	uint32_t len = wire_u32(&wire);

	if (wire.bad)
		return 0;
	if (type == 0 || type >= FRAME_TYPE_COUNT || len > FRAME_BODY_MAX)
		return -1;
	if (wire.left < len)
		return 0;
	ret->type = (enum frame_type)type;
	ret->data = io->in + io->in_start + FRAME_HEADER;
	ret->len = len;
	io->in_start += FRAME_HEADER + len;
	return 1;
}

void frame_put_error(struct frame_io *io, const struct error *err)
{
	struct buf body = BUF_INIT;

	wire_put_u8(&body, (uint8_t)err->kind);
	wire_put_u8(&body, err->retryable);
	wire_put_u8(&body, err->unknown);
	wire_put_text(&body, err->code);
	wire_put_text(&body, err->message);
	wire_put_text(&body, err->hint);
	frame_put(io, FRAME_FAIL, body.data, body.len);
	buf_release(&body);
}

static void get_escaped(struct wire *wire, char *out, size_t size)
{
	struct wire_str str = wire_string(wire);
	struct buf shown = BUF_INIT;

	text_escape(&shown, str.data, str.len < size ? str.len : size);
	snprintf(out, size, "%s", shown.data);
	buf_release(&shown);
}

void frame_get_error(const struct frame *frame, struct error *err)
{
	struct wire wire = wire_of(frame->data, frame->len);
	uint8_t kind = wire_u8(&wire);
	bool retryable = wire_u8(&wire) != 0, unknown = wire_u8(&wire) != 0;

	error_clear(err);
	err->kind = kind > ERROR_NONE && kind < ERROR_KIND_COUNT ? (enum error_kind)kind
								 : ERROR_PROTOCOL;
	err->retryable = retryable;
	err->unknown = unknown;
	get_escaped(&wire, err->code, sizeof(err->code));
	get_escaped(&wire, err->message, sizeof(err->message));
	get_escaped(&wire, err->hint, sizeof(err->hint));
}
