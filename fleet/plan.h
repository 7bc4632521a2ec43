/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision before a launch: which type, which zones in which order, at what cap. Reads the
 * cloud, makes nothing.
 */
#ifndef GPUCLOUD_FLEET_PLAN_H
#define GPUCLOUD_FLEET_PLAN_H

#include "bidding/bid.h"
#include "fleet/fleet.h"

#define PLAN_WINDOW_S (INT64_C(90) * 86400) /* decisions look at the last 90 days */

struct plan_options {
	const char *type;   /* or NULL: the cheapest that fits */
	const char *gpu;    /* or NULL: any NVIDIA GPU */
	unsigned gpu_count; /* 0: one, unless the type is named */
	const char *region; /* or NULL: the default one */
	const char *zone;   /* name or id, or NULL */
	bool spot;
	const struct bid *bid; /* or NULL: no cap */
	int64_t on_demand;     /* given by the user, or MONEY_UNKNOWN */
	enum zone_order order;
};

struct plan_zone {
	struct zone zone;
	int64_t now; /* micro-dollars per hour in force; MONEY_UNKNOWN */
	bool scored; /* `score` is set: spot with history */
	struct zone_score score;
	unsigned rank; /* 1 is tried first; 0: not tried */
};

struct launch_plan {
	struct arena arena;
	const char *region;
	bool zoneless; /* the cloud has no zones: the one there is is the region itself */
	struct offer offer;
	bool spot;
	bool capped;		 /* max_price is sent */
	int64_t max_price;	 /* micro-dollars per hour */
	int64_t since, until;	 /* the window looked at */
	struct plan_zone *zones; /* by name */
	size_t nr_zones;
	size_t *order;		      /* zones to try, best first */
	size_t nr_order;	      /* 0: none will do; `refusal` says why */
	const char *reason;	      /* why the first zone, one line */
	const char *raw_min_std_zone; /* least std of all; "" where none */
	struct error refusal;	      /* what to report when nr_order is 0 */
};
void launch_plan_release(struct launch_plan *plan);

/*
 * Fails where there is nothing to show (no such type, no price known, no answer). A plan without
 * any zone that will do is a success with nr_order 0: the table can still be shown.
 */
int launch_plan_make(struct fleet *fleet, const struct plan_options *options,
		     struct launch_plan *ret, struct error *err);

#endif
