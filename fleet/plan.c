/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/plan_internal.h"

void launch_plan_release(struct launch_plan *plan)
{
	arena_release(&plan->arena);
	memset(plan, 0, sizeof(*plan));
}

static bool zone_named(const struct zone *zone, const char *want)
{
	return strcmp(zone->name, want) == 0 || (zone->id[0] && strcmp(zone->id, want) == 0);
}

/* A cloud without zones has one in each region: the region. */
static bool has_no_zones(const struct offer *offer)
{
	return offer->nr_zones == 1 && !offer->zones[0].id[0] &&
	       strcmp(offer->zones[0].name, offer->region) == 0;
}

/* Copies what the plan keeps of an offer; with a zone asked for, that zone alone. */
static int keep_offer(const struct fleet *fleet, struct launch_plan *plan,
		      const struct offer *offer, const struct plan_options *options,
		      struct error *err)
{
	struct arena *arena = &plan->arena;

	plan->zoneless = has_no_zones(offer);
	if (plan->zoneless && options->zone && !zone_named(&offer->zones[0], options->zone)) {
		error_set(err, ERROR_USAGE, "--zone '%.60s': %s has no zones", options->zone,
			  fleet->ops->title);
		return error_hint(err, "--region chooses the place: this one is %s", offer->region);
	}

	plan->offer = *offer;
	plan->offer.provider = arena_strdup(arena, offer->provider);
	plan->offer.region = arena_strdup(arena, offer->region);
	plan->offer.type = arena_strdup(arena, offer->type);
	plan->offer.gpu = arena_strdup(arena, offer->gpu);
	plan->offer.arch = arena_strdup(arena, offer->arch);
	plan->zones = arena_alloc(arena, offer->nr_zones * sizeof(*plan->zones) + 1);
	plan->order = arena_alloc(arena, offer->nr_zones * sizeof(*plan->order) + 1);
	plan->nr_zones = 0;
	for (size_t i = 0; i < offer->nr_zones; i++) {
		if (options->zone && !zone_named(&offer->zones[i], options->zone))
			continue;
		plan->zones[plan->nr_zones++] = (struct plan_zone){
			.zone = { arena_strdup(arena, offer->zones[i].name),
				  arena_strdup(arena, offer->zones[i].id) },
			.now = MONEY_UNKNOWN,
		};
	}
	plan->offer.zones = NULL;
	plan->offer.nr_zones = 0;
	if (plan->nr_zones)
		return 0;
	error_set(err, ERROR_NOT_FOUND, "%s is not offered in %s '%s'", offer->type,
		  options->zone ? "zone" : "region", options->zone ? options->zone : offer->region);
	return error_hint(err, "gpucloud price --type %s --region %s", offer->type, offer->region);
}

/* On demand every zone costs the same: try them in their order. */
static void plan_on_demand(const struct fleet *fleet, struct launch_plan *plan)
{
	for (size_t i = 0; i < plan->nr_zones; i++) {
		plan->zones[i].now = plan->offer.on_demand;
		plan->zones[i].rank = (unsigned)i + 1;
		plan->order[plan->nr_order++] = i;
	}
	plan->reason = "on demand costs the same in every zone of a region; the first by name is "
		       "tried first";
	if (plan->zoneless)
		plan->reason = arena_printf(&plan->arena, "%s as a whole: %s has no zones",
					    plan->region, fleet->ops->title);
}

static int resolve_bid(struct launch_plan *plan, const struct plan_options *options,
		       struct error *err)
{
	if (!options->bid)
		return 0;
	if (bid_resolve(options->bid, plan->offer.on_demand, &plan->max_price, err) < 0)
		return error_prefix(err, "--bid for %s in %s", plan->offer.type, plan->region);
	plan->capped = true;
	return 0;
}

static int plan_offer(struct fleet *fleet, const struct plan_options *options,
		      const struct offer *offer, struct launch_plan *plan, struct error *err)
{
	plan->region = arena_strdup(&plan->arena, offer->region);
	plan->spot = options->spot;
	plan->until = clock_now(fleet->clock);
	plan->since = plan->until - PLAN_WINDOW_S;
	if (keep_offer(fleet, plan, offer, options, err) < 0)
		return -1;
	if (options->on_demand != MONEY_UNKNOWN)
		plan->offer.on_demand = options->on_demand;
	if (!options->spot) {
		plan_on_demand(fleet, plan);
		return 0;
	}
	if (resolve_bid(plan, options, err) < 0)
		return -1;
	return plan_spot_zones(fleet, options, plan, err);
}

/* The cheapest candidate whose zones will do; the first looked at where none will. */
static int plan_best(struct fleet *fleet, const struct plan_options *options,
		     const struct candidate *candidates, size_t nr, struct launch_plan *ret,
		     struct error *err)
{
	const size_t tries = options->spot ? 5 : 1;
	struct launch_plan first = { 0 };
	bool have = false;

	for (size_t i = 0; i < nr && i < tries; i++) {
		struct launch_plan plan = { 0 };

		if (plan_offer(fleet, options, candidates[i].offer, &plan, err) < 0) {
			launch_plan_release(&plan);
			launch_plan_release(&first);
			return -1;
		}
		if (plan.nr_order) {
			launch_plan_release(&first);
			*ret = plan;
			return 0;
		}
		if (have) {
			launch_plan_release(&plan);
		} else {
			first = plan;
			have = true;
		}
	}
	*ret = first;
	return 0;
}

static int nothing_fits(const struct plan_options *options, const char *region, struct error *err)
{
	if (options->type) {
		error_set(err, ERROR_NOT_FOUND, "type '%s' is not offered in %s%s", options->type,
			  region, options->spot ? " as spot" : "");
		return error_hint(err, "gpucloud price --all-regions --type %s", options->type);
	}
	error_set(err, ERROR_NOT_FOUND, "no %s%stype with %u GPU%s is offered in %s%s",
		  options->gpu ? options->gpu : "NVIDIA", " ",
		  options->gpu_count ? options->gpu_count : 1, options->gpu_count > 1 ? "s" : "",
		  region, options->spot ? " as spot" : "");
	return error_hint(err, "gpucloud price --region %s", region);
}

int launch_plan_make(struct fleet *fleet, const struct plan_options *options,
		     struct launch_plan *ret, struct error *err)
{
	struct offer_list offers = { 0 };
	struct candidate *candidates = NULL;
	const char *region = options->region;
	size_t nr = 0;
	int rc = -1;

	if (options->spot && !(fleet->ops->caps & PROVIDER_CAP_SPOT))
		return error_set(err, ERROR_UNSUPPORTED, "%s has no spot instances",
				 fleet->ops->title);
	if (region ? fleet->ops->region(fleet->provider, region, &region, err) < 0
		   : fleet->ops->default_region(fleet->provider, &region, err) < 0)
		return -1;
	const struct offer_query query = {
		.regions = &region,
		.nr_regions = 1,
		.type = options->type,
		.gpu = options->gpu,
		.gpu_count = options->type ? options->gpu_count
					   : (options->gpu_count ? options->gpu_count : 1),
		.all_arches = options->type != NULL,
	};
	if (fleet->ops->offers(fleet->provider, &query, &offers, err) < 0)
		return fleet_explain_region(fleet, region, err);
	if (plan_candidates(fleet, options, &offers, &candidates, &nr, err) == 0)
		rc = nr ? plan_best(fleet, options, candidates, nr, ret, err)
			: nothing_fits(options, region, err);
	free(candidates);
	offer_list_release(&offers);
	return rc;
}
