/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/wire.h"

#include <string.h>

#include "core/buf.h"

static const unsigned char *take(struct wire *wire, size_t n)
{
	if (wire->bad || wire->left < n) {
		wire->bad = true;
		wire->left = 0;
		return NULL;
	}
	const unsigned char *p = wire->p;
	wire->p += n;
	wire->left -= n;
	return p;
}

uint8_t wire_u8(struct wire *wire)
{
	const unsigned char *p = take(wire, 1);

	return p ? p[0] : 0;
}

uint32_t wire_u32(struct wire *wire)
{
	const unsigned char *p = take(wire, 4);

	if (!p)
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t wire_u64(struct wire *wire)
{
	uint64_t high = wire_u32(wire);

	return high << 32 | wire_u32(wire);
}

struct wire_str wire_string(struct wire *wire)
{
	uint32_t len = wire_u32(wire);
	const unsigned char *p = take(wire, len);

	if (!p)
		return (struct wire_str){ .data = "" };
	return (struct wire_str){ .data = (const char *)p, .len = len };
}

void wire_text(struct wire *wire, char *out, size_t size)
{
	struct wire_str str = wire_string(wire);

	out[0] = '\0';
	if (str.len >= size || memchr(str.data, '\0', str.len)) {
		wire->bad = true;
		return;
	}
	memcpy(out, str.data, str.len);
	out[str.len] = '\0';
}

bool wire_is(struct wire_str str, const char *text)
{
	return str.len == strlen(text) && !memcmp(str.data, text, str.len);
}

void wire_store_u32(unsigned char out[4], uint32_t value)
{
	out[0] = (unsigned char)(value >> 24);
	out[1] = (unsigned char)(value >> 16);
	out[2] = (unsigned char)(value >> 8);
	out[3] = (unsigned char)value;
}

void wire_put_u8(struct buf *buf, uint8_t value)
{
	buf_add(buf, &value, 1);
}

void wire_put_u32(struct buf *buf, uint32_t value)
{
	unsigned char bytes[4];

	wire_store_u32(bytes, value);
	buf_add(buf, bytes, sizeof(bytes));
}

void wire_put_u64(struct buf *buf, uint64_t value)
{
	wire_put_u32(buf, (uint32_t)(value >> 32));
	wire_put_u32(buf, (uint32_t)value);
}

void wire_put_string(struct buf *buf, const void *data, size_t len)
{
	wire_put_u32(buf, (uint32_t)len);
	buf_add(buf, data, len);
}

void wire_put_text(struct buf *buf, const char *text)
{
	wire_put_string(buf, text, strlen(text));
}
