/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cloud of a few lines, so that fleet/ can be watched while it works. Its state is shared with
 * child processes: a child may be killed in the midst of a launch, and what it made stays.
 */
#ifndef GPUCLOUD_TESTS_CONTRACT_FAKE_PROVIDER_H
#define GPUCLOUD_TESTS_CONTRACT_FAKE_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/rng.h"
#include "core/settings.h"
#include "fleet/fleet.h"
#include "providers/provider.h"

#define FAKE_START  INT64_C(1600000000)
#define FAKE_REGION "r1"
#define FAKE_TYPE   "gpu.large"
#define FAKE_MAX    16

/* Where in a launch something happens. */
enum fake_point {
	FAKE_NOWHERE,
	FAKE_BEFORE_INTENT,
	FAKE_AFTER_INTENT, /* written down, not sent */
	FAKE_AFTER_MAKE,   /* sent and done, not heard of */
	FAKE_AFTER_DONE,
};

struct fake_instance {
	char id[24], token[64], launch_id[64], name[64], owner[64], zone[16], region[16];
	bool gone, spot;
	int64_t launched, ended;
};

struct fake_step {
	int64_t time, micros;
};

struct fake_state { /* shared memory */
	int64_t now_ms;
	struct fake_instance v[FAKE_MAX];
	size_t nr;
	bool hidden;	    /* new instances are not described */
	bool region_down;   /* region r2 does not answer */
	bool keeps_running; /* accepts the end, and does nothing */
	bool refuses_end;
	const char *account;
	enum fake_point die_at, lose_at; /* _exit() there; a reply lost there: unknown */
	enum error_kind fail[3];	 /* of zones a, b, c */
	unsigned launches, releases, terminates, left;
	char tokens[FAKE_MAX][64];
	char seen_at_intent
		[64]; /* what a second reader of the journal sees when intend() is back */
	struct fake_step steps[8];
	size_t nr_steps;
	bool no_history;
	struct rng_seeded seeded; /* a child's draws are drawn */
};

struct fake {
	struct fake_state *state;
	struct clock clock;
	struct rng rng;
	struct settings *settings;
	struct paths paths;
	char dir[64];
	struct fleet fleet;
	struct provider *p;
};

void fake_open(struct fake *fake);
void fake_close(struct fake *fake);
/* The program ends and starts again: journal closed, nothing else changed. */
void fake_restart(struct fake *fake);

#endif
