/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of the archive: opening, its tables, and what must hold before it is believed. Nothing of
 * another program is ever written to.
 */
#include "fleet/price_archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/db.h"
#include "core/file.h"
#include "core/http.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/market_internal.h"
#include "fleet/price_archive_internal.h"
#include "fleet/wait_lock.h"

#define APPLICATION "gpuc" /* as PRAGMA application_id below */
#define VERSION	    1
#define CURRENCY    "USD"

static const char magic[16] = "SQLite format 3"; /* and its NUL */
#define HEADER_BYTES	   100
#define HEADER_APPLICATION 68

/*
 * Names and ids stand once, in tables of their own, so that a price is three small integers: about
 * 17 bytes on disk (docs/history.md). `asked` is what was asked of a market; `cover` is where the
 * record of one of its zones is whole, which is less where the cloud had no answer.
 */
static const char schema[] =
	"BEGIN;"
	"CREATE TABLE about(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
	"INSERT INTO about VALUES('currency', '" CURRENCY "');"
	"CREATE TABLE cloud("
	" id INTEGER PRIMARY KEY, provider TEXT NOT NULL, endpoint TEXT NOT NULL,"
	" UNIQUE(provider, endpoint)) STRICT;"
	"CREATE TABLE zone("
	" id INTEGER PRIMARY KEY, cloud INTEGER NOT NULL REFERENCES cloud(id),"
	" zone_id TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,"
	" UNIQUE(cloud, zone_id)) STRICT;"
	"CREATE TABLE market("
	" id INTEGER PRIMARY KEY, cloud INTEGER NOT NULL REFERENCES cloud(id),"
	" product TEXT NOT NULL, type TEXT NOT NULL, region TEXT NOT NULL,"
	" on_demand INTEGER NOT NULL DEFAULT -1, on_demand_as_of INTEGER NOT NULL DEFAULT 0,"
	" on_demand_builtin INTEGER NOT NULL DEFAULT 0,"
	" UNIQUE(cloud, product, type, region)) STRICT;"
	"CREATE TABLE pool("
	" id INTEGER PRIMARY KEY, market INTEGER NOT NULL REFERENCES market(id),"
	" zone INTEGER NOT NULL REFERENCES zone(id), UNIQUE(market, zone)) STRICT;"
	"CREATE TABLE price("
	" pool INTEGER NOT NULL, time INTEGER NOT NULL, micros INTEGER NOT NULL,"
	" PRIMARY KEY(pool, time)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE cover("
	" pool INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,"
	" PRIMARY KEY(pool, since)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE asked("
	" market INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,"
	" PRIMARY KEY(market, since)) STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER price_unchanged BEFORE UPDATE ON price BEGIN"
	" SELECT RAISE(ABORT, 'a price that is kept does not change'); END;"
	"CREATE TRIGGER price_kept BEFORE DELETE ON price BEGIN"
	" SELECT RAISE(ABORT, 'a price that is kept does not go'); END;"
	"PRAGMA application_id = 1735423331;"
	"PRAGMA user_version = 1;"
	"COMMIT;";

/* What is to be done about a broken journal is no help here. */
int archive_failed(struct error *err)
{
	if (strstr(err->message, "is corrupt"))
		error_hint(err, "move it out of the way and run: gpucloud history --sync");
	if (err->kind != ERROR_NOT_FOUND && !strstr(err->message, "price archive"))
		error_prefix(err, "price archive");
	return -1;
}

int archive_prepare(struct price_archive *archive, const char *sql, struct db_stmt **ret,
		    struct error *err)
{
	return db_prepare(archive->db, sql, ret, err) < 0 ? archive_failed(err) : 0;
}

int archive_one(struct db_stmt *stmt, int64_t *ret, struct error *err)
{
	int rc = db_step(stmt, err);

	if (rc == 1 && ret)
		*ret = db_int64(stmt, 0);
	db_finalize(stmt);
	return rc < 0 ? archive_failed(err) : rc;
}

int archive_refuse(const struct price_archive *archive, const char *field, struct error *err)
{
	error_set(err, ERROR_IO, "price archive '%.200s': '%s' holds what cannot be", archive->path,
		  field);
	return error_hint(err, "move it out of the way and run: gpucloud history --sync");
}

static int check_currency(struct db *db, const char *path, struct error *err)
{
	struct db_stmt *stmt;
	int rc = -1;

	if (db_prepare(db, "SELECT value FROM about WHERE key = 'currency'", &stmt, err) < 0)
		return -1;
	int found = db_step(stmt, err);
	const char *currency = found == 1 ? db_text(stmt, 0) : NULL;
	if (found >= 0 && text_equal(currency, CURRENCY))
		rc = 0;
	else if (found >= 0)
		error_set(err, ERROR_IO,
			  "price archive '%.200s' is in the currency '%.8s', and not in " CURRENCY,
			  path, currency && text_is_token(currency, "", 8) ? currency : "?");
	db_finalize(stmt);
	return rc;
}

static int check_version(struct db *db, const char *path, struct error *err)
{
	struct db_stmt *stmt;
	int64_t version = 0;

	if (db_prepare(db, "PRAGMA user_version", &stmt, err) < 0 ||
	    archive_one(stmt, &version, err) < 0)
		return -1;
	if (version == VERSION)
		return check_currency(db, path, err);
	error_set(err, ERROR_IO, "price archive '%.200s' has version %lld, this gpucloud knows %d",
		  path, (long long)version, VERSION);
	return error_hint(err, "use the newer gpucloud that wrote it");
}

/*
 * Is the file one of ours? SQLite is not asked, as it would write to what it opens.
 * https://www.sqlite.org/fileformat2.html#the_database_header
 */
static int check_header(const char *path, struct error *err)
{
	unsigned char header[HEADER_BYTES];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT) {
		error_set(err, ERROR_NOT_FOUND, "there is no price archive yet: '%.200s'", path);
		return error_hint(err, "gpucloud history --sync");
	}
	if (fd < 0)
		return error_errno(err, ERROR_IO, "cannot open '%.200s'", path);
	ssize_t n = read(fd, header, sizeof(header));
	close(fd);
	if (n != HEADER_BYTES || memcmp(header, magic, sizeof(magic)) != 0)
		return error_set(err, ERROR_IO, "'%.200s' is corrupt, or no database", path);
	if (memcmp(header + HEADER_APPLICATION, APPLICATION, 4) == 0)
		return 0;
	error_set(err, ERROR_IO, "'%.200s' is a database of another program", path);
	return error_hint(err, "it is left as it is; move it out of the way");
}

static void remove_old(const char *path, const char *const *suffixes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		char *old = xasprintf("%s%s", path, suffixes[i]);

		unlink(old);
		free(old);
	}
}

/* Under another name, so that the file is whole and ours from the moment on that it is there. */
static int make_file(const char *path, struct error *err)
{
	static const char *const suffixes[] = { "-wal", "-shm", "-journal", "" };
	char *fresh = xasprintf("%s.new", path);
	struct db *db = NULL;

	remove_old(fresh, suffixes, ARRAY_SIZE(suffixes)); /* of one who was killed at it */
	int rc = db_open(fresh, NULL, false, &db, err);
	if (rc == 0)
		rc = db_exec(db, schema, err);
	db_close(db);
	if (rc == 0)
		rc = check_header(fresh, err); /* it is in the file, no more in its log */
	if (rc == 0)
		/* The log of a file that was moved away would be played into the new one. */
		remove_old(path, suffixes, ARRAY_SIZE(suffixes) - 1);
	if (rc == 0 && rename(fresh, path) < 0)
		rc = error_errno(err, ERROR_IO, "cannot make '%.200s'", path);
	if (rc == 0)
		rc = dir_sync_of(path, err);
	free(fresh);
	return rc;
}

/* One at a time: who comes second finds it made. */
static int make_once(const char *path, struct error *err)
{
	char *lock = xasprintf("%s.lock", path);
	struct error there = ERROR_INIT;
	int fd = wait_lock(lock, err);
	int rc = fd < 0 ? -1 : 0;

	if (rc == 0 && check_header(path, &there) < 0) {
		if (there.kind == ERROR_NOT_FOUND) {
			rc = make_file(path, err);
		} else {
			*err = there;
			rc = -1;
		}
	}
	if (fd >= 0) {
		unlink(lock); /* before it is let go: a waiter sees that the file is there */
		close(fd);
	}
	free(lock);
	return rc;
}

static int open_file(struct price_archive *archive, bool write, struct error *err)
{
	if (write && dir_make(archive->fleet->paths->data, err) < 0)
		return -1;
	if (check_header(archive->path, err) < 0) {
		if (!write || err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
		if (make_once(archive->path, err) < 0)
			return -1;
	}
	if (db_open(archive->path, NULL, !write, &archive->db, err) < 0)
		return -1;
	return check_version(archive->db, archive->path, err);
}

int price_archive_open(struct fleet *fleet, bool write, struct price_archive **ret,
		       struct error *err)
{
	struct price_archive *archive = xcalloc(1, sizeof(*archive));

	archive->fleet = fleet;
	archive->path = xasprintf("%s/prices.db", fleet->paths->data);
	if (open_file(archive, write, err) < 0) {
		price_archive_close(archive);
		return archive_failed(err);
	}
	*ret = archive;
	return 0;
}

void price_archive_close(struct price_archive *archive)
{
	if (!archive)
		return;
	db_close(archive->db);
	free(archive->path);
	free(archive);
}

int archive_cloud(struct price_archive *archive, const struct market_query *query, bool make,
		  int64_t *ret, struct error *err)
{
	struct fleet *fleet = archive->fleet;
	const char *region = query->nr_regions ? query->regions[0] : NULL;
	const char *endpoint;
	struct db_stmt *stmt;

	if (!region && fleet->ops->default_region(fleet->provider, &region, err) < 0)
		return -1;
	if (fleet->ops->endpoint(fleet->provider, region, &endpoint, err) < 0)
		return -1;
	if (!http_url_is_loopback(endpoint))
		endpoint = "";
	for (int pass = make ? 0 : 1; pass < 2; pass++) {
		static const char *const sql[] = {
			"INSERT OR IGNORE INTO cloud(provider, endpoint) VALUES(?1, ?2)",
			"SELECT id FROM cloud WHERE provider = ?1 AND endpoint = ?2",
		};

		if (archive_prepare(archive, sql[pass], &stmt, err) < 0)
			return -1;
		db_bind_text(stmt, 1, fleet->ops->name);
		db_bind_text(stmt, 2, endpoint);
		*ret = 0;
		if (archive_one(stmt, ret, err) < 0)
			return -1;
	}
	return 0;
}

int archive_market(struct price_archive *archive, int64_t cloud, const struct offer *offer,
		   int64_t *ret, struct error *err)
{
	struct db_stmt *stmt;

	if (archive_prepare(archive,
			    "SELECT id FROM market"
			    " WHERE cloud = ?1 AND product = ?2 AND type = ?3 AND region = ?4",
			    &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 1, cloud);
	db_bind_text(stmt, 2, MARKET_PRODUCT);
	db_bind_text(stmt, 3, offer->type);
	db_bind_text(stmt, 4, offer->region);
	*ret = 0;
	return archive_one(stmt, ret, err) < 0 ? -1 : 0;
}
