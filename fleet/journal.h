/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: what gpucloud meant to do, written down before it does it. SQLite in
 * <state>/journal.db. The cloud is the truth; the journal is what lets us recover: losing it loses
 * no instance.
 *
 * A launch is one row, each thing made for it another. A step is `open` from the commit of its
 * intent until its answer is kept. The live owner of a launch holds <state>/locks/<launch id>, so
 * that another gpucloud never undoes what is still being made; the lock dies with the process.
 */
#ifndef GPUCLOUD_FLEET_JOURNAL_H
#define GPUCLOUD_FLEET_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

struct clock;
struct error;
struct journal;
struct launch_steps;

enum launch_state {
	LAUNCH_OPEN,   /* being made, or interrupted while being made */
	LAUNCH_LIVE,   /* an instance was made and not ended by us */
	LAUNCH_ENDED,  /* terminated, and the cloud confirmed it */
	LAUNCH_FAILED, /* nothing was made, or it was undone */
};

struct launch_row {
	const char *id, *name, *owner, *provider, *account, *region, *type;
	bool spot;
	int64_t on_demand; /* micro-dollars per hour when launched; MONEY_UNKNOWN */
	int64_t began;	   /* Unix s */
	enum launch_state state;
	/* Of the instance, once it is known: */
	const char *instance, *zone; /* "" before */
	int64_t price;		     /* quoted when launched, micro-dollars per hour */
};

struct launch_rows {
	struct arena arena;
	struct launch_row *v;
	size_t nr;
};
void launch_rows_release(struct launch_rows *rows);

/* One attempt to make an instance. */
struct attempt_row {
	const char *token, *region, *zone;
	int64_t max_price, price; /* micro-dollars per hour */
	int64_t began;
};

/* dir: the state folder, made if absent. vfs as db_open. */
int journal_open(const char *dir, const char *vfs, const struct clock *clock, struct journal **ret,
		 struct error *err);
void journal_close(struct journal *journal); /* NULL is fine */

/* Records the launch as open and takes its lock. */
int journal_begin(struct journal *journal, const struct launch_row *row, struct error *err);
/* Takes the lock of a launch somebody left behind: 1 got it, 0 its owner lives, -1 error. */
int journal_claim(struct journal *journal, const char *launch_id, struct error *err);
void journal_unclaim(struct journal *journal, const char *launch_id);

/* Takes a name (a label), so that two launches of it at once make one instance: 1 got it, 0 another
 * gpucloud is at it, -1 error. It goes with journal_unclaim_name, journal_close or the process. */
int journal_claim_name(struct journal *journal, const char *name, struct error *err);
void journal_unclaim_name(struct journal *journal, const char *name);

/* Names the attempt that intents of kind "instance" will belong to. */
void journal_attempt(struct journal *journal, const char *launch_id,
		     const struct attempt_row *attempt);
/* The callbacks for the provider; intents are durable when intend() returns. */
struct launch_steps journal_steps(struct journal *journal);

/* The instance of a launch is known; the launch is live. */
int journal_made(struct journal *journal, const char *launch_id, const char *instance_id,
		 const char *zone, struct error *err);
/* What came of the open attempts: not made (each is void), and the launch is ended or failed. */
int journal_finish(struct journal *journal, const char *launch_id, enum launch_state state,
		   struct error *err);
/* One attempt was answered: nothing was made by it. */
int journal_attempt_failed(struct journal *journal, const char *token, struct error *err);

/* Rows by state; by name where name is given; newest first. */
int journal_launches(struct journal *journal, enum launch_state state, const char *name,
		     struct launch_rows *ret, struct error *err);
/* The row whose instance has this id, or 0 rows. */
int journal_find_instance(struct journal *journal, const char *instance_id, struct launch_rows *ret,
			  struct error *err);
/* The newest attempt of a launch still without answer: 1 found, 0 none, -1 error. */
int journal_open_attempt(struct journal *journal, const char *launch_id, struct arena *arena,
			 struct attempt_row *ret, struct error *err);

#endif
