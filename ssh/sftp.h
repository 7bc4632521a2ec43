/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/ only: SFTP version 3 (draft-ietf-secsh-filexfer-02, as OpenSSH speaks it) over the
 * bytes of a subsystem. libssh2 has an SFTP client too, but with one request under way at a time:
 * five round trips for each small file. This one keeps SFTP_SLOTS under way. What the machine
 * answers is matched by its id, and anything unexpected ends the connection.
 */
#ifndef GPUCLOUD_SSH_SFTP_H
#define GPUCLOUD_SSH_SFTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/buf.h"
#include "ssh/leave.h"
#include "ssh/wire.h"

struct error;
struct remote;
struct sftp;

#define SFTP_SLOTS	 128
#define SFTP_CHUNK	 32768u
#define SFTP_PACKET_MAX	 ((size_t)256 << 10) /* OpenSSH's own limit */
#define SFTP_HANDLE_MAX	 256
#define SFTP_FILES	 32		      /* open at once */
#define SFTP_SIZE_MAX	 ((uint64_t)1 << 46)  /* of one file */
#define SFTP_UNSIZED_MAX ((uint64_t)16 << 20) /* of a file that says 0 and has more, as in /proc */

enum sftp_type {
	SFTP_INIT = 1,
	SFTP_VERSION = 2,
	SFTP_OPEN = 3,
	SFTP_CLOSE = 4,
	SFTP_READ = 5,
	SFTP_WRITE = 6,
	SFTP_LSTAT = 7,
	SFTP_SETSTAT = 9,
	SFTP_FSETSTAT = 10,
	SFTP_OPENDIR = 11,
	SFTP_READDIR = 12,
	SFTP_REMOVE = 13,
	SFTP_MKDIR = 14,
	SFTP_STAT = 17,
	SFTP_RENAME = 18,
	SFTP_READLINK = 19,
	SFTP_SYMLINK = 20,
	SFTP_STATUS = 101,
	SFTP_HANDLE = 102,
	SFTP_DATA = 103,
	SFTP_NAME = 104,
	SFTP_ATTRS = 105,
	SFTP_EXTENDED = 200,
};

enum sftp_code {
	SFTP_OK = 0,
	SFTP_EOF = 1,
	SFTP_NO_SUCH_FILE = 2,
	SFTP_DENIED = 3
};

#define SFTP_FLAG_READ	0x01u
#define SFTP_FLAG_WRITE 0x02u
#define SFTP_FLAG_CREAT 0x08u
#define SFTP_FLAG_EXCL	0x20u

struct sftp_reply {
	uint8_t type;
	struct wire body; /* past the id */
	uint32_t code;	  /* of a STATUS */
	char text[120];	  /* its message, escaped */
};

struct sftp_attrs {
	uint64_t size;
	mode_t mode;
	uint32_t mtime; /* Unix s, by the machine's clock */
	bool has_size, has_mode, has_mtime;
};

/* The answer to a request. -1 with err ends the transfer. */
typedef int (*sftp_fn)(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		       struct error *err);

struct sftp {
	struct remote *remote;
	struct buf rx; /* what came and is not yet a whole packet */
	size_t rx_start;
	struct sftp_slot {
		sftp_fn fn; /* NULL: the answer does not matter any more */
		void *ctx;
		uint64_t arg;
		uint32_t turn;
		bool used;
	} slots[SFTP_SLOTS];
	unsigned nr_used;
	int64_t deadline; /* moved on by every answer */
	int64_t left_at;  /* when sftp_step was last done */
	bool posix_rename;
	bool greeted;
	bool leaving; /* the user interrupted: `leave` says for how long there is still work */
	struct leave leave;
	char diag[200]; /* what it first said on its standard error, escaped */
};

int sftp_open(struct sftp *sftp, struct remote *remote, struct error *err);

/*
 * Ends the subsystem and leaves the connection usable where it still is. After a failure answers
 * that are still to come are waited for and dropped first.
 */
void sftp_close(struct sftp *sftp);

static inline unsigned sftp_room(const struct sftp *sftp)
{
	return SFTP_SLOTS - sftp->nr_used;
}

/* Sends a request whose body is in `body`. There must be room. */
void sftp_request(struct sftp *sftp, enum sftp_type type, const struct buf *body, sftp_fn fn,
		  void *ctx, uint64_t arg);

/* Requests that are a path, or a path and its new mode. */
void sftp_path_request(struct sftp *sftp, enum sftp_type type, const char *path, sftp_fn fn,
		       void *ctx, uint64_t arg);
void sftp_mode_request(struct sftp *sftp, enum sftp_type type, const void *path, size_t len,
		       mode_t mode, sftp_fn fn, void *ctx, uint64_t arg);

/* Puts one file in the place of another at once, where the machine can; see sftp->posix_rename. */
void sftp_rename(struct sftp *sftp, const char *from, const char *to, sftp_fn fn, void *ctx,
		 uint64_t arg);

/* Handles answers that are there, waiting for one if there are none. Ctrl-C: ERROR_CANCELLED, and
 * from then on there are some seconds to tidy up; sftp_close then ends the connection. */
int sftp_step(struct sftp *sftp, struct error *err);

/* Until nothing is under way. */
int sftp_drain(struct sftp *sftp, struct error *err);

/* The connection broke the rules: "'host' ...: what". Always -1; the worker is ended. */
int sftp_bad(struct sftp *sftp, const char *what, struct error *err);

/* err from a STATUS that is not OK: "cannot VERB 'path': text". Always -1. */
int sftp_refused(const struct sftp_reply *reply, const char *verb, const char *path,
		 struct error *err);

static inline bool sftp_is_ok(const struct sftp_reply *reply)
{
	return reply->type == SFTP_STATUS && reply->code == SFTP_OK;
}

/* False where the attributes are cut off. */
bool sftp_attrs(struct wire *wire, struct sftp_attrs *ret);

/* A path as people type it: "" and "~" are the login folder. malloc'ed. */
char *sftp_user_path(const char *path);

/* A fresh name beside path: "folder/.gpucloud-0123456789abcdef". malloc'ed. */
#define SFTP_TEMP_PREFIX ".gpucloud-"
#define SFTP_TEMP_DIGITS 16
char *sftp_temp_name(const char *path);

#endif
