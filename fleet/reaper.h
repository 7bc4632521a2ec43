/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass of the reaper over everything of ours: what each instance's own policy (fleet/reap.h) says
 * is to become of it now, and doing that. Made for cron: no terminal, nothing kept in memory, safe to
 * be killed at any time and to run from several computers at once, since ending is repeatable and
 * the policy is in the cloud.
 *
 * It never touches what is not tagged as ours, what is somebody else's unless asked for, nor what a
 * region that did not answer in full may hold. What it cannot know counts as busy.
 */
#ifndef GPUCLOUD_FLEET_REAPER_H
#define GPUCLOUD_FLEET_REAPER_H

#include "fleet/cost.h"
#include "fleet/look.h"
#include "fleet/reap.h"

#define REAP_PERIOD_S INT64_C(300)

struct reap_options {
	struct region_choice regions; /* none named: all */
	bool all_owners;
	bool dry_run;
	int64_t period_s;  /* until the next pass; budgets are ended before it */
};

struct reap_item {
	struct instance instance; /* strings in the report's lists */
	struct reap_facts facts;
	struct reap_decision decision;
	struct cost cost;		  /* where it has a budget, or was ended */
	struct idle_judgement judgement;  /* facts.idle points to it, or is NULL */
	struct look *look;		  /* where it was looked at */
	bool acted, confirmed;		  /* what was decided was tried; and it is so */
	char admitted[FLEET_ADDRESS_MAX]; /* this computer's address, let in now; or "" */
	bool renewed;			  /* the machine's own limit was set to what the tag says */
	int64_t limit_s;		  /* what it was set to, or is to be */
	int64_t limit_was;		  /* Unix s: when it would have ended by itself */
	struct error err;		  /* why not */
	char trouble[400];		  /* why its policy cannot be followed, or "" */
	bool tell;			  /* and nobody was told that today */
};

struct reap_report {
	struct instance_list list, fresh;
	struct look *looks;
	struct reap_item *v;
	size_t nr;
	size_t others;		/* live instances of other owners: left alone */
	size_t others_overdue;	/* of them: past their time for a while, and nobody ended them */
	char others_names[200]; /* whose they are */
	bool tell_others;	/* overdue, nothing is ours, and nobody was told that today */
	bool store_set_aside;
	struct error store_err; /* looks could not be kept: nothing is seen to be idle */
};
void reap_report_release(struct reap_report *report);

struct reap_events {
	void *ctx;
	void (*waiting)(void *ctx, size_t left, int64_t seconds); /* or NULL */
};

/*
 * -1 where nothing could be asked at all. What went wrong with single instances and regions is in the
 * report (list.failures, items). A dry run changes nothing, anywhere.
 */
int reap_pass(struct fleet *fleet, const struct reap_options *options,
	      const struct reap_events *events, struct reap_report *ret, struct error *err);

#endif
