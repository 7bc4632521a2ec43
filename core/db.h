/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite, the only place that includes it. Opened in WAL mode, synchronous=FULL, busy timeout 5 s,
 * file mode 0600, through a named VFS so that tests can drop what was not synced. Statements are
 * prepared only; the version of the schema is PRAGMA user_version.
 */
#ifndef GPUCLOUD_CORE_DB_H
#define GPUCLOUD_CORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* error.code of a file that is corrupt, or no database. */
#define DB_CORRUPT "Corrupt"

struct db;
struct db_stmt;
struct error;

/* vfs NULL: the default. A file that is no database, or is corrupt: ERROR_IO, and says so. */
int db_open(const char *path, const char *vfs, bool readonly, struct db **ret, struct error *err);
void db_close(struct db *db);
/* What to do where it turns out to be corrupt later on; hint must outlive db. */
void db_corrupt_hint(struct db *db, const char *hint);

int db_exec(struct db *db, const char *sql, struct error *err); /* constant SQL only */

int db_prepare(struct db *db, const char *sql, struct db_stmt **ret, struct error *err);
void db_finalize(struct db_stmt *stmt);
/* Parameters count from 1. NULL text binds NULL; text is copied. */
void db_bind_text(struct db_stmt *stmt, int i, const char *text);
void db_bind_int64(struct db_stmt *stmt, int i, int64_t value);
/* 1: a row; 0: done; -1: error. */
int db_step(struct db_stmt *stmt, struct error *err);
void db_reset(struct db_stmt *stmt); /* and clears bindings */
/* Columns count from 0; text is valid until the next step, NULL for SQL NULL. */
const char *db_text(struct db_stmt *stmt, int i);
int64_t db_int64(struct db_stmt *stmt, int i);

#endif
