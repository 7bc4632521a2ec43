/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/price_cloud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/db.h"
#include "core/mem.h"

struct provider {
	struct price_cloud *cloud;
};

static const char *const both[] = { "r1", "r2" };

static bool any_of(const char *text, const char *const *v, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (strcmp(v[i], text) == 0)
			return true;
	return false;
}

/* --- the cloud ------------------------------------------------------------------------------- */

static int say_silent(struct price_cloud *cloud, const char *const *regions, size_t nr,
		      struct arena *arena, struct region_failure **v, size_t *n, struct error *err)
{
	if (!cloud->silent || !any_of(cloud->silent, regions, nr))
		return 0;
	if (nr == 1)
		return error_set(err, ERROR_NETWORK, "%s is silent", cloud->silent);
	*v = arena_alloc(arena, sizeof(**v));
	(*v)->region = arena_strdup(arena, cloud->silent);
	error_set(&(*v)->err, ERROR_NETWORK, "%s is silent", cloud->silent);
	*n = 1;
	return 0;
}

static struct offer *offer_of(struct offer_list *list, const struct pc_pool *pool)
{
	for (size_t i = 0; i < list->nr; i++)
		if (strcmp(list->v[i].region, pool->region) == 0 &&
		    strcmp(list->v[i].type, pool->type) == 0)
			return &list->v[i];
	struct offer *offer = &list->v[list->nr++];
	*offer = (struct offer){
		.provider = "aws",
		.region = pool->region,
		.type = pool->type,
		.gpu = "V100",
		.arch = "x86_64",
		.gpu_count = 1,
		.gpu_fraction = 1,
		.spot = true,
		.on_demand = 3060000,
		.on_demand_as_of = 1600000000,
		.zones = arena_alloc(&list->arena, PC_POOLS * sizeof(struct zone)),
	};
	return offer;
}

static int pc_offers(struct provider *p, const struct offer_query *query, struct offer_list *ret,
		     struct error *err)
{
	struct price_cloud *cloud = p->cloud;
	struct offer_list list = { 0 };

	cloud->offers_asked++;
	if (say_silent(cloud, query->regions, query->nr_regions, &list.arena, &list.failures,
		       &list.nr_failures, err) < 0)
		return -1;
	list.v = arena_alloc(&list.arena, PC_POOLS * sizeof(*list.v));
	for (size_t i = 0; i < cloud->nr; i++) {
		const struct pc_pool *pool = &cloud->v[i];

		if (!any_of(pool->region, query->regions, query->nr_regions) ||
		    (query->type && strcmp(query->type, pool->type) != 0) ||
		    (query->gpu && strcmp(query->gpu, "V100") != 0) ||
		    (cloud->silent && strcmp(cloud->silent, pool->region) == 0))
			continue;
		struct offer *offer = offer_of(&list, pool);
		struct zone *zones = (struct zone *)(uintptr_t)offer->zones;
		zones[offer->nr_zones++] = (struct zone){ pool->zone, pool->id };
		offer->spot = !cloud->no_spot;
	}
	*ret = list;
	return 0;
}

static void answer(const struct pc_pool *pool, int64_t since, int64_t until, struct arena *arena,
		   struct spot_history *history)
{
	struct spot_series *series = &history->v[history->nr];
	size_t first = 0;

	*series = (struct spot_series){
		.region = pool->region,
		.type = pool->type,
		.zone = { pool->zone, pool->shown_id ? pool->shown_id : pool->id },
		.v = arena_alloc(arena, PC_POINTS * sizeof(*series->v)),
	};
	while (first + 1 < pool->nr && pool->v[first + 1].time <= since)
		first++;
	for (size_t i = first; i < pool->nr && pool->v[i].time <= until; i++)
		if (!pool->closed || pool->v[i].time < pool->closed)
			series->v[series->nr++] = pool->v[i];
	history->nr += series->nr && (!pool->closed || since < pool->closed);
}

static int pc_history(struct provider *p, const struct spot_query *query, struct spot_history *ret,
		      struct error *err)
{
	struct price_cloud *cloud = p->cloud;
	struct spot_history history = { 0 };

	cloud->prices_asked++;
	cloud->asked_since = query->since;
	snprintf(cloud->asked_zone, sizeof(cloud->asked_zone), "%s",
		 query->zone ? query->zone : "");
	if (cloud->prices_silent)
		return error_set(err, ERROR_NETWORK, "no prices today");
	if (say_silent(cloud, query->regions, query->nr_regions, &history.arena, &history.failures,
		       &history.nr_failures, err) < 0)
		return -1;
	history.v = arena_alloc(&history.arena, PC_POOLS * sizeof(*history.v));
	for (size_t i = 0; i < cloud->nr; i++) {
		const struct pc_pool *pool = &cloud->v[i];
		int64_t oldest = cloud->now - MARKET_CLOUD_S;

		if (any_of(pool->region, query->regions, query->nr_regions) &&
		    any_of(pool->type, query->types, query->nr_types) &&
		    (!query->zone || strcmp(query->zone, pool->zone) == 0) &&
		    !(cloud->silent && strcmp(cloud->silent, pool->region) == 0))
			answer(pool, query->since > oldest ? query->since : oldest, query->until,
			       &history.arena, &history);
	}
	*ret = history;
	return 0;
}

static int pc_regions(struct provider *p, struct region_list *ret, struct error *err)
{
	static const char *names[] = { "r1", "r2" };

	(void)p;
	(void)err;
	*ret = (struct region_list){ .v = names, .nr = 2 };
	return 0;
}

static int pc_region(struct provider *p, const char **ret, struct error *err)
{
	(void)p;
	(void)err;
	*ret = "r1";
	return 0;
}

static int pc_endpoint(struct provider *p, const char *region, const char **ret, struct error *err)
{
	(void)region;
	(void)err;
	*ret = p->cloud->endpoint;
	return 0;
}

static void pc_free(struct provider *p)
{
	free(p);
}

/* --- the computer ---------------------------------------------------------------------------- */

static int64_t now_ms(void *ctx)
{
	return ((struct price_cloud *)ctx)->now * 1000;
}

static int sleep_ms(void *ctx, int64_t ms)
{
	((struct price_cloud *)ctx)->now += ms / 1000;
	return 0;
}

void pc_open(struct price_cloud *cloud)
{
	/* In memory where that is possible: thousands of syncs would only wear the disk. */
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	memset(cloud, 0, sizeof(*cloud));
	cloud->now = PC_NOW;
	cloud->endpoint = "https://ec2.r1.amazonaws.com";
	cloud->clock = (struct clock){ cloud, now_ms, now_ms, sleep_ms };
	snprintf(cloud->dir, sizeof(cloud->dir), "%s/gpucloud-test-XXXXXX", base);
	assert_non_null(mkdtemp(cloud->dir));
	cloud->paths.data = xasprintf("%s/data", cloud->dir);
	cloud->file = xasprintf("%s/prices.db", cloud->paths.data);
	cloud->ops = (struct provider_ops){
		.name = "aws",
		.title = "Prices",
		.caps = PROVIDER_CAP_SPOT | PROVIDER_CAP_REGIONS,
		.close = pc_free,
		.default_region = pc_region,
		.endpoint = pc_endpoint,
		.offers = pc_offers,
		.regions = pc_regions,
		.spot_history = pc_history,
	};
	cloud->fleet = (struct fleet){
		.clock = &cloud->clock,
		.paths = &cloud->paths,
		.ops = &cloud->ops,
		.provider = xcalloc(1, sizeof(struct provider)),
	};
	cloud->fleet.provider->cloud = cloud;
}

void pc_close(struct price_cloud *cloud)
{
	static const char *const suffixes[] = { "",	"-wal",	    "-shm",	".lock",
						".new", ".new-wal", ".new-shm", ".new-journal" };

	fleet_close(&cloud->fleet);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		char *path = xasprintf("%s%s", cloud->file, suffixes[i]);
		unlink(path);
		free(path);
	}
	rmdir(cloud->paths.data);
	assert_int_equal(rmdir(cloud->dir), 0);
	free(cloud->paths.data);
	free(cloud->file);
}

struct pc_pool *pc_pool(struct price_cloud *cloud, const char *region, const char *type,
			const char *zone, const char *id)
{
	assert_true(cloud->nr < PC_POOLS);
	struct pc_pool *pool = &cloud->v[cloud->nr++];
	pool->region = region;
	pool->type = type;
	pool->zone = zone;
	pool->id = id;
	return pool;
}

void pc_price(struct pc_pool *pool, int64_t time, int64_t micros)
{
	assert_true(pool->nr < PC_POINTS);
	pool->v[pool->nr++] = (struct price_point){ time, micros };
}

struct market_query pc_query(int64_t since, int64_t until)
{
	return (struct market_query){
		.regions = both, .nr_regions = 2, .since = since, .until = until
	};
}

int pc_sync(struct price_cloud *cloud, int64_t since, int64_t until, struct price_sync *ret,
	    struct error *err)
{
	struct market_query query = pc_query(since, until);
	struct market_list failures = { 0 };
	struct price_archive *archive;

	if (price_archive_open(&cloud->fleet, true, &archive, err) < 0)
		return -1;
	int rc = price_archive_sync(&cloud->fleet, archive, &query, ret, &failures, err);
	market_list_release(&failures);
	price_archive_close(archive);
	return rc;
}

void pc_must_sync(struct price_cloud *cloud, int64_t since, int64_t until, struct price_sync *ret)
{
	struct price_sync sync;
	struct error err = ERROR_INIT;

	if (pc_sync(cloud, since, until, &sync, &err) < 0)
		fail_msg("%s", err.message);
	if (ret)
		*ret = sync;
}

int pc_read(struct price_cloud *cloud, int64_t since, int64_t until, struct market_list *ret,
	    struct error *err)
{
	struct market_query query = pc_query(since, until);

	query.source = MARKET_ARCHIVE;
	return market_read(&cloud->fleet, &query, ret, err);
}

int64_t pc_at(const struct price_series *series, int64_t t)
{
	int64_t micros = PRICE_GAP;

	for (size_t i = 0; i < series->nr && series->v[i].time <= t; i++)
		micros = series->v[i].micros;
	return micros;
}

const struct price_series *pc_find(const struct market_list *list, const char *type, const char *id)
{
	for (size_t i = 0; i < list->nr; i++)
		for (size_t z = 0; z < list->v[i].nr; z++)
			if (strcmp(list->v[i].type, type) == 0 &&
			    strcmp(list->v[i].zones[z].id, id) == 0)
				return &list->v[i].series[z];
	fail_msg("no series of %s in %s", type, id);
	return NULL;
}

static struct db *open_db(const struct price_cloud *cloud)
{
	struct error err = ERROR_INIT;
	struct db *db;

	if (db_open(cloud->file, NULL, false, &db, &err) < 0)
		fail_msg("%s", err.message);
	return db;
}

int64_t pc_number(const struct price_cloud *cloud, const char *sql)
{
	struct db *db = open_db(cloud);
	struct error err = ERROR_INIT;
	struct db_stmt *stmt;

	if (db_prepare(db, sql, &stmt, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(db_step(stmt, &err), 1);
	int64_t n = db_int64(stmt, 0);
	db_finalize(stmt);
	db_close(db);
	return n;
}

void pc_do(const struct price_cloud *cloud, const char *sql)
{
	struct db *db = open_db(cloud);
	struct error err = ERROR_INIT;

	if (db_exec(db, sql, &err) < 0)
		fail_msg("%s", err.message);
	db_close(db);
}
