/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a ceiling. `data` is never NULL and always NUL-terminated at `len`.
 * Once an addition would pass `max`, nothing is added, `overflow` stays set, and the call returns
 * -1: check once at the end. A buffer fed from outside names its ceiling; others use BUF_INIT.
 */
#ifndef GPUCLOUD_CORE_BUF_H
#define GPUCLOUD_CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len;
	size_t cap; /* 0: data points to a shared empty string */
	size_t max;
	bool overflow;
};

extern char buf_empty[1];

#define BUF_DEFAULT_MAX ((size_t)64 << 20)
#define BUF_INIT                                          \
	{                                                 \
		.data = buf_empty, .max = BUF_DEFAULT_MAX \
	}
#define BUF_INIT_MAX(limit)                       \
	{                                         \
		.data = buf_empty, .max = (limit) \
	}

int buf_add(struct buf *buf, const void *data, size_t len);
int buf_addstr(struct buf *buf, const char *s);
int buf_addch(struct buf *buf, char c);
int buf_addf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_clear(struct buf *buf);   /* len = 0, keeps the memory and the ceiling */
void buf_release(struct buf *buf); /* frees; usable again */
void buf_wipe(struct buf *buf);	   /* overwrites the bytes, then buf_release */

#endif
