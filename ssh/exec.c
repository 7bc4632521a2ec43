/* SPDX-License-Identifier: Apache-2.0 */
/* A command on the machine: its three streams and how it ended. */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "ssh/link.h"

/* Input is asked for while less than this waits to be sent. */
#define INPUT_LOW ((size_t)128 << 10)

struct run {
	struct remote *remote;
	const struct remote_stream *stream;
	bool input_over;
};

/* An interface that says -1 and nothing else is no reason for an empty message. */
static int caller_failed(struct run *run, const char *what, struct error *err)
{
	if (err->kind == ERROR_NONE)
		error_set(err, ERROR_IO, "cannot %s the command's streams", what);
	link_end(run->remote);
	return -1;
}

static int give_input(struct run *run, struct error *err)
{
	char chunk[32 << 10];
	ssize_t n = run->stream->in(run->stream->ctx, chunk, sizeof(chunk), err);

	if (n < 0)
		return caller_failed(run, "read", err);
	if (n == 0 || (size_t)n > sizeof(chunk)) {
		run->input_over = true;
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

static int follow(struct run *run, int64_t deadline, struct remote_exit *ret, struct error *err)
{
	const struct remote_stream *stream = run->stream;
	int rc;

	if (!stream->in)
		frame_put(&run->remote->io, FRAME_EOF, NULL, 0);
	run->input_over = !stream->in;
	while ((rc = take_frames(run, ret, err)) == 0) {
		bool hungry = !run->input_over && frame_unsent(&run->remote->io) < INPUT_LOW;
		bool ready = hungry && !stream->in_fd;

		if (ready && give_input(run, err) < 0)
			return -1;
		if (link_step(run->remote, deadline, "command",
			      hungry && stream->in_fd ? *stream->in_fd : -1, &ready, err) < 0)
			return -1;
		if (ready && give_input(run, err) < 0)
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

int remote_exec(struct remote *remote, const char *command, const struct remote_stream *stream,
		int64_t deadline_ms, struct remote_exit *ret, struct error *err)
{
	static const struct remote_stream nothing;
	struct run run = { .remote = remote, .stream = stream ? stream : &nothing };
	int64_t deadline = link_deadline(deadline_ms);
	struct error mine = ERROR_INIT;

	if (link_check(remote, err) < 0)
		return -1;
	if (strlen(command) > COMMAND_MAX) {
		error_set(err, ERROR_USAGE, "a command of %zu bytes is too long: at most %d",
			  strlen(command), COMMAND_MAX);
		return error_hint(err, "put it into a script, push that, and run it");
	}
	int rc = link_open(remote, FRAME_OPEN_EXEC, command, deadline, &mine);
	if (rc == 0)
		rc = follow(&run, deadline, ret, &mine);
	if (rc < 0)
		*err = mine;
	return rc;
}
