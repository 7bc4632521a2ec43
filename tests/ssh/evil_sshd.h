/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small SSH server that says what it is told to: curve25519-sha256, ssh-ed25519, aes128-ctr and
 * hmac-sha2-256, anybody may log in. A play is a function that runs in a process of its own with
 * one connection; it may stop being honest at any step.
 */
#ifndef GPUCLOUD_TESTS_EVIL_SSHD_H
#define GPUCLOUD_TESTS_EVIL_SSHD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <openssl/evp.h>

#include "core/buf.h"
#include "ssh/key_format.h"
#include "ssh/wire.h"

enum evil_msg {
	MSG_DISCONNECT = 1,
	MSG_IGNORE = 2,
	MSG_SERVICE_REQUEST = 5,
	MSG_SERVICE_ACCEPT = 6,
	MSG_EXT_INFO = 7,
	MSG_KEXINIT = 20,
	MSG_NEWKEYS = 21,
	MSG_KEX_INIT = 30,
	MSG_KEX_REPLY = 31,
	MSG_AUTH_REQUEST = 50,
	MSG_AUTH_FAILURE = 51,
	MSG_AUTH_SUCCESS = 52,
	MSG_AUTH_BANNER = 53,
	MSG_OPEN = 90,
	MSG_OPEN_CONFIRM = 91,
	MSG_OPEN_FAILURE = 92,
	MSG_WINDOW_ADJUST = 93,
	MSG_DATA = 94,
	MSG_EXTENDED_DATA = 95,
	MSG_EOF = 96,
	MSG_CLOSE = 97,
	MSG_REQUEST = 98,
	MSG_SUCCESS = 99,
	MSG_FAILURE = 100,
};

/* What is wrong with the key exchange. */
enum evil_kex {
	KEX_HONEST,
	KEX_BAD_SIGNATURE,
	KEX_SHORT_SIGNATURE,
	KEX_KEY_TRUNCATED,
	KEX_KEY_HUGE,
	KEX_KEY_UNKNOWN,
	KEX_POINT_EMPTY,
	KEX_POINT_SHORT,
	KEX_POINT_ZERO,
	KEX_POINT_HUGE,
};

struct evil {
	int fd;
	int record; /* the type of every message that arrives goes here, one byte each */
	struct key_parts host;
	char client_banner[256];
	struct buf client_kexinit, server_kexinit;
	unsigned char session_id[32], hash[32];
	struct buf secret; /* K as it is hashed */
	EVP_CIPHER_CTX *in, *out;
	unsigned char in_mac[32], out_mac[32];
	uint32_t in_seq, out_seq;
	bool encrypted;
	unsigned char packet[70000]; /* the one that evil_recv returned */
	uint32_t channel;	     /* the client's number */
	struct buf sftp;	     /* SFTP bytes received */
	int step;		     /* for the play's own use */
};

typedef void (*evil_play)(struct evil *evil);
/* An SFTP request; false ends the play. */
typedef bool (*evil_sftp)(struct evil *evil, uint8_t type, uint32_t id, struct wire *body);

struct evil_server {
	pid_t pid;
	uint16_t port;
	int record;
};

/* Starts a process that plays once. */
void evil_start(struct evil_server *server, const struct key_parts *host, evil_play play);

/* Ends it; the types of the messages it got, at most size - 1, as a string of bytes. */
void evil_stop(struct evil_server *server, unsigned char *types, size_t size, size_t *nr);

void evil_write(struct evil *evil, const void *data, size_t len); /* ends the process on failure */
void evil_text(struct evil *evil, const char *text);
void evil_read_banner(struct evil *evil);
void evil_send(struct evil *evil, const struct buf *payload);
size_t evil_recv(struct evil *evil); /* payload at evil->packet; ends the process at the end */
size_t evil_expect(struct evil *evil, enum evil_msg type); /* skips others */

/* Steps; each does those before it. */
void evil_banners(struct evil *evil);
void evil_put_kexinit(struct buf *payload, const char *names); /* names: for each list, or NULL */
void evil_kexinits(struct evil *evil);
void evil_kex(struct evil *evil, enum evil_kex how, bool newkeys);
void evil_login(struct evil *evil);
void evil_channel(struct evil *evil, uint32_t window, uint32_t packet);
void evil_exec(struct evil *evil);

/* On the open channel. */
void evil_msg_channel(struct buf *payload, const struct evil *evil, enum evil_msg type);
void evil_data(struct evil *evil, const void *data, size_t len);
void evil_exit(struct evil *evil, uint32_t status);
void evil_close(struct evil *evil);

/* An SFTP server whose answers are fn's, until it says false. */
void evil_sftp_serve(struct evil *evil, evil_sftp fn);
void evil_sftp_send(struct evil *evil, uint8_t type, uint32_t id, const struct buf *body);
void evil_sftp_status(struct evil *evil, uint32_t id, uint32_t code, const char *text);
void evil_sftp_handle(struct evil *evil, uint32_t id, const char *handle);
void evil_put_attrs(struct buf *body, uint32_t mode, uint64_t size);

void evil_hang(void);

#endif
