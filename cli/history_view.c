/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/history_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/table.h"
#include "core/mem.h"
#include "core/timefmt.h"

void history_view_add(struct history_view *view, const struct zone *zone,
		      const struct price_point *points, size_t nr)
{
	view->series =
		arena_grow(&view->arena, view->series, view->nr, &view->cap, sizeof(*view->series));
	view->zone_ids = arena_grow(&view->arena, view->zone_ids, view->nr, &view->ids_cap,
				    sizeof(*view->zone_ids));
	view->zone_ids[view->nr] = arena_strdup(&view->arena, zone->id);
	view->series[view->nr++] = (struct price_series){
		.zone = arena_strdup(&view->arena, zone->name),
		.v = points,
		.nr = nr,
	};
}

void history_view_release(struct history_view *view)
{
	arena_release(&view->arena);
}

/* Dollars with six decimals: what statistics are compared by. */
static const char *dollars(struct arena *arena, double value)
{
	return arena_printf(arena, "%.6f", value);
}

static const char *reason(struct arena *arena, const struct history_view *view,
			  const struct zone_choice *choice)
{
	if (!choice->nr_eligible)
		return "no zone's 95th percentile is at most the bid and below on demand";
	return arena_printf(
		arena,
		"%s of the %zu zone%s whose 95th percentile is at most the bid and below "
		"on demand",
		view->order == ZONE_BY_PRICE ? "lowest mean price"
					     : "least volatility (std / on demand)",
		choice->nr_eligible, choice->nr_eligible == 1 ? "" : "s");
}

static cJSON *zone_json(struct arena *arena, const struct history_view *view,
			const struct zone_choice *choice, size_t i)
{
	const struct zone_score *score = &choice->v[i];
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "zone", view->series[i].zone);
	cJSON_AddStringToObject(object, "zone_id", view->zone_ids[i]);
	if (score->verdict == ZONE_NO_HISTORY) {
		cJSON_AddStringToObject(object, "verdict", zone_verdict_text(score->verdict));
		return object;
	}
	const struct price_stats *stats = &score->stats;
	json_add_money(object, "last", stats->last);
	json_add_money(object, "min", stats->min);
	json_add_money(object, "median", stats->median);
	cJSON_AddStringToObject(object, "mean", dollars(arena, stats->mean));
	json_add_money(object, "p95", stats->p95);
	json_add_money(object, "max", stats->max);
	cJSON_AddStringToObject(object, "std", dollars(arena, stats->std));
	cJSON_AddNumberToObject(object, "volatility", score->volatility);
	cJSON *under = cJSON_AddObjectToObject(object, "under");
	for (int r = 0; r < BID_RUNG_NR; r++) {
		char name[16];

		snprintf(name, sizeof(name), "%d%%", bid_rungs[r]);
		cJSON_AddNumberToObject(under, name, score->under_rung[r]);
	}
	if (view->has_bid) {
		cJSON_AddNumberToObject(object, "under_bid", score->under_bid.share_under);
		cJSON_AddNumberToObject(object, "crossings", (double)score->under_bid.crossings);
		cJSON_AddStringToObject(object, "paid_under_bid",
					dollars(arena, score->under_bid.paid));
		cJSON_AddStringToObject(object, "verdict", zone_verdict_text(score->verdict));
	}
	cJSON_AddNumberToObject(object, "changes", (double)stats->changes);
	cJSON_AddNumberToObject(object, "covered_s", (double)stats->covered_s);
	return object;
}

static void show_json(struct cli *cli, struct history_view *view, const struct zone_choice *choice,
		      int64_t bid)
{
	cJSON *object = cJSON_CreateObject();
	struct arena *arena = &view->arena;

	cJSON_AddStringToObject(object, "type", view->type);
	if (view->region)
		cJSON_AddStringToObject(object, "region", view->region);
	json_add_time(object, "since", view->since);
	json_add_time(object, "until", view->until);
	json_add_money(object, "on_demand", view->on_demand);
	cJSON *zones = cJSON_AddArrayToObject(object, "zones");
	for (size_t i = 0; i < view->nr; i++)
		cJSON_AddItemToArray(zones, zone_json(arena, view, choice, i));
	if (view->has_bid) {
		cJSON *chosen = cJSON_AddObjectToObject(object, "choice");

		if (choice->nr_eligible)
			cJSON_AddStringToObject(chosen, "zone",
						view->series[choice->order[0]].zone);
		else
			cJSON_AddNullToObject(chosen, "zone");
		json_add_money(chosen, "bid", bid);
		cJSON_AddStringToObject(chosen, "reason", reason(arena, view, choice));
		if (choice->raw_min_std != SIZE_MAX)
			cJSON_AddStringToObject(chosen, "raw_min_std_zone",
						view->series[choice->raw_min_std].zone);
		else
			cJSON_AddNullToObject(chosen, "raw_min_std_zone");
	}
	cli_json_print(cli, object);
}

/* What stands in the last column: the place in the order, or why there is none. */
static const char *place(struct arena *arena, const struct zone_choice *choice, size_t i)
{
	for (size_t k = 0; k < choice->nr_eligible; k++)
		if (choice->order[k] == i)
			return k ? arena_printf(arena, "%zu", k + 1) : "1 <-";
	return zone_verdict_text(choice->v[i].verdict);
}

static void table_zone(struct table *table, struct history_view *view,
		       const struct zone_choice *choice, size_t i)
{
	const struct zone_score *score = &choice->v[i];
	const struct price_stats *stats = &score->stats;
	struct arena *arena = &view->arena;
	bool known = score->verdict != ZONE_NO_HISTORY;
	const char *cells[] = {
		view->series[i].zone,
		known ? text_money(arena, stats->last) : "",
		known ? text_money(arena, stats->min) : "",
		known ? text_money(arena, stats->median) : "",
		known ? arena_printf(arena, "%.4f", stats->mean) : "",
		known ? text_money(arena, stats->p95) : "",
		known ? text_money(arena, stats->max) : "",
		known ? arena_printf(arena, "%.4f", score->volatility) : "",
		known ? text_percent(arena, score->under_rung[0]) : "",
		known ? text_percent(arena, score->under_rung[1]) : "",
		known ? text_percent(arena, score->under_rung[2]) : "",
		view->has_bid || !known ? place(arena, choice, i) : "",
	};

	if (view->has_bid && choice->nr_eligible && choice->order[0] == i)
		table_row_bold(table, cells);
	else
		table_row(table, cells);
}

static void show_text(struct cli *cli, struct history_view *view, const struct zone_choice *choice,
		      int64_t bid)
{
	static const struct table_column columns[] = {
		{ .title = "ZONE" },
		{ .title = "LAST", .right = true },
		{ .title = "MIN", .right = true, .wide = true },
		{ .title = "MEDIAN", .right = true },
		{ .title = "MEAN", .right = true, .wide = true },
		{ .title = "P95", .right = true },
		{ .title = "MAX", .right = true, .wide = true },
		{ .title = "VOLATILITY", .right = true },
		{ .title = "<=51%", .right = true },
		{ .title = "<=76%", .right = true },
		{ .title = "<=101%", .right = true },
		{ .title = "CHOICE", .cut = true },
	};
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));

	cli_note(cli, "%s%s%s, spot, $/h, %s to %s; on demand $%s", view->type,
		 view->region ? " in " : "", view->region ? view->region : "",
		 time_format(from, view->since), time_format(to, view->until),
		 text_money(&view->arena, view->on_demand));
	for (size_t i = 0; i < view->nr; i++)
		table_zone(table, view, choice, i);
	table_print(table);
	table_free(table);
	if (!view->has_bid)
		return;
	cli_note(cli, "bid $%s: %s%s%s", text_money(&view->arena, bid),
		 choice->nr_eligible ? view->series[choice->order[0]].zone : "no zone will do",
		 ": ", reason(&view->arena, view, choice));
	if (choice->raw_min_std != SIZE_MAX)
		cli_note(cli, "least standard deviation of all, whatever it costs: %s",
			 view->series[choice->raw_min_std].zone);
}

int history_view_show(struct cli *cli, struct history_view *view)
{
	struct zone_choice choice = {
		.v = arena_alloc(&view->arena, (view->nr + 1) * sizeof(*choice.v)),
		.order = arena_alloc(&view->arena, (view->nr + 1) * sizeof(*choice.order)),
	};
	int64_t bid = 0;

	if (view->on_demand == MONEY_UNKNOWN) {
		error_set(&cli->error, ERROR_NOT_FOUND, "the on-demand price of %s is not known",
			  view->type);
		return error_hint(&cli->error, "give it: --on-demand USD");
	}
	if (view->has_bid && bid_resolve(&view->bid, view->on_demand, &bid, &cli->error) < 0)
		return -1;
	if (zone_choose(view->series, view->nr, view->since, view->until, bid, view->on_demand,
			view->order, &choice, &cli->error) < 0)
		return -1;
	bool known = false;
	for (size_t i = 0; i < view->nr; i++)
		known |= choice.v[i].verdict != ZONE_NO_HISTORY;
	if (!known)
		return error_set(&cli->error, ERROR_NOT_FOUND,
				 "no spot price of %s is known in that time", view->type);
	if (cli->json)
		show_json(cli, view, &choice, bid);
	else
		show_text(cli, view, &choice, bid);
	return 0;
}
