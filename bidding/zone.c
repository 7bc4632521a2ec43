/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/bid.h"

#include <string.h>

#include "bidding/judge.h"
#include "bidding/runs.h"
#include "core/error.h"
#include "core/money.h"

const char *zone_verdict_text(enum zone_verdict verdict)
{
	switch (verdict) {
	case ZONE_OK:
		return "eligible";
	case ZONE_NO_HISTORY:
		return "no price history in the window";
	case ZONE_ABOVE_BID:
		return "p95 is above the bid";
	case ZONE_AT_ON_DEMAND:
		return "p95 is not below on demand: no bargain, however calm";
	case ZONE_NOW_ABOVE_BID:
		return "the price now is above the bid";
	}
	return "unknown";
}

/* What no bid can mend is said before what a higher bid would. */
enum zone_verdict zone_judge(const struct zone_facts *facts)
{
	if (!facts->p95_below_on_demand)
		return ZONE_AT_ON_DEMAND;
	if (!facts->p95_within_bid)
		return ZONE_ABOVE_BID;
	if (!facts->last_within_bid)
		return ZONE_NOW_ABOVE_BID;
	return ZONE_OK;
}

static enum zone_verdict judge(const struct price_stats *stats, int64_t bid, int64_t on_demand)
{
	struct zone_facts facts = {
		.p95_below_on_demand = stats->p95 < on_demand,
		.p95_within_bid = !bid || stats->p95 <= bid,
		.last_within_bid = !bid || stats->last <= bid,
	};

	return zone_judge(&facts);
}

static int rung_caps(int64_t on_demand, int64_t caps[BID_RUNG_NR], struct error *err)
{
	for (size_t i = 0; i < BID_RUNG_NR; i++) {
		struct bid rung = { .percent = true, .value = bid_rungs[i] * INT64_C(1000000) };

		if (bid_resolve(&rung, on_demand, &caps[i], err) < 0)
			return -1;
	}
	return 0;
}

struct terms {
	int64_t since, until, bid, on_demand;
	int64_t caps[BID_RUNG_NR];
};

static int score(const struct price_series *series, const struct terms *terms,
		 struct zone_score *ret, struct error *err)
{
	struct price_runs runs;
	struct error why = ERROR_INIT;

	*ret = (struct zone_score){ .zone = series->zone, .verdict = ZONE_NO_HISTORY };
	if (price_runs_make(series, terms->since, terms->until, &runs, &why) < 0) {
		if (why.kind == ERROR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	price_runs_stats(&runs, &ret->stats);
	ret->stats.since = terms->since;
	ret->stats.until = terms->until;
	ret->volatility = ret->stats.std * (double)USD_MICROS / (double)terms->on_demand;
	price_runs_under(&runs, terms->bid ? terms->bid : INT64_MAX, &ret->under_bid);
	for (size_t i = 0; i < BID_RUNG_NR; i++) {
		struct bid_stats under;

		price_runs_under(&runs, terms->caps[i], &under);
		ret->under_rung[i] = under.share_under;
	}
	ret->verdict = judge(&ret->stats, terms->bid, terms->on_demand);
	price_runs_release(&runs);
	return 0;
}

int zone_compare(const struct zone_score *a, const struct zone_score *b, enum zone_order order)
{
	int by_std = (a->volatility > b->volatility) - (a->volatility < b->volatility);
	int by_mean = (a->stats.mean > b->stats.mean) - (a->stats.mean < b->stats.mean);
	int first = order == ZONE_BY_PRICE ? by_mean : by_std;
	int second = order == ZONE_BY_PRICE ? by_std : by_mean;

	if (first || second)
		return first ? first : second;
	return strcmp(a->zone, b->zone);
}

/* Zones are few: insertion keeps equals in the caller's order. */
static void insert(struct zone_choice *choice, size_t zone, enum zone_order order)
{
	size_t at = choice->nr_eligible++;

	for (; at && zone_compare(&choice->v[zone], &choice->v[choice->order[at - 1]], order) < 0;
	     at--)
		choice->order[at] = choice->order[at - 1];
	choice->order[at] = zone;
}

int zone_choose(const struct price_series *series, size_t n, int64_t since, int64_t until,
		int64_t bid, int64_t on_demand, enum zone_order order, struct zone_choice *ret,
		struct error *err)
{
	struct zone_choice choice = { .v = ret->v, .order = ret->order, .raw_min_std = SIZE_MAX };
	struct terms terms = { .since = since, .until = until, .bid = bid, .on_demand = on_demand };

	if (on_demand <= 0)
		return error_set(err, ERROR_USAGE,
				 "zones cannot be judged without an on-demand price");
	if (bid < 0)
		return error_set(err, ERROR_USAGE, "the bid is below 0");
	if (until <= since)
		return error_set(err, ERROR_USAGE,
				 "the window of prices ends no later than it begins");
	if (rung_caps(on_demand, terms.caps, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (score(&series[i], &terms, &choice.v[i], err) < 0)
			return -1;
		choice.nr++;
		if (choice.v[i].verdict == ZONE_NO_HISTORY)
			continue;
		if (choice.raw_min_std == SIZE_MAX ||
		    zone_compare(&choice.v[i], &choice.v[choice.raw_min_std], ZONE_BY_STABILITY) <
			    0)
			choice.raw_min_std = i;
		if (choice.v[i].verdict == ZONE_OK)
			insert(&choice, i, order);
	}
	*ret = choice;
	return 0;
}
