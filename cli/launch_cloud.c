/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/launch_cloud.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/confirm.h"
#include "cli/out.h"
#include "core/timefmt.h"

#define TOLD_FROM 1000 /* a difference of a thousandth is worth a word */

static bool can(const struct fleet *fleet, enum provider_cap cap)
{
	return (fleet->ops->caps & cap) != 0;
}

/* --- what is refused ----------------------------------------------------------------------- */

static int refuse_spot(struct cli *cli, const struct fleet *fleet)
{
	error_set(&cli->error, ERROR_USAGE,
		  "--spot: %s rents on demand alone; it has no spot market", fleet->ops->title);
	return error_hint(&cli->error, "leave out --spot and --bid");
}

static int refuse_guard(struct cli *cli, const struct fleet *fleet, bool from)
{
	error_set(&cli->error, ERROR_USAGE,
		  from ? "--from: %s has no firewall: nobody can be kept from connecting"
		       : "--port: %s has no firewall: every port is open already",
		  fleet->ops->title);
	return error_hint(&cli->error,
			  from ? "leave it out; the machine takes keys alone, and a firewall of "
				 "its own can be set up on it"
			       : "leave it out");
}

int launch_cloud_check(struct cli *cli, const struct fleet *fleet, const struct launch_args *args)
{
	if (args->spot && !can(fleet, PROVIDER_CAP_SPOT))
		return refuse_spot(cli, fleet);
	if (!can(fleet, PROVIDER_CAP_GUARD) && (args->from || args->ports.nr))
		return refuse_guard(cli, fleet, args->from != NULL);
	if (args->static_address && !can(fleet, PROVIDER_CAP_STATIC_ADDRESS)) {
		error_set(&cli->error, ERROR_USAGE,
			  "--static-address: gpucloud can get none from %s", fleet->ops->title);
		return error_hint(&cli->error,
				  "leave it out: 'gpucloud ssh NAME' finds the machine "
				  "at any address");
	}
	if (args->name && fleet->ops->is_id(args->name)) {
		error_set(&cli->error, ERROR_USAGE,
			  "--name '%.80s' may be the id of an instance with %s", args->name,
			  fleet->ops->title);
		return error_hint(&cli->error, "use a name that says what it is for");
	}
	return 0;
}

/* --- what is told before ------------------------------------------------------------------- */

/* Where there are no zones it is one of the account's own networks. A setting was meant for another
 * cloud: only who names one for this launch means this cloud's. */
static void check_subnet(const struct launch_plan *plan, struct launch_wanted *wanted)
{
	if (plan->zoneless && !wanted->subnet_asked)
		wanted->launch.subnet = NULL;
}

static void tell_limit(struct cli *cli, const struct fleet *fleet, int64_t ttl_s)
{
	char time[TIME_TEXT_MAX];

	if (cli->json || !ttl_s)
		return;
	duration_format(time, ttl_s);
	if (fleet->ops->time_limit == TIME_LIMIT_STOPS)
		cli_line(
			cli,
			"limit:  after %s it is turned off, even if this computer is off; its disk "
			"bills until 'reap' or 'terminate' ends it",
			time);
	else if (fleet->ops->time_limit == TIME_LIMIT_NONE)
		cli_line(
			cli,
			"limit:  after %s it turns itself off, and bills as before: only 'reap' or "
			"'terminate' ends it",
			time);
	fflush(cli->out); /* seen before the question */
}

/* A person must know that some computer has to run `reap`. Without a time limit they were asked. */
static int confirm_limit(struct cli *cli, const struct fleet *fleet, const struct launch_plan *plan,
			 const struct launch_wanted *wanted)
{
	struct arena arena = { 0 };

	if (fleet->ops->time_limit != TIME_LIMIT_NONE || cli->dry_run || !wanted->launch.prepared ||
	    !wanted->launch.ttl_s)
		return 0;
	int rc = confirm_yes(
		cli,
		"%s has no time limit of its own, and bills $%s/h for a machine that is "
		"off too: only 'gpucloud reap', run from cron, ends it in time. Launch "
		"it?",
		fleet->ops->title, text_money(&arena, plan->offer.on_demand));
	arena_release(&arena);
	return rc;
}

int launch_cloud_tell(struct cli *cli, const struct fleet *fleet, const struct launch_plan *plan,
		      struct launch_wanted *wanted)
{
	check_subnet(plan, wanted);
	if (!can(fleet, PROVIDER_CAP_GUARD))
		cli_warning(cli,
			    wanted->launch.prepared
				    ? "%s has no firewall: every port of the machine is open to "
				      "everybody; its SSH takes keys alone"
				    : "%s has no firewall: every port of the machine is open to "
				      "everybody",
			    fleet->ops->title);
	if (wanted->launch.static_address)
		cli_note(cli, "its address stays the same when it is stopped and started; it bills "
			      "until the instance ends, and goes with it");
	tell_limit(cli, fleet, wanted->launch.prepared ? wanted->launch.ttl_s : 0);
	return confirm_limit(cli, fleet, plan, wanted);
}

/* --- what is told afterwards --------------------------------------------------------------- */

/* Whose figure it was that did not hold. */
static const char *quoted_by(struct arena *arena, const struct launch_plan *plan,
			     const struct launch_wanted *wanted)
{
	char date[TIME_TEXT_MAX];

	if (wanted->plan.on_demand != MONEY_UNKNOWN)
		return "by --on-demand";
	if (plan->offer.on_demand_builtin)
		return arena_printf(arena, "by gpucloud's own table of %s",
				    time_format_date(date, plan->offer.on_demand_as_of));
	return "by its list of prices";
}

void launch_cloud_price(struct cli *cli, const struct fleet *fleet, const struct launch_plan *plan,
			const struct launch_wanted *wanted, const struct launch_outcome *outcome)
{
	struct arena arena = { 0 };
	int64_t quoted = outcome->quoted, price = outcome->price;

	if (quoted <= 0 || price == MONEY_UNKNOWN ||
	    llabs((long long)(price - quoted)) <= quoted / TOLD_FROM)
		return;
	cli_warning(cli,
		    "%s says that %s costs $%s/h; quoted was $%s/h, %s. Its costs are counted "
		    "by what it says",
		    fleet->ops->title, outcome->made.instance.id, text_money(&arena, price),
		    text_money(&arena, quoted), quoted_by(&arena, plan, wanted));
	arena_release(&arena);
}

static void tell_stops(struct cli *cli, const struct instance *instance)
{
	struct arena arena = { 0 };
	char at[TIME_TEXT_MAX];

	cli_line(cli,
		 "At about %s it is turned off, even if this computer is off. Its disk%s%s%s bills "
		 "then until 'gpucloud reap' or 'terminate' ends it.",
		 time_format(at, instance->expires), instance->price_off > 0 ? " ($" : "",
		 instance->price_off > 0 ? text_money(&arena, instance->price_off) : "",
		 instance->price_off > 0 ? "/h)" : "");
	arena_release(&arena);
}

void launch_cloud_end(struct cli *cli, const struct instance *instance)
{
	const struct provider_ops *ops = provider_find(instance->provider);
	char at[TIME_TEXT_MAX];

	if (!instance->expires)
		cli_line(cli, "It runs and bills until you terminate it: no time limit is armed.");
	else if (ops && ops->time_limit == TIME_LIMIT_STOPS)
		tell_stops(cli, instance);
	else if (ops && ops->time_limit == TIME_LIMIT_NONE)
		cli_line(cli,
			 "At about %s it turns itself off, and bills as before until 'gpucloud "
			 "reap' or 'terminate' ends it.",
			 time_format(at, instance->expires));
	else
		cli_line(cli, "It ends by itself at about %s, even if this computer is off.",
			 time_format(at, instance->expires));
	if (ops && !(ops->caps & PROVIDER_CAP_TAGS))
		cli_line(cli, "What 'reap' is to do with it is in this computer's journal: run it "
			      "here.");
}
