/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud hold: for a while, or for good, being idle does not end an instance. */
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/reach.h"
#include "core/money.h"
#include "core/timefmt.h"
#include "fleet/budget.h"
#include "fleet/hold.h"
#include "fleet/instances.h"

#define LEAST_S 60

struct hold_args {
	bool protect, unprotect;
	const char *budget;
};

static const struct opt hold_opts[] = {
	OPT_FLAG_AT(0, "protect", struct hold_args, protect,
		    "'reap' does nothing to it at all, until --unprotect"),
	OPT_FLAG_AT(0, "unprotect", struct hold_args, unprotect, "'reap' may end it again"),
	OPT_STRING_AT(0, "budget", struct hold_args, budget, "USD",
		      "what it may cost at most from its launch on, from now on"),
	OPT_END,
};

static const char *name_of(const struct instance *instance)
{
	return instance->name[0] ? instance->name : instance->id;
}

static int protect(struct cli *cli, struct fleet *fleet, const struct instance *instance, bool on)
{
	if (!cli->dry_run && hold_protect(fleet, instance, on, &cli->error) < 0)
		return -1;
	progress_end(cli);
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddItemToObject(object, "instance", json_of_instance(instance));
		cJSON_AddBoolToObject(object, "protected", on);
		cJSON_AddBoolToObject(object, "dry_run", cli->dry_run);
		cli_json_print(cli, object);
		return 0;
	}
	cli_line(cli, "%s (%s) is %s%s", name_of(instance), instance->id,
		 on ? "protected: 'reap' does nothing to it" : "protected no longer",
		 cli->dry_run ? " (a dry run: nothing was changed)" : "");
	if (on && instance->expires)
		cli_note(cli,
			 "its own time limit still ends it; 'gpucloud hold %s TIME' moves that",
			 fleet_target(fleet, instance));
	return 0;
}

static void tell_budget(struct cli *cli, const struct hold *hold)
{
	char all[MONEY_TEXT_MAX], spent[MONEY_TEXT_MAX], price[MONEY_TEXT_MAX];

	if (hold->cents)
		cli_line(cli, "  budget    is $%s now",
			 money_format(all, hold->cents * (USD_MICROS / 100), 2));
	if (hold->capped)
		cli_line(
			cli,
			"  budget    $%s, of which $%s is spent, lasts no longer at $%s/h, the most "
			"an hour can cost",
			money_format(all, hold->budget, 2), money_format(spent, hold->spent, 2),
			money_format(price, hold->price, 4));
}

static const char *limit_words(const struct instance *instance)
{
	const struct provider_ops *ops = provider_find(instance->provider);

	return !ops || ops->time_limit == TIME_LIMIT_ENDS ? "ends by itself at"
							  : "turns itself off at";
}

static void tell(struct cli *cli, const struct instance *instance, const struct hold *hold)
{
	char text[TIME_TEXT_MAX];

	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddItemToObject(object, "instance", json_of_instance(instance));
		json_add_time(object, "held_until", hold->until);
		json_add_time(object, "ends_at", hold->expires);
		cJSON_AddBoolToObject(object, "moved", hold->moved);
		cJSON_AddBoolToObject(object, "renewed", hold->renewed);
		cJSON_AddBoolToObject(object, "capped", hold->capped);
		cJSON_AddStringToObject(object, "not_renewed", hold->unmoved.message);
		cJSON_AddBoolToObject(object, "dry_run", cli->dry_run);
		cli_json_print(cli, object);
		return;
	}
	if (cli->dry_run)
		cli_line(cli, "a dry run, nothing is changed; it would be:");
	if (!hold->until) {
		cli_line(cli, "%s (%s) is held no longer", name_of(instance), instance->id);
		return;
	}
	cli_line(cli, "%s (%s) is held until %s", name_of(instance), instance->id,
		 time_format(text, hold->until));
	tell_budget(cli, hold);
	if (hold->moved && hold->unmoved.kind != ERROR_NONE)
		cli_line(
			cli,
			"  limit     'reap' ends it at %s; the machine's own limit may come before, "
			"for it could not be moved: %s",
			time_format(text, hold->expires), hold->unmoved.message);
	else if (hold->moved)
		cli_line(cli, "  limit     %s %s, not before%s", limit_words(instance),
			 time_format(text, hold->expires),
			 hold->renewed ? ": the machine confirmed it" : "");
	else if (hold->expires)
		cli_line(cli, "  limit     %s %s, as before", limit_words(instance),
			 time_format(text, hold->expires));
}

static int check(struct cli *cli, const struct hold_args *args, int argc, const char **argv,
		 struct hold_wish *ret)
{
	*ret = (struct hold_wish){ .seconds = HOLD_DEFAULT_S, .asked = argc > 1 };
	if (args->protect && args->unprotect)
		return cli_usage(cli, "--protect and --unprotect contradict each other");
	if ((args->protect || args->unprotect) && argc > 1)
		return cli_usage(cli, "--%sprotect takes no time", args->protect ? "" : "un");
	if (args->budget && (args->protect || args->unprotect))
		return cli_usage(cli, "--budget goes with a time, not with --%sprotect",
				 args->protect ? "" : "un");
	if (args->budget && budget_parse(args->budget, &ret->cents, &cli->error) < 0)
		return -1;
	if (argc < 2)
		return 0;
	if (strcmp(argv[1], "off") == 0) {
		ret->seconds = 0;
		return 0;
	}
	if (duration_parse(argv[1], "the time to hold it", &ret->seconds, &cli->error) < 0)
		return -1;
	if (ret->seconds < LEAST_S || ret->seconds > HOLD_MOST_S)
		return cli_usage(cli, "'%s' is not between 1m and 7d", argv[1]);
	return 0;
}

static int carry_out(struct cli *cli, struct fleet *fleet, const struct instance *instance,
		     const struct hold_args *args, const struct hold_wish *wish)
{
	const struct machine_events events = reach_events(cli);
	struct hold hold = { 0 };

	if (args->protect || args->unprotect)
		return protect(cli, fleet, instance, args->protect);
	progress_update(cli, "holding %s", name_of(instance));
	if (hold_plan(fleet, instance, wish, &hold, &cli->error) < 0 ||
	    (!cli->dry_run && hold_set(fleet, instance, &events, &hold, &cli->error) < 0))
		return -1;
	progress_end(cli);
	tell(cli, instance, &hold);
	return 0;
}

static int hold_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct hold_args *args = data;
	struct fleet fleet = { 0 };
	struct instance_list list = { 0 };
	const char *named;
	struct hold_wish wish;
	int rc = -1;

	if (instance_check_target(argv[0], &cli->error) < 0 ||
	    check(cli, args, argc, argv, &wish) < 0)
		return -1;
	progress_start(cli, "looking for %s", argv[0]);
	if (cli_open_fleet(cli, &fleet, true) < 0)
		return -1;
	const struct region_choice choice = cli_named_regions(cli, &named);
	if (instance_find_one(&fleet, argv[0], &choice, false, &list, &cli->error) == 0)
		rc = carry_out(cli, &fleet, &list.v[0], args, &wish);
	progress_end(cli);
	instance_list_release(&list);
	fleet_close(&fleet);
	return rc;
}

const struct command cmd_hold = {
	.name = "hold",
	.group = "Run",
	.summary = "keep an idle instance for a while",
	.usage = "gpucloud hold NAME|ID [TIME|off]",
	.details =
		"For TIME (2h unless said, at most 7d) being idle does not end it. Where its time\n"
		"limit would come before, that is moved too: on the machine first, which must\n"
		"confirm it, then in the cloud's tag, and no further than its budget lasts: a\n"
		"TIME beyond that is refused, unless --budget makes it larger.",
	.opts = hold_opts,
	.args_size = sizeof(struct hold_args),
	.examples = "gpucloud hold train\n"
		    "gpucloud hold train 8h\n"
		    "gpucloud hold train 2d --budget 40\n"
		    "gpucloud hold train off\n"
		    "gpucloud hold --protect train\n",
	.exits = "3 there is no such instance\n",
	.flags = COMMAND_ALSO,
	.min_args = 1,
	.max_args = 2,
	.run = hold_run,
};
