/* SPDX-License-Identifier: Apache-2.0 */
/* What a launch says about the end of its instance: tags for 'reap' (fleet/reap.h). */
#ifndef GPUCLOUD_CLI_LAUNCH_POLICY_H
#define GPUCLOUD_CLI_LAUNCH_POLICY_H

#include "cli/cli.h"
#include "core/arena.h"
#include "fleet/fleet.h"

#define LAUNCH_POLICY_TAGS 4

struct launch_policy {
	struct tag tags[LAUNCH_POLICY_TAGS]; /* values in the arena */
	size_t nr_tags;
	bool stop_first; /* it is to be stopped for being idle, not ended */
};

/* --protect; --idle "30m" or "30m:stop", or NULL. */
int launch_policy_read(struct cli *cli, bool protect, const char *idle, struct arena *arena,
		       struct launch_policy *ret);

/* What the cloud could not do later is refused now. */
int launch_policy_check(struct cli *cli, const struct fleet *fleet,
			const struct launch_policy *policy, bool spot);

#endif
