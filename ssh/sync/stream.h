/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/sync only: a tar (pax) stream in the making, or plain bytes, compressed. The caller puts
 * entries in at one end and takes bytes for the connection out of the other; in between lies no
 * more than one piece of what was put in.
 *
 * zstd: independent frames of some 8 MiB each, with a checksum. Between frames the level follows
 * what pays: what cannot be compressed goes through at the least cost; where the connection is what
 * we wait for, we compress harder; where we are what it waits for, less.
 */
#ifndef GPUCLOUD_SSH_SYNC_STREAM_H
#define GPUCLOUD_SSH_SYNC_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct clock;
struct error;
struct manifest_entry;
struct stream;

enum stream_kind {
	STREAM_PLAIN, /* hashed: stream_sha256 */
	STREAM_GZIP,
	STREAM_ZSTD
};

#define STREAM_FRAME	 ((uint64_t)8 << 20)
#define STREAM_PIECE	 ((size_t)256 << 10) /* what is best put in at once */
#define STREAM_LEVEL_MAX 9
#define STREAM_FAST	 (-10) /* for what cannot be compressed */

/* tar: false: bytes as they are. clock tells how long we wait for the connection. */
struct stream *stream_new(enum stream_kind kind, bool tar, const struct clock *clock);
void stream_free(struct stream *stream); /* NULL is fine */

/* The beginning of an entry: its path is `folder` "/" entry->path. A file's size bytes follow. */
int stream_entry(struct stream *stream, const char *folder, const struct manifest_entry *entry,
		 struct error *err);
int stream_data(struct stream *stream, const void *data, size_t len, struct error *err);
/* Nothing follows. */
int stream_end(struct stream *stream, struct error *err);

/* Takes out up to n bytes; 0: there are none now. */
size_t stream_take(struct stream *stream, char *buf, size_t n);

/* How much has come out; the level of the frame that is being made; the SHA-256 of a plain one. */
uint64_t stream_bytes(const struct stream *stream);
int stream_level(const struct stream *stream);
void stream_sha256(struct stream *stream, char hex[65]);

#endif
