/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of sync_pull share: a fake machine with a tree, a folder here, and looks at both. */
#ifndef GPUCLOUD_TESTS_PULL_WORLD_H
#define GPUCLOUD_TESTS_PULL_WORLD_H

#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "fake_remote.h"
#include "ssh/sync/sync.h"

struct pull_world {
	struct fake_remote fake;
	char dir[64];	/* here; removed at the end */
	char near[128]; /* dir/near: where the tests pull to */
	char far[96];	/* home/far on the machine */
	struct sync_link link;
	struct sync_options options;
	struct sync_events events;
	struct sync_result result;
	struct error err;

	/* What the events told. */
	struct sync_plan plan;
	bool refuse; /* to agree */
	unsigned asked, made;
	unsigned told, sent, removed, touched, notes;
	struct sync_progress last;
};

int pull_world_setup(void **state);
int pull_world_teardown(void **state);

/* sync_pull of `path` there to world->near. */
int pull_world_pull(struct pull_world *world, const char *path);
void pull_world_must(struct pull_world *world, const char *path);

/* Below root; parents are made. mtime_ns -1: as it comes. */
void world_file(const char *root, const char *name, const void *data, size_t len, mode_t mode,
		int64_t mtime_ns);
void world_text(const char *root, const char *name, const char *text);
void world_link(const char *root, const char *name, const char *target);
void world_folder(const char *root, const char *name, mode_t mode);
void world_noise(const char *root, const char *name, size_t size, uint32_t seed);
void world_remove(const char *path);
void world_remove_in(const char *root, const char *name);
bool world_has(const char *root, const char *name);   /* whatever it is */
char *world_read(const char *root, const char *name); /* as text, malloc'ed */

/* Fails the test where the trees differ: names, types, modes, times of files, contents. */
void world_equal(const char *a, const char *b);

/* Names in a folder, without "." and "..". */
unsigned world_count(const char *folder);

#endif
