/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaching an instance: the login key, and being sure whom we talk to. What the machine must show is
 * known by instance id, never by address:
 *   1. the keys that this computer put there (fleet/hostkeys.h), or
 *   2. the key this computer seeded at the launch, or
 *   3. the fingerprint in the tag gpucloud-hostkey: another computer of yours. It is followed when
 *      it changes, and never overrules 1 and 2: whoever has the account's credentials can set tags.
 * None of them known: ERROR_CONFIG, nothing is sent. Another key shown: ERROR_AUTH, code
 * "HostKeyMismatch", nothing is sent. At the first login with the seeded key the machine makes
 * itself another one: its public half is recorded before it is installed, the tag follows, and once
 * it was seen to work the seeded one counts no more. Several may do so at once, here and elsewhere.
 *
 * A startup script (BOOT_SCRIPT) runs once sshd is up, with a key of the image's: a machine younger than
 * MACHINE_BOOT_S by the cloud's clock, whose key this computer has never seen, may show that one for
 * a while. It is not believed either, and nothing is sent; the code is then "HostKeyEarly": it is
 * worth asking again.
 */
#ifndef GPUCLOUD_FLEET_MACHINE_H
#define GPUCLOUD_FLEET_MACHINE_H

#include "fleet/fleet.h"
#include "ssh/remote.h"

/* So long after its launch a machine of a cloud with startup scripts may still be at its first boot. */
#define MACHINE_BOOT_S (INT64_C(30) * 60)

/* What waiting tells; slots may be NULL. */
struct machine_events {
	void *ctx;
	void (*waiting)(void *ctx, const struct instance *instance, const char *why,
			int64_t seconds);
	void (*note)(void *ctx, const char *text); /* one line worth reading */
	/* The machine did not answer, and this computer's address was not among those it is open to:
	 * now it is. NULL: that is not tried. */
	void (*admitted)(void *ctx, const struct instance *instance, const char *cidr);
};

struct machine {
	const struct remote_ops *ops;
	struct remote *remote;
	bool rotated;  /* this login replaced the seeded host key */
	bool by_agent; /* a key of the agent's got us in, not the login key */
};

/* The setting ssh_port (22 unless said): ERROR_CONFIG where it is no port. */
int machine_port(const struct settings *settings, uint16_t *ret, struct error *err);

/* Connects once; timeout_ms for each login: the first one ever replaces the host key and logs in
 * again. A connection lost, or a user who interrupts, meanwhile is an error like any other. */
int machine_connect(struct fleet *fleet, const struct instance *instance, int64_t timeout_ms,
		    const struct machine_events *events, struct machine *ret, struct error *err);

/*
 * Connects as soon as the machine answers: tries again with backoff while nothing listens or sshd
 * is not ready, or shows its first key ("HostKeyEarly"), until timeout_s. Another host key or a
 * refused login ends it at once. Where the
 * machine did not answer, or not as it should, the end of its console output is told by events->note.
 */
int machine_wait(struct fleet *fleet, const struct instance *instance, int64_t timeout_s,
		 const struct machine_events *events, struct machine *ret, struct error *err);

void machine_close(struct machine *machine);

/* Runs a command and keeps its standard output, up to out's ceiling. */
int machine_output(struct machine *machine, const char *command, int64_t deadline_ms,
		   struct buf *out, struct remote_exit *ret, struct error *err);

#endif
