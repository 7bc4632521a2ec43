/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spot markets with their past: for each region and type asked, the on-demand price, the zones, and
 * each zone's price as a step function. Where it comes from: the cloud (which keeps 90 days), the
 * archive on this computer (fleet/price_archive.h), saved files, or the first two joined.
 */
#ifndef GPUCLOUD_FLEET_MARKET_H
#define GPUCLOUD_FLEET_MARKET_H

#include "bidding/series.h"
#include "fleet/fleet.h"

struct market {
	const char *provider, *region, *type; /* provider and region "" from files */
	int64_t on_demand;		      /* micro-dollars per hour; MONEY_UNKNOWN */
	int64_t on_demand_as_of;
	bool on_demand_builtin;
	const struct zone *zones;	   /* as series; sorted by name */
	const struct price_series *series; /* may hold gaps; at least one point each */
	size_t nr;
};

enum market_source {
	MARKET_AUTO,	/* the cloud, and the archive for what is older than it keeps */
	MARKET_ARCHIVE, /* the archive alone: nothing is asked, not even for the on-demand price */
};

#define MARKET_CLOUD_S (INT64_C(90) * 86400) /* how far back EC2's own history goes */

struct market_query {
	const char *const *regions;
	size_t nr_regions;
	const char *const *types; /* exact; none: every type that matches gpu and gpu_count */
	size_t nr_types;
	const char *gpu;
	unsigned gpu_count;
	const char *zone;     /* name or id, or NULL */
	int64_t since, until; /* until: at most now */
	enum market_source source;
};

struct market_list {
	struct arena arena;
	struct market *v; /* sorted by type, region; only those with a known price */
	size_t nr;
	struct region_failure *failures;
	size_t nr_failures;
	int64_t from_archive; /* the cloud was asked from here on; before it the archive answered; 0:
				 nothing came from the archive */
	size_t left_out;      /* rows of saved files that are of products that do not count */
};
void market_list_release(struct market_list *list);

/* Where the record of all zones ends, at most `until`: an archive knows nothing from its last sync
 * on. */
int64_t market_known_until(const struct market *market, int64_t until);

/*
 * One question to the cloud for all regions and types at once. A type that no region offers as spot
 * (and of which the archive, where it is asked, knows nothing): ERROR_NOT_FOUND, naming it. No price
 * at all in that time: ERROR_NOT_FOUND. Some regions failing: success with failures; all: the first
 * error. Regions that do not price in dollars (cn-*): ERROR_UNSUPPORTED.
 *
 * MARKET_AUTO with a `since` that the cloud no longer keeps: the cloud's record of a zone counts from
 * its first change on, the archive's before it; what neither knows is a gap. Without an archive the
 * series begin as late as the cloud's do (from_archive 0).
 */
int market_read(struct fleet *fleet, const struct market_query *query, struct market_list *ret,
		struct error *err);

/*
 * Saved files of either shape (fleet/price_file.h; "-" is the standard input); on_demand
 * MONEY_UNKNOWN: not known. *ret_last is the time of the last row. A zone given twice for a type,
 * a zone with two ids or an id with two names, a row later than now: ERROR_USAGE.
 */
int market_read_files(const char *const *files, size_t nr, int64_t on_demand,
		      struct market_list *ret, int64_t *ret_last, struct error *err);

#endif
