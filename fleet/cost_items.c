/* SPDX-License-Identifier: Apache-2.0 */
/* Which launches a cost report is about, and what the cloud says of those that may still run. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "fleet/cost_report_internal.h"
#include "fleet/instances.h"
#include "fleet/labels.h"
#include "fleet/look.h"
#include "fleet/recover.h"

void cost_items_release(struct cost_items *items)
{
	for (size_t i = 0; i < items->nr_lists; i++)
		instance_list_release(&items->lists[i]);
	free(items->lists);
	free(items->v);
	launch_rows_release(&items->rows);
	arena_release(&items->arena);
	memset(items, 0, sizeof(*items));
}

static void add_item(struct cost_items *items, const struct launch_row *row)
{
	items->v = xgrow(items->v, items->nr, &items->cap, sizeof(*items->v));
	items->v[items->nr++] = (struct cost_item){ .row = row };
}

static int add_rows(struct fleet *fleet, const struct cost_query *query, const char *scope,
		    struct cost_items *items, struct error *err)
{
	/* Offline no cloud says what its ids look like: the journal is asked for the name first. */
	bool id = query->target && fleet->ops && instance_is_id(fleet, query->target);
	struct launch_filter filter = {
		.name = id ? NULL : query->target,
		.instance = id ? query->target : NULL,
		.until = query->until,
		.made_only = true,
	};

	if (!fleet->journal)
		return 0;
	if (journal_all(fleet->journal, &filter, &items->rows, err) < 0)
		return -1;
	if (query->target && !fleet->ops && !items->rows.nr) {
		filter.instance = query->target;
		filter.name = NULL;
		launch_rows_release(&items->rows);
		if (journal_all(fleet->journal, &filter, &items->rows, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < items->rows.nr; i++) {
		const struct launch_row *row = &items->rows.v[i];
		bool local = strchr(row->account, '@') != NULL;

		if (scope ? strcmp(row->account, scope) == 0 &&
				    strcmp(row->provider, fleet->ops->name) == 0
			  : local == query->local)
			add_item(items, row);
	}
	return 0;
}

static struct instance_list *add_list(struct cost_items *items)
{
	items->lists =
		xgrow(items->lists, items->nr_lists, &items->cap_lists, sizeof(*items->lists));
	items->lists[items->nr_lists] = (struct instance_list){ .nr = 0 };
	return &items->lists[items->nr_lists++];
}

/* Gives each item the instance that the lists hold of it. */
static void match(struct cost_items *items, const struct instance_list *list, bool others)
{
	for (size_t k = 0; k < list->nr; k++) {
		struct cost_item *found = NULL;

		/* Of two rows with one instance the newest is meant: ids come again in a simulator
		 * that was started anew. */
		for (size_t i = items->nr; i > 0 && !found; i--)
			if (items->v[i - 1].row &&
			    strcmp(items->v[i - 1].row->instance, list->v[k].id) == 0)
				found = &items->v[i - 1];
		if (found && !found->instance) {
			found->instance = &list->v[k];
		} else if (!found && others) {
			add_item(items, NULL);
			items->v[items->nr - 1].instance = &list->v[k];
		}
	}
}

/* Everything of this owner, wherever it was launched from. */
static int ask_for_owner(struct fleet *fleet, const struct cost_query *query,
			 struct cost_items *items, struct error *err)
{
	const struct region_choice everywhere = { .all = true };
	struct instance_query asked = { .with_gone = true };

	if (query->target && instance_is_id(fleet, query->target)) {
		asked.ids = &query->target;
		asked.nr_ids = 1;
	} else {
		asked.owner = fleet->owner;
		asked.name = query->target;
	}
	if (fleet_regions(fleet, &everywhere, &items->arena, &asked.regions, &asked.nr_regions,
			  err) < 0)
		return -1;
	struct instance_list *list = add_list(items);
	if (fleet_instances(fleet, &asked, list, err) < 0)
		return -1;
	match(items, list, true);
	return 0;
}

static bool is_missing(const struct cost_item *item, const char *region)
{
	return item->row && !item->instance && item->row->state == LAUNCH_LIVE &&
	       strcmp(item->row->region, region) == 0;
}

/* Live rows that carry another owner's tag by now, or that the cloud has forgotten. */
static void ask_for_missing(struct fleet *fleet, struct cost_items *items, const char *region)
{
	const char **ids = arena_alloc(&items->arena, (items->nr + 1) * sizeof(*ids));
	struct error ignored = ERROR_INIT;
	size_t nr = 0;

	for (size_t i = 0; i < items->nr; i++)
		if (is_missing(&items->v[i], region))
			ids[nr++] = items->v[i].row->instance;
	const struct instance_query asked = {
		.regions = &region,
		.nr_regions = 1,
		.ids = ids,
		.nr_ids = nr,
		.with_gone = true,
	};
	struct instance_list *list = add_list(items);
	if (fleet_instances(fleet, &asked, list, &ignored) < 0 || list->nr_failures)
		return;
	match(items, list, false);
	int64_t now = look_now(fleet, fleet->provider, region);
	for (size_t i = 0; i < items->nr; i++)
		/* New and not shown yet is not gone, but where it was shown before. */
		if (is_missing(&items->v[i], region) &&
		    (now - items->v[i].row->began >= RECOVER_VISIBLE_S ||
		     ((fleet->ops->caps & PROVIDER_CAP_FORGETS) && items->v[i].row->listed)))
			items->v[i].gone_unseen = true;
}

/* One request for each region that has any. */
static void ask_for_all_missing(struct fleet *fleet, struct cost_items *items)
{
	const char **asked = arena_alloc(&items->arena, (items->nr + 1) * sizeof(*asked));
	size_t nr = 0;

	for (size_t i = 0; i < items->nr; i++) {
		const char *region = items->v[i].row ? items->v[i].row->region : "";
		bool known = !is_missing(&items->v[i], region);

		for (size_t k = 0; k < nr && !known; k++)
			known = strcmp(asked[k], region) == 0;
		if (known)
			continue;
		asked[nr++] = region;
		ask_for_missing(fleet, items, region);
	}
}

int cost_items_find(struct fleet *fleet, const struct cost_query *query, struct cost_items *ret,
		    struct error *err)
{
	struct cost_items items = { .nr = 0 };
	char scope[FLEET_SCOPE_MAX];

	if ((query->ask && fleet_scope(fleet, scope, err) < 0) ||
	    add_rows(fleet, query, query->ask ? scope : NULL, &items, err) < 0 ||
	    (query->ask && ask_for_owner(fleet, query, &items, err) < 0)) {
		cost_items_release(&items);
		return -1;
	}
	if (query->ask)
		ask_for_all_missing(fleet, &items);
	*ret = items;
	return 0;
}
