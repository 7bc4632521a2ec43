/* SPDX-License-Identifier: Apache-2.0 */
#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "core/mem.h"

char buf_empty[1];

/* Room for extra bytes and the NUL, or -1 where the ceiling says no. */
static int buf_reserve(struct buf *buf, size_t extra)
{
	if (buf->overflow || extra > buf->max || buf->len > buf->max - extra) {
		buf->overflow = true;
		return -1;
	}
	size_t need = buf->len + extra + 1;
	if (need <= buf->cap)
		return 0;
	size_t cap = buf->cap ? buf->cap : 64;
	while (cap < need)
		cap *= 2;
	/* Not realloc, which would leave what buf_wipe() shall wipe behind in freed memory. */
	char *data = xmalloc(cap);
	memcpy(data, buf->data, buf->len + 1);
	if (buf->cap) {
		OPENSSL_cleanse(buf->data, buf->cap);
		free(buf->data);
	}
	buf->data = data;
	buf->cap = cap;
	return 0;
}

int buf_add(struct buf *buf, const void *data, size_t len)
{
	if (buf_reserve(buf, len) < 0)
		return -1;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int buf_addstr(struct buf *buf, const char *s)
{
	return buf_add(buf, s, strlen(s));
}

int buf_addch(struct buf *buf, char c)
{
	return buf_add(buf, &c, 1);
}

int buf_addf(struct buf *buf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0 || buf_reserve(buf, (size_t)n) < 0)
		return -1;
	va_start(args, fmt);
	vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, args);
	va_end(args);
	buf->len += (size_t)n;
	return 0;
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->overflow = false;
	if (buf->cap)
		buf->data[0] = '\0';
}

void buf_release(struct buf *buf)
{
	if (buf->cap)
		free(buf->data);
	buf->data = buf_empty;
	buf->len = buf->cap = 0;
	buf->overflow = false;
}

void buf_wipe(struct buf *buf)
{
	if (buf->cap)
		OPENSSL_cleanse(buf->data, buf->cap);
	buf_release(buf);
}
