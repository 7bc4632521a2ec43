/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding what is left over, and removing it. Stateless: all that counts is in the cloud's tags, so
 * that it works from any computer, and with a journal that was deleted.
 *
 * Left over is what carries our tags and has outlived its purpose: an instance that still runs though
 * its own limit has passed, and everything else whose launch has no instance any more. What may
 * still be made this minute, here or elsewhere, is told and never removed; so is what could not be
 * judged, because a region did not answer. The rules, with their reasons, are in docs/sweep.md.
 */
#ifndef GPUCLOUD_FLEET_SWEEP_H
#define GPUCLOUD_FLEET_SWEEP_H

#include "fleet/fleet.h"

#define SWEEP_GRACE_S	INT64_C(900) /* unless said: longer than any launch takes */
#define SWEEP_TIMEOUT_S INT64_C(300)

enum sweep_verdict {
	SWEEP_ORPHANED, /* its launch has no instance */
	SWEEP_EXPIRED,	/* an instance past its limit */
	SWEEP_YOUNG,	/* may be part of a launch under way */
	SWEEP_KEPT,	/* an image or snapshot: perhaps kept on purpose */
	SWEEP_STOPPED,	/* a stopped instance past its limit: perhaps kept on purpose */
	SWEEP_FOREIGN,	/* would be left over, but is another owner's */
	SWEEP_UNKNOWN,	/* its age, its policy, or its region's instances are not known */
};
const char *sweep_verdict_name(enum sweep_verdict verdict); /* "orphaned", ... */

struct sweep_options {
	const char *const *regions;
	size_t nr_regions;
	int64_t grace_s;
	bool images;	 /* images and snapshots count too */
	bool stopped;	 /* stopped instances count too */
	bool all_owners; /* those of others count too */
};

struct sweep_thing {
	struct leftover thing;		 /* of an instance: id, names, region, created, price */
	const struct instance *instance; /* NULL: something else */
	enum sweep_verdict verdict;
	bool counted;  /* is left over: removed by sweep_remove */
	int64_t age_s; /* -1: not known */
	bool removed;
	struct error err; /* why not, once it was tried */
};

struct sweep {
	struct arena arena;
	struct sweep_thing *v; /* in the order of removal: instances, then by kind, region, id */
	size_t nr;
	size_t counted;
	int64_t price; /* of the counted ones together, micro-dollars per hour, as far as known */
	struct region_failure *failures; /* what could not be asked; a region may stand twice */
	size_t nr_failures;
	struct instance_list instances; /* what strings point into */
	struct leftover_list leftovers;
};
void sweep_release(struct sweep *sweep);
/* "instance", or leftover_kind_name. */
const char *sweep_kind_name(const struct sweep_thing *thing);

/* Asks the cloud and judges. Fails where no region answered, or the cloud's clock is not known. */
int sweep_look(struct fleet *fleet, const struct sweep_options *options, struct sweep *ret,
	       struct error *err);

struct sweep_events {
	void *ctx;
	void (*waiting)(void *ctx, size_t left, int64_t seconds); /* for ends or dependencies */
	void (*done)(void *ctx, const struct sweep_thing *thing); /* removed, or given up */
};

/*
 * Removes what is counted. Instances are asked for and judged once more, for a question may have stood
 * open for long; they are ended, and their end is waited for; then the cloud is asked
 * again, and only what is counted still, or belonged to an instance ended here, is removed: in the
 * order of dependency, what is in use again and again until timeout_s has passed. *ret_left counts
 * what is left. Fails only where nothing could be tried.
 */
int sweep_remove(struct fleet *fleet, const struct sweep_options *options, struct sweep *sweep,
		 int64_t timeout_s, const struct sweep_events *events, size_t *ret_left,
		 struct error *err);

#endif
