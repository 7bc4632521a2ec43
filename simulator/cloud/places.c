/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/places.h"

#include <string.h>

#include "core/mem.h"

/* One region that the account has not opted in to: it shows only when all regions are asked for. */
static const struct place_region regions[] = {
	{ .name = "af-south-1",
	  .opt_in = "not-opted-in",
	  .zones = { { "af-south-1a", "afs1-az1" },
		     { "af-south-1b", "afs1-az2" },
		     { "af-south-1c", "afs1-az3" } },
	  .nr_zones = 3,
	  .price_percent = 132 },
	{ .name = "eu-central-1",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "eu-central-1a", "euc1-az2" },
		     { "eu-central-1b", "euc1-az3" },
		     { "eu-central-1c", "euc1-az1" } },
	  .nr_zones = 3,
	  .price_percent = 125 },
	{ .name = "eu-west-1",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "eu-west-1a", "euw1-az3" },
		     { "eu-west-1b", "euw1-az1" },
		     { "eu-west-1c", "euw1-az2" } },
	  .nr_zones = 3,
	  .price_percent = 108 },
	{ .name = "eu-west-2",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "eu-west-2a", "euw2-az2" },
		     { "eu-west-2b", "euw2-az3" },
		     { "eu-west-2c", "euw2-az1" } },
	  .nr_zones = 3,
	  .price_percent = 117 },
	{ .name = "us-east-1",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "us-east-1a", "use1-az4" },
		     { "us-east-1b", "use1-az6" },
		     { "us-east-1c", "use1-az1" },
		     { "us-east-1d", "use1-az2" },
		     { "us-east-1e", "use1-az3" },
		     { "us-east-1f", "use1-az5" } },
	  .nr_zones = 6,
	  .price_percent = 100 },
	{ .name = "us-east-2",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "us-east-2a", "use2-az1" },
		     { "us-east-2b", "use2-az2" },
		     { "us-east-2c", "use2-az3" } },
	  .nr_zones = 3,
	  .price_percent = 100 },
	{ .name = "us-west-2",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "us-west-2a", "usw2-az2" },
		     { "us-west-2b", "usw2-az1" },
		     { "us-west-2c", "usw2-az3" },
		     { "us-west-2d", "usw2-az4" } },
	  .nr_zones = 4,
	  .price_percent = 100 },
};

const struct place_region *place_regions(size_t *nr)
{
	*nr = ARRAY_SIZE(regions);
	return regions;
}

const struct place_region *place_region_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		if (strcmp(regions[i].name, name) == 0)
			return &regions[i];
	}
	return NULL;
}

const struct place_zone *place_zone_find(const struct place_region *region, const char *name)
{
	for (size_t i = 0; i < region->nr_zones; i++) {
		if (strcmp(region->zones[i].name, name) == 0)
			return &region->zones[i];
	}
	return NULL;
}

const struct place_zone *place_zone_find_id(const struct place_region *region, const char *id)
{
	for (size_t i = 0; i < region->nr_zones; i++) {
		if (strcmp(region->zones[i].id, id) == 0)
			return &region->zones[i];
	}
	return NULL;
}

const struct place_region *place_region_of_zone(const char *zone)
{
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		if (place_zone_find(&regions[i], zone))
			return &regions[i];
	}
	return NULL;
}

bool place_region_enabled(const struct place_region *region)
{
	return strcmp(region->opt_in, "not-opted-in") != 0;
}
