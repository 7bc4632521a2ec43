/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/hold.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/money.h"
#include "core/timefmt.h"
#include "fleet/budget.h"
#include "fleet/labels.h"
#include "fleet/look.h"
#include "fleet/machine.h"
#include "fleet/machine/machine_files.h"
#include "fleet/reap.h"
#include "fleet/script.h"
#include "fleet/spent.h"

#define CENT	    (USD_MICROS / 100)
#define HOUR_S	    3600
#define CAP_SLACK_S 60
#define RENEW_MS    60000
#define RENEW_MAX_S (INT64_C(366) * 86400) /* what the machine takes */

/* As renew.sh says. */
enum {
	RENEWED = 0,
	RENEW_NO_RIGHT = 1,
	RENEW_NO_LIMIT = 2,
	RENEW_NOT_TAKEN = 3,
};

int hold_renew(struct machine *machine, int64_t seconds, struct error *err)
{
	struct buf out = BUF_INIT_MAX(4096);
	struct remote_exit ended = { 0 };
	char words[32];

	if (seconds < 1)
		seconds = 1;
	if (seconds > RENEW_MAX_S)
		seconds = RENEW_MAX_S;
	snprintf(words, sizeof(words), "%" PRId64, seconds);
	int rc = script_run(machine, machine_renew_script, words, RENEW_MS, &out, &ended, err);
	buf_release(&out);
	if (rc < 0)
		return error_prefix(err, "cannot renew the machine's time limit");
	switch (ended.code) {
	case RENEWED:
		return 0;
	case RENEW_NO_LIMIT:
		return 1;
	case RENEW_NO_RIGHT:
		return error_set(err, ERROR_REMOTE,
				 "cannot renew the machine's time limit: its user may not use "
				 "sudo");
	case RENEW_NOT_TAKEN:
		error_set(err, ERROR_REMOTE,
			  "the machine did not take up its new time limit: nothing counts it down");
		return error_hint(err, "systemctl status gpucloud-ttl   (on the machine)");
	default:
		return error_set(err, ERROR_REMOTE,
				 "renewing the machine's time limit ended with %d", ended.code);
	}
}

static int set_tag(struct fleet *fleet, const struct instance *instance, const char *key,
		   int64_t value, struct error *err)
{
	char text[32];
	const struct tag tag = { key, text };

	snprintf(text, sizeof(text), "%" PRId64, value);
	if (fleet_tag(fleet, instance, &tag, err) < 0)
		return error_prefix(err, "cannot set the tag %s of %s", key, instance->id);
	return 0;
}

/* What ends it later comes first: were it the other way round, it could end before the tag says so. Of
 * the three the cloud's own is the last to come; moved alone it changes nothing. */
static int move_limit(struct fleet *fleet, const struct instance *instance,
		      const struct machine_events *events, struct hold *hold, struct error *err)
{
	int64_t now = look_now(fleet, fleet->provider, instance->region);
	struct machine machine = { 0 };
	int rc;

	if (fleet->ops->limit && fleet->ops->limit(fleet->provider, instance->region, instance->id,
						   hold->expires, err) < 0) {
		error_prefix(err, "the limit that %s itself keeps stays", fleet->ops->title);
		return err->hint[0] ? -1 : error_hint(err, "nothing was changed; try again");
	}

	/* One that does not run counts nothing down. */
	if (instance->state == INSTANCE_RUNNING) {
		if (machine_connect(fleet, instance, LOOK_CONNECT_MS, events, &machine, err) < 0) {
			error_prefix(err, "its time limit must be renewed on the machine itself");
			return error_hint(err, "nothing was changed; it ends at the time that "
					       "'gpucloud show' tells");
		}
		rc = hold_renew(&machine, hold->expires - now, err);
		machine_close(&machine);
		if (rc < 0)
			return -1;
		hold->renewed = rc == 0;
	}
	return 0;
}

/* What is spent, and the most an hour can cost: the bid, or on demand. */
static int price_hold(struct fleet *fleet, const struct instance *instance, int64_t now,
		      struct hold *hold, struct error *err)
{
	struct cost_basis basis;
	struct spent spent;
	struct cost cost;

	spent_work_out(fleet, instance, now, true, &cost, &spent);
	cost_basis_of(fleet, instance, now, false, &basis);
	hold->spent = spent.most;
	hold->price = instance->spot && basis.bill.cap > 0 ? basis.bill.cap : cost.on_demand;
	cost_basis_release(&basis);
	if (hold->spent != MONEY_UNKNOWN && hold->price > 0)
		return 0;
	error_set(err, ERROR_CONFLICT,
		  "'%s' has a budget, and what it costs is not known: its time limit stays",
		  fleet_target(fleet, instance));
	return error_hint(err, "gpucloud cost %s", fleet_target(fleet, instance));
}

static int refuse(const struct fleet *fleet, const struct instance *instance,
		  const struct hold_wish *wish, const struct hold *hold, int64_t end,
		  struct error *err)
{
	int64_t needed = hold->spent +
			 money_for_time(hold->price, wish->seconds + BUDGET_MARGIN_S) + CENT - 1;
	char all[MONEY_TEXT_MAX], spent[MONEY_TEXT_MAX], price[MONEY_TEXT_MAX],
		enough[MONEY_TEXT_MAX], when[TIME_TEXT_MAX];

	error_set(err, ERROR_CONFLICT,
		  "'%s' has a budget of $%s, of which $%s is spent: at $%s/h, the most an hour can "
		  "cost, the rest lasts until %s",
		  fleet_target(fleet, instance), money_format(all, hold->budget, 2),
		  money_format(spent, hold->spent, 2), money_format(price, hold->price, 4),
		  time_format(when, end));
	return error_hint(err, "a larger one: gpucloud hold %s %" PRId64 "m --budget %s",
			  fleet_target(fleet, instance), (wish->seconds + 59) / 60,
			  money_format(enough, needed / CENT * CENT, 2));
}

/* No further than the budget lasts. */
static int cap(struct fleet *fleet, const struct instance *instance, int64_t now,
	       const struct hold_wish *wish, struct hold *hold, struct error *err)
{
	struct error unread = ERROR_INIT;
	struct reap_policy policy;

	reap_policy_read(instance, &policy, &unread);
	hold->budget = wish->cents ? wish->cents * CENT : policy.budget;
	if (!hold->budget && instance_tag(instance, TAG_BUDGET)) {
		*err = unread;
		return error_hint(err, "set another: --budget USD");
	}
	if (!hold->budget)
		return 0;
	if (price_hold(fleet, instance, now, hold, err) < 0)
		return -1;
	int64_t left = hold->budget > hold->spent ? hold->budget - hold->spent : 0;
	int64_t lasts = left * HOUR_S / hold->price - BUDGET_MARGIN_S;
	int64_t end = now + (lasts > 0 ? lasts : 0);
	if (end >= hold->until)
		return 0;
	/* What is there already is not made shorter by a hold. */
	hold->expires = end > instance->expires ? end : instance->expires;
	/* Where the budget had set the limit at the launch, seconds of rounding are no reason. */
	hold->moved = hold->expires > instance->expires + CAP_SLACK_S;
	if (!hold->moved)
		hold->expires = instance->expires;
	hold->until = hold->expires;
	hold->capped = true;
	return wish->asked || hold->until <= now ? refuse(fleet, instance, wish, hold, end, err)
						 : 0;
}

static int refuse_unknown(const struct fleet *fleet, const struct instance *instance,
			  struct error *err)
{
	error_set(err, ERROR_CONFLICT,
		  "the policy of '%s' is not known here: there is nothing to take back",
		  fleet_target(fleet, instance));
	return error_hint(err,
			  "say until when it may run: gpucloud hold %s TIME; or end it: "
			  "gpucloud terminate %s",
			  fleet_target(fleet, instance), fleet_target(fleet, instance));
}

int hold_plan(struct fleet *fleet, const struct instance *instance, const struct hold_wish *wish,
	      struct hold *ret, struct error *err)
{
	int64_t now = look_now(fleet, fleet->provider, instance->region);
	struct hold hold = { .until = wish->seconds ? now + wish->seconds : 0,
			     .expires = instance->expires,
			     .cents = wish->cents };

	/* Where nobody knows when it ends, nothing but this says so: "no longer" would leave it to run on
	 * for ever. */
	if (instance->policy_unknown && !wish->seconds)
		return refuse_unknown(fleet, instance, err);
	if (wish->seconds &&
	    (instance->policy_unknown || (instance->expires && instance->expires < hold.until))) {
		hold.expires = hold.until;
		hold.moved = true;
		if (cap(fleet, instance, now, wish, &hold, err) < 0)
			return -1;
	}
	*ret = hold;
	return 0;
}

int hold_set(struct fleet *fleet, const struct instance *instance,
	     const struct machine_events *events, struct hold *hold, struct error *err)
{
	if (hold->moved && move_limit(fleet, instance, events, hold, err) < 0) {
		/* Of a machine whose policy nobody here knows, its key may not be known either. */
		if (!instance->policy_unknown)
			return -1;
		hold->unmoved = *err;
		error_clear(err);
	}
	if (hold->cents && set_tag(fleet, instance, TAG_BUDGET, hold->cents, err) < 0)
		return -1;
	if (hold->moved && set_tag(fleet, instance, TAG_EXPIRES, hold->expires, err) < 0)
		return -1;
	return set_tag(fleet, instance, TAG_HOLD, hold->until, err);
}

int hold_protect(struct fleet *fleet, const struct instance *instance, bool protect,
		 struct error *err)
{
	const char *protected = instance_tag(instance, TAG_PROTECT);

	if (instance->policy_unknown && !protect && (!protected || strcmp(protected, "0") == 0))
		return refuse_unknown(fleet, instance, err);
	return set_tag(fleet, instance, TAG_PROTECT, protect, err);
}
