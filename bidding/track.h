/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to bidding/: a price series seen under one bid, as a replay walks along it. It either
 * borrows the points and looks ahead as it goes (one job), or holds tables made once (many jobs).
 * Both give the same answers.
 */
#ifndef GPUCLOUD_BIDDING_TRACK_H
#define GPUCLOUD_BIDDING_TRACK_H

#include "bidding/series.h"
#include "bidding/wide.h"

/* What holds at a point. */
enum side {
	SIDE_UNKNOWN,
	SIDE_UNDER, /* at or under the bid: an instance may run */
	SIDE_ABOVE,
};

struct track {
	const struct price_point *v; /* those before until */
	size_t nr;
	int64_t until, bid;
	size_t *turn; /* the next point that holds for a while and is on another side, nr: none */
	wide *spent;  /* price x seconds, from the first point to this one; gaps count for 0 */
};

/* Borrows the points. */
struct track track_borrow(const struct price_series *series, int64_t until, int64_t bid);
/* With tables; the points are still borrowed. Points out of order: ERROR_USAGE. */
int track_make(const struct price_series *series, int64_t until, int64_t bid, struct track *ret,
	       struct error *err);
void track_release(struct track *track);

/* The point in force at that time: the last one at or before it; SIZE_MAX where there is none. */
size_t track_find(const struct track *track, int64_t time);

int64_t track_end(const struct track *track, size_t i); /* until when point i holds */
enum side track_side(const struct track *track, size_t i);
size_t track_turn(const struct track *track, size_t i); /* as `turn` */

/* price x seconds in [from, to); i is the point in force at `from`; none between is a gap. */
wide track_spent(const struct track *track, size_t i, int64_t from, int64_t to);

#endif
