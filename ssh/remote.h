/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine we may run things on: connect, exec, push, pull. fleet/ sees only this table; ssh/ fills
 * it over libssh2 and tests fake it.
 *
 * Everything the machine sends is hostile: lengths, names and output are bounded and checked. All of
 * libssh2 runs in a child process that holds no secret but the login key, with its own limits on
 * memory and time, so that a deadline holds even where the library spins or the machine hangs. No
 * agent forwarding, no X11, no password, no keyboard-interactive, never scp.
 *
 * A connection belongs to one thread and does one thing at a time. A deadline, Ctrl-C, a callback
 * that says -1 or a broken protocol closes it for good (then: ERROR_NETWORK, "ConnectionClosed");
 * an error about one file, or an exit status, does not. A program that uses it starts its main()
 * as ssh/worker.h says.
 */
#ifndef GPUCLOUD_SSH_REMOTE_H
#define GPUCLOUD_SSH_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ssh/key.h"

struct clock;
struct error;
struct remote; /* one connection */

/*
 * Whom to talk to and how to be sure of it. The key the machine shows must be one of host_keys
 * (public lines) or have one of the fingerprints; anything else is ERROR_AUTH with code
 * "HostKeyMismatch", and nothing of ours has been sent: no user name, no key, no byte.
 */
struct remote_target {
	const char *name;    /* what a person calls it, for messages; NULL: by its address alone */
	const char *address; /* IPv4 or IPv6, or a name */
	uint16_t port;
	const char *user;
	const char *const *host_keys; /* public lines */
	size_t nr_host_keys;
	const char *const *fingerprints; /* as ssh_fingerprint */
	size_t nr_fingerprints;
	const struct ssh_key *login_key; /* or NULL: the agent alone */
	bool use_agent;			 /* ask SSH_AUTH_SOCK's agent too, after login_key */
	const char *agent_socket;	 /* too long a path for a socket: only login_key is tried */
	int64_t timeout_ms;		 /* for TCP, key exchange and login together */
};

/* What the host showed (a public line without comment), for whoever records it, and what got us in. */
struct remote_seen {
	char host_key[SSH_LINE_MAX];
	bool by_agent; /* a key of the agent's; false: login_key */
};

/*
 * Where bytes of a command go and come from. out and err are called with pieces of at most 64 KiB;
 * -1 (with err filled) ends the command. in fills up to n bytes: >0, 0 at the end, -1 on error; NULL:
 * the command's stdin is empty. in_fd is what in reads: it is waited for before in is called, so
 * that output flows meanwhile; NULL: in never blocks. out or err NULL: what comes is dropped.
 */
struct remote_stream {
	void *ctx;
	int (*out)(void *ctx, const char *data, size_t len, struct error *err);
	int (*err)(void *ctx, const char *data, size_t len, struct error *err);
	ssize_t (*in)(void *ctx, char *buf, size_t n, struct error *err);
	const int *in_fd;
	void (*tick)(void *ctx); /* or NULL: ten times a second at least while the command runs */
};

/* How a command ended. A shell's code: status, or 128 + the signal's number. */
struct remote_exit {
	int status;
	char signal[16]; /* "KILL", "" */
	int code;	 /* what the caller passes on: status, 128 + n, 128: some other signal */
};

struct remote_progress {
	void *ctx;
	void (*moved)(void *ctx, const char *path, uint64_t files, uint64_t bytes);
};

struct remote_ops {
	/* ERROR_NETWORK (retryable: not up yet), ERROR_AUTH, ERROR_TIMEOUT, ERROR_PROTOCOL. */
	int (*connect)(const struct remote_target *target, struct remote **ret,
		       struct remote_seen *seen, struct error *err);
	/*
	 * deadline_ms is from now; 0: none. Past it, on Ctrl-C, and where a callback says -1, the
	 * command is ended on the machine (TERM, after 2 s KILL), which takes 2 s where the machine
	 * does not answer, 6 s at most, and no longer than a further Ctrl-C. Of ERROR_TIMEOUT and
	 * ERROR_CANCELLED the code says what came of it: "CommandEnded", or "CommandLeft": it may run
	 * on. A session of its own (setsid, tmux, a service) is left alone. The connection lost
	 * meanwhile: ERROR_NETWORK with err.unknown. Ended without a status: ERROR_PROTOCOL "NoExitStatus", never success.
	 */
	int (*exec)(struct remote *remote, const char *command, const struct remote_stream *stream,
		    int64_t deadline_ms, struct remote_exit *ret, struct error *err);
	/*
	 * A file or a folder (whole tree; regular files, folders and symbolic links; modes kept), by
	 * SFTP. Each file is written beside its target and renamed. A name from the machine with '/',
	 * NUL, "." or ".." as a component, or a tree deeper than 64, is ERROR_PROTOCOL, and nothing is
	 * ever written outside the local target. (The "." and ".." of every listing are left out.)
	 *
	 * The target of a folder becomes that folder: what is in it already stays. A file goes into a
	 * folder that is there, or named with a '/' at its end, under its own name. The folder a target
	 * is in must exist. On the machine "" and "~" are the login folder. Something else than file,
	 * folder or link: all else is copied, then ERROR_UNSUPPORTED. Silence for the target's
	 * timeout_ms: ERROR_TIMEOUT. pull syncs to disk once, at its end.
	 */
	int (*push)(struct remote *remote, const char *local, const char *path,
		    const struct remote_progress *progress, struct error *err);
	int (*pull)(struct remote *remote, const char *path, const char *local,
		    const struct remote_progress *progress, struct error *err);
	void (*close)(struct remote *remote); /* NULL is fine */
};

extern const struct remote_ops remote_ssh;

#endif
