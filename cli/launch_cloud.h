/* SPDX-License-Identifier: Apache-2.0 */
/* What clouds differ in, as far as a launch tells or refuses it: facts of their tables, in words. */
#ifndef GPUCLOUD_CLI_LAUNCH_CLOUD_H
#define GPUCLOUD_CLI_LAUNCH_CLOUD_H

#include "cli/launch_wanted.h"

struct cli;

/* Options that mean nothing there are refused, with the reason; no request is made. ERROR_USAGE. */
int launch_cloud_check(struct cli *cli, const struct fleet *fleet, const struct launch_args *args);

/* With the plan known, before anything is made: what the machine is open to, what becomes of it at its
 * time limit; where nothing but `reap` ends it, a person must say yes. */
int launch_cloud_tell(struct cli *cli, const struct fleet *fleet, const struct launch_plan *plan,
		      struct launch_wanted *wanted);

/* The cloud says that it costs something else than was quoted: both figures. */
void launch_cloud_price(struct cli *cli, const struct fleet *fleet, const struct launch_plan *plan,
			const struct launch_wanted *wanted, const struct launch_outcome *outcome);

/* How it ends, whoever is watching: lines under what was launched. */
void launch_cloud_end(struct cli *cli, const struct instance *instance);

#endif
