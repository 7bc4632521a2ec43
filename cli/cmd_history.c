/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud history: spot prices per zone, from the cloud, the archive or saved files. */
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/history_view.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "core/timefmt.h"
#include "fleet/plan.h"
#include "fleet/price_archive.h"

struct history_args {
	struct opt_strings files;
	const char *gpu, *zone, *on_demand, *since, *until, *bid, *zone_by, *plot;
	bool all_regions, archive, sync, chart;
};

static const struct opt history_opts[] = {
	OPT_STRING_AT('b', "bid", struct history_args, bid, "BID",
		      "choose a zone for this bid: 51% of on demand, or dollars an hour"),
	OPT_STRING_AT(0, "zone-by", struct history_args, zone_by, "RULE",
		      "stability (the book's rule) or price"),
	OPT_STRING_AT(0, "since", struct history_args, since, "TIME",
		      "start: 90d, 1y, 2020-03-20, 2020-03-20T12:00:00Z (90d before the end)"),
	OPT_STRING_AT(0, "until", struct history_args, until, "TIME",
		      "end, not included (now; with --file just after the last row)"),
	OPT_STRING_AT('g', "gpu", struct history_args, gpu, "GPU", "every type with this GPU"),
	OPT_STRING_AT('z', "zone", struct history_args, zone, "ZONE", "one zone: name or id"),
	OPT_FLAG_AT(0, "all-regions", struct history_args, all_regions,
		    "every region of the account"),
	OPT_FLAG_AT(0, "chart", struct history_args, chart, "a chart of each zone too"),
	OPT_STRING_AT(0, "plot", struct history_args, plot, "FILE",
		      "write a picture: FILE.svg, or FILE.html, which one can look into"),
	OPT_FLAG_AT(0, "sync", struct history_args, sync,
		    "add what the cloud knows to the archive on this computer"),
	OPT_FLAG_AT(0, "archive", struct history_args, archive,
		    "from the archive alone; nothing is asked"),
	OPT_STRINGS_AT('f', "file", struct history_args, files, "FILE",
		       "saved prices: TYPE_ZONE.csv, or JSON of aws-cli (repeat)"),
	OPT_STRING_AT(0, "on-demand", struct history_args, on_demand, "USD",
		      "the on-demand price per hour (with --file, or to override)"),
	OPT_END,
};

int zone_order_parse(const char *text, enum zone_order *ret, struct error *err)
{
	*ret = ZONE_BY_STABILITY;
	if (!text || strcmp(text, "stability") == 0)
		return 0;
	if (strcmp(text, "price") != 0)
		return error_set(err, ERROR_USAGE,
				 "--zone-by '%.40s' is neither stability nor price", text);
	*ret = ZONE_BY_PRICE;
	return 0;
}

/* The window: `now` is its end where none is given, and what spans count back from; beyond `latest`
 * no price is known. */
static int read_window(const struct history_args *args, int64_t now, int64_t latest,
		       struct history_view *view, struct error *err)
{
	view->until = now;
	if (args->until && time_parse_ago(args->until, "--until", now, &view->until, err) < 0)
		return -1;
	if (view->until > latest)
		view->until = latest;
	view->since = view->until - PLAN_WINDOW_S;
	if (args->since && time_parse_ago(args->since, "--since", now, &view->since, err) < 0)
		return -1;
	if (view->since >= view->until)
		return error_set(err, ERROR_USAGE, "--since is not before --until");
	return 0;
}

static int from_files(struct cli *cli, const struct history_args *args, struct history_view *view)
{
	struct market_list markets = { 0 };
	int64_t last;

	if (view->on_demand == MONEY_UNKNOWN) {
		error_set(&cli->error, ERROR_USAGE,
			  "saved prices need the on-demand price they are compared with");
		return error_hint(&cli->error, "--on-demand USD");
	}
	if (market_read_files(args->files.v, args->files.nr, view->on_demand, &markets, &last,
			      &cli->error) < 0)
		return -1;
	int rc = -1;
	if (markets.nr > 1)
		error_set(
			&cli->error, ERROR_USAGE,
			"the files hold %s and %s: one type at a time, as --on-demand is one price",
			markets.v[0].type, markets.v[1].type);
	/* The last row counts for a second: it is known, but for how long it held is not. */
	else if (read_window(args, last + 1, clock_now(&clock_system), view, &cli->error) == 0) {
		view->markets = &markets;
		view->source = "saved files";
		rc = history_view_show(cli, view);
	}
	market_list_release(&markets);
	return rc;
}

/* Exit 1 where a region could not be asked: what is shown is not all. */
static int show_markets(struct cli *cli, struct history_view *view, struct market_list *markets)
{
	progress_end(cli);
	view->markets = markets;
	int rc = history_view_show(cli, view);
	cli_warn_failures(cli, markets->failures, markets->nr_failures);
	return rc == 0 && markets->nr_failures ? 1 : rc;
}

static int show(struct cli *cli, struct fleet *fleet, const struct market_query *query,
		struct history_view *view)
{
	struct market_list markets = { 0 };
	int rc = -1;

	view->cloud = query->source == MARKET_AUTO;
	view->archive = !view->cloud;
	view->source = view->cloud ? fleet->ops->title : "archive";
	if (market_read(fleet, query, &markets, &cli->error) == 0)
		rc = show_markets(cli, view, &markets);
	market_list_release(&markets);
	return rc;
}

static void tell_sync(struct cli *cli, const struct price_sync *sync,
		      const struct market_list *list)
{
	if (!cli->json) {
		cli_note(cli, "%zu market%s, %zu zone%s: %llu of %llu prices were new",
			 sync->markets, sync->markets == 1 ? "" : "s", sync->zones,
			 sync->zones == 1 ? "" : "s", (unsigned long long)sync->rows_added,
			 (unsigned long long)sync->rows_read);
		if (sync->gaps)
			cli_warning(
				cli, "%zu zone%s lack%s a stretch that the cloud no longer keeps",
				sync->gaps, sync->gaps == 1 ? "" : "s", sync->gaps == 1 ? "s" : "");
		return;
	}
	cJSON *object = cJSON_CreateObject();
	json_add_time(object, "from", sync->from);
	json_add_time(object, "to", sync->to);
	cJSON_AddNumberToObject(object, "markets", (double)sync->markets);
	cJSON_AddNumberToObject(object, "zones", (double)sync->zones);
	cJSON_AddNumberToObject(object, "rows_read", (double)sync->rows_read);
	cJSON_AddNumberToObject(object, "rows_added", (double)sync->rows_added);
	cJSON_AddNumberToObject(object, "gaps", (double)sync->gaps);
	json_add_failures(object, list->failures, list->nr_failures);
	cli_json_print(cli, object);
}

static int sync_archive(struct cli *cli, struct fleet *fleet, const struct market_query *query)
{
	struct price_archive *archive;
	struct price_sync sync = { 0 };
	struct market_list failures = { 0 };

	if (price_archive_open(fleet, true, &archive, &cli->error) < 0)
		return -1;
	int rc = price_archive_sync(fleet, archive, query, &sync, &failures, &cli->error);
	progress_end(cli);
	/* Doubts are an error, after all else was stored: what was stored is told all the same. */
	if (rc == 0 || sync.markets) {
		tell_sync(cli, &sync, &failures);
		cli_warn_failures(cli, failures.failures, failures.nr_failures);
	}
	if (rc == 0 && failures.nr_failures)
		rc = 1;
	market_list_release(&failures);
	price_archive_close(archive);
	return rc;
}

static int from_market(struct cli *cli, const struct history_args *args, struct market_query *query,
		       struct history_view *view)
{
	struct fleet fleet = { 0 };
	struct arena arena = { 0 };
	const char *named;
	int rc = -1;

	progress_start(cli, args->archive ? "reading the archive" : "reading spot prices");
	if (cli_open_fleet(cli, &fleet, true) < 0)
		return -1;
	int64_t now = clock_now(fleet.clock);
	struct region_choice choice = cli_named_regions(cli, &named);
	/* The archive knows which regions it has: those of the account are not asked for it. */
	bool everywhere = args->archive && args->all_regions;
	choice.all = args->all_regions;
	if (read_window(args, now, now, view, &cli->error) == 0 &&
	    (everywhere || fleet_regions(&fleet, &choice, &arena, &query->regions,
					 &query->nr_regions, &cli->error) == 0)) {
		query->since = view->since;
		query->until = view->until;
		query->source = args->archive ? MARKET_ARCHIVE : MARKET_AUTO;
		rc = args->sync ? sync_archive(cli, &fleet, query) : show(cli, &fleet, query, view);
	}
	progress_end(cli);
	arena_release(&arena);
	fleet_close(&fleet);
	return rc;
}

static int check_use(struct cli *cli, const struct history_args *args, int argc)
{
	if (args->files.nr && (argc || args->gpu || args->sync || args->archive || args->zone))
		return cli_usage(cli, "--file says which prices: no TYPE, --gpu, --zone, --sync or "
				      "--archive beside it");
	if (args->sync && (args->archive || args->bid || args->chart || args->plot))
		return cli_usage(cli, "--sync stores prices and shows none");
	if (!args->files.nr && !argc && !args->gpu && !args->sync && !args->archive)
		return cli_usage(cli, "history takes a TYPE, --gpu, or --file for saved prices");
	if (argc && args->gpu)
		return cli_usage(cli, "name types or a GPU, not both");
	if (args->chart && cli->json)
		return cli_usage(cli, "--chart draws, --json does not");
	return args->plot ? history_plot_check(args->plot, &cli->error) : 0;
}

static int history_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct history_args *args = data;
	struct history_view view = { .on_demand = MONEY_UNKNOWN,
				     .chart = args->chart,
				     .plot = args->plot,
				     .has_bid = args->bid != NULL };
	struct market_query query = {
		.types = argv, .nr_types = (size_t)argc, .gpu = args->gpu, .zone = args->zone
	};

	if (check_use(cli, args, argc) < 0 ||
	    zone_order_parse(args->zone_by, &view.order, &cli->error) < 0 ||
	    cli_price_option(args->on_demand, "--on-demand", &view.on_demand, &cli->error) < 0 ||
	    (args->bid && bid_parse(args->bid, &view.bid, &cli->error) < 0))
		return -1;
	return args->files.nr ? from_files(cli, args, &view)
			      : from_market(cli, args, &query, &view);
}

const struct command cmd_history = {
	.name = "history",
	.group = "Look",
	.summary = "the spot price per zone, and what a bid would have met",
	.usage = "gpucloud history TYPE... | --gpu GPU | --file FILE... [options]",
	.details =
		"Everything is weighted by time. Volatility is the standard deviation divided by\n"
		"the on-demand price. With --bid the corrected book rule names a zone: the least\n"
		"volatile of those whose 95th percentile is at most the bid and below on demand.\n"
		"--region may name several, with commas. See also: gpucloud bid.",
	.opts = history_opts,
	.args_size = sizeof(struct history_args),
	.examples = "gpucloud history p3.2xlarge --region us-east-1 --chart\n"
		    "gpucloud history --gpu A100 --all-regions --bid 51% --plot a100.html\n"
		    "gpucloud history --sync --gpu V100 --all-regions   # from cron\n"
		    "gpucloud history p3.2xlarge --since 1y\n",
	.exits =
		"1 some region could not be asked\n3 no such type, or nothing known in that time\n",
	.max_args = 32,
	.run = history_run,
};
