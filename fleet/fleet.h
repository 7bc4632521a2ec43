/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One opened gpucloud: settings, the way to the network, the chosen cloud, the journal. The
 * workflows (launch, terminate, list, history, ...) take it as their first parameter; this folder
 * is the only one that joins providers, bidding and the journal.
 */
#ifndef GPUCLOUD_FLEET_FLEET_H
#define GPUCLOUD_FLEET_FLEET_H

#include <stdbool.h>

#include "core/settings.h"
#include "providers/provider.h"

struct journal;
struct cost_ahead;
struct own_address;

#define FLEET_SCOPE_MAX 128

struct fleet {
	struct settings *settings; /* borrowed */
	const struct paths *paths; /* borrowed */
	const struct clock *clock;
	const struct rng *rng;
	const struct host *host;
	struct http *http;
	const struct provider_ops *ops;
	struct provider *provider;
	struct journal *journal;  /* NULL until fleet_journal() */
	struct cost_ahead *ahead; /* fleet/cost_ahead.h: prices asked for many at once, or NULL */
	struct own_address *own;  /* caller.c's: asked once for all threads; NULL: every time */
	char owner[64];		  /* a label: whose instances are "mine" */
	bool simulated;		  /* talks to the built-in simulator */
	char label_scope[FLEET_SCOPE_MAX]; /* labels.c's: fleet_scope, asked once */
};

/*
 * Loads the profile named by the setting "profile" (flag, GPUCLOUD_PROFILE) into settings: the
 * built-in "sim" from the running simulator, a section of the config file, or else a profile of the
 * cloud's own files (handed on as aws_profile). Call once before fleet_open.
 */
int fleet_load_profile(struct settings *settings, const struct paths *paths,
		       const struct host *host, struct error *err);

/* No network is touched. settings and paths must outlive the fleet. */
int fleet_open(struct fleet *fleet, struct settings *settings, const struct paths *paths,
	       struct error *err);
void fleet_close(struct fleet *fleet);

/*
 * How a person names it in a command that is theirs to copy: its name where that is a label and ours,
 * else its id. Tags are written by anybody, and another owner's name may be one of ours too.
 */
const char *fleet_target(const struct fleet *fleet, const struct instance *instance);

/* Opens the journal, once. */
int fleet_journal(struct fleet *fleet, struct error *err);

/*
 * The regions a command works on: those named (comma-separated or repeated), or with `all` every
 * enabled one, or the default one. Strings live in the arena.
 */
struct region_choice {
	const char *const *named;
	size_t nr_named;
	bool all;
};
int fleet_regions(struct fleet *fleet, const struct region_choice *choice, struct arena *arena,
		  const char *const **ret, size_t *ret_nr, struct error *err);

/*
 * A request to `region` failed with err: where that is because there is no such region, says so
 * (ERROR_NOT_FOUND, with the nearest name). Returns -1.
 */
int fleet_explain_region(struct fleet *fleet, const char *region, struct error *err);

/*
 * Whose the rows of the journal are: the account's number, and for an endpoint on this computer
 * (the simulator, moto) its address too, for there every account has the same number.
 */
int fleet_scope(struct fleet *fleet, char out[FLEET_SCOPE_MAX], struct error *err);

/*
 * Address blocks that may reach a new machine: the setting "from" (--from, comma-separated CIDR), or
 * else the caller's own address as the internet sees it (setting checkip_url), as a /32. Where the
 * cloud's endpoint is on loopback the caller is too.
 */
int fleet_caller(struct fleet *fleet, const char *region, struct arena *arena,
		 const char *const **ret, size_t *ret_nr, struct error *err);

#define FLEET_ADDRESS_MAX 64

/* The caller's own address alone, whatever "from" says: "203.0.113.7/32". */
int fleet_own_address(struct fleet *fleet, const char *region, char ret[FLEET_ADDRESS_MAX],
		      struct error *err);

/* What fleet_own_address remembers; freed with the fleet. */
struct own_address *own_address_new(void);
void own_address_free(struct own_address *own);

#endif
