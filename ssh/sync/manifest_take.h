/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/sync only: what list.sh prints, read as it comes. NUL-ended strings; a mark begins with
 * '='; an entry is two strings: "TYPE MODE SIZE TIME PATH" and what a link leads to.
 */
#ifndef GPUCLOUD_SSH_SYNC_MANIFEST_TAKE_H
#define GPUCLOUD_SSH_SYNC_MANIFEST_TAKE_H

#include "core/buf.h"
#include "ssh/sync/manifest.h"

struct manifest_taker {
	const char *name; /* of the tree, for messages */
	struct manifest manifest;
	struct buf part; /* of a string whose end has not come */
	size_t cap, text;
	bool link_next; /* the second string of an entry comes next */
	bool over;	/* its end has come */

	/* A mark that is not of the listing ("=tar"): or NULL, then it is refused. */
	void *ctx;
	int (*mark)(void *ctx, const char *mark, struct error *err);
};

void manifest_take_init(struct manifest_taker *taker, const char *name);
void manifest_take_release(struct manifest_taker *taker);

/* Some more bytes. ERROR_PROTOCOL says what is wrong with them. */
int manifest_take(struct manifest_taker *taker, const char *data, size_t len, struct error *err);

/* One string, of whoever splits them himself. */
int manifest_take_string(struct manifest_taker *taker, const char *data, size_t len,
			 struct error *err);

/* All has come: checks the whole and gives it out. The taker is then empty. */
int manifest_take_end(struct manifest_taker *taker, struct manifest *ret, struct error *err);

/* Sorts by path, and counts. */
void manifest_sort(struct manifest *manifest);

#endif
