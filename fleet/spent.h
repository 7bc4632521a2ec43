/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an instance has cost over all of its runs, for its budget. A cloud tells the last start alone;
 * what was before is known to the journal of the computer that saw it, and to the tag gpucloud-spent:
 * cents, '-', Unix seconds: what it had cost when it was stopped, or before it was started, then. What
 * nobody saw makes two figures of it: the least and the most it can be.
 */
#ifndef GPUCLOUD_FLEET_SPENT_H
#define GPUCLOUD_FLEET_SPENT_H

#include "fleet/cost.h"

#define TAG_SPENT "gpucloud-spent"

struct spent {
	int64_t least, most; /* micro-dollars; MONEY_UNKNOWN both */
};

/* cost: as of cost_follow (ask) or cost_recall. */
void spent_work_out(struct fleet *fleet, const struct instance *instance, int64_t now, bool ask,
		    struct cost *cost, struct spent *ret);

/* In cents, rounded up; -1 where it has no budget, or nobody is sure. */
int64_t spent_cents(struct fleet *fleet, const struct instance *instance, int64_t now);

/* Sets the tag. */
int spent_keep(struct fleet *fleet, const struct instance *instance, int64_t cents, int64_t at,
	       struct error *err);

/* A tag's value: false where it is none. */
bool spent_parse(const char *text, int64_t *ret_cents, int64_t *ret_at);

#endif
