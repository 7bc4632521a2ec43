/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/replay.h"

#include "bidding/billing.h"
#include "bidding/run_job.h"
#include "core/error.h"

struct job_progress {
	struct job_outcome outcome;
	int64_t saved; /* seconds of work that are safe */
	wide bill;
};

static int check_span(int64_t seconds, int64_t least, const char *what, struct error *err)
{
	if (seconds < least || seconds > JOB_MAX_S)
		return error_set(err, ERROR_USAGE, "%s must be %s and at most 10 years", what,
				 least ? "above 0" : "0 or more");
	return 0;
}

int job_check(const struct job *job, struct error *err)
{
	if (check_span(job->work_s, 1, "the work of a job", err) < 0 ||
	    check_span(job->checkpoint_every_s, 0, "the time between checkpoints", err) < 0 ||
	    check_span(job->checkpoint_s, 0, "the time for a checkpoint", err) < 0 ||
	    check_span(job->restart_s, 0, "the time for a restart", err) < 0)
		return -1;
	return 0;
}

/* The checkpoints between here and the end: none follows the last piece of work. */
static int64_t checkpoints_left(const struct job *job, int64_t work)
{
	return job->checkpoint_every_s ? (work - 1) / job->checkpoint_every_s : 0;
}

/* What is safe after so long on an instance that did not get to the end. */
static int64_t saved_after(const struct job *job, int64_t work, int64_t seconds)
{
	int64_t most = checkpoints_left(job, work), done;

	if (!most || seconds <= job->restart_s)
		return 0;
	done = (seconds - job->restart_s) / (job->checkpoint_every_s + job->checkpoint_s);
	return (done < most ? done : most) * job->checkpoint_every_s;
}

/* One instance from `now`, which point i has in force, to `end`: true if the job ends on it. */
static bool run_instance(const struct track *track, const struct job_terms *terms, size_t i,
			 int64_t now, int64_t end, bool taken, struct job_progress *progress)
{
	const struct job *job = &terms->job;
	int64_t work = job->work_s - progress->saved;
	int64_t need = job->restart_s + work + checkpoints_left(job, work) * job->checkpoint_s;
	bool ends = need <= end - now;
	struct ran ran = {
		.at = i, .from = now, .to = ends ? now + need : end, .taken = taken && !ends
	};

	progress->saved = ends ? job->work_s : progress->saved + saved_after(job, work, end - now);
	progress->outcome.ran_s += ran.to - ran.from;
	progress->outcome.interruptions += ran.taken;
	progress->outcome.finished = ends;
	progress->bill += billing_of(track, &ran, terms->billing);
	return ends;
}

void job_run(const struct track *track, const struct job_terms *terms, size_t i, int64_t start,
	     struct job_outcome *ret)
{
	struct job_progress progress = { 0 };
	struct job_outcome *out = &progress.outcome;
	int64_t now = start;

	while (now < track->until && track_side(track, i) != SIDE_UNKNOWN) {
		size_t turn = track_turn(track, i);
		int64_t end = turn < track->nr ? track->v[turn].time : track->until;

		if (track_side(track, i) == SIDE_ABOVE) {
			out->waited_s += end - now;
		} else {
			bool taken = turn < track->nr && track_side(track, turn) == SIDE_ABOVE;

			if (run_instance(track, terms, i, now, end, taken, &progress))
				break;
		}
		now = end;
		i = turn;
	}
	out->makespan_s = out->waited_s + out->ran_s;
	out->lost_s = out->ran_s - progress.saved;
	out->cost = billing_dollars(progress.bill);
	*ret = *out;
}

int job_replay(const struct replay *replay, int64_t start, struct job_outcome *ret,
	       struct error *err)
{
	struct job_terms terms = { .job = replay->job, .billing = replay->billing };

	if (job_check(&replay->job, err) < 0)
		return -1;
	if (replay->bid <= 0)
		return error_set(err, ERROR_USAGE, "the bid must be above 0");
	if (start >= replay->until)
		return error_set(err, ERROR_USAGE, "the job begins where the known prices end");
	struct track track = track_borrow(replay->series, replay->until, replay->bid);
	size_t i = track_find(&track, start);
	if (i == SIZE_MAX)
		return error_set(err, ERROR_USAGE,
				 "the job begins before the first known price of zone '%s'",
				 replay->series->zone);
	job_run(&track, &terms, i, start, ret);
	return 0;
}
