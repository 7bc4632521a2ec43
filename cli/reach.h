/* SPDX-License-Identifier: Apache-2.0 */
/* What every command that talks to a machine does first: find it, and log in to it. */
#ifndef GPUCLOUD_CLI_REACH_H
#define GPUCLOUD_CLI_REACH_H

#include "cli/command.h"
#include "fleet/machine.h"

/* gpucloud's own failure in a command whose other exit codes belong to the job. */
#define EXIT_OWN_FAILURE 125

struct reach {
	struct fleet fleet;
	struct instance_list list;
	const struct instance *instance;
	struct machine machine;
	bool by_agent; /* as machine's, for whoever closes that one */
};

/* Finds one instance by name or id, waits for it where it is still starting, and connects. 0, or -1
 * with cli->error. */
int reach_open(struct cli *cli, const char *target, struct reach *ret);

/* The same with ret->fleet open already (the rest zeroed). */
int reach_find(struct cli *cli, const char *target, struct reach *ret);

/*
 * Connects anew after the connection was lost, for at most timeout_s. Asks the cloud first: where the
 * instance is no more (ending, stopped, gone) ERROR_NOT_FOUND with code "InstanceGone", and
 * reach->instance says what became of it.
 */
int reach_again(struct cli *cli, struct reach *reach, int64_t timeout_s);
void reach_close(struct reach *reach);

/* Waiting and notes, for machine_wait and machine_connect; and that this computer is let in. */
struct machine_events reach_events(struct cli *cli);

/* Reports cli->error where rc is -1, under code 125, or 130 where the user interrupted; else rc. */
int reach_end(struct cli *cli, int rc);

#endif
