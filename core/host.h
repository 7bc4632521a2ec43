/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This computer: read a file, run a program (credential_process, az, the self-test). Both bounded,
 * both replaceable in tests.
 */
#ifndef GPUCLOUD_CORE_HOST_H
#define GPUCLOUD_CORE_HOST_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;

struct host {
	void *ctx;
	/* Whole regular file up to max bytes (more: ERROR_IO). Absent: ERROR_NOT_FOUND. out is
	 * appended to. */
	int (*read_file)(void *ctx, const char *path, size_t max, struct buf *out,
			 struct error *err);
	/* argv[0] is looked up in the absolute folders of PATH; no shell; stdin is /dev/null;
	 * stdout to out (past its ceiling: ERROR_PROTOCOL), stderr to diag (past its ceiling:
	 * dropped); killed with all it started after timeout_ms (ERROR_TIMEOUT). *status: exit
	 * status, or 128 + signal. Cannot start: ERROR_CONFIG. */
	int (*run)(void *ctx, const char *const *argv, int64_t timeout_ms, struct buf *out,
		   struct buf *diag, int *status, struct error *err);
};

/* For providers: their helpers are the user's own and get the whole environment, credentials in it
 * included, as credential_process is specified. */
extern const struct host host_system;
/* For everything else: what it runs gets of the environment only what programs, their libraries and
 * GPU drivers need to work, and no credentials of any cloud. */
extern const struct host host_bare;

#endif
