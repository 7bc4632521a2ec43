/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launch whose answer was never kept, on a cloud that would make a second instance of the same
 * request: it is never sent again. Until the first one would long have shown, it is waited for.
 */
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "fleet/hostkeys.h"
#include "fleet/journal.h"
#include "fleet/labels.h"
#include "fleet/launch_internal.h"
#include "fleet/look.h"
#include "fleet/recover.h"

#define POLL_FIRST_MS 2000
#define POLL_MAX_MS   15000

/* The attempt of before. */
struct earlier {
	struct fleet *fleet;
	const struct launch_plan *plan;
	const struct launch_options *options;
	const struct launch_resume *resume;
};

static int claim(const struct earlier *earlier, struct error *err)
{
	int claimed = journal_claim(earlier->fleet->journal, earlier->resume->launch_id, err);

	if (claimed)
		return claimed < 0 ? -1 : 0;
	error_set(err, ERROR_CONFLICT, "another gpucloud is launching '%s' right now",
		  earlier->options->name);
	return error_hint(err, "gpucloud list");
}

/* Under its name there shall be what was asked for now. */
static int check(const struct earlier *earlier, const struct instance *instance, struct error *err)
{
	if (strcmp(instance->type, earlier->plan->offer.type) == 0)
		return 0;
	error_set(err, ERROR_CONFLICT,
		  "the interrupted launch of '%s' had made %s, of type %s: it is kept",
		  earlier->options->name, instance->id, instance->type);
	return error_hint(err, "gpucloud terminate %s, or use another --name",
			  fleet_target(earlier->fleet, instance));
}

static int take(const struct earlier *earlier, struct instance_list *list,
		struct launch_outcome *ret, struct error *err)
{
	struct journal *journal = earlier->fleet->journal;
	const struct launch_resume *resume = earlier->resume;
	const struct instance instance = list->v[0];

	if (journal_made(journal, resume->launch_id, instance.id, instance.zone.name, err) < 0 ||
	    check(earlier, &instance, err) < 0)
		return -1;
	*ret = (struct launch_outcome){
		.made = { .arena = list->arena,
			  .instance = instance,
			  .image = instance.image,
			  .image_name = "" },
		.price = resume->attempt.price,
		.quoted = resume->attempt.price,
	};
	memset(list, 0, sizeof(*list));
	ret->launch_id = arena_strdup(&ret->made.arena, resume->launch_id);
	ret->name = arena_strdup(&ret->made.arena, earlier->options->name);
	launch_learn_price(earlier->fleet, ret);
	return 1;
}

/* 1: it is there; 0: not seen; -1: nobody could say, or it will not do. */
static int look(const struct earlier *earlier, struct launch_outcome *ret, struct error *err)
{
	struct instance_list list = { 0 };
	const struct instance_query query = {
		.regions = &earlier->resume->attempt.region,
		.nr_regions = 1,
		.launch_id = earlier->resume->launch_id,
	};
	int rc = fleet_instances(earlier->fleet, &query, &list, err);

	if (rc == 0 && list.nr) {
		rc = take(earlier, &list, ret, err);
	} else if (rc == 0 && list.nr_failures) {
		*err = list.failures[0].err;
		rc = -1;
	}
	instance_list_release(&list);
	return rc;
}

/* Of the time in which it may yet show, what is left. By the cloud's clock; one that went back makes
 * nothing old, but what was waited here has passed. */
static int64_t left_s(const struct earlier *earlier, int64_t start_ms)
{
	struct fleet *fleet = earlier->fleet;
	const struct attempt_row *attempt = &earlier->resume->attempt;
	int64_t waited = (clock_mono_ms(fleet->clock) - start_ms) / 1000;
	int64_t age = look_now(fleet, fleet->provider, attempt->region) - attempt->began;

	if (age < waited)
		age = waited;
	return age < RECOVER_VISIBLE_S ? RECOVER_VISIBLE_S - age : 0;
}

static int wait_for_it(const struct earlier *earlier, const struct launch_events *events,
		       struct launch_outcome *ret, struct error *err)
{
	struct fleet *fleet = earlier->fleet;
	int64_t start = clock_mono_ms(fleet->clock), pause = POLL_FIRST_MS;
	int unseen = 0; /* listings without it, after its time */

	for (;;) {
		int64_t left = left_s(earlier, start);
		int rc = look(earlier, ret, err);

		if (rc)
			return rc;
		if (left == 0 && ++unseen == 2)
			return 0;
		if (left && events->looking)
			events->looking(events->ctx, earlier->options->name, left);
		if (clock_sleep_ms(fleet->clock, left ? pause : RECOVER_AGAIN_MS) < 0)
			return error_set(err, ERROR_CANCELLED, "interrupted");
		pause = pause * 3 / 2 > POLL_MAX_MS ? POLL_MAX_MS : pause * 3 / 2;
	}
}

/* Nothing was made and nothing can come any more. */
static int undo(const struct earlier *earlier, struct error *err)
{
	struct fleet *fleet = earlier->fleet;
	const struct launch_resume *resume = earlier->resume;
	struct release_result result = { 0 };

	if (fleet->ops->release(fleet->provider, resume->attempt.region, resume->launch_id, &result,
				err) < 0)
		return -1;
	if (result.left)
		return error_set(err, ERROR_REMOTE, "%u things could not be removed yet",
				 result.left);
	hostkeys_forget(fleet->paths, resume->launch_id, NULL);
	return journal_finish(fleet->journal, resume->launch_id, LAUNCH_FAILED, err);
}

int launch_await_earlier(struct fleet *fleet, const struct launch_plan *plan,
			 const struct launch_options *options, const struct launch_events *events,
			 struct launch_outcome *ret, struct error *err)
{
	const struct earlier earlier = { fleet, plan, options, options->resume };

	if (claim(&earlier, err) < 0)
		return -1;
	int rc = wait_for_it(&earlier, events, ret, err);
	if (rc == 0)
		rc = undo(&earlier, err);
	journal_unclaim(fleet->journal, options->resume->launch_id);
	if (rc < 0 && err->kind != ERROR_CONFLICT) {
		error_prefix(err,
			     "whether an interrupted launch of '%s' made an instance is not known",
			     options->name);
		error_hint(err, "repeat the command: it looks again first; or use another --name");
	}
	return rc;
}
