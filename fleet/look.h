/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at machines, many at once, and judging what was seen there with what was seen before. */
#ifndef GPUCLOUD_FLEET_LOOK_H
#define GPUCLOUD_FLEET_LOOK_H

#include "fleet/fleet.h"
#include "fleet/idle.h"

struct idle_store;

#define LOOK_WIDTH	64    /* machines at once: a quarter of a MiB each */
#define LOOK_CONNECT_MS 15000 /* to log in; the probe has PROBE_DEADLINE_MS more */
#define LOOK_WINDOW_S	INT64_C(1800)

struct look {
	const struct instance *instance;
	bool admit; /* given: where it does not answer, let this computer in (fleet/admit.h) */
	char admitted[FLEET_ADDRESS_MAX]; /* what was let in for it, or "" */
	bool reached;			  /* the machine answered, if only in part */
	struct probe probe;		  /* where it was not reached: partial, and says why */
	struct error err;		  /* why it was not reached */
};

/* The time by the clock of the cloud that answers for that region, as far as it told. Unix s. */
int64_t look_now(struct fleet *fleet, struct provider *provider, const char *region);

/* Logs in to each of n machines and looks once. Entries are zeroed but for .instance, .admit. */
void look_all(struct fleet *fleet, struct look *v, size_t n);

/*
 * Anything done on machines, many at once: fn gets a fleet of its own thread and the item. That
 * fleet has no journal; one that is opened through it is closed behind fn. Items of item_size bytes
 * each.
 */
typedef void (*look_fn)(struct fleet *fleet, void *item);
void look_each(struct fleet *fleet, void *items, size_t n, size_t item_size, look_fn fn);

/* Keeps a look for later ones; one that did not reach the machine says nothing, and is not kept. */
int look_keep(struct idle_store *store, const char *scope, const struct look *look,
	      int64_t window_s, struct error *err);

/* The verdict as of `now`. store NULL: from this look alone. Release ret in any case. */
int look_judge(struct idle_store *store, const char *scope, const struct look *look,
	       int64_t window_s, int64_t now, struct idle_judgement *ret, struct error *err);

#endif
