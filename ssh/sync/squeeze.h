/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ssh/sync only: the compressors of stream.h, behind one interface. */
#ifndef GPUCLOUD_SSH_SYNC_SQUEEZE_H
#define GPUCLOUD_SSH_SYNC_SQUEEZE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "ssh/sync/stream.h"

struct squeeze;

struct squeeze *squeeze_new(enum stream_kind kind);
void squeeze_free(struct squeeze *squeeze);

/* Appends to out what comes of data; at its end (of a frame, or of all: last) all of it. */
int squeeze_feed(struct squeeze *squeeze, const void *data, size_t len, bool last, struct buf *out,
		 struct error *err);

/* The time since the frame began: how much we worked, how much we waited for the connection. */
void squeeze_time(struct squeeze *squeeze, int64_t worked_ns, int64_t waited_ns);

int squeeze_level(const struct squeeze *squeeze);
void squeeze_sha256(struct squeeze *squeeze, char hex[65]); /* STREAM_PLAIN, at the end */

#endif
