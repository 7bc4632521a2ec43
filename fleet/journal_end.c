/* SPDX-License-Identifier: Apache-2.0 */
/* The ends in the journal: asked for, and not finished yet. */
#include "core/arena.h"
#include "core/error.h"
#include "fleet/journal_internal.h"

int journal_ending(struct journal *journal, const char *launch_id, const char *instance_id,
		   struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       "INSERT INTO step(launch, kind, name, region, zone, max_price, price,"
		       " sha256, began) SELECT id, 'end', ?, region, zone, -1, -1, '', ?"
		       " FROM launch WHERE id = ?"
		       " ON CONFLICT(launch, kind, name) DO UPDATE SET began = excluded.began,"
		       " answered = NULL, outcome = NULL",
		       &stmt, err) < 0)
		return error_prefix(err, "journal");
	db_bind_text(stmt, 1, instance_id);
	db_bind_int64(stmt, 2, journal_now(journal));
	db_bind_text(stmt, 3, launch_id);
	return journal_run(stmt, err);
}

int journal_end_settled(struct journal *journal, const char *launch_id, bool ended,
			struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       "UPDATE step SET outcome = ?, answered = ?"
		       " WHERE launch = ? AND kind = 'end' AND outcome IS NULL",
		       &stmt, err) < 0)
		return error_prefix(err, "journal");
	db_bind_text(stmt, 1, ended ? "done" : "void");
	db_bind_int64(stmt, 2, journal_now(journal));
	db_bind_text(stmt, 3, launch_id);
	return journal_run(stmt, err);
}

int journal_endings(struct journal *journal, struct arena *arena, struct end_row **ret,
		    size_t *ret_nr, struct error *err)
{
	struct end_row *rows = NULL;
	struct db_stmt *stmt;
	size_t nr = 0, cap = 0;
	int rc;

	if (db_prepare(journal->db,
		       "SELECT step.launch, step.began FROM step JOIN launch ON launch.id = launch"
		       " WHERE kind = 'end' AND outcome IS NULL AND state = ? ORDER BY seq",
		       &stmt, err) < 0)
		return error_prefix(err, "journal");
	db_bind_int64(stmt, 1, LAUNCH_LIVE);
	while ((rc = db_step(stmt, err)) == 1) {
		rows = arena_grow(arena, rows, nr, &cap, sizeof(*rows));
		rows[nr++] = (struct end_row){ arena_strdup(arena, journal_text(stmt, 0)),
					       db_int64(stmt, 1) };
	}
	db_finalize(stmt);
	if (rc < 0)
		return error_prefix(err, "journal");
	*ret = rows;
	*ret_nr = nr;
	return 0;
}
