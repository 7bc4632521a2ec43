/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to bidding/: one zone under one bid, made ready for many jobs. */
#ifndef GPUCLOUD_BIDDING_LANE_H
#define GPUCLOUD_BIDDING_LANE_H

#include "bidding/past.h"
#include "bidding/tally.h"
#include "bidding/track.h"

struct lane {
	struct track track;
	struct past past;
};

/* Borrows the points. Points out of order: ERROR_USAGE. */
int lane_make(const struct walk *walk, size_t zone, int64_t bid, struct lane *ret,
	      struct error *err);
void lane_release(struct lane *lane);

/* The job of that start, before the track's end; false where no price is known then. */
bool lane_try(const struct lane *lane, const struct walk *walk, int64_t start,
	      struct job_outcome *ret);
/* As lane_try, into the tally of a walk. */
void lane_run(const struct lane *lane, int64_t start, struct tally *tally);

#endif
