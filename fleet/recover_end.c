/* SPDX-License-Identifier: Apache-2.0 */
/* Ends that were interrupted: seen through, where the cloud says how far they got. */
#include <stdio.h>
#include <string.h>

#include "fleet/hostkeys.h"
#include "fleet/journal.h"
#include "fleet/look.h"
#include "fleet/recover_internal.h"

/* The cloud says it is gone: what belonged to it goes too. */
static int finish_end(const struct recovery *recovery, struct error *err)
{
	struct fleet *fleet = recovery->fleet;
	const struct launch_row *row = recovery->row;
	struct release_result result = { 0 };

	if (fleet->ops->release(fleet->provider, row->region, row->id, &result, err) < 0)
		return -1;
	if (result.left)
		return error_set(err, ERROR_REMOTE, "%u things could not be removed yet",
				 result.left);
	hostkeys_forget(fleet->paths, row->id, row->instance);
	if (journal_end_settled(fleet->journal, row->id, true, err) < 0 ||
	    journal_finish(fleet->journal, row->id, LAUNCH_ENDED, err) < 0)
		return -1;
	recover_tell(recovery, "'%s' (%s) has ended, as an interrupted command wanted: cleaned up",
		     row->name, row->instance);
	return 0;
}

/* Gone: so the cloud says, or it does not list it any more, and would. */
static bool is_over(const struct recovery *recovery, const struct instance_list *list)
{
	struct fleet *fleet = recovery->fleet;
	const struct launch_row *row = recovery->row;

	if (list->nr_failures)
		return false;
	if (list->nr)
		return list->v[0].state == INSTANCE_GONE;
	return ((fleet->ops->caps & PROVIDER_CAP_FORGETS) && row->listed) ||
	       look_now(fleet, fleet->provider, row->region) - row->began >= RECOVER_VISIBLE_S;
}

static bool is_down(const struct instance *instance)
{
	return instance->state == INSTANCE_STOPPING || instance->state == INSTANCE_STOPPED;
}

/* It rests between the stop and the end, which a cloud may want one after the other: a person asked for
 * the end of just that one, so the next step is asked for. */
static int go_on(const struct recovery *recovery, const struct instance *instance,
		 struct error *err)
{
	struct fleet *fleet = recovery->fleet;
	const struct launch_row *row = recovery->row;
	struct instance_list list = { 0 };

	if (fleet->ops->terminate(fleet->provider, instance->region, instance->id, err) < 0 ||
	    recover_find(recovery, &list, err) < 0)
		return -1;
	bool gone = is_over(recovery, &list);
	enum instance_state state = list.nr ? list.v[0].state : INSTANCE_GONE;
	instance_list_release(&list);
	recover_tell(recovery,
		     "the end of '%s' (%s) was interrupted while it was %s: asked for again%s%s",
		     row->name, row->instance, instance_state_name(instance->state),
		     gone ? "" : "; it is ", gone ? "" : instance_state_name(state));
	return gone ? finish_end(recovery, err) : 0;
}

/* Asked for, and it runs as if nobody had. */
static int never_got_through(const struct recovery *recovery, const struct instance *instance,
			     struct error *err)
{
	struct fleet *fleet = recovery->fleet;

	recover_tell(recovery,
		     "the end of '%s' (%s) was interrupted before it got through: it is %s; end it "
		     "with: gpucloud terminate %s",
		     recovery->row->name, instance->id, instance_state_name(instance->state),
		     fleet_target(fleet, instance));
	return journal_end_settled(fleet->journal, recovery->row->id, false, err);
}

static int settle_end(const struct recovery *recovery, int64_t began, struct error *err)
{
	struct fleet *fleet = recovery->fleet;
	struct instance_list list = { 0 };
	int rc = 0;

	if (recover_find(recovery, &list, err) < 0)
		return -1;
	int64_t now = look_now(fleet, fleet->provider, recovery->row->region);
	const struct instance *instance = list.nr ? &list.v[0] : NULL;
	if (list.nr_failures) {
		*err = list.failures[0].err;
		rc = -1;
	} else if (is_over(recovery, &list)) {
		rc = finish_end(recovery, err);
	} else if (instance && is_down(instance) &&
		   strcmp(instance->id, recovery->row->instance) == 0) {
		rc = go_on(recovery, instance, err);
	} else if (instance && instance->state != INSTANCE_ENDING &&
		   (now < began || now - began >= RECOVER_END_S)) {
		rc = never_got_through(recovery, instance, err);
	}
	instance_list_release(&list);
	return rc;
}

static void recover_end(struct fleet *fleet, const struct launch_row *row, int64_t began,
			recover_told_fn told, void *ctx)
{
	const struct recovery recovery = { fleet, row, told, ctx };
	struct error err = ERROR_INIT;

	if (journal_claim(fleet->journal, row->id, &err) != 1)
		return; /* somebody is ending it right now */
	if (settle_end(&recovery, began, &err) < 0)
		recover_tell(&recovery, "an interrupted end of '%s' could not be looked at: %s",
			     row->name, err.message);
	journal_unclaim(fleet->journal, row->id);
}

void recover_ends(struct fleet *fleet, recover_told_fn told, void *ctx)
{
	char scope[FLEET_SCOPE_MAX] = "";
	struct arena arena = { 0 };
	struct error err = ERROR_INIT;
	struct end_row *ends;
	size_t nr;

	if (journal_endings(fleet->journal, &arena, &ends, &nr, &err) < 0 || !nr ||
	    fleet_scope(fleet, scope, &err) < 0)
		nr = 0;
	for (size_t i = 0; i < nr; i++) {
		const struct launch_filter one = { .id = ends[i].launch_id };
		struct launch_rows rows = { 0 };

		if (journal_all(fleet->journal, &one, &rows, &err) == 0 && rows.nr &&
		    strcmp(rows.v[0].provider, fleet->ops->name) == 0 &&
		    strcmp(rows.v[0].account, scope) == 0)
			recover_end(fleet, &rows.v[0], ends[i].began, told, ctx);
		launch_rows_release(&rows);
	}
	arena_release(&arena);
}
