/* SPDX-License-Identifier: Apache-2.0 */
/* The journal as a file: how long rows stay, whether it is sound, and what to do where it is not. */
#ifndef GPUCLOUD_FLEET_JOURNAL_KEEP_H
#define GPUCLOUD_FLEET_JOURNAL_KEEP_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct journal;

/* Long enough for the bills of a year, and for asking about them. */
#define JOURNAL_KEEP_S (INT64_C(400) * 86400)

/*
 * Drops launches that ended, or failed, longer than JOURNAL_KEEP_S before `now`, with all that is
 * kept of them; what is open or lives stays. Gives room back to the disk where much is free. `now`
 * must be the cloud's word, or no later: a clock of ours years ahead would empty the journal.
 * *ret_nr: how many went; may be NULL.
 */
int journal_retire(struct journal *journal, int64_t now, size_t *ret_nr, struct error *err);

/* Reads every page and index. Each problem is told; returns how many, or -1. */
typedef void (*journal_problem_fn)(void *ctx, const char *problem);
int journal_check(struct journal *journal, journal_problem_fn told, void *ctx, struct error *err);

/* <dir>/journal.db. malloc'ed. */
char *journal_path(const char *dir);

/*
 * Moves the journal of that folder aside: "journal.db.corrupt-<now>", and what SQLite keeps beside
 * it. Nobody may have it open. *ret_path is where it lies then, malloc'ed. None there:
 * ERROR_NOT_FOUND.
 */
int journal_move_aside(const char *dir, int64_t now, char **ret_path, struct error *err);

#endif
