/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/ only: the list of what is copied, parents before what is in them. Entry 0 is the
 * folder everything is in. Nothing is ever reached through a symbolic link: folders are opened one
 * after the other, from entry 0 on.
 */
#ifndef GPUCLOUD_SSH_TREE_H
#define GPUCLOUD_SSH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/arena.h"

struct buf;
struct error;

#define TREE_DEPTH_MAX	 64
#define TREE_ENTRIES_MAX 1000000
#define TREE_NAMES_MAX	 ((size_t)64 << 20)

enum tree_type {
	TREE_UNKNOWN,
	TREE_FILE,
	TREE_DIR,
	TREE_LINK,
	TREE_SPECIAL
};

struct tree_entry {
	const char *name;
	uint64_t size;
	uint32_t parent;
	uint16_t depth; /* of entry 0: 0 */
	uint16_t mode;	/* 0777 at most */
	enum tree_type type;
	bool made; /* a folder that was not there before: its mode is ours to set */
};

struct tree {
	struct arena arena;
	struct tree_entry *v;
	size_t nr, cap, names;
	size_t nr_special, first_special;
};

void tree_init(struct tree *tree, mode_t mode);
void tree_release(struct tree *tree);

enum tree_type tree_type_of(mode_t mode);
void tree_set_type(struct tree *tree, size_t index, mode_t mode, uint64_t size);

/* Adds a name of len bytes; *index is its place. ERROR_PROTOCOL past the limits above. */
int tree_add(struct tree *tree, size_t parent, const char *name, size_t len, size_t *index,
	     struct error *err);

/* "folder/name" below entry 0, appended. */
void tree_path(const struct tree *tree, size_t index, struct buf *out);

/* Opens the folder that an entry is in (or, tree_open_dir, that it is). -1 with errno. */
int tree_open_parent(const struct tree *tree, int root_fd, size_t index);
int tree_open_dir(const struct tree *tree, int root_fd, size_t index);

/* Everything below root_fd, which stays the caller's. */
int tree_read_local(struct tree *tree, int root_fd, struct error *err);

/* 0, or ERROR_UNSUPPORTED where something was neither file, folder nor link. */
int tree_check_special(const struct tree *tree, struct error *err);

/* A path as it may stand in a message. */
struct shown {
	char text[200];
};
struct shown shown_of(const char *text, size_t len);
struct shown tree_shown(const struct tree *tree, size_t index);

#endif
