/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the worker only: one channel, its bytes moved between the session and the control socket. */
#ifndef GPUCLOUD_SSH_PUMP_H
#define GPUCLOUD_SSH_PUMP_H

#include <stdbool.h>

#include <libssh2.h>

struct frame;
struct frame_io;
struct session;
struct wire_str;

/*
 * Runs what an OPEN frame asks for, until it ended and EXIT is queued. -1: it failed, FAIL is queued,
 * and the connection is over. Ends the process where nobody listens any more.
 */
int pump_run(struct session *session, struct frame_io *control, const struct frame *open);

/* A new channel, and what is to run on it; the library's error code. */
int pump_channel(struct session *session, LIBSSH2_CHANNEL **ret);
int pump_start(struct session *session, LIBSSH2_CHANNEL *channel, const char *request,
	       struct wire_str what);

/*
 * FRAME_END_SIGNAL: install makes it wait until the pump does, so that none is missed. pump_end then
 * ends the command on the machine, over a channel of its own, and queues ENDED; whoever waits for
 * that sets the time.
 */
void pump_end_install(void);
bool pump_end_asked(void);
void pump_end(struct session *session, struct frame_io *control);

/* Waits for the control socket, and keeps the connection alive meanwhile. */
int pump_idle(struct session *session, struct frame_io *control, struct frame *ret);

#endif
