/* SPDX-License-Identifier: Apache-2.0 */
/* From the options to an instance that is ready: what `launch` does, and `run` does first. */
#ifndef GPUCLOUD_CLI_LAUNCH_FLOW_H
#define GPUCLOUD_CLI_LAUNCH_FLOW_H

#include "cli/launch_ready.h"
#include "cli/launch_wanted.h"

struct launch_flow {
	/* zones, the choice and its price; nr_zones 0 where the instance was there already */
	struct launch_plan plan;
	bool made; /* there is an instance, new or not (outcome.existed): it bills */
	struct launch_outcome outcome;
	struct launch_ready ready; /* how far it got */
};
void launch_flow_release(struct launch_flow *flow);

/*
 * Is one of that name there? Else compares zones, shows the choice, launches, waits as wanted says, and
 * tests the GPU. 0, or -1 with cli->error; ret is filled either way: with ret->made an instance bills.
 * Dry run: tells the requests; 0 and nothing made.
 */
int launch_flow(struct cli *cli, struct fleet *fleet, struct launch_wanted *wanted,
		struct launch_flow *ret);

#endif
