/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/ only: SSH's way of writing numbers and strings (RFC 4251, section 5), used for keys,
 * for SFTP and between us and the worker. Numbers are big-endian, a string is its length and its
 * bytes. A reader never reads past its end: what is missing sets `bad`, and everything read from
 * then on is zero or empty, so that one check at the end is enough.
 */
#ifndef GPUCLOUD_SSH_WIRE_H
#define GPUCLOUD_SSH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct wire {
	const unsigned char *p;
	size_t left;
	bool bad;
};

struct wire_str {
	const char *data; /* not NUL-terminated */
	size_t len;
};

static inline struct wire wire_of(const void *data, size_t len)
{
	return (struct wire){ .p = data, .left = len };
}

uint8_t wire_u8(struct wire *wire);
uint32_t wire_u32(struct wire *wire);
uint64_t wire_u64(struct wire *wire);
struct wire_str wire_string(struct wire *wire);

/* Copies a string of at most size - 1 bytes without NUL into out; anything else is bad. */
void wire_text(struct wire *wire, char *out, size_t size);

/* The string is exactly this text. */
bool wire_is(struct wire_str str, const char *text);

void wire_put_u8(struct buf *buf, uint8_t value);
void wire_put_u32(struct buf *buf, uint32_t value);
void wire_put_u64(struct buf *buf, uint64_t value);
void wire_put_string(struct buf *buf, const void *data, size_t len);
void wire_put_text(struct buf *buf, const char *text);

/* As wire_put_u32, into memory. */
void wire_store_u32(unsigned char out[4], uint32_t value);

#endif
