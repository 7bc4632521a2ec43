/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders and files to a machine and back, by what changed: both sides are listed, what differs goes
 * as one tar stream through one SSH channel (zstd, else gzip, as the machine has it), is unpacked
 * beside its target, and put in place at the end. Where the machine has no tar: SFTP (remote_ops).
 *
 * What "differs": type, size, time of change (ns as far as both keep it), permissions; the same
 * size with another time is compared by SHA-256, and only its time is then set. options.checksum
 * compares contents whatever size and time say.
 *
 * What stands at the target is as it was until everything has arrived and was verified; then it is
 * put in place on the machine by a process that the end of the connection does not end. What is on
 * the target's side alone stays (options.mirror: is removed, last of all). A name of another type
 * gives way. A cut connection is taken up again (sync_link.again) as long as each turn moves
 * something; what has arrived, also half of a large file, is not sent again, not even by the next
 * process that copies the same thing.
 *
 * Verified: the stream by its own checksum (zstd's, gzip's, else SHA-256), then every file by its size
 * and time in its last place.
 *
 * Everything the machine sends is hostile. A pull takes only names of the listing, each of them
 * relative, without "." or "..", without a link on its way, at most 64 deep; at most the bytes the
 * listing told, and only if the disk has room for them; never a special file or a hard link. A link
 * that leads out of the tree is made as it is, and never followed.
 */
#ifndef GPUCLOUD_SSH_SYNC_H
#define GPUCLOUD_SSH_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct error;
struct remote;
struct remote_ops;

/* A connection, and how to get another one where it is lost. `remote` is the caller's to close. */
struct sync_link {
	const struct remote_ops *ops;
	struct remote *remote;
	void *ctx;
	/* Closes the old one, sets link->remote. NULL: a cut is the end. -1: no use to go on. */
	int (*again)(void *ctx, struct sync_link *link, struct error *err);
	const struct clock *clock; /* for the waits between two attempts; NULL: the system's */
};

struct sync_options {
	bool mirror;	/* remove what the source does not have, but for what is ignored */
	bool checksum;	/* compare contents */
	bool no_ignore; /* push: do not read .gitignore and .gpucloudignore */
	bool dry_run;	/* compare only; result tells what would be done */
	const char *const *exclude; /* further patterns, as .gitignore has them; for pull too */
	size_t nr_exclude;
};

/* What is known once both sides are listed, and how far it is. Sizes in bytes of the files. */
struct sync_progress {
	uint64_t files, bytes;		 /* to be moved in all */
	uint64_t done_files, done_bytes; /* so far */
	const char *path;		 /* the file under way; not escaped */
	unsigned turn;			 /* 1; after a cut 2, ... */
};

/* What is about to be done, both sides being known. */
struct sync_plan {
	uint64_t files, bytes; /* to be moved */
	uint64_t removed;      /* files and links of the target that would go */
	uint64_t there; /* files and links that the target has now, what is ignored left out */
};

struct sync_events {
	void *ctx;
	/* Before anything is changed; -1 (with err) ends it there. Also in a dry run. */
	int (*agree)(void *ctx, const struct sync_plan *plan, struct error *err);
	void (*progress)(void *ctx, const struct sync_progress *progress); /* at most 10 a second */
	void (*note)(void *ctx, const char *text); /* a line worth reading */
	/* dry run and -v: 'send', 'remove', 'touch', and a path (not escaped); push adds 'make' */
	void (*change)(void *ctx, const char *what, const char *path);
};

struct sync_result {
	uint64_t files, bytes;	/* moved: regular files and links */
	uint64_t folders;	/* made */
	uint64_t same_files;	/* were there already */
	uint64_t resumed_bytes; /* of an earlier turn, not moved again */
	uint64_t removed;	/* by mirror or for a name of another type */
	uint64_t wire_bytes;	/* of the stream, compressed */
	unsigned turns;
	const char *method; /* "tar+zstd", "tar+gzip", "tar", "sftp", "" nothing to move */
};

/*
 * local is a folder or a file; path as remote_ops.push: the target of a folder becomes that folder.
 * Special files: all else is copied, then ERROR_UNSUPPORTED. Files that change or vanish while they
 * are read: tried once more, then ERROR_CONFLICT that names one. Interrupted: ERROR_CANCELLED; the
 * target is untouched, and the next push goes on from there.
 */
int sync_push(struct sync_link *link, const char *local, const char *path,
	      const struct sync_options *options, const struct sync_events *events,
	      struct sync_result *ret, struct error *err);

/* path on the machine may be missing: ERROR_NOT_FOUND. */
int sync_pull(struct sync_link *link, const char *path, const char *local,
	      const struct sync_options *options, const struct sync_events *events,
	      struct sync_result *ret, struct error *err);

/* Bytes that sync_push would look at (all that is not ignored), for the size of a disk. */
int sync_measure(const char *local, const struct sync_options *options, uint64_t *files,
		 uint64_t *bytes, struct error *err);

#endif
