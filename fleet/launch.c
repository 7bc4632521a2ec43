/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/rng.h"
#include "fleet/boot.h"
#include "fleet/cost.h"
#include "fleet/hostkeys.h"
#include "fleet/journal.h"
#include "fleet/labels.h"
#include "fleet/launch_internal.h"
#include "fleet/look.h"
#include "fleet/recover.h"

#define LAUNCH_ID_LEN 26 /* 130 random bits */

void launch_outcome_release(struct launch_outcome *outcome)
{
	launch_result_release(&outcome->made);
	memset(outcome, 0, sizeof(*outcome));
}

/* Everything the attempts of one launch share. */
struct work {
	struct fleet *fleet;
	const struct launch_plan *plan;
	const struct launch_events *events;
	struct launch_request request;
	char launch_id[LAUNCH_ID_LEN + 1];
	char token[LAUNCH_ID_LEN + 8];
	char name[64];
	struct boot boot;
	int64_t began;
	size_t first;	    /* number of the first attempt's token */
	bool first_resumed; /* it repeats one that may have been carried out */
	struct arena arena;
};

static void add_tags(struct work *work, const struct tag *tags, size_t nr)
{
	struct launch_request *request = &work->request;
	struct tag *all;

	if (!nr)
		return;
	all = arena_alloc(&work->arena, (request->nr_tags + nr) * sizeof(*all));
	for (size_t i = 0; i < request->nr_tags + nr; i++)
		all[i] = i < request->nr_tags ? request->tags[i] : tags[i - request->nr_tags];
	request->tags = all;
	request->nr_tags += nr;
}

static int prepare(struct work *work, const struct launch_options *options, struct error *err)
{
	const struct launch_plan *plan = work->plan;
	const char *const *from = NULL;
	size_t nr_from = 0;

	/* Where everybody may connect there is nobody to name. */
	if ((work->fleet->ops->caps & PROVIDER_CAP_GUARD) &&
	    fleet_caller(work->fleet, plan->region, &work->arena, &from, &nr_from, err) < 0)
		return -1;
	if (options->resume)
		snprintf(work->launch_id, sizeof(work->launch_id), "%s",
			 options->resume->launch_id);
	else
		rng_token(work->fleet->rng, work->launch_id, LAUNCH_ID_LEN);
	/* By the cloud's clock: a limit counted by one that is a day off would be over already. */
	work->began = options->resume ? options->resume->began
				      : look_now(work->fleet, work->fleet->provider, plan->region);
	if (options->name)
		snprintf(work->name, sizeof(work->name), "%s", options->name);
	else
		snprintf(work->name, sizeof(work->name), "gpu-%.6s", work->launch_id);
	work->request = (struct launch_request){
		.launch_id = work->launch_id,
		.token = work->token,
		.name = work->name,
		.owner = work->fleet->owner,
		.made = work->began,
		.ttl_s = options->prepared ? options->ttl_s : 0,
		.static_address = options->static_address,
		.region = plan->region,
		.type = plan->offer.type,
		.arch = plan->offer.arch,
		.spot = plan->spot,
		.max_price = plan->capped ? plan->max_price : 0,
		.image = options->image,
		.subnet = options->subnet,
		.ssh_public_key = options->ssh_public_key,
		.ports = options->ports,
		.nr_ports = options->nr_ports,
		.ssh_port = options->ssh_port,
		.from = from,
		.nr_from = nr_from,
		.disk_gib = options->disk_gib,
		.disk_more_gib = options->disk_more_gib,
		.user_data = options->user_data,
		.user_data_len = options->user_data_len,
	};
	add_tags(work, options->tags, options->nr_tags);
	if (!options->prepared)
		return 0;
	if (boot_prepare(work->fleet, work->launch_id, work->began, options->ttl_s,
			 options->resume != NULL, &work->boot, err) < 0)
		return error_prefix(err, "cannot prepare the machine");
	work->request.user_data = work->boot.user_data.data;
	work->request.user_data_len = work->boot.user_data.len;
	add_tags(work, work->boot.tags, work->boot.nr_tags);
	return 0;
}

/* Takes over an interrupted launch: its attempt's zone comes first, and its token is used again. */
static int take_over(struct work *work, const struct launch_resume *resume, struct error *err)
{
	const struct launch_plan *plan = work->plan;
	int claimed = journal_claim(work->fleet->journal, resume->launch_id, err);

	if (claimed < 0)
		return -1;
	if (!claimed) {
		error_set(err, ERROR_CONFLICT, "another gpucloud is launching '%s' right now",
			  work->name);
		return error_hint(err, "gpucloud list");
	}
	for (size_t i = 0; i < plan->nr_order; i++) {
		size_t z = plan->order[i];

		if (strcmp(plan->zones[z].zone.name, resume->attempt.zone) != 0)
			continue;
		memmove(plan->order + 1, plan->order, i * sizeof(*plan->order));
		plan->order[0] = z;
		snprintf(work->token, sizeof(work->token), "%s", resume->attempt.token);
		const char *dash = strrchr(work->token, '-');
		work->first_resumed = true;
		work->first = dash ? (size_t)strtoul(dash + 1, NULL, 10) : 1;
		return 0;
	}
	error_set(
		err, ERROR_CONFLICT,
		"an interrupted launch of '%s' in %s may still bring an instance, and this one is "
		"for another place",
		work->name, resume->attempt.zone);
	return error_hint(err, "repeat the command as it was, or use another --name");
}

/* The account in force is part of the row: another profile's launches are not ours to undo. */
static int begin(struct work *work, const struct launch_resume *resume, struct error *err)
{
	char scope[FLEET_SCOPE_MAX];
	struct fleet *fleet = work->fleet;

	if (fleet_journal(fleet, err) < 0)
		return -1;
	journal_skew(fleet->journal, look_now(fleet, fleet->provider, work->plan->region) -
					     clock_now(fleet->clock));
	if (resume)
		return take_over(work, resume, err);
	if (fleet_scope(fleet, scope, err) < 0)
		return -1;
	const struct launch_row row = {
		.id = work->launch_id,
		.name = work->name,
		.owner = fleet->owner,
		.provider = fleet->ops->name,
		.account = scope,
		.region = work->plan->region,
		.type = work->plan->offer.type,
		.spot = work->plan->spot,
		.on_demand = work->plan->offer.on_demand,
		.began = work->began,
	};
	return journal_begin(fleet->journal, &row, err);
}

/* Nothing was made: take away what was prepared. What cannot be removed now stays open in the
 * journal, and the next command tries again. */
static void undo(struct work *work)
{
	struct fleet *fleet = work->fleet;
	struct release_result result = { 0 };
	struct error err = ERROR_INIT;

	if (fleet->ops->release(fleet->provider, work->plan->region, work->launch_id, &result,
				&err) < 0 ||
	    result.left) {
		log_info("launch", "left open in the journal: %s", err.message);
		return;
	}
	hostkeys_forget(fleet->paths, work->launch_id, NULL);
	if (journal_finish(fleet->journal, work->launch_id, LAUNCH_FAILED, &err) < 0)
		log_info("launch", "%s", err.message);
}

/*
 * The reply never came, or was no reply. Ask for the token a few times: the instance is usually
 * visible within seconds. 1: it is there; 0: not seen, which proves nothing.
 */
static int look_up(struct work *work, struct launch_outcome *ret)
{
	static const int pauses_ms[] = { 0, 1000, 2000, 4000 };
	struct fleet *fleet = work->fleet;

	for (size_t i = 0; i < ARRAY_SIZE(pauses_ms); i++) {
		struct instance_list list = { 0 };
		struct error err = ERROR_INIT;
		const struct instance_query query = {
			.regions = &work->plan->region,
			.nr_regions = 1,
			.token = work->token,
		};

		if (clock_sleep_ms(fleet->clock, pauses_ms[i]) < 0)
			return 0;
		if (fleet_instances(fleet, &query, &list, &err) < 0 || !list.nr) {
			instance_list_release(&list);
			continue;
		}
		ret->made.arena = list.arena; /* the list's strings live on in the outcome */
		ret->made.instance = list.v[0];
		ret->made.image = list.v[0].image;
		ret->made.image_name = "";
		return 1;
	}
	return 0;
}

static void finish_outcome(struct work *work, const struct plan_zone *zone,
			   struct launch_outcome *ret)
{
	ret->launch_id = arena_strdup(&ret->made.arena, work->launch_id);
	ret->name = arena_strdup(&ret->made.arena, work->name);
	ret->price = ret->quoted = zone->now;
}

/* 1: made; 0: this zone will not do, the next may; -1: stop. */
static int attempt(struct work *work, size_t number, struct launch_outcome *ret, struct error *err)
{
	struct fleet *fleet = work->fleet;
	const struct plan_zone *zone = &work->plan->zones[work->plan->order[number]];
	const struct launch_steps steps = journal_steps(fleet->journal);
	struct error ignored = ERROR_INIT;

	snprintf(work->token, sizeof(work->token), "%s-%zu", work->launch_id, work->first + number);
	work->request.zone = zone->zone.name;
	const struct attempt_row row = {
		.token = work->token,
		.region = work->plan->region,
		.zone = zone->zone.name,
		.max_price = work->request.max_price,
		.price = zone->now,
	};
	journal_attempt(fleet->journal, work->launch_id, &row);
	if (work->events->trying)
		work->events->trying(work->events->ctx, &zone->zone);
	if (fleet->ops->launch(fleet->provider, &work->request, &steps, &ret->made, err) == 0) {
		finish_outcome(work, zone, ret);
		return 1;
	}
	if (err->unknown && look_up(work, ret) == 1) {
		finish_outcome(work, zone, ret);
		return journal_made(fleet->journal, work->launch_id, ret->made.instance.id,
				    zone->zone.name, err) < 0
			       ? -1
			       : 1;
	}
	if (err->unknown || (err->kind == ERROR_CONFLICT && work->first_resumed))
		return -1;
	work->first_resumed = false;
	if (journal_attempt_failed(fleet->journal, work->token, &ignored) < 0)
		log_info("launch", "%s", ignored.message);
	if (err->kind != ERROR_CAPACITY && err->kind != ERROR_PRICE)
		return -1;
	if (work->events->passed_over)
		work->events->passed_over(work->events->ctx, &zone->zone, err);
	return 0;
}

/* Every zone was tried: another one is no advice any more. */
static void nowhere(const struct work *work, struct error *err)
{
	error_prefix(err, "no capacity in any of %zu zone%s", work->plan->nr_order,
		     work->plan->nr_order == 1 ? "" : "s");
	error_hint(err, "gpucloud price --all-regions --type %s", work->plan->offer.type);
}

static int make(struct work *work, struct launch_outcome *ret, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < work->plan->nr_order; i++) {
		if (interrupted()) {
			error_set(err, ERROR_CANCELLED, "interrupted; nothing was launched");
			break;
		}
		rc = attempt(work, i, ret, err);
		if (rc)
			break;
	}
	if (rc == 1) {
		/* From now on its runs and prices are kept. */
		cost_launched(work->fleet, &ret->made.instance);
		launch_learn_price(work->fleet, ret);
		journal_unclaim(work->fleet->journal, work->launch_id);
		return 0;
	}
	if (err->kind == ERROR_CONFLICT && work->first_resumed) {
		error_hint(err, "repeat the command as it was, or use another --name");
	} else if (err->unknown) {
		error_prefix(err, "whether an instance was made is not known");
		error_hint(err, "gpucloud list   (it looks again; the name is '%s')", work->name);
	} else {
		undo(work);
		if (rc == 0 && err->kind == ERROR_CAPACITY)
			nowhere(work, err);
	}
	journal_unclaim(work->fleet->journal, work->launch_id);
	return -1;
}

static int make_new(struct fleet *fleet, const struct launch_plan *plan,
		    const struct launch_options *options, const struct launch_events *events,
		    struct launch_outcome *ret, struct error *err)
{
	struct work work = { .fleet = fleet, .plan = plan, .events = events, .first = 1 };
	int rc = -1;

	if (prepare(&work, options, err) == 0 && begin(&work, options->resume, err) == 0 &&
	    labels_intend(fleet, &work.request, err) == 0)
		rc = make(&work, ret, err);
	else if (!options->resume) /* never begun: its host key is of no use to anybody */
		hostkeys_forget(fleet->paths, work.launch_id, NULL);
	boot_release(&work.boot);
	arena_release(&work.arena);
	return rc;
}

int launch_make(struct fleet *fleet, const struct launch_plan *plan,
		const struct launch_options *options, const struct launch_events *events,
		struct launch_outcome *ret, struct error *err)
{
	struct launch_options wanted = *options;
	int earlier = 0;

	if (!plan->nr_order) {
		*err = plan->refusal;
		return -1;
	}
	/* Sent once more, it would be carried out twice. */
	if (options->resume && !(fleet->ops->caps & PROVIDER_CAP_TOKEN)) {
		earlier = launch_await_earlier(fleet, plan, options, events, ret, err);
		wanted.resume = NULL;
	}
	int rc = earlier == 1 ? 0 : -1;
	if (earlier == 0)
		rc = make_new(fleet, plan, &wanted, events, ret, err);
	if (options->name && fleet->journal)
		journal_unclaim_name(fleet->journal, options->name);
	return rc;
}

int launch_rehearse(struct fleet *fleet, const struct launch_plan *plan,
		    const struct launch_options *options, const struct launch_events *events,
		    struct error *err)
{
	struct work work = { .fleet = fleet, .plan = plan, .events = events };
	struct launch_result result = { 0 };
	const struct launch_steps steps = { .ctx = events->ctx, .show = events->request };
	int rc = -1;

	if (!plan->nr_order) {
		*err = plan->refusal;
		return -1;
	}
	if (prepare(&work, options, err) == 0) {
		snprintf(work.token, sizeof(work.token), "%s-1", work.launch_id);
		work.request.zone = plan->zones[plan->order[0]].zone.name;
		work.request.dry_run = true;
		rc = fleet->ops->launch(fleet->provider, &work.request, &steps, &result, err);
	}
	hostkeys_forget(fleet->paths, work.launch_id,
			NULL); /* a rehearsal leaves no secret behind */
	launch_result_release(&result);
	boot_release(&work.boot);
	arena_release(&work.arena);
	return rc;
}
