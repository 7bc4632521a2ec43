/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/reap.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/timefmt.h"

#define SECONDS_MAX INT64_C(253402300799) /* the end of the year 9999 */
#define CENTS_MAX   INT64_C(100000000)	  /* a million dollars */
#define CENT	    (USD_MICROS / 100)

static const char *const names[] = {
	[REAP_KEEP] = "keep",		[REAP_WARN] = "warn",	    [REAP_STOP] = "stop",
	[REAP_TERMINATE] = "terminate", [REAP_UNKNOWN] = "unknown",
};

const char *reap_verdict_name(enum reap_verdict verdict)
{
	return names[(unsigned)verdict < ARRAY_SIZE(names) ? verdict : REAP_UNKNOWN];
}

/* Digits and nothing else, 1 to max; what follows them is left in *end. */
static bool digits(const char *text, int64_t max, int64_t *ret, const char **end)
{
	size_t len = strspn(text, "0123456789");
	int64_t value = 0;

	if (len == 0 || len > 12)
		return false;
	for (size_t i = 0; i < len; i++)
		value = value * 10 + (text[i] - '0');
	*end = text + len;
	*ret = value;
	return value >= 1 && value <= max;
}

/* All that cannot be read are named, in one line. */
static int refuse(const struct instance *instance, const char *key, struct error *err)
{
	const struct error before = *err;

	return error_set(err, ERROR_PROTOCOL, "%.300s%stag %s '%.40s' cannot be read",
			 before.message, before.message[0] ? "; " : "", key,
			 instance_tag(instance, key));
}

static int read_tag(const struct instance *instance, const char *key, int64_t max, int64_t *ret,
		    const char **end, struct error *err)
{
	const char *value = instance_tag(instance, key);

	*end = "";
	if (!value)
		return 0;
	if (digits(value, max, ret, end))
		return 0;
	*ret = 0;
	*end = "";
	return refuse(instance, key, err);
}

/* As read_tag, for those that hold a number and no more. */
static int read_number(const struct instance *instance, const char *key, int64_t max, int64_t *ret,
		       struct error *err)
{
	const char *end;

	if (read_tag(instance, key, max, ret, &end, err) < 0)
		return -1;
	if (!*end)
		return 0;
	*ret = 0;
	return refuse(instance, key, err);
}

/* A tag cannot be removed on every cloud: "0" takes back what it said. */
static int read_time(const struct instance *instance, const char *key, int64_t *ret,
		     struct error *err)
{
	const char *value = instance_tag(instance, key);

	if (value && strcmp(value, "0") == 0)
		return 0;
	return read_number(instance, key, SECONDS_MAX, ret, err);
}

static int read_idle(const struct instance *instance, struct reap_policy *ret, struct error *err)
{
	const char *end;

	if (read_tag(instance, TAG_IDLE, SECONDS_MAX, &ret->idle_s, &end, err) < 0)
		return -1;
	ret->stop_first = strcmp(end, "-stop") == 0;
	if (!*end || ret->stop_first)
		return 0;
	ret->idle_s = 0;
	return refuse(instance, TAG_IDLE, err);
}

int reap_policy_read(const struct instance *instance, struct reap_policy *ret, struct error *err)
{
	struct reap_policy policy = { 0 };
	const char *protect = instance_tag(instance, TAG_PROTECT);
	const char *once = instance_tag(instance, TAG_ONCE);
	int64_t cents = 0;
	int rc = 0;

	error_clear(err);
	rc |= read_number(instance, TAG_EXPIRES, SECONDS_MAX, &policy.expires, err);
	rc |= read_number(instance, TAG_BUDGET, CENTS_MAX, &cents, err);
	rc |= read_time(instance, TAG_HOLD, &policy.hold, err);
	rc |= read_time(instance, TAG_STOPPED, &policy.stopped, err);
	rc |= read_time(instance, TAG_RESTED, &policy.rested, err);
	rc |= read_idle(instance, &policy, err);
	policy.budget = cents * CENT;
	/* Whoever put the tag there meant something by it: only "0" says no. */
	policy.protected = protect && strcmp(protect, "0") != 0;
	policy.once = once && strcmp(once, "0") != 0;
	*ret = policy;
	return rc ? -1 : 0;
}

static void decide(struct reap_decision *ret, enum reap_verdict verdict, const char *reason)
{
	ret->verdict = verdict;
	ret->budget = ret->by_hand = false;
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

/* What `cost` is at the next pass but `passes` - 1; never less than now. */
static int64_t cost_after(const struct reap_facts *facts, int64_t cost, int64_t passes)
{
	if (facts->rate == MONEY_UNKNOWN)
		return cost;
	return cost + money_for_time(facts->rate, facts->period_s * passes);
}

/* Only what was surely spent ends it; of what may have been, a person is told. */
static void doubt_budget(const struct reap_facts *facts, struct reap_decision *doubt)
{
	char text[200], sure[MONEY_TEXT_MAX], most[MONEY_TEXT_MAX], all[MONEY_TEXT_MAX];

	if (facts->cost == MONEY_UNKNOWN) {
		decide(doubt, REAP_UNKNOWN, "it has a budget, and its cost is not known");
	} else if (facts->unsure && cost_after(facts, facts->cost, 1) > facts->policy.budget) {
		snprintf(text, sizeof(text),
			 "$%s of its budget of $%s is spent, and perhaps $%s: nobody here saw when "
			 "it ran",
			 money_format(sure, facts->cost - facts->unsure, 2),
			 money_format(all, facts->policy.budget, 2),
			 money_format(most, facts->cost, 2));
		decide(doubt, REAP_UNKNOWN, text);
	}
	doubt->budget = doubt->verdict == REAP_UNKNOWN;
}

/* True where the budget decides. */
static bool decide_budget(const struct reap_facts *facts, struct reap_decision *ret)
{
	int64_t budget = facts->policy.budget, cost = facts->cost - facts->unsure;
	char text[160], spent[MONEY_TEXT_MAX], most[MONEY_TEXT_MAX];

	if (!budget || facts->cost == MONEY_UNKNOWN)
		return false;
	snprintf(text, sizeof(text), "$%s of its budget of $%s is spent",
		 money_format(spent, cost, 2), money_format(most, budget, 2));
	if (cost >= budget || cost_after(facts, cost, 1) > budget)
		decide(ret, REAP_TERMINATE, text);
	else if (cost_after(facts, cost, 2) > budget && !facts->warned_budget)
		decide(ret, REAP_WARN, text);
	else
		return false;
	ret->budget = true;
	return true;
}

static void decide_idle(const struct reap_facts *facts, struct reap_decision *ret)
{
	const struct idle_judgement *idle = facts->idle;

	if (!idle) {
		decide(ret, REAP_UNKNOWN, "it could not be looked at; it counts as busy");
		return;
	}
	if (idle->verdict != IDLE_IDLE) {
		decide(ret, REAP_KEEP, idle->reason);
		return;
	}
	if (!facts->warned)
		decide(ret, REAP_WARN, idle->reason);
	else if (facts->now - facts->warned < REAP_WARN_S)
		decide(ret, REAP_KEEP, "warned a moment ago");
	else
		decide(ret, facts->policy.stop_first ? REAP_STOP : REAP_TERMINATE, idle->reason);
}

static bool is_off(const struct reap_facts *facts)
{
	return facts->instance->state == INSTANCE_STOPPED ||
	       facts->instance->state == INSTANCE_STOPPING;
}

/* Turned off by its own limit, or by itself before that; a person's stop is marked. */
static bool is_turned_off(const struct reap_facts *facts)
{
	const struct reap_policy *policy = &facts->policy;

	return facts->time_limit != TIME_LIMIT_ENDS && !policy->rested &&
	       (policy->once || (policy->expires && facts->now >= policy->expires));
}

static void decide_turned_off(const struct reap_facts *facts, struct reap_decision *ret)
{
	char text[96 + TIME_TEXT_MAX], when[TIME_TEXT_MAX];

	if (facts->policy.hold > facts->now) {
		snprintf(text, sizeof(text), "it turned itself off; held until %s",
			 time_format(when, facts->policy.hold));
		decide(ret, REAP_KEEP, text);
	} else if (!facts->policy.expires || facts->now < facts->policy.expires) {
		decide(ret, REAP_TERMINATE, "off, and made for one job, which turned it off");
	} else {
		snprintf(text, sizeof(text), "off, and its time ended at %s",
			 time_format(when, facts->policy.expires));
		decide(ret, REAP_TERMINATE, text);
	}
}

/*
 * Neither its time nor its budget binds it: both are of one that runs. What was stopped for being idle
 * ends a day after; what a person stopped is theirs to end.
 */
static void decide_stopped(const struct reap_facts *facts, struct reap_decision *ret)
{
	int64_t stopped = facts->policy.stopped, hold = facts->policy.hold;
	char text[64 + TIME_TEXT_MAX], when[TIME_TEXT_MAX];

	if (is_turned_off(facts)) {
		decide_turned_off(facts, ret);
	} else if (!stopped) {
		decide(ret, REAP_KEEP, "stopped, but not by 'reap'");
		ret->by_hand = true;
	} else if (hold > facts->now) {
		snprintf(text, sizeof(text), "stopped; held until %s", time_format(when, hold));
		decide(ret, REAP_KEEP, text);
	} else if (facts->now - stopped >= REAP_STOPPED_S) {
		decide(ret, REAP_TERMINATE, "stopped for being idle, a day ago");
	} else {
		snprintf(text, sizeof(text), "stopped for being idle; ends at %s",
			 time_format(when, stopped + REAP_STOPPED_S));
		decide(ret, REAP_KEEP, text);
	}
}

/*
 * A tag that was over before the machine began came from elsewhere, or lay there while it was
 * stopped: whoever started it has a while to say for how long.
 */
static void decide_expired(const struct reap_facts *facts, struct reap_decision *ret)
{
	int64_t expires = facts->policy.expires, launched = facts->instance->launched;
	int64_t end = launched > expires ? launched + REAP_FRESH_S : expires;
	char text[120 + TIME_TEXT_MAX], when[TIME_TEXT_MAX];

	if (facts->now >= end) {
		snprintf(text, sizeof(text), "its time ended at %s", time_format(when, expires));
		decide(ret, REAP_TERMINATE, text);
		return;
	}
	snprintf(text, sizeof(text),
		 "its time was over before it started; unless held it ends at %s",
		 time_format(when, end));
	decide(ret, REAP_UNKNOWN, text);
}

static void decide_rest(const struct reap_facts *facts, struct reap_decision *ret)
{
	const struct reap_policy *policy = &facts->policy;
	char text[64 + TIME_TEXT_MAX], when[TIME_TEXT_MAX];

	if (is_off(facts))
		decide_stopped(facts, ret);
	else if (policy->hold > facts->now) {
		snprintf(text, sizeof(text), "held until %s", time_format(when, policy->hold));
		decide(ret, REAP_KEEP, text);
	} else if (!policy->idle_s) {
		decide(ret, REAP_KEEP, "no idle limit");
	} else {
		decide_idle(facts, ret);
	}
}

void reap_decide(const struct reap_facts *facts, struct reap_decision *ret)
{
	const struct reap_policy *policy = &facts->policy;
	enum instance_state state = facts->instance->state;
	struct reap_decision doubt = { .verdict = REAP_KEEP }, late = doubt;

	if (state == INSTANCE_ENDING || state == INSTANCE_GONE) {
		decide(ret, REAP_KEEP, "it is ending already");
		return;
	}
	if (policy->protected) {
		decide(ret, REAP_KEEP, "protected");
		return;
	}
	if (facts->instance->policy_unknown) {
		decide(ret, REAP_UNKNOWN, "its policy is not known here");
		return;
	}
	if (is_off(facts) && facts->off_bills != OFF_BILLS_ALL) {
		decide_stopped(facts, ret);
		return;
	}
	if (policy->expires && facts->now >= policy->expires)
		decide_expired(facts, &late);
	if (late.verdict == REAP_TERMINATE) {
		*ret = late;
		return;
	}
	if (decide_budget(facts, ret))
		return;
	decide_rest(facts, ret);
	if ((ret->verdict == REAP_KEEP || ret->verdict == REAP_UNKNOWN) &&
	    late.verdict == REAP_UNKNOWN)
		*ret = late;
	/* That the budget cannot be followed keeps nothing else from being followed. */
	if (policy->budget)
		doubt_budget(facts, &doubt);
	if (ret->verdict == REAP_KEEP && doubt.verdict == REAP_UNKNOWN)
		*ret = doubt;
}
