/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/market.h"

#include "core/error.h"
#include "simulator/cloud/market_pool.h"
#include "simulator/cloud/places.h"
#include "simulator/cloud/types.h"

/* Not every type is sold in every zone; the first two zones have everything. */
static bool sold(uint64_t seed, const char *type, const struct place_region *region, size_t zone)
{
	return zone < 2 || synthetic_seed(seed + 1, type, region->zones[zone].name) % 4 != 0;
}

static void add_region(struct market *market, uint64_t seed, const struct type_spec *type,
		       const struct place_region *region)
{
	/* A table of ours cannot fail to be added: names and prices are constants. */
	struct error ignored = ERROR_INIT;
	int64_t on_demand = type_on_demand(market, type, region->name);

	if (on_demand <= 0)
		return;
	market_set_on_demand(market, type->name, region->name, on_demand);
	for (size_t i = 0; i < region->nr_zones; i++) {
		if (sold(seed, type->name, region, i))
			market_add_synthetic(market, type->name, region->zones[i].name, on_demand,
					     &ignored);
	}
}

struct market *market_world(uint64_t seed, int64_t start)
{
	struct market *market = market_new(seed, start);
	size_t nr_types, nr_regions;
	const struct type_spec *types = type_specs(&nr_types);
	const struct place_region *regions = place_regions(&nr_regions);

	for (size_t t = 0; t < nr_types; t++) {
		for (size_t r = 0; r < nr_regions; r++)
			add_region(market, seed, &types[t], &regions[r]);
	}
	return market;
}
