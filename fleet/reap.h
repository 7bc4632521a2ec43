/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an instance's own policy says is to become of it now. Made for cron: one pass, no terminal.
 * The policy is in the tags, so that it holds from any computer and without any local state:
 *
 *   gpucloud-expires   Unix seconds: ends then, whatever it does, while it runs; `hold` and `--ttl`
 *                      move it
 *   gpucloud-idle      seconds: ends after being idle for so long; "1800-stop": is stopped instead,
 *                      and ended a day later
 *   gpucloud-budget    cents: ends before its cost passes that
 *   gpucloud-hold      Unix seconds: being idle does not end it before; 0: it is not held
 *   gpucloud-protect   anything but "0": nothing of this ends it
 *   gpucloud-stopped   Unix seconds: when it was stopped by this policy; 0: it runs again
 *   gpucloud-rested    Unix seconds: a person stopped it then, where that is not what the cloud shows
 *                      (TIME_LIMIT_STOPS); 0: it runs again
 *   gpucloud-once      anything but "0": made for one job, which turns it off when it has ended; once
 *                      off it ends (where that is not what the cloud makes of it)
 *   gpucloud-spent     what earlier runs cost: fleet/spent.h
 *
 * A tag that cannot be read is reported, and never ends an instance; nor is one ended whose policy is
 * not known (fleet/labels.h).
 *
 * One that is off is at rest only where that saves what it costs, and where being off is a person's
 * doing or this policy's:
 *   TIME_LIMIT_ENDS   a machine at its limit is gone; so who is off was stopped, and stays, or ends a
 *                     day after this policy stopped it
 *   TIME_LIMIT_STOPS  off, its limit over (or its one job), and stopped by no person through gpucloud: it
 *                     turned itself off, and ends at once, unless it is held
 *   OFF_BILLS_ALL     being off is no rest: its limit and its budget bind it as they bind one that runs
 */
#ifndef GPUCLOUD_FLEET_REAP_H
#define GPUCLOUD_FLEET_REAP_H

#include "fleet/fleet.h"
#include "fleet/idle.h"

#define TAG_IDLE    "gpucloud-idle"
#define TAG_BUDGET  "gpucloud-budget"
#define TAG_HOLD    "gpucloud-hold"
#define TAG_PROTECT "gpucloud-protect"
#define TAG_STOPPED "gpucloud-stopped"
#define TAG_RESTED  "gpucloud-rested"
#define TAG_ONCE    "gpucloud-once"

#define REAP_STOPPED_S INT64_C(86400) /* a stopped instance is ended after so long */
#define REAP_WARN_S    INT64_C(120)   /* between a warning and the end, at least */
#define REAP_FRESH_S   INT64_C(900)   /* after a start whose tag was over by then */

struct reap_policy {
	int64_t expires; /* Unix s; 0: none */
	int64_t idle_s;	 /* 0: none */
	int64_t budget;	 /* micro-dollars; 0: none */
	int64_t hold;	 /* Unix s; 0: none */
	int64_t stopped; /* Unix s; 0: not by us */
	int64_t rested;	 /* Unix s; 0: not by a person, as far as is known */
	bool protected, stop_first, once;
};
/* From the instance's tags. ERROR_PROTOCOL names all that cannot be read; the others are filled. */
int reap_policy_read(const struct instance *instance, struct reap_policy *ret, struct error *err);

enum reap_verdict {
	REAP_KEEP,
	REAP_WARN, /* it will end at the next pass: whoever is logged in is told */
	REAP_STOP,
	REAP_TERMINATE,
	REAP_UNKNOWN, /* kept, and said: the policy could not be followed */
};
const char *reap_verdict_name(enum reap_verdict verdict);

/* What is known of an instance at this pass. */
struct reap_facts {
	int64_t now; /* by the cloud's clock: ours may be a day off */
	const struct instance *instance;
	struct reap_policy policy;
	enum time_limit time_limit; /* of its cloud */
	enum off_bills off_bills;
	const struct idle_judgement *idle; /* NULL: not asked, or not known */
	int64_t cost, rate; /* micro-dollars so far, and an hour from now on; MONEY_UNKNOWN */
	int64_t unsure;	    /* of cost: what may not have been spent, for nobody saw it run */
	int64_t period_s;   /* until the next pass, as far as is known */
	/* Unix s of the warnings that still stand, or 0: of being idle, of the budget. */
	int64_t warned, warned_budget;
};

struct reap_decision {
	enum reap_verdict verdict;
	char reason[200]; /* one line */
	bool budget;	  /* the budget decided */
	bool by_hand;	  /* it is off and left so: what bills on does until somebody ends it */
};

/* Pure: the whole policy in one place. */
void reap_decide(const struct reap_facts *facts, struct reap_decision *ret);

#endif
