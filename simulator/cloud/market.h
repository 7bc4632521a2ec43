/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What GPUs cost in the simulated world: a step function of dollars an hour per pool (instance type
 * in a zone), and an on-demand price per type and region. Two sources, one face:
 *
 * - recorded: the files of a folder, moved in time so that a chosen date is the simulator's start;
 *   the last recorded price holds for ever after.
 * - synthetic: made from a seed, a pure function of (seed, type, zone, time): any question gets the
 *   same answer in any order. Quiet prices as they are since the end of bidding in 2017, with a few
 *   zones pinned at on demand and a few nervous ones; 120 days of past, and no end. Zones called
 *   "...a" are always quiet and below 45 % of on demand, so that a modest bid has somewhere to go.
 *
 * Money is micro-dollars an hour, time Unix seconds. Never changes after it is made: safe to read
 * from several threads.
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_MARKET_H
#define GPUCLOUD_SIMULATOR_CLOUD_MARKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/price_point.h"

struct error;
struct market;

#define MARKET_PAST_S	  (INT64_C(120) * 86400) /* history of a synthetic pool before its start */
#define MARKET_NAME_MAX	  48			 /* bytes of a type or zone, NUL included */
#define MARKET_SERIES_MAX 200000		 /* recorded changes of one pool */
#define MARKET_POOLS_MAX  20000

/* An empty market whose synthetic pools begin MARKET_PAST_S before start. */
struct market *market_new(uint64_t seed, int64_t start);
/* The default: a synthetic pool for every type of types.h in every region of places.h (in the first
 * two zones always, in the others mostly), with on-demand prices for all of them. */
struct market *market_world(uint64_t seed, int64_t start);
void market_free(struct market *market);

/*
 * Adds a pool with recorded changes (copied), oldest first, strictly rising times. ERROR_USAGE: a
 * pool known already, a bad name, no points or not in order.
 */
int market_add_recorded(struct market *market, const char *type, const char *zone,
			const struct price_point *v, size_t nr, struct error *err);
/* Adds a pool whose prices follow from the seed, around on_demand (> 0). */
int market_add_synthetic(struct market *market, const char *type, const char *zone,
			 int64_t on_demand, struct error *err);
/* region NULL: wherever no price of the region's own is set. A later call replaces. */
void market_set_on_demand(struct market *market, const char *type, const char *region,
			  int64_t micros);

/*
 * Reads one recorded file ("unix_s,price_usd_per_h", oldest first) or a list of on-demand prices
 * ("instance_type,usd_per_hour") and adds what it says; each time moves by `shift` seconds. name is
 * the file's name, for errors: ERROR_CONFIG with the line. The prices of a list are those of
 * us-east-1 and count in us-east-2 and us-west-2 too, which have the same. Folders are read by
 * simulator/serve/market_load.h.
 */
int market_parse_prices(struct market *market, const char *name, const char *type, const char *zone,
			const char *text, size_t len, int64_t shift, struct error *err);
int market_parse_on_demand(struct market *market, const char *name, const char *text, size_t len,
			   struct error *err);

/* True where the pool exists at all. */
bool market_has(const struct market *market, const char *type, const char *zone);

/* The price in force at t, or MONEY_UNKNOWN: no such pool, or before its first change. */
int64_t market_price_at(const struct market *market, const char *type, const char *zone, int64_t t);

/*
 * Calls fn for the change in force at `from` (if any; its own time, before `from`) and every change
 * in (from, to], oldest first. A change may repeat the price before it, as EC2 does. Stops when fn
 * returns non-zero, and returns that; else 0.
 */
typedef int (*market_change_fn)(void *ctx, const struct price_point *point);
int market_changes(const struct market *market, const char *type, const char *zone, int64_t from,
		   int64_t to, market_change_fn fn, void *ctx);

/* When the spot price next rises above cap after t, at most until `to`; -1: not in that time. */
int64_t market_next_above(const struct market *market, const char *type, const char *zone,
			  int64_t cap, int64_t t, int64_t to);

/* MONEY_UNKNOWN where none is known. */
int64_t market_on_demand(const struct market *market, const char *type, const char *region);

/* Pools in order of type, then zone. fn as above. */
typedef int (*market_pool_fn)(void *ctx, const char *type, const char *zone);
int market_each(const struct market *market, market_pool_fn fn, void *ctx);

/* "us-east-1" of "us-east-1e"; region has MARKET_NAME_MAX bytes. False: not a zone's name. */
bool market_zone_region(const char *zone, char region[MARKET_NAME_MAX]);

#endif
