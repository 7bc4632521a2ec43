/* SPDX-License-Identifier: Apache-2.0 */
/* What the listed instances bill an hour: the machine while it runs, and its disks always. */
#include <string.h>

#include "core/log.h"
#include "fleet/cost.h"
#include "fleet/sweep_internal.h"

#define TYPES_MAX 32
#define HISTORY_S 86400

/* Distinct types and regions of the instances whose price is not known. */
struct wanted {
	const char *types[TYPES_MAX], *regions[TYPES_MAX];
	size_t nr_types, nr_regions;
};

static bool bills(const struct fleet *fleet, const struct sweep_thing *thing)
{
	return thing->instance && (thing->instance->state != INSTANCE_STOPPED ||
				   fleet->ops->off_bills == OFF_BILLS_ALL);
}

static void add_name(const char **v, size_t *nr, const char *name)
{
	for (size_t i = 0; i < *nr; i++)
		if (strcmp(v[i], name) == 0)
			return;
	if (*nr < TYPES_MAX)
		v[(*nr)++] = name;
}

static struct wanted find_wanted(const struct fleet *fleet, const struct sweep *sweep, bool spot)
{
	struct wanted wanted = { .nr_types = 0 };

	for (size_t i = 0; i < sweep->nr; i++) {
		const struct sweep_thing *thing = &sweep->v[i];

		if (!bills(fleet, thing) || thing->thing.price != MONEY_UNKNOWN ||
		    thing->instance->spot != spot)
			continue;
		add_name(wanted.types, &wanted.nr_types, thing->instance->type);
		add_name(wanted.regions, &wanted.nr_regions, thing->instance->region);
	}
	return wanted;
}

static void take_offer(const struct fleet *fleet, struct sweep *sweep, const struct offer *offer)
{
	for (size_t i = 0; i < sweep->nr; i++) {
		struct sweep_thing *thing = &sweep->v[i];

		if (bills(fleet, thing) && !thing->instance->spot &&
		    thing->thing.price == MONEY_UNKNOWN &&
		    strcmp(thing->instance->type, offer->type) == 0 &&
		    strcmp(thing->instance->region, offer->region) == 0)
			thing->thing.price = offer->on_demand;
	}
}

static void ask_on_demand(struct fleet *fleet, struct sweep *sweep)
{
	const struct wanted wanted = find_wanted(fleet, sweep, false);

	for (size_t t = 0; t < wanted.nr_types; t++) {
		const struct offer_query query = { .regions = wanted.regions,
						   .nr_regions = wanted.nr_regions,
						   .type = wanted.types[t],
						   .all_arches = true };
		struct offer_list offers = { 0 };
		struct error err = ERROR_INIT;

		if (fleet->ops->offers(fleet->provider, &query, &offers, &err) < 0)
			log_info("sweep", "price not known: %s", err.message);
		for (size_t i = 0; i < offers.nr; i++)
			take_offer(fleet, sweep, &offers.v[i]);
		offer_list_release(&offers);
	}
}

static void take_series(const struct fleet *fleet, struct sweep *sweep,
			const struct spot_series *series)
{
	for (size_t i = 0; series->nr && i < sweep->nr; i++) {
		struct sweep_thing *thing = &sweep->v[i];

		if (bills(fleet, thing) && thing->instance->spot &&
		    thing->thing.price == MONEY_UNKNOWN &&
		    strcmp(thing->instance->type, series->type) == 0 &&
		    strcmp(thing->instance->zone.name, series->zone.name) == 0)
			thing->thing.price = series->v[series->nr - 1].micros;
	}
}

static void ask_spot(struct fleet *fleet, struct sweep *sweep, int64_t now)
{
	const struct wanted wanted = find_wanted(fleet, sweep, true);
	const struct spot_query query = { .regions = wanted.regions,
					  .nr_regions = wanted.nr_regions,
					  .types = wanted.types,
					  .nr_types = wanted.nr_types,
					  .since = now - HISTORY_S,
					  .until = now };
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;

	if (!wanted.nr_types || !(fleet->ops->caps & PROVIDER_CAP_SPOT))
		return;
	if (fleet->ops->spot_history(fleet->provider, &query, &history, &err) < 0)
		log_info("sweep", "price not known: %s", err.message);
	for (size_t i = 0; i < history.nr; i++)
		take_series(fleet, sweep, &history.v[i]);
	spot_history_release(&history);
}

/* A stopped instance bills for nothing else. */
static void add_disks(const struct fleet *fleet, struct sweep *sweep, struct sweep_thing *thing)
{
	if (!bills(fleet, thing))
		thing->thing.price = 0;
	if (thing->instance->price_off > 0) {
		if (thing->thing.price != MONEY_UNKNOWN)
			thing->thing.price += thing->instance->price_off;
		return;
	}
	for (size_t i = 0; i < sweep->leftovers.nr; i++) {
		const struct leftover *disk = &sweep->leftovers.v[i];

		if (disk->kind == LEFTOVER_VOLUME && disk->price != MONEY_UNKNOWN &&
		    thing->thing.price != MONEY_UNKNOWN &&
		    strcmp(disk->attached, thing->thing.id) == 0)
			thing->thing.price += disk->price;
	}
}

void sweep_price(struct fleet *fleet, struct sweep *sweep, int64_t now)
{
	for (size_t i = 0; i < sweep->nr; i++) {
		struct cost cost;

		if (!bills(fleet, &sweep->v[i]))
			continue;
		cost_recall(fleet, sweep->v[i].instance, now, &cost);
		sweep->v[i].thing.price = cost.price;
	}
	ask_on_demand(fleet, sweep);
	ask_spot(fleet, sweep, now);
	for (size_t i = 0; i < sweep->nr; i++)
		if (sweep->v[i].instance)
			add_disks(fleet, sweep, &sweep->v[i]);
}
