/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/sync only: what the parts of sync_pull share. In this order: the local target is found,
 * the machine is asked for its list, the two are compared, what is missing comes into the staging
 * folder, and only when all of it is there it is put in place.
 */
#ifndef GPUCLOUD_SSH_SYNC_PULL_INTERNAL_H
#define GPUCLOUD_SSH_SYNC_PULL_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "ssh/sync/manifest.h"
#include "ssh/sync/sync.h"
#include "ssh/sync/unpack.h"

struct ignore;

extern const char sync_pull_script[]; /* pull.sh */

/* From this size on half a file is worth keeping. */
#define FETCH_PARTIAL_MIN ((uint64_t)8 << 20)
#define FETCH_SIZE_MAX	  ((uint64_t)1 << 46) /* of one file */

enum fetch_what {
	FETCH_SAME,
	FETCH_SEND,    /* a file or a link */
	FETCH_COMPARE, /* same size, other time: contents tell */
	FETCH_TOUCH,   /* only time or permissions */
	FETCH_FOLDER,
	FETCH_LEAVE /* special, or left out */
};

struct fetch_item {
	const struct manifest_entry *far;
	const struct manifest_entry *near; /* NULL: nothing there */
	uint64_t partial;		   /* this much is in the staging folder */
	enum fetch_what what;
	bool replace; /* near is of another type */
	bool staged;  /* it is in the staging folder, whole */
	bool fresh;   /* it came there in this turn's stream */
};

/*
 * The folder where what is under way lies, beside the target or, where that cannot be, in it. In it:
 * files by stage_name(), "boot" (which start of this computer wrote them), "new" (a folder that does
 * not stand at its place yet), "old-..." (what was in the way). Locked while it is open.
 */
struct stage {
	int dir_fd; /* the folder it is in; not ours to close */
	int fd;	    /* -1: not open */
	char name[256];
};

/* Where things go. */
struct fetch_target {
	int parent_fd; /* folder that the target is in; -1: the target is "/" */
	int root_fd; /* single: the folder it goes into; else the target, or -1 while there is none */
	char *leaf; /* the target's name in parent_fd; single: in root_fd */
	bool made;  /* root_fd is "new" in the staging folder */
};

struct fetch {
	struct sync_link *link;
	const char *path, *local;
	const struct sync_options *options;
	const struct sync_events *events;
	struct sync_result result;
	struct sync_progress progress;
	int64_t told_at; /* when progress was last told */

	struct fetch_target target;
	struct stage stage;
	struct ignore *ignore;
	struct manifest far, near;
	char *base; /* folder on the machine that names start from, as shell_path gives it */
	char *name; /* single: its name there; else NULL */
	struct fetch_item *items;	     /* one for each of far, in its order */
	const struct manifest_entry **extra; /* only here; with mirror: to be removed */
	size_t nr_extra;
	size_t nr_replaced, nr_special;

	uint64_t moved;	  /* bytes that came in this turn */
	int64_t grain_ns; /* times here are multiples of it */
	uint64_t agreed_removed;
	bool agreed;	   /* the caller has seen what is to be done */
	bool known;	   /* what is here was listed */
	bool no_tools;	   /* neither tar nor find over there: SFTP */
	bool unsure;	   /* what has come must be held against a new list */
	unsigned passes;   /* lists that were asked for without a cut in between */
	bool retried;	   /* a list was no longer true, and another one was asked for */
	unsigned barren;   /* cuts one after the other that nothing came between */
	char changed[200]; /* the first of what had changed, and how; escaped */
};

/* pull_target.c */
int fetch_target_find(struct fetch *fetch, struct error *err);
/* -1: nothing can be written there. */
int fetch_target_check(const struct fetch *fetch, struct error *err);
/* With mirror: neither the whole disk nor the user's home. */
int fetch_target_spare(const struct fetch *fetch, struct error *err);
void fetch_target_release(struct fetch_target *target);

/* pull_stage.c */
int stage_open(struct stage *stage, const struct fetch *fetch, struct error *err);
/* How much of it is there. 0, or the size of what can be gone on with; *whole: all. */
uint64_t stage_has(const struct stage *stage, const struct fetch *fetch,
		   const struct fetch_item *item, bool *whole);
/* Drops what is not wanted any more. */
int stage_prune(struct stage *stage, const struct fetch *fetch, struct error *err);
void stage_remove(struct stage *stage); /* and all in it */
void stage_close(struct stage *stage);
/* Nothing is to be done: what an earlier pull may have left goes. */
void stage_sweep(struct stage *stage, const struct fetch *fetch);
/* Removes a name, whatever it is. -1 with errno. */
int stage_remove_name(int dir_fd, const char *name);

/* pull_plan.c: fills items and extra from far and near. */
int fetch_plan(struct fetch *fetch, struct error *err);
void fetch_find_grain(struct fetch *fetch);
/* Equal, as far as a disk that keeps coarser times can tell. */
bool fetch_same_time(const struct fetch *fetch, int64_t near_ns, int64_t far_ns);
bool fetch_is_idle(const struct fetch *fetch); /* nothing is to be done */
/* The path the machine knows an item by, from base on. */
const char *fetch_there(const struct fetch *fetch, const struct fetch_item *item);
/* And its path from root_fd on. */
const char *fetch_here(const struct fetch *fetch, const struct fetch_item *item);

/* pull_hash.c: turns each FETCH_COMPARE into FETCH_TOUCH, FETCH_SAME or FETCH_SEND. */
int fetch_compare(struct fetch *fetch, struct error *err);
/* Whether what is fresh is what the machine has: else it is dropped, and noted as changed. */
int fetch_verify(struct fetch *fetch, struct error *err);
/* Of the first len bytes; -1 with errno. */
int fetch_digest(int fd, uint64_t len, char hex[65]);

/* pull_stream.c: what is wanted and not staged yet. pull_tail.c: half a file. */
int fetch_stream(struct fetch *fetch, struct error *err);
int fetch_tail(struct fetch *fetch, struct fetch_item *item, struct error *err);
void fetch_tell(struct fetch *fetch, const char *path, bool now);
struct unpack_file fetch_wanted(const struct fetch *fetch, const struct fetch_item *item);
int64_t fetch_deadline(uint64_t bytes);
/* Keeps what had changed on the machine for a message. */
void fetch_note_change(struct fetch *fetch, const char *path, const char *how);

/* pull_place.c */
int fetch_place(struct fetch *fetch, struct error *err);

/* pull_sftp.c: for a machine without GNU find or tar. */
int fetch_by_sftp(struct fetch *fetch, struct error *err);

/* pull_way.c: folders on the way to a path, opened one after the other, never through a link. */
struct way {
	int fds[TREE_DEPTH_MAX + 2]; /* [0] is the root's, not ours to close */
	size_t ends[TREE_DEPTH_MAX + 2];
	size_t depth;
	bool widen; /* gives us the right to write where a folder of ours lacks it */
	char path[MANIFEST_PATH_MAX + 1];
};
void way_init(struct way *way, int root_fd, bool widen);
void way_release(struct way *way);
/* The folder that path is in, and its last name. The fd is the way's. -1 with errno. */
int way_to(struct way *way, const char *path, const char **leaf);

#endif
