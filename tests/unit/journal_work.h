/* SPDX-License-Identifier: Apache-2.0 */
/* Work for a journal: one task after the other, of every kind, the same for the same seed. */
#ifndef GPUCLOUD_TESTS_UNIT_JOURNAL_WORK_H
#define GPUCLOUD_TESTS_UNIT_JOURNAL_WORK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/rng.h"
#include "tests/unit/journal_fixture.h"

struct buf;

#define WORK_MOST     20 /* tasks are as many at most */
#define WORK_BIG      25 /* one seed in so many begins with much: its work_much() comes first */
#define WORK_LAUNCHES 64
#define WORK_STEPS    4
#define WORK_REOPEN   1

struct work_launch {
	char id[16];
	bool live, ended, ending, receipt;
	unsigned nr_steps, kind; /* the kind of the last step */
	bool answered;		 /* the last step was */
};

struct work {
	struct rng_seeded state;
	struct rng rng;
	struct work_launch launches[WORK_LAUNCHES];
	size_t nr;
	unsigned made, tasks;
	bool much, halves;
};

/* halves: a mistake, planted: prices are added in two steps, and not at once. */
void work_begin(struct work *work, uint64_t seed, bool halves);

/* Several pages of rows of a launch that has ended, which a retirement gives back. */
int work_much(struct work *work, struct fixture *fixture, struct error *err);

/* 0, -1, or WORK_REOPEN: the journal is to be closed and opened again. */
int work_next(struct work *work, struct fixture *fixture, struct error *err);

/* Every row of every table. */
void journal_dump(struct journal *journal, struct buf *ret);

#endif
