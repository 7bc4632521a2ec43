/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/db.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/text.h"
#include "providers/provider.h"

#define LAUNCH_ID_MAX 64
#define CLAIM_KEY_MAX 80
#define CLAIMS_MAX    16

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS launch("
	" id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, provider TEXT NOT NULL,"
	" account TEXT NOT NULL, region TEXT NOT NULL, type TEXT NOT NULL,"
	" spot INTEGER NOT NULL, on_demand INTEGER NOT NULL, began INTEGER NOT NULL,"
	" state INTEGER NOT NULL, instance TEXT NOT NULL DEFAULT '',"
	" zone TEXT NOT NULL DEFAULT '', price INTEGER NOT NULL DEFAULT -1, ended INTEGER) STRICT;"
	"CREATE INDEX IF NOT EXISTS launch_state ON launch(state, name);"
	"CREATE INDEX IF NOT EXISTS launch_instance ON launch(instance);"
	"CREATE TABLE IF NOT EXISTS step("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT, launch TEXT NOT NULL REFERENCES launch(id),"
	" kind TEXT NOT NULL, name TEXT NOT NULL, region TEXT NOT NULL, zone TEXT NOT NULL,"
	" max_price INTEGER NOT NULL, price INTEGER NOT NULL, sha256 TEXT NOT NULL,"
	" began INTEGER NOT NULL, answered INTEGER, outcome TEXT, id TEXT,"
	" UNIQUE(launch, kind, name)) STRICT;"
	"PRAGMA user_version = 1;"
	"COMMIT;";

struct claim {
	char key[CLAIM_KEY_MAX]; /* a launch id, or "name.NAME" */
	int fd;
};

struct journal {
	struct db *db;
	const struct clock *clock;
	char *dir;
	struct claim claims[CLAIMS_MAX];
	size_t nr_claims;
	/* The attempt at work, copied. */
	char launch_id[LAUNCH_ID_MAX];
	char *token, *region, *zone;
	int64_t max_price, price;
};

void launch_rows_release(struct launch_rows *rows)
{
	arena_release(&rows->arena);
	rows->v = NULL;
	rows->nr = 0;
}

static char *lock_path(const struct journal *journal, const char *key)
{
	return xasprintf("%s/locks/%s", journal->dir, key);
}

static int claim(struct journal *journal, const char *key, struct error *err)
{
	if (journal->nr_claims == CLAIMS_MAX)
		return 0;
	char *path = lock_path(journal, key);
	int fd = file_lock(path, err);
	free(path);
	if (fd == -2)
		return 0;
	if (fd < 0)
		return -1;
	struct claim *claimed = &journal->claims[journal->nr_claims++];
	snprintf(claimed->key, sizeof(claimed->key), "%s", key);
	claimed->fd = fd;
	return 1;
}

static void unclaim(struct journal *journal, const char *key)
{
	for (size_t i = 0; i < journal->nr_claims; i++) {
		struct claim *claimed = &journal->claims[i];

		if (strcmp(claimed->key, key) != 0)
			continue;
		char *path = lock_path(journal, key);
		unlink(path); /* before the lock goes: a waiter then makes a new file */
		free(path);
		close(claimed->fd);
		memmove(claimed, claimed + 1, (journal->nr_claims - i - 1) * sizeof(*claimed));
		journal->nr_claims--;
		return;
	}
}

int journal_claim(struct journal *journal, const char *launch_id, struct error *err)
{
	if (!text_is_token(launch_id, "-", LAUNCH_ID_MAX - 1))
		return error_set(err, ERROR_IO, "journal: launch id is not one of ours");
	return claim(journal, launch_id, err);
}

void journal_unclaim(struct journal *journal, const char *launch_id)
{
	unclaim(journal, launch_id);
}

static void name_key(const char *name, char key[CLAIM_KEY_MAX])
{
	snprintf(key, CLAIM_KEY_MAX, "name.%s", name);
}

int journal_claim_name(struct journal *journal, const char *name, struct error *err)
{
	char key[CLAIM_KEY_MAX];

	if (!text_is_label(name))
		return error_set(err, ERROR_USAGE, "'%.80s' is not a name", name);
	name_key(name, key);
	return claim(journal, key, err);
}

void journal_unclaim_name(struct journal *journal, const char *name)
{
	char key[CLAIM_KEY_MAX];

	name_key(name, key);
	unclaim(journal, key);
}

int journal_open(const char *dir, const char *vfs, const struct clock *clock, struct journal **ret,
		 struct error *err)
{
	struct journal *journal = xcalloc(1, sizeof(*journal));
	char *locks = xasprintf("%s/locks", dir);
	char *path = xasprintf("%s/journal.db", dir);
	int rc = -1;

	journal->dir = xstrdup(dir);
	journal->clock = clock;
	if (dir_make(dir, err) < 0 || dir_make(locks, err) < 0 ||
	    db_open(path, vfs, false, &journal->db, err) < 0 ||
	    db_exec(journal->db, schema, err) < 0) {
		error_prefix(err, "journal");
		if (!err->hint[0])
			error_hint(err,
				   "nothing is launched without a journal; repair or move '%s'",
				   dir);
		journal_close(journal);
	} else {
		*ret = journal;
		rc = 0;
	}
	free(path);
	free(locks);
	return rc;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	while (journal->nr_claims)
		unclaim(journal, journal->claims[0].key);
	db_close(journal->db);
	free(journal->token);
	free(journal->region);
	free(journal->zone);
	free(journal->dir);
	free(journal);
}

/* Runs one prepared statement to its end. */
static int run(struct db_stmt *stmt, struct error *err)
{
	int rc = db_step(stmt, err);

	db_finalize(stmt);
	return rc < 0 ? error_prefix(err, "journal") : 0;
}

static int64_t now(const struct journal *journal)
{
	return clock_now(journal->clock);
}

int journal_begin(struct journal *journal, const struct launch_row *row, struct error *err)
{
	int claimed = journal_claim(journal, row->id, err);

	if (claimed < 0)
		return -1;
	if (!claimed)
		return error_set(err, ERROR_IO, "journal: launch '%s' is already at work", row->id);
	struct db_stmt *stmt;
	if (db_prepare(journal->db,
		       "INSERT INTO launch(id, name, owner, provider, account, region, type, spot,"
		       " on_demand, began, state) VALUES(?,?,?,?,?,?,?,?,?,?,?)",
		       &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, row->id);
	db_bind_text(stmt, 2, row->name);
	db_bind_text(stmt, 3, row->owner);
	db_bind_text(stmt, 4, row->provider);
	db_bind_text(stmt, 5, row->account);
	db_bind_text(stmt, 6, row->region);
	db_bind_text(stmt, 7, row->type);
	db_bind_int64(stmt, 8, row->spot);
	db_bind_int64(stmt, 9, row->on_demand);
	db_bind_int64(stmt, 10, row->began ? row->began : now(journal));
	db_bind_int64(stmt, 11, LAUNCH_OPEN);
	return run(stmt, err);
}

static void replace(char **slot, const char *value)
{
	free(*slot);
	*slot = xstrdup(value);
}

void journal_attempt(struct journal *journal, const char *launch_id,
		     const struct attempt_row *attempt)
{
	snprintf(journal->launch_id, sizeof(journal->launch_id), "%s", launch_id);
	replace(&journal->token, attempt->token);
	replace(&journal->region, attempt->region);
	replace(&journal->zone, attempt->zone);
	journal->max_price = attempt->max_price;
	journal->price = attempt->price;
}

/*
 * A step that is there already is being repeated: the same hash may be sent again, another one must
 * not. 1: there, same; 0: not there.
 */
static int step_known(struct journal *journal, const char *kind, const char *name,
		      const char *sha256, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       "SELECT sha256 FROM step WHERE launch = ? AND kind = ? AND name = ?", &stmt,
		       err) < 0)
		return -1;
	db_bind_text(stmt, 1, journal->launch_id);
	db_bind_text(stmt, 2, kind);
	db_bind_text(stmt, 3, name);
	int rc = db_step(stmt, err);
	if (rc == 1 && strcmp(db_text(stmt, 0), sha256) != 0)
		rc = error_set(err, ERROR_CONFLICT,
			       "%s '%s' was asked for before with other parameters", kind, name);
	db_finalize(stmt);
	return rc;
}

static int step_intend(void *ctx, const char *kind, const char *name, const char *sha256,
		       struct error *err)
{
	struct journal *journal = ctx;
	int known = step_known(journal, kind, name, sha256, err);

	if (known)
		return known < 0 ? -1 : 0;
	struct db_stmt *stmt;
	if (db_prepare(
		    journal->db,
		    "INSERT INTO step(launch, kind, name, region, zone, max_price, price, sha256,"
		    " began) VALUES(?,?,?,?,?,?,?,?,?)",
		    &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, journal->launch_id);
	db_bind_text(stmt, 2, kind);
	db_bind_text(stmt, 3, name);
	db_bind_text(stmt, 4, journal->region);
	db_bind_text(stmt, 5, journal->zone);
	db_bind_int64(stmt, 6, journal->max_price);
	db_bind_int64(stmt, 7, journal->price);
	db_bind_text(stmt, 8, sha256);
	db_bind_int64(stmt, 9, now(journal));
	return run(stmt, err);
}

static int step_done(void *ctx, const char *kind, const char *name, const char *id,
		     struct error *err)
{
	struct journal *journal = ctx;
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       "UPDATE step SET outcome = 'done', id = ?, answered = ?"
		       " WHERE launch = ? AND kind = ? AND name = ?",
		       &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, id);
	db_bind_int64(stmt, 2, now(journal));
	db_bind_text(stmt, 3, journal->launch_id);
	db_bind_text(stmt, 4, kind);
	db_bind_text(stmt, 5, name);
	if (run(stmt, err) < 0)
		return -1;
	if (strcmp(kind, "instance") != 0)
		return 0;
	return journal_made(journal, journal->launch_id, id, journal->zone, err);
}

struct launch_steps journal_steps(struct journal *journal)
{
	return (struct launch_steps){
		.ctx = journal,
		.intend = step_intend,
		.done = step_done,
	};
}

int journal_made(struct journal *journal, const char *launch_id, const char *instance_id,
		 const char *zone, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       "UPDATE launch SET state = ?, instance = ?, zone = ?, price = coalesce("
		       " (SELECT price FROM step WHERE launch = launch.id AND kind = 'instance'"
		       "  AND zone = ?3 ORDER BY seq DESC LIMIT 1), price) WHERE id = ?",
		       &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 1, LAUNCH_LIVE);
	db_bind_text(stmt, 2, instance_id);
	db_bind_text(stmt, 3, zone);
	db_bind_text(stmt, 4, launch_id);
	if (run(stmt, err) < 0)
		return -1;
	if (db_prepare(journal->db,
		       "UPDATE step SET outcome = 'done', id = ?, answered = ? WHERE launch = ?"
		       " AND kind = 'instance' AND zone = ? AND outcome IS NULL",
		       &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, instance_id);
	db_bind_int64(stmt, 2, now(journal));
	db_bind_text(stmt, 3, launch_id);
	db_bind_text(stmt, 4, zone);
	return run(stmt, err);
}

int journal_finish(struct journal *journal, const char *launch_id, enum launch_state state,
		   struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       "UPDATE step SET outcome = 'void', answered = ? WHERE launch = ?"
		       " AND outcome IS NULL",
		       &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 1, now(journal));
	db_bind_text(stmt, 2, launch_id);
	if (run(stmt, err) < 0)
		return -1;
	if (db_prepare(journal->db, "UPDATE launch SET state = ?, ended = ? WHERE id = ?", &stmt,
		       err) < 0)
		return -1;
	db_bind_int64(stmt, 1, state);
	db_bind_int64(stmt, 2, now(journal));
	db_bind_text(stmt, 3, launch_id);
	return run(stmt, err);
}

int journal_attempt_failed(struct journal *journal, const char *token, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       "UPDATE step SET outcome = 'failed', answered = ?"
		       " WHERE kind = 'instance' AND name = ?",
		       &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 1, now(journal));
	db_bind_text(stmt, 2, token);
	return run(stmt, err);
}

static int read_rows(struct db_stmt *stmt, struct launch_rows *ret, struct error *err)
{
	struct launch_rows rows = { 0 };
	size_t cap = 0;
	int rc;

	while ((rc = db_step(stmt, err)) == 1) {
		rows.v = arena_grow(&rows.arena, rows.v, rows.nr, &cap, sizeof(*rows.v));
		rows.v[rows.nr++] = (struct launch_row){
			.id = arena_strdup(&rows.arena, db_text(stmt, 0)),
			.name = arena_strdup(&rows.arena, db_text(stmt, 1)),
			.owner = arena_strdup(&rows.arena, db_text(stmt, 2)),
			.provider = arena_strdup(&rows.arena, db_text(stmt, 3)),
			.account = arena_strdup(&rows.arena, db_text(stmt, 4)),
			.region = arena_strdup(&rows.arena, db_text(stmt, 5)),
			.type = arena_strdup(&rows.arena, db_text(stmt, 6)),
			.spot = db_int64(stmt, 7) != 0,
			.on_demand = db_int64(stmt, 8),
			.began = db_int64(stmt, 9),
			.state = (enum launch_state)db_int64(stmt, 10),
			.instance = arena_strdup(&rows.arena, db_text(stmt, 11)),
			.zone = arena_strdup(&rows.arena, db_text(stmt, 12)),
			.price = db_int64(stmt, 13),
		};
	}
	db_finalize(stmt);
	if (rc < 0) {
		launch_rows_release(&rows);
		return error_prefix(err, "journal");
	}
	*ret = rows;
	return 0;
}

#define ROW_COLUMNS                                                                               \
	"SELECT id, name, owner, provider, account, region, type, spot, on_demand, began, state," \
	" instance, zone, price FROM launch "

int journal_launches(struct journal *journal, enum launch_state state, const char *name,
		     struct launch_rows *ret, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       ROW_COLUMNS "WHERE state = ? AND (? IS NULL OR name = ?2)"
				   " ORDER BY began DESC, rowid DESC",
		       &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 1, state);
	db_bind_text(stmt, 2, name);
	return read_rows(stmt, ret, err);
}

int journal_find_instance(struct journal *journal, const char *instance_id, struct launch_rows *ret,
			  struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db, ROW_COLUMNS "WHERE instance = ? ORDER BY began DESC", &stmt,
		       err) < 0)
		return -1;
	db_bind_text(stmt, 1, instance_id);
	return read_rows(stmt, ret, err);
}

int journal_open_attempt(struct journal *journal, const char *launch_id, struct arena *arena,
			 struct attempt_row *ret, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       "SELECT name, region, zone, max_price, price, began FROM step"
		       " WHERE launch = ? AND kind = 'instance' AND outcome IS NULL"
		       " ORDER BY seq DESC LIMIT 1",
		       &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, launch_id);
	int rc = db_step(stmt, err);
	if (rc == 1)
		*ret = (struct attempt_row){
			.token = arena_strdup(arena, db_text(stmt, 0)),
			.region = arena_strdup(arena, db_text(stmt, 1)),
			.zone = arena_strdup(arena, db_text(stmt, 2)),
			.max_price = db_int64(stmt, 3),
			.price = db_int64(stmt, 4),
			.began = db_int64(stmt, 5),
		};
	db_finalize(stmt);
	return rc < 0 ? error_prefix(err, "journal") : rc;
}
