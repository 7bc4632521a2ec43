/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud bid: what each bid would have cost and risked here, for a job of so many hours. */
#include <string.h>

#include "cli/bid_view.h"
#include "cli/command.h"
#include "cli/common.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/plan.h"

#define HOUR_S	      3600
#define HOURS_DEFAULT "24"
#define HOURS_MAX     8760 /* a year: longer than any record that could judge it */

struct bid_args {
	struct opt_strings bids, files;
	const char *zone, *hours, *billing, *checkpoint, *checkpoint_cost, *restart, *deadline;
	const char *since, *until, *on_demand;
	bool all_regions, archive;
};

static const struct opt bid_opts[] = {
	OPT_STRING_AT(0, "hours", struct bid_args, hours, "H",
		      "hours of work the job needs (" HOURS_DEFAULT ")"),
	OPT_STRINGS_AT('b', "bid", struct bid_args, bids, "BID",
		       "try this too: 60% of on demand, or dollars an hour (repeat)"),
	OPT_STRING_AT(0, "deadline", struct bid_args, deadline, "TIME",
		      "longest acceptable wall time: 30h, 2d (twice the work)"),
	OPT_STRING_AT(0, "checkpoint", struct bid_args, checkpoint, "TIME",
		      "work between checkpoints, or none (30m)"),
	OPT_STRING_AT(0, "checkpoint-cost", struct bid_args, checkpoint_cost, "TIME",
		      "how long one takes (60s)"),
	OPT_STRING_AT(0, "restart", struct bid_args, restart, "TIME",
		      "from start to work on each instance: boot, load (5m)"),
	OPT_STRING_AT(0, "billing", struct bid_args, billing, "MODE",
		      "sec (today's), sec_hourlock, hour2017, or all (sec)"),
	OPT_FLAG_AT(0, "all-regions", struct bid_args, all_regions, "every region of the account"),
	OPT_STRING_AT('z', "zone", struct bid_args, zone, "ZONE", "one zone: name or id"),
	OPT_STRING_AT(0, "since", struct bid_args, since, "TIME",
		      "start of the record: 90d, 1y, 2020-03-20 (90d before its end)"),
	OPT_STRING_AT(0, "until", struct bid_args, until, "TIME",
		      "its end (now; with --file just after the last row)"),
	OPT_FLAG_AT(0, "archive", struct bid_args, archive,
		    "from the archive alone; nothing is asked"),
	OPT_STRINGS_AT('f', "file", struct bid_args, files, "FILE",
		       "saved prices, as for history (repeat per zone)"),
	OPT_STRING_AT(0, "on-demand", struct bid_args, on_demand, "USD",
		      "the on-demand price per hour (with --file, or to override)"),
	OPT_END,
};

static int read_hours(const char *text, int64_t *ret, struct error *err)
{
	struct error ignored = ERROR_INIT;
	int64_t millionths;

	if (!text)
		text = HOURS_DEFAULT;
	if (money_parse(text, "--hours", &millionths, &ignored) < 0)
		return error_set(err, ERROR_USAGE,
				 "--hours '%.40s' is not a number of hours such as 24 or 0.5",
				 text);
	if (millionths > HOURS_MAX * INT64_C(1000000))
		return error_set(err, ERROR_USAGE, "--hours '%.40s' is more than a year", text);
	*ret = millionths * HOUR_S / 1000000;
	if (*ret < 60)
		return error_set(err, ERROR_USAGE, "--hours '%.40s' is less than a minute", text);
	return 0;
}

/* A length of time of the job; "none" and "0" are nothing. */
static int read_span(const char *text, const char *what, int64_t absent, int64_t *ret,
		     struct error *err)
{
	*ret = absent;
	if (!text)
		return 0;
	if (strcmp(text, "none") == 0 || strcmp(text, "0") == 0) {
		*ret = 0;
		return 0;
	}
	if (duration_parse(text, what, ret, err) < 0)
		return -1;
	if (*ret > HOURS_MAX * (int64_t)HOUR_S)
		return error_set(err, ERROR_USAGE, "%s '%.40s' is more than a year", what, text);
	return 0;
}

static int read_job(const struct bid_args *args, struct bid_view *view, struct error *err)
{
	struct job *job = &view->job;

	if (read_hours(args->hours, &job->work_s, err) < 0 ||
	    read_span(args->checkpoint, "--checkpoint", 1800, &job->checkpoint_every_s, err) < 0 ||
	    read_span(args->checkpoint_cost, "--checkpoint-cost", 60, &job->checkpoint_s, err) <
		    0 ||
	    read_span(args->restart, "--restart", 300, &job->restart_s, err) < 0 ||
	    read_span(args->deadline, "--deadline", 0, &view->limit_s, err) < 0)
		return -1;
	if (args->checkpoint_cost && !job->checkpoint_every_s)
		return error_set(err, ERROR_USAGE,
				 "--checkpoint-cost is of checkpoints, and --checkpoint none makes "
				 "none");
	if (!job->checkpoint_every_s)
		job->checkpoint_s = 0;
	if (args->deadline && !view->limit_s)
		return error_set(err, ERROR_USAGE, "--deadline must be above 0");
	if (view->limit_s && view->limit_s < job->work_s)
		return error_set(err, ERROR_USAGE,
				 "--deadline '%.40s' is shorter than the work itself (--hours)",
				 args->deadline);
	return 0;
}

static int read_billing(const char *text, struct bid_view *view, struct error *err)
{
	struct error ignored = ERROR_INIT;

	view->nr_billings = 1;
	view->billings[0] = BILLING_SEC;
	if (text && strcmp(text, "all") == 0) {
		for (int i = 0; i < BILLING_NR; i++)
			view->billings[i] = (enum billing)i;
		view->nr_billings = BILLING_NR;
		return 0;
	}
	if (text && billing_parse(text, &view->billings[0], &ignored) < 0)
		return error_set(err, ERROR_USAGE,
				 "--billing '%.40s' is none of sec, sec_hourlock, hour2017, all",
				 text);
	return 0;
}

static int read_bids(const struct bid_args *args, struct bid_view *view, struct error *err)
{
	struct bid *bids = arena_alloc(&view->arena, (args->bids.nr + 1) * sizeof(*bids));

	for (size_t i = 0; i < args->bids.nr; i++)
		if (bid_parse(args->bids.v[i], &bids[i], err) < 0)
			return -1;
	view->bids = bids;
	view->texts = args->bids.v;
	view->nr_bids = args->bids.nr;
	return 0;
}

/* `now` is what spans count back from, and the end where none is given. */
static int read_window(const struct bid_args *args, int64_t now, struct bid_view *view,
		       struct error *err)
{
	view->until = now;
	if (args->until && time_parse_ago(args->until, "--until", now, &view->until, err) < 0)
		return -1;
	if (view->until > now)
		view->until = now; /* the last price is not known beyond it */
	view->since = view->until - PLAN_WINDOW_S;
	if (args->since && time_parse_ago(args->since, "--since", now, &view->since, err) < 0)
		return -1;
	if (view->since >= view->until)
		return error_set(err, ERROR_USAGE, "--since is not before --until");
	return 0;
}

static int from_files(struct cli *cli, const struct bid_args *args, struct bid_view *view)
{
	struct market_list markets = { 0 };
	int64_t last;
	int rc = -1;

	if (view->on_demand == MONEY_UNKNOWN) {
		error_set(&cli->error, ERROR_USAGE,
			  "saved prices need the on-demand price they are compared with");
		return error_hint(&cli->error, "--on-demand USD");
	}
	if (market_read_files(args->files.v, args->files.nr, view->on_demand, &markets, &last,
			      &cli->error) < 0)
		return -1;
	view->markets = &markets;
	if (markets.nr > 1)
		error_set(&cli->error, ERROR_USAGE,
			  "the files hold %s and %s: one type at a time, as --on-demand is one "
			  "price",
			  markets.v[0].type, markets.v[1].type);
	else if (read_window(args, last + 1, view, &cli->error) == 0)
		rc = bid_view_show(cli, view);
	if (rc == 0 && markets.left_out)
		cli_note(cli, "left out: %zu price(s) of other products",
			 markets.left_out);
	market_list_release(&markets);
	return rc;
}

/* Exit 1 where a region could not be asked: what is shown is not all. */
static int show_markets(struct cli *cli, struct bid_view *view, const struct market_list *markets)
{
	progress_end(cli);
	view->markets = markets;
	int rc = bid_view_show(cli, view);
	cli_warn_failures(cli, markets->failures, markets->nr_failures);
	return rc == 0 && markets->nr_failures ? 1 : rc;
}

static int from_market(struct cli *cli, const struct bid_args *args, struct market_query *query,
		       struct bid_view *view)
{
	struct market_list markets = { 0 };
	struct fleet fleet = { 0 };
	const char *named;
	int rc = -1;

	progress_start(cli, args->archive ? "reading the archive" : "reading spot prices");
	if (cli_open_fleet(cli, &fleet, true) < 0)
		return -1;
	struct region_choice choice = cli_named_regions(cli, &named);
	/* The archive knows which regions it has: those of the account are not asked for it. */
	bool everywhere = args->archive && args->all_regions;
	choice.all = args->all_regions;
	if (read_window(args, clock_now(fleet.clock), view, &cli->error) == 0 &&
	    (everywhere || fleet_regions(&fleet, &choice, &view->arena, &query->regions,
					 &query->nr_regions, &cli->error) == 0)) {
		query->since = view->since;
		query->until = view->until;
		query->source = args->archive ? MARKET_ARCHIVE : MARKET_AUTO;
		if (market_read(&fleet, query, &markets, &cli->error) == 0)
			rc = show_markets(cli, view, &markets);
	}
	progress_end(cli);
	market_list_release(&markets);
	fleet_close(&fleet);
	return rc;
}

static int check_use(struct cli *cli, const struct bid_args *args, int argc)
{
	if (args->files.nr && (argc || args->zone || args->all_regions || args->archive))
		return cli_usage(cli, "--file says which prices: no TYPE, --zone, --all-regions or "
				      "--archive beside it");
	if (!args->files.nr && !argc)
		return cli_usage(cli, "bid takes a TYPE, or --file for saved prices");
	if (argc > 1 && args->on_demand)
		return cli_usage(cli, "--on-demand is the price of one type");
	return 0;
}

static int bid_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct bid_args *args = data;
	struct bid_view view = { .on_demand = MONEY_UNKNOWN };
	struct market_query query = { .types = argv, .nr_types = (size_t)argc, .zone = args->zone };
	int rc = -1;

	if (check_use(cli, args, argc) == 0 && read_job(args, &view, &cli->error) == 0 &&
	    read_billing(args->billing, &view, &cli->error) == 0 &&
	    cli_price_option(args->on_demand, "--on-demand", &view.on_demand, &cli->error) == 0 &&
	    read_bids(args, &view, &cli->error) == 0)
		rc = args->files.nr ? from_files(cli, args, &view)
				    : from_market(cli, args, &query, &view);
	arena_release(&view.arena);
	return rc;
}

const struct command cmd_bid = {
	.name = "bid",
	.group = "Look",
	.summary = "what a bid would have cost and risked; one advised",
	.usage = "gpucloud bid TYPE... | --file FILE... [options]",
	.details =
		"Runs the job from many moments of the record, in every zone, under 51, 76 and\n"
		"101% of on demand and each --bid. The advice is walked as well: chosen anew at\n"
		"each start by the prices before it, and judged by those after it. Prices only:\n"
		"capacity is not in the record.",
	.opts = bid_opts,
	.args_size = sizeof(struct bid_args),
	.examples = "gpucloud bid p3.2xlarge --hours 48 --deadline 3d\n"
		    "gpucloud bid p3.2xlarge --all-regions --bid 60% --bid 1.10\n",
	.exits = "1 some region could not be asked\n"
		 "3 no such type, or too little is known\n"
		 "5 no bid does better than on demand, or nothing is in time\n",
	.max_args = 32,
	.run = bid_run,
};
