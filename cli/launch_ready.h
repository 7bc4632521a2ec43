/* SPDX-License-Identifier: Apache-2.0 */
/* From "running" to "proven": log in with the host key verified, and test the GPU. */
#ifndef GPUCLOUD_CLI_LAUNCH_READY_H
#define GPUCLOUD_CLI_LAUNCH_READY_H

#include "fleet/launch.h"
#include "fleet/selftest.h"

struct cli;

enum launch_wait {
	LAUNCH_WAIT_ACCEPTED,
	LAUNCH_WAIT_RUNNING,
	LAUNCH_WAIT_SSH,
};

struct launch_ready {
	int64_t ttl_s; /* armed at boot; 0: none */
	bool verified; /* logged in, host key checked */
	bool rotated;  /* and replaced */
	bool tested;   /* report is filled */
	struct selftest_report report;
};

/* 0, or -1 with cli->error; what was reached is in ready all the same. */
int launch_verify(struct cli *cli, struct fleet *fleet, const struct launch_outcome *outcome,
		  int64_t timeout_s, bool selftest, struct launch_ready *ready);

#endif
