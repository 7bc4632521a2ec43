/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/reach.h"

#include <string.h>

#include "cli/common.h"
#include "cli/progress.h"
#include "fleet/instances.h"

#define CONNECT_S 30 /* one that is still booting answers within this */

static void on_waiting(void *ctx, const struct instance *instance, const char *why, int64_t seconds)
{
	progress_update(ctx, "%s: %s (%lld s)", instance->id, why, (long long)seconds);
}

static void on_note(void *ctx, const char *text)
{
	cli_note(ctx, "%s", text);
}

struct machine_events reach_events(struct cli *cli)
{
	return (struct machine_events){ .ctx = cli, .waiting = on_waiting, .note = on_note };
}

static int connect_to(struct cli *cli, struct reach *reach)
{
	const struct machine_events events = reach_events(cli);
	const struct instance *instance = reach->instance;

	if (instance->state != INSTANCE_RUNNING) {
		error_set(&cli->error, ERROR_CONFLICT, "%s is %s, not running", instance->id,
			  instance_state_name(instance->state));
		return error_hint(&cli->error, "gpucloud show %s", instance->id);
	}
	progress_update(cli, "logging in to %s", instance->id);
	return machine_wait(&reach->fleet, instance, CONNECT_S, &events, &reach->machine,
			    &cli->error);
}

int reach_open(struct cli *cli, const char *target, struct reach *ret)
{
	const char *named;

	memset(ret, 0, sizeof(*ret));
	if (instance_check_target(target, &cli->error) < 0)
		return -1;
	progress_start(cli, "looking for %s", target);
	if (cli_open_fleet(cli, &ret->fleet, true) < 0)
		return -1;
	const struct region_choice choice = cli_named_regions(cli, &named);
	int rc = instance_find_one(&ret->fleet, target, &choice, false, &ret->list, &cli->error);
	if (rc == 0) {
		ret->instance = &ret->list.v[0];
		rc = connect_to(cli, ret);
	}
	progress_end(cli);
	return rc;
}

void reach_close(struct reach *reach)
{
	machine_close(&reach->machine);
	instance_list_release(&reach->list);
	fleet_close(&reach->fleet);
}

int reach_end(struct cli *cli, int rc)
{
	progress_end(cli);
	if (rc >= 0)
		return rc;
	cli_report(cli, EXIT_OWN_FAILURE);
	return EXIT_OWN_FAILURE;
}
