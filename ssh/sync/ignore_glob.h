/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/sync only: one pattern of gitignore(5) made ready for matching. The time a match takes
 * grows with the pattern's length times the text's, whatever stands in them.
 */
#ifndef GPUCLOUD_SSH_SYNC_IGNORE_GLOB_H
#define GPUCLOUD_SSH_SYNC_IGNORE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct glob;

/* NULL: a pattern that can match nothing (a set or an escape without end). */
struct glob *glob_new(struct arena *arena, const char *pattern, size_t len);
bool glob_match(const struct glob *glob, const char *text, size_t len);

#endif
