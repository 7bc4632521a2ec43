/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/ only: how we and the worker talk, over one socket pair. A frame is its type, the
 * length of its body, and the body. Both sides keep the socket non-blocking and their buffers
 * bounded; neither ever waits for the other while it holds something to read.
 *
 *   to the worker     START  whom to connect to, and the login key: once
 *                     OPEN   a command or a subsystem to start
 *                     DATA   bytes for its standard input
 *                     EOF    its standard input ends
 *   from the worker   READY  connected and logged in: the host's key, and whether the agent got us in
 *                     BEGUN  what OPEN asked for runs; or what is to end that
 *                     OUT    bytes of its standard output
 *                     DIAG   bytes of its standard error
 *                     EXIT   how it ended
 *                     ENDED  what came of ending the command (one byte: enum frame_ended)
 *                     FAIL   an error, in place of READY, BEGUN or EXIT
 *
 * That a command is to be ended is told by the signal FRAME_END_SIGNAL: a frame would have to wait
 * behind input that the command never reads.
 */
#ifndef GPUCLOUD_SSH_FRAME_H
#define GPUCLOUD_SSH_FRAME_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "ssh/wire.h"

struct error;

enum frame_type {
	FRAME_START = 1,
	FRAME_OPEN,
	FRAME_DATA,
	FRAME_EOF,
	FRAME_READY,
	FRAME_BEGUN,
	FRAME_OUT,
	FRAME_DIAG,
	FRAME_EXIT,
	FRAME_FAIL,
	FRAME_ENDED,
	FRAME_TYPE_COUNT
};

#define FRAME_HEADER   5
#define FRAME_BODY_MAX ((size_t)64 << 10)
#define FRAME_IN_MAX   ((size_t)256 << 10)
#define FRAME_OUT_MAX  ((size_t)512 << 10) /* past this, nothing more is taken in elsewhere */

#define FRAME_END_SIGNAL SIGUSR1

/* What was found where the command ran. */
enum frame_ended {
	FRAME_ENDED_UNKNOWN = 0, /* nothing of it was seen: it may be over, or out of sight */
	FRAME_ENDED_GONE = 1,
	FRAME_ENDED_LEFT = 2 /* it withstood SIGKILL, or is not ours to end */
};

/* What OPEN asks for. */
enum frame_open {
	FRAME_OPEN_EXEC = 0,
	FRAME_OPEN_SUBSYSTEM = 1
};

struct frame {
	enum frame_type type;
	const char *data; /* valid until the next frame_fill or frame_io_release */
	size_t len;
};

struct frame_io {
	int fd; /* non-blocking; -1 once closed */
	char *in;
	size_t in_start, in_end;
	struct buf out;
	size_t out_start;
};

void frame_io_init(struct frame_io *io, int fd);
void frame_io_release(struct frame_io *io); /* closes; wipes what the buffers held */

/* Queues a frame of at most FRAME_BODY_MAX bytes. */
void frame_put(struct frame_io *io, enum frame_type type, const void *data, size_t len);

static inline size_t frame_unsent(const struct frame_io *io)
{
	return io->out.len - io->out_start;
}

/* Writes what the socket takes. -1: the other side is gone. */
int frame_flush(struct frame_io *io);

/* Reads what is there and fits. 1 something or nothing yet, 0 the other side is gone. */
int frame_fill(struct frame_io *io);

/* 1 and the next whole frame, 0 none yet, -1 what came is no frame. */
int frame_next(struct frame_io *io, struct frame *ret);

/* An error as a frame's body, and back: the text is escaped again, whoever sent it. */
void frame_put_error(struct frame_io *io, const struct error *err);
void frame_get_error(const struct frame *frame, struct error *err);

#endif
