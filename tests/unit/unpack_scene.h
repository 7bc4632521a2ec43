/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of ssh/sync/unpack.h share: archives made by hand, a staging folder, what was asked. */
#ifndef GPUCLOUD_TESTS_UNPACK_SCENE_H
#define GPUCLOUD_TESTS_UNPACK_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "ssh/sync/unpack.h"

#define S ((int64_t)1000000000)

/* Wanted are "a" (5 bytes), "a/b" (3), "empty" and "z" (1500), all of second 5. */
struct scene {
	char dir[64];
	struct unpack_file files[4];
	struct unpack_order order;
	struct unpack unpack;
	struct buf tar; /* what is fed */
	struct error err;
};

extern char scene_big[1501]; /* what "z" holds */

int scene_setup(void **state);
int scene_teardown(void **state);

void set_sum(unsigned char *block);
void add_header(struct buf *tar, char type, const char *name, uint64_t size, uint64_t mtime);
void add_data(struct buf *tar, const void *data, size_t len); /* filled up to a block */
void add_file(struct buf *tar, const char *name, const char *text);
void add_pax(struct buf *tar, const char *records, size_t len);
void add_record(struct buf *tar, const char *key, const char *value); /* a pax header of one */
void add_end(struct buf *tar, int blocks);
void add_honest(struct buf *tar); /* all that is wanted */

/* Feeds in pieces of that size; feed_plain: scene->tar, with its mark. */
int feed(struct scene *scene, const char *data, size_t len, size_t piece);
int feed_plain(struct scene *scene, size_t piece);

unsigned in_stage(const struct scene *scene); /* files there */
void empty_stage(struct scene *scene);

void must(const struct scene *scene, int rc);
void expect_staged(const struct scene *scene, size_t index, const char *text);
void expect_honest(struct scene *scene); /* and empties it */

#endif
