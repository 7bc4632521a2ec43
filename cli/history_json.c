/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of `history`: docs/json.md lists its members. */
#include <stdio.h>

#include <cjson/cJSON.h>

#include "cli/common.h"
#include "cli/history_view.h"

/* Dollars with six decimals: what statistics are compared by. */
static void add_dollars(cJSON *object, const char *name, double value)
{
	char text[64];

	snprintf(text, sizeof(text), "%.6f", value);
	cJSON_AddStringToObject(object, name, text);
}

static void add_stats(cJSON *object, const struct zone_score *score)
{
	const struct price_stats *stats = &score->stats;

	json_add_money(object, "min", stats->min);
	json_add_money(object, "median", stats->median);
	add_dollars(object, "mean", stats->mean);
	json_add_money(object, "p95", stats->p95);
	json_add_money(object, "max", stats->max);
	add_dollars(object, "std", stats->std);
	cJSON_AddNumberToObject(object, "volatility", score->volatility);
	cJSON *under = cJSON_AddObjectToObject(object, "under");
	for (int r = 0; r < BID_RUNG_NR; r++) {
		char name[16];

		snprintf(name, sizeof(name), "%d%%", bid_rungs[r]);
		cJSON_AddNumberToObject(under, name, score->under_rung[r]);
	}
}

static cJSON *zone_json(const struct history_view *view, const struct history_market *judged,
			size_t i)
{
	const struct zone_score *score = &judged->choice.v[i];
	const struct price_series *series = &judged->market->series[i];
	const struct price_point *last = history_last(series, view->until);
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "zone", series->zone);
	cJSON_AddStringToObject(object, "zone_id", judged->market->zones[i].id);
	if (score->verdict == ZONE_NO_HISTORY) {
		cJSON_AddStringToObject(object, "verdict", zone_verdict_text(score->verdict));
		return object;
	}
	json_add_money(object, "last", last ? last->micros : MONEY_UNKNOWN);
	json_add_time(object, "last_since", last ? last->time : 0);
	if (last)
		cJSON_AddNumberToObject(object, "last_age_s", (double)(view->until - last->time));
	else
		cJSON_AddNullToObject(object, "last_age_s");
	add_stats(object, score);
	if (judged->bid) {
		cJSON_AddNumberToObject(object, "under_bid", score->under_bid.share_under);
		cJSON_AddNumberToObject(object, "crossings", (double)score->under_bid.crossings);
		add_dollars(object, "paid_under_bid", score->under_bid.paid);
		cJSON_AddStringToObject(object, "verdict", zone_verdict_text(score->verdict));
	}
	cJSON_AddNumberToObject(object, "changes", (double)score->stats.changes);
	cJSON_AddNumberToObject(object, "covered_s", (double)score->stats.covered_s);
	return object;
}

static void add_choice(cJSON *object, const struct history_market *judged)
{
	const struct zone_choice *choice = &judged->choice;
	cJSON *chosen = cJSON_AddObjectToObject(object, "choice");

	if (choice->nr_eligible)
		cJSON_AddStringToObject(chosen, "zone",
					judged->market->series[choice->order[0]].zone);
	else
		cJSON_AddNullToObject(chosen, "zone");
	json_add_money(chosen, "bid", judged->bid);
	cJSON_AddStringToObject(chosen, "reason", judged->reason);
	if (choice->raw_min_std != SIZE_MAX)
		cJSON_AddStringToObject(chosen, "raw_min_std_zone",
					judged->market->series[choice->raw_min_std].zone);
	else
		cJSON_AddNullToObject(chosen, "raw_min_std_zone");
}

cJSON *history_json(struct history_view *view, const struct history_market *v, size_t nr)
{
	cJSON *object = cJSON_CreateObject();

	json_add_time(object, "since", view->since);
	json_add_time(object, "until", view->until);
	cJSON *markets = cJSON_AddArrayToObject(object, "markets");
	for (size_t i = 0; i < nr; i++) {
		const struct market *market = v[i].market;
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "provider", market->provider);
		cJSON_AddStringToObject(one, "type", market->type);
		cJSON_AddStringToObject(one, "region", market->region);
		json_add_money(one, "on_demand", v[i].on_demand);
		cJSON *zones = cJSON_AddArrayToObject(one, "zones");
		for (size_t k = 0; k < market->nr; k++)
			cJSON_AddItemToArray(zones, zone_json(view, &v[i], k));
		if (v[i].bid)
			add_choice(one, &v[i]);
		cJSON_AddItemToArray(markets, one);
	}
	json_add_time(object, "archive_until", view->markets->from_archive);
	json_add_failures(object, view->markets->failures, view->markets->nr_failures);
	return object;
}
