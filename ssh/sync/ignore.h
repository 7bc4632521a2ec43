/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/sync only: what is left out of a copy, by the rules of gitignore(5). From the weakest to
 * the strongest: ".git" itself, each folder's .gitignore and then its .gpucloudignore from the root
 * down, the caller's patterns. The last rule that matches says; below what is left out nothing is
 * looked at. Names ending in IGNORE_STAGING (our own folders for what is under way) are always out.
 */
#ifndef GPUCLOUD_SSH_SYNC_IGNORE_H
#define GPUCLOUD_SSH_SYNC_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct ignore;

#define IGNORE_PUSH_SUFFIX ".gpucloud-push"
#define IGNORE_PULL_SUFFIX ".gpucloud-pull"
#define IGNORE_FILE_MAX	   ((size_t)1 << 20)
#define IGNORE_RULES_MAX   100000

/* The patterns are copied. read_files: ignore_enter reads the folders' own rules. */
struct ignore *ignore_new(const char *const *exclude, size_t nr_exclude, bool read_files);
void ignore_free(struct ignore *ignore); /* NULL is fine */

/* Takes in the rules that lie in a folder: path is "" for the root. Parents come first. */
int ignore_enter(struct ignore *ignore, int dir_fd, const char *path, struct error *err);

/* One rule of a folder, as its line stands in the file. */
void ignore_add(struct ignore *ignore, const char *folder, const char *line, size_t len);

/* Whether a path is left out, none of the folders it is in being so. */
bool ignore_match(const struct ignore *ignore, const char *path, bool is_dir);

/* Whether it or a folder it is in is left out. */
bool ignore_covers(const struct ignore *ignore, const char *path, bool is_dir);

#endif
