/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the worker only: one channel, its bytes moved between the session and the control socket. */
#ifndef GPUCLOUD_SSH_PUMP_H
#define GPUCLOUD_SSH_PUMP_H

struct frame;
struct frame_io;
struct session;

/*
 * Runs what an OPEN frame asks for, until it ended and EXIT is queued. -1: it failed, FAIL is queued,
 * and the connection is over. Ends the process where nobody listens any more.
 */
int pump_run(struct session *session, struct frame_io *control, const struct frame *open);

/* Waits for the control socket, and keeps the connection alive meanwhile. */
int pump_idle(struct session *session, struct frame_io *control, struct frame *ret);

#endif
