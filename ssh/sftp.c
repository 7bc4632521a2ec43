/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/sftp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "core/text.h"
#include "ssh/link.h"
#include "ssh/tree.h"

#define POSIX_RENAME "posix-rename@openssh.com"
#define WHAT	     "file transfer"
#define LEAVE_MS     5000

int sftp_bad(struct sftp *sftp, const char *what, struct error *err)
{
	error_set(err, ERROR_PROTOCOL, "the file transfer with %s failed: it sent %s",
		  sftp->remote->name, what);
	snprintf(err->code, sizeof(err->code), "SftpProtocol");
	link_end(sftp->remote);
	return -1;
}

int sftp_refused(const struct sftp_reply *reply, const char *verb, const char *path,
		 struct error *err)
{
	struct shown shown = shown_of(path, strlen(path));
	enum error_kind kind = ERROR_REMOTE;
	const char *text = reply->text[0] ? reply->text : "no reason given";

	if (reply->type == SFTP_STATUS && reply->code == SFTP_NO_SUCH_FILE)
		kind = ERROR_NOT_FOUND;
	error_set(err, kind, "cannot %s '%s' on the machine: %s", verb, shown.text, text);
	if (reply->type == SFTP_STATUS)
		snprintf(err->code, sizeof(err->code), "SftpStatus%u", reply->code);
	return -1;
}

bool sftp_attrs(struct wire *wire, struct sftp_attrs *ret)
{
	uint32_t flags = wire_u32(wire);

	memset(ret, 0, sizeof(*ret));
	if (flags & 0x1) {
		ret->size = wire_u64(wire);
		ret->has_size = true;
	}
	if (flags & 0x2)
		wire_u64(wire); /* owner and group */
	if (flags & 0x4) {
		ret->mode = wire_u32(wire);
		ret->has_mode = true;
	}
	if (flags & 0x8) {
		wire_u32(wire); /* when it was read last */
		ret->mtime = wire_u32(wire);
		ret->has_mtime = true;
	}
	if (flags & 0x80000000u)
		for (uint32_t n = wire_u32(wire); n > 0 && !wire->bad; n--) {
			wire_string(wire);
			wire_string(wire);
		}
	return !wire->bad;
}

char *sftp_user_path(const char *path)
{
	if (path[0] == '~' && path[1] == '/')
		path += 2;
	else if (!strcmp(path, "~"))
		path = "";
	return xstrdup(path[0] ? path : ".");
}

char *sftp_temp_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	unsigned long long id = 0;

	/* never to be guessed: whoever made that name first would be given the file */
	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		id = (unsigned long long)clock_mono_ms(&clock_system);
	return xasprintf("%.*s" SFTP_TEMP_PREFIX "%016llx", slash ? (int)(slash + 1 - path) : 0,
			 path, id);
}

static void put_packet(struct sftp *sftp, const struct buf *head, const struct buf *body)
{
	struct buf packet = BUF_INIT;

	wire_put_u32(&packet, (uint32_t)(head->len + body->len));
	buf_add(&packet, head->data, head->len);
	buf_add(&packet, body->data, body->len);
	for (size_t i = 0; i < packet.len; i += FRAME_BODY_MAX) {
		size_t left = packet.len - i;

		frame_put(&sftp->remote->io, FRAME_DATA, packet.data + i,
			  left < FRAME_BODY_MAX ? left : FRAME_BODY_MAX);
	}
	buf_release(&packet);
}

void sftp_request(struct sftp *sftp, enum sftp_type type, const struct buf *body, sftp_fn fn,
		  void *ctx, uint64_t arg)
{
	struct buf head = BUF_INIT;
	uint32_t i = 0;

	while (i < SFTP_SLOTS && sftp->slots[i].used)
		i++;
	if (i == SFTP_SLOTS)
		abort(); /* callers ask sftp_room first */
	if (sftp->nr_used == 0)
		sftp->deadline = link_deadline(sftp->remote->stall_ms);
	struct sftp_slot *slot = &sftp->slots[i];
	uint32_t turn = slot->turn + 1;
	*slot = (struct sftp_slot){
		.fn = fn, .ctx = ctx, .arg = arg, .turn = turn & 0xffffff, .used = true
	};
	sftp->nr_used++;
	wire_put_u8(&head, (uint8_t)type);
	wire_put_u32(&head, slot->turn << 8 | i);
	put_packet(sftp, &head, body);
	buf_release(&head);
}

void sftp_path_request(struct sftp *sftp, enum sftp_type type, const char *path, sftp_fn fn,
		       void *ctx, uint64_t arg)
{
	struct buf body = BUF_INIT;

	wire_put_text(&body, path);
	sftp_request(sftp, type, &body, fn, ctx, arg);
	buf_release(&body);
}

void sftp_mode_request(struct sftp *sftp, enum sftp_type type, const void *path, size_t len,
		       mode_t mode, sftp_fn fn, void *ctx, uint64_t arg)
{
	struct buf body = BUF_INIT;

	wire_put_string(&body, path, len);
	wire_put_u32(&body, 0x4); /* the mode alone */
	wire_put_u32(&body, mode);
	sftp_request(sftp, type, &body, fn, ctx, arg);
	buf_release(&body);
}

void sftp_rename(struct sftp *sftp, const char *from, const char *to, sftp_fn fn, void *ctx,
		 uint64_t arg)
{
	struct buf body = BUF_INIT;

	if (sftp->posix_rename)
		wire_put_text(&body, POSIX_RENAME);
	wire_put_text(&body, from);
	wire_put_text(&body, to);
	sftp_request(sftp, sftp->posix_rename ? SFTP_EXTENDED : SFTP_RENAME, &body, fn, ctx, arg);
	buf_release(&body);
}

/* The machine's first packet: its version and what it can do beyond it. */
static int greet(struct sftp *sftp, uint8_t type, struct wire *wire, struct error *err)
{
	uint32_t version = wire_u32(wire);

	if (type != SFTP_VERSION || wire->bad || version < 3)
		return sftp_bad(sftp, "something else than SFTP version 3", err);
	while (wire->left > 0 && !wire->bad) {
		struct wire_str name = wire_string(wire), data = wire_string(wire);

		if (!wire->bad && wire_is(name, POSIX_RENAME) && wire_is(data, "1"))
			sftp->posix_rename = true;
	}
	if (wire->bad)
		return sftp_bad(sftp, "a damaged greeting", err);
	sftp->greeted = true;
	return 0;
}

static int parse_status(struct sftp_reply *reply)
{
	struct wire wire = reply->body;
	struct buf shown = BUF_INIT;

	reply->code = wire_u32(&wire);
	if (wire.bad)
		return -1;
	/* text and language are left out by some */
	struct wire_str text = wire_string(&wire);
	text_escape(&shown, text.data, text.len < 80 ? text.len : 80);
	snprintf(reply->text, sizeof(reply->text), "%s", shown.data);
	buf_release(&shown);
	return 0;
}

static int dispatch(struct sftp *sftp, uint8_t type, struct wire *wire, struct error *err)
{
	struct sftp_reply reply = { .type = type };
	uint32_t id = wire_u32(wire);
	struct sftp_slot *slot = &sftp->slots[(id & 0xff) % SFTP_SLOTS];

	if (wire->bad || (id & 0xff) >= SFTP_SLOTS || !slot->used || slot->turn != id >> 8)
		return sftp_bad(sftp, "an answer to nothing that was asked", err);
	if (type < SFTP_STATUS || type > SFTP_ATTRS)
		return sftp_bad(sftp, "an answer of an unknown kind", err);
	reply.body = *wire;
	if (type == SFTP_STATUS && parse_status(&reply) < 0)
		return sftp_bad(sftp, "a damaged answer", err);
	slot->used = false;
	sftp->nr_used--;
	int rc = slot->fn ? slot->fn(sftp, slot->ctx, slot->arg, &reply, err) : 0;
	sftp->deadline = link_deadline(sftp->remote->stall_ms);
	return rc;
}

/* Handles the packets that are whole. How many, or -1. */
static int take_packets(struct sftp *sftp, struct error *err)
{
	int nr = 0;

	for (;; nr++) {
		struct wire wire =
			wire_of(sftp->rx.data + sftp->rx_start, sftp->rx.len - sftp->rx_start);
		uint32_t len = wire_u32(&wire);

		if (wire.bad)
			break;
		if (len < 1 || len > SFTP_PACKET_MAX) {
			sftp_bad(sftp, "a packet of an impossible size", err);
			return sftp->greeted ? -1
					     : error_hint(err, "a shell start-up file that prints "
							       "something does this");
		}
		if (wire.left < len)
			break;
		wire.left = len;
		uint8_t type = wire_u8(&wire);
		/* before it is handled: one that fails is not to be seen again */
		sftp->rx_start += 4 + len;
		if ((sftp->greeted ? dispatch : greet)(sftp, type, &wire, err) < 0)
			return -1;
	}
	if (sftp->rx_start > 0) {
		size_t left = sftp->rx.len - sftp->rx_start;

		memmove(sftp->rx.data, sftp->rx.data + sftp->rx_start, left);
		sftp->rx.len = left;
		sftp->rx_start = 0;
	}
	return nr;
}

static int fail_over(struct sftp *sftp, struct error *err)
{
	error_set(err, ERROR_NETWORK, "%s ended the file transfer%s%s%s", sftp->remote->name,
		  sftp->diag[0] ? ": '" : "", sftp->diag, sftp->diag[0] ? "'" : "");
	snprintf(err->code, sizeof(err->code), "ConnectionLost");
	err->unknown = true;
	link_end(sftp->remote);
	return -1;
}

/* What the worker has sent: bytes for rx. How many packets were handled, or -1. */
static int take_frames(struct sftp *sftp, struct error *err)
{
	struct frame frame;
	/* what lay behind an answer that ended a transfer is still there */
	int nr = take_packets(sftp, err), rc;

	if (nr < 0)
		return -1;
	while ((rc = link_frame(sftp->remote, &frame, err)) == 1) {
		if (frame.type == FRAME_EXIT)
			return fail_over(sftp, err);
		if (frame.type == FRAME_DIAG && !sftp->diag[0])
			snprintf(sftp->diag, sizeof(sftp->diag), "%s",
				 shown_of(frame.data, frame.len < 100 ? frame.len : 100).text);
		if (frame.type != FRAME_OUT)
			continue;
		if (buf_add(&sftp->rx, frame.data, frame.len) < 0)
			return sftp_bad(sftp, "more than was asked", err);
		int n = take_packets(sftp, err);
		if (n < 0)
			return -1;
		nr += n;
	}
	if (rc < 0)
		err->unknown = true;
	return rc < 0 ? -1 : nr;
}

static int broken_off(struct sftp *sftp, struct error *err)
{
	sftp->leaving = true;
	sftp->leave = leave_within(LEAVE_MS);
	error_set(err, ERROR_CANCELLED, "interrupted during the " WHAT " with %s",
		  sftp->remote->name);
	err->unknown = true;
	return -1;
}

/* Waits a moment for the machine. Ctrl-C comes only once here: what is half done is tidied up. */
static int wait_some(struct sftp *sftp, struct error *err)
{
	if (sftp->leaving)
		return leave_step(sftp->remote, &sftp->leave) ? 0 : -1;
	if (interrupted())
		return broken_off(sftp, err);
	return link_step(sftp->remote, sftp->deadline, WHAT, -1, NULL, err);
}

int sftp_step(struct sftp *sftp, struct error *err)
{
	int nr;

	/* The time that our own disk took is not the machine's fault. */
	if (sftp->left_at && sftp->deadline < INT64_MAX)
		sftp->deadline += clock_mono_ms(&clock_system) - sftp->left_at;
	nr = take_frames(sftp, err);
	if (nr == 0 && wait_some(sftp, err) < 0)
		nr = -1;
	if (nr == 0)
		nr = take_frames(sftp, err);
	sftp->left_at = clock_mono_ms(&clock_system);
	return nr < 0 ? -1 : 0;
}

int sftp_drain(struct sftp *sftp, struct error *err)
{
	while (sftp->nr_used > 0)
		if (sftp_step(sftp, err) < 0)
			return -1;
	return 0;
}

int sftp_open(struct sftp *sftp, struct remote *remote, struct error *err)
{
	struct buf head = BUF_INIT, body = BUF_INIT;

	memset(sftp, 0, sizeof(*sftp));
	sftp->remote = remote;
	sftp->rx = (struct buf)BUF_INIT_MAX(SFTP_PACKET_MAX + FRAME_BODY_MAX + 4);
	if (link_check(remote, err) < 0)
		return -1;
	sftp->deadline = link_deadline(remote->stall_ms);
	if (link_open(remote, FRAME_OPEN_SUBSYSTEM, "sftp", sftp->deadline, err) < 0)
		return -1;
	wire_put_u8(&head, SFTP_INIT);
	wire_put_u32(&body, 3);
	put_packet(sftp, &head, &body);
	buf_release(&head);
	buf_release(&body);
	while (!sftp->greeted)
		if (sftp_step(sftp, err) < 0)
			return -1;
	return 0;
}

void sftp_close(struct sftp *sftp)
{
	struct error ignored = ERROR_INIT;
	struct frame frame;
	int rc = 0;

	for (size_t i = 0; i < SFTP_SLOTS; i++)
		sftp->slots[i].fn = NULL;
	if (sftp->leaving)
		link_end(sftp->remote);
	if (sftp->remote->pid > 0 && sftp->greeted && sftp_drain(sftp, &ignored) == 0) {
		int64_t deadline = link_deadline(sftp->remote->stall_ms);

		frame_put(&sftp->remote->io, FRAME_EOF, NULL, 0);
		while (rc == 0 || (rc == 1 && frame.type != FRAME_EXIT)) {
			rc = link_frame(sftp->remote, &frame, &ignored);
			if (rc == 0 &&
			    link_step(sftp->remote, deadline, WHAT, -1, NULL, &ignored) < 0)
				break;
		}
	}
	buf_release(&sftp->rx);
}
