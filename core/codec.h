/* SPDX-License-Identifier: Apache-2.0 */
/* Digests and encodings, over OpenSSL's EVP. Encoders append to a buf. */
#ifndef GPUCLOUD_CORE_CODEC_H
#define GPUCLOUD_CORE_CODEC_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

#define SHA256_LEN     32
#define SHA256_HEX_MAX 65
#define SHA1_HEX_MAX   41

void sha256(const void *data, size_t len, unsigned char out[SHA256_LEN]);
void sha256_hex(const void *data, size_t len, char out[SHA256_HEX_MAX]);
void sha1_hex(const void *data, size_t len, char out[SHA1_HEX_MAX]); /* names of SSO cache files */
void hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
		 unsigned char out[SHA256_LEN]);
bool bytes_equal(const void *a, const void *b, size_t n); /* in constant time */

void hex_encode(struct buf *out, const void *data, size_t len);
void base64_encode(struct buf *out, const void *data, size_t len);
int base64_decode(struct buf *out, const char *text, size_t len); /* -1: not base64 */
void base32_encode(struct buf *out, const void *data, size_t len); /* a-z2-7, no padding */

/* RFC 3986: everything but A-Za-z0-9-._~ as %XX; '/' too unless keep_slash. */
void url_encode(struct buf *out, const char *s, size_t len, bool keep_slash);
/* '+' is a space only if plus_is_space. -1: bad escape or %00. */
int url_decode(struct buf *out, const char *s, size_t len, bool plus_is_space);

#endif
