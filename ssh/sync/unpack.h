/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/sync only: a stream of regular files from the machine into a staging folder. Nothing the
 * machine says becomes a name here: each file is written as stage_name() of a path that was asked
 * for, newly made, and what is not in the list of wanted files ends it all. Folders and links are
 * not in the stream; they are made of the listing.
 *
 * A file that comes with another size or time than listed is passed over (UNPACK_CHANGED), unless
 * that would be more than UNPACK_PASS_MAX bytes beyond the list: then ERROR_CONFLICT. Nothing is
 * ever written past the size that was listed.
 */
#ifndef GPUCLOUD_SSH_SYNC_UNPACK_H
#define GPUCLOUD_SSH_SYNC_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "ssh/sync/unpack_decode.h"
#include "ssh/sync/unpack_tar.h"

struct error;

#define UNPACK_PASS_MAX ((uint64_t)64 << 20)

enum unpack_state {
	UNPACK_WAITED, /* has not come */
	UNPACK_CHANGED,
	UNPACK_DONE
};

/* One file that is wanted, and as what it was listed. The path is the caller's. */
struct unpack_file {
	const char *path;
	uint64_t size;
	int64_t mtime_ns;
	uint16_t mode;
	enum unpack_state state;
};

/* What to take: files sorted by path, each at most once. */
struct unpack_order {
	int stage_fd;
	struct unpack_file *files;
	size_t nr;
	/* Bytes of a file that were written; whole: it is done. May be NULL. */
	void *ctx;
	void (*moved)(void *ctx, const struct unpack_file *file, uint64_t bytes, bool whole);
};

struct unpack {
	const struct unpack_order *order;
	struct decode decode;
	struct tar_entry entry;
	enum {
		UNPACK_HEAD,
		UNPACK_PAX,
		UNPACK_DATA,
		UNPACK_PASS,
		UNPACK_END
	} at;
	unsigned char block[TAR_BLOCK];
	size_t block_len;
	struct buf pax;
	uint64_t left; /* of the data under way */
	size_t pad;    /* zeros after it */
	size_t next;   /* files before it have come or will not */
	uint64_t passed, pass_max;
	unsigned zeros; /* blocks at the end */
	struct unpack_file *file;
	int fd; /* of the file under way, or -1 */
};

/* order stays the caller's, and must live on. */
void unpack_init(struct unpack *unpack, const struct unpack_order *order);

int unpack_feed(struct unpack *unpack, const char *data, size_t len, struct error *err);

/* The stream is over: ERROR_PROTOCOL where it was cut off. Files may be missing: see their states. */
int unpack_end(struct unpack *unpack, struct error *err);

/* A file that was under way stays as far as it came: its time is not the listed one. */
void unpack_release(struct unpack *unpack);

/* Gives a staged file that has arrived its mode and, last, its time. -1 with errno. */
int unpack_settle(int fd, const struct unpack_file *file);

/* The name in the staging folder of what belongs to a path. */
#define STAGE_NAME_MAX 33
void stage_name(const char *path, char out[STAGE_NAME_MAX]);

/* Makes the file anew, whatever is there, never through a link. -1 with errno. */
int stage_create(int stage_fd, const char *name);

/* -1 with errno. */
int stage_write(int fd, const char *data, size_t len);

#endif
