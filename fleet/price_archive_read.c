/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record as series: changes where it is whole, gaps where it is not. What stands in the file is
 * believed only where it can be true.
 */
#include <stdlib.h>
#include <string.h>

#include "core/db.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/market_internal.h"
#include "fleet/price_archive_internal.h"

#define NAME_BYTES_MAX 64

struct reading {
	struct price_archive *archive;
	const struct market_query *query;
	struct arena arena; /* of what is on its way */
	struct market_build build;
	int64_t *pools; /* of the rows of build */
	size_t nr_pools, cap_pools, cap_points;
	uint64_t rows;	       /* of all series */
	struct price_point *v; /* of the series at work */
	size_t nr;
};

static int take_text(struct reading *reading, struct db_stmt *stmt, int column, const char *field,
		     const char **ret, struct error *err)
{
	const char *text = db_text(stmt, column);

	if (!text || !text_is_token(text, "-._", NAME_BYTES_MAX))
		return archive_refuse(reading->archive, field, err);
	*ret = arena_strdup(&reading->arena, text);
	return 0;
}

static bool wanted(const char *text, const char *const *v, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (strcmp(v[i], text) == 0)
			return true;
	return nr == 0;
}

static int take_pool(struct reading *reading, struct db_stmt *stmt, struct error *err)
{
	const struct market_query *query = reading->query;
	struct market_row row = { .provider = reading->archive->fleet->ops->name };

	if (take_text(reading, stmt, 1, "market.type", &row.type, err) < 0 ||
	    take_text(reading, stmt, 2, "market.region", &row.region, err) < 0 ||
	    take_text(reading, stmt, 3, "zone.name", &row.zone.name, err) < 0 ||
	    take_text(reading, stmt, 4, "zone.zone_id", &row.zone.id, err) < 0)
		return -1;
	row.on_demand = db_int64(stmt, 5);
	row.on_demand_as_of = db_int64(stmt, 6);
	row.on_demand_builtin = db_int64(stmt, 7) != 0;
	if (row.on_demand != MONEY_UNKNOWN && (row.on_demand <= 0 || row.on_demand > MONEY_MAX))
		return archive_refuse(reading->archive, "market.on_demand", err);
	if (row.on_demand_as_of < 0 || row.on_demand_as_of > MARKET_TIME_MAX)
		return archive_refuse(reading->archive, "market.on_demand_as_of", err);
	if (!wanted(row.type, query->types, query->nr_types) ||
	    !wanted(row.region, query->regions, query->nr_regions) ||
	    !market_zone_is(&row.zone, query->zone))
		return 0;
	if (reading->nr_pools == ARCHIVE_POOLS_MAX)
		return archive_refuse(reading->archive, "pool", err);
	reading->pools = xgrow(reading->pools, reading->nr_pools, &reading->cap_pools,
			       sizeof(*reading->pools));
	reading->pools[reading->nr_pools++] = db_int64(stmt, 0);
	market_build_add(&reading->build, &row);
	return 0;
}

static int find_pools(struct reading *reading, int64_t cloud, struct error *err)
{
	struct db_stmt *stmt;
	int rc;

	if (archive_prepare(reading->archive,
			    "SELECT pool.id, market.type, market.region, zone.name, zone.zone_id,"
			    " market.on_demand, market.on_demand_as_of, market.on_demand_builtin"
			    " FROM market JOIN pool ON pool.market = market.id"
			    " JOIN zone ON zone.id = pool.zone"
			    " WHERE market.cloud = ?1 AND market.product = ?2",
			    &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 1, cloud);
	db_bind_text(stmt, 2, MARKET_PRODUCT);
	while ((rc = db_step(stmt, err)) == 1) {
		if (take_pool(reading, stmt, err) < 0) {
			db_finalize(stmt);
			return -1;
		}
	}
	db_finalize(stmt);
	return rc < 0 ? archive_failed(err) : 0;
}

static int add_point(struct reading *reading, int64_t time, int64_t micros, struct error *err)
{
	if (++reading->rows > ARCHIVE_ROWS_MAX)
		return error_set(err, ERROR_USAGE,
				 "the archive holds more than %d prices of that; ask for less",
				 ARCHIVE_ROWS_MAX);
	reading->v = xgrow(reading->v, reading->nr, &reading->cap_points, sizeof(*reading->v));
	reading->v[reading->nr++] = (struct price_point){ time, micros };
	return 0;
}

/* A stretch in which the record is whole, as far as the question reaches into it. */
struct stretch {
	int64_t pool, begin;  /* of the record */
	int64_t since, until; /* of the question */
};

/* The change in force at `since`, and those until `until`. */
static int read_stretch(struct reading *reading, struct db_stmt *rows,
			const struct stretch *stretch, struct error *err)
{
	int rc;

	db_reset(rows);
	db_bind_int64(rows, 1, stretch->pool);
	db_bind_int64(rows, 2, stretch->since);
	db_bind_int64(rows, 3, stretch->until);
	db_bind_int64(rows, 4, stretch->begin);
	while ((rc = db_step(rows, err)) == 1) {
		int64_t time = db_int64(rows, 0), micros = db_int64(rows, 1);

		if (time < 0 || time > MARKET_TIME_MAX)
			return archive_refuse(reading->archive, "price.time", err);
		if (micros <= 0 || micros > MONEY_MAX)
			return archive_refuse(reading->archive, "price.micros", err);
		if (add_point(reading, time, micros, err) < 0)
			return -1;
	}
	return rc < 0 ? archive_failed(err) : 0;
}

static int read_cover(struct reading *reading, struct db_stmt *cover, struct db_stmt *rows,
		      int64_t pool, struct error *err)
{
	const struct market_query *query = reading->query;
	int64_t known = -1; /* the record was read up to here */
	int rc;

	db_reset(cover);
	db_bind_int64(cover, 1, pool);
	db_bind_int64(cover, 2, query->since);
	db_bind_int64(cover, 3, query->until);
	while ((rc = db_step(cover, err)) == 1) {
		int64_t since = db_int64(cover, 0), until = db_int64(cover, 1);

		if (since < 0 || since <= known || until <= since || until > MARKET_TIME_MAX)
			return archive_refuse(reading->archive, "cover.since", err);
		known = until;
		const struct stretch stretch = {
			.pool = pool,
			.begin = since,
			.since = since > query->since ? since : query->since,
			.until = until < query->until ? until : query->until,
		};
		if (read_stretch(reading, rows, &stretch, err) < 0)
			return -1;
		if (until < query->until && add_point(reading, until, PRICE_GAP, err) < 0)
			return -1;
	}
	return rc < 0 ? archive_failed(err) : 0;
}

static int read_series(struct reading *reading, struct error *err)
{
	static const char cover_sql[] = "SELECT since, until FROM cover"
					" WHERE pool = ?1 AND until > ?2 AND since < ?3"
					" ORDER BY since";
	static const char rows_sql[] =
		"SELECT max(time, ?4), micros FROM price WHERE pool = ?1 AND time < ?3 AND time >="
		" (SELECT coalesce(max(time), ?2) FROM price WHERE pool = ?1 AND time <= ?2)"
		" ORDER BY time";
	struct db_stmt *cover = NULL, *rows = NULL;
	int rc = 0;

	if (archive_prepare(reading->archive, cover_sql, &cover, err) < 0 ||
	    archive_prepare(reading->archive, rows_sql, &rows, err) < 0)
		rc = -1;
	for (size_t i = 0; i < reading->nr_pools && rc == 0; i++) {
		struct market_row *row = &reading->build.v[i];

		reading->nr = 0;
		rc = read_cover(reading, cover, rows, reading->pools[i], err);
		if (rc < 0 || !reading->nr)
			continue;
		struct price_point *kept =
			arena_alloc(&reading->arena, reading->nr * sizeof(*kept));
		memcpy(kept, reading->v, reading->nr * sizeof(*kept));
		row->v = kept;
		row->nr = reading->nr;
	}
	db_finalize(cover);
	db_finalize(rows);
	return rc;
}

/* All from one state of the file, whoever writes meanwhile. */
static int read_all(struct reading *reading, struct error *err)
{
	struct db *db = reading->archive->db;
	struct error ignored = ERROR_INIT;
	int64_t cloud = 0;

	if (db_exec(db, "BEGIN", err) < 0)
		return archive_failed(err);
	int rc = archive_cloud(reading->archive, reading->query, false, &cloud, err);
	if (rc == 0 && cloud)
		rc = find_pools(reading, cloud, err);
	if (rc == 0)
		rc = read_series(reading, err);
	db_exec(db, "ROLLBACK", &ignored);
	return rc;
}

static int check(const struct market_query *query, struct error *err)
{
	if (query->gpu && !query->nr_types) {
		error_set(err, ERROR_USAGE, "the archive knows types, not GPUs such as '%.40s'",
			  query->gpu);
		return error_hint(err, "name the types: gpucloud history --archive p3.2xlarge");
	}
	if (query->since < 0 || query->until <= query->since)
		return error_set(err, ERROR_USAGE, "the history would end before it begins");
	return 0;
}

int price_archive_read(struct price_archive *archive, const struct market_query *query,
		       struct market_list *ret, struct error *err)
{
	struct reading reading = { .archive = archive, .query = query };
	struct market_list list = { 0 };

	if (check(query, err) < 0)
		return -1;
	int rc = read_all(&reading, err);
	if (rc == 0) {
		market_build_finish(&reading.build, &list);
		if (list.nr) {
			list.from_archive = query->until;
			*ret = list;
		} else {
			rc = error_set(err, ERROR_NOT_FOUND,
				       "the archive holds no price of %.80s in that time",
				       query->nr_types ? query->types[0] : "anything");
			error_hint(err, "gpucloud history --sync");
		}
	}
	market_build_release(&reading.build);
	arena_release(&reading.arena);
	free(reading.pools);
	free(reading.v);
	return rc;
}
