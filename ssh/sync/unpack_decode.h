/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/sync only: bytes from the machine, uncompressed as they come. A NUL-ended mark says how
 * they are packed: "=zstd" (one frame, with its checksum), "=gzip" (one member) or "=plain"; other
 * marks ("=gone") end it, and are the caller's to understand. Whatever comes after the end is
 * refused, and so is more than there can be: of either side, so that neither a bomb nor endless
 * empty blocks go on.
 */
#ifndef GPUCLOUD_SSH_SYNC_UNPACK_DECODE_H
#define GPUCLOUD_SSH_SYNC_UNPACK_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decode_engine;
struct error;

#define DECODE_MARK_MAX 16

enum decode_kind {
	DECODE_MARK, /* its mark has not come yet */
	DECODE_ZSTD,
	DECODE_GZIP,
	DECODE_PLAIN,
	DECODE_OTHER, /* mark says what */
};

struct decode {
	enum decode_kind kind;
	char mark[DECODE_MARK_MAX];
	size_t mark_len;
	unsigned char head[5]; /* of a zstd frame */
	size_t head_len;
	uint64_t limit;	      /* of plain bytes */
	uint64_t wire, plain; /* so far */
	bool over;	      /* the packed stream has ended */
	struct decode_engine *engine;
	/* Takes plain bytes. */
	void *ctx;
	int (*out)(void *ctx, const char *data, size_t len, struct error *err);
};

void decode_init(struct decode *decode, uint64_t limit);
void decode_release(struct decode *decode);

int decode_feed(struct decode *decode, const char *data, size_t len, struct error *err);

/* No more will come: ERROR_PROTOCOL where the stream was cut off. */
int decode_end(struct decode *decode, struct error *err);

#endif
