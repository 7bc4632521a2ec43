/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <ftw.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/db.h"
#include "core/mem.h"
#include "fleet/journal_keep.h"

static int64_t fixture_now(void *ctx)
{
	return ((const struct fixture *)ctx)->now_ms;
}

int journal_fixture_enter(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));

	snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/gpucloud-test-XXXXXX");
	if (!mkdtemp(fixture->dir))
		return -1;
	fixture->path = journal_path(fixture->dir);
	fixture->now_ms = T * 1000;
	fixture->clock =
		(struct clock){ .ctx = fixture, .now_ms = fixture_now, .mono_ms = fixture_now };
	*state = fixture;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int journal_fixture_leave(void **state)
{
	struct fixture *fixture = *state;

	journal_close(fixture->journal);
	int rc = nftw(fixture->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(fixture->path);
	free(fixture);
	return rc;
}

struct journal *journal_fixture_open_it(struct fixture *fixture)
{
	struct error err = ERROR_INIT;

	journal_close(fixture->journal);
	fixture->journal = NULL;
	if (journal_open(fixture->dir, NULL, &fixture->clock, &fixture->journal, &err) < 0)
		fail_msg("%s", err.message);
	return fixture->journal;
}

struct error journal_fixture_not_opened(struct fixture *fixture)
{
	struct error err = ERROR_INIT;

	journal_close(fixture->journal);
	fixture->journal = NULL;
	assert_int_equal(journal_open(fixture->dir, NULL, &fixture->clock, &fixture->journal, &err),
			 -1);
	return err;
}

void journal_fixture_sql(struct fixture *fixture, const char *text)
{
	struct error err = ERROR_INIT;
	struct db *db = NULL;

	if (db_open(fixture->path, NULL, false, &db, &err) < 0 || db_exec(db, text, &err) < 0)
		fail_msg("%s", err.message);
	db_close(db);
}

int64_t journal_fixture_number(struct fixture *fixture, const char *text)
{
	struct error err = ERROR_INIT;
	struct db_stmt *stmt;
	struct db *db;

	assert_int_equal(db_open(fixture->path, NULL, false, &db, &err), 0);
	assert_int_equal(db_prepare(db, text, &stmt, &err), 0);
	assert_int_equal(db_step(stmt, &err), 1);
	int64_t n = db_int64(stmt, 0);
	db_finalize(stmt);
	db_close(db);
	return n;
}

void journal_fixture_begin(struct journal *journal, const char *id, int64_t began)
{
	struct error err = ERROR_INIT;
	const struct launch_row row = {
		.id = id,
		.name = "n",
		.owner = "me",
		.provider = "aws",
		.account = "1",
		.region = "r1",
		.type = "g5",
		.spot = true,
		.on_demand = 900,
		.began = began,
	};

	if (journal_begin(journal, &row, &err) < 0)
		fail_msg("%s", err.message);
	journal_unclaim(journal, id);
}

/* As version 1 made it, word by word. */
#define VERSION_1                                                                                      \
	"CREATE TABLE launch(id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL,"            \
	" provider TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, type TEXT NOT NULL,"    \
	" spot INTEGER NOT NULL, on_demand INTEGER NOT NULL, began INTEGER NOT NULL,"                  \
	" state INTEGER NOT NULL, instance TEXT NOT NULL DEFAULT '',"                                  \
	" zone TEXT NOT NULL DEFAULT '', price INTEGER NOT NULL DEFAULT -1, ended INTEGER) STRICT;"    \
	"CREATE INDEX launch_state ON launch(state, name);"                                            \
	"CREATE INDEX launch_instance ON launch(instance);"                                            \
	"CREATE TABLE step(seq INTEGER PRIMARY KEY AUTOINCREMENT,"                                     \
	" launch TEXT NOT NULL REFERENCES launch(id), kind TEXT NOT NULL, name TEXT NOT NULL,"         \
	" region TEXT NOT NULL, zone TEXT NOT NULL, max_price INTEGER NOT NULL,"                       \
	" price INTEGER NOT NULL, sha256 TEXT NOT NULL, began INTEGER NOT NULL, answered INTEGER,"     \
	" outcome TEXT, id TEXT, UNIQUE(launch, kind, name)) STRICT;"                                  \
	"PRAGMA user_version = 1;"                                                                     \
	"INSERT INTO launch VALUES"                                                                    \
	"('l-open', 'a', 'me', 'aws', '1', 'r1', 'g5', 1, 900, 1600000000, 0, '', '', -1, NULL),"      \
	"('l-live', 'b', 'me', 'aws', '1', 'r1', 'g5', 1, 900, 1600000000, 1, 'i-1', 'r1a', 300,"      \
	" NULL),"                                                                                      \
	"('l-ended', 'c', 'me', 'aws', '1', 'r1', 'g5', 0, 900, 1600000000, 2, 'i-2', 'r1a', 900,"     \
	" 1600003600);"                                                                                \
	"INSERT INTO step(launch, kind, name, region, zone, max_price, price, sha256, began, outcome," \
	" id) VALUES('l-open', 'instance', 'l-open-1', 'r1', 'r1a', 500, 300, 'h', 1600000000, NULL,"  \
	" NULL), ('l-live', 'instance', 'l-live-1', 'r1', 'r1a', 500, 300, 'h', 1600000000, 'done',"   \
	" 'i-1');"

/* And as version 2 brought that up to date. */
#define VERSION_2                                                                                 \
	"ALTER TABLE launch ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;"                       \
	"ALTER TABLE launch ADD COLUMN reason TEXT NOT NULL DEFAULT '';"                          \
	"ALTER TABLE launch ADD COLUMN priced_until INTEGER NOT NULL DEFAULT 0;"                  \
	"ALTER TABLE launch ADD COLUMN price_gap INTEGER NOT NULL DEFAULT 0;"                     \
	"CREATE TABLE run(launch TEXT NOT NULL REFERENCES launch(id) ON DELETE CASCADE,"          \
	" began INTEGER NOT NULL, ended INTEGER NOT NULL, exact INTEGER NOT NULL,"                \
	" PRIMARY KEY(launch, began)) STRICT, WITHOUT ROWID;"                                     \
	"CREATE TABLE price_step(launch TEXT NOT NULL REFERENCES launch(id) ON DELETE CASCADE,"   \
	" time INTEGER NOT NULL, price INTEGER NOT NULL, PRIMARY KEY(launch, time))"              \
	" STRICT, WITHOUT ROWID;"                                                                 \
	"CREATE TABLE receipt(launch TEXT PRIMARY KEY REFERENCES launch(id) ON DELETE CASCADE,"   \
	" ended INTEGER NOT NULL, seconds INTEGER NOT NULL, total INTEGER NOT NULL,"              \
	" on_demand_total INTEGER NOT NULL, exact INTEGER NOT NULL, written INTEGER NOT NULL)"    \
	" STRICT, WITHOUT ROWID;"                                                                 \
	"PRAGMA user_version = 2;"                                                                \
	"INSERT INTO run VALUES('l-live', 1600000000, 0, 1), ('l-ended', 1600000000, 1600003600," \
	" 1);"                                                                                    \
	"INSERT INTO price_step VALUES('l-live', 1599999000, 300);"                               \
	"INSERT INTO receipt VALUES('l-ended', 1600003600, 3600, 900, 900, 1, 1600003600);"       \
	"UPDATE launch SET expires = 1600043200 WHERE id = 'l-live';"

const char journal_version_1[] = VERSION_1;
const char journal_version_2[] = VERSION_1 VERSION_2;
