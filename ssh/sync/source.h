/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/sync only: the local files that are sent. Each is opened folder by folder below the
 * root, without following links, so that nobody who swaps a folder for a link makes us read
 * elsewhere.
 */
#ifndef GPUCLOUD_SSH_SYNC_SOURCE_H
#define GPUCLOUD_SSH_SYNC_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

struct error;
struct manifest_entry;

struct source {
	int root_fd;	  /* of a folder */
	const char *name; /* of the one file in it that is sent; NULL: the whole tree */
	int parent_fd;	  /* of the folder that was used last */
	struct buf parent;
};

/* What LOCAL is: a link to a file or a folder is what it leads to. ERROR_NOT_FOUND, ERROR_IO,
 * ERROR_UNSUPPORTED: neither. */
int source_open(struct source *source, const char *local, struct error *err);
void source_close(struct source *source);

/*
 * Opens a regular file; *ret becomes what it is now (size, time, permissions). -1 with errno;
 * EINVAL: it is no regular file any more.
 */
int source_file(struct source *source, const struct manifest_entry *entry,
		struct manifest_entry *ret);

/* Whether what is open has changed since *entry was read. */
bool source_changed(int fd, const struct manifest_entry *entry);

/* The SHA-256 of the first `bytes` of a file as hex. 0; 1: it ended before them; -1 with err. */
int source_sha256(struct source *source, const struct manifest_entry *entry, uint64_t bytes,
		  char hex[65], struct error *err);

#endif
