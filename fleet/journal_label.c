/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/journal_label.h"

#include <string.h>

#include "core/error.h"
#include "fleet/journal_internal.h"
#include "providers/provider.h"

void label_rows_release(struct label_rows *rows)
{
	arena_release(&rows->arena);
	rows->v = NULL;
	rows->nr = 0;
}

int journal_labels(struct journal *journal, const struct label_scope *scope, struct label_rows *ret,
		   struct error *err)
{
	struct label_rows rows = { 0 };
	struct db_stmt *stmt;
	size_t cap = 0;
	int rc;

	if (db_prepare(journal->db,
		       "SELECT launch, key, value FROM label WHERE provider = ? AND account = ?"
		       " ORDER BY launch, key",
		       &stmt, err) < 0)
		return error_prefix(err, "journal");
	db_bind_text(stmt, 1, scope->provider);
	db_bind_text(stmt, 2, scope->account);
	while ((rc = db_step(stmt, err)) == 1) {
		rows.v = arena_grow(&rows.arena, rows.v, rows.nr, &cap, sizeof(*rows.v));
		rows.v[rows.nr++] = (struct label_row){
			.launch_id = arena_strdup(&rows.arena, journal_text(stmt, 0)),
			.key = arena_strdup(&rows.arena, journal_text(stmt, 1)),
			.value = arena_strdup(&rows.arena, journal_text(stmt, 2)),
		};
	}
	db_finalize(stmt);
	if (rc < 0) {
		label_rows_release(&rows);
		return error_prefix(err, "journal");
	}
	*ret = rows;
	return 0;
}

static int put(struct journal *journal, const char *sql, const struct label_scope *scope,
	       const char *launch_id, const struct tag *tag, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db, sql, &stmt, err) < 0)
		return error_prefix(err, "journal");
	db_bind_text(stmt, 1, scope->provider);
	db_bind_text(stmt, 2, scope->account);
	db_bind_text(stmt, 3, launch_id);
	db_bind_text(stmt, 4, tag->key);
	db_bind_text(stmt, 5, tag->value);
	return journal_run(stmt, err);
}

int journal_label_set(struct journal *journal, const struct label_scope *scope,
		      const char *launch_id, const struct tag *tag, struct error *err)
{
	return put(journal,
		   "INSERT INTO label(provider, account, launch, key, value) VALUES(?, ?, ?, ?, ?)"
		   " ON CONFLICT(provider, account, launch, key)"
		   " DO UPDATE SET value = excluded.value",
		   scope, launch_id, tag, err);
}

int journal_labels_begin(struct journal *journal, const struct label_scope *scope,
			 const char *launch_id, const struct tag *tags, size_t nr,
			 struct error *err)
{
	int rc = 0;

	if (journal_atomic(journal, err) < 0)
		return -1;
	for (size_t i = 0; i < nr && rc == 0; i++)
		rc = put(journal,
			 "INSERT INTO label(provider, account, launch, key, value)"
			 " VALUES(?, ?, ?, ?, ?)"
			 " ON CONFLICT(provider, account, launch, key) DO NOTHING",
			 scope, launch_id, &tags[i], err);
	return journal_commit(journal, rc, err);
}

/* Those that were never seen; the table's rows that may still matter are few. */
static int unseen(struct journal *journal, struct arena *arena, const char ***ret, size_t *ret_nr,
		  struct error *err)
{
	const char **ids = NULL;
	struct db_stmt *stmt;
	size_t nr = 0, cap = 0;
	int rc;

	if (db_prepare(journal->db, "SELECT id FROM launch WHERE state IN (?, ?) AND listed = 0",
		       &stmt, err) < 0)
		return error_prefix(err, "journal");
	db_bind_int64(stmt, 1, LAUNCH_OPEN);
	db_bind_int64(stmt, 2, LAUNCH_LIVE);
	while ((rc = db_step(stmt, err)) == 1) {
		ids = arena_grow(arena, ids, nr, &cap, sizeof(*ids));
		ids[nr++] = arena_strdup(arena, journal_text(stmt, 0));
	}
	db_finalize(stmt);
	*ret = ids;
	*ret_nr = nr;
	return rc < 0 ? error_prefix(err, "journal") : 0;
}

static int set_listed(struct journal *journal, const char *launch_id, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db, "UPDATE launch SET listed = 1 WHERE id = ?", &stmt, err) < 0)
		return error_prefix(err, "journal");
	db_bind_text(stmt, 1, launch_id);
	return journal_run(stmt, err);
}

int journal_listed(struct journal *journal, const char *const *launch_ids, size_t nr,
		   struct error *err)
{
	struct arena arena = { 0 };
	const char **ids;
	size_t nr_ids;
	int rc = unseen(journal, &arena, &ids, &nr_ids, err);

	for (size_t i = 0; rc == 0 && i < nr_ids; i++)
		for (size_t k = 0; rc == 0 && k < nr; k++)
			if (strcmp(ids[i], launch_ids[k]) == 0)
				rc = set_listed(journal, ids[i], err);
	arena_release(&arena);
	return rc;
}
