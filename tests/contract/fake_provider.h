/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cloud of a few lines, so that fleet/ can be watched while it works; of several kinds. Its state is
 * shared with child processes: a child may be killed in the midst of a launch, and what it made stays.
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

/* What a cloud can be like. */
enum fake_mode {
	FAKE_FULL, /* tags, tokens, spot; what has ended is remembered for good */
	/* No tags, tokens, spot, zones, nor a firewall. A boot script. At its limit a machine is off, and
	 * its disk bills; it must be off before it can be ended, and what has ended is forgotten. */
	FAKE_BARE,
	/* Tags, but no tokens, spot or zones. It forgets too, and bills for what is off as if it ran. */
	FAKE_BILLS,
};

/* Where in a launch, or in an end, something happens. */
enum fake_point {
	FAKE_NOWHERE,
	FAKE_BEFORE_INTENT,
	FAKE_AFTER_INTENT, /* written down, not sent */
	FAKE_AFTER_MAKE,   /* sent and done, not heard of */
	FAKE_AFTER_DONE,
	/* Of FAKE_BARE. */
	FAKE_AFTER_SCRIPT, /* its boot script is made */
	FAKE_BEFORE_STOP,
	FAKE_AFTER_STOP,
	FAKE_BEFORE_DELETE,
	FAKE_AFTER_DELETE,
	FAKE_BEFORE_RELEASE,
	FAKE_AFTER_RELEASE,
	FAKE_POINTS
};

#define FAKE_TAGS 8

struct fake_instance {
	char id[24], token[64], launch_id[64], name[64], owner[64], zone[16], region[16];
	bool gone, spot, protected;
	enum instance_state state; /* 0: running */
	int64_t launched, ended, expires;
	struct tag tag; /* one of its own, where .key is set */
	char keys[FAKE_TAGS][32],
		values[FAKE_TAGS][72]; /* set later, and at a launch of FAKE_BILLS */
	size_t nr_tags;
	int64_t shows; /* Unix s: it is not listed before */
	int64_t off;   /* Unix s: one that is stopping has stopped */
	int64_t price, price_off;
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
	enum fake_mode mode;
	int64_t shows_after_s, stop_takes_s; /* of new instances; of those being stopped */
	int64_t price, price_off;	     /* what it says that new ones cost */
	char type[32];			     /* of all; "": FAKE_TYPE */
	bool no_sleep;			     /* whoever waits is interrupted */
	unsigned stops, starts;
	int64_t limit;	    /* the last that a cloud's own timer was moved to */
	bool refuses_limit; /* and it cannot be */
	unsigned busy_for; /* so many of them are refused: it does something else */
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
	const struct provider_ops *ops;
	struct fleet fleet;
	struct provider *p;
};

void fake_open(struct fake *fake);
void fake_close(struct fake *fake);
void fake_become(struct fake *fake, enum fake_mode mode);
/* Those that are not gone, listed or not. */
size_t fake_alive(const struct fake *fake);

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
int fake_limit(struct provider *p, const char *region, const char *id, int64_t until,
	       struct error *err);
struct fake_state *fake_state_of(struct provider *p);

/* fake_bare.c: those of the poorer clouds. */
int fake_bare_launch(struct provider *p, const struct launch_request *request,
		     const struct launch_steps *steps, struct launch_result *ret,
		     struct error *err);
int fake_bare_instances(struct provider *p, const struct instance_query *query,
			struct instance_list *ret, struct error *err);
int fake_bare_terminate(struct provider *p, const char *region, const char *id, struct error *err);
int fake_bare_release(struct provider *p, const char *region, const char *launch_id,
		      struct release_result *ret, struct error *err);

/* fake_market.c */
int fake_offers(struct provider *p, const struct offer_query *query, struct offer_list *ret,
		struct error *err);
int fake_history(struct provider *p, const struct spot_query *query, struct spot_history *ret,
		 struct error *err);

/* fake_provider.c: what their slots share. */
int fake_reach(struct provider *p, enum fake_point point, struct error *err);
void fake_describe(const struct fake_instance *one, struct arena *arena, struct instance *ret);
struct fake_instance *fake_make(struct fake_state *state, const struct launch_request *request);
bool fake_asked_for(const struct instance_query *query, const struct fake_instance *one);
void fake_read_journal(struct provider *p);
int fake_set_tag(struct provider *p, const char *region, const char *id, const struct tag *tag,
		 struct error *err);
/* The program ends and starts again: journal closed, nothing else changed. */
void fake_restart(struct fake *fake);

#endif
