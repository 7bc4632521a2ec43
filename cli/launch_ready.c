/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/launch_ready.h"

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/reach.h"
#include "core/clock.h"
#include "fleet/simulator_profile.h"

#define TIMEOUT_LEAST_S 30

int launch_check_login(struct cli *cli)
{
	if (cli->dry_run || simulator_profile_has_login(cli->settings))
		return 0;
	error_set(&cli->error, ERROR_UNSUPPORTED,
		  "the simulator's machines are a state only: nobody can log in");
	return error_hint(&cli->error,
			  "--wait running, or restart it: gpucloud-sim start --machines sshd");
}

int launch_check_selftest(struct cli *cli, const char *type, const char *arch)
{
	struct arena arena = { 0 };
	const char *program;
	int rc = selftest_program(cli->settings, &arena, &program, &cli->error);

	if (rc == 0)
		rc = selftest_check_arch(program, arch ? arch : "", &cli->error);
	if (rc < 0) {
		error_prefix(&cli->error, "%s would not be tested", type);
		error_hint(&cli->error, "--selftest none, or name a program that can run there in "
					"GPUCLOUD_SELFTEST");
	}
	arena_release(&arena);
	return rc;
}

/* Logs in, and tests the GPU. */
static int verify(struct cli *cli, struct fleet *fleet, const struct launch_outcome *outcome,
		  int64_t timeout_s, struct launch_ready *ready)
{
	const struct instance *instance = &outcome->made.instance;
	struct machine_events events = reach_events(cli);
	struct machine machine = { 0 };

	events.admitted = NULL; /* who may reach it was said a moment ago: --from */
	progress_update(cli, "%s runs; logging in", instance->id);
	int rc = machine_wait(fleet, instance,
			      timeout_s < TIMEOUT_LEAST_S ? TIMEOUT_LEAST_S : timeout_s, &events,
			      &machine, &cli->error);
	if (rc == 0) {
		ready->verified = true;
		ready->rotated = machine.rotated;
	}
	if (rc == 0 && ready->selftest) {
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

int launch_get_ready(struct cli *cli, struct fleet *fleet, struct launch_outcome *outcome,
		     const struct launch_events *events, struct launch_ready *ready)
{
	int64_t start = clock_mono_ms(fleet->clock);

	if (ready->wait == LAUNCH_WAIT_ACCEPTED)
		return 0;
	if (launch_wait_running(fleet, outcome, ready->timeout_s, events, &cli->error) < 0)
		return -1;
	if (ready->wait == LAUNCH_WAIT_RUNNING)
		return 0;
	int64_t spent = (clock_mono_ms(fleet->clock) - start) / 1000;
	return verify(cli, fleet, outcome, ready->timeout_s - spent, ready);
}
