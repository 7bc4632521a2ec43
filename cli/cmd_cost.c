/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud cost: what was spent, from the journal's receipts and price steps. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/cost_view.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "core/http.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "fleet/cost_report.h"
#include "fleet/instances.h"
#include "fleet/journal.h"
#include "fleet/journal_keep.h"
#include "fleet/look.h"

struct cost_args {
	const char *since, *until, *by;
	bool csv, offline;
};

static const struct opt cost_opts[] = {
	OPT_STRING_AT(0, "since", struct cost_args, since, "TIME",
		      "from then on: 2020-03-20, 30d (all that is kept)"),
	OPT_STRING_AT(0, "until", struct cost_args, until, "TIME", "up to then (now)"),
	OPT_STRING_AT(0, "by", struct cost_args, by, "WHAT",
		      "instance, name, day or month (instance)"),
	OPT_FLAG_AT(0, "csv", struct cost_args, csv, "comma-separated, with a header"),
	OPT_FLAG_AT(0, "offline", struct cost_args, offline,
		    "from this computer's journal alone: no request"),
	OPT_END,
};

static int read_query(struct cli *cli, const struct cost_args *args, const char *target,
		      struct cost_query *ret)
{
	static const char *const names[] = { "instance", "name", "day", "month" };
	int64_t now = clock_now(&clock_system);
	size_t by = 0;

	*ret = (struct cost_query){ .target = target, .ask = !args->offline };
	while (args->by && by < ARRAY_SIZE(names) && strcmp(args->by, names[by]) != 0)
		by++;
	if (by == ARRAY_SIZE(names))
		return cli_usage(cli, "--by '%s' is none of instance, name, day, month", args->by);
	ret->by = (enum cost_by)by;
	if (args->csv && cli->json)
		return cli_usage(cli, "--csv or --json, not both");
	if (target && instance_check_target(target, &cli->error) < 0)
		return -1;
	if ((args->since &&
	     time_parse_ago(args->since, "--since", now, &ret->since, &cli->error) < 0) ||
	    (args->until &&
	     time_parse_ago(args->until, "--until", now, &ret->until, &cli->error) < 0))
		return -1;
	if (args->until && ret->until <= ret->since)
		return cli_usage(cli, "--until must be later than --since");
	return 0;
}

/* Of the simulator nothing was ever paid: its launches are told apart from all others. */
static bool is_local(const struct cli *cli)
{
	const char *profile = settings_get(cli->settings, "profile");
	const char *endpoint = settings_get(cli->settings, "endpoint_url");

	if (!endpoint)
		endpoint = settings_env(cli->settings, "AWS_ENDPOINT_URL");
	return text_equal(profile, "sim") || (endpoint && http_url_is_loopback(endpoint));
}

/* Without a cloud: the journal alone, which must be there. */
static int open_offline(struct cli *cli, struct fleet *fleet, struct cost_query *query)
{
	*fleet = (struct fleet){ .settings = cli->settings,
				 .paths = &cli->paths,
				 .clock = &clock_system };
	query->local = is_local(cli);
	return fleet_journal(fleet, &cli->error);
}

static int open_online(struct cli *cli, struct fleet *fleet)
{
	struct error err = ERROR_INIT;

	if (cli_open_fleet(cli, fleet, true) < 0)
		return -1;
	/* One that cannot be opened was told of; what runs is known all the same. */
	if (!fleet->journal && fleet_journal(fleet, &err) < 0)
		cli_warning(cli, "what has ended is not known here");
	return 0;
}

/* By the cloud's clock, which every region has just told: ours, years ahead, would drop all. */
static void retire(struct fleet *fleet, const struct cost_report *report)
{
	struct error err = ERROR_INIT;
	const char *region;

	if (!fleet->journal || report->nr_failures ||
	    fleet->ops->default_region(fleet->provider, &region, &err) < 0)
		return;
	if (journal_retire(fleet->journal, look_now(fleet, fleet->provider, region), NULL, &err) <
	    0)
		log_info("cost", "%s", err.message);
}

static int cost_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct cost_args *args = data;
	struct cost_report report = { .nr = 0 };
	struct fleet fleet = { 0 };
	struct cost_query query;
	int rc = -1;

	if (read_query(cli, args, argc ? argv[0] : NULL, &query) < 0)
		return -1;
	progress_start(cli, args->offline ? "reading the journal" : "asking every region");
	if ((args->offline ? open_offline(cli, &fleet, &query) : open_online(cli, &fleet)) < 0)
		goto out;
	query.now = clock_now(&clock_system);
	if (!args->until)
		query.until = INT64_MAX;
	if (cost_report_make(&fleet, &query, &report, &cli->error) < 0)
		goto out;
	progress_end(cli);
	if (query.target && !report.nr) {
		error_set(&cli->error, ERROR_NOT_FOUND, "nothing is known of '%s'%s", query.target,
			  args->since || args->until ? " in that time" : "");
		error_hint(&cli->error, "gpucloud cost");
		goto out;
	}
	if (cli->json)
		cost_view_json(cli, &query, &report);
	else if (args->csv)
		cost_view_csv(cli, &query, &report);
	else
		cost_view_table(cli, &query, &report);
	cli_warn_failures(cli, report.failures, report.nr_failures);
	if (query.ask)
		retire(&fleet, &report);
	rc = report.nr_failures ? 1 : 0;
out:
	progress_end(cli);
	cost_report_release(&report);
	fleet_close(&fleet);
	return rc;
}

const struct command cmd_cost = {
	.name = "cost",
	.group = "Look",
	.summary = "what was spent: by instance, name, day or month",
	.usage = "gpucloud cost [NAME|ID] [options]",
	.details =
		"From this computer's journal, which keeps the prices and the times an instance\n"
		"ran at; what runs now is asked of the cloud. Estimates of the machine's price:\n"
		"without disks, addresses and traffic. Days and months are UTC's. A '<' is the\n"
		"most it can be, a '+ ?' what is not known.",
	.opts = cost_opts,
	.args_size = sizeof(struct cost_args),
	.examples = "gpucloud cost --since 30d --by day\n"
		    "gpucloud cost train\n"
		    "gpucloud cost --by month --csv --offline > spent.csv\n",
	.exits = "1 a region did not answer (the rest is shown)\n"
		 "3 nothing is known of that name\n",
	.max_args = 1,
	.run = cost_run,
};
