/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bids would have cost and risked, tried walk-forward (bidding/walk.h) and shown: the same for
 * the cloud's prices, the archive and saved files.
 */
#ifndef GPUCLOUD_CLI_BID_VIEW_H
#define GPUCLOUD_CLI_BID_VIEW_H

#include "bidding/advice.h"
#include "fleet/market.h"

struct cJSON;
struct cli;

/* What was asked for. */
struct bid_view {
	const struct market_list *markets;
	int64_t since, until;
	int64_t on_demand; /* instead of the market's own, or MONEY_UNKNOWN */
	struct job job;
	int64_t limit_s; /* longest acceptable wall time; 0: the default of walk_limit() */
	enum billing billings[BILLING_NR]; /* the first is the one that is judged */
	size_t nr_billings;
	const struct bid *bids;	  /* beside the three rungs */
	const char *const *texts; /* as they were typed */
	size_t nr_bids;
	struct arena arena;
};

/* What the bid of a line is tried in. */
enum bid_place {
	BID_IN_ZONE,	/* one zone at every start */
	BID_BY_RULE,	/* the zone that the book rule names at each start */
	BID_AS_ADVISED, /* what would have been recommended at each start: zone, bid or on demand */
	BID_ON_DEMAND,	/* no spot at all */
};

/* One line of the table. */
struct bid_line {
	enum bid_place place;
	size_t zone;	   /* of the market, for BID_IN_ZONE */
	const char *label; /* "51%", "$7.2100"; "" on demand */
	int64_t bid;	   /* micro-dollars per hour; 0 on demand and as advised */
	int64_t now;	   /* the price in force there; MONEY_UNKNOWN */
	enum billing billing;
	struct walk_result result;
	double least;	/* BID_IN_ZONE: the least mean cost of the bids that would do there */
	size_t *chosen; /* BID_BY_RULE, BID_AS_ADVISED: how often each zone was */
	size_t chosen_on_demand; /* BID_AS_ADVISED: how often none was */
	bool judged;		 /* `verdict` is set */
	enum advice_verdict verdict;
};

/* A bid in one market. */
struct bid_offer {
	const char *label;
	int64_t bid;
	bool given; /* named by the user, not only one of the three rungs */
};

/* One market, tried. */
struct bid_market {
	const struct market *market;
	int64_t on_demand;
	struct bid_offer *bids; /* ascending */
	size_t nr_bids;
	struct walk walk;
	struct bid_line *lines; /* by zone (the best first) and bid; the rule; as advised; on
				 * demand */
	size_t nr;
	struct advice_choice choice;
	const struct bid_line *best;	 /* NULL: nothing will do */
	struct advice_followed followed; /* in the first way of billing */
	struct advice notes;
};

/*
 * Tries every bid in every zone, the rule, and on demand; the choice and the notes with it.
 * ERROR_NOT_FOUND where the record is too short, or on demand is not known. Everything lives in
 * view->arena. (bid_judge.c)
 */
int bid_judge(struct bid_view *view, const struct market *market, struct bid_market *ret,
	      struct error *err);

/* Of the starts that tell, how many: NAN where none does. */
double bid_share_uninterrupted(const struct walk_result *result);
double bid_share_in_time(const struct walk_result *result);

/* Table or JSON. -1 with cli->error where no market could be judged, or no bid is to be advised. */
int bid_view_show(struct cli *cli, struct bid_view *view);

/*
 * The best market of each type, as an index into v: of the least mean cost, whether by a bid or on
 * demand; a bid where they cost the same. Where nothing will do in any, its first. In order of the
 * markets; nr > 0.
 */
struct bid_winner {
	const char *type;
	size_t market;
};
const struct bid_winner *bid_winners(struct arena *arena, const struct bid_market *v, size_t nr,
				     size_t *ret_nr);

/* In seconds: what was given, or the default. */
int64_t bid_view_limit(const struct bid_view *view);

/* bid_json.c */
struct cJSON *bid_json(struct bid_view *view, const struct bid_market *v, size_t nr);

#endif
