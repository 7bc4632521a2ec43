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
	int64_t ended;		     /* Unix s the row was closed, or 0 */
	int64_t expires;	     /* Unix s it ends by itself, as last seen; 0: none known */
	const char *reason;	     /* why it ended, the cloud's own words; "" */
	bool listed;		     /* the cloud was seen to list it, where that is kept track of
				      * (fleet/labels.h) */
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

/* One thing that was made for a launch, or tried. */
struct step_row {
	const char *kind, *name, *zone, *id; /* id: of what was made, or "" */
	const char *outcome;		     /* "done", "failed", "void"; "" while it is open */
	int64_t price;			     /* of an instance: quoted; MONEY_UNKNOWN */
	int64_t began, answered;	     /* Unix s; 0: not yet */
};

struct step_rows {
	struct arena arena;
	struct step_row *v;
	size_t nr;
};
void step_rows_release(struct step_rows *rows);

/*
 * dir: the state folder, made if absent. vfs as db_open. The tables of an older gpucloud are brought
 * up to date; those of a newer one are refused (ERROR_CONFIG). err->code is DB_CORRUPT (core/db.h)
 * where the file is damaged: `gpucloud journal --repair` moves it away.
 */
int journal_open(const char *dir, const char *vfs, const struct clock *clock, struct journal **ret,
		 struct error *err);
void journal_close(struct journal *journal); /* NULL is fine */

/* The cloud's clock minus ours in seconds: times are written by the cloud's from now on, so that a
 * clock of ours that jumps makes nothing look old or young. */
void journal_skew(struct journal *journal, int64_t skew_s);

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

/*
 * The end of its instance is about to be asked for: until it is settled, the next command sees to it
 * that what belonged to the instance goes too. A launch that has no row is no error.
 */
int journal_ending(struct journal *journal, const char *launch_id, const char *instance_id,
		   struct error *err);
/* ended: the cloud says it is gone; else it was refused, or never got through. */
int journal_end_settled(struct journal *journal, const char *launch_id, bool ended,
			struct error *err);
/* Of live launches: the ends that are not settled. */
struct end_row {
	const char *launch_id;
	int64_t began; /* Unix s */
};
int journal_endings(struct journal *journal, struct arena *arena, struct end_row **ret,
		    size_t *ret_nr, struct error *err);

/* Rows by state; by name where name is given; newest first. */
int journal_launches(struct journal *journal, enum launch_state state, const char *name,
		     struct launch_rows *ret, struct error *err);
/* Of every state; NULL is any. What was launched at or after `until` is left out (0: nothing is). */
struct launch_filter {
	const char *id, *name, *instance;
	int64_t until;
	bool made_only; /* an instance was made */
};
int journal_all(struct journal *journal, const struct launch_filter *filter,
		struct launch_rows *ret, struct error *err);
/* In the order in which they were begun. */
int journal_steps_of(struct journal *journal, const char *launch_id, struct step_rows *ret,
		     struct error *err);
/* The row whose instance has this id, or 0 rows. */
int journal_find_instance(struct journal *journal, const char *instance_id, struct launch_rows *ret,
			  struct error *err);
/* The newest attempt of a launch still without answer: 1 found, 0 none, -1 error. */
int journal_open_attempt(struct journal *journal, const char *launch_id, struct arena *arena,
			 struct attempt_row *ret, struct error *err);

#endif
