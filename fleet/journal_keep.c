/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/journal_keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/journal_internal.h"

#define FREE_PAGES   256 /* a megabyte: below it no room is given back */
#define PROBLEMS_MAX 100

/* --- how long rows stay ---------------------------------------------------------------------- */

/* Of an instance that ended by itself, the receipt tells when; its row is still a live one. */
#define RETIRED                                                                  \
	"(SELECT id FROM launch LEFT JOIN receipt ON receipt.launch = launch.id" \
	" WHERE (state IN (2, 3) AND coalesce(launch.ended, began) < ?1)"        \
	" OR (state = 1 AND receipt.ended < ?1))"

static int number(struct journal *journal, const char *sql, int64_t before, int64_t *ret,
		  struct error *err)
{
	struct db_stmt *stmt;

	if (db_prepare(journal->db, sql, &stmt, err) < 0)
		return error_prefix(err, "journal");
	if (before)
		db_bind_int64(stmt, 1, before);
	int rc = db_step(stmt, err);
	if (rc == 1)
		*ret = db_int64(stmt, 0);
	db_finalize(stmt);
	return rc < 0 ? error_prefix(err, "journal") : 0;
}

static int drop(struct journal *journal, int64_t before, struct error *err)
{
	static const char *const sql[] = {
		"DELETE FROM step WHERE launch IN " RETIRED,
		"DELETE FROM label WHERE launch IN " RETIRED,
		/* Its runs, prices and receipt go with it. */
		"DELETE FROM launch WHERE id IN " RETIRED,
	};

	for (size_t i = 0; i < ARRAY_SIZE(sql); i++) {
		struct db_stmt *stmt;

		if (db_prepare(journal->db, sql[i], &stmt, err) < 0)
			return error_prefix(err, "journal");
		db_bind_int64(stmt, 1, before);
		if (journal_run(stmt, err) < 0)
			return -1;
	}
	return 0;
}

/* It copies the whole file, so only where most of it is empty. */
static int give_room_back(struct journal *journal, struct error *err)
{
	int64_t unused = 0, pages = 0;

	if (number(journal, "PRAGMA freelist_count", 0, &unused, err) < 0 ||
	    number(journal, "PRAGMA page_count", 0, &pages, err) < 0)
		return -1;
	if (unused < FREE_PAGES || unused * 2 < pages)
		return 0;
	return db_exec(journal->db, "VACUUM", err) < 0 ? error_prefix(err, "journal") : 0;
}

int journal_retire(struct journal *journal, int64_t now, size_t *ret_nr, struct error *err)
{
	int64_t before = now - JOURNAL_KEEP_S, nr = 0;

	if (ret_nr)
		*ret_nr = 0;
	if (before <= 0)
		return 0;
	if (number(journal, "SELECT count(*) FROM " RETIRED, before, &nr, err) < 0)
		return -1;
	if (!nr)
		return 0;
	if (journal_atomic(journal, err) < 0 ||
	    journal_commit(journal, drop(journal, before, err), err) < 0)
		return -1;
	if (ret_nr)
		*ret_nr = (size_t)nr;
	return give_room_back(journal, err);
}

/* --- is it sound? ---------------------------------------------------------------------------- */

static int check_with(struct journal *journal, const char *sql, const char *fine,
		      journal_problem_fn told, void *ctx, struct error *err)
{
	struct db_stmt *stmt;
	int problems = 0, rc;

	if (db_prepare(journal->db, sql, &stmt, err) < 0)
		return error_prefix(err, "journal");
	while ((rc = db_step(stmt, err)) == 1) {
		const char *text = journal_text(stmt, 0);

		if (fine && strcmp(text, fine) == 0)
			continue;
		told(ctx, fine ? text : "a row belongs to no launch");
		problems++;
	}
	db_finalize(stmt);
	if (rc < 0 && strcmp(err->code, DB_CORRUPT) == 0) {
		told(ctx, err->message);
		return problems + 1;
	}
	return rc < 0 ? error_prefix(err, "journal") : problems;
}

int journal_check(struct journal *journal, journal_problem_fn told, void *ctx, struct error *err)
{
	int damaged = check_with(journal, "PRAGMA integrity_check(100)", "ok", told, ctx, err);

	if (damaged)
		return damaged;
	return check_with(journal, "PRAGMA foreign_key_check", NULL, told, ctx, err);
}

/* --- moving it aside ------------------------------------------------------------------------- */

char *journal_path(const char *dir)
{
	return xasprintf("%s/journal.db", dir);
}

static int move(const char *from, const char *to, struct error *err)
{
	if (rename(from, to) == 0 || errno == ENOENT)
		return 0;
	return error_errno(err, ERROR_IO, "cannot move '%s' to '%s'", from, to);
}

int journal_move_aside(const char *dir, int64_t now, char **ret_path, struct error *err)
{
	/* The log first: one that is left behind would be taken for the next journal's. */
	static const char *const tails[] = { "-wal", "-shm", "" };
	char when[TIME_TEXT_MAX];
	char *path = journal_path(dir);
	char *to = xasprintf("%s.corrupt-%s", path, time_format_basic(when, now));
	int rc = 0;

	if (access(path, F_OK) < 0)
		rc = error_set(err, ERROR_NOT_FOUND, "there is no journal '%s'", path);
	else if (access(to, F_OK) == 0)
		rc = error_set(err, ERROR_CONFLICT, "'%s' is there already", to);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(tails); i++) {
		char *from = xasprintf("%s%s", path, tails[i]);
		char *target = xasprintf("%s%s", to, tails[i]);

		rc = move(from, target, err);
		free(target);
		free(from);
	}
	if (rc == 0)
		rc = dir_sync_of(path, err);
	if (rc == 0)
		*ret_path = to;
	else
		free(to);
	free(path);
	return rc;
}
