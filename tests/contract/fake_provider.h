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
	bool gone, spot, protected;
	enum instance_state state; /* 0: running */
	int64_t launched, ended, expires;
	struct tag tag; /* one of its own, where .key is set */
};

struct fake_leftover {
	enum leftover_kind kind;
	char id[32], launch_id[64], owner[64], region[16], attached[24];
	int64_t created;
	unsigned conflicts;	 /* so many attempts to remove it fail: it is in use */
	bool removed, goes_with; /* it goes with the instance it is attached to */
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
	struct fake_leftover leftovers[FAKE_MAX];
	size_t nr_leftovers;
	unsigned removals;   /* calls of remove */
	char order[256];     /* what was removed, in that order */
	bool leftovers_down; /* r2 does not tell what is left over there */
	int64_t skew_ms;     /* the cloud's clock minus ours */
	bool account_down;
	unsigned stops, starts;
	void (*at_leftovers)(struct fake_state *state); /* another computer acts just before */
	struct rng_seeded seeded;			/* a child's draws are drawn */
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

/* One made by hand; running since `age_s` ago. */
struct fake_instance *fake_instance_add(struct fake *fake, const char *launch_id, int64_t age_s);
struct fake_leftover *fake_leftover_add(struct fake *fake, enum leftover_kind kind, const char *id,
					const char *launch_id, int64_t age_s);
/* fake_leftovers.c: slots of the provider's table. */
int fake_leftovers(struct provider *p, const struct leftover_query *query,
		   struct leftover_list *ret, struct error *err);
int fake_remove(struct provider *p, const struct leftover *leftover, struct error *err);
int fake_stop(struct provider *p, const char *region, const char *id, struct error *err);
int fake_start(struct provider *p, const char *region, const char *id, struct error *err);
struct fake_state *fake_state_of(struct provider *p);
/* The program ends and starts again: journal closed, nothing else changed. */
void fake_restart(struct fake *fake);

#endif
