/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/launch_ready.h"

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/reach.h"

#define TIMEOUT_LEAST_S 30

int launch_verify(struct cli *cli, struct fleet *fleet, const struct launch_outcome *outcome,
		  int64_t timeout_s, bool selftest, struct launch_ready *ready)
{
	const struct instance *instance = &outcome->made.instance;
	const struct machine_events events = reach_events(cli);
	struct machine machine = { 0 };

	progress_update(cli, "%s runs; logging in", instance->id);
	int rc = machine_wait(fleet, instance,
			      timeout_s < TIMEOUT_LEAST_S ? TIMEOUT_LEAST_S : timeout_s, &events,
			      &machine, &cli->error);
	if (rc == 0) {
		ready->verified = true;
		ready->rotated = machine.rotated;
	}
	if (rc == 0 && selftest) {
		progress_update(cli, "testing the GPU of %s", instance->id);
		rc = selftest_on_machine(fleet, &machine, "quick", &ready->report, &cli->error);
		ready->tested = rc == 0;
	}
	machine_close(&machine);
	if (rc < 0 && !cli->error.hint[0])
		error_hint(&cli->error, "it is billing: gpucloud show %s, gpucloud terminate %s",
			   outcome->name, outcome->name);
	return rc;
}
