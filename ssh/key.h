/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ed25519 keys: made with OpenSSL, written in OpenSSH's own formats. RSA is refused: Debian 12's
 * libssh2 cannot use it with today's sshd. Formats: PROTOCOL.key and RFC 8709.
 */
#ifndef GPUCLOUD_SSH_KEY_H
#define GPUCLOUD_SSH_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/secret.h"

struct arena;
struct error;

#define SSH_FINGERPRINT_MAX \
	53 /* SHA-256 of the public blob in base32 (52) and NUL: a tag's value */
#define SSH_FINGERPRINT_OPENSSH_MAX 51 /* "SHA256:", 43 of base64, NUL */
#define SSH_LINE_MAX		    1024
#define SSH_BLOB_MAX		    512

struct ssh_key {
	struct secret private_pem;	/* "-----BEGIN OPENSSH PRIVATE KEY-----...", unencrypted */
	char public_line[SSH_LINE_MAX]; /* "ssh-ed25519 AAAA... comment" */
};

/* A fresh key; randomness is OpenSSL's own. */
int ssh_key_make(const char *comment, struct ssh_key *ret, struct error *err);
void ssh_key_release(struct ssh_key *key);

/* Writes PATH (0600, durable) and PATH.pub; refuses to replace a key that is there. After an error of
 * the disk PATH may be there, whole: the other half follows from it. */
int ssh_key_save(const struct ssh_key *key, const char *path, struct error *err);

/*
 * Reads a private key file: ours to read alone (mode, owner), ed25519, without a passphrase
 * (ERROR_CONFIG with a hint otherwise: use the agent).
 */
int ssh_key_load(const char *path, struct ssh_key *ret, struct error *err);

/* One public line ("ssh-ed25519 AAAA... comment"): its type and the blob as it is compared. Any key
 * type is parsed; *ret_len at most SSH_BLOB_MAX. */
int ssh_public_parse(const char *line, char type[32], unsigned char blob[SSH_BLOB_MAX],
		     size_t *ret_len, struct error *err);

/* What the tag gpucloud-hostkey holds. */
void ssh_fingerprint(const unsigned char *blob, size_t len, char out[SSH_FINGERPRINT_MAX]);
/* The same hash as OpenSSH shows it: "SHA256:" and base64 without '='. */
void ssh_fingerprint_openssh(const unsigned char *blob, size_t len,
			     char out[SSH_FINGERPRINT_OPENSSH_MAX]);
int ssh_public_fingerprint(const char *line, char out[SSH_FINGERPRINT_MAX], struct error *err);

#endif
