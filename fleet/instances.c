/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/instances.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "fleet/journal.h"
#include "fleet/labels.h"
#include "fleet/remembered.h"

bool instance_is_id(const struct fleet *fleet, const char *text)
{
	return fleet->ops->is_id(text);
}

static bool is_id_anywhere(const char *text)
{
	for (size_t i = 0; providers[i]; i++)
		if (providers[i]->is_id(text))
			return true;
	return false;
}

int instance_check_target(const char *target, struct error *err)
{
	if (text_is_label(target) || is_id_anywhere(target))
		return 0;
	error_set(err, ERROR_USAGE, "'%.80s' is neither an instance's name nor its id", target);
	return error_hint(err, "gpucloud list shows both");
}

/* Where the journal says it is, if it says anything: one region instead of all. */
static bool journal_region(struct fleet *fleet, const char *id, struct arena *arena,
			   const char **ret)
{
	struct launch_rows rows = { 0 };
	struct error ignored = ERROR_INIT;
	bool found = false;

	if (fleet->journal && journal_find_instance(fleet->journal, id, &rows, &ignored) == 0 &&
	    rows.nr) {
		*ret = arena_strdup(arena, rows.v[0].region);
		found = true;
	}
	launch_rows_release(&rows);
	return found;
}

static int query(struct fleet *fleet, const char *target, const struct region_choice *regions,
		 bool with_gone, struct instance_list *ret, struct error *err)
{
	struct arena arena = { 0 };
	struct instance_query query = { .with_gone = with_gone };
	struct region_choice choice = *regions;
	const char *known;
	int rc = -1;

	if (instance_is_id(fleet, target)) {
		query.ids = &target;
		query.nr_ids = 1;
	} else {
		query.name = target;
		query.owner = fleet->owner;
	}
	if (!choice.nr_named && instance_is_id(fleet, target) &&
	    journal_region(fleet, target, &arena, &known)) {
		choice.named = &known;
		choice.nr_named = 1;
	} else if (!choice.nr_named) {
		choice.all = true;
	}
	if (fleet_regions(fleet, &choice, &arena, &query.regions, &query.nr_regions, err) == 0)
		rc = fleet_instances(fleet, &query, ret, err);
	if (rc == 0) {
		const struct remembered_query remembered = {
			.name = query.name,
			.owner = query.owner,
			.id = query.nr_ids ? target : NULL,
			.regions = query.regions,
			.nr_regions = query.nr_regions,
		};
		rc = remembered_add(fleet, &remembered, ret, err);
		if (rc < 0)
			instance_list_release(ret);
	}
	arena_release(&arena);
	return rc;
}

int instances_find(struct fleet *fleet, const char *target, const struct region_choice *regions,
		   bool with_gone, struct instance_list *ret, struct error *err)
{
	if (instance_check_target(target, err) < 0)
		return -1;
	return query(fleet, target, regions, with_gone, ret, err);
}

static int several(const char *target, const struct instance_list *list, struct error *err)
{
	struct buf ids = BUF_INIT_MAX(400);

	for (size_t i = 0; i < list->nr && i < 8; i++)
		buf_addf(&ids, "%s%s (%s)", i ? ", " : "", list->v[i].id, list->v[i].zone.name);
	error_set(err, ERROR_CONFLICT, "'%s' is the name of %zu instances: %s", target, list->nr,
		  ids.data);
	error_hint(err, "name one by its id");
	buf_release(&ids);
	return -1;
}

int instance_find_one(struct fleet *fleet, const char *target, const struct region_choice *regions,
		      bool with_gone, struct instance_list *ret, struct error *err)
{
	struct instance_list list = { 0 };

	if (instances_find(fleet, target, regions, with_gone, &list, err) < 0)
		return -1;
	/* None lives: what the journal last knew under that name says what became of it. */
	if (!list.nr && !list.nr_failures && !instance_is_id(fleet, target)) {
		instance_list_release(&list);
		if (remembered_by_name(fleet, target, &list, err) < 0) {
			instance_list_release(&list);
			return -1;
		}
	}
	if (list.nr == 1) {
		*ret = list;
		return 0;
	}
	if (list.nr) {
		several(target, &list, err);
	} else if (list.nr_failures) {
		*err = list.failures[0].err;
		error_prefix(err, "'%s' was not found, and %s did not answer", target,
			     list.failures[0].region);
	} else {
		error_set(err, ERROR_NOT_FOUND, "there is no instance '%s'", target);
		error_hint(err, "gpucloud list");
	}
	instance_list_release(&list);
	return -1;
}
