/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to bidding/: the rule for zones itself, for the two places that gather its facts. */
#ifndef GPUCLOUD_BIDDING_JUDGE_H
#define GPUCLOUD_BIDDING_JUDGE_H

#include "bidding/bid.h"

struct zone_facts {
	bool p95_below_on_demand;
	bool p95_within_bid, last_within_bid; /* true without a bid */
};
enum zone_verdict zone_judge(const struct zone_facts *facts);

/* Less than 0: a before b. Reads zone, volatility and stats.mean. */
int zone_compare(const struct zone_score *a, const struct zone_score *b, enum zone_order order);

#endif
