/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/lane.h"

#include "bidding/run_job.h"

int lane_make(const struct walk *walk, size_t zone, int64_t bid, struct lane *ret,
	      struct error *err)
{
	const struct price_series *series = &walk->series[zone];

	if (track_make(series, walk->until, bid, &ret->track, err) < 0)
		return -1;
	past_make(series, &ret->track, walk->job.work_s, &ret->past);
	return 0;
}

void lane_release(struct lane *lane)
{
	past_release(&lane->past);
	track_release(&lane->track);
}

bool lane_try(const struct lane *lane, const struct walk *walk, int64_t start,
	      struct job_outcome *ret)
{
	struct job_terms terms = { .job = walk->job, .billing = walk->billing };
	size_t i = track_find(&lane->track, start);

	if (i == SIZE_MAX || track_side(&lane->track, i) == SIDE_UNKNOWN)
		return false;
	job_run(&lane->track, &terms, i, start, ret);
	return true;
}

void lane_run(const struct lane *lane, int64_t start, struct tally *tally)
{
	const struct walk *walk = tally->walk;
	struct job_outcome outcome;

	if (!lane_try(lane, walk, start, &outcome)) {
		tally_unknown(tally);
		return;
	}
	tally_add(tally, &outcome, past_survival(&lane->past, walk_train_from(walk, start), start));
}
