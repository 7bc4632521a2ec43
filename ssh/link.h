/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/ only: our side of a connection, i.e. of the worker that holds it. Whatever goes
 * wrong in the middle of something (a deadline, Ctrl-C, a caller that gives up) ends the worker:
 * the connection is then closed for good, and says so when it is used again.
 */
#ifndef GPUCLOUD_SSH_LINK_H
#define GPUCLOUD_SSH_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ssh/frame.h"
#include "ssh/remote.h"

#define COMMAND_MAX 30000 /* what fits one SSH message */

struct remote {
	struct frame_io io;
	pid_t pid;	  /* 0: ended and waited for */
	bool ended;	  /* the worker's end of the socket is closed */
	char name[300];	  /* "i-123 at '1.2.3.4' port 22", safe to show */
	int64_t stall_ms; /* longest silence of a file transfer */
};

/* Milliseconds of the monotonic clock from now, INT64_MAX where after_ms is 0. */
int64_t link_deadline(int64_t after_ms);

/* ERROR_NETWORK where the connection was closed earlier. */
int link_check(const struct remote *remote, struct error *err);

/*
 * Sends and receives what can be now, waiting for something to happen. With in_fd >= 0 that is
 * waited for too: *in_ready. -1: interrupted, past the deadline (`what` is then named); the worker
 * is ended.
 */
int link_step(struct remote *remote, int64_t deadline, const char *what, int in_fd, bool *in_ready,
	      struct error *err);

/* 1 a frame, 0 none now, -1 the worker ended or failed: err says why, and the worker is ended. */
int link_frame(struct remote *remote, struct frame *ret, struct error *err);

/* Starts a command or subsystem and waits until it runs. */
int link_open(struct remote *remote, enum frame_open how, const char *what, int64_t deadline,
	      struct error *err);

/* What an EXIT frame says. A command whose end nobody knows is ERROR_NETWORK, unknown. */
int link_exit(const struct remote *remote, const struct frame *frame, struct remote_exit *ret,
	      struct error *err);

/* Ends the worker at once and waits for it. */
void link_end(struct remote *remote);

int remote_exec(struct remote *remote, const char *command, const struct remote_stream *stream,
		int64_t deadline_ms, struct remote_exit *ret, struct error *err);
int remote_push(struct remote *remote, const char *local, const char *path,
		const struct remote_progress *progress, struct error *err);
int remote_pull(struct remote *remote, const char *path, const char *local,
		const struct remote_progress *progress, struct error *err);

#endif
