/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to bidding/: the replay itself, for those who have a track already. */
#ifndef GPUCLOUD_BIDDING_RUN_JOB_H
#define GPUCLOUD_BIDDING_RUN_JOB_H

#include "bidding/replay.h"
#include "bidding/track.h"

struct job_terms {
	struct job job; /* checked */
	enum billing billing;
};

/* i is the point in force at `start`, which is before the track's end. */
void job_run(const struct track *track, const struct job_terms *terms, size_t i, int64_t start,
	     struct job_outcome *ret);

#endif
