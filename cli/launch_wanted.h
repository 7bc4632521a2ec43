/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say what is launched: those of `launch`, which `run` takes too. */
#ifndef GPUCLOUD_CLI_LAUNCH_WANTED_H
#define GPUCLOUD_CLI_LAUNCH_WANTED_H

#include "bidding/bid.h"
#include "cli/launch_policy.h"
#include "cli/launch_ready.h"
#include "cli/opt.h"
#include "core/arena.h"
#include "core/buf.h"
#include "fleet/launch.h"

/* What launch_opts fill. A command that takes them has this first in its own struct. */
struct launch_args {
	const char *type, *gpu, *zone, *bid, *zone_by, *on_demand, *name, *image, *subnet;
	const char *ssh_key, *from, *user_data, *wait, *ttl, *idle, *budget, *selftest;
	struct opt_strings ports;
	const char *timeout;
	unsigned gpus, disk;
	bool spot, protect, static_address;
};

extern const struct opt launch_opts[];

/* The options, read and checked; strings live in the arena or in argv. */
struct launch_wanted {
	struct arena arena;
	struct plan_options plan;
	struct launch_options launch;
	struct bid bid;
	struct buf user_data;
	uint16_t *ports;
	enum launch_wait wait;
	bool selftest;
	int64_t timeout_s;
	struct launch_policy policy;
	int64_t budget_cents; /* 0: none */
	bool subnet_asked;    /* by --subnet, not by a setting */
};
void launch_wanted_init(struct launch_wanted *wanted);
void launch_wanted_release(struct launch_wanted *wanted);

/* What contradicts itself is refused before anything is asked of the cloud; what bills without end
 * is asked about. cli->error. */
int launch_wanted_check(struct cli *cli, const struct launch_args *args, struct launch_wanted *ret);

/* The rest: files, keys, settings, and what this cloud cannot do. */
int launch_wanted_read(struct cli *cli, const struct fleet *fleet, const struct launch_args *args,
		       struct launch_wanted *wanted);

#endif
