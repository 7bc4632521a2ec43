/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/remembered.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/text.h"
#include "fleet/journal.h"
#include "fleet/labels.h"
#include "fleet/look.h"
#include "fleet/recover.h"

static struct instance instance_of_row(const struct launch_row *row, struct arena *arena,
				       enum instance_state state)
{
	return (struct instance){
		.provider = arena_strdup(arena, row->provider),
		.region = arena_strdup(arena, row->region),
		.zone = { arena_strdup(arena, row->zone), "" },
		.id = arena_strdup(arena, row->instance),
		.type = arena_strdup(arena, row->type),
		.state = state,
		.reason = "",
		.spot = row->spot,
		.spot_request = "",
		.public_ip = "",
		.private_ip = "",
		.image = "",
		.key_name = "",
		.launched = row->began,
		.name = arena_strdup(arena, row->name),
		.owner = arena_strdup(arena, row->owner),
		.launch_id = arena_strdup(arena, row->id),
		.token = "",
		.hostkey = "",
	};
}

static struct instance copy(const struct instance *from, struct arena *arena)
{
	struct instance to = *from;

	to.provider = arena_strdup(arena, from->provider);
	to.region = arena_strdup(arena, from->region);
	to.zone.name = arena_strdup(arena, from->zone.name);
	to.zone.id = arena_strdup(arena, from->zone.id);
	to.id = arena_strdup(arena, from->id);
	to.type = arena_strdup(arena, from->type);
	to.reason = arena_strdup(arena, from->reason);
	to.spot_request = arena_strdup(arena, from->spot_request);
	to.public_ip = arena_strdup(arena, from->public_ip);
	to.private_ip = arena_strdup(arena, from->private_ip);
	to.image = arena_strdup(arena, from->image);
	to.key_name = arena_strdup(arena, from->key_name);
	to.name = arena_strdup(arena, from->name);
	to.owner = arena_strdup(arena, from->owner);
	to.launch_id = arena_strdup(arena, from->launch_id);
	to.token = arena_strdup(arena, from->token);
	to.hostkey = arena_strdup(arena, from->hostkey);
	struct tag *tags = arena_alloc(arena, (from->nr_tags + 1) * sizeof(*tags));
	for (size_t i = 0; i < from->nr_tags; i++)
		tags[i] = (struct tag){ arena_strdup(arena, from->tags[i].key),
					arena_strdup(arena, from->tags[i].value) };
	to.tags = tags;
	return to;
}

static void append(struct instance_list *list, const struct instance *instance)
{
	struct instance *v = arena_alloc(&list->arena, (list->nr + 1) * sizeof(*v));

	if (list->nr)
		memcpy(v, list->v, list->nr * sizeof(*v));
	v[list->nr] = *instance;
	list->v = v;
	list->nr++;
}

static bool listed(const struct instance_list *list, const char *id)
{
	for (size_t i = 0; i < list->nr; i++)
		if (strcmp(list->v[i].id, id) == 0)
			return true;
	return false;
}

static bool asked_for(const struct remembered_query *query, const struct launch_row *row)
{
	bool region = query->nr_regions == 0;

	for (size_t i = 0; i < query->nr_regions; i++)
		region |= strcmp(query->regions[i], row->region) == 0;
	return region && (!query->name || strcmp(query->name, row->name) == 0) &&
	       (!query->owner || strcmp(query->owner, row->owner) == 0) &&
	       (!query->id || strcmp(query->id, row->instance) == 0);
}

/* What the cloud says of the row's instance now: 1 listed, 0 not, -1 error. */
static int ask(struct fleet *fleet, const struct launch_row *row, struct instance_list *ret,
	       struct error *err)
{
	const struct instance_query query = {
		.regions = &row->region,
		.nr_regions = 1,
		.ids = &row->instance,
		.nr_ids = 1,
		.with_gone = true,
	};

	if (fleet_instances(fleet, &query, ret, err) < 0)
		return -1;
	return ret->nr > 0;
}

/* It was seen before, and the cloud tells of nothing that is gone. */
static bool is_forgotten(const struct fleet *fleet, const struct launch_row *row)
{
	return (fleet->ops->caps & PROVIDER_CAP_FORGETS) && row->listed;
}

static int add_row(struct fleet *fleet, const struct launch_row *row, struct instance_list *list,
		   struct error *err)
{
	struct instance_list seen = { 0 };
	int rc = ask(fleet, row, &seen, err);

	if (rc == 0 && !is_forgotten(fleet, row)) {
		struct instance instance = instance_of_row(row, &list->arena, INSTANCE_PENDING);

		append(list, &instance);
	} else if (rc == 1 && seen.v[0].state != INSTANCE_GONE) {
		/* Listed by id, but not yet by its tags. */
		struct instance instance = copy(&seen.v[0], &list->arena);

		append(list, &instance);
	}
	instance_list_release(&seen);
	return rc < 0 ? -1 : 0;
}

/* The live rows of this journal; none where there is no journal. */
static int live_rows(struct fleet *fleet, const char *name, struct launch_rows *ret,
		     struct error *err)
{
	char *path = xasprintf("%s/journal.db", fleet->paths->state);
	bool there = fleet->journal || access(path, F_OK) == 0;

	free(path);
	if (!there)
		return 0;
	/* One that cannot be opened remembers nothing: the command has said so when it began, and
	 * what runs is found by its tags. */
	if (fleet_journal(fleet, err) < 0) {
		error_clear(err);
		return 0;
	}
	return journal_launches(fleet->journal, LAUNCH_LIVE, name, ret, err);
}

static bool is_ours(struct fleet *fleet, const struct launch_row *row, char scope[FLEET_SCOPE_MAX],
		    struct error *err)
{
	if (!row->instance[0] || strcmp(row->provider, fleet->ops->name) != 0)
		return false;
	if (!scope[0] && fleet_scope(fleet, scope, err) < 0)
		return false;
	return strcmp(row->account, scope) == 0;
}

/* By the cloud's clock; one that went back makes nothing old. */
static bool is_young(struct fleet *fleet, const char *region, int64_t began)
{
	return look_now(fleet, fleet->provider, region) - began < RECOVER_VISIBLE_S;
}

/* Without a row of its own it came from a listing: nothing else knows of it. */
static bool was_listed(struct fleet *fleet, const char *id)
{
	struct launch_rows rows = { 0 };
	struct error ignored = ERROR_INIT;
	bool listed = true;

	if (fleet->journal && journal_find_instance(fleet->journal, id, &rows, &ignored) == 0 &&
	    rows.nr)
		listed = rows.v[0].listed;
	launch_rows_release(&rows);
	return listed;
}

bool remembered_is_new(struct fleet *fleet, const struct instance *instance)
{
	return instance->state == INSTANCE_PENDING &&
	       is_young(fleet, instance->region, instance->launched) &&
	       !((fleet->ops->caps & PROVIDER_CAP_FORGETS) && was_listed(fleet, instance->id));
}

int remembered_add(struct fleet *fleet, const struct remembered_query *query,
		   struct instance_list *list, struct error *err)
{
	struct launch_rows rows = { 0 };
	char scope[FLEET_SCOPE_MAX] = "";
	int rc = live_rows(fleet, query->name, &rows, err);

	for (size_t i = 0; rc == 0 && i < rows.nr; i++) {
		const struct launch_row *row = &rows.v[i];

		if (is_young(fleet, row->region, row->began) && asked_for(query, row) &&
		    !listed(list, row->instance) && is_ours(fleet, row, scope, err))
			rc = add_row(fleet, row, list, err);
	}
	launch_rows_release(&rows);
	return rc;
}

int remembered_by_name(struct fleet *fleet, const char *name, struct instance_list *ret,
		       struct error *err)
{
	struct launch_rows rows = { 0 };
	char scope[FLEET_SCOPE_MAX] = "";
	int rc = live_rows(fleet, name, &rows, err);

	for (size_t i = 0; rc == 0 && ret->nr == 0 && i < rows.nr; i++) {
		const struct launch_row *row = &rows.v[i];

		if (strcmp(row->owner, fleet->owner) != 0 || !is_ours(fleet, row, scope, err))
			continue;
		rc = ask(fleet, row, ret, err);
		if (rc == 0) {
			struct instance gone = instance_of_row(row, &ret->arena, INSTANCE_GONE);

			append(ret, &gone);
		}
		rc = rc < 0 ? -1 : 0;
	}
	launch_rows_release(&rows);
	return rc;
}
