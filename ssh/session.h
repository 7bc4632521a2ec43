/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the worker only: one libssh2 session. libssh2 is given our own memory, send and receive
 * functions, so that what it takes is bounded, that it never blocks, and that not a byte leaves
 * after a wrong host key was seen.
 */
#ifndef GPUCLOUD_SSH_SESSION_H
#define GPUCLOUD_SSH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libssh2.h>

#include "core/buf.h"
#include "core/secret.h"
#include "ssh/key.h"

struct error;
struct wire;

#define SESSION_KEYS_MAX    16
#define SESSION_MEMORY_MAX  ((size_t)64 << 20) /* all that libssh2 may hold */
#define SESSION_LOGIN_MAX   ((size_t)1 << 20)  /* bytes a host may send before we are logged in */
#define SESSION_BANNER_MAX  8192	       /* text before its version, as sshd's own limit */
#define SESSION_BANNER_LINE 255		       /* RFC 4253, section 4.2 */

/* Whom to talk to: remote_target, as it comes through the control socket. */
struct session_target {
	char address[256];
	uint32_t port;
	char user[64];
	struct session_blob {
		unsigned char data[SSH_BLOB_MAX];
		size_t len;
	} host_keys[SESSION_KEYS_MAX];
	size_t nr_host_keys;
	char fingerprints[SESSION_KEYS_MAX][SSH_FINGERPRINT_MAX];
	size_t nr_fingerprints;
	struct secret login_key; /* private, in OpenSSH's format */
	bool use_agent;
	char agent_socket[108];
	uint32_t timeout_ms;
};

struct session {
	struct session_target *target;
	LIBSSH2_SESSION *ssh;
	int sock;
	int control; /* the worker's own: its end means that nobody waits for us */

	/* what goes out; libssh2 always believes that it was sent */
	struct buf out;
	size_t out_start;

	size_t memory;
	size_t budget;	 /* bytes that the library call now running may still take in */
	uint64_t taken;	 /* bytes so far; a call for one stream takes in those of others too */
	size_t received; /* before login */
	bool logged_in;
	bool by_agent; /* it was one of the agent's keys */

	bool banner_done;
	size_t banner_len; /* all lines */
	char line[SESSION_BANNER_LINE + 1];
	size_t line_len;
	bool line_over;

	unsigned char host_key[SSH_BLOB_MAX]; /* the one that was accepted */
	size_t host_key_len;

	bool status_seen; /* the running command's exit-status arrived */

	/* why it ended, where the library only says that it did */
	bool host_wrong, banner_wrong, too_much, memory_out, lost;
	bool deaf; /* the host takes nothing any more */
	int lost_errno;
	char said[256]; /* text of the host's disconnect message, escaped */
};

int session_start_parse(struct wire *wire, struct session_target *ret, struct error *err);

/* TCP, key exchange, host key, login; leaves the session usable or err filled. */
int session_connect(struct session *session, struct error *err);
int session_handshake(struct session *session, struct error *err);
int session_login(struct session *session, struct error *err);

/* A library call that said "again": send what is queued, wait for the socket. Ends the process
 * where nobody waits for us any more. */
void session_wait(struct session *session);

/* Before each library call: what it may take in. */
void session_allow(struct session *session);

void session_flush(struct session *session);

static inline size_t session_unsent(const struct session *session)
{
	return session->out.len - session->out_start;
}

/* Fills err from a library call's return value; `what` failed. */
int session_fail(struct session *session, int rc, const char *what, struct error *err);

/* Our memory and socket functions, given to a new libssh2 session. */
LIBSSH2_SESSION *session_library(struct session *session);

/* NULL if this version may be used, else why not. */
const char *session_version_refused(const char *version);

#endif
