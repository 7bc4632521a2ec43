/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud show: one instance, with what it has cost so far. */
#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "core/timefmt.h"
#include "fleet/instances.h"
#include "fleet/look.h"

static void show_text(struct cli *cli, const struct instance *instance, const struct cost *cost)
{
	struct arena arena = { 0 };
	char text[TIME_TEXT_MAX];

	cli_line(cli, "%s  %s", instance->name[0] ? instance->name : instance->id,
		 instance_state_name(instance->state));
	cli_line(cli, "  id        %s", instance->id);
	if (instance->reason[0])
		cli_line(cli, "  reason    %s", instance->reason);
	cli_line(cli, "  type      %s, %s", instance->type, instance->spot ? "spot" : "on demand");
	cli_line(cli, "  zone      %s%s%s%s", instance->zone.name, instance->zone.id[0] ? " (" : "",
		 instance->zone.id, instance->zone.id[0] ? ")" : "");
	if (instance->public_ip[0])
		cli_line(cli, "  address   %s", instance->public_ip);
	cli_line(cli, "  image     %s", instance->image);
	cli_line(cli, "  owner     %s", instance->owner);
	cli_line(cli, "  launched  %s", time_format(text, instance->launched));
	if (instance->expires && instance->state != INSTANCE_GONE)
		cli_line(cli, "  ends      by itself at about %s",
			 time_format(text, instance->expires));
	if (instance->ended)
		cli_line(cli, "  %s   %s",
			 instance->state == INSTANCE_STOPPED || instance->state == INSTANCE_STOPPING
				 ? "stopped"
				 : "ended  ",
			 time_format(text, instance->ended));
	cli_line(cli, "  up        %s", duration_format(text, cost->seconds));
	cli_line(cli, "  price     $%s/h now, on demand $%s/h", text_money(&arena, cost->price),
		 text_money(&arena, cost->on_demand));
	cli_line(cli, "  cost      $%s so far%s; on demand $%s", text_money(&arena, cost->total),
		 cost->free	  ? " (taken back in its first hour, which is free)"
		 : cost->followed ? ""
				  : " (at the last price that is known)",
		 text_money(&arena, cost->on_demand_total));
	if (instance->state == INSTANCE_RUNNING)
		cli_line(cli, "  end it    gpucloud terminate %s",
			 instance->name[0] ? instance->name : instance->id);
	arena_release(&arena);
}

static int show_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct fleet fleet = { 0 };
	struct instance_list list = { 0 };
	const char *named;
	int rc = -1;

	(void)data;
	(void)argc;
	if (instance_check_target(argv[0], &cli->error) < 0)
		return -1;
	progress_start(cli, "looking for %s", argv[0]);
	if (cli_open_fleet(cli, &fleet, true) < 0)
		return -1;
	const struct region_choice choice = cli_named_regions(cli, &named);
	/* An id is shown even after its end; a name may have been used again. */
	if (instance_find_one(&fleet, argv[0], &choice, instance_is_id(argv[0]), &list,
			      &cli->error) == 0) {
		struct cost cost;

		cost_follow(&fleet, &list.v[0], look_now(&fleet, fleet.provider, list.v[0].region),
			    &cost);
		progress_end(cli);
		if (cli->json) {
			cJSON *object = cJSON_CreateObject();
			cJSON *one = json_of_instance(&list.v[0]);

			json_add_cost(one, &cost);
			cJSON_AddItemToObject(object, "instance", one);
			cli_json_print(cli, object);
		} else {
			show_text(cli, &list.v[0], &cost);
		}
		rc = 0;
	}
	progress_end(cli);
	instance_list_release(&list);
	fleet_close(&fleet);
	return rc;
}

const struct command cmd_show = {
	.name = "show",
	.group = "Look",
	.summary = "one instance, with what it has cost so far",
	.usage = "gpucloud show NAME|ID",
	.examples = "gpucloud show train\n"
		    "gpucloud --json show i-0123456789abcdef0\n",
	.exits = "3 there is no such instance\n",
	.min_args = 1,
	.max_args = 1,
	.run = show_run,
};
