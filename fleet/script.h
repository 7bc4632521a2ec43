/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a script of ours on a machine: handed to /bin/sh by its standard input, whatever the login
 * shell is, and nothing is left there. */
#ifndef GPUCLOUD_FLEET_SCRIPT_H
#define GPUCLOUD_FLEET_SCRIPT_H

#include <stdint.h>

struct buf;
struct error;
struct machine;
struct remote_exit;

/*
 * args: words for the script, safe for a shell as they are ("" none). What it prints is added to out;
 * past its ceiling, or past the deadline, it is ended: -1, with what came before in out. The
 * script's own exit status is in ret.
 */
int script_run(struct machine *machine, const char *script, const char *args, int64_t deadline_ms,
	       struct buf *out, struct remote_exit *ret, struct error *err);

#endif
