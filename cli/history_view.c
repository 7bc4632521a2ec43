/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/history_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/plot.h"
#include "cli/table.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/timefmt.h"

#define TREND_MIN  12 /* characters of the sparkline */
#define TREND_MAX  48
#define TREND_REST 96 /* what the other columns take, about */

const struct price_point *history_last(const struct price_series *series, int64_t until)
{
	/* Where the record ends before the window does (the archive's last sync), its end counts. */
	for (size_t i = series->nr; i-- > 0;)
		if (series->v[i].time < until && series->v[i].micros != PRICE_GAP)
			return &series->v[i];
	return NULL;
}

/* The conditions as zone_choose has them. */
static const char *reason(struct arena *arena, const struct history_view *view,
			  const struct zone_choice *choice)
{
	if (!choice->nr_eligible)
		return "no zone has its 95th percentile and its price now at most the bid, and the "
		       "former below on demand";
	return arena_printf(
		arena,
		"%s of the %zu zone%s that %s the bid now and at the 95th percentile, and below on "
		"demand at it",
		view->order == ZONE_BY_PRICE ? "lowest mean price"
					     : "least volatility (std / on demand)",
		choice->nr_eligible, choice->nr_eligible == 1 ? "" : "s",
		choice->nr_eligible == 1 ? "is under" : "are under");
}

/* 1: judged; 0: nothing is known of it in that time; -1: it cannot be. */
static int judge(struct history_view *view, const struct market *market, struct history_market *ret,
		 struct error *err)
{
	struct arena *arena = &view->arena;
	int known = 0;

	*ret = (struct history_market){
		.market = market,
		.on_demand = view->on_demand != MONEY_UNKNOWN ? view->on_demand : market->on_demand,
		.choice.v = arena_alloc(arena, (market->nr + 1) * sizeof(*ret->choice.v)),
		.choice.order = arena_alloc(arena, (market->nr + 1) * sizeof(*ret->choice.order)),
		.scale = { INT64_MAX, 0 },
	};
	if (ret->on_demand == MONEY_UNKNOWN) {
		error_set(err, ERROR_NOT_FOUND, "the on-demand price of %s%s%s is not known",
			  market->type, *market->region ? " in " : "", market->region);
		return error_hint(err, "give it: --on-demand USD");
	}
	if (view->has_bid && bid_resolve(&view->bid, ret->on_demand, &ret->bid, err) < 0)
		return -1;
	if (zone_choose(market->series, market->nr, view->since, view->until, ret->bid,
			ret->on_demand, view->order, &ret->choice, err) < 0)
		return -1;
	ret->reason = reason(arena, view, &ret->choice);
	for (size_t i = 0; i < market->nr; i++) {
		const struct price_stats *stats = &ret->choice.v[i].stats;

		if (ret->choice.v[i].verdict == ZONE_NO_HISTORY)
			continue;
		known = 1;
		ret->scale[0] = stats->min < ret->scale[0] ? stats->min : ret->scale[0];
		ret->scale[1] = stats->max > ret->scale[1] ? stats->max : ret->scale[1];
	}
	return known;
}

/* What stands in the last column: the place in the order, or why there is none. */
static const char *place(struct arena *arena, const struct zone_choice *choice, size_t i)
{
	for (size_t k = 0; k < choice->nr_eligible; k++)
		if (choice->order[k] == i)
			return k ? arena_printf(arena, "%zu", k + 1) : "1 <-";
	switch (choice->v[i].verdict) { /* short: it is the column that gets what room is left */
	case ZONE_ABOVE_BID:
		return "p95 > bid";
	case ZONE_AT_ON_DEMAND:
		return "p95 >= OD";
	case ZONE_NOW_ABOVE_BID:
		return "now > bid";
	case ZONE_NO_HISTORY:
		return "unknown";
	case ZONE_OK:
		break;
	}
	return "";
}

/* On a terminal how old the last price is, through a pipe when it was stated. */
static const char *age(struct cli *cli, struct history_view *view, const struct price_point *last)
{
	char text[TIME_TEXT_MAX];

	if (!last)
		return "";
	if (!cli->out_terminal)
		return arena_strdup(&view->arena, time_format(text, last->time));
	return arena_strdup(&view->arena, duration_format(text, view->until - last->time));
}

/* One scale for the zones of a market, so that the lines beneath each other compare. */
static const char *trend(struct cli *cli, struct history_view *view,
			 const struct history_market *judged, size_t i)
{
	size_t width = cli_width(cli);
	struct buf text = BUF_INIT;

	width = width > TREND_REST + TREND_MIN ? width - TREND_REST : TREND_MIN;
	plot_sparkline(&judged->market->series[i], view->since, view->until, judged->scale,
		       width < TREND_MAX ? width : TREND_MAX, cli->utf8, &text);
	const char *copy = arena_strdup(&view->arena, text.data);
	buf_release(&text);
	return copy;
}

enum {
	COL_TYPE,
	COL_REGION,
	COL_ZONE,
	COL_ZONE_ID,
	COL_TREND,
	COL_LAST,
	COL_SINCE,
	COL_MIN,
	COL_MEDIAN,
	COL_MEAN,
	COL_P95,
	COL_MAX,
	COL_ON_DEMAND,
	COL_VOLATILITY,
	COL_RUNG,
	COL_CHOICE = COL_RUNG + BID_RUNG_NR,
	COL_NR
};

/* What is left out first where the terminal is narrow has the highest `wide`. */
static const struct table_column columns[COL_NR] = {
	[COL_TYPE] = { .title = "TYPE" },
	[COL_REGION] = { .title = "REGION", .wide = 4 },
	[COL_ZONE] = { .title = "ZONE" },
	[COL_ZONE_ID] = { .title = "ZONE ID", .wide = 5 },
	[COL_TREND] = { .title = "TREND", .wide = 1 },
	[COL_LAST] = { .title = "NOW", .right = true },
	[COL_SINCE] = { .title = "AGE", .right = true, .wide = 3 },
	[COL_MIN] = { .title = "MIN", .right = true, .wide = 4 },
	[COL_MEDIAN] = { .title = "MEDIAN", .right = true, .wide = 2 },
	[COL_MEAN] = { .title = "MEAN", .right = true, .wide = 4 },
	[COL_P95] = { .title = "P95", .right = true },
	[COL_MAX] = { .title = "MAX", .right = true, .wide = 4 },
	[COL_ON_DEMAND] = { .title = "ON DEMAND", .right = true, .wide = 2 },
	[COL_VOLATILITY] = { .title = "STD/OD", .right = true, .wide = 1 },
	[COL_RUNG] = { .title = "<=51%", .right = true },
	[COL_RUNG + 1] = { .title = "<=76%", .right = true, .wide = 2 },
	[COL_RUNG + 2] = { .title = "<=101%", .right = true, .wide = 2 },
	[COL_CHOICE] = { .title = "CHOICE", .cut = true },
};

/* Columns that would say the same in every row are told above the table instead; through a pipe the
 * columns are always the same, and a picture is no data. */
static void choose_columns(const struct cli *cli, const struct history_view *view, size_t nr,
			   bool *shown)
{
	memset(shown, true, COL_NR * sizeof(*shown));
	if (!cli->out_terminal) {
		shown[COL_TREND] = false;
		return;
	}
	shown[COL_REGION] = false; /* the zone's name tells it */
	shown[COL_TYPE] = shown[COL_ON_DEMAND] = nr > 1;
	shown[COL_CHOICE] = view->has_bid;
}

static void fill_row(struct cli *cli, struct history_view *view,
		     const struct history_market *judged, size_t i, const char *cells[COL_NR])
{
	const struct zone_score *score = &judged->choice.v[i];
	const struct price_stats *stats = &score->stats;
	const struct price_point *last = history_last(&judged->market->series[i], view->until);
	struct arena *arena = &view->arena;

	memset(cells, 0, COL_NR * sizeof(*cells));
	cells[COL_TYPE] = judged->market->type;
	cells[COL_REGION] = judged->market->region;
	cells[COL_ZONE] = judged->market->series[i].zone;
	cells[COL_ZONE_ID] = judged->market->zones[i].id;
	cells[COL_ON_DEMAND] = text_money(arena, judged->on_demand);
	if (judged->bid || score->verdict == ZONE_NO_HISTORY)
		cells[COL_CHOICE] = place(arena, &judged->choice, i);
	if (score->verdict == ZONE_NO_HISTORY)
		return;
	cells[COL_TREND] = trend(cli, view, judged, i);
	cells[COL_LAST] = text_money(arena, last ? last->micros : MONEY_UNKNOWN);
	cells[COL_SINCE] = age(cli, view, last);
	cells[COL_MIN] = text_money(arena, stats->min);
	cells[COL_MEDIAN] = text_money(arena, stats->median);
	cells[COL_MEAN] = arena_printf(arena, "%.4f", stats->mean);
	cells[COL_P95] = text_money(arena, stats->p95);
	cells[COL_MAX] = text_money(arena, stats->max);
	cells[COL_VOLATILITY] = arena_printf(arena, "%.4f", score->volatility);
	for (int r = 0; r < BID_RUNG_NR; r++)
		cells[COL_RUNG + r] = text_percent(arena, score->under_rung[r]);
}

static void print_table(struct cli *cli, struct history_view *view, const struct history_market *v,
			size_t nr)
{
	struct table_column chosen[COL_NR];
	bool shown[COL_NR];
	size_t nr_columns = 0;

	choose_columns(cli, view, nr, shown);
	for (size_t c = 0; c < COL_NR; c++)
		if (shown[c])
			chosen[nr_columns++] = columns[c];
	struct table *table = table_new(cli, chosen, nr_columns);
	for (size_t m = 0; m < nr; m++) {
		for (size_t i = 0; i < v[m].market->nr; i++) {
			const struct zone_choice *choice = &v[m].choice;
			const char *cells[COL_NR];
			size_t n = 0;

			fill_row(cli, view, &v[m], i, cells);
			for (size_t c = 0; c < COL_NR; c++)
				if (shown[c])
					cells[n++] = cells[c];
			if (view->has_bid && choice->nr_eligible && choice->order[0] == i)
				table_row_bold(table, cells);
			else
				table_row(table, cells);
		}
	}
	table_print(table);
	table_free(table);
}

static void tell_choice(struct cli *cli, struct history_view *view, const struct history_market *m,
			bool many)
{
	const struct zone_choice *choice = &m->choice;
	const char *what = many ? arena_printf(&view->arena, "%s in %s: ", m->market->type,
					       *m->market->region ? m->market->region : "files")
				: "";

	cli_note(cli, "%sbid $%s: %s: %s", what, text_money(&view->arena, m->bid),
		 choice->nr_eligible ? m->market->series[choice->order[0]].zone : "no zone will do",
		 m->reason);
	if (choice->raw_min_std != SIZE_MAX)
		cli_note(cli, "%sleast standard deviation of all, whatever it costs: %s", what,
			 m->market->series[choice->raw_min_std].zone);
}

/* Where the prices are from, and what is not known of the time asked for. */
static void tell_source(struct cli *cli, const struct history_view *view,
			const struct history_market *v, size_t nr)
{
	const struct market_list *markets = view->markets;
	char text[TIME_TEXT_MAX];
	int64_t end = INT64_MIN;

	for (size_t i = 0; i < nr; i++) {
		int64_t known = market_known_until(v[i].market, view->until);

		end = known > end ? known : end;
	}
	if (view->archive && end < view->until)
		cli_note(cli, "known until %s, the last `gpucloud history --sync`",
			 time_format(text, end));
	else if (view->cloud && markets->from_archive)
		cli_note(cli, "before %s from the archive",
			 time_format(text, markets->from_archive));
	if (view->cloud && !markets->from_archive && view->until - view->since > MARKET_CLOUD_S) {
		cli_warning(cli, "the cloud keeps 90 days, and the archive has nothing older");
		cli_note(cli, "try: gpucloud history --sync, from cron");
	}
	if (markets->left_out)
		cli_note(cli, "left out: %zu price(s) of other products", markets->left_out);
}

static void show_text(struct cli *cli, struct history_view *view, const struct history_market *v,
		      size_t nr)
{
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
	const struct market *one = v[0].market;

	time_format(from, view->since);
	time_format(to, view->until);
	if (nr > 1)
		cli_note(cli, "%zu markets, spot, $/h, %s to %s", nr, from, to);
	else
		cli_note(cli, "%s%s%s, spot, $/h, %s to %s; on demand $%s", one->type,
			 *one->region ? " in " : "", one->region, from, to,
			 text_money(&view->arena, v[0].on_demand));
	tell_source(cli, view, v, nr);
	if (view->chart)
		history_charts(cli, view, v, nr);
	print_table(cli, view, v, nr);
	for (size_t i = 0; view->has_bid && i < nr; i++)
		tell_choice(cli, view, &v[i], nr > 1);
}

/* A market that cannot be judged hides none of the others. */
static int judge_all(struct cli *cli, struct history_view *view, struct history_market *v,
		     size_t *nr)
{
	size_t all = view->markets->nr, failed = 0;

	for (size_t i = 0; i < all; i++) {
		int rc = judge(view, &view->markets->v[i], &v[*nr], &cli->error);

		if (rc < 0 && all > 1)
			cli_warning(cli, "%s", cli->error.message);
		failed += rc < 0;
		*nr += rc > 0;
	}
	if (*nr)
		error_clear(&cli->error);
	else if (!failed)
		error_set(&cli->error, ERROR_NOT_FOUND, "no spot price%s%s is known in that time",
			  all == 1 ? " of " : "", all == 1 ? view->markets->v[0].type : "");
	return *nr ? 0 : -1;
}

int history_view_show(struct cli *cli, struct history_view *view)
{
	struct history_market *v = xcalloc(view->markets->nr + 1, sizeof(*v));
	size_t nr = 0;
	int rc = judge_all(cli, view, v, &nr);

	if (rc == 0) {
		if (cli->json)
			cli_json_print(cli, history_json(view, v, nr));
		else
			show_text(cli, view, v, nr);
		rc = view->plot ? history_plot(cli, view, v, nr) : 0;
	}
	free(v);
	arena_release(&view->arena);
	return rc;
}
