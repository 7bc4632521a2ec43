/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job replayed second by second, as a machine would live through it: slow, plain, and written
 * apart from bidding/replay.c, which must agree with it.
 */
#ifndef GPUCLOUD_TESTS_JOB_TICKER_H
#define GPUCLOUD_TESTS_JOB_TICKER_H

#include "bidding/replay.h"
#include "made_market.h"

/* replay's series is the market's; start is not before its first point. */
void job_tick(const struct made_market *m, const struct replay *replay, int64_t start,
	      struct job_outcome *ret);

#endif
