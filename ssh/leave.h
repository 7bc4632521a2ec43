/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/ only: the last seconds of a connection whose user gave up on it. Nothing here looks at
 * the Ctrl-C that was; a further one ends the patience.
 */
#ifndef GPUCLOUD_SSH_LEAVE_H
#define GPUCLOUD_SSH_LEAVE_H

#include <stdbool.h>
#include <stdint.h>

struct remote;

struct leave {
	int64_t deadline;
	int signals; /* that had come by then */
};

struct leave leave_within(int64_t ms);

/* Sends and receives what can be now, waiting a moment for it. False: the time is over. */
bool leave_step(struct remote *remote, const struct leave *leave);

/*
 * Ends the command that runs, on the machine, and then the connection. True: nothing of it is left
 * there. Takes some seconds at most.
 */
bool leave_command(struct remote *remote);

#endif
