/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/money.h"
#include "fleet/journal_internal.h"
#include "providers/provider.h"

#define REPAIR "gpucloud journal --repair"

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
	    journal_schema(journal->db, path, err) < 0) {
		error_prefix(err, "journal");
		if (strcmp(err->code, DB_CORRUPT) == 0)
			error_hint(err, REPAIR);
		else if (!err->hint[0])
			error_hint(err, "nothing is launched without a journal; look at '%s'", dir);
		journal_close(journal);
	} else {
		db_corrupt_hint(journal->db, REPAIR);
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
	journal_drop_claims(journal);
	db_close(journal->db);
	free(journal->token);
	free(journal->region);
	free(journal->zone);
	free(journal->dir);
	free(journal);
}

int journal_run(struct db_stmt *stmt, struct error *err)
{
	int rc = db_step(stmt, err);

	db_finalize(stmt);
	return rc < 0 ? error_prefix(err, "journal") : 0;
}

int journal_atomic(struct journal *journal, struct error *err)
{
	return db_exec(journal->db, "BEGIN IMMEDIATE", err) < 0 ? error_prefix(err, "journal") : 0;
}

int journal_commit(struct journal *journal, int rc, struct error *err)
{
	struct error ignored = ERROR_INIT;

	if (rc == 0 && db_exec(journal->db, "COMMIT", err) == 0)
		return 0;
	if (rc == 0)
		error_prefix(err, "journal");
	db_exec(journal->db, "ROLLBACK", &ignored);
	return -1;
}

int64_t journal_now(const struct journal *journal)
{
	return clock_now(journal->clock) + journal->skew_s;
}

void journal_skew(struct journal *journal, int64_t skew_s)
{
	journal->skew_s = skew_s;
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
	db_bind_int64(stmt, 10, row->began ? row->began : journal_now(journal));
	db_bind_int64(stmt, 11, LAUNCH_OPEN);
	return journal_run(stmt, err);
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
	db_bind_int64(stmt, 9, journal_now(journal));
	return journal_run(stmt, err);
}

static int set_made(struct journal *journal, const char *launch_id, const char *instance_id,
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
	if (journal_run(stmt, err) < 0)
		return -1;
	if (db_prepare(journal->db,
		       "UPDATE step SET outcome = 'done', id = ?, answered = ? WHERE launch = ?"
		       " AND kind = 'instance' AND zone = ? AND outcome IS NULL",
		       &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, instance_id);
	db_bind_int64(stmt, 2, journal_now(journal));
	db_bind_text(stmt, 3, launch_id);
	db_bind_text(stmt, 4, zone);
	return journal_run(stmt, err);
}

static int set_done(struct journal *journal, const char *kind, const char *name, const char *id,
		    struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       "UPDATE step SET outcome = 'done', id = ?, answered = ?"
		       " WHERE launch = ? AND kind = ? AND name = ?",
		       &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, id);
	db_bind_int64(stmt, 2, journal_now(journal));
	db_bind_text(stmt, 3, journal->launch_id);
	db_bind_text(stmt, 4, kind);
	db_bind_text(stmt, 5, name);
	return journal_run(stmt, err);
}

/*
 * Both or none: an attempt that is answered, of a launch that knows no instance, would be taken for
 * one that made nothing.
 */
static int step_done(void *ctx, const char *kind, const char *name, const char *id,
		     struct error *err)
{
	struct journal *journal = ctx;

	if (strcmp(kind, "instance") != 0)
		return set_done(journal, kind, name, id, err);
	if (journal_atomic(journal, err) < 0)
		return -1;
	int rc = set_done(journal, kind, name, id, err);
	if (rc == 0)
		rc = set_made(journal, journal->launch_id, id, journal->zone, err);
	return journal_commit(journal, rc, err);
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
	if (journal_atomic(journal, err) < 0)
		return -1;
	return journal_commit(journal, set_made(journal, launch_id, instance_id, zone, err), err);
}

static int set_finished(struct journal *journal, const char *launch_id, enum launch_state state,
			struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       "UPDATE step SET outcome = 'void', answered = ? WHERE launch = ?"
		       " AND outcome IS NULL",
		       &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 1, journal_now(journal));
	db_bind_text(stmt, 2, launch_id);
	if (journal_run(stmt, err) < 0)
		return -1;
	if (db_prepare(journal->db, "UPDATE launch SET state = ?, ended = ? WHERE id = ?", &stmt,
		       err) < 0)
		return -1;
	db_bind_int64(stmt, 1, state);
	db_bind_int64(stmt, 2, journal_now(journal));
	db_bind_text(stmt, 3, launch_id);
	if (journal_run(stmt, err) < 0)
		return -1;
	/* Of one that was launched elsewhere nothing else is kept, and nobody would retire it. */
	if (db_prepare(journal->db,
		       "DELETE FROM label WHERE launch = ?1"
		       " AND NOT EXISTS (SELECT 1 FROM launch WHERE id = ?1)",
		       &stmt, err) < 0)
		return -1;
	db_bind_text(stmt, 1, launch_id);
	return journal_run(stmt, err);
}

int journal_finish(struct journal *journal, const char *launch_id, enum launch_state state,
		   struct error *err)
{
	if (journal_atomic(journal, err) < 0)
		return -1;
	return journal_commit(journal, set_finished(journal, launch_id, state, err), err);
}

int journal_attempt_failed(struct journal *journal, const char *token, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       "UPDATE step SET outcome = 'failed', answered = ?"
		       " WHERE kind = 'instance' AND name = ?",
		       &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 1, journal_now(journal));
	db_bind_text(stmt, 2, token);
	return journal_run(stmt, err);
}
