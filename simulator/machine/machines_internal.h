/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by machines.c and machines_start.c only. */
#ifndef GPUCLOUD_SIMULATOR_MACHINE_MACHINES_INTERNAL_H
#define GPUCLOUD_SIMULATOR_MACHINE_MACHINES_INTERNAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/buf.h"
#include "simulator/machine/guest.h"

struct machine_record {
	char id[MACHINE_ID_MAX], address[MACHINE_ADDRESS_MAX];
	bool ended;
	struct buf console; /* of a fake machine, or of one that has ended */
};

struct machines {
	enum machine_kind kind;
	unsigned faults, addresses;
	struct supervisor_config config;
	char *link;
	pid_t pid; /* the supervisor */
	int fd;	   /* to it; -1: none */
	int claim; /* holds the port on 127.0.0.1: nobody else gets it, and nobody is answered */
	struct machine_record *v;
	size_t nr, cap;
};

/* Lets the supervisor end, and waits for it. */
void machines_close(struct machines *machines);

#endif
