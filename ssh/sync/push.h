/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ssh/sync only: one push, over all its turns. */
#ifndef GPUCLOUD_SSH_SYNC_PUSH_H
#define GPUCLOUD_SSH_SYNC_PUSH_H

#include "ssh/sync/manifest.h"
#include "ssh/sync/shell.h"
#include "ssh/sync/source.h"
#include "ssh/sync/stream.h"
#include "ssh/sync/sync.h"

struct ignore;

/* What is to be done about an entry of ours. */
enum upload_todo {
	UPLOAD_NOTHING,
	UPLOAD_TOUCH, /* content is there: time and permissions are not */
	UPLOAD_HASH,  /* same size, another time: to be compared */
	UPLOAD_MAKE,  /* a folder that is not there */
	UPLOAD_SEND,
};

struct upload_entry {
	enum upload_todo todo;
	bool staged; /* UPLOAD_SEND: has arrived in the machine's folder of what is under way */
	bool around; /* a folder in which something is placed: its own time and permissions are set */
	bool beside;	    /* a folder on the way to something that is touched */
	bool same, differs; /* what UPLOAD_HASH came to, once and for all turns */
};

/* What the machine said it is. Texts live in the arena. */
struct upload_there {
	struct arena arena;
	const char *root, *name, *stage, *home;
	bool has_zstd, has_gzip, has_sha256;
	uint64_t free_bytes; /* UINT64_MAX: unknown */
	struct manifest target, staged;
};

struct upload {
	struct sync_link *link;
	const char *local, *path; /* as the caller gave them */
	const struct sync_options *options;
	const struct sync_events *events;
	const struct clock *clock;
	char token[17]; /* tells this push from others */
	char *there_path;
	const char *file; /* the name of a single file there; NULL: a tree */

	struct source source;
	struct ignore *ignore;
	struct manifest here;
	struct upload_entry *todo; /* one for each of here's */
	struct upload_there there;
	bool looked; /* the machine knows our token */
	bool agreed; /* the plan was shown */
	enum stream_kind kind;
	size_t part; /* of here: a large file whose beginning has arrived; SIZE_MAX: none */
	bool part_done;

	struct buf drop, first, first_dirs, loosen, last, last_dirs; /* lists for the machine */
	size_t nr_special, first_special;
	uint64_t nr_removed; /* of what goes: files and links */
	struct sync_progress progress;
	int64_t told_ms;
	struct sync_result result;
};

/* push_look.c: what is there, and what has arrived. ERROR_UNSUPPORTED "NoTar": only SFTP will do. */
int upload_look(struct upload *upload, struct error *err);
void upload_there_release(struct upload_there *there);
/* ERROR_USAGE: options.mirror would remove what is in a login's home, or all there is. */
int upload_check_mirror(const struct upload *upload, const struct upload_there *there,
			struct error *err);
/* The names at the top of our tree, where that is all we need to see of the target. */
void upload_set_tops(const struct upload *upload, struct shell *shell);

/* push_plan.c: compares; fills todo, and the lists. */
int upload_plan(struct upload *upload, struct error *err);
bool upload_same_time(int64_t a, int64_t b);
bool upload_is_there(const struct manifest_entry *here, const struct manifest_entry *there);
void upload_count(struct upload *upload); /* progress and result, of what todo says */
bool upload_is_idle(const struct upload *upload);

/* push_hash.c: settles UPLOAD_HASH. */
int upload_hash(struct upload *upload, struct error *err);

/* push_send.c: sends what todo says, has it put in place, and verifies it. */
int upload_send(struct upload *upload, struct error *err);
/* push_part.c: the rest of a large file. */
int upload_send_part(struct upload *upload, struct error *err);

/* push_sftp.c: for a machine without tar. */
int upload_by_sftp(struct upload *upload, struct error *err);

void upload_tell(struct upload *upload, const char *path, bool now);
void upload_begin_script(struct upload *upload, struct shell *shell);
struct shown upload_shown(const struct manifest_entry *entry);
int upload_refused(const struct shell *shell, const struct remote_exit *how, const char *what,
		   struct error *err);

#endif
