/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/track.h"

#include <stdlib.h>

#include "core/error.h"
#include "core/mem.h"

/* The number of points of v[0..nr) at or before that time. */
static size_t count_until(const struct price_point *v, size_t nr, int64_t time)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v[middle].time <= time)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct track track_borrow(const struct price_series *series, int64_t until, int64_t bid)
{
	size_t nr = until > INT64_MIN ? count_until(series->v, series->nr, until - 1) : 0;

	return (struct track){ .v = series->v, .nr = nr, .until = until, .bid = bid };
}

size_t track_find(const struct track *track, int64_t time)
{
	size_t n = count_until(track->v, track->nr, time);

	return n ? n - 1 : SIZE_MAX;
}

int64_t track_end(const struct track *track, size_t i)
{
	return i + 1 < track->nr ? track->v[i + 1].time : track->until;
}

enum side track_side(const struct track *track, size_t i)
{
	if (track->v[i].micros < 0)
		return SIDE_UNKNOWN;
	return track->v[i].micros <= track->bid ? SIDE_UNDER : SIDE_ABOVE;
}

/* A price replaced in the same second was never in force. */
static bool holds(const struct track *track, size_t i)
{
	return track_end(track, i) > track->v[i].time;
}

size_t track_turn(const struct track *track, size_t i)
{
	size_t j = i + 1;

	if (track->turn)
		return track->turn[i];
	while (j < track->nr && (!holds(track, j) || track_side(track, j) == track_side(track, i)))
		j++;
	return j;
}

static wide worth(const struct track *track, size_t i, int64_t seconds)
{
	return track->v[i].micros < 0 ? 0 : (wide)track->v[i].micros * seconds;
}

static wide spent_until(const struct track *track, size_t i, int64_t time)
{
	while (i + 1 < track->nr && track->v[i + 1].time <= time) {
		size_t step = 1; /* doubling: it is mostly near, and never far */

		while (i + 2 * step < track->nr && track->v[i + 2 * step].time <= time)
			step *= 2;
		i += step;
	}
	return track->spent[i] + worth(track, i, time - track->v[i].time);
}

wide track_spent(const struct track *track, size_t i, int64_t from, int64_t to)
{
	wide sum = 0;

	if (track->spent)
		return spent_until(track, i, to) - spent_until(track, i, from);
	for (; from < to; i++) {
		int64_t end = track_end(track, i) < to ? track_end(track, i) : to;

		if (end > from) {
			sum += worth(track, i, end - from);
			from = end;
		}
	}
	return sum;
}

static void fill(struct track *track)
{
	size_t next = track->nr; /* the next one that holds for a while */

	for (size_t i = 1; i < track->nr; i++)
		track->spent[i] = track->spent[i - 1] +
				  worth(track, i - 1, track->v[i].time - track->v[i - 1].time);
	for (size_t i = track->nr; i-- > 0;) {
		bool same = next < track->nr && track_side(track, next) == track_side(track, i);

		track->turn[i] = same ? track->turn[next] : next;
		if (holds(track, i))
			next = i;
	}
}

int track_make(const struct price_series *series, int64_t until, int64_t bid, struct track *ret,
	       struct error *err)
{
	for (size_t i = 1; i < series->nr; i++)
		if (series->v[i].time < series->v[i - 1].time)
			return error_set(err, ERROR_USAGE,
					 "prices of zone '%s' are not in order of time: row %zu",
					 series->zone, i + 1);
	*ret = track_borrow(series, until, bid);
	if (!ret->nr)
		return 0;
	ret->turn = xcalloc(ret->nr, sizeof(*ret->turn));
	ret->spent = xcalloc(ret->nr, sizeof(*ret->spent));
	fill(ret);
	return 0;
}

void track_release(struct track *track)
{
	free(track->turn);
	free(track->spent);
	*track = (struct track){ 0 };
}
