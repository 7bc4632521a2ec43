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
void reach_close(struct reach *reach);

/* Waiting and notes, for machine_wait and machine_connect. */
struct machine_events reach_events(struct cli *cli);

/* Reports cli->error where rc is -1, under code 125, or 130 where the user interrupted; else rc. */
int reach_end(struct cli *cli, int rc);

#endif
