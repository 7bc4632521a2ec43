/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to bidding/: what one instance is billed. The rules: bidding/replay.h. */
#ifndef GPUCLOUD_BIDDING_BILLING_H
#define GPUCLOUD_BIDDING_BILLING_H

#include "bidding/replay.h"
#include "bidding/track.h"

/* One instance: it ran in [from, to), all of it at or under the bid. */
struct ran {
	size_t at; /* the point in force at `from` */
	int64_t from, to;
	bool taken; /* it was taken away; else it was stopped */
};

/* Micro-dollars an hour x seconds: divide by 3600 for micro-dollars. */
wide billing_of(const struct track *track, const struct ran *ran, enum billing billing);
double billing_dollars(wide sum);

#endif
