/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to bidding/: the outcomes of many starts, and what they come to. */
#ifndef GPUCLOUD_BIDDING_TALLY_H
#define GPUCLOUD_BIDDING_TALLY_H

#include "bidding/walk.h"

struct tally {
	const struct walk *walk;
	double on_demand; /* dollars for the job */
	struct walk_result result;
	double *costs, *makespans; /* of the finished ones */
	double predicted;
	size_t nr_predicted;
};

/* Everything about the walk that can be wrong: ERROR_USAGE. */
int walk_check(const struct walk *walk, int64_t bid, struct error *err);
size_t walk_count(const struct walk *walk); /* of a checked one */
int64_t walk_train_from(const struct walk *walk, int64_t start);

void tally_init(struct tally *tally, const struct walk *walk);
void tally_none(struct tally *tally);	 /* nothing was run */
void tally_unknown(struct tally *tally); /* nothing was known at the start */
void tally_add(struct tally *tally, const struct job_outcome *outcome, double predicted);
void tally_finish(struct tally *tally, struct walk_result *ret); /* releases it as well */

#endif
