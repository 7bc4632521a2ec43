/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an instance has cost: the time it ran, at the price of that time. Without disk, addresses and
 * traffic. The journal keeps every price step and every run it hears of (fleet/journal_cost.h), so
 * that a receipt stays right after the cloud has forgotten both. The rules: docs/cost.md.
 */
#ifndef GPUCLOUD_FLEET_COST_H
#define GPUCLOUD_FLEET_COST_H

#include "fleet/bill.h"
#include "fleet/fleet.h"

struct launch_row;

struct cost {
	int64_t seconds;	 /* it ran, up to `until` or to its end; stopped time is left out */
	int64_t price;		 /* in force at the end, micro-dollars per hour; MONEY_UNKNOWN */
	int64_t total;		 /* micro-dollars so far; MONEY_UNKNOWN */
	int64_t on_demand;	 /* per hour; MONEY_UNKNOWN */
	int64_t on_demand_total; /* the same time on demand; MONEY_UNKNOWN */
	bool followed;		 /* every price step was counted, not the launch price alone */
	bool estimated;		 /* a run began or ended unseen: the total is the most it can be */
	bool free;		 /* spot, taken back in its first hour: nothing is charged */
};

/* All that a cost is made of: what it takes to cut it into days. */
struct cost_basis {
	struct arena arena;
	struct bill bill;
	/* As the bill's runs, but of one whose end nobody saw only its beginning. */
	const struct bill_run *sure;
	int64_t unseen_from; /* it was launched then, and started again since: nobody here saw how
				it ran before bill.runs[0]; 0: all was seen */
	int64_t end;	     /* Unix s of its last run, or `until` while it runs */
	bool runs;	     /* as far as was seen */
	bool followed, estimated, free;
	bool end_unseen; /* gone, and nothing was kept of it: it may have been stopped for a while */
};
void cost_basis_release(struct cost_basis *basis);
void cost_basis_sum(const struct cost_basis *basis, struct cost *ret);

/*
 * row: the journal's, or NULL where it knows of none. instance: the cloud's word, or NULL; what it
 * says of runs is kept. ask: what the journal lacks of prices is asked of the cloud and kept; without
 * it fleet needs no provider. `until` is now, by the cloud's clock. At least one of row, instance.
 */
void cost_basis_make(struct fleet *fleet, const struct launch_row *row,
		     const struct instance *instance, int64_t until, bool ask,
		     struct cost_basis *ret);

/* As cost_basis_make, with the journal's row, if there is one. */
void cost_basis_of(struct fleet *fleet, const struct instance *instance, int64_t until, bool ask,
		   struct cost_basis *ret);

/* From the journal alone: no request. Unknown where the journal does not know the instance. */
void cost_recall(struct fleet *fleet, const struct instance *instance, int64_t until,
		 struct cost *ret);

/* Asks the cloud for the spot price steps and the on-demand price where the journal lacks it. What
 * cannot be had stays unknown: a receipt must not fail. Of an instance that is gone, the receipt is
 * kept. */
void cost_follow(struct fleet *fleet, const struct instance *instance, int64_t until,
		 struct cost *ret);

/* As cost_follow, of one that is gone and whose end was asked for here. .ended: of its end, or of its
 * stop, where it was stopped by then. */
void cost_settle(struct fleet *fleet, const struct instance *instance, int64_t until,
		 struct cost *ret);

/* It was launched just now, by us: its first run began. */
void cost_launched(struct fleet *fleet, const struct instance *instance);

/* Keeps what the cloud says of its runs, before it forgets: after a stop, a start. */
void cost_observe(struct fleet *fleet, const struct instance *instance, int64_t now);

#endif
