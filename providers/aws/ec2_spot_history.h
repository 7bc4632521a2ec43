/* SPDX-License-Identifier: Apache-2.0 */
/* aws_spot_history() with its numbers given: tests and benchmarks cut time as they like. */
#ifndef GPUCLOUD_PROVIDERS_AWS_EC2_SPOT_HISTORY_H
#define GPUCLOUD_PROVIDERS_AWS_EC2_SPOT_HISTORY_H

#include "providers/aws/ec2_spot_window.h"

/* What it took. */
struct spot_stats {
	unsigned windows, requests; /* replies read; those cut in favour of smaller windows too */
	unsigned longest;	    /* requests that had to follow one another */
};

/*
 * The series do not depend on the tuning; how many requests it takes does. A region of which any
 * request failed in the end is a failure as a whole: a history with holes is none.
 */
int ec2_spot_history_tuned(struct provider *p, const struct spot_query *query,
			   const struct spot_tuning *tuning, struct spot_stats *stats,
			   struct spot_history *ret, struct error *err);

#endif
