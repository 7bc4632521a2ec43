/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec.h"

#include <stdint.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/buf.h"
#include "core/mem.h"

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";
static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base32_digits[] = "abcdefghijklmnopqrstuvwxyz234567";

/* A digest over memory fails only where memory ran out. */
static void digest(const EVP_MD *md, const void *data, size_t len, unsigned char *out)
{
	if (!EVP_Digest(data, len, out, NULL, md, NULL))
		out_of_memory();
}

static void hex_text(const unsigned char *data, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = hex_lower[data[i] >> 4];
		out[2 * i + 1] = hex_lower[data[i] & 15];
	}
	out[2 * len] = '\0';
}

void sha256(const void *data, size_t len, unsigned char out[SHA256_LEN])
{
	digest(EVP_sha256(), data, len, out);
}

void sha256_hex(const void *data, size_t len, char out[SHA256_HEX_MAX])
{
	unsigned char raw[SHA256_LEN];

	digest(EVP_sha256(), data, len, raw);
	hex_text(raw, sizeof(raw), out);
}

void sha1_hex(const void *data, size_t len, char out[SHA1_HEX_MAX])
{
	unsigned char raw[20];

	digest(EVP_sha1(), data, len, raw);
	hex_text(raw, sizeof(raw), out);
}

void hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
		 unsigned char out[SHA256_LEN])
{
	size_t out_len = 0;

	/* A NULL key would mean "the one set before" to OpenSSL. */
	if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key ? key : "", key ? key_len : 0, data,
		       len, out, SHA256_LEN, &out_len) ||
	    out_len != SHA256_LEN)
		out_of_memory();
}

bool bytes_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void hex_encode(struct buf *out, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		char pair[2] = { hex_lower[p[i] >> 4], hex_lower[p[i] & 15] };

		buf_add(out, pair, sizeof(pair));
	}
}

void base64_encode(struct buf *out, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)p[i] << 16;
		char quad[4] = { 0, 0, '=', '=' };

		if (n > 1)
			bits |= (uint32_t)p[i + 1] << 8;
		if (n > 2)
			bits |= p[i + 2];
		for (size_t j = 0; j <= n; j++)
			quad[j] = base64_digits[bits >> (18 - 6 * j) & 63];
		buf_add(out, quad, sizeof(quad));
	}
}

static int base64_value(char c)
{
	const char *at = c ? strchr(base64_digits, c) : NULL;

	return at ? (int)(at - base64_digits) : -1;
}

/* Bytes that text (of whole quads) stands for, or -1 where it is not canonical base64. */
static ptrdiff_t base64_size(const char *text, size_t len)
{
	size_t pad = 0;

	if (len % 4)
		return -1;
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < len - pad; i++) {
		if (base64_value(text[i]) < 0)
			return -1;
	}
	/* Bits that no byte uses must be 0, or two texts would stand for the same bytes. */
	if (pad == 1 && base64_value(text[len - 2]) & 3)
		return -1;
	if (pad == 2 && base64_value(text[len - 3]) & 15)
		return -1;
	return (ptrdiff_t)(len / 4 * 3 - pad);
}

/* True if n more bytes fit; the decoders add all or nothing. */
static bool has_room(struct buf *out, size_t n)
{
	if (!out->overflow && n <= out->max && out->len <= out->max - n)
		return true;
	out->overflow = true;
	return false;
}

int base64_decode(struct buf *out, const char *text, size_t len)
{
	ptrdiff_t size = base64_size(text, len);

	if (size < 0 || !has_room(out, (size_t)size))
		return -1;

	size_t left = (size_t)size;

	for (size_t i = 0; i < len; i += 4) {
		uint32_t bits = 0;

		for (size_t j = 0; j < 4; j++) {
			int value = base64_value(text[i + j]);

			bits = bits << 6 | (uint32_t)(value < 0 ? 0 : value);
		}

		unsigned char bytes[3] = { bits >> 16 & 255, bits >> 8 & 255, bits & 255 };
		size_t n = left < 3 ? left : 3;

		buf_add(out, bytes, n);
		left -= n;
	}
	return 0;
}

void base32_encode(struct buf *out, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint32_t bits = 0;
	unsigned int have = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | p[i]) & 0xfff;
		for (have += 8; have >= 5; have -= 5)
			buf_addch(out, base32_digits[bits >> (have - 5) & 31]);
	}
	if (have)
		buf_addch(out, base32_digits[bits << (5 - have) & 31]);
}

static bool is_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

void url_encode(struct buf *out, const char *s, size_t len, bool keep_slash)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (is_unreserved(c) || (keep_slash && c == '/')) {
			buf_addch(out, (char)c);
		} else {
			char escape[3] = { '%', hex_upper[c >> 4], hex_upper[c & 15] };

			buf_add(out, escape, sizeof(escape));
		}
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte escaped at s, or -1. */
static int escaped_byte(const char *s, size_t len)
{
	int high = len > 2 ? hex_value(s[1]) : -1;
	int low = len > 2 ? hex_value(s[2]) : -1;

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

int url_decode(struct buf *out, const char *s, size_t len, bool plus_is_space)
{
	size_t size = 0;

	for (size_t i = 0; i < len; i++, size++) {
		if (s[i] == '\0')
			return -1;
		if (s[i] != '%')
			continue;
		if (escaped_byte(s + i, len - i) <= 0)
			return -1;
		i += 2;
	}
	if (!has_room(out, size))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '%') {
			buf_addch(out, (char)escaped_byte(s + i, len - i));
			i += 2;
		} else {
			buf_addch(out, plus_is_space && s[i] == '+' ? ' ' : s[i]);
		}
	}
	return 0;
}
