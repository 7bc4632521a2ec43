/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks the zones of one type by what their spot price did. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "fleet/plan_internal.h"

/* The series of each zone of the plan, in the plan's order; an empty one where there is none. */
static struct price_series *series_of_zones(const struct launch_plan *plan,
					    const struct spot_history *history)
{
	struct price_series *v = xcalloc(plan->nr_zones, sizeof(*v));

	for (size_t z = 0; z < plan->nr_zones; z++) {
		v[z].zone = plan->zones[z].zone.name;
		for (size_t s = 0; s < history->nr; s++) {
			const struct spot_series *series = &history->v[s];

			if (strcmp(series->zone.name, v[z].zone) == 0 &&
			    strcmp(series->type, plan->offer.type) == 0) {
				v[z].v = series->v;
				v[z].nr = series->nr;
			}
		}
	}
	return v;
}

/* The user named the zone: the past may speak against it, only a price above the cap stops it. */
static void accept_named_zone(struct launch_plan *plan, struct zone_choice *choice)
{
	struct zone_score *score = &choice->v[0];

	if (choice->nr_eligible || plan->nr_zones != 1 || score->verdict == ZONE_NO_HISTORY ||
	    score->verdict == ZONE_NOW_ABOVE_BID)
		return;
	if (plan->capped && score->stats.last > plan->max_price)
		return;
	choice->order[0] = 0;
	choice->nr_eligible = 1;
}

static void tell_reason(struct launch_plan *plan, const struct plan_options *options)
{
	const struct plan_zone *best = &plan->zones[plan->order[0]];
	char paid[MONEY_TEXT_MAX];

	if (options->zone) {
		plan->reason = arena_printf(&plan->arena, "%s was asked for%s%s", best->zone.name,
					    best->score.verdict == ZONE_OK ? "" : ", although ",
					    best->score.verdict == ZONE_OK
						    ? ""
						    : zone_verdict_text(best->score.verdict));
		return;
	}
	plan->reason = arena_printf(
		&plan->arena,
		"%s has the %s of the %zu zone%s that held%s at 95%% of the time, and "
		"is below on demand; now $%s/h",
		best->zone.name,
		options->order == ZONE_BY_PRICE ? "lowest mean price" : "least volatility",
		plan->nr_order, plan->nr_order == 1 ? "" : "s",
		plan->capped ? " under the bid" : "", money_format(paid, best->now, 4));
}

static void tell_refusal(struct launch_plan *plan, const struct plan_options *options)
{
	struct error *refusal = &plan->refusal;
	int64_t least = INT64_MAX;
	char text[MONEY_TEXT_MAX], bid[MONEY_TEXT_MAX];

	for (size_t i = 0; i < plan->nr_zones; i++)
		if (plan->zones[i].scored && plan->zones[i].score.stats.p95 < least)
			least = plan->zones[i].score.stats.p95;
	if (least == INT64_MAX) {
		error_set(refusal, ERROR_NOT_FOUND, "no spot price of %s is known in %s",
			  plan->offer.type, plan->region);
		error_hint(refusal, "gpucloud price --all-regions --type %s", plan->offer.type);
		return;
	}
	const char *place = options->zone ? options->zone : plan->region;
	if (least >= plan->offer.on_demand) {
		error_set(refusal, ERROR_PRICE,
			  "spot %s in %s rests at or above its on-demand price: no bargain",
			  plan->offer.type, place);
		error_hint(refusal,
			   "launch it without --spot, or look elsewhere: gpucloud price "
			   "--all-regions --type %s",
			   plan->offer.type);
		return;
	}
	error_set(refusal, ERROR_PRICE, "the bid of $%s/h is below what %s costs in %s%s",
		  money_format(bid, plan->max_price, 4), plan->offer.type,
		  options->zone ? "" : "every zone of ", place);
	error_hint(refusal, "a bid of $%s would have held 95%% of the time%s: --bid %s",
		   money_format(text, money_round_up(least, BID_STEP), 4),
		   options->zone ? "" : " in the cheapest zone", text);
}

static void keep_choice(struct launch_plan *plan, const struct zone_choice *choice)
{
	for (size_t i = 0; i < plan->nr_zones; i++) {
		struct plan_zone *zone = &plan->zones[i];

		zone->score = choice->v[i];
		zone->score.zone = zone->zone.name;
		zone->scored = choice->v[i].verdict != ZONE_NO_HISTORY;
		if (zone->scored)
			zone->now = choice->v[i].stats.last;
	}
	for (size_t i = 0; i < choice->nr_eligible; i++) {
		plan->order[i] = choice->order[i];
		plan->zones[choice->order[i]].rank = (unsigned)i + 1;
	}
	plan->nr_order = choice->nr_eligible;
	plan->raw_min_std_zone =
		choice->raw_min_std == SIZE_MAX ? "" : plan->zones[choice->raw_min_std].zone.name;
}

static int rank_zones(const struct plan_options *options, const struct spot_history *history,
		      struct launch_plan *plan, struct error *err)
{
	struct price_series *series = series_of_zones(plan, history);
	struct zone_choice choice = {
		.v = xcalloc(plan->nr_zones, sizeof(*choice.v)),
		.order = xcalloc(plan->nr_zones, sizeof(*choice.order)),
	};
	int rc = zone_choose(series, plan->nr_zones, plan->since, plan->until, plan->max_price,
			     plan->offer.on_demand, options->order, &choice, err);

	if (rc == 0) {
		if (options->zone)
			accept_named_zone(plan, &choice);
		keep_choice(plan, &choice);
		if (plan->nr_order)
			tell_reason(plan, options);
		else
			tell_refusal(plan, options);
	}
	free(choice.v);
	free(choice.order);
	free(series);
	return rc;
}

int plan_spot_zones(struct fleet *fleet, const struct plan_options *options,
		    struct launch_plan *plan, struct error *err)
{
	struct spot_history history = { 0 };
	const struct spot_query query = {
		.regions = &plan->region,
		.nr_regions = 1,
		.types = &plan->offer.type,
		.nr_types = 1,
		.since = plan->since,
		.until = plan->until,
	};

	if (plan->offer.on_demand == MONEY_UNKNOWN) {
		error_set(err, ERROR_NOT_FOUND, "the on-demand price of %s in %s is not known",
			  plan->offer.type, plan->region);
		return error_hint(err, "give it: --on-demand USD");
	}
	if (fleet->ops->spot_history(fleet->provider, &query, &history, err) < 0)
		return error_prefix(err, "cannot read the spot price history");
	int rc = rank_zones(options, &history, plan, err);
	spot_history_release(&history);
	return rc;
}
