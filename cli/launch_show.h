/* SPDX-License-Identifier: Apache-2.0 */
/* How a launch is told: the zone table, what happens meanwhile, and the last lines. */
#ifndef GPUCLOUD_CLI_LAUNCH_SHOW_H
#define GPUCLOUD_CLI_LAUNCH_SHOW_H

#include "fleet/launch.h"

struct cli;

/* Before anything is spent: zones, the choice and its reason, what the bid means, the cost. */
void launch_show_plan(struct cli *cli, struct fleet *fleet, const struct launch_plan *plan);

struct launch_events launch_show_events(struct cli *cli);

/* Where things stand at the end, for one just made and for one that was there already. */
struct launch_ready;
void launch_show_outcome(struct cli *cli, const struct launch_outcome *outcome,
			 const struct launch_ready *ready);
void launch_show_rehearsed(struct cli *cli, const struct launch_plan *plan);

#endif
