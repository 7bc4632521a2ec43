/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud history: the spot price of a type per zone, from the cloud or from saved files. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/history_view.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/plan.h"
#include "fleet/price_file.h"

struct history_args {
	struct opt_strings files;
	const char *on_demand, *since, *until, *bid, *zone_by;
};

static const struct opt history_opts[] = {
	OPT_STRING_AT('b', "bid", struct history_args, bid, "BID",
		      "choose a zone for this bid: 51% of on demand, or dollars an hour"),
	OPT_STRINGS_AT('f', "file", struct history_args, files, "FILE",
		       "saved prices, TYPE_ZONE.csv: unix_s,price_usd_per_h (repeat per zone)"),
	OPT_STRING_AT(0, "on-demand", struct history_args, on_demand, "USD",
		      "the on-demand price per hour (with --file, or to override)"),
	OPT_STRING_AT(0, "since", struct history_args, since, "TIME",
		      "start: 90d, 12h, 2020-03-20, 2020-03-20T12:00:00Z (90d before the end)"),
	OPT_STRING_AT(0, "until", struct history_args, until, "TIME",
		      "end, not included (now; with --file just after the last row)"),
	OPT_STRING_AT(0, "zone-by", struct history_args, zone_by, "RULE",
		      "stability (the book's rule) or price"),
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

/* The window: `last` is its end where none is given. */
static int read_window(const struct history_args *args, int64_t now, int64_t last,
		       struct history_view *view, struct error *err)
{
	view->until = last;
	if (args->until && time_parse_ago(args->until, "--until", now, &view->until, err) < 0)
		return -1;
	view->since = view->until - PLAN_WINDOW_S;
	if (args->since && time_parse_ago(args->since, "--since", now, &view->since, err) < 0)
		return -1;
	if (view->since >= view->until)
		return error_set(err, ERROR_USAGE, "--since is not before --until");
	return 0;
}

static int read_files(const struct history_args *args, struct history_view *view,
		      struct price_file *files, struct error *err)
{
	int64_t last = INT64_MIN;

	for (size_t i = 0; i < args->files.nr; i++) {
		if (price_file_read(args->files.v[i], &files[i], err) < 0)
			return -1;
		if (i && strcmp(files[i].type, files[0].type) != 0)
			return error_set(
				err, ERROR_USAGE,
				"'%s' is of %s, the files before it of %s: one type at a time",
				args->files.v[i], files[i].type, files[0].type);
		for (size_t k = 0; k < i; k++)
			if (strcmp(files[k].zone, files[i].zone) == 0)
				return error_set(err, ERROR_USAGE, "zone %s is given twice",
						 files[i].zone);
		if (files[i].points[files[i].nr - 1].time > last)
			last = files[i].points[files[i].nr - 1].time;
		history_view_add(view, &(struct zone){ files[i].zone, "" }, files[i].points,
				 files[i].nr);
	}
	view->type = files[0].type;
	/* The last row counts for a second: it is known, but for how long it held is not. */
	return read_window(args, clock_now(&clock_system), last + 1, view, err);
}

static int from_files(struct cli *cli, const struct history_args *args, struct history_view *view)
{
	struct price_file *files = xcalloc(args->files.nr, sizeof(*files));
	int rc = read_files(args, view, files, &cli->error);

	if (rc == 0 && view->on_demand == MONEY_UNKNOWN) {
		error_set(&cli->error, ERROR_USAGE,
			  "saved prices need the on-demand price they are compared with");
		rc = error_hint(&cli->error, "--on-demand USD");
	}
	if (rc == 0)
		rc = history_view_show(cli, view);
	for (size_t i = 0; i < args->files.nr; i++)
		price_file_release(&files[i]);
	free(files);
	return rc;
}

/* The on-demand price, the zones and their history of one type in one region. */
static int ask(struct fleet *fleet, const char *region, struct history_view *view,
	       struct spot_history *history, struct error *err)
{
	struct offer_list offers = { 0 };
	const struct offer_query offer_query = {
		.regions = &region, .nr_regions = 1, .type = view->type, .all_arches = true
	};
	const struct spot_query spot_query = {
		.regions = &region,
		.nr_regions = 1,
		.types = &view->type,
		.nr_types = 1,
		.since = view->since,
		.until = view->until,
	};

	if (!(fleet->ops->caps & PROVIDER_CAP_SPOT))
		return error_set(err, ERROR_UNSUPPORTED, "%s has no spot prices",
				 fleet->ops->title);
	if (fleet->ops->offers(fleet->provider, &offer_query, &offers, err) < 0)
		return fleet_explain_region(fleet, region, err);
	if (offers.nr && view->on_demand == MONEY_UNKNOWN)
		view->on_demand = offers.v[0].on_demand;
	bool known = offers.nr > 0;
	offer_list_release(&offers);
	if (!known) {
		error_set(err, ERROR_NOT_FOUND, "type '%s' is not offered in %s", view->type,
			  region);
		return error_hint(err, "gpucloud price --all-regions --type %s", view->type);
	}
	return fleet->ops->spot_history(fleet->provider, &spot_query, history, err);
}

static int from_cloud(struct cli *cli, const struct history_args *args, struct history_view *view)
{
	struct fleet fleet = { 0 };
	struct spot_history history = { 0 };
	const char *region;
	int rc = -1;

	progress_start(cli, "reading the spot price history of %s", view->type);
	if (cli_open_fleet(cli, &fleet, false) < 0)
		return -1;
	int64_t now = clock_now(fleet.clock);
	if (read_window(args, now, now, view, &cli->error) == 0 &&
	    fleet.ops->default_region(fleet.provider, &region, &cli->error) == 0 &&
	    ask(&fleet, region, view, &history, &cli->error) == 0) {
		view->region = region;
		if (view->until > now)
			view->until = now; /* the last price is not known beyond now */
		for (size_t i = 0; i < history.nr; i++)
			if (history.v[i].nr)
				history_view_add(view, &history.v[i].zone, history.v[i].v,
						 history.v[i].nr);
		progress_end(cli);
		rc = history_view_show(cli, view);
	}
	progress_end(cli);
	spot_history_release(&history);
	fleet_close(&fleet);
	return rc;
}

static int history_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct history_args *args = data;
	struct history_view view = { .on_demand = MONEY_UNKNOWN };
	int rc = -1;

	if (args->files.nr ? argc > 0 : argc != 1)
		return cli_usage(cli, "history takes one TYPE, or --file for saved prices");
	view.type = argc ? argv[0] : NULL;
	if (zone_order_parse(args->zone_by, &view.order, &cli->error) == 0 &&
	    cli_price_option(args->on_demand, "--on-demand", &view.on_demand, &cli->error) == 0 &&
	    (!args->bid || bid_parse(args->bid, &view.bid, &cli->error) == 0)) {
		view.has_bid = args->bid != NULL;
		rc = args->files.nr ? from_files(cli, args, &view) : from_cloud(cli, args, &view);
	}
	history_view_release(&view);
	return rc;
}

const struct command cmd_history = {
	.name = "history",
	.group = "Look",
	.summary = "the spot price per zone, and what a bid would have met",
	.usage = "gpucloud history TYPE | --file FILE... [options]",
	.details =
		"Everything is weighted by time. Volatility is the standard deviation divided by\n"
		"the on-demand price. With --bid the corrected book rule names a zone: the least\n"
		"volatile of those whose 95th percentile is at most the bid and below on demand.",
	.opts = history_opts,
	.args_size = sizeof(struct history_args),
	.examples = "gpucloud history p3.2xlarge --region us-east-1\n"
		    "gpucloud history p3.2xlarge --since 30d --bid 51%\n"
		    "gpucloud --json history --file p2.xlarge_us-east-1a.csv --on-demand 0.90\n",
	.exits = "3 no such type, or nothing known in that time\n",
	.max_args = 1,
	.run = history_run,
};
