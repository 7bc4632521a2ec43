/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaching an instance: the login key, and being sure whom we talk to. What the machine must show is
 * known by instance id, never by address:
 *   1. the keys recorded for this instance (fleet/hostkeys.h), or
 *   2. the key this computer seeded at the launch, or
 *   3. the fingerprint in the tag gpucloud-hostkey: another computer of yours.
 * None of them known: ERROR_CONFIG, nothing is sent. At the first login with the seeded key the
 * machine makes itself another one: its public half is recorded before it is installed, and the tag
 * follows.
 */
#ifndef GPUCLOUD_FLEET_MACHINE_H
#define GPUCLOUD_FLEET_MACHINE_H

#include "fleet/fleet.h"
#include "ssh/remote.h"

/* What waiting tells; slots may be NULL. */
struct machine_events {
	void *ctx;
	void (*waiting)(void *ctx, const struct instance *instance, const char *why,
			int64_t seconds);
	void (*note)(void *ctx, const char *text); /* one line worth reading */
};

struct machine {
	const struct remote_ops *ops;
	struct remote *remote;
	bool rotated; /* this login replaced the seeded host key */
};

/* Connects once; timeout_ms for all of it. */
int machine_connect(struct fleet *fleet, const struct instance *instance, int64_t timeout_ms,
		    const struct machine_events *events, struct machine *ret, struct error *err);

/*
 * Connects as soon as the machine answers: tries again with backoff while nothing listens or sshd
 * is not ready, until timeout_s. A wrong host key or a refused login ends it at once. On failure the
 * end of the machine's console output is told by events->note.
 */
int machine_wait(struct fleet *fleet, const struct instance *instance, int64_t timeout_s,
		 const struct machine_events *events, struct machine *ret, struct error *err);

void machine_close(struct machine *machine);

/* Runs a command and keeps its standard output, up to out's ceiling. */
int machine_output(struct machine *machine, const char *command, int64_t deadline_ms,
		   struct buf *out, struct remote_exit *ret, struct error *err);

#endif
