/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside fleet/machine*.c only: one visit to an instance; what vouches for it (machine_trust.c), and
 * how the seeded host key is replaced at the first login (machine_rotate.c).
 */
#ifndef GPUCLOUD_FLEET_MACHINE_INTERNAL_H
#define GPUCLOUD_FLEET_MACHINE_INTERNAL_H

#include "core/arena.h"
#include "fleet/machine.h"
#include "ssh/key.h"

#define MACHINE_TAG_MAX 128

struct visit {
	struct fleet *fleet;
	const struct instance *instance;
	const struct machine_events *events;
	int64_t timeout_ms;	   /* of one login */
	char tag[MACHINE_TAG_MAX]; /* gpucloud-hostkey as last seen; "" none */
	struct remote_seen seen;   /* at the last login */
};

/* What the machine may show: any of lines, or a key with that fingerprint. */
struct trust {
	struct arena arena; /* owns all strings */
	const char *const *lines;
	size_t nr_lines;
	const char *fingerprint;
	const char *const *recorded; /* as the record stood */
	size_t nr_recorded;
	struct ssh_key login;
	struct ssh_key seed;
	bool seeded; /* the seeded key is still to be replaced */
	bool by_tag; /* no key of this computer's making: nothing but the tag vouches */
};

int trust_gather(const struct visit *visit, struct trust *trust, struct error *err);
void trust_release(struct trust *trust);

/* The machine showed something else. True once that may have changed: another gpucloud replaced the
 * key meanwhile, and its record or its tag says so now. Asks the cloud, for some seconds at most. */
bool trust_renew(struct visit *visit, struct trust *trust);

/* Turns HostKeyMismatch into what a person can act on; asks the cloud for the tag. Returns -1. */
int trust_refused(struct visit *visit, const struct trust *trust, struct error *err);

/* Records what was shown and believed, where that is news. */
int trust_keep(const struct visit *visit, const struct trust *trust, struct error *err);

/* Both are public lines; false too where one of them is none. */
bool trust_same_key(const char *a, const char *b);

/* Logs in once; machine is then usable, and trust holds what it was judged by. */
int machine_login(struct visit *visit, struct trust *trust, struct machine *machine,
		  struct error *err);

/*
 * The first login, with the seeded key or with the one that replaced it: see to it that only the new
 * one counts. -1 with machine closed: the connection is lost, or the user interrupted. Anything else
 * that goes wrong is told as a note, and the next login tries again.
 */
int machine_first_login(struct visit *visit, struct trust *trust, struct machine *machine,
			struct error *err);

void machine_note(const struct visit *visit, const char *text);

#endif
