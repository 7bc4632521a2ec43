/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/idle_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/db.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "fleet/probe.h"

#define FORGET_S INT64_C(2678400) /* 31 days: of machines that nobody looks at any more */

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS look("
	" scope TEXT NOT NULL, instance TEXT NOT NULL, taken INTEGER NOT NULL,"
	" whole INTEGER NOT NULL, trouble TEXT NOT NULL, text TEXT NOT NULL,"
	" PRIMARY KEY(scope, instance, taken)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS mark("
	" scope TEXT NOT NULL, instance TEXT NOT NULL, kind INTEGER NOT NULL, at INTEGER NOT NULL,"
	" PRIMARY KEY(scope, instance, kind)) STRICT, WITHOUT ROWID;"
	"PRAGMA user_version = 1;"
	"COMMIT;";

struct idle_store {
	struct db *db;
};

/* Runs to its end and lets go of it. */
static int finish(struct db_stmt *stmt, struct error *err)
{
	int rc;

	do {
		rc = db_step(stmt, err);
	} while (rc == 1);
	db_finalize(stmt);
	return rc;
}

static int check(struct db *db, bool *corrupt, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(db, "PRAGMA quick_check(1)", &stmt, err) < 0)
		return -1;
	int rc = db_step(stmt, err);
	const char *word = rc == 1 ? db_text(stmt, 0) : NULL;
	*corrupt = rc == 1 && (!word || strcmp(word, "ok") != 0);
	db_finalize(stmt);
	return rc < 0 || *corrupt ? -1 : 0;
}

static int open_once(const char *path, bool *corrupt, struct db **ret, struct error *err)
{
	struct db *db = NULL;
	int rc = db_open(path, NULL, false, &db, err);

	*corrupt = false;
	if (rc == 0)
		rc = check(db, corrupt, err);
	if (rc == 0)
		rc = db_exec(db, schema, err);
	if (rc == 0) {
		*ret = db;
		return 0;
	}
	*corrupt |= strcmp(err->code, DB_CORRUPT) == 0;
	db_close(db);
	return -1;
}

static int set_aside(const char *path, struct error *err)
{
	char *other = xasprintf("%s.corrupt", path), *wal = xasprintf("%s-wal", path);
	char *shm = xasprintf("%s-shm", path);
	int rc = 0;

	if (rename(path, other) < 0)
		rc = error_errno(err, ERROR_IO, "cannot rename '%s'", path);
	unlink(wal);
	unlink(shm);
	free(other);
	free(wal);
	free(shm);
	return rc;
}

int idle_store_open(const char *dir, bool *aside, struct idle_store **ret, struct error *err)
{
	char *path = xasprintf("%s/samples.db", dir);
	struct error why = ERROR_INIT;
	struct db *db = NULL;
	bool corrupt = false;
	int rc = dir_make(dir, err);

	*aside = false;
	if (rc == 0 && open_once(path, &corrupt, &db, &why) < 0) {
		*err = why;
		rc = -1;
		if (corrupt && set_aside(path, err) == 0) {
			*aside = true;
			rc = open_once(path, &corrupt, &db, err);
		}
	}
	free(path);
	if (rc < 0)
		return -1;
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->db = db;
	return 0;
}

void idle_store_close(struct idle_store *store)
{
	if (!store)
		return;
	db_close(store->db);
	free(store);
}

static int prune(struct idle_store *store, const char *scope, const char *instance, int64_t taken,
		 int64_t keep_s, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(store->db,
		       "DELETE FROM look WHERE (scope = ?1 AND instance = ?2 AND taken < ?3)"
		       " OR taken < ?4",
		       &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, scope);
	db_bind_text(stmt, 2, instance);
	db_bind_int64(stmt, 3, taken - keep_s);
	db_bind_int64(stmt, 4, taken - FORGET_S);
	return finish(stmt, err);
}

int idle_store_add(struct idle_store *store, const char *scope, const char *instance,
		   const struct probe *look, int64_t keep_s, struct error *err)
{
	struct buf text = BUF_INIT;
	struct db_stmt *stmt;

	if (db_prepare(store->db,
		       "INSERT OR REPLACE INTO look(scope, instance, taken, whole, trouble, text)"
		       " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
		       &stmt, err) < 0)
		return -1;
	probe_write(look, &text);
	db_bind_text(stmt, 1, scope);
	db_bind_text(stmt, 2, instance);
	db_bind_int64(stmt, 3, look->taken);
	db_bind_int64(stmt, 4, look->whole);
	db_bind_text(stmt, 5, look->trouble);
	db_bind_text(stmt, 6, text.data);
	int rc = finish(stmt, err);
	buf_release(&text);
	if (rc < 0)
		return -1;
	return prune(store, scope, instance, look->taken, keep_s, err);
}

/* What was kept is read as strictly as it was the first time. */
static void read_row(struct db_stmt *stmt, struct probe *look)
{
	const char *text = db_text(stmt, 3), *trouble = db_text(stmt, 2);

	probe_read(text ? text : "", text ? strlen(text) : 0, db_int64(stmt, 0), look);
	look->whole &= db_int64(stmt, 1) != 0;
	if (!look->whole)
		snprintf(look->trouble, sizeof(look->trouble), "%.150s", trouble ? trouble : "");
}

int idle_store_looks(struct idle_store *store, const char *scope, const char *instance,
		     int64_t since, struct probe **ret, size_t *ret_nr, struct error *err)
{
	struct db_stmt *stmt;
	struct probe *v = NULL;
	size_t nr = 0, cap = 0;
	int rc;

	if (db_prepare(
		    store->db,
		    "SELECT taken, whole, trouble, text FROM (SELECT * FROM look WHERE scope = ?1"
		    " AND instance = ?2 AND taken >= ?3 ORDER BY taken DESC LIMIT ?4)"
		    " ORDER BY taken",
		    &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, scope);
	db_bind_text(stmt, 2, instance);
	db_bind_int64(stmt, 3, since);
	db_bind_int64(stmt, 4, IDLE_LOOKS_MAX);
	while ((rc = db_step(stmt, err)) == 1) {
		v = xgrow(v, nr, &cap, sizeof(*v));
		read_row(stmt, &v[nr++]);
	}
	db_finalize(stmt);
	if (rc < 0) {
		free(v);
		return -1;
	}
	*ret = v;
	*ret_nr = nr;
	return 0;
}

int idle_store_mark(struct idle_store *store, const char *scope, const char *instance,
		    enum idle_mark mark, int64_t at, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(store->db,
		       at ? "INSERT OR REPLACE INTO mark(scope, instance, kind, at)"
			    " VALUES(?1, ?2, ?3, ?4)"
			  : "DELETE FROM mark WHERE scope = ?1 AND instance = ?2 AND kind = ?3",
		       &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, scope);
	db_bind_text(stmt, 2, instance);
	db_bind_int64(stmt, 3, mark);
	if (at)
		db_bind_int64(stmt, 4, at);
	return finish(stmt, err);
}

int idle_store_marked(struct idle_store *store, const char *scope, const char *instance,
		      enum idle_mark mark, int64_t *ret, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(store->db,
		       "SELECT at FROM mark WHERE scope = ?1 AND instance = ?2 AND kind = ?3",
		       &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, scope);
	db_bind_text(stmt, 2, instance);
	db_bind_int64(stmt, 3, mark);
	int rc = db_step(stmt, err);
	if (rc >= 0)
		*ret = rc == 1 ? db_int64(stmt, 0) : 0;
	db_finalize(stmt);
	return rc < 0 ? -1 : 0;
}

int idle_store_forget(struct idle_store *store, const char *scope, const char *instance,
		      struct error *err)
{
	static const char *const sql[] = {
		"DELETE FROM look WHERE scope = ?1 AND instance = ?2",
		"DELETE FROM mark WHERE scope = ?1 AND instance = ?2",
	};

	for (size_t i = 0; i < ARRAY_SIZE(sql); i++) {
		struct db_stmt *stmt;

		if (db_prepare(store->db, sql[i], &stmt, err) < 0)
			return -1;
		db_bind_text(stmt, 1, scope);
		db_bind_text(stmt, 2, instance);
		if (finish(stmt, err) < 0)
			return -1;
	}
	return 0;
}
