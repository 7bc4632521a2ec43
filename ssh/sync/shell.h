/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/sync only: a script of ours, run by /bin/sh on the machine whatever the login shell is.
 * It goes ahead of the command's other input, so nothing of it stands in a process list, and no
 * path has to be quoted for a shell we do not know. A script that arrives cut off runs not at all.
 */
#ifndef GPUCLOUD_SSH_SYNC_SHELL_H
#define GPUCLOUD_SSH_SYNC_SHELL_H

#include <stdint.h>
#include <sys/types.h>

#include "core/buf.h"
#include "ssh/tree.h"

struct error;
struct remote;
struct remote_exit;
struct remote_ops;

#define SHELL_BLOCK	 4096 /* what goes ahead is padded to whole blocks of it */
#define SHELL_STDERR_MAX 4000

struct shell {
	struct buf text;  /* variables, then the script; shell_text begins and ends it */
	struct buf input; /* after the text: lists, each padded by shell_list */
	struct buf said;  /* the beginning of its standard error */
	size_t given;	  /* of text and input */

	/* The rest of its input, if any; and its output. Both as struct remote_stream has them. */
	void *ctx;
	ssize_t (*in)(void *ctx, char *buf, size_t n, struct error *err);
	int (*out)(void *ctx, const char *data, size_t len, struct error *err);
};

void shell_init(struct shell *shell);
void shell_release(struct shell *shell);

/* name='value', quoted. Before shell_script. */
void shell_set(struct shell *shell, const char *name, const char *value);
void shell_set_number(struct shell *shell, const char *name, uint64_t value);

/*
 * A list for the script, which takes it by "gpucloud_list_of NAME" in the order of these calls:
 * sets NAME_bytes and NAME_blocks.
 */
void shell_list(struct shell *shell, const char *name, const void *data, size_t len);

/* The script, and what it is to do; once, last. _two: a script that builds on another. */
void shell_script(struct shell *shell, const char *script, const char *call);
void shell_script_two(struct shell *shell, const char *base, const char *script, const char *call);

/*
 * Runs it. 0 and how it ended, or -1 as exec says. What it wrote to standard error is in said.
 */
int shell_run(struct shell *shell, const struct remote_ops *ops, struct remote *remote,
	      int64_t deadline_ms, struct remote_exit *ret, struct error *err);

/* The first line of said, escaped, or "status N": why it failed, for a message. */
struct shown shell_why(const struct shell *shell, const struct remote_exit *how);

/* A path as remote.h has it ("", "~", "~/x", "/x", "x") as one that no tool takes for an option. */
char *shell_path(const char *path);

#endif
