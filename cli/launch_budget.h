/* SPDX-License-Identifier: Apache-2.0 */
/* `launch --budget`: reading it, and saying what it comes to. */
#ifndef GPUCLOUD_CLI_LAUNCH_BUDGET_H
#define GPUCLOUD_CLI_LAUNCH_BUDGET_H

#include "cli/launch_policy.h"
#include "fleet/plan.h"

/* Adds its tag to the policy. text NULL: none, *ret_cents is 0. */
int launch_budget_read(struct cli *cli, const char *text, struct arena *arena,
		       struct launch_policy *policy, int64_t *ret_cents);

/* Shortens the time limit where the budget ends first, and says so among the plan's lines. */
int launch_budget_apply(struct cli *cli, const struct launch_plan *plan, int64_t cents,
			int64_t *ttl_s);

#endif
