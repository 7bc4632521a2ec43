/* SPDX-License-Identifier: Apache-2.0 */
/* Adds the cloud's answer for one market to the archive, in one transaction. */
#include <string.h>

#include "core/db.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/market_internal.h"
#include "fleet/price_archive_internal.h"

/* A set of intervals [since, until) of one thing; those that meet or touch are one. */
struct interval_sql {
	const char *find, *drop, *add;
};

static const struct interval_sql cover_sql = {
	"SELECT min(since), max(until) FROM cover WHERE pool = ?1 AND since <= ?3 AND until >= ?2",
	"DELETE FROM cover WHERE pool = ?1 AND since <= ?3 AND until >= ?2",
	"INSERT INTO cover(pool, since, until) VALUES(?1, ?2, ?3)",
};
static const struct interval_sql asked_sql = {
	"SELECT min(since), max(until) FROM asked WHERE market = ?1 AND since <= ?3 AND until >= ?2",
	"DELETE FROM asked WHERE market = ?1 AND since <= ?3 AND until >= ?2",
	"INSERT INTO asked(market, since, until) VALUES(?1, ?2, ?3)",
};

/* Statements that run once for each row. */
enum {
	ROW_SAME,
	ROW_COVER,
	ROW_BEFORE,
	ROW_ADD,
	ROW_STMTS
};
static const char *const row_sql[ROW_STMTS] = {
	"SELECT micros FROM price WHERE pool = ?1 AND time = ?2",
	"SELECT until FROM cover WHERE pool = ?1 AND since <= ?2 AND until > ?2",
	"SELECT micros FROM price WHERE pool = ?1 AND time < ?2 ORDER BY time DESC LIMIT 1",
	"INSERT INTO price(pool, time, micros) VALUES(?1, ?2, ?3)",
};

struct storing {
	struct price_archive *archive;
	const struct archive_answer *answer;
	struct archive_doubts *doubts;
	struct price_sync sync; /* of this market */
	struct db_stmt *rows[ROW_STMTS];
	bool whole; /* every zone could be kept */
};

static void doubt(struct storing *storing, const struct error *why)
{
	if (!storing->doubts->nr++)
		storing->doubts->first = *why;
}

/* Nothing of the zone is kept, and it is asked again. */
static void doubt_zone(struct storing *storing, const struct error *why)
{
	doubt(storing, why);
	storing->whole = false;
}

static int run3(struct price_archive *archive, const char *sql, const int64_t v[3],
		struct error *err)
{
	struct db_stmt *stmt;

	if (archive_prepare(archive, sql, &stmt, err) < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		db_bind_int64(stmt, i + 1, v[i]);
	return archive_one(stmt, NULL, err) < 0 ? -1 : 0;
}

static int add_interval(struct price_archive *archive, const struct interval_sql *sql, int64_t key,
			int64_t since, int64_t until, struct error *err)
{
	struct db_stmt *stmt;
	int64_t v[3] = { key, since, until };
	int64_t low = 0, high = 0;

	if (archive_prepare(archive, sql->find, &stmt, err) < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		db_bind_int64(stmt, i + 1, v[i]);
	int rc = db_step(stmt, err);
	bool met = rc == 1 && db_text(stmt, 0);
	if (met) {
		low = db_int64(stmt, 0);
		high = db_int64(stmt, 1);
	}
	db_finalize(stmt);
	if (rc < 0)
		return archive_failed(err);
	if (met && run3(archive, sql->drop, v, err) < 0)
		return -1;
	if (met && low < v[1])
		v[1] = low;
	if (met && high > v[2])
		v[2] = high;
	return run3(archive, sql->add, v, err);
}

static int put_market(struct price_archive *archive, const struct archive_answer *answer,
		      int64_t *ret, struct error *err)
{
	const struct offer *offer = answer->offer;
	struct db_stmt *stmt;

	if (archive_prepare(
		    archive,
		    "INSERT INTO market(cloud, product, type, region, on_demand, on_demand_as_of,"
		    " on_demand_builtin) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
		    " ON CONFLICT(cloud, product, type, region) DO UPDATE SET"
		    " on_demand = excluded.on_demand, on_demand_as_of = excluded.on_demand_as_of,"
		    " on_demand_builtin = excluded.on_demand_builtin WHERE excluded.on_demand > 0",
		    &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 1, answer->cloud);
	db_bind_text(stmt, 2, MARKET_PRODUCT);
	db_bind_text(stmt, 3, offer->type);
	db_bind_text(stmt, 4, offer->region);
	db_bind_int64(stmt, 5, offer->on_demand);
	db_bind_int64(stmt, 6, offer->on_demand_as_of);
	db_bind_int64(stmt, 7, offer->on_demand_builtin);
	if (archive_one(stmt, NULL, err) < 0)
		return -1;
	return archive_market(archive, answer->cloud, offer, ret, err);
}

/* 1: no other region has a zone of that id; 0: one has, and that is told at the end; -1. */
static int check_zone(struct storing *storing, const struct zone *zone, struct error *err)
{
	const char *region = storing->answer->offer->region;
	struct error why = ERROR_INIT;
	struct db_stmt *stmt;

	if (archive_prepare(storing->archive,
			    "SELECT id FROM zone"
			    " WHERE cloud = ?1 AND zone_id = ?2 AND region <> ?3",
			    &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 1, storing->answer->cloud);
	db_bind_text(stmt, 2, zone->id);
	db_bind_text(stmt, 3, region);
	int rc = archive_one(stmt, NULL, err);
	if (rc != 1)
		return rc < 0 ? -1 : 1;
	error_set(&why, ERROR_CONFLICT,
		  "price archive: zone id '%.64s' is known from another region than %.40s",
		  zone->id, region);
	error_hint(&why, "the prices of that zone are not kept; all else is stored");
	doubt_zone(storing, &why);
	return 0;
}

/* The zone goes by the name it was seen under last; whichever had that name goes by its id. */
static int put_zone(struct storing *storing, const struct zone *zone, int64_t *ret,
		    struct error *err)
{
	static const char *const sql[] = {
		"INSERT INTO zone(cloud, zone_id, region, name) VALUES(?1, ?2, ?3, ?4)"
		" ON CONFLICT(cloud, zone_id) DO UPDATE SET name = excluded.name"
		" WHERE name <> excluded.name",
		"UPDATE zone SET name = zone_id"
		" WHERE cloud = ?1 AND zone_id <> ?2 AND region = ?3 AND name = ?4",
		"SELECT id FROM zone WHERE cloud = ?1 AND zone_id = ?2 AND region = ?3 AND name = ?4",
	};
	struct db_stmt *stmt;

	*ret = 0;
	for (size_t i = 0; i < ARRAY_SIZE(sql); i++) {
		if (archive_prepare(storing->archive, sql[i], &stmt, err) < 0)
			return -1;
		db_bind_int64(stmt, 1, storing->answer->cloud);
		db_bind_text(stmt, 2, zone->id);
		db_bind_text(stmt, 3, storing->answer->offer->region);
		db_bind_text(stmt, 4, zone->name);
		if (archive_one(stmt, ret, err) < 0)
			return -1;
	}
	return *ret ? 0 : archive_refuse(storing->archive, "zone.name", err);
}

static int put_pool(struct price_archive *archive, int64_t market, int64_t zone, int64_t *ret,
		    struct error *err)
{
	static const char *const sql[] = {
		"INSERT OR IGNORE INTO pool(market, zone) VALUES(?1, ?2)",
		"SELECT id FROM pool WHERE market = ?1 AND zone = ?2",
	};
	struct db_stmt *stmt;

	for (size_t i = 0; i < ARRAY_SIZE(sql); i++) {
		if (archive_prepare(archive, sql[i], &stmt, err) < 0)
			return -1;
		db_bind_int64(stmt, 1, market);
		db_bind_int64(stmt, 2, zone);
		if (archive_one(stmt, ret, err) < 0)
			return -1;
	}
	return 0;
}

/* 1: a row, *ret its first column; 0: none; -1. */
static int row_step(struct storing *storing, int which, int64_t pool,
		    const struct price_point *point, int64_t *ret, struct error *err)
{
	struct db_stmt *stmt = storing->rows[which];

	db_reset(stmt);
	db_bind_int64(stmt, 1, pool);
	db_bind_int64(stmt, 2, point->time);
	if (which == ROW_ADD)
		db_bind_int64(stmt, 3, point->micros);
	int rc = db_step(stmt, err);
	if (rc == 1)
		*ret = db_int64(stmt, 0);
	db_reset(stmt);
	return rc < 0 ? archive_failed(err) : rc;
}

static void doubt_price(struct storing *storing, const struct zone *zone,
			const struct price_point *point, int64_t kept)
{
	char when[TIME_TEXT_MAX], now[MONEY_TEXT_MAX], then[MONEY_TEXT_MAX];
	struct error why = ERROR_INIT;

	error_set(&why, ERROR_CONFLICT,
		  "%.64s in zone %.64s (%.64s): the cloud now says $%s/h for %s, the archive keeps "
		  "$%s/h, which it said before",
		  storing->answer->offer->type, zone->name, zone->id,
		  money_format(now, point->micros, 4), time_format(when, point->time),
		  money_format(then, kept, 4));
	error_hint(&why, "all else is stored; a simulator started anew is another cloud: move "
			 "prices.db out of the way");
	doubt(storing, &why);
}

static int put_row(struct storing *storing, int64_t pool, const struct zone *zone,
		   const struct price_point *point, struct error *err)
{
	int64_t kept = 0, until = 0;
	int found = row_step(storing, ROW_SAME, pool, point, &kept, err);

	if (found == 0) { /* a change where the record says there was none? */
		int covered = row_step(storing, ROW_COVER, pool, point, &until, err);

		if (covered == 1 && point->time < until - ARCHIVE_LATE_S)
			found = row_step(storing, ROW_BEFORE, pool, point, &kept, err);
		if (covered < 0 || found < 0)
			return -1;
		if (!found || kept == point->micros) {
			storing->sync.rows_added++;
			return row_step(storing, ROW_ADD, pool, point, &kept, err);
		}
	}
	if (found == 1 && kept != point->micros)
		doubt_price(storing, zone, point, kept);
	return found < 0 ? -1 : 0;
}

static bool is_history(const struct spot_series *series)
{
	for (size_t i = 0; i < series->nr; i++) {
		const struct price_point *point = &series->v[i];

		if (point->micros <= 0 || point->micros > MONEY_MAX || point->time < 0 ||
		    point->time > MARKET_TIME_MAX || (i && point->time <= point[-1].time))
			return false;
	}
	return true;
}

/* 1: the series can be kept; 0: it cannot, and that is told at the end; -1. */
static int check_series(struct storing *storing, const struct spot_series *series,
			const struct zone *zone, struct error *err)
{
	struct error why = ERROR_INIT;

	if (!zone->id[0]) {
		error_set(
			&why, ERROR_PROTOCOL,
			"the cloud tells no id for zone '%.64s': its prices are not kept, as names "
			"mean other zones in other accounts",
			zone->name);
	} else if (!is_history(series)) {
		error_set(&why, ERROR_PROTOCOL,
			  "the prices of %.64s in zone '%.64s' are no history", series->type,
			  zone->name);
		error_hint(&why, "none of them is kept; all else is stored");
	} else {
		return check_zone(storing, zone, err);
	}
	doubt_zone(storing, &why);
	return 0;
}

/* The record is whole from the change that was in force when the window began. */
static int put_cover(struct storing *storing, int64_t pool, int64_t since, struct error *err)
{
	const struct archive_answer *answer = storing->answer;
	struct db_stmt *stmt;
	int64_t older = 0;

	if (add_interval(storing->archive, &cover_sql, pool, since, answer->until, err) < 0 ||
	    archive_prepare(storing->archive,
			    "SELECT count(*) FROM cover WHERE pool = ?1 AND until < ?2", &stmt,
			    err) < 0)
		return -1;
	db_bind_int64(stmt, 1, pool);
	db_bind_int64(stmt, 2, answer->kept_since);
	if (archive_one(stmt, &older, err) < 0)
		return -1;
	storing->sync.gaps += older > 0 && answer->until > answer->kept_since;
	return 0;
}

static int put_series(struct storing *storing, int64_t market, const struct spot_series *series,
		      struct error *err)
{
	const struct archive_answer *answer = storing->answer;
	const struct zone zone = { series->zone.name,
				   market_zone_id(answer->offer, &series->zone) };
	int64_t row = 0, pool = 0;

	if (!market_zone_is(&zone, answer->query->zone) || !series->nr ||
	    series->v[0].time >= answer->until)
		return 0;
	int rc = check_series(storing, series, &zone, err);
	if (rc != 1)
		return rc;
	if (put_zone(storing, &zone, &row, err) < 0 ||
	    put_pool(storing->archive, market, row, &pool, err) < 0)
		return -1;
	for (size_t i = 0; i < series->nr && series->v[i].time < answer->until; i++) {
		storing->sync.rows_read++;
		if (put_row(storing, pool, &zone, &series->v[i], err) < 0)
			return -1;
	}
	storing->sync.zones++;
	return put_cover(storing, pool, series->v[0].time, err);
}

static int put_answer(struct storing *storing, struct error *err)
{
	const struct archive_answer *answer = storing->answer;
	int64_t market = 0;

	if (put_market(storing->archive, answer, &market, err) < 0)
		return -1;
	for (size_t i = 0; i < answer->history->nr; i++) {
		const struct spot_series *series = &answer->history->v[i];

		if (strcmp(series->region, answer->offer->region) == 0 &&
		    strcmp(series->type, answer->offer->type) == 0 &&
		    put_series(storing, market, series, err) < 0)
			return -1;
	}
	if (!storing->whole || answer->query->zone)
		return 0;
	return add_interval(storing->archive, &asked_sql, market, answer->since, answer->until,
			    err);
}

int archive_store(struct price_archive *archive, const struct archive_answer *answer,
		  struct price_sync *sync, struct archive_doubts *doubts, struct error *err)
{
	struct archive_doubts found = *doubts;
	struct storing storing = {
		.archive = archive, .answer = answer, .doubts = &found, .whole = true
	};
	int rc = 0;

	for (int i = 0; i < ROW_STMTS && rc == 0; i++)
		rc = archive_prepare(archive, row_sql[i], &storing.rows[i], err);
	if (rc == 0 && db_exec(archive->db, "BEGIN IMMEDIATE", err) < 0)
		rc = archive_failed(err);
	else if (rc == 0) {
		rc = put_answer(&storing, err);
		if (rc == 0 && db_exec(archive->db, "COMMIT", err) < 0)
			rc = archive_failed(err);
		if (rc < 0) {
			struct error ignored = ERROR_INIT;

			db_exec(archive->db, "ROLLBACK", &ignored);
		}
	}
	for (int i = 0; i < ROW_STMTS; i++)
		db_finalize(storing.rows[i]);
	if (rc < 0)
		return -1;
	*doubts = found;
	sync->markets++;
	sync->zones += storing.sync.zones;
	sync->rows_read += storing.sync.rows_read;
	sync->rows_added += storing.sync.rows_added;
	sync->gaps += storing.sync.gaps;
	return 0;
}
