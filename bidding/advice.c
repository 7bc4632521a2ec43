/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/advice.h"

#include <stdlib.h>

#include "bidding/runs.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/timefmt.h"

const char *advice_code_name(enum advice_code code)
{
	static const char *const names[ADVICE_NR] = {
		[ADVICE_BID_AT_ON_DEMAND] = "bid-at-on-demand",
		[ADVICE_BID_FAR_ABOVE] = "bid-far-above",
		[ADVICE_BID_BELOW_PRICE] = "bid-below-price",
		[ADVICE_SPOT_ABOVE_ON_DEMAND] = "spot-above-on-demand",
		[ADVICE_PINNED] = "pinned",
		[ADVICE_TEN_TIMES] = "ten-times",
		[ADVICE_SHORT_HISTORY] = "short-history",
		[ADVICE_GAPS] = "gaps",
		[ADVICE_NO_ON_DEMAND] = "no-on-demand",
		[ADVICE_AUCTION] = "auction",
		[ADVICE_CAPACITY] = "capacity",
	};

	return names[code];
}

/* What the notes about one zone are made of. */
struct zone_view {
	const char *zone;
	bool known;
	struct price_stats stats;
	int64_t first; /* the first moment of the window at which its price is known */
	double above_on_demand, at_on_demand; /* shares of the known time */
	double at_ten_times;		      /* of what of it was in the days of the auction */
};

struct writer {
	const struct advice_market *market;
	struct arena *arena;
	struct zone_view *zones;
	struct advice_note *v;
	size_t nr, cap;
};

static void add(struct writer *w, enum advice_code code, bool warning, const char *zone,
		const char *text)
{
	w->v = arena_grow(w->arena, w->v, w->nr, &w->cap, sizeof(*w->v));
	w->v[w->nr++] = (struct advice_note){ code, warning, zone, text };
}

#define say(w, code, warning, zone, ...) \
	add((w), (code), (warning), (zone), arena_printf((w)->arena, __VA_ARGS__))

static const char *usd(const struct writer *w, int64_t micros)
{
	char text[MONEY_TEXT_MAX];

	return arena_printf(w->arena, "$%s", money_format(text, micros, 4));
}

/* A share of time in words: nothing that happened is rounded to 0 %. */
static const char *share(const struct writer *w, double part)
{
	return part < 0.001 ? "less than 0.1 %" : arena_printf(w->arena, "%.1f %%", part * 100);
}

static double ratio(const struct writer *w, int64_t micros)
{
	return (double)micros / (double)w->market->on_demand;
}

/* --- what is known ---------------------------------------------------------------------------- */

static double share_under(const struct price_runs *runs, int64_t micros)
{
	struct bid_stats under;

	price_runs_under(runs, micros, &under);
	return under.share_under;
}

static int64_t first_known(const struct price_series *series, int64_t since, int64_t until)
{
	for (size_t i = 0; i < series->nr; i++) {
		int64_t end = i + 1 < series->nr ? series->v[i + 1].time : until;

		if (series->v[i].micros >= 0 && end > since)
			return series->v[i].time > since ? series->v[i].time : since;
	}
	return until;
}

/* Exactly there: a price above it, or one of today, is somebody's, and no ceiling. */
static double share_at_ten_times(const struct advice_market *market,
				 const struct price_series *series)
{
	int64_t until = market->until < ADVICE_AUCTION_END ? market->until : ADVICE_AUCTION_END;
	struct error ignored = ERROR_INIT;
	struct price_runs runs;
	int64_t ceiling;

	if (market->since >= until || __builtin_mul_overflow(market->on_demand, 10, &ceiling) ||
	    price_runs_make(series, market->since, until, &runs, &ignored) < 0)
		return 0;
	double share = share_under(&runs, ceiling) - share_under(&runs, ceiling - 1);
	price_runs_release(&runs);
	return share;
}

static int view_zone(const struct advice_market *market, const struct price_series *series,
		     struct zone_view *ret, struct error *err)
{
	int64_t on_demand = market->on_demand;
	struct price_runs runs;
	struct error why = ERROR_INIT;

	*ret = (struct zone_view){ .zone = series->zone };
	if (price_runs_make(series, market->since, market->until, &runs, &why) < 0) {
		if (why.kind == ERROR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	ret->known = true;
	ret->first = first_known(series, market->since, market->until);
	price_runs_stats(&runs, &ret->stats);
	if (on_demand > 0) {
		double at_or_under = share_under(&runs, on_demand);

		ret->above_on_demand = 1 - at_or_under;
		ret->at_on_demand = at_or_under - share_under(&runs, on_demand - 1);
		ret->at_ten_times = share_at_ten_times(market, series);
	}
	price_runs_release(&runs);
	return 0;
}

/* --- warnings --------------------------------------------------------------------------------- */

static void judge_bid(struct writer *w)
{
	int64_t bid = w->market->bid, on_demand = w->market->on_demand;

	if (!bid || on_demand <= 0 || bid < on_demand)
		return;
	say(w, ADVICE_BID_AT_ON_DEMAND, true, "",
	    "a bid of %s is %.0f %% of on demand: that prevents no interruption, as it is "
	    "capacity that interrupts, and where spot costs as much, on demand is the better buy",
	    usd(w, bid), ratio(w, bid) * 100);
	if (bid > 2 * on_demand)
		say(w, ADVICE_BID_FAR_ABOVE, true, "",
		    "you pay the price in force, not the bid, but with this bid that can come to "
		    "%s an hour, %.1f times on demand",
		    usd(w, bid), ratio(w, bid));
}

static void judge_start(struct writer *w)
{
	int64_t bid = w->market->bid, least = INT64_MAX;
	size_t known = 0, above = 0;

	for (size_t z = 0; z < w->market->nr; z++) {
		const struct zone_view *v = &w->zones[z];

		if (!v->known)
			continue;
		known++;
		above += v->stats.last > bid;
		least = v->stats.last < least ? v->stats.last : least;
	}
	if (!bid || !above)
		return;
	if (above == known) {
		say(w, ADVICE_BID_BELOW_PRICE, true, "",
		    "the price is %s or more in every zone, above the bid of %s: nothing would "
		    "start now",
		    usd(w, least), usd(w, bid));
		return;
	}
	for (size_t z = 0; z < w->market->nr; z++)
		if (w->zones[z].known && w->zones[z].stats.last > bid)
			say(w, ADVICE_BID_BELOW_PRICE, true, w->zones[z].zone,
			    "in %s the price is %s, above the bid of %s: it would not start there "
			    "now",
			    w->zones[z].zone, usd(w, w->zones[z].stats.last), usd(w, bid));
}

static void judge_history(struct writer *w)
{
	char text[TIME_TEXT_MAX];
	int64_t most = 0;

	for (size_t z = 0; z < w->market->nr; z++)
		if (w->zones[z].known && w->zones[z].stats.covered_s > most)
			most = w->zones[z].stats.covered_s;
	if (most < ADVICE_SHORT_S)
		say(w, ADVICE_SHORT_HISTORY, true, "",
		    "no more than %s of prices are known: a short history looks calm",
		    duration_format(text, most));
	for (size_t z = 0; z < w->market->nr; z++) {
		const struct zone_view *v = &w->zones[z];

		if (v->known && most >= ADVICE_SHORT_S && v->stats.covered_s < ADVICE_SHORT_S)
			say(w, ADVICE_SHORT_HISTORY, true, v->zone,
			    "of %s no more than %s of prices are known: a short history looks calm",
			    v->zone, duration_format(text, v->stats.covered_s));
	}
}

static void judge_price(struct writer *w, const struct zone_view *v)
{
	/* "1.0 times" would say that it was not. */
	const char *times =
		w->market->on_demand > 0 && ratio(w, v->stats.max) >= 1.05
			? arena_printf(w->arena, ", %.1f times on demand", ratio(w, v->stats.max))
			: "";

	if (v->above_on_demand > 0)
		say(w, ADVICE_SPOT_ABOVE_ON_DEMAND, true, v->zone,
		    "in %s the price was above on demand for %s of the time, and up to %s%s",
		    v->zone, share(w, v->above_on_demand), usd(w, v->stats.max), times);
	if (v->at_on_demand >= ADVICE_PINNED_SHARE)
		say(w, ADVICE_PINNED, true, v->zone,
		    "in %s the price was exactly the on-demand price for %s of the time: it can be "
		    "interrupted like spot and saves nothing",
		    v->zone, share(w, v->at_on_demand));
}

static void warnings(struct writer *w)
{
	if (w->market->on_demand <= 0)
		say(w, ADVICE_NO_ON_DEMAND, true, "",
		    "the on-demand price is not known, so it cannot be said what spot would save");
	judge_bid(w);
	judge_start(w);
	judge_history(w);
	for (size_t z = 0; z < w->market->nr; z++)
		if (w->zones[z].known)
			judge_price(w, &w->zones[z]);
}

/* --- good to know ----------------------------------------------------------------------------- */

static bool has_gap(const struct writer *w, const struct zone_view *v)
{
	double window = (double)(w->market->until - w->market->since);

	return window - (double)v->stats.covered_s > window * ADVICE_GAP_SHARE;
}

static void tell_gaps(struct writer *w)
{
	int64_t window = w->market->until - w->market->since, least = window;
	size_t known = 0, holed = 0;
	char text[TIME_TEXT_MAX], whole[TIME_TEXT_MAX];

	for (size_t z = 0; z < w->market->nr; z++) {
		const struct zone_view *v = &w->zones[z];

		if (!v->known)
			continue;
		known++;
		holed += has_gap(w, v);
		if (window - v->stats.covered_s < least)
			least = window - v->stats.covered_s;
	}
	duration_format(whole, window);
	if (known > 1 && holed == known) {
		say(w, ADVICE_GAPS, false, "",
		    "of the %s asked for, %s or more are unknown in every zone, and counted for "
		    "nothing",
		    whole, duration_format(text, least));
		return;
	}
	for (size_t z = 0; z < w->market->nr; z++) {
		const struct zone_view *v = &w->zones[z];

		if (v->known && has_gap(w, v))
			say(w, ADVICE_GAPS, false, v->zone,
			    "of the %s asked for, %s are unknown in %s, and counted for nothing",
			    whole, duration_format(text, window - v->stats.covered_s), v->zone);
	}
}

static void facts(struct writer *w)
{
	int64_t first = INT64_MAX;

	say(w, ADVICE_CAPACITY, false, "",
	    "since November 2017 EC2 takes spot instances back when it wants the capacity, hardly "
	    "ever for the price: a higher bid starts no sooner and lasts no longer, it only caps "
	    "what you pay");
	for (size_t z = 0; z < w->market->nr; z++)
		if (w->zones[z].known && w->zones[z].first < first)
			first = w->zones[z].first;
	if (first < ADVICE_AUCTION_END)
		say(w, ADVICE_AUCTION, false, "",
		    "these prices reach back before November 2017, when bids were an auction: what "
		    "they did to a job then is history, not what a bid does today");
	tell_gaps(w);
	for (size_t z = 0; z < w->market->nr; z++)
		if (w->zones[z].known && w->zones[z].at_ten_times > 0)
			say(w, ADVICE_TEN_TIMES, false, w->zones[z].zone,
			    "in %s, while bids were an auction, the price was at 10 times on "
			    "demand for %s of the time: that was EC2's ceiling for bids, where "
			    "prices got stuck: nobody's offer",
			    w->zones[z].zone, share(w, w->zones[z].at_ten_times));
}

int advice_make(const struct advice_market *market, struct arena *arena, struct advice *ret,
		struct error *err)
{
	struct writer w = { .market = market, .arena = arena };
	int64_t window;
	int rc = 0;

	if (market->until <= market->since ||
	    __builtin_sub_overflow(market->until, market->since, &window))
		return error_set(err, ERROR_USAGE,
				 "the window of prices ends no later than it begins");
	if (market->bid < 0 || market->bid > MONEY_MAX || market->on_demand > MONEY_MAX)
		return error_set(err, ERROR_USAGE,
				 "the bid or the on-demand price is out of range");
	w.zones = xcalloc(market->nr, sizeof(*w.zones));
	for (size_t z = 0; z < market->nr && !rc; z++)
		rc = view_zone(market, &market->series[z], &w.zones[z], err);
	if (!rc) {
		warnings(&w);
		facts(&w);
		*ret = (struct advice){ .v = w.v, .nr = w.nr };
	}
	free(w.zones);
	return rc;
}
