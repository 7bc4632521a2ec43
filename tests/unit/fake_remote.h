/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_ops whose machine is this one: commands are run by /bin/sh in a folder of their own, as sshd
 * does it (a session of its own, which the end of the connection does not end: it only closes the
 * command's streams). A connection is cut after any number of bytes.
 */
#ifndef GPUCLOUD_TESTS_FAKE_REMOTE_H
#define GPUCLOUD_TESTS_FAKE_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ssh/remote.h"

struct sync_link;

#define FAKE_REMOTE_LEFT 64

struct fake_remote {
	char home[64];	  /* the login's; made by fake_remote_init, removed by _release */
	const char *path; /* PATH there; NULL: as here */
	uint64_t
		cut_after; /* bytes of a connection, both ways together, before it is cut; 0: never */
	unsigned cuts_left; /* how many connections are still cut */
	bool frozen; /* a cut leaves the command's streams open: the machine knows nothing of it */
	bool never_again; /* fake_remote_again fails */

	/* Called for each command before it runs; -1 is what exec says then. NULL: nothing. */
	int (*before)(void *ctx, struct fake_remote *fake, const char *command, struct error *err);
	void *before_ctx;

	/* What happened. */
	unsigned connects, execs, pushes, pulls, cuts;
	uint64_t sent, received; /* to and from the machine */

	struct left { /* commands whose connection was cut */
		pid_t pid;
		int fds[3];
	} left[FAKE_REMOTE_LEFT];
	unsigned nr_left;
};

void fake_remote_init(struct fake_remote *fake);
void fake_remote_release(struct fake_remote *fake); /* ends what still runs there */

struct remote *fake_remote_open(struct fake_remote *fake); /* closed by fake_remote_ops.close */

/* For sync_link: ctx is the struct fake_remote. */
int fake_remote_again(void *ctx, struct sync_link *link, struct error *err);

/* connect is NULL; push and pull copy by cp. */
extern const struct remote_ops fake_remote_ops;

/*
 * Runs fn in a process that is nobody's, and owner of the fake's home: root is refused nothing, so
 * what must be refused cannot be seen as root. fn says true where all was as it should be.
 */
bool fake_remote_unprivileged(struct fake_remote *fake, bool (*fn)(void *ctx), void *ctx);

#endif
