/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/pump.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "ssh/frame.h"
#include "ssh/limits.h"
#include "ssh/session.h"

/* How much a host may send before we have taken it, and in one message (RFC 4254, section 5.1). */
#define WINDOW	   (4 << 20)
#define PACKET	   32768
#define READ_SIZE  ((size_t)32 << 10)
#define STDERR_ID  1 /* SSH_EXTENDED_DATA_STDERR */
#define ALIVE_S	   30
#define UNSENT_LOW ((size_t)256 << 10)

struct pump {
	struct session *session;
	struct frame_io *control;
	LIBSSH2_CHANNEL *channel;
	char stdin_data[FRAME_BODY_MAX]; /* taken from a DATA frame, not yet sent */
	size_t stdin_start, stdin_end;
	bool stdin_over, eof_sent;
};

static int report(struct pump *pump, int rc, const char *what, bool unknown)
{
	struct error err = ERROR_INIT;

	session_fail(pump->session, rc, what, &err);
	err.unknown = unknown;
	frame_put_error(pump->control, &err);
	return -1;
}

/* Waits for whatever can go on. `reading`: there is room for what the host sends. */
static void wait_any(struct session *session, struct frame_io *control, bool reading,
		     bool listening)
{
	struct pollfd fds[2] = { { .fd = session->sock }, { .fd = control->fd } };
	int until_alive = ALIVE_S;

	session_allow(session);
	libssh2_keepalive_send(session->ssh, &until_alive);
	size_t unsent = session_unsent(session);
	session_flush(session);
	if (session_unsent(session) < unsent) /* room for what had to wait */
		return;
	if (reading)
		fds[0].events |= POLLIN;
	if (session_unsent(session) > 0)
		fds[0].events |= POLLOUT;
	if (listening)
		fds[1].events |= POLLIN;
	if (frame_unsent(control) > 0)
		fds[1].events |= POLLOUT;
	const struct timespec most = { .tv_sec = until_alive > 0 ? until_alive : 1 };
	sigset_t none;

	sigemptyset(&none);
	if (ppoll(fds, 2, &most, &none) < 0)
		return; /* FRAME_END_SIGNAL */
	if (frame_flush(control) < 0 || (fds[1].revents & (POLLERR | POLLNVAL | POLLHUP)))
		_exit(0);
	session_flush(session);
}

/* The next frame, if there is one; ends the process where the other side is gone. */
static int next_frame(struct frame_io *control, struct frame *ret)
{
	int rc = frame_next(control, ret);

	if (rc == 0) {
		int alive = frame_fill(control);

		rc = frame_next(control, ret);
		if (rc == 0 && !alive)
			_exit(0);
	}
	if (rc < 0)
		_exit(1);
	return rc;
}

int pump_idle(struct session *session, struct frame_io *control, struct frame *ret)
{
	while (next_frame(control, ret) == 0) {
		if (session->lost)
			return -1;
		wait_any(session, control, false, true);
	}
	return 0;
}

int pump_channel(struct session *session, LIBSSH2_CHANNEL **ret)
{
	static const char session_type[] = "session";
	int rc;

	do {
		session_allow(session);
		*ret = libssh2_channel_open_ex(session->ssh, session_type, sizeof(session_type) - 1,
					       WINDOW, PACKET, NULL, 0);
		rc = *ret ? 0 : libssh2_session_last_errno(session->ssh);
		if (rc == LIBSSH2_ERROR_EAGAIN)
			session_wait(session);
	} while (rc == LIBSSH2_ERROR_EAGAIN && !session->lost);
	return rc;
}

int pump_start(struct session *session, LIBSSH2_CHANNEL *channel, const char *request,
	       struct wire_str what)
{
	int rc;

	do {
		session_allow(session);
		rc = libssh2_channel_process_startup(channel, request,
						     (unsigned int)strlen(request), what.data,
						     (unsigned int)what.len);
		if (rc == LIBSSH2_ERROR_EAGAIN)
			session_wait(session);
	} while (rc == LIBSSH2_ERROR_EAGAIN && !session->lost);
	return rc;
}

static int open_channel(struct pump *pump, const struct frame *open)
{
	struct session *session = pump->session;
	struct wire wire = wire_of(open->data, open->len);
	bool subsystem = wire_u8(&wire) == FRAME_OPEN_SUBSYSTEM;
	struct wire_str what = wire_string(&wire);
	int rc;

	session->status_seen = false;
	rc = pump_channel(session, &pump->channel);
	if (rc != 0)
		return report(pump, rc, "opening of a channel", false);
	rc = pump_start(session, pump->channel, subsystem ? "subsystem" : "exec", what);
	if (rc != 0)
		return report(pump, rc, subsystem ? "start of SFTP" : "start of a command",
			      session->lost && !subsystem);
	frame_put(pump->control, FRAME_BEGUN, NULL, 0);
	return 0;
}

/* Takes DATA and EOF while there is no older input to send. 1 if something moved. */
static int take_input(struct pump *pump)
{
	struct frame frame;

	if (pump->stdin_over || pump->stdin_start < pump->stdin_end ||
	    next_frame(pump->control, &frame) == 0)
		return 0;
	if (frame.type == FRAME_DATA) {
		memcpy(pump->stdin_data, frame.data, frame.len);
		pump->stdin_start = 0;
		pump->stdin_end = frame.len;
	} else if (frame.type == FRAME_EOF) {
		pump->stdin_over = true;
	} else {
		_exit(1);
	}
	return 1;
}

/* 1 moved, 0 nothing to do now, -1 a library's error in *rc. */
static int send_input(struct pump *pump, int *rc)
{
	ssize_t n;

	if (session_unsent(pump->session) > UNSENT_LOW)
		return 0;
	session_allow(pump->session);
	if (pump->stdin_start < pump->stdin_end) {
		/* the same bytes again after "again", as the library demands */
		n = libssh2_channel_write(pump->channel, pump->stdin_data + pump->stdin_start,
					  pump->stdin_end - pump->stdin_start);
		if (n > 0)
			pump->stdin_start += (size_t)n;
	} else if (pump->stdin_over && !pump->eof_sent) {
		n = libssh2_channel_send_eof(pump->channel);
		if (n == 0) {
			pump->eof_sent = true;
			n = 1;
		}
	} else {
		return 0;
	}
	*rc = (int)n;
	if (n == LIBSSH2_ERROR_EAGAIN || n == 0)
		return 0;
	/* the command may have closed its input; what it printed still counts */
	if (n == LIBSSH2_ERROR_CHANNEL_CLOSED || n == LIBSSH2_ERROR_CHANNEL_EOF_SENT) {
		pump->stdin_start = pump->stdin_end = 0;
		pump->eof_sent = pump->stdin_over = true;
		return 0;
	}
	return n > 0 ? 1 : -1;
}

static bool output_full(const struct pump *pump)
{
	return frame_unsent(pump->control) > FRAME_OUT_MAX;
}

static int read_output(struct pump *pump, int stream, int *rc)
{
	char chunk[READ_SIZE];

	if (output_full(pump))
		return 0;
	session_allow(pump->session);
	ssize_t n = libssh2_channel_read_ex(pump->channel, stream, chunk, sizeof(chunk));
	*rc = (int)n;
	if (n > 0) {
		frame_put(pump->control, stream ? FRAME_DIAG : FRAME_OUT, chunk, (size_t)n);
		return 1;
	}
	return n == 0 || n == LIBSSH2_ERROR_EAGAIN ? 0 : -1;
}

/* Moves what can be moved. 0, or -1 with the library's error in *rc. */
static int move(struct pump *pump, int *rc)
{
	int moved;

	do {
		uint64_t taken = pump->session->taken;
		int steps[4] = { read_output(pump, 0, rc) };

		if (steps[0] >= 0)
			steps[1] = read_output(pump, STDERR_ID, rc);
		if (steps[0] >= 0 && steps[1] >= 0)
			steps[2] = take_input(pump);
		if (steps[0] >= 0 && steps[1] >= 0)
			steps[3] = send_input(pump, rc);
		if (steps[0] < 0 || steps[1] < 0 || steps[3] < 0)
			return -1;
		moved = steps[0] | steps[1] | steps[2] | steps[3];
		if (moved)
			limits_progress();
		/* A later step took in what an earlier one is to give out: no poll would tell. */
		if (pump->session->taken != taken)
			moved = 1;
		/* What could not move for want of room may do so now, and no poll would tell. */
		bool no_room = session_unsent(pump->session) > UNSENT_LOW || output_full(pump);
		session_flush(pump->session);
		if (frame_flush(pump->control) < 0)
			_exit(0);
		if (no_room && session_unsent(pump->session) <= UNSENT_LOW && !output_full(pump))
			moved = 1;
	} while (moved && !output_full(pump));
	return 0;
}

/* How it ended. A signal comes first: the exit status beside it is 0 and means nothing. */
static void put_exit(struct pump *pump)
{
	struct buf body = BUF_INIT;
	char *signal_name = NULL;
	size_t signal_len = 0;
	int status = libssh2_channel_get_exit_status(pump->channel);

	libssh2_channel_get_exit_signal(pump->channel, &signal_name, &signal_len, NULL, NULL, NULL,
					NULL);
	wire_put_u8(&body, signal_len > 0 || pump->session->status_seen || status != 0);
	wire_put_u32(&body, (uint32_t)status);
	wire_put_string(&body, signal_name ? signal_name : "", signal_len < 64 ? signal_len : 64);
	frame_put(pump->control, FRAME_EXIT, body.data, body.len);
	buf_release(&body);
}

static void close_channel(struct pump *pump)
{
	int rc;

	do {
		session_allow(pump->session);
		rc = libssh2_channel_free(pump->channel);
		if (rc == LIBSSH2_ERROR_EAGAIN)
			session_wait(pump->session);
	} while (rc == LIBSSH2_ERROR_EAGAIN && !pump->session->lost);
	pump->channel = NULL;
}

static int follow(struct pump *pump)
{
	struct session *session = pump->session;
	int rc = 0;

	for (;;) {
		if (pump_end_asked()) {
			pump_end(session, pump->control);
			return -1;
		}
		if (move(pump, &rc) < 0)
			return report(pump, rc, "command", true);
		bool full = output_full(pump);
		if (!full && libssh2_channel_eof(pump->channel)) {
			/* Not closed by us: the status of a job that closed its output comes later. */
			session_allow(session);
			rc = libssh2_channel_wait_closed(pump->channel);
			if (rc == 0)
				break;
			if (rc != LIBSSH2_ERROR_EAGAIN)
				return report(pump, rc, "command", true);
		}
		if (session->lost)
			return report(pump, LIBSSH2_ERROR_SOCKET_DISCONNECT, "command", true);
		wait_any(session, pump->control, !full,
			 !pump->stdin_over && pump->stdin_start == pump->stdin_end);
	}
	put_exit(pump);
	close_channel(pump);
	return 0;
}

int pump_run(struct session *session, struct frame_io *control, const struct frame *open)
{
	static struct pump pump; /* 64 KiB, and there is one at a time */

	memset(&pump, 0, sizeof(pump));
	pump.session = session;
	pump.control = control;
	return open_channel(&pump, open) < 0 ? -1 : follow(&pump);
}
