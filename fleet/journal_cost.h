/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the journal keeps so that a cost stays right long after the cloud has forgotten: when an
 * instance ran, every price it ran at, and the receipt at its end.
 */
#ifndef GPUCLOUD_FLEET_JOURNAL_COST_H
#define GPUCLOUD_FLEET_JOURNAL_COST_H

#include "core/price_point.h"
#include "fleet/journal.h"

/* From a start to the stop or the end after it. Times are the cloud's where exact, else bounds: it
 * began no earlier and ended no later. */
struct journal_run {
	int64_t began; /* Unix s */
	int64_t ended; /* 0: it still ran when it was last seen */
	bool exact;
};

/* What was told at the end. */
struct receipt {
	int64_t ended, seconds;
	int64_t total, on_demand_total; /* micro-dollars; MONEY_UNKNOWN */
	bool exact;
};

struct journal_bill {
	struct arena arena;
	struct journal_run *runs; /* ascending */
	size_t nr_runs;
	struct price_point *steps; /* ascending; of spot */
	size_t nr_steps;
	int64_t priced_until; /* Unix s until which every step is known; 0: none is */
	bool price_gap;	      /* some before that was never known */
	int64_t cap;	      /* most that is paid an hour; 0: none was sent */
	bool closed;	      /* there is a receipt */
	struct receipt receipt;
};
void journal_bill_release(struct journal_bill *bill);

int journal_bill_read(struct journal *journal, const char *launch_id, struct journal_bill *ret,
		      struct error *err);

/* Adds a run, or replaces the one that began then. */
int journal_run_set(struct journal *journal, const char *launch_id, const struct journal_run *run,
		    struct error *err);

/* All or nothing. gap: a price between what was known before and v[0] is not known. */
struct price_news {
	const struct price_point *v;
	size_t nr;
	int64_t until;
	bool gap;
};
int journal_prices_add(struct journal *journal, const char *launch_id,
		       const struct price_news *news, struct error *err);

/* When it ends by itself, and why it ended, as the cloud says now. */
int journal_seen(struct journal *journal, const char *launch_id, int64_t expires,
		 const char *reason, struct error *err);

/* The on-demand price, where it was not known when it was launched. */
int journal_on_demand(struct journal *journal, const char *launch_id, int64_t price,
		      struct error *err);

/* What the cloud itself says that an hour costs: it counts from now on, whatever was quoted. Not of
 * spot. */
int journal_price_told(struct journal *journal, const char *launch_id, int64_t price,
		       struct error *err);

/* The first receipt stays, unless it was not exact and this one is. */
int journal_receipt_keep(struct journal *journal, const char *launch_id,
			 const struct receipt *receipt, struct error *err);

#endif
