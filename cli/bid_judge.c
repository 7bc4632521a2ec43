/* SPDX-License-Identifier: Apache-2.0 */
/* Tries every bid of the question in one market, by the pure functions of bidding/. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bid_view.h"
#include "cli/history_view.h"
#include "core/mem.h"

double bid_share_uninterrupted(const struct walk_result *result)
{
	size_t told = result->starts - result->none - result->unknown;

	return told ? (double)result->uninterrupted / (double)told : NAN;
}

double bid_share_in_time(const struct walk_result *result)
{
	size_t told = result->starts - result->none - result->unknown;

	return told ? (double)result->in_time / (double)told : NAN;
}

/* --- the bids ----------------------------------------------------------------------------- */

static void add_bid(struct bid_market *ret, const char *label, int64_t bid, bool given)
{
	size_t at = 0;

	while (at < ret->nr_bids && ret->bids[at].bid < bid)
		at++;
	if (at < ret->nr_bids && ret->bids[at].bid == bid) {
		ret->bids[at].given |= given;
		return;
	}
	memmove(&ret->bids[at + 1], &ret->bids[at], (ret->nr_bids - at) * sizeof(*ret->bids));
	ret->bids[at] = (struct bid_offer){ .label = label, .bid = bid, .given = given };
	ret->nr_bids++;
}

/* The three rungs and what was given, each price once, ascending. */
static int take_bids(struct bid_view *view, struct bid_market *ret, struct error *err)
{
	struct arena *arena = &view->arena;
	int64_t micros;

	ret->bids = arena_alloc(arena, (BID_RUNG_NR + view->nr_bids) * sizeof(*ret->bids));
	for (size_t i = 0; i < BID_RUNG_NR; i++) {
		const struct bid rung = { .percent = true, .value = bid_rungs[i] * USD_MICROS };

		if (bid_resolve(&rung, ret->on_demand, &micros, err) < 0)
			return -1;
		add_bid(ret, arena_printf(arena, "%d%%", bid_rungs[i]), micros, false);
	}
	for (size_t i = 0; i < view->nr_bids; i++) {
		char text[MONEY_TEXT_MAX];

		if (bid_resolve(&view->bids[i], ret->on_demand, &micros, err) < 0)
			return -1;
		add_bid(ret,
			view->bids[i].percent
				? arena_strdup(arena, view->texts[i])
				: arena_printf(arena, "$%s", money_format(text, micros, 4)),
			micros, true);
	}
	return 0;
}

/* --- the record ----------------------------------------------------------------------------- */

static int set_up(struct bid_view *view, const struct market *market, struct bid_market *ret,
		  struct error *err)
{
	*ret = (struct bid_market){
		.market = market,
		.on_demand = view->on_demand != MONEY_UNKNOWN ? view->on_demand : market->on_demand,
	};
	if (ret->on_demand == MONEY_UNKNOWN || ret->on_demand == 0) {
		error_set(err, ERROR_NOT_FOUND, "the on-demand price of %s is not known",
			  market->type);
		return error_hint(err, "give it: --on-demand USD");
	}
	int64_t until = market_known_until(market, view->until);
	if (until <= view->since)
		return error_set(err, ERROR_NOT_FOUND, "no spot price of %s is known in that time",
				 market->type);
	ret->walk = (struct walk){
		.series = market->series,
		.nr = market->nr,
		.since = view->since,
		.until = until,
		.job = view->job,
		.billing = view->billings[0],
		.on_demand = ret->on_demand,
		.limit_s = view->limit_s,
	};
	return take_bids(view, ret, err) < 0 ? -1 : walk_starts(&ret->walk, err);
}

/* --- the lines ------------------------------------------------------------------------------ */

static struct bid_line *new_line(struct bid_market *ret, enum bid_place place, enum billing billing,
				 const struct bid_offer *offer)
{
	struct bid_line *line = &ret->lines[ret->nr++];

	*line = (struct bid_line){
		.place = place,
		.billing = billing,
		.label = offer ? offer->label : "",
		.bid = offer ? offer->bid : 0,
		.now = MONEY_UNKNOWN,
		.least = INFINITY,
	};
	return line;
}

static int try_zone(const struct walk *walk, size_t zone, struct bid_market *ret, struct error *err)
{
	const struct price_point *last = history_last(&walk->series[zone], walk->until);

	for (size_t b = 0; b < ret->nr_bids; b++) {
		struct bid_line *line = new_line(ret, BID_IN_ZONE, walk->billing, &ret->bids[b]);

		line->zone = zone;
		line->now = last ? last->micros : MONEY_UNKNOWN;
		if (walk_zone(walk, zone, line->bid, &line->result, err) < 0)
			return -1;
	}
	return 0;
}

static int try_advice(struct bid_view *view, const struct walk *walk, struct bid_market *ret,
		      struct error *err)
{
	struct bid_line *line = new_line(ret, BID_AS_ADVISED, walk->billing, NULL);
	int64_t *bids = arena_alloc(&view->arena, (ret->nr_bids + 1) * sizeof(*bids));
	struct advice_followed followed;

	for (size_t b = 0; b < ret->nr_bids; b++)
		bids[b] = ret->bids[b].bid;
	if (advice_follow(walk, bids, ret->nr_bids, &view->arena, &followed, err) < 0)
		return -1;
	line->result = followed.result;
	line->chosen = followed.chosen;
	line->chosen_on_demand = followed.on_demand;
	if (walk->billing == ret->walk.billing)
		ret->followed = followed;
	return 0;
}

static int try_all(struct bid_view *view, enum billing billing, struct bid_market *ret,
		   struct error *err)
{
	struct walk walk = ret->walk;

	walk.billing = billing;
	for (size_t z = 0; z < walk.nr; z++)
		if (try_zone(&walk, z, ret, err) < 0)
			return -1;
	for (size_t b = 0; b < ret->nr_bids; b++) {
		struct bid_line *line = new_line(ret, BID_BY_RULE, billing, &ret->bids[b]);

		line->chosen = arena_alloc(&view->arena, (walk.nr + 1) * sizeof(*line->chosen));
		if (walk_rule(&walk, line->bid, ZONE_BY_STABILITY, &line->result, line->chosen,
			      err) < 0)
			return -1;
	}
	if (try_advice(view, &walk, ret, err) < 0)
		return -1;
	walk_on_demand(&walk, &new_line(ret, BID_ON_DEMAND, billing, NULL)->result);
	return 0;
}

/* A line that would do: of one way of billing all are judged, of the others none is. */
static bool would_do(const struct bid_line *line)
{
	if (line->judged)
		return line->verdict == ADVICE_BEST || line->verdict == ADVICE_DEARER;
	return line->result.finished > 0;
}

/* What the cheapest bid that would do costs in each zone: the order in which zones are shown. */
static void rank_zones(struct bid_market *ret)
{
	for (size_t i = 0; i < ret->nr; i++) {
		struct bid_line *line = &ret->lines[i];

		for (size_t k = 0; k < ret->nr; k++) {
			const struct bid_line *other = &ret->lines[k];

			if (other->place == line->place && other->zone == line->zone &&
			    other->billing == line->billing && would_do(other) &&
			    other->result.mean_cost < line->least)
				line->least = other->result.mean_cost;
		}
	}
}

/* The best zone first, its bids ascending; then the rule, and as advised; on demand last. */
static int by_place(const void *a, const void *b)
{
	const struct bid_line *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if (x->billing != y->billing)
		return x->billing < y->billing ? -1 : 1;
	if (x->least < y->least || x->least > y->least)
		return x->least < y->least ? -1 : 1;
	if (x->zone != y->zone)
		return x->zone < y->zone ? -1 : 1;
	return x->bid < y->bid ? -1 : x->bid > y->bid;
}

/* The recommended one among the lines of the first way of billing; the
 * rule and the advice of each start are no place to go to. */
static void choose(struct bid_view *view, struct bid_market *ret)
{
	struct arena *arena = &view->arena;
	struct advice_option *options = arena_alloc(arena, ret->nr * sizeof(*options));
	struct bid_line **of = arena_alloc(arena, ret->nr * sizeof(struct bid_line *));
	size_t nr = 0;

	for (size_t i = 0; i < ret->nr; i++) {
		struct bid_line *line = &ret->lines[i];

		if (line->billing != ret->walk.billing ||
		    (line->place != BID_IN_ZONE && line->place != BID_ON_DEMAND))
			continue;
		of[nr] = line;
		options[nr++] = (struct advice_option){
			.zone = line->place == BID_IN_ZONE ? ret->market->series[line->zone].zone
							   : NULL,
			.bid = line->bid,
			.now = line->now,
			.result = line->result,
		};
	}
	advice_choose(&ret->walk, options, nr, &ret->followed, arena, &ret->choice);
	for (size_t i = 0; i < nr; i++) {
		of[i]->judged = true;
		of[i]->verdict = ret->choice.verdicts[i];
	}
}

static void sort_lines(struct bid_market *ret)
{
	rank_zones(ret);
	qsort(ret->lines, ret->nr, sizeof(*ret->lines), by_place);
	for (size_t i = 0; i < ret->nr; i++)
		if (ret->lines[i].judged && ret->lines[i].verdict == ADVICE_BEST)
			ret->best = &ret->lines[i];
}

static bool has_note(const struct advice *notes, const struct advice_note *note)
{
	for (size_t i = 0; i < notes->nr; i++)
		if (notes->v[i].code == note->code && strcmp(notes->v[i].text, note->text) == 0)
			return true;
	return false;
}

/* Of the market, and of each bid that was given; what is true of all of them is told once. */
static int take_notes(struct bid_view *view, struct bid_market *ret, struct error *err)
{
	struct advice_market about = {
		.series = ret->market->series,
		.nr = ret->market->nr,
		.since = view->since,
		.until = ret->walk.until,
		.on_demand = ret->on_demand,
	};
	size_t cap = 0;

	for (size_t b = 0; b <= ret->nr_bids; b++) {
		struct advice notes;

		if (b && !ret->bids[b - 1].given)
			continue;
		about.bid = b ? ret->bids[b - 1].bid : 0;
		if (advice_make(&about, &view->arena, &notes, err) < 0)
			return -1;
		for (size_t i = 0; i < notes.nr; i++) {
			if (has_note(&ret->notes, &notes.v[i]))
				continue;
			ret->notes.v = arena_grow(&view->arena, ret->notes.v, ret->notes.nr, &cap,
						  sizeof(*ret->notes.v));
			ret->notes.v[ret->notes.nr++] = notes.v[i];
		}
	}
	return 0;
}

int bid_judge(struct bid_view *view, const struct market *market, struct bid_market *ret,
	      struct error *err)
{
	if (set_up(view, market, ret, err) < 0)
		return -1;
	size_t nr = view->nr_billings * (ret->nr_bids * (market->nr + 1) + 2);
	ret->lines = arena_alloc(&view->arena, nr * sizeof(*ret->lines));
	for (size_t i = 0; i < view->nr_billings; i++)
		if (try_all(view, view->billings[i], ret, err) < 0)
			return -1;
	choose(view, ret);
	sort_lines(ret);
	return take_notes(view, ret, err);
}
