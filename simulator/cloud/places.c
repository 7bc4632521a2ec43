/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/places.h"

#include <string.h>

#include "core/mem.h"

/*
 * The 17 that every account has, and one that this account has not opted in to: it shows only when all
 * regions are asked for.
 */
static const struct place_region regions[] = {
	{ .name = "af-south-1",
	  .opt_in = "not-opted-in",
	  .zones = { { "af-south-1a", "afs1-az1" },
		     { "af-south-1b", "afs1-az2" },
		     { "af-south-1c", "afs1-az3" } },
	  .nr_zones = 3,
	  .price_percent = 132 },
	{ .name = "ap-northeast-1",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "ap-northeast-1a", "apne1-az4" },
		     { "ap-northeast-1c", "apne1-az1" },
		     { "ap-northeast-1d", "apne1-az2" } },
	  .nr_zones = 3,
	  .price_percent = 137 },
	{ .name = "ap-northeast-2",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "ap-northeast-2a", "apne2-az1" },
		     { "ap-northeast-2b", "apne2-az2" },
		     { "ap-northeast-2c", "apne2-az3" },
		     { "ap-northeast-2d", "apne2-az4" } },
	  .nr_zones = 4,
	  .price_percent = 123 },
	{ .name = "ap-northeast-3",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "ap-northeast-3a", "apne3-az3" },
		     { "ap-northeast-3b", "apne3-az1" },
		     { "ap-northeast-3c", "apne3-az2" } },
	  .nr_zones = 3,
	  .price_percent = 137 },
	{ .name = "ap-south-1",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "ap-south-1a", "aps1-az1" },
		     { "ap-south-1b", "aps1-az3" },
		     { "ap-south-1c", "aps1-az2" } },
	  .nr_zones = 3,
	  .price_percent = 110 },
	{ .name = "ap-southeast-1",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "ap-southeast-1a", "apse1-az2" },
		     { "ap-southeast-1b", "apse1-az1" },
		     { "ap-southeast-1c", "apse1-az3" } },
	  .nr_zones = 3,
	  .price_percent = 140 },
	{ .name = "ap-southeast-2",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "ap-southeast-2a", "apse2-az1" },
		     { "ap-southeast-2b", "apse2-az3" },
		     { "ap-southeast-2c", "apse2-az2" } },
	  .nr_zones = 3,
	  .price_percent = 130 },
	{ .name = "ca-central-1",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "ca-central-1a", "cac1-az1" },
		     { "ca-central-1b", "cac1-az2" },
		     { "ca-central-1d", "cac1-az4" } },
	  .nr_zones = 3,
	  .price_percent = 111 },
	{ .name = "eu-central-1",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "eu-central-1a", "euc1-az2" },
		     { "eu-central-1b", "euc1-az3" },
		     { "eu-central-1c", "euc1-az1" } },
	  .nr_zones = 3,
	  .price_percent = 125 },
	{ .name = "eu-north-1",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "eu-north-1a", "eun1-az1" },
		     { "eu-north-1b", "eun1-az2" },
		     { "eu-north-1c", "eun1-az3" } },
	  .nr_zones = 3,
	  .price_percent = 106 },
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
	{ .name = "eu-west-3",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "eu-west-3a", "euw3-az1" },
		     { "eu-west-3b", "euw3-az2" },
		     { "eu-west-3c", "euw3-az3" } },
	  .nr_zones = 3,
	  .price_percent = 118 },
	{ .name = "sa-east-1",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "sa-east-1a", "sae1-az1" },
		     { "sa-east-1b", "sae1-az2" },
		     { "sa-east-1c", "sae1-az3" } },
	  .nr_zones = 3,
	  .price_percent = 170 },
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
	{ .name = "us-west-1",
	  .opt_in = "opt-in-not-required",
	  .zones = { { "us-west-1a", "usw1-az3" }, { "us-west-1c", "usw1-az1" } },
	  .nr_zones = 2,
	  .price_percent = 120 },
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
