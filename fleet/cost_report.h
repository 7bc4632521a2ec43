/* SPDX-License-Identifier: Apache-2.0 */
/* What was spent, cut as a person asks: by instance, by name, by day, by month. Days are UTC's. */
#ifndef GPUCLOUD_FLEET_COST_REPORT_H
#define GPUCLOUD_FLEET_COST_REPORT_H

#include "fleet/cost.h"

enum cost_by {
	COST_BY_INSTANCE,
	COST_BY_NAME,
	COST_BY_DAY,
	COST_BY_MONTH,
};

struct cost_query {
	const char *target;   /* a name or an instance's id; NULL: all */
	int64_t since, until; /* Unix s; what lies in [since, until) counts */
	int64_t now;
	enum cost_by by;
	bool ask;   /* what runs, and what the journal lacks; else the journal alone */
	bool local; /* without ask: the simulator's launches, which cost nothing, or all others */
};

struct cost_line {
	const char *key; /* the instance's id, a name, "2026-01-31", "2026-01" */
	size_t launches;
	int64_t seconds;
	int64_t total, on_demand_total; /* micro-dollars, of what is known */
	int64_t unknown_s;		/* of those seconds the price is not known: not in total */
	int64_t unknown_on_demand_s;
	bool unknown, unknown_on_demand; /* some of it is, be it less than a second */
	bool estimated;	 /* a run began or ended unseen: the total is the most it can be */
	bool unfollowed; /* spot, and not every price step is known */
	/* By instance: */
	const char *name, *provider, *account, *region, *zone, *type;
	bool spot, runs, free;
	int64_t began, ended; /* ended: 0 while it runs */
	size_t last;	      /* the launch that was added last, counted from 1 */
};

struct cost_report {
	struct arena arena;
	struct cost_line *v; /* instances in the order of their launches, else by key */
	size_t nr;
	struct cost_line sum;
	struct region_failure *failures;
	size_t nr_failures;
};
void cost_report_release(struct cost_report *report);

/*
 * From the journal, and with ask from the cloud of fleet: the launches of its account, and of what
 * this owner has there now also what other computers launched. Without ask, fleet needs a journal
 * and nothing else.
 */
int cost_report_make(struct fleet *fleet, const struct cost_query *query, struct cost_report *ret,
		     struct error *err);

#endif
