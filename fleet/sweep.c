/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/text.h"
#include "fleet/labels.h"
#include "fleet/reap.h"
#include "fleet/remembered.h"
#include "fleet/sweep_internal.h"

const char *sweep_verdict_name(enum sweep_verdict verdict)
{
	static const char *const names[] = {
		[SWEEP_ORPHANED] = "orphaned", [SWEEP_EXPIRED] = "expired",
		[SWEEP_YOUNG] = "young",       [SWEEP_KEPT] = "kept",
		[SWEEP_STOPPED] = "stopped",   [SWEEP_FOREIGN] = "foreign",
		[SWEEP_UNKNOWN] = "unknown",
	};

	return names[verdict];
}

const char *sweep_kind_name(const struct sweep_thing *thing)
{
	return thing->instance ? "instance" : leftover_kind_name(thing->thing.kind);
}

void sweep_release(struct sweep *sweep)
{
	instance_list_release(&sweep->instances);
	leftover_list_release(&sweep->leftovers);
	arena_release(&sweep->arena);
	memset(sweep, 0, sizeof(*sweep));
}

/* --- asking -------------------------------------------------------------------------------- */

static void add_failures(struct sweep *sweep, const struct region_failure *failures, size_t nr)
{
	struct region_failure *all =
		arena_alloc(&sweep->arena, (sweep->nr_failures + nr + 1) * sizeof(*all));

	for (size_t i = 0; i < sweep->nr_failures; i++)
		all[i] = sweep->failures[i];
	for (size_t i = 0; i < nr; i++)
		all[sweep->nr_failures + i] = failures[i];
	sweep->failures = all;
	sweep->nr_failures += nr;
}

/* What is left over is asked for first: an instance that appears in between is then seen. */
static int ask(struct fleet *fleet, const struct sweep_options *options, struct sweep *sweep,
	       struct error *err)
{
	const struct leftover_query leftovers = { .regions = options->regions,
						  .nr_regions = options->nr_regions };
	const struct instance_query instances = { .regions = options->regions,
						  .nr_regions = options->nr_regions,
						  .with_gone = true };
	const struct remembered_query remembered = { .regions = options->regions,
						     .nr_regions = options->nr_regions };
	struct error ignored = ERROR_INIT;

	if ((fleet->ops->caps & PROVIDER_CAP_LEFTOVERS) &&
	    fleet->ops->leftovers(fleet->provider, &leftovers, &sweep->leftovers, err) < 0)
		return -1;
	if (fleet_instances(fleet, &instances, &sweep->instances, err) < 0)
		return -1;
	/* New and not listed yet; the grace time covers it where there is no journal. */
	remembered_add(fleet, &remembered, &sweep->instances, &ignored);
	add_failures(sweep, sweep->instances.failures, sweep->instances.nr_failures);
	add_failures(sweep, sweep->leftovers.failures, sweep->leftovers.nr_failures);
	return 0;
}

/* By the cloud's clock: with ours a day ahead, all that is new would look old. */
int sweep_now(struct fleet *fleet, int64_t *ret, struct error *err)
{
	struct account account = { 0 };

	if (fleet->ops->account(fleet->provider, &account, err) < 0)
		return -1;
	*ret = clock_now(fleet->clock) + account.skew_ms / 1000;
	account_release(&account);
	return 0;
}

/* --- judging ------------------------------------------------------------------------------- */

struct judge {
	struct fleet *fleet;
	const struct sweep_options *options;
	struct sweep *sweep;
	struct sweep_launches launches;
	int64_t now;
	size_t cap;
};

static bool is_ours(const struct fleet *fleet, const struct sweep_options *options,
		    const char *owner)
{
	return options->all_owners || strcmp(owner, fleet->owner) == 0;
}

bool sweep_counts(const struct sweep_options *options, enum sweep_verdict verdict)
{
	return verdict == SWEEP_ORPHANED || verdict == SWEEP_EXPIRED ||
	       (verdict == SWEEP_KEPT && options->images) ||
	       (verdict == SWEEP_STOPPED && options->stopped);
}

static void add(struct judge *judge, struct sweep_thing thing)
{
	struct sweep *sweep = judge->sweep;

	thing.counted = sweep_counts(judge->options, thing.verdict);
	sweep->v = arena_grow(&sweep->arena, sweep->v, sweep->nr, &judge->cap, sizeof(*sweep->v));
	sweep->v[sweep->nr++] = thing;
}

/* Where clocks differ by a little, it is new. */
static int64_t passed(int64_t since, int64_t now)
{
	return now > since ? now - since : 0;
}

static bool is_young(const struct sweep_options *options, int64_t age)
{
	return age >= 0 && age < options->grace_s;
}

/* Its own limit leaves it off on such a cloud, and billing: only a person's stop, where that saves
 * something, is one on purpose. */
static bool rests(const struct fleet *fleet, const struct instance *instance,
		  const struct reap_policy *policy)
{
	if (instance->state != INSTANCE_STOPPED && instance->state != INSTANCE_STOPPING)
		return false;
	return fleet->ops->off_bills == OFF_BILLS_DISK &&
	       (fleet->ops->time_limit == TIME_LIMIT_ENDS || policy->rested || policy->stopped);
}

/* It runs or rests past its limit. That a tag was over before it started (a copy of another's tags, a
 * start after a long rest) does not make it old. */
static enum sweep_verdict verdict_of_expired(const struct fleet *fleet,
					     const struct sweep_options *options,
					     const struct instance *instance,
					     const struct reap_policy *policy, int64_t age)
{
	/* --grace 0 is the user's word that nothing is being made. */
	if (age < 0 && options->grace_s > 0)
		return SWEEP_UNKNOWN;
	if (is_young(options, age))
		return SWEEP_YOUNG;
	if (!is_ours(fleet, options, instance->owner))
		return SWEEP_FOREIGN;
	return rests(fleet, instance, policy) ? SWEEP_STOPPED : SWEEP_EXPIRED;
}

/* One that has no limit, or is protected, is nobody's leftover; where a tag cannot be read, it may be
 * the one that keeps it. */
bool sweep_judge_instance(const struct fleet *fleet, const struct sweep_options *options,
			  int64_t now, const struct instance *instance, struct sweep_thing *ret)
{
	bool dated = instance->launched > 0 && !sweep_time_is_odd(instance->launched, now);
	struct error unread = ERROR_INIT;
	struct reap_policy policy;
	bool readable = reap_policy_read(instance, &policy, &unread) == 0;
	int64_t expires = policy.expires ? policy.expires : instance->expires;

	if (instance->state == INSTANCE_GONE || instance->state == INSTANCE_ENDING ||
	    policy.protected)
		return false;
	*ret = (struct sweep_thing){
		.thing = { .provider = instance->provider,
			   .region = instance->region,
			   .id = instance->id,
			   .launch_id = instance->launch_id,
			   .name = instance->name,
			   .owner = instance->owner,
			   .attached = "",
			   .created = instance->launched,
			   .price = MONEY_UNKNOWN },
		.instance = instance,
		.age_s = dated ? passed(instance->launched, now) : -1,
	};
	/* Of others' nothing is known on such a cloud, and nothing need be. */
	if (instance->policy_unknown) {
		ret->verdict = SWEEP_UNKNOWN;
		return is_ours(fleet, options, instance->owner);
	}
	if (expires ? now <= expires + options->grace_s : readable)
		return false;
	ret->verdict = readable ? verdict_of_expired(fleet, options, instance, &policy, ret->age_s)
				: SWEEP_UNKNOWN;
	return true;
}

/* Which instances there are is not known in a region that did not answer for them. */
static bool is_blind(const struct judge *judge, const char *region)
{
	const struct instance_list *list = &judge->sweep->instances;

	for (size_t i = 0; i < list->nr_failures; i++)
		if (strcmp(list->failures[i].region, region) == 0)
			return true;
	return false;
}

static int64_t age_of(const struct judge *judge, const struct leftover *leftover,
		      const struct sweep_launch *launch)
{
	int64_t since = leftover->created;

	if ((launch && launch->odd) || sweep_time_is_odd(since, judge->now))
		return -1;
	if (launch && launch->newest > since)
		since = launch->newest;
	return since > 0 ? passed(since, judge->now) : -1;
}

static enum sweep_verdict verdict_of(const struct judge *judge, const struct leftover *leftover,
				     const struct sweep_launch *launch, int64_t age)
{
	bool image = leftover->kind == LEFTOVER_IMAGE || leftover->kind == LEFTOVER_SNAPSHOT;

	if (is_blind(judge, leftover->region))
		return SWEEP_UNKNOWN;
	if (!launch || !launch->ended) {
		/* --grace 0 is the user's word that nothing is being made. */
		if (age < 0 && judge->options->grace_s > 0)
			return SWEEP_UNKNOWN;
		if ((launch && launch->making) || is_young(judge->options, age))
			return SWEEP_YOUNG;
	}
	if (!is_ours(judge->fleet, judge->options, leftover->owner))
		return SWEEP_FOREIGN;
	return image ? SWEEP_KEPT : SWEEP_ORPHANED;
}

/* What hangs on an instance goes, or stays, with it, whoever's that is. */
static void judge_leftover(struct judge *judge, const struct leftover *leftover)
{
	const struct sweep_launch *launch =
		sweep_launch_find(&judge->launches, leftover->launch_id);
	int64_t age = age_of(judge, leftover, launch);
	int64_t created = sweep_time_is_odd(leftover->created, judge->now) ? 0 : leftover->created;

	if ((launch && launch->alive) ||
	    (leftover->attached[0] && leftover->kind != LEFTOVER_SNAPSHOT))
		return;
	add(judge, (struct sweep_thing){
			   .thing = *leftover,
			   .verdict = verdict_of(judge, leftover, launch, age),
			   .age_s = created > 0 ? passed(created, judge->now) : age,
		   });
}

/* Instances first; within a kind the provider's order stays. */
static int in_order(const void *a, const void *b)
{
	const struct sweep_thing *x = a, *y = b;
	int order = (y->instance != NULL) - (x->instance != NULL);

	if (order == 0)
		order = (int)x->thing.kind - (int)y->thing.kind;
	if (order == 0)
		order = strcmp(x->thing.region, y->thing.region);
	return order ? order : strcmp(x->thing.id, y->thing.id);
}

static void add_up(struct sweep *sweep)
{
	for (size_t i = 0; i < sweep->nr; i++) {
		const struct sweep_thing *thing = &sweep->v[i];

		sweep->counted += thing->counted;
		if (thing->counted && thing->thing.price != MONEY_UNKNOWN)
			sweep->price += thing->thing.price;
	}
}

int sweep_look_after(struct fleet *fleet, const struct sweep_options *options,
		     const char *const *ended, size_t nr_ended, struct sweep *ret,
		     struct error *err)
{
	struct sweep sweep = { 0 };
	struct judge judge = { .fleet = fleet, .options = options, .sweep = &sweep };
	struct sweep_thing thing;

	if (sweep_now(fleet, &judge.now, err) < 0 || ask(fleet, options, &sweep, err) < 0) {
		sweep_release(&sweep);
		return -1;
	}
	sweep_launches_collect(fleet, &sweep, judge.now, ended, nr_ended, &judge.launches);
	for (size_t i = 0; i < sweep.instances.nr; i++)
		if (sweep_judge_instance(fleet, options, judge.now, &sweep.instances.v[i], &thing))
			add(&judge, thing);
	for (size_t i = 0; i < sweep.leftovers.nr; i++)
		judge_leftover(&judge, &sweep.leftovers.v[i]);
	if (sweep.nr)
		qsort(sweep.v, sweep.nr, sizeof(*sweep.v), in_order);
	sweep_price(fleet, &sweep, judge.now);
	add_up(&sweep);
	*ret = sweep;
	return 0;
}

int sweep_look(struct fleet *fleet, const struct sweep_options *options, struct sweep *ret,
	       struct error *err)
{
	return sweep_look_after(fleet, options, NULL, 0, ret, err);
}
