/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The looks taken at machines, between one run and the next: SQLite in <state>/samples.db. Losing it
 * loses nothing but time, for what nobody remembers counts as not seen. Several gpucloud may write.
 *
 * `scope` as fleet_scope(); `instance` is an id. Times are the cloud's, in Unix seconds.
 */
#ifndef GPUCLOUD_FLEET_IDLE_STORE_H
#define GPUCLOUD_FLEET_IDLE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct idle_store;
struct probe;

#define IDLE_LOOKS_MAX 1500 /* of one machine, as many as are handed out at once */

/* dir: the state folder, made if absent. A corrupt file is renamed to samples.db.corrupt, and
 * *set_aside says so. */
int idle_store_open(const char *dir, bool *set_aside, struct idle_store **ret, struct error *err);
void idle_store_close(struct idle_store *store); /* NULL is fine */

/* Keeps a look, and forgets those of this machine that are older than keep_s before it. */
int idle_store_add(struct idle_store *store, const char *scope, const char *instance,
		   const struct probe *look, int64_t keep_s, struct error *err);
/* Those since then, oldest first, the newest IDLE_LOOKS_MAX of them; free() *ret. */
int idle_store_looks(struct idle_store *store, const char *scope, const char *instance,
		     int64_t since, struct probe **ret, size_t *ret_nr, struct error *err);

/* What was said about a machine and need not be said again. */
enum idle_mark {
	IDLE_MARK_IDLE,	   /* its users were warned: it ends for being idle */
	IDLE_MARK_BUDGET,  /* they were warned: its budget is nearly spent */
	IDLE_MARK_TROUBLE, /* its policy cannot be followed */
};
/* at 0: it stands no longer. */
int idle_store_mark(struct idle_store *store, const char *scope, const char *instance,
		    enum idle_mark mark, int64_t at, struct error *err);
/* 0 where there is none. */
int idle_store_marked(struct idle_store *store, const char *scope, const char *instance,
		      enum idle_mark mark, int64_t *ret, struct error *err);

/* The instance is gone. */
int idle_store_forget(struct idle_store *store, const char *scope, const char *instance,
		      struct error *err);

#endif
