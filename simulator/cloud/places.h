/* SPDX-License-Identifier: Apache-2.0 */
/* Regions and their zones. Zone names are an account's own: their ids are shuffled as AWS does. */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_PLACES_H
#define GPUCLOUD_SIMULATOR_CLOUD_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#define PLACE_ZONES_MAX 6

struct place_zone {
	const char *name; /* "us-east-1a" */
	const char *id;	  /* "use1-az6" */
};

struct place_region {
	const char *name;
	const char *opt_in; /* "opt-in-not-required" */
	struct place_zone zones[PLACE_ZONES_MAX];
	size_t nr_zones;
	unsigned price_percent; /* on-demand prices, of us-east-1's */
};

const struct place_region *place_regions(size_t *nr); /* sorted by name */
const struct place_region *place_region_find(const char *name);
const struct place_zone *place_zone_find(const struct place_region *region, const char *name);
const struct place_zone *place_zone_find_id(const struct place_region *region, const char *id);
/* False where the account has not opted in: every request there is refused. */
bool place_region_enabled(const struct place_region *region);
/* By name in any region, or NULL. */
const struct place_region *place_region_of_zone(const char *zone);

#endif
