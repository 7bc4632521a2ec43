/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy of each is, what is seen there, and what that comes to. */
#include "fleet/reaper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/money.h"
#include "fleet/cost_ahead.h"
#include "fleet/idle_store.h"
#include "fleet/labels.h"
#include "fleet/reaper_internal.h"
#include "fleet/spent.h"

#define LIMIT_SLACK_S INT64_C(120) /* the machine counts from its boot, the tag from the launch */
#define SETTLED_S     INT64_C(600) /* a stop has happened, or failed, so long after its mark */

void reap_report_release(struct reap_report *report)
{
	for (size_t i = 0; i < report->nr; i++)
		idle_judgement_release(&report->v[i].judgement);
	free(report->v);
	free(report->looks);
	instance_list_release(&report->list);
	instance_list_release(&report->fresh);
	memset(report, 0, sizeof(*report));
}

void pass_store_failed(struct pass *pass, const struct error *err)
{
	if (pass->report->store_err.kind == ERROR_NONE)
		pass->report->store_err = *err;
}

void pass_mark(struct pass *pass, const struct instance *instance, int mark, int64_t at)
{
	struct error err = ERROR_INIT;

	if (pass->options->dry_run)
		return;
	if (pass->store && idle_store_mark(pass->store, pass->scope, instance->id,
					   (enum idle_mark)mark, at, &err) < 0)
		pass_store_failed(pass, &err);
}

int64_t pass_marked(struct pass *pass, const struct instance *instance, int mark)
{
	struct error err = ERROR_INIT;
	int64_t at = 0;

	if (pass->store && idle_store_marked(pass->store, pass->scope, instance->id,
					     (enum idle_mark)mark, &at, &err) < 0)
		pass_store_failed(pass, &err);
	return at;
}

void pass_read_policy(struct pass *pass, struct reap_item *item)
{
	struct reap_policy *policy = &item->facts.policy;
	struct error err = ERROR_INIT;

	item->facts.instance = &item->instance;
	if (reap_policy_read(&item->instance, policy, &err) < 0) {
		/* The tag that cannot be read may be the one that keeps it. */
		policy->idle_s = 0;
		pass_trouble(pass, item, err.message);
	}
	item->facts.time_limit = pass->fleet->ops->time_limit;
	item->facts.off_bills = pass->fleet->ops->off_bills;
	/* What a stopped one costs is not its price times its time. */
	if (item->facts.off_bills == OFF_BILLS_DISK &&
	    (item->instance.state == INSTANCE_STOPPED || item->instance.state == INSTANCE_STOPPING))
		policy->budget = 0;
}

static void price(struct pass *pass, struct reap_item *item)
{
	struct spent spent;

	item->facts.cost = item->facts.rate = MONEY_UNKNOWN;
	if (!item->facts.policy.budget)
		return;
	spent_work_out(pass->fleet, &item->instance, item->facts.now, true, &item->cost, &spent);
	item->facts.cost = spent.most;
	item->facts.unsure = spent.most - spent.least;
	item->facts.rate = item->cost.price;
}

/* One question for each type of a region, whatever the number of instances. */
static void price_all(struct pass *pass)
{
	struct reap_report *report = pass->report;
	struct cost_want *wants = xcalloc(report->nr + 1, sizeof(*wants));
	size_t n = 0;

	for (size_t i = 0; i < report->nr; i++)
		if (report->v[i].facts.policy.budget)
			wants[n++] = (struct cost_want){ NULL, &report->v[i].instance,
							 report->v[i].facts.now };
	pass->fleet->ahead = cost_ahead_ask(pass->fleet, wants, n);
	for (size_t i = 0; i < report->nr; i++)
		price(pass, &report->v[i]);
	cost_ahead_free(pass->fleet->ahead);
	pass->fleet->ahead = NULL;
	free(wants);
}

static void prepare(struct pass *pass, struct reap_item *item)
{
	const struct instance *instance = &item->instance;

	item->facts.now = look_now(pass->fleet, pass->fleet->provider, instance->region);
	item->facts.period_s = pass->options->period_s;
	item->facts.warned = pass_marked(pass, instance, IDLE_MARK_IDLE);
	item->facts.warned_budget = pass_marked(pass, instance, IDLE_MARK_BUDGET);
	pass_read_policy(pass, item);
}

/* Only where something hangs on what would be seen. */
static bool wants_look(const struct reap_item *item)
{
	const struct reap_policy *policy = &item->facts.policy;

	return item->instance.state == INSTANCE_RUNNING && policy->idle_s && !policy->protected &&
	       (!policy->expires || policy->expires > item->facts.now);
}

static void look(struct pass *pass)
{
	struct reap_report *report = pass->report;
	size_t n = 0;

	report->looks = xcalloc(report->nr + 1, sizeof(*report->looks));
	for (size_t i = 0; i < report->nr; i++) {
		if (!wants_look(&report->v[i]))
			continue;
		report->looks[n].instance = &report->v[i].instance;
		report->looks[n].admit = !pass->options->dry_run;
		report->v[i].look = &report->looks[n++];
	}
	look_all(pass->fleet, report->looks, n);
	for (size_t i = 0; i < report->nr; i++)
		if (report->v[i].look)
			memcpy(report->v[i].admitted, report->v[i].look->admitted,
			       sizeof(report->v[i].admitted));
}

/* The machine counts down by itself. Where it would live on past what the tag says, or end before a
 * hold does, the tag is what was meant. */
static void compare_limits(struct reap_item *item)
{
	const struct reap_policy *policy = &item->facts.policy;
	const struct probe *probe = &item->look->probe;

	if (!item->look->reached || probe->ttl_left_s == PROBE_UNKNOWN || !policy->expires)
		return;
	int64_t end = probe->taken + probe->ttl_left_s;
	int64_t left = policy->expires - item->facts.now;
	if (left < LIMIT_SLACK_S)
		return;
	if (end > policy->expires + LIMIT_SLACK_S ||
	    (policy->hold > end + LIMIT_SLACK_S && policy->expires > end + LIMIT_SLACK_S)) {
		item->limit_s = left;
		item->limit_was = end;
	}
}

static void judge(struct pass *pass, struct reap_item *item)
{
	int64_t window = item->facts.policy.idle_s;
	struct error err = ERROR_INIT;

	if (pass->store && !pass->options->dry_run &&
	    look_keep(pass->store, pass->scope, item->look, window, &err) < 0)
		pass_store_failed(pass, &err);
	if (look_judge(pass->store, pass->scope, item->look, window, item->look->probe.taken,
		       &item->judgement, &err) < 0) {
		pass_store_failed(pass, &err);
		return;
	}
	item->facts.idle = &item->judgement;
	pass_tell_unknown(pass, item);
	compare_limits(item);
}

/* Once it works again, a warning of before means nothing. */
static void forget_warning(struct pass *pass, struct reap_item *item)
{
	const struct idle_judgement *idle = item->facts.idle;

	if (item->facts.warned && idle && idle->verdict != IDLE_IDLE) {
		pass_mark(pass, &item->instance, IDLE_MARK_IDLE, 0);
		item->facts.warned = 0;
	}
}

static void decide(struct pass *pass, struct reap_item *item)
{
	reap_decide(&item->facts, &item->decision);
	if (item->instance.policy_unknown && item->decision.verdict == REAP_UNKNOWN)
		pass_tell_policy_unknown(pass, item);
	if (item->decision.verdict == REAP_UNKNOWN && item->instance.state == INSTANCE_RUNNING)
		pass_trouble(pass, item, item->decision.reason);
	if (item->decision.by_hand)
		pass_tell_stopped(pass, item);
	if (item->facts.idle && item->facts.idle->verdict == IDLE_IDLE &&
	    item->decision.verdict == REAP_KEEP && item->facts.warned &&
	    item->facts.policy.hold > item->facts.now) {
		/* Held: it is warned anew once that is over. */
		pass_mark(pass, &item->instance, IDLE_MARK_IDLE, 0);
		item->facts.warned = 0;
	}
}

/* It runs, and carries that very mark. */
static bool still_runs_marked(struct pass *pass, const struct instance *before, const char *key)
{
	const struct instance_query query = {
		.regions = &before->region, .nr_regions = 1, .ids = &before->id, .nr_ids = 1
	};
	const char *mark = instance_tag(before, key);
	struct instance_list list = { 0 };
	struct error ignored = ERROR_INIT;

	if (fleet_instances(pass->fleet, &query, &list, &ignored) < 0)
		return false;
	bool same = list.nr == 1 && list.v[0].state == INSTANCE_RUNNING && mark &&
		    instance_tag(&list.v[0], key) &&
		    strcmp(instance_tag(&list.v[0], key), mark) == 0;
	instance_list_release(&list);
	return same;
}

/* Tags of the time before: one that runs was not left stopped. A mark of a moment ago may be that of
 * another computer's reap, which is about to stop it: without it, its disks would bill for ever. */
static void clear_mark(struct pass *pass, struct reap_item *item, const char *key, int64_t since)
{
	const struct tag tag = { key, "0" };
	struct error err = ERROR_INIT;

	if (!since || item->instance.state != INSTANCE_RUNNING || pass->options->dry_run ||
	    item->facts.now - since < SETTLED_S || !still_runs_marked(pass, &item->instance, key))
		return;
	if (fleet_tag(pass->fleet, &item->instance, &tag, &err) < 0)
		pass_trouble(pass, item, err.message);
}

static int run(struct pass *pass, struct error *err)
{
	struct reap_report *report = pass->report;
	struct error why = ERROR_INIT;

	if (pass_find(pass, err) < 0)
		return -1;
	if (!report->nr && !report->others_overdue)
		return 0;
	if (fleet_scope(pass->fleet, pass->scope, err) < 0)
		return -1;
	if (!report->nr) {
		pass_tell_others(pass);
		return 0;
	}
	if (idle_store_open(pass->fleet->paths->state, &report->store_set_aside, &pass->store,
			    &why) < 0)
		pass_store_failed(pass, &why);
	for (size_t i = 0; i < report->nr; i++)
		prepare(pass, &report->v[i]);
	price_all(pass);
	look(pass);
	for (size_t i = 0; i < report->nr; i++) {
		struct reap_item *item = &report->v[i];

		if (item->look)
			judge(pass, item);
		forget_warning(pass, item);
		decide(pass, item);
		clear_mark(pass, item, TAG_STOPPED, item->facts.policy.stopped);
		clear_mark(pass, item, TAG_RESTED, item->facts.policy.rested);
		pass_forget_trouble(pass, item);
	}
	if (pass->options->dry_run)
		return 0;
	pass_check_again(pass);
	pass_visit(pass);
	pass_stop(pass);
	return pass_terminate(pass, err);
}

int reap_pass(struct fleet *fleet, const struct reap_options *options,
	      const struct reap_events *events, struct reap_report *ret, struct error *err)
{
	struct pass pass = { .fleet = fleet, .options = options, .events = events, .report = ret };

	memset(ret, 0, sizeof(*ret));
	int rc = run(&pass, err);
	idle_store_close(pass.store);
	if (rc < 0)
		reap_report_release(ret);
	return rc;
}
