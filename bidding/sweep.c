/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/sweep.h"

#include <stdlib.h>

#include "bidding/survival.h"
#include "core/error.h"
#include "core/mem.h"

/*
 * A stretch under some bid is bounded by dearer prices on both sides. It appears when the bid
 * reaches the dearest price in it, and is swallowed by a longer one when the bid reaches the lower
 * of its two walls, which is the dearest price in that longer one. So there are no more stretches
 * than runs, they nest, and one pass over time with a stack of those still open finds them all:
 * each leaves one note of how its price changes the sum of (length - job).
 */
struct open {
	int64_t micros;	   /* the dearest price in it so far */
	int64_t from;	   /* seconds since the known time began */
	int64_t swallowed; /* what the stretches inside it had counted for */
};

struct sweep {
	int64_t seconds; /* the job */
	int64_t starts;	 /* what the good ones are divided by */
	bool just_fits;	 /* no known stretch is longer than the job: those as long count for one */
	struct open *stack;
	size_t depth, cap;
	struct price_run *notes; /* a price, and in `seconds` the change that it makes */
	size_t nr_notes, notes_cap;
};

static void note(struct sweep *s, int64_t micros, int64_t change)
{
	if (!change)
		return;
	s->notes = xgrow(s->notes, s->nr_notes, &s->notes_cap, sizeof(*s->notes));
	s->notes[s->nr_notes++] = (struct price_run){ .micros = micros, .seconds = change };
}

/* Takes the uppermost stretch off, which ends here; returns what it counts for. */
static int64_t close_one(struct sweep *s, int64_t now)
{
	const struct open *top = &s->stack[--s->depth];
	int64_t length = now - top->from, good = 0;

	if (length > s->seconds)
		good = length - s->seconds;
	else if (s->just_fits && length == s->seconds)
		good = 1;
	note(s, top->micros, good - top->swallowed);
	return good;
}

static void price_changes(struct sweep *s, int64_t micros, int64_t now)
{
	struct open next = { .micros = micros, .from = now };

	while (s->depth && s->stack[s->depth - 1].micros < micros) {
		int64_t from = s->stack[s->depth - 1].from, good = close_one(s, now);

		if (s->depth && s->stack[s->depth - 1].micros <= micros) {
			s->stack[s->depth - 1].swallowed += good;
		} else {
			next.from = from;
			next.swallowed += good;
		}
	}
	if (s->depth && s->stack[s->depth - 1].micros == micros)
		return;
	s->stack = xgrow(s->stack, s->depth, &s->cap, sizeof(*s->stack));
	s->stack[s->depth++] = next;
}

static void known_ends(struct sweep *s, int64_t now)
{
	while (s->depth) {
		int64_t good = close_one(s, now);

		if (s->depth)
			s->stack[s->depth - 1].swallowed += good;
	}
}

static void find_stretches(struct sweep *s, const struct price_runs *runs)
{
	int64_t now = 0;

	for (size_t i = 0; i < runs->nr; i++) {
		if (runs->v[i].micros == PRICE_GAP) {
			known_ends(s, now);
			now = 0;
			continue;
		}
		price_changes(s, runs->v[i].micros, now);
		now += runs->v[i].seconds;
	}
	known_ends(s, now);
}

static void count_starts(struct sweep *s, const struct price_runs *runs)
{
	int64_t known = 0, exact = 0;

	for (size_t i = 0; i <= runs->nr; i++) {
		if (i < runs->nr && runs->v[i].micros != PRICE_GAP) {
			known += runs->v[i].seconds;
			continue;
		}
		s->starts += known > s->seconds ? known - s->seconds : 0;
		exact += known == s->seconds;
		known = 0;
	}
	s->just_fits = !s->starts;
	if (s->just_fits)
		s->starts = exact;
}

/*
 * Turns the runs into what is to be sorted, in place: gaps go, and the seconds carry in their two
 * lowest bits whether a bid of this price meets one interruption more (2) than the bid below, as
 * many (1), or one less (0). So nothing has to be looked up again once order of time is lost.
 */
static size_t to_entries(struct price_run *v, size_t nr)
{
	int64_t before = PRICE_GAP;
	size_t kept = 0;

	for (size_t i = 0; i < nr; i++) {
		int64_t micros = v[i].micros, after = i + 1 < nr ? v[i + 1].micros : PRICE_GAP;
		int64_t change = 1 + (after > micros) - (before != PRICE_GAP && before < micros);

		before = micros;
		if (micros != PRICE_GAP)
			v[kept++] = (struct price_run){ micros, v[i].seconds * 4 + change };
	}
	return kept;
}

struct totals {
	int64_t seconds, covered_s, good;
	wide paid;
	int64_t crossings;
};

static struct bid_point point_of(const struct totals *t, int64_t bid, int64_t starts)
{
	return (struct bid_point){
		.bid = bid,
		.share_under = (double)t->seconds / (double)t->covered_s,
		.paid = price_mean(t->paid, t->seconds),
		.crossings = (size_t)t->crossings,
		.survival = survival_share(t->good, starts),
	};
}

static void add_up(const struct price_run *v, size_t nr, const struct price_run *notes,
		   const struct sweep *s, int64_t covered_s, struct bid_curve *ret)
{
	struct totals t = { .covered_s = covered_s };
	size_t distinct = 1, n = 0;

	for (size_t i = 1; i < nr; i++)
		distinct += v[i].micros != v[i - 1].micros;
	ret->v = xmalloc(distinct * sizeof(*ret->v));
	ret->nr = 0;
	for (size_t i = 0; i < nr; i++) {
		int64_t seconds = v[i].seconds / 4;

		t.seconds += seconds;
		t.paid += (wide)v[i].micros * seconds;
		t.crossings += v[i].seconds % 4 - 1;
		if (i + 1 < nr && v[i + 1].micros == v[i].micros)
			continue;
		for (; n < s->nr_notes && notes[n].micros <= v[i].micros; n++)
			t.good += notes[n].seconds;
		ret->v[ret->nr++] = point_of(&t, v[i].micros, s->starts);
	}
	ret->seconds = s->seconds;
}

int bid_curve_compute(const struct price_series *series, int64_t since, int64_t until,
		      int64_t seconds, struct bid_curve *ret, struct error *err)
{
	struct sweep sweep = { .seconds = seconds };
	struct price_runs runs;

	if (seconds <= 0)
		return error_set(err, ERROR_USAGE, "a job must last longer than no time");
	if (price_runs_make(series, since, until, &runs, err) < 0)
		return -1;
	count_starts(&sweep, &runs);
	find_stretches(&sweep, &runs);
	free(sweep.stack);

	size_t nr = to_entries(runs.v, runs.nr);
	struct price_run *spare = xmalloc(nr * sizeof(*spare));
	struct price_run *v = price_runs_sort(runs.v, spare, nr);
	/* there are no more notes than runs, so the place left over holds them */
	struct price_run *left_over = v == runs.v ? spare : runs.v;
	struct price_run *notes = price_runs_sort(sweep.notes, left_over, sweep.nr_notes);
	add_up(v, nr, notes, &sweep, runs.covered_s, ret);
	free(runs.v);
	free(spare);
	free(sweep.notes);
	return 0;
}

void bid_curve_release(struct bid_curve *curve)
{
	free(curve->v);
	*curve = (struct bid_curve){ 0 };
}

const struct bid_point *bid_curve_at(const struct bid_curve *curve, int64_t bid)
{
	size_t low = 0, high = curve->nr; /* the first above the bid is in [low, high] */

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (curve->v[middle].bid <= bid)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &curve->v[low - 1] : NULL;
}
