/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command on the machine: its three streams and how it ended. Whoever stops waiting for it ends it
 * there too: what nobody waits for would go on, and bill.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "ssh/leave.h"
#include "ssh/link.h"

/* Input is asked for while less than this waits to be sent. */
#define INPUT_LOW ((size_t)256 << 10)

/* libssh2 puts at most 32,700 bytes into a packet: whole ones, as a small rest costs as much. */
#define INPUT_CHUNK ((size_t)2 * 32700)
_Static_assert(INPUT_CHUNK <= FRAME_BODY_MAX, "a chunk is one frame");

/* How often a silent worker is looked after: Ctrl-C may come to another thread. */
#define SLICE_MS 100

struct run {
	struct remote *remote;
	const struct remote_stream *stream;
	int64_t deadline;
	bool input_over;
	bool gives; /* there is input, and its source never blocks */
};

/* An interface that says -1 and nothing else is no reason for an empty message. */
static int caller_failed(struct run *run, const char *what, struct error *err)
{
	if (err->kind == ERROR_NONE)
		error_set(err, ERROR_IO, "cannot %s the command's streams", what);
	leave_command(run->remote);
	return -1;
}

/* A deadline or Ctrl-C: -1, and the command is ended. Says whether that worked. */
static int check_time(struct run *run, struct error *err)
{
	const char *name = run->remote->name;
	bool broken = interrupted();

	if (!broken && clock_mono_ms(&clock_system) < run->deadline)
		return 0;
	bool gone = leave_command(run->remote);
	const char *end = gone ? "it was ended there" : "it may still run there";
	if (broken)
		error_set(err, ERROR_CANCELLED, "interrupted during the command with %s: %s", name,
			  end);
	else
		error_set(err, ERROR_TIMEOUT, "the command with %s took too long: %s", name, end);
	snprintf(err->code, sizeof(err->code), "%s", gone ? "CommandEnded" : "CommandLeft");
	err->unknown = true;
	return -1;
}

/* Sends and receives what can be now; with in_fd >= 0 that is waited for too: *in_ready. */
static void wait_any(struct run *run, int in_fd, bool *in_ready)
{
	struct remote *remote = run->remote;
	struct pollfd fds[2] = { { .fd = remote->io.fd, .events = POLLIN },
				 { .fd = in_fd, .events = POLLIN } };
	int64_t left = run->deadline - clock_mono_ms(&clock_system);

	/* A worker that is gone shows as the end of what it sent; that is still read. */
	if (frame_flush(&remote->io) < 0)
		buf_clear(&remote->io.out);
	if (frame_unsent(&remote->io) > 0)
		fds[0].events |= POLLOUT;
	int wait = left < SLICE_MS ? (int)(left > 0 ? left : 0) : SLICE_MS;
	/* where the socket took all we had there is more to give, and no poll would tell */
	if (run->gives && frame_unsent(&remote->io) < INPUT_LOW)
		wait = 0;
	if (remote->ended || poll(fds, 2, wait) <= 0)
		return;
	if (fds[0].revents && !frame_fill(&remote->io))
		remote->ended = true;
	*in_ready = fds[1].revents != 0;
}

/* Sends the command, and waits until it runs. */
static int begin(struct run *run, const char *command, struct error *err)
{
	struct remote *remote = run->remote;
	struct buf body = BUF_INIT;
	struct frame frame;
	bool ignored = false;
	int rc;

	wire_put_u8(&body, FRAME_OPEN_EXEC);
	wire_put_text(&body, command);
	frame_put(&remote->io, FRAME_OPEN, body.data, body.len);
	buf_release(&body);
	while ((rc = link_frame(remote, &frame, err)) == 0) {
		if (check_time(run, err) < 0)
			return -1;
		wait_any(run, -1, &ignored);
	}
	if (rc < 0)
		return -1;
	if (frame.type == FRAME_BEGUN)
		return 0;
	link_end(remote);
	return error_set(err, ERROR_PROTOCOL, "the ssh worker for %s is out of step", remote->name);
}

static int give_input(struct run *run, struct error *err)
{
	char chunk[INPUT_CHUNK];
	ssize_t n = run->stream->in(run->stream->ctx, chunk, sizeof(chunk), err);

	if (n < 0)
		return caller_failed(run, "read", err);
	if (n == 0 || (size_t)n > sizeof(chunk)) {
		run->input_over = true;
		run->gives = false;
		frame_put(&run->remote->io, FRAME_EOF, NULL, 0);
		return 0;
	}
	frame_put(&run->remote->io, FRAME_DATA, chunk, (size_t)n);
	return 0;
}

static int take_output(struct run *run, const struct frame *frame, struct error *err)
{
	const struct remote_stream *stream = run->stream;
	int (*fn)(void *, const char *, size_t, struct error *) =
		frame->type == FRAME_OUT ? stream->out : stream->err;

	if (fn && fn(stream->ctx, frame->data, frame->len, err) < 0)
		return caller_failed(run, "write", err);
	return 0;
}

/* 1 it ended, 0 not yet. */
static int take_frames(struct run *run, struct remote_exit *ret, struct error *err)
{
	struct frame frame;
	int rc;

	while ((rc = link_frame(run->remote, &frame, err)) == 1) {
		if (frame.type == FRAME_OUT || frame.type == FRAME_DIAG) {
			if (take_output(run, &frame, err) < 0)
				return -1;
			continue;
		}
		if (link_exit(run->remote, &frame, ret, err) < 0) {
			link_end(run->remote);
			return -1;
		}
		return 1;
	}
	if (rc < 0)
		err->unknown = true; /* it was started: nobody knows what it did */
	return rc;
}

static int follow(struct run *run, struct remote_exit *ret, struct error *err)
{
	const struct remote_stream *stream = run->stream;
	int rc;

	if (!stream->in)
		frame_put(&run->remote->io, FRAME_EOF, NULL, 0);
	run->input_over = !stream->in;
	run->gives = stream->in && !stream->in_fd;
	while ((rc = take_frames(run, ret, err)) == 0) {
		bool hungry = !run->input_over && frame_unsent(&run->remote->io) < INPUT_LOW;
		bool ready = hungry && !stream->in_fd;

		if (ready && give_input(run, err) < 0)
			return -1;
		ready = false;
		if (check_time(run, err) < 0)
			return -1;
		if (stream->tick)
			stream->tick(stream->ctx);
		wait_any(run, hungry && stream->in_fd ? *stream->in_fd : -1, &ready);
		if (ready && give_input(run, err) < 0)
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

int remote_exec(struct remote *remote, const char *command, const struct remote_stream *stream,
		int64_t deadline_ms, struct remote_exit *ret, struct error *err)
{
	static const struct remote_stream nothing;
	struct run run = { .remote = remote,
			   .stream = stream ? stream : &nothing,
			   .deadline = link_deadline(deadline_ms) };
	struct error mine = ERROR_INIT;

	if (link_check(remote, err) < 0)
		return -1;
	if (strlen(command) > COMMAND_MAX) {
		error_set(err, ERROR_USAGE, "a command of %zu bytes is too long: at most %d",
			  strlen(command), COMMAND_MAX);
		return error_hint(err, "put it into a script, push that, and run it");
	}
	int rc = begin(&run, command, &mine);
	if (rc == 0)
		rc = follow(&run, ret, &mine);
	if (rc < 0)
		*err = mine;
	return rc;
}
