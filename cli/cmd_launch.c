/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpucloud launch: quote zones, decide, launch, wait, and say how to go on. The deciding is in
 * fleet/plan.c, the making in fleet/launch.c, the order of things in cli/launch_flow.c.
 */
#include "cli/command.h"
#include "cli/common.h"
#include "cli/launch_cloud.h"
#include "cli/launch_flow.h"
#include "cli/launch_show.h"
#include "cli/progress.h"
#include "cli/selftest_show.h"

/* What came of it is told, whatever that is. */
static int launch_and_tell(struct cli *cli, struct fleet *fleet, struct launch_wanted *wanted)
{
	struct launch_flow flow;
	int rc = launch_flow(cli, fleet, wanted, &flow);

	if (flow.made)
		launch_show_outcome(cli, &flow.outcome, &flow.ready);
	if (rc == 0 && flow.ready.tested)
		rc = selftest_exit_code(&flow.ready.report);
	launch_flow_release(&flow);
	return rc;
}

static int launch_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct launch_args *args = data;
	struct launch_wanted wanted;
	struct fleet fleet = { 0 };
	int rc = -1;

	(void)argc;
	(void)argv;
	launch_wanted_init(&wanted);
	if (launch_wanted_check(cli, args, &wanted) == 0) {
		progress_start(cli, "starting");
		/* What cannot be is refused before the first request. */
		if (cli_open_fleet(cli, &fleet, false) == 0 &&
		    launch_cloud_check(cli, &fleet, args) == 0) {
			cli_settle(cli, &fleet);
			if (launch_wanted_read(cli, &fleet, args, &wanted) == 0)
				rc = launch_and_tell(cli, &fleet, &wanted);
		}
		progress_end(cli);
	}
	fleet_close(&fleet);
	launch_wanted_release(&wanted);
	return rc;
}

const struct command cmd_launch = {
	.name = "launch",
	.group = "Run",
	.summary = "compare zones, launch a GPU instance, say what it costs",
	.usage = "gpucloud launch [options]",
	.opts = launch_opts,
	.args_size = sizeof(struct launch_args),
	.examples = "gpucloud launch --spot --bid 51% --gpu V100\n"
		    "gpucloud launch --type g5.xlarge --name train --idle 30m --dry-run\n",
	.exits = "5 no capacity, or the bid is below the price\n"
		 "8 it runs, but its GPU failed the self-test\n",
	.run = launch_run,
};
