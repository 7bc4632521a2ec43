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
#include "fleet/reap.h"
#include "fleet/spent.h"

/* One instance, and what is known of it at this moment. */
struct shown {
	const struct instance *instance;
	int64_t now;
	struct cost cost;
	struct reap_policy policy;
	struct error policy_err; /* a tag that cannot be read */
	struct spent spent;	 /* where it has a budget */
};

static void work_out(struct fleet *fleet, const struct instance *instance, struct shown *ret)
{
	*ret = (struct shown){
		.instance = instance,
		.now = look_now(fleet, fleet->provider, instance->region),
	};
	reap_policy_read(instance, &ret->policy, &ret->policy_err);
	spent_work_out(fleet, instance, ret->now, true, &ret->cost, &ret->spent);
}

/* Of a budget, nobody owes anything back. */
static int64_t left_of(const struct shown *shown, int64_t spent)
{
	if (!shown->policy.budget || spent == MONEY_UNKNOWN)
		return MONEY_UNKNOWN;
	return shown->policy.budget > spent ? shown->policy.budget - spent : 0;
}

static void show_budget(struct cli *cli, const struct shown *shown, struct arena *arena)
{
	int64_t least = left_of(shown, shown->spent.most),
		most = left_of(shown, shown->spent.least);

	if (least == MONEY_UNKNOWN)
		cli_line(cli, "  budget    $%s; what is left of it is not known",
			 text_money(arena, shown->policy.budget));
	else if (least == most)
		cli_line(cli, "  budget    $%s, of which $%s is left",
			 text_money(arena, shown->policy.budget), text_money(arena, least));
	else
		cli_line(
			cli,
			"  budget    $%s, of which $%s to $%s is left: nobody here saw when it ran",
			text_money(arena, shown->policy.budget), text_money(arena, least),
			text_money(arena, most));
}

/* What `reap` goes by; a tag that cannot be read is told, as reap tells it. */
static void show_policy(struct cli *cli, const struct shown *shown, struct arena *arena)
{
	const struct reap_policy *policy = &shown->policy;
	char text[TIME_TEXT_MAX];

	if (shown->instance->policy_unknown)
		cli_line(
			cli,
			"  policy    unknown: this computer's journal has nothing of it, and 'reap' "
			"does not end it; 'gpucloud hold' gives it an end");
	if (shown->policy_err.kind != ERROR_NONE)
		cli_line(cli, "  policy    %s", shown->policy_err.message);
	if (policy->idle_s)
		cli_line(cli, "  idle      after %s 'reap' %s it",
			 duration_format(text, policy->idle_s),
			 policy->stop_first ? "stops" : "ends");
	if (policy->hold > shown->now)
		cli_line(cli, "  held      until %s", time_format(text, policy->hold));
	if (policy->budget)
		show_budget(cli, shown, arena);
	if (policy->protected)
		cli_line(cli, "  protected 'reap' does nothing to it");
}

static void add_policy(cJSON *object, const struct shown *shown)
{
	const struct reap_policy *policy = &shown->policy;
	cJSON *one = cJSON_AddObjectToObject(object, "policy");

	cJSON_AddNumberToObject(one, "idle_s", (double)policy->idle_s);
	cJSON_AddBoolToObject(one, "stop_first", policy->stop_first);
	json_add_time(one, "hold", policy->hold);
	json_add_money(one, "budget", policy->budget ? policy->budget : MONEY_UNKNOWN);
	json_add_money(one, "budget_left", left_of(shown, shown->spent.most));
	json_add_money(one, "budget_left_most", left_of(shown, shown->spent.least));
	cJSON_AddBoolToObject(one, "protected", policy->protected);
	cJSON_AddStringToObject(one, "error", shown->policy_err.message);
}

/* Its limit, and what that comes to where nobody runs `reap`. */
static void show_limit(struct cli *cli, const struct fleet *fleet, int64_t expires)
{
	char text[TIME_TEXT_MAX];

	time_format(text, expires);
	switch (fleet->ops->time_limit) {
	case TIME_LIMIT_ENDS:
		cli_line(cli, "  ends      by itself at about %s", text);
		break;
	case TIME_LIMIT_STOPS:
		cli_line(cli,
			 "  ends      at about %s: it is turned off then, and its disk bills until "
			 "'reap' ends it",
			 text);
		break;
	case TIME_LIMIT_NONE:
		cli_line(
			cli,
			"  ends      at about %s: it turns itself off then, and bills until 'reap' "
			"ends it",
			text);
		break;
	}
}

static void show_text(struct cli *cli, const struct fleet *fleet, const struct shown *shown)
{
	const struct instance *instance = shown->instance;
	const struct cost *cost = &shown->cost;
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
		show_limit(cli, fleet, instance->expires);
	if (instance->state != INSTANCE_GONE)
		show_policy(cli, shown, &arena);
	if (instance->ended)
		cli_line(cli, "  %s   %s",
			 instance->state == INSTANCE_STOPPED || instance->state == INSTANCE_STOPPING
				 ? "stopped"
				 : "ended  ",
			 time_format(text, instance->ended));
	cli_line(cli, "  up        %s", duration_format(text, cost->seconds));
	cli_line(cli, "  price     $%s/h now, on demand $%s/h", text_money(&arena, cost->price),
		 text_money(&arena, cost->on_demand));
	if (instance->price_off > 0)
		cli_line(cli, "  disk      $%s/h, running or not",
			 text_money(&arena, instance->price_off));
	cli_line(cli, "  cost      $%s so far%s; on demand $%s", text_money(&arena, cost->total),
		 cost->free	  ? " (taken back in its first hour, which is free)"
		 : cost->followed ? ""
				  : " (at the last price that is known)",
		 text_money(&arena, cost->on_demand_total));
	if (instance->state == INSTANCE_RUNNING)
		cli_line(cli, "  end it    gpucloud terminate %s", fleet_target(fleet, instance));
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
	if (instance_find_one(&fleet, argv[0], &choice, instance_is_id(&fleet, argv[0]), &list,
			      &cli->error) == 0) {
		struct shown shown;

		work_out(&fleet, &list.v[0], &shown);
		progress_end(cli);
		if (cli->json) {
			cJSON *object = cJSON_CreateObject();
			cJSON *one = json_of_instance(&list.v[0]);

			json_add_cost(one, &shown.cost);
			add_policy(one, &shown);
			cJSON_AddItemToObject(object, "instance", one);
			cli_json_print(cli, object);
		} else {
			show_text(cli, &fleet, &shown);
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
	.flags = COMMAND_ALSO,
	.max_args = 1,
	.run = show_run,
};
