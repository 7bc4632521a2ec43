/* SPDX-License-Identifier: Apache-2.0 */
/* Who there is, what its policy is, what is seen there, and what that comes to. */
#include "fleet/reaper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "fleet/idle_store.h"
#include "fleet/reaper_internal.h"

#define BOOTING_S     INT64_C(900) /* one that does not answer for so long is no trouble yet */
#define TELL_EVERY_S  INT64_C(86400)
#define LIMIT_SLACK_S INT64_C(120) /* the machine counts from its boot, the tag from the launch */

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

static int64_t marked(struct pass *pass, const struct instance *instance, enum idle_mark mark)
{
	struct error err = ERROR_INIT;
	int64_t at = 0;

	if (pass->store &&
	    idle_store_marked(pass->store, pass->scope, instance->id, mark, &at, &err) < 0)
		pass_store_failed(pass, &err);
	return at;
}

/* Whether it may be touched at all. */
static bool is_ours(const struct pass *pass, const struct instance *instance)
{
	const struct instance_list *list = &pass->report->list;

	if (!instance->launch_id[0] || !instance->owner[0])
		return false;
	if (!pass->options->all_owners && strcmp(instance->owner, pass->fleet->owner) != 0)
		return false;
	if (instance->state == INSTANCE_GONE || instance->state == INSTANCE_ENDING)
		return false;
	/* A region that failed half-way has told some of what it holds. */
	for (size_t i = 0; i < list->nr_failures; i++)
		if (strcmp(list->failures[i].region, instance->region) == 0)
			return false;
	return true;
}

static int find(struct pass *pass, struct error *err)
{
	struct reap_report *report = pass->report;
	struct region_choice choice = pass->options->regions;
	struct instance_query query = { 0 };
	struct arena arena = { 0 };

	choice.all = true;
	if (!pass->options->all_owners)
		query.owner = pass->fleet->owner;
	int rc =
		fleet_regions(pass->fleet, &choice, &arena, &query.regions, &query.nr_regions, err);
	if (rc == 0)
		rc = pass->fleet->ops->instances(pass->fleet->provider, &query, &report->list, err);
	arena_release(&arena);
	if (rc < 0)
		return -1;
	report->v = xcalloc(report->list.nr + 1, sizeof(*report->v));
	for (size_t i = 0; i < report->list.nr; i++)
		if (is_ours(pass, &report->list.v[i]))
			report->v[report->nr++].instance = report->list.v[i];
	return 0;
}

static void trouble(struct pass *pass, struct reap_item *item, const char *text)
{
	int64_t told;

	if (item->trouble[0])
		return;
	snprintf(item->trouble, sizeof(item->trouble), "%.250s", text);
	told = marked(pass, &item->instance, IDLE_MARK_TROUBLE);
	item->tell = !told || item->facts.now - told >= TELL_EVERY_S || told > item->facts.now;
	if (item->tell)
		pass_mark(pass, &item->instance, IDLE_MARK_TROUBLE, item->facts.now);
}

void pass_read_policy(struct pass *pass, struct reap_item *item)
{
	struct reap_policy *policy = &item->facts.policy;
	struct error err = ERROR_INIT;

	item->facts.instance = &item->instance;
	if (reap_policy_read(&item->instance, policy, &err) < 0) {
		/* The tag that cannot be read may be the one that keeps it. */
		policy->idle_s = 0;
		trouble(pass, item, err.message);
	}
	/* What a stopped one costs is not its price times its time. */
	if (item->instance.state == INSTANCE_STOPPED || item->instance.state == INSTANCE_STOPPING)
		policy->budget = 0;
}

static void price(struct pass *pass, struct reap_item *item)
{
	item->facts.cost = item->facts.rate = MONEY_UNKNOWN;
	if (!item->facts.policy.budget)
		return;
	cost_follow(pass->fleet, &item->instance, item->facts.now, &item->cost);
	item->facts.cost = item->cost.total;
	item->facts.rate = item->cost.price;
}

static void prepare(struct pass *pass, struct reap_item *item)
{
	const struct instance *instance = &item->instance;

	item->facts.now = look_now(pass->fleet, pass->fleet->provider, instance->region);
	item->facts.period_s = pass->options->period_s;
	item->facts.warned = marked(pass, instance, IDLE_MARK_IDLE);
	item->facts.warned_budget = marked(pass, instance, IDLE_MARK_BUDGET);
	pass_read_policy(pass, item);
	price(pass, item);
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
		report->v[i].look = &report->looks[n++];
	}
	look_all(pass->fleet, report->looks, n);
}

/* Something that keeps its policy from ever being followed is worth a word. */
static void tell_unknown(struct pass *pass, struct reap_item *item)
{
	const struct idle_judgement *judgement = &item->judgement;
	char text[250];

	if (judgement->verdict != IDLE_UNKNOWN ||
	    item->facts.now - item->instance.launched < BOOTING_S)
		return;
	for (size_t i = 0; i < judgement->nr; i++) {
		if (judgement->facts[i].verdict != IDLE_UNKNOWN)
			continue;
		snprintf(text, sizeof(text), "whether it is idle is not known: %.30s: %.160s",
			 judgement->facts[i].name, judgement->facts[i].value);
		trouble(pass, item, text);
		return;
	}
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
	    (policy->hold > end + LIMIT_SLACK_S && policy->expires > end + LIMIT_SLACK_S))
		item->limit_s = left;
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
	tell_unknown(pass, item);
	compare_limits(item);
}

/* Once it works again, a warning of before means nothing. */
static void forget_warnings(struct pass *pass, struct reap_item *item)
{
	const struct idle_judgement *idle = item->facts.idle;

	if (item->facts.warned && idle && idle->verdict != IDLE_IDLE) {
		pass_mark(pass, &item->instance, IDLE_MARK_IDLE, 0);
		item->facts.warned = 0;
	}
	if (!item->trouble[0] && marked(pass, &item->instance, IDLE_MARK_TROUBLE))
		pass_mark(pass, &item->instance, IDLE_MARK_TROUBLE, 0);
}

static void decide(struct pass *pass, struct reap_item *item)
{
	reap_decide(&item->facts, &item->decision);
	if (item->decision.verdict == REAP_UNKNOWN && item->instance.state == INSTANCE_RUNNING)
		trouble(pass, item, item->decision.reason);
	if (item->facts.idle && item->facts.idle->verdict == IDLE_IDLE &&
	    item->decision.verdict == REAP_KEEP && item->facts.warned &&
	    item->facts.policy.hold > item->facts.now) {
		/* Held: it is warned anew once that is over. */
		pass_mark(pass, &item->instance, IDLE_MARK_IDLE, 0);
		item->facts.warned = 0;
	}
}

/* Tags of the time before: one that runs was not left stopped. */
static void clear_stopped(struct pass *pass, struct reap_item *item)
{
	const struct tag tag = { TAG_STOPPED, "0" };
	struct error err = ERROR_INIT;

	if (!item->facts.policy.stopped || item->instance.state != INSTANCE_RUNNING ||
	    pass->options->dry_run)
		return;
	if (pass->fleet->ops->tag(pass->fleet->provider, item->instance.region, item->instance.id,
				  &tag, &err) < 0)
		trouble(pass, item, err.message);
}

static int run(struct pass *pass, struct error *err)
{
	struct reap_report *report = pass->report;
	struct error why = ERROR_INIT;

	if (find(pass, err) < 0)
		return -1;
	if (!report->nr)
		return 0;
	if (fleet_scope(pass->fleet, pass->scope, err) < 0)
		return -1;
	if (idle_store_open(pass->fleet->paths->state, &report->store_set_aside, &pass->store,
			    &why) < 0)
		pass_store_failed(pass, &why);
	for (size_t i = 0; i < report->nr; i++)
		prepare(pass, &report->v[i]);
	look(pass);
	for (size_t i = 0; i < report->nr; i++) {
		struct reap_item *item = &report->v[i];

		if (item->look)
			judge(pass, item);
		forget_warnings(pass, item);
		decide(pass, item);
		clear_stopped(pass, item);
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
