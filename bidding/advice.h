/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody about to bid should know of this market, in plain sentences, and the one line that
 * is recommended among what was tried walk-forward (bidding/walk.h). Pure: facts in, text out.
 *
 * What a maximum price does today, and that AWS advises to set none:
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-history.html
 */
#ifndef GPUCLOUD_BIDDING_ADVICE_H
#define GPUCLOUD_BIDDING_ADVICE_H

#include "bidding/walk.h"

struct arena;

/* One sentence of advice. */
enum advice_code {
	ADVICE_BID_AT_ON_DEMAND,     /* the bid is at or above on demand: it prevents nothing */
	ADVICE_BID_FAR_ABOVE,	     /* above 200 % of on demand: it can cost that much */
	ADVICE_BID_BELOW_PRICE,	     /* the price in force is above the bid: it would not start */
	ADVICE_SPOT_ABOVE_ON_DEMAND, /* the record has prices above on demand */
	ADVICE_PINNED,		     /* the price rests at on demand: spot's risk, no saving */
	ADVICE_TEN_TIMES,     /* auction prices at 10 times on demand: the ceiling for bids */
	ADVICE_SHORT_HISTORY, /* too little is known to judge by */
	ADVICE_GAPS,	      /* parts of the window are unknown */
	ADVICE_NO_ON_DEMAND,  /* on demand is not known: shares of it cannot be told */
	ADVICE_AUCTION,	      /* the record is of the market before November 2017 */
	ADVICE_CAPACITY,      /* today capacity interrupts, not price */
};
#define ADVICE_NR 11
const char *advice_code_name(enum advice_code code); /* "bid-at-on-demand", ...: for --json */

struct advice_note {
	enum advice_code code;
	bool warning;	  /* false: good to know */
	const char *zone; /* it is about this one; "" for the market as a whole */
	const char
		*text; /* a sentence without its full stop; names the zone where it is about one */
};

struct advice_market {
	const struct price_series *series; /* one for each zone; may hold gaps */
	size_t nr;
	int64_t since, until; /* the window shown; until: now, or the end of what is known */
	int64_t on_demand;    /* MONEY_UNKNOWN where it is not known */
	int64_t bid;	      /* in micro-dollars an hour; 0: none was named, so none is judged */
};

#define ADVICE_AUCTION_END  INT64_C(1511827200)	  /* 2017-11-28: EC2's prices stopped jumping */
#define ADVICE_SHORT_S	    (INT64_C(30) * 86400) /* less than this is a short history */
#define ADVICE_PINNED_SHARE 0.5	 /* of the time at exactly on demand: the price rests there */
#define ADVICE_GAP_SHARE    0.01 /* of the window unknown: worth saying */

/*
 * Warnings first, then facts; those of zones in the caller's order. What is true of every zone (the
 * price above the bid, a short history, gaps) is said once, of the market. Notes and texts live in
 * `arena`; zone names are borrowed. Zones of which nothing is known in the window are passed over.
 * Series out of order, or an empty window: ERROR_USAGE.
 */
struct advice {
	struct advice_note *v;
	size_t nr;
};
int advice_make(const struct advice_market *market, struct arena *arena, struct advice *ret,
		struct error *err);

/* --- the recommended line --------------------------------------------------------------------- */

/* One line of the table: what was tried, and what walk_zone, walk_rule or walk_on_demand said. */
struct advice_option {
	const char *zone; /* NULL: on demand, any zone */
	int64_t bid;	  /* micro-dollars an hour; 0 for on demand */
	int64_t now;	  /* the price in force there; MONEY_UNKNOWN: none, it cannot start */
	struct walk_result result;
};

/* Why an option was not taken, or that it was. */
enum advice_verdict {
	ADVICE_BEST,
	ADVICE_DEARER,	   /* fit, but not the least cost; or equal and no better otherwise */
	ADVICE_TOO_LATE,   /* too few jobs were done within the limit */
	ADVICE_UNPROVEN,   /* fewer than ADVICE_STARTS_MIN starts could be judged */
	ADVICE_WONT_START, /* the price in force is above the bid, or unknown */
};
const char *advice_verdict_text(enum advice_verdict verdict);

#define ADVICE_STARTS_MIN 10
#define ADVICE_IN_TIME	  0.9 /* of the jobs that could be judged must be done within the limit */

struct advice_choice {
	size_t best;		       /* index into the options; SIZE_MAX: none will do */
	enum advice_verdict *verdicts; /* one for each option; in the arena */
	const char *text;	       /* "bid $0.3315 in us-east-1e", "on demand"; in the arena */
	const char **reasons;	       /* sentences without full stop, in the arena */
	size_t nr_reasons;
};

/*
 * What following the advice would have come to: at every start of the walk the choice below is made
 * anew, among all zones x bids and on demand, by jobs tried in the time looked back at whose limit
 * was over by then, and at the price in force then; what was chosen is run, and judged by what came
 * after. Nothing after a start has a say in what is chosen there. Ties are not taken to the 95th
 * percentiles. `chosen` counts zones, and lives in the arena. Where nothing would have been advised
 * the start counts in result.none. Bids above 0. Beyond what walk_zone refuses: a time looked back
 * at of more than 32000 steps, ERROR_USAGE.
 */
struct advice_followed {
	struct walk_result result;
	size_t *chosen;	  /* how often each zone was, of all starts */
	size_t on_demand; /* and how often no spot at all */
};
int advice_follow(const struct walk *walk, const int64_t *bids, size_t nr_bids, struct arena *arena,
		  struct advice_followed *ret, struct error *err);

/*
 * The least mean cost among the options that can start now and of which at least ADVICE_IN_TIME of
 * the judged jobs were done within the limit the walk was made with (struct walk, limit_s). Equal
 * costs (to a hundredth of a cent): fewer interruptions, then the lower p95 of cost, then of
 * makespan, then on demand before spot, then the lower bid, then the zone's name. On demand is
 * never unproven. The options' results must come from one `walk`, of which only the job, its limit
 * and the on-demand price are read. Nothing that will do, or nr 0: best is SIZE_MAX.
 *
 * That is the best in hindsight, of all that was tried over the same starts: `followed`, where it
 * is not NULL, is told beside it.
 */
void advice_choose(const struct walk *walk, const struct advice_option *options, size_t nr,
		   const struct advice_followed *followed, struct arena *arena,
		   struct advice_choice *ret);

/* Per cent, cut to a tenth: what is below a limit is not rounded up to it. */
double advice_percent(double share);

#endif
