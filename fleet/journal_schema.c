/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the journal, and how those of an older gpucloud become these. */
#include <inttypes.h>

#include "core/error.h"
#include "fleet/journal_internal.h"

#define SCHEMA_VERSION 3

static const char version_1[] =
	"CREATE TABLE launch("
	" id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, provider TEXT NOT NULL,"
	" account TEXT NOT NULL, region TEXT NOT NULL, type TEXT NOT NULL,"
	" spot INTEGER NOT NULL, on_demand INTEGER NOT NULL, began INTEGER NOT NULL,"
	" state INTEGER NOT NULL, instance TEXT NOT NULL DEFAULT '',"
	" zone TEXT NOT NULL DEFAULT '', price INTEGER NOT NULL DEFAULT -1, ended INTEGER) STRICT;"
	"CREATE INDEX launch_state ON launch(state, name);"
	"CREATE INDEX launch_instance ON launch(instance);"
	"CREATE TABLE step("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT, launch TEXT NOT NULL REFERENCES launch(id),"
	" kind TEXT NOT NULL, name TEXT NOT NULL, region TEXT NOT NULL, zone TEXT NOT NULL,"
	" max_price INTEGER NOT NULL, price INTEGER NOT NULL, sha256 TEXT NOT NULL,"
	" began INTEGER NOT NULL, answered INTEGER, outcome TEXT, id TEXT,"
	" UNIQUE(launch, kind, name)) STRICT;";

/*
 * What a launch cost: when it ran, at what prices, and the receipt at its end. An end that version 1
 * wrote is when `terminate` had its answer: later than the true one, so it counts as a bound.
 */
static const char version_2[] =
	"ALTER TABLE launch ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE launch ADD COLUMN reason TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE launch ADD COLUMN priced_until INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE launch ADD COLUMN price_gap INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE run("
	" launch TEXT NOT NULL REFERENCES launch(id) ON DELETE CASCADE, began INTEGER NOT NULL,"
	" ended INTEGER NOT NULL, exact INTEGER NOT NULL,"
	" PRIMARY KEY(launch, began)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE price_step("
	" launch TEXT NOT NULL REFERENCES launch(id) ON DELETE CASCADE, time INTEGER NOT NULL,"
	" price INTEGER NOT NULL, PRIMARY KEY(launch, time)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE receipt("
	" launch TEXT PRIMARY KEY REFERENCES launch(id) ON DELETE CASCADE, ended INTEGER NOT NULL,"
	" seconds INTEGER NOT NULL, total INTEGER NOT NULL, on_demand_total INTEGER NOT NULL,"
	" exact INTEGER NOT NULL, written INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"INSERT INTO run(launch, began, ended, exact)"
	" SELECT id, began, max(began, ended), 0 FROM launch"
	" WHERE instance <> '' AND ended IS NOT NULL;"
	"PRAGMA user_version = 2;";

/*
 * What tags would say, where the cloud keeps none: by launch, which need not be one of ours to know
 * (its row may be another computer's). And whether the cloud was ever seen to list an instance.
 */
static const char version_3[] =
	"ALTER TABLE launch ADD COLUMN listed INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE label("
	" provider TEXT NOT NULL, account TEXT NOT NULL, launch TEXT NOT NULL, key TEXT NOT NULL,"
	" value TEXT NOT NULL, PRIMARY KEY(provider, account, launch, key)) STRICT, WITHOUT ROWID;"
	"PRAGMA user_version = 3;";

static int version(struct db *db, int64_t *ret, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(db, "PRAGMA user_version", &stmt, err) < 0)
		return -1;
	int rc = db_step(stmt, err);
	*ret = rc == 1 ? db_int64(stmt, 0) : 0;
	db_finalize(stmt);
	return rc < 0 ? -1 : 0;
}

static int refuse(const char *path, int64_t found, struct error *err)
{
	error_set(err, ERROR_CONFIG,
		  "'%s' was written by a newer gpucloud: its schema is %" PRId64
		  ", this one knows up to %d",
		  path, found, SCHEMA_VERSION);
	return error_hint(err, "use the newer gpucloud; what runs is found by its tags");
}

int journal_schema(struct db *db, const char *path, struct error *err)
{
	int64_t found;

	if (version(db, &found, err) < 0)
		return -1;
	if (found == SCHEMA_VERSION) /* nothing is written then, so a full disk stops no reader */
		return 0;
	if (found > SCHEMA_VERSION)
		return refuse(path, found, err);
	if (db_exec(db, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	/* Another gpucloud may have done it meanwhile. */
	int rc = version(db, &found, err);
	if (rc == 0 && found > SCHEMA_VERSION)
		rc = refuse(path, found, err);
	if (rc == 0 && found < 1)
		rc = db_exec(db, version_1, err);
	if (rc == 0 && found < 2)
		rc = db_exec(db, version_2, err);
	if (rc == 0 && found < 3)
		rc = db_exec(db, version_3, err);
	if (rc == 0)
		rc = db_exec(db, "COMMIT", err);
	if (rc < 0) {
		struct error ignored = ERROR_INIT;

		db_exec(db, "ROLLBACK", &ignored);
	}
	return rc;
}
