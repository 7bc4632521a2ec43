/* SPDX-License-Identifier: Apache-2.0 */
#include "core/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"

#define BUSY_TIMEOUT_MS 5000
#define BUSY_PAUSE_MS	20

struct db {
	sqlite3 *handle;
	char *path;
	const char *corrupt_hint; /* NULL: what goes for any */
};

struct db_stmt {
	sqlite3_stmt *handle;
	struct db *db;
	int bind_rc; /* the first binding that failed; told by the next step */
};

/* What is beside the file fails otherwise than the file: only errno tells that there is no room. */
static bool is_full(const struct db *db)
{
	int reason = db->handle ? sqlite3_system_errno(db->handle) : 0;

	return reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
}

static int set_error(const struct db *db, int rc, struct error *err)
{
	int code = rc & 0xff;

	if (code == SQLITE_NOMEM)
		out_of_memory();
	if (code == SQLITE_IOERR && is_full(db))
		code = SQLITE_FULL;
	switch (code) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		error_set(err, ERROR_IO, "'%s' is corrupt, or no database", db->path);
		snprintf(err->code, sizeof(err->code), "%s", DB_CORRUPT);
		return error_hint(err, "%s",
				  db->corrupt_hint ? db->corrupt_hint
						   : "move it out of the way; what runs is found "
						     "by its tags");
	case SQLITE_FULL:
		error_set(err, ERROR_IO, "cannot write '%s': the disk is full", db->path);
		return error_hint(err, "free some space and repeat the command");
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		error_set(err, ERROR_IO, "'%s' is in use by another gpucloud", db->path);
		err->retryable = true;
		return error_hint(err, "repeat the command when the other one is done");
	case SQLITE_READONLY:
	case SQLITE_PERM:
		error_set(err, ERROR_IO, "cannot write '%s': it is read-only", db->path);
		return error_hint(err, "check the owner and mode of the file and its folder");
	case SQLITE_CANTOPEN:
		return error_set(err, ERROR_IO, "cannot open '%s' as a database", db->path);
	case SQLITE_CONSTRAINT:
		return error_set(err, ERROR_CONFLICT, "'%s': %s", db->path,
				 sqlite3_errmsg(db->handle));
	default:
		return error_set(err, ERROR_IO, "'%s': %s", db->path,
				 db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc));
	}
}

/*
 * SQLite would create the file as the umask says; its -wal and -shm take over the mode of the file,
 * so it is made here.
 */
static int make_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;
	int rc = 0;

	if (fd < 0) {
		error_errno(err, ERROR_IO, "cannot open the database '%s'", path);
		return error_hint(err, "check the owner and mode of the file and its folder");
	}
	if (fstat(fd, &st) < 0)
		rc = error_errno(err, ERROR_IO, "cannot open the database '%s'", path);
	else if (!S_ISREG(st.st_mode))
		rc = error_set(err, ERROR_IO, "the database '%s' is not a regular file", path);
	else if (st.st_uid != geteuid())
		rc = error_set(err, ERROR_IO, "refusing '%s': it belongs to uid %u, not to you",
			       path, (unsigned)st.st_uid);
	else if ((st.st_mode & 077) && fchmod(fd, 0600) < 0)
		rc = error_errno(err, ERROR_IO, "cannot make '%s' private", path);
	else if (st.st_size == 0)
		rc = dir_sync_of(path, err);
	close(fd);
	return rc;
}

/*
 * SQLite does not wait for its busy timeout where two connections both want to turn a new file's
 * journal into a WAL: one of them is told at once that it is locked.
 */
static int use_wal(struct db *db, struct error *err)
{
	struct error why = ERROR_INIT;

	for (int waited_ms = 0; db_exec(db, "PRAGMA journal_mode = WAL", &why) < 0;
	     waited_ms += BUSY_PAUSE_MS) {
		if (!why.retryable || waited_ms >= BUSY_TIMEOUT_MS) {
			*err = why;
			return -1;
		}
		sqlite3_sleep(BUSY_PAUSE_MS);
	}
	return 0;
}

static int configure(struct db *db, bool readonly, struct error *err)
{
	sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* Reads the header and the schema, so that a file that is no database is told at once. */
	if (db_exec(db, "SELECT count(*) FROM sqlite_schema", err) < 0)
		return -1;
	if (readonly)
		return 0;
	/* A file system without shared memory keeps its rollback journal: slower, as durable. */
	if (use_wal(db, err) < 0)
		return -1;
	return db_exec(db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", err);
}

int db_open(const char *path, const char *vfs, bool readonly, struct db **ret, struct error *err)
{
	int flags = readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	bool memory = !strcmp(path, ":memory:");

	if (!readonly && !vfs && !memory && make_file(path, err) < 0)
		return -1;
	struct db *db = xcalloc(1, sizeof(*db));
	db->path = xstrdup(path);
	int rc = sqlite3_open_v2(path, &db->handle, flags, vfs);
	if (rc != SQLITE_OK)
		set_error(db, rc, err);
	if (rc != SQLITE_OK || configure(db, readonly, err) < 0) {
		db_close(db);
		return -1;
	}
	*ret = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	sqlite3_close_v2(db->handle);
	free(db->path);
	free(db);
}

void db_corrupt_hint(struct db *db, const char *hint)
{
	db->corrupt_hint = hint;
}

int db_exec(struct db *db, const char *sql, struct error *err)
{
	int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : set_error(db, rc, err);
}

int db_prepare(struct db *db, const char *sql, struct db_stmt **ret, struct error *err)
{
	sqlite3_stmt *handle = NULL;
	int rc = sqlite3_prepare_v2(db->handle, sql, -1, &handle, NULL);

	if (rc != SQLITE_OK)
		return set_error(db, rc, err);
	struct db_stmt *stmt = xcalloc(1, sizeof(*stmt));
	stmt->handle = handle;
	stmt->db = db;
	*ret = stmt;
	return 0;
}

void db_finalize(struct db_stmt *stmt)
{
	if (!stmt)
		return;
	sqlite3_finalize(stmt->handle);
	free(stmt);
}

static void note_bind(struct db_stmt *stmt, int rc)
{
	if (rc != SQLITE_OK && stmt->bind_rc == SQLITE_OK)
		stmt->bind_rc = rc;
}

void db_bind_text(struct db_stmt *stmt, int i, const char *text)
{
	note_bind(stmt, text ? sqlite3_bind_text(stmt->handle, i, text, -1, SQLITE_TRANSIENT)
			     : sqlite3_bind_null(stmt->handle, i));
}

void db_bind_int64(struct db_stmt *stmt, int i, int64_t value)
{
	note_bind(stmt, sqlite3_bind_int64(stmt->handle, i, value));
}

int db_step(struct db_stmt *stmt, struct error *err)
{
	if (stmt->bind_rc != SQLITE_OK)
		return set_error(stmt->db, stmt->bind_rc, err);
	int rc = sqlite3_step(stmt->handle);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	set_error(stmt->db, rc, err);
	/* Otherwise it would keep its locks until it is reset. */
	sqlite3_reset(stmt->handle);
	return -1;
}

void db_reset(struct db_stmt *stmt)
{
	sqlite3_reset(stmt->handle);
	sqlite3_clear_bindings(stmt->handle);
	stmt->bind_rc = SQLITE_OK;
}

const char *db_text(struct db_stmt *stmt, int i)
{
	const unsigned char *text = sqlite3_column_text(stmt->handle, i);

	/* NULL for a value that is not NULL means that the copy could not be allocated. */
	if (!text && sqlite3_column_type(stmt->handle, i) != SQLITE_NULL)
		out_of_memory();
	return (const char *)text;
}

int64_t db_int64(struct db_stmt *stmt, int i)
{
	return sqlite3_column_int64(stmt->handle, i);
}
