/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/reach.h"

#include <string.h>

#include "cli/common.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "fleet/instances.h"

#define CONNECT_S 30  /* one that runs */
#define BOOT_S	  180 /* one that was still starting when we came: to run, and to boot */
#define POLL_MS	  1000

static void on_waiting(void *ctx, const struct instance *instance, const char *why, int64_t seconds)
{
	progress_update(ctx, "%s: %s (%lld s)", instance->id, why, (long long)seconds);
}

static void on_note(void *ctx, const char *text)
{
	cli_note(ctx, "%s", text);
}

static void on_admitted(void *ctx, const struct instance *instance, const char *cidr)
{
	cli_note(ctx,
		 "%s did not answer: this computer's address, %s, is now let in by its "
		 "firewall",
		 instance->id, cidr);
}

struct machine_events reach_events(struct cli *cli)
{
	return (struct machine_events){
		.ctx = cli, .waiting = on_waiting, .note = on_note, .admitted = on_admitted
	};
}

/* Asks the cloud until it runs. *left_s is what remains of it. */
static int wait_running(struct cli *cli, struct reach *reach, int64_t *left_s)
{
	const struct clock *clock = reach->fleet.clock;
	int64_t start = clock_mono_ms(clock);

	while (reach->instance->state == INSTANCE_PENDING) {
		const char *const region = reach->instance->region, *const id = reach->instance->id;
		const struct region_choice there = { .named = &region, .nr_named = 1 };
		struct instance_list list = { 0 };
		int64_t waited = (clock_mono_ms(clock) - start) / 1000;

		if (waited >= BOOT_S) {
			error_set(&cli->error, ERROR_TIMEOUT, "%s did not run within %d s", id,
				  BOOT_S);
			return error_hint(&cli->error, "gpucloud show %s", id);
		}
		progress_update(cli, "%s is pending (%lld s)", id, (long long)waited);
		if (clock_sleep_ms(clock, POLL_MS) < 0)
			return error_set(&cli->error, ERROR_CANCELLED,
					 "interrupted while waiting for %s", id);
		if (instance_find_one(&reach->fleet, id, &there, true, &list, &cli->error) < 0)
			return -1;
		instance_list_release(&reach->list);
		reach->list = list;
		reach->instance = &reach->list.v[0];
		*left_s = BOOT_S - waited > CONNECT_S ? BOOT_S - waited : CONNECT_S;
	}
	return 0;
}

static int connect_to(struct cli *cli, struct reach *reach)
{
	const struct machine_events events = reach_events(cli);
	int64_t left_s = CONNECT_S;

	if (wait_running(cli, reach, &left_s) < 0)
		return -1;
	const struct instance *instance = reach->instance;
	if (instance->state != INSTANCE_RUNNING) {
		error_set(&cli->error, ERROR_CONFLICT, "%s is %s, not running", instance->id,
			  instance_state_name(instance->state));
		return error_hint(&cli->error, "gpucloud show %s", instance->id);
	}
	progress_update(cli, "logging in to %s", instance->id);
	return machine_wait(&reach->fleet, instance, left_s, &events, &reach->machine, &cli->error);
}

int reach_open(struct cli *cli, const char *target, struct reach *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (instance_check_target(target, &cli->error) < 0)
		return -1;
	progress_start(cli, "looking for %s", target);
	if (cli_open_fleet(cli, &ret->fleet, true) < 0)
		return -1;
	return reach_find(cli, target, ret);
}

int reach_find(struct cli *cli, const char *target, struct reach *ret)
{
	const char *named;
	const struct region_choice choice = cli_named_regions(cli, &named);
	int rc = instance_find_one(&ret->fleet, target, &choice, false, &ret->list, &cli->error);
	if (rc == 0) {
		ret->instance = &ret->list.v[0];
		rc = connect_to(cli, ret);
	}
	progress_end(cli);
	return rc;
}

static int is_gone(struct cli *cli, const struct reach *reach)
{
	const struct instance *instance = reach->instance;

	error_set(&cli->error, ERROR_NOT_FOUND, "%s is %s%s%s", instance->id,
		  instance_state_name(instance->state), instance->reason[0] ? ": " : "",
		  instance->reason);
	snprintf(cli->error.code, sizeof(cli->error.code), "InstanceGone");
	return -1;
}

int reach_again(struct cli *cli, struct reach *reach, int64_t timeout_s)
{
	const struct machine_events events = reach_events(cli);
	const char *const region = reach->instance->region, *const id = reach->instance->id;
	const struct region_choice there = { .named = &region, .nr_named = 1 };
	struct instance_list list = { 0 };

	machine_close(&reach->machine);
	error_clear(&cli->error);
	if (instance_find_one(&reach->fleet, id, &there, true, &list, &cli->error) < 0)
		return -1;
	instance_list_release(&reach->list);
	reach->list = list;
	reach->instance = &reach->list.v[0];
	if (reach->instance->state != INSTANCE_RUNNING &&
	    reach->instance->state != INSTANCE_PENDING)
		return is_gone(cli, reach);
	return machine_wait(&reach->fleet, reach->instance, timeout_s, &events, &reach->machine,
			    &cli->error);
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
	int code = cli->error.kind == ERROR_CANCELLED ? cli_exit_code(ERROR_CANCELLED)
						      : EXIT_OWN_FAILURE;
	cli_report(cli, code);
	return code;
}
