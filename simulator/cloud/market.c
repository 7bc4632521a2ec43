/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/market.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/text.h"
#include "simulator/cloud/market_pool.h"

struct on_demand {
	char type[MARKET_NAME_MAX];
	char region[MARKET_NAME_MAX]; /* "": anywhere else */
	int64_t micros;
};

struct market {
	uint64_t seed;
	int64_t start;
	struct pool *pools; /* sorted by type, then zone */
	size_t nr, cap;
	struct on_demand *table; /* sorted by type, then region */
	size_t nr_table, cap_table;
};

struct market *market_new(uint64_t seed, int64_t start)
{
	struct market *market = xcalloc(1, sizeof(*market));

	market->seed = seed;
	market->start = start;
	return market;
}

void market_free(struct market *market)
{
	if (!market)
		return;
	for (size_t i = 0; i < market->nr; i++)
		free(market->pools[i].v);
	free(market->pools);
	free(market->table);
	free(market);
}

static bool name_ok(const char *name)
{
	return text_is_token(name, ".-", MARKET_NAME_MAX - 1);
}

bool market_zone_region(const char *zone, char region[MARKET_NAME_MAX])
{
	size_t n = strlen(zone);

	/* "us-east-1a": one letter after a digit */
	if (!name_ok(zone) || n < 3 || zone[n - 1] < 'a' || zone[n - 1] > 'z' ||
	    zone[n - 2] < '0' || zone[n - 2] > '9')
		return false;
	memcpy(region, zone, n - 1);
	region[n - 1] = '\0';
	return true;
}

static int order(const struct pool *pool, const char *type, const char *zone)
{
	int c = strcmp(pool->type, type);

	return c ? c : strcmp(pool->zone, zone);
}

/* The first pool that does not come before (type, zone). */
static size_t place_of(const struct market *market, const char *type, const char *zone)
{
	size_t lo = 0, hi = market->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (order(&market->pools[mid], type, zone) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct pool *find(const struct market *market, const char *type, const char *zone)
{
	size_t i = place_of(market, type, zone);

	if (i < market->nr && order(&market->pools[i], type, zone) == 0)
		return &market->pools[i];
	return NULL;
}

static struct pool *add(struct market *market, const char *type, const char *zone,
			struct error *err)
{
	char region[MARKET_NAME_MAX];
	struct pool *pool;
	size_t at;

	if (!name_ok(type)) {
		error_set(err, ERROR_USAGE, "market: bad instance type '%.60s'", type);
		return NULL;
	}
	if (!market_zone_region(zone, region)) {
		error_set(err, ERROR_USAGE, "market: bad zone '%.60s'", zone);
		return NULL;
	}
	if (find(market, type, zone)) {
		error_set(err, ERROR_USAGE, "market: '%s' in '%s' twice", type, zone);
		return NULL;
	}
	if (market->nr == MARKET_POOLS_MAX) {
		error_set(err, ERROR_USAGE, "market: more than %d pools", MARKET_POOLS_MAX);
		return NULL;
	}
	market->pools = xgrow(market->pools, market->nr, &market->cap, sizeof(*market->pools));
	at = place_of(market, type, zone);
	pool = &market->pools[at];
	memmove(pool + 1, pool, (market->nr - at) * sizeof(*pool));
	market->nr++;
	*pool = (struct pool){ 0 };
	memcpy(pool->type, type, strlen(type) + 1);
	memcpy(pool->zone, zone, strlen(zone) + 1);
	return pool;
}

int market_add_recorded(struct market *market, const char *type, const char *zone,
			const struct price_point *v, size_t nr, struct error *err)
{
	struct pool *pool;

	if (nr == 0)
		return error_set(err, ERROR_USAGE, "market: '%s' in '%s' has no prices", type,
				 zone);
	if (nr > MARKET_SERIES_MAX)
		return error_set(err, ERROR_USAGE, "market: '%s' in '%s' has more than %d prices",
				 type, zone, MARKET_SERIES_MAX);
	for (size_t i = 0; i < nr; i++) {
		if (v[i].micros <= 0 || (i > 0 && v[i].time <= v[i - 1].time))
			return error_set(err, ERROR_USAGE,
					 "market: '%s' in '%s': price %zu is not in order", type,
					 zone, i + 1);
	}
	pool = add(market, type, zone, err);
	if (!pool)
		return -1;
	pool->v = xcalloc(nr, sizeof(*v));
	memcpy(pool->v, v, nr * sizeof(*v));
	pool->nr = nr;
	return 0;
}

int market_add_synthetic(struct market *market, const char *type, const char *zone,
			 int64_t on_demand, struct error *err)
{
	struct pool *pool;

	if (on_demand <= 0 || on_demand > MONEY_MAX)
		return error_set(err, ERROR_USAGE, "market: '%s' has no on-demand price", type);
	pool = add(market, type, zone, err);
	if (!pool)
		return -1;
	pool->seed = synthetic_seed(market->seed, type, zone);
	pool->on_demand = on_demand;
	pool->since = market->start - MARKET_PAST_S;
	synthetic_prepare(pool);
	return 0;
}

/* Index of the last recorded change at or before t; false where there is none. */
static bool recorded_at(const struct pool *pool, int64_t t, size_t *ret)
{
	size_t lo = 0, hi = pool->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (pool->v[mid].time <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return false;
	*ret = lo - 1;
	return true;
}

/*
 * A walk over a pool's changes, whatever it is made of: `i` is a recorded change's index or a
 * synthetic one's slot.
 */
static bool walk_get(const struct pool *pool, int64_t i, struct price_point *ret)
{
	if (pool->v) {
		if (i < 0 || (size_t)i >= pool->nr)
			return false;
		*ret = pool->v[i];
		return true;
	}
	*ret = synthetic_change(pool, i);
	return ret->time >= pool->since;
}

/* The change in force at t. False: t is before the first one; *ret is then that first one. */
static bool walk_start(const struct pool *pool, int64_t t, int64_t *ret)
{
	struct price_point point;
	size_t i;

	if (pool->v) {
		bool found = recorded_at(pool, t, &i);

		*ret = found ? (int64_t)i : 0;
		return found;
	}
	*ret = synthetic_slot_of(pool, t < pool->since ? pool->since : t);
	if (t >= pool->since) {
		point = synthetic_change(pool, *ret);
		if (point.time > t)
			(*ret)--;
		if (walk_get(pool, *ret, &point))
			return true;
		(*ret)++;
	}
	while (!walk_get(pool, *ret, &point))
		(*ret)++;
	return false;
}

bool market_has(const struct market *market, const char *type, const char *zone)
{
	return find(market, type, zone) != NULL;
}

int64_t market_price_at(const struct market *market, const char *type, const char *zone, int64_t t)
{
	const struct pool *pool = find(market, type, zone);
	struct price_point point;
	int64_t i;

	if (!pool || !walk_start(pool, t, &i) || !walk_get(pool, i, &point))
		return MONEY_UNKNOWN;
	return point.micros;
}

int market_changes(const struct market *market, const char *type, const char *zone, int64_t from,
		   int64_t to, market_change_fn fn, void *ctx)
{
	const struct pool *pool = find(market, type, zone);
	struct price_point point;
	int64_t i;

	if (!pool || to < from)
		return 0;
	for (walk_start(pool, from, &i); walk_get(pool, i, &point) && point.time <= to; i++) {
		int rc = fn(ctx, &point);

		if (rc)
			return rc;
	}
	return 0;
}

struct next_above {
	int64_t cap, after, found;
};

static int above(void *ctx, const struct price_point *point)
{
	struct next_above *next = ctx;

	if (point->micros <= next->cap)
		return 0;
	next->found = point->time > next->after ? point->time : next->after;
	return 1;
}

int64_t market_next_above(const struct market *market, const char *type, const char *zone,
			  int64_t cap, int64_t t, int64_t to)
{
	struct next_above next = { .cap = cap, .after = t, .found = -1 };

	market_changes(market, type, zone, t, to, above, &next);
	return next.found;
}

static int table_order(const struct on_demand *row, const char *type, const char *region)
{
	int c = strcmp(row->type, type);

	return c ? c : strcmp(row->region, region);
}

/* The first row that does not come before (type, region). */
static size_t table_place(const struct market *market, const char *type, const char *region)
{
	size_t lo = 0, hi = market->nr_table;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (table_order(&market->table[mid], type, region) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct on_demand *table_find(const struct market *market, const char *type,
				    const char *region)
{
	size_t i = table_place(market, type, region);

	if (i < market->nr_table && table_order(&market->table[i], type, region) == 0)
		return &market->table[i];
	return NULL;
}

void market_set_on_demand(struct market *market, const char *type, const char *region,
			  int64_t micros)
{
	const char *where = region ? region : "";
	struct on_demand *row = table_find(market, type, where);

	if (!row) {
		size_t at = table_place(market, type, where);

		if (!name_ok(type) || (region && !name_ok(region)))
			return;
		market->table = xgrow(market->table, market->nr_table, &market->cap_table,
				      sizeof(*market->table));
		row = &market->table[at];
		memmove(row + 1, row, (market->nr_table - at) * sizeof(*row));
		market->nr_table++;
		*row = (struct on_demand){ 0 };
		memcpy(row->type, type, strlen(type) + 1);
		memcpy(row->region, where, strlen(where) + 1);
	}
	row->micros = micros;
}

int64_t market_on_demand(const struct market *market, const char *type, const char *region)
{
	const struct on_demand *row = table_find(market, type, region);

	if (!row)
		row = table_find(market, type, "");
	return row ? row->micros : MONEY_UNKNOWN;
}

int market_each(const struct market *market, market_pool_fn fn, void *ctx)
{
	for (size_t i = 0; i < market->nr; i++) {
		int rc = fn(ctx, market->pools[i].type, market->pools[i].zone);

		if (rc)
			return rc;
	}
	return 0;
}
