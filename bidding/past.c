/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/past.h"

#include <stdlib.h>

#include "bidding/judge.h"
#include "bidding/runs.h"
#include "bidding/survival.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

static int64_t longer_than(int64_t length, int64_t seconds)
{
	return length > seconds ? length - seconds : 0;
}

static void add_stretch(struct stretches *s, size_t *cap, int64_t from, int64_t to, int64_t seconds)
{
	struct stretch next = { .from = from, .to = to };

	if (s->nr) {
		struct stretch *last = &s->v[s->nr - 1];

		next.longer = last->longer + longer_than(last->to - last->from, seconds);
	}
	s->v = xgrow(s->v, s->nr, cap, sizeof(*s->v));
	s->v[s->nr++] = next;
}

static size_t first_that_holds(const struct track *track)
{
	size_t i = 0;

	while (i < track->nr && track_end(track, i) == track->v[i].time)
		i++;
	return i;
}

static void find_stretches(struct past *past)
{
	const struct track *track = past->track;
	size_t known_cap = 0, under_cap = 0, next;
	int64_t known_from = 0;
	bool known = false;

	for (size_t i = first_that_holds(track); i < track->nr; i = next) {
		enum side side = track_side(track, i);
		int64_t from = track->v[i].time;

		next = track_turn(track, i);
		int64_t to = next < track->nr ? track->v[next].time : track->until;
		if (side == SIDE_UNDER)
			add_stretch(&past->under, &under_cap, from, to, past->seconds);
		if (side != SIDE_UNKNOWN && !known)
			known_from = from;
		known = side != SIDE_UNKNOWN;
		if (known && (next == track->nr || track_side(track, next) == SIDE_UNKNOWN))
			add_stretch(&past->known, &known_cap, known_from, to, past->seconds);
	}
}

void past_make(const struct price_series *series, const struct track *track, int64_t seconds,
	       struct past *ret)
{
	*ret = (struct past){ .series = series, .track = track, .seconds = seconds };
	find_stretches(ret);
}

void past_release(struct past *past)
{
	free(past->known.v);
	free(past->under.v);
	free(past->sums);
	*past = (struct past){ 0 };
}

/* The stretches that have a second in the window are [first, end). */
static void overlapping(const struct stretches *s, int64_t since, int64_t until, size_t *first,
			size_t *end)
{
	size_t low = 0, high = s->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->v[middle].to <= since)
			low = middle + 1;
		else
			high = middle;
	}
	*first = low;
	high = s->nr;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->v[middle].from < until)
			low = middle + 1;
		else
			high = middle;
	}
	*end = low;
}

/* The sum of max(0, length - job) over the stretches, cut to the window. */
static int64_t longer_within(const struct stretches *s, int64_t since, int64_t until,
			     int64_t seconds)
{
	size_t first, end;

	overlapping(s, since, until, &first, &end);
	if (first == end)
		return 0;
	int64_t from = s->v[first].from > since ? s->v[first].from : since;
	const struct stretch *last = &s->v[end - 1];
	int64_t to = last->to < until ? last->to : until;
	if (first == end - 1)
		return longer_than(to - from, seconds);
	/* whole ones lie between the first and the last */
	return longer_than(s->v[first].to - from, seconds) + last->longer - s->v[first + 1].longer +
	       longer_than(to - last->from, seconds);
}

/* Some known stretch, cut to the window, is exactly as long as the job. */
static bool just_fits(const struct past *past, int64_t since, int64_t until)
{
	size_t first, end;

	overlapping(&past->known, since, until, &first, &end);
	for (size_t i = first; i < end; i++) {
		const struct stretch *s = &past->known.v[i];
		int64_t from = s->from > since ? s->from : since;
		int64_t to = s->to < until ? s->to : until;

		if (to - from == past->seconds)
			return true;
	}
	return false;
}

double past_survival(const struct past *past, int64_t since, int64_t until)
{
	int64_t starts = longer_within(&past->known, since, until, past->seconds);
	struct error ignored = ERROR_INIT; /* nothing known: no chance that could be told */
	double chance;

	if (starts)
		return survival_share(longer_within(&past->under, since, until, past->seconds),
				      starts);
	if (!just_fits(past, since, until) ||
	    bid_survival(past->series, since, until, past->track->bid, past->seconds, &chance,
			 &ignored) < 0)
		return 0;
	return chance;
}

/* What point i adds in so many seconds. */
static void add_sums(const struct past *past, size_t i, int64_t seconds, struct past_sums *sums)
{
	int64_t micros = past->track->v[i].micros;

	if (micros < 0)
		return;
	price_moments_add(&sums->moments, &past->scale, micros, seconds);
	if (micros <= past->track->bid)
		sums->under += seconds;
	if (micros < past->on_demand)
		sums->below_on_demand += seconds;
}

void past_make_rule(struct past *past, int64_t on_demand)
{
	const struct track *track = past->track;
	int64_t min = INT64_MAX, max = 0;

	past->on_demand = on_demand;
	if (!track->nr)
		return;
	for (size_t i = 0; i < track->nr; i++) {
		if (track->v[i].micros < 0)
			continue;
		min = track->v[i].micros < min ? track->v[i].micros : min;
		max = track->v[i].micros > max ? track->v[i].micros : max;
	}
	if (min > max)
		return; /* nothing but gaps: the sums are never asked for */
	past->scale = price_scale_of(min, max, track->until - track->v[0].time);
	past->sums = xcalloc(track->nr, sizeof(*past->sums));
	for (size_t i = 1; i < track->nr; i++) {
		past->sums[i] = past->sums[i - 1];
		add_sums(past, i - 1, track->v[i].time - track->v[i - 1].time, &past->sums[i]);
	}
}

static struct past_sums sums_until(const struct past *past, int64_t time)
{
	struct past_sums sums = { 0 };
	size_t i = track_find(past->track, time);

	if (i != SIZE_MAX) {
		sums = past->sums[i];
		add_sums(past, i, time - past->track->v[i].time, &sums);
	}
	return sums;
}

/* The last price known before `until`; there is one. */
static int64_t last_known(const struct past *past, int64_t until)
{
	const struct track *track = past->track;
	size_t i = track_find(track, until - 1);

	while (i && (track->v[i].micros < 0 || track_end(track, i) == track->v[i].time))
		i--;
	return track->v[i].micros;
}

void past_score(const struct past *past, int64_t since, int64_t until, struct zone_score *ret)
{
	*ret = (struct zone_score){ .zone = past->series->zone, .verdict = ZONE_NO_HISTORY };
	if (!past->sums)
		return;
	struct past_sums begin = sums_until(past, since), end = sums_until(past, until);
	struct price_moments within = {
		.seconds = end.moments.seconds - begin.moments.seconds,
		.first = end.moments.first - begin.moments.first,
		.second = end.moments.second - begin.moments.second,
	};
	if (!within.seconds)
		return;
	double need = price_quantile_need(within.seconds, 0.95);
	int64_t bid = past->track->bid;
	struct zone_facts facts = {
		.p95_below_on_demand =
			(double)(end.below_on_demand - begin.below_on_demand) >= need,
		.p95_within_bid = (double)(end.under - begin.under) >= need,
		.last_within_bid = last_known(past, until) <= bid,
	};
	price_moments_finish(&within, &past->scale, &ret->stats.mean, &ret->stats.std);
	ret->volatility = ret->stats.std * (double)USD_MICROS / (double)past->on_demand;
	ret->verdict = zone_judge(&facts);
}
