/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/ only: OpenSSH's file format of an unencrypted ed25519 key. The format is openssh's
 * PROTOCOL.key; key type and blob are RFC 8709.
 */
#ifndef GPUCLOUD_SSH_KEY_FORMAT_H
#define GPUCLOUD_SSH_KEY_FORMAT_H

#include <stddef.h>

struct buf;
struct error;

#define ED25519_LEN	32 /* seed, and public key */
#define KEY_TEXT_MAX	16384
#define KEY_COMMENT_MAX 256

struct key_parts {
	unsigned char seed[ED25519_LEN];
	unsigned char public_key[ED25519_LEN];
	char comment[KEY_COMMENT_MAX];
};

/* Appends the armoured private key to out. `check` is the random number that is written twice. */
void key_format_private(const struct key_parts *parts, unsigned int check, struct buf *out);

/* Appends "ssh-ed25519 AAAA... comment" (no newline). */
void key_format_public(const struct key_parts *parts, struct buf *out);

/*
 * Reads an armoured private key. ERROR_CONFIG with a hint where it is another type, has a
 * passphrase, or its halves do not belong together (`name` is for the message).
 */
int key_parse_private(const char *text, size_t len, const char *name, struct key_parts *ret,
		      struct error *err);

/* The public half of a seed: what an ed25519 key's halves are checked with. */
int key_public_of(const unsigned char seed[ED25519_LEN], unsigned char out[ED25519_LEN],
		  struct error *err);

#endif
