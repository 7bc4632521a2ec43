/* SPDX-License-Identifier: Apache-2.0 */
/* Is everything in place to launch? Each check says what it found and how to repair it. */
#ifndef GPUCLOUD_FLEET_DOCTOR_H
#define GPUCLOUD_FLEET_DOCTOR_H

#include "fleet/fleet.h"

enum check_status {
	CHECK_OK,
	CHECK_WARN, /* works, but look at it */
	CHECK_FAIL, /* a launch would fail */
	CHECK_SKIP, /* could not be looked at, because of an earlier failure */
};
const char *check_status_name(enum check_status status); /* "ok", "warn", "fail", "skip" */

struct check {
	const char *name; /* "credentials" */
	enum check_status status;
	char detail[384];
	char repair[256]; /* a command or an action; "" where nothing is to be done */
};

struct doctor_report {
	void *ctx;
	void (*check)(void *ctx, const struct check *check);
};

/*
 * Runs the checks in order and tells each as it is known. region NULL: the default one. ssh_key
 * NULL: none found. Returns the kind of the first failure, ERROR_NONE where nothing failed.
 */
enum error_kind doctor_run(struct fleet *fleet, const char *region, const char *ssh_key,
			   const struct doctor_report *report);

#endif
