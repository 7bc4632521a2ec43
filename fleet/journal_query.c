/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal holds: launches, attempts and steps. */
#include "core/arena.h"
#include "core/error.h"
#include "fleet/journal_internal.h"

const char *journal_text(struct db_stmt *stmt, int i)
{
	const char *text = db_text(stmt, i);

	return text ? text : "";
}

void launch_rows_release(struct launch_rows *rows)
{
	arena_release(&rows->arena);
	rows->v = NULL;
	rows->nr = 0;
}

static int read_rows(struct db_stmt *stmt, struct launch_rows *ret, struct error *err)
{
	struct launch_rows rows = { 0 };
	size_t cap = 0;
	int rc;

	while ((rc = db_step(stmt, err)) == 1) {
		rows.v = arena_grow(&rows.arena, rows.v, rows.nr, &cap, sizeof(*rows.v));
		rows.v[rows.nr++] = (struct launch_row){
			.id = arena_strdup(&rows.arena, journal_text(stmt, 0)),
			.name = arena_strdup(&rows.arena, journal_text(stmt, 1)),
			.owner = arena_strdup(&rows.arena, journal_text(stmt, 2)),
			.provider = arena_strdup(&rows.arena, journal_text(stmt, 3)),
			.account = arena_strdup(&rows.arena, journal_text(stmt, 4)),
			.region = arena_strdup(&rows.arena, journal_text(stmt, 5)),
			.type = arena_strdup(&rows.arena, journal_text(stmt, 6)),
			.spot = db_int64(stmt, 7) != 0,
			.on_demand = db_int64(stmt, 8),
			.began = db_int64(stmt, 9),
			.state = (enum launch_state)db_int64(stmt, 10),
			.instance = arena_strdup(&rows.arena, journal_text(stmt, 11)),
			.zone = arena_strdup(&rows.arena, journal_text(stmt, 12)),
			.price = db_int64(stmt, 13),
			.ended = db_int64(stmt, 14),
			.expires = db_int64(stmt, 15),
			.reason = arena_strdup(&rows.arena, journal_text(stmt, 16)),
			.listed = db_int64(stmt, 17) != 0,
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
	" instance, zone, price, ended, expires, reason, listed FROM launch "

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

int journal_all(struct journal *journal, const struct launch_filter *filter,
		struct launch_rows *ret, struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db,
		       ROW_COLUMNS "WHERE (?1 IS NULL OR id = ?1) AND (?2 IS NULL OR name = ?2)"
				   " AND (?3 IS NULL OR instance = ?3) AND (?4 = 0 OR began < ?4)"
				   " AND (?5 = 0 OR instance <> '') ORDER BY began, rowid",
		       &stmt, err) < 0)
		return error_prefix(err, "journal");
	db_bind_text(stmt, 1, filter->id);
	db_bind_text(stmt, 2, filter->name);
	db_bind_text(stmt, 3, filter->instance);
	db_bind_int64(stmt, 4, filter->until);
	db_bind_int64(stmt, 5, filter->made_only);
	return read_rows(stmt, ret, err);
}

void step_rows_release(struct step_rows *rows)
{
	arena_release(&rows->arena);
	rows->v = NULL;
	rows->nr = 0;
}

int journal_steps_of(struct journal *journal, const char *launch_id, struct step_rows *ret,
		     struct error *err)
{
	struct step_rows rows = { 0 };
	struct db_stmt *stmt;
	size_t cap = 0;
	int rc;

	if (db_prepare(journal->db,
		       "SELECT kind, name, zone, id, outcome, price, began, answered FROM step"
		       " WHERE launch = ? ORDER BY seq",
		       &stmt, err) < 0)
		return error_prefix(err, "journal");
	db_bind_text(stmt, 1, launch_id);
	while ((rc = db_step(stmt, err)) == 1) {
		rows.v = arena_grow(&rows.arena, rows.v, rows.nr, &cap, sizeof(*rows.v));
		rows.v[rows.nr++] = (struct step_row){
			.kind = arena_strdup(&rows.arena, journal_text(stmt, 0)),
			.name = arena_strdup(&rows.arena, journal_text(stmt, 1)),
			.zone = arena_strdup(&rows.arena, journal_text(stmt, 2)),
			.id = arena_strdup(&rows.arena, journal_text(stmt, 3)),
			.outcome = arena_strdup(&rows.arena, journal_text(stmt, 4)),
			.price = db_int64(stmt, 5),
			.began = db_int64(stmt, 6),
			.answered = db_int64(stmt, 7),
		};
	}
	db_finalize(stmt);
	if (rc < 0) {
		step_rows_release(&rows);
		return error_prefix(err, "journal");
	}
	*ret = rows;
	return 0;
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
			.token = arena_strdup(arena, journal_text(stmt, 0)),
			.region = arena_strdup(arena, journal_text(stmt, 1)),
			.zone = arena_strdup(arena, journal_text(stmt, 2)),
			.max_price = db_int64(stmt, 3),
			.price = db_int64(stmt, 4),
			.began = db_int64(stmt, 5),
		};
	db_finalize(stmt);
	return rc < 0 ? error_prefix(err, "journal") : rc;
}
