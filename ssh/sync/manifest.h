/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/sync only: what a tree holds, on either side, sorted by path (bytewise), so that parents
 * come before what is in them and two lists are compared in one pass.
 */
#ifndef GPUCLOUD_SSH_SYNC_MANIFEST_H
#define GPUCLOUD_SSH_SYNC_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "ssh/tree.h"

struct error;
struct remote;
struct remote_ops;
struct ignore;

#define MANIFEST_PATH_MAX 4096
#define MANIFEST_TEXT_MAX ((size_t)256 << 20) /* of all paths together */

struct manifest_entry {
	const char *path;   /* relative, "/" between names; "" is the root itself */
	const char *target; /* of a link; else NULL */
	uint64_t size;
	int64_t mtime_ns;
	uint16_t mode; /* 0777 at most */
	enum tree_type type;
	bool ignored; /* seen, not looked into, not copied and not removed */
};

struct manifest {
	struct arena arena;
	struct manifest_entry *v;
	size_t nr;
	bool missing; /* there is nothing at the root */
	bool single;  /* the root is a file or a link: v[0] is it */
	uint64_t files, bytes;
};

void manifest_release(struct manifest *manifest);

/*
 * The tree at root_fd (a folder; stays the caller's) or, single, the file `name` in it. ignore: or
 * NULL; it takes in the rules of each folder as it is entered. A link that is `name` is not followed.
 * What vanishes meanwhile is left out; a folder that cannot be read is ERROR_IO.
 */
int manifest_scan(int root_fd, const char *name, struct ignore *ignore, struct manifest *ret,
		  struct error *err);

/*
 * The tree at `path` on the machine, by GNU find; ERROR_UNSUPPORTED where it has none (the caller then
 * takes SFTP). Checked as sync.h says: ERROR_PROTOCOL names what is wrong with it. At most
 * TREE_ENTRIES_MAX entries.
 */
int manifest_ask(const struct remote_ops *ops, struct remote *remote, const char *path,
		 struct manifest *ret, struct error *err);

/* The entry with that path, or NULL. */
const struct manifest_entry *manifest_find(const struct manifest *manifest, const char *path);

#endif
