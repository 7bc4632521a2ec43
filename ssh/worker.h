/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that holds libssh2. It is this same program, started anew by posix_spawn: so it has
 * none of our memory (cloud credentials, other keys), none of our descriptors but one socket, and
 * none of our threads' locks. It is told everything through that socket: nothing secret is in its
 * arguments or environment.
 *
 * Every program that uses remote_ssh starts its main() with:
 *
 *	if (ssh_worker_asked(argc, argv))
 *		return ssh_worker_main();
 *
 * connect() refuses to work in a program that does not.
 */
#ifndef GPUCLOUD_SSH_WORKER_H
#define GPUCLOUD_SSH_WORKER_H

#include <stdbool.h>
#include <sys/types.h>

struct error;

bool ssh_worker_asked(int argc, char *const *argv);
int ssh_worker_main(void);

/* Starts one; *fd is our end of its socket (non-blocking, close on exec). */
int ssh_worker_spawn(pid_t *pid, int *fd, struct error *err);

#endif
