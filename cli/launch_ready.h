/* SPDX-License-Identifier: Apache-2.0 */
/* From "accepted" to "proven": it runs, we log in with the host key verified, its GPU is tested. */
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
	/* how far to go */
	enum launch_wait wait;
	int64_t timeout_s;
	bool selftest; /* with LAUNCH_WAIT_SSH */
	/* what was reached */
	bool verified; /* logged in, host key checked */
	bool rotated;  /* and replaced */
	bool tested;   /* report is filled: selftest_report_release */
	struct selftest_report report;
};

/* Before anything is made: could we log in, and could the self-test run on that type? cli->error. */
int launch_check_login(struct cli *cli);
int launch_check_selftest(struct cli *cli, const char *type, const char *arch);

/* Goes as far as `ready` wants. 0, or -1 with cli->error; what was reached is in ready all the same. */
int launch_get_ready(struct cli *cli, struct fleet *fleet, struct launch_outcome *outcome,
		     const struct launch_events *events, struct launch_ready *ready);

#endif
