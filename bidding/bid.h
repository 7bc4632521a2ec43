/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bid as a person types it, and the book's rule for choosing a zone by it.
 *
 * Since November 2017 a bid is a price cap, nothing more: see docs/bidding.md.
 */
#ifndef GPUCLOUD_BIDDING_BID_H
#define GPUCLOUD_BIDDING_BID_H

#include "bidding/series.h"

#define BID_STEP    100 /* micro-dollars: bids are rounded up to $0.0001 */
#define BID_RUNG_NR 3
extern const int bid_rungs[BID_RUNG_NR]; /* 51, 76, 101 (% of on demand) */

struct bid {
	bool percent;
	int64_t value; /* millionths of a percent-unit (51% = 51,000,000), or micro-dollars per hour */
};

/* "51%", "50.5%" (above 0, at most 1000), "7.21" (above 0, at most 10000). ERROR_USAGE. */
int bid_parse(const char *text, struct bid *ret, struct error *err);

/*
 * The cap in micro-dollars per hour, rounded up to BID_STEP. A percentage of an unknown on-demand
 * price is ERROR_NOT_FOUND with a hint to bid in dollars.
 */
int bid_resolve(const struct bid *bid, int64_t on_demand, int64_t *ret, struct error *err);

enum zone_order {
	ZONE_BY_STABILITY, /* the book: least std / on demand */
	ZONE_BY_PRICE,	   /* least mean price */
};

/* Why a zone is not eligible. */
enum zone_verdict {
	ZONE_OK,
	ZONE_NO_HISTORY,    /* nothing known in the window */
	ZONE_ABOVE_BID,	    /* p95 > bid: the cap would have been passed too often */
	ZONE_AT_ON_DEMAND,  /* p95 >= on demand: no bargain, however calm */
	ZONE_NOW_ABOVE_BID, /* the price in force is above the bid: it would not start */
};
const char *zone_verdict_text(enum zone_verdict verdict);

struct zone_score {
	const char *zone;
	enum zone_verdict verdict;
	struct price_stats stats; /* not for ZONE_NO_HISTORY */
	double volatility;	  /* std / on demand */
	struct bid_stats under_bid;
	double under_rung[BID_RUNG_NR]; /* share of time at or under 51, 76, 101 % */
};

struct zone_choice {
	struct zone_score *v; /* one per series, in their order; caller's memory of n entries */
	size_t nr;
	size_t *order; /* eligible zones, best first; caller's memory of n entries */
	size_t nr_eligible;
	size_t raw_min_std; /* index of the least std of all with history; SIZE_MAX if none:
				  reported beside the choice, as it may be pinned at on demand */
};

/*
 * Corrected book rule: among the zones whose p95 <= bid and p95 < on demand (and whose price now is
 * <= bid), least std / on demand; ties to the lower mean, then to the zone's name. on_demand > 0.
 * The window is [since, until). bid 0: no cap given: only p95 < on demand is asked.
 */
int zone_choose(const struct price_series *series, size_t n, int64_t since, int64_t until,
		int64_t bid, int64_t on_demand, enum zone_order order, struct zone_choice *ret,
		struct error *err);

#endif
