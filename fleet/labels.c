/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/labels.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/mem.h"
#include "fleet/expiry.h"
#include "fleet/journal.h"
#include "fleet/journal_label.h"
#include "fleet/reap.h"
#include "fleet/spent.h"

static bool cloud_has(const struct fleet *fleet, enum provider_cap cap)
{
	return (fleet->ops->caps & cap) != 0;
}

/* Asked of the cloud once, and only where there is a label to look for. */
static int find_scope(struct fleet *fleet, struct label_scope *ret, struct error *err)
{
	if (!fleet->label_scope[0] && fleet_scope(fleet, fleet->label_scope, err) < 0) {
		fleet->label_scope[0] = '\0';
		return -1;
	}
	*ret = (struct label_scope){ fleet->ops->name, fleet->label_scope };
	return 0;
}

/* False: there is none, or none that can be read; then nothing is known. */
static bool open_journal(struct fleet *fleet)
{
	char *path = xasprintf("%s/journal.db", fleet->paths->state);
	bool there = fleet->journal || access(path, F_OK) == 0;
	struct error err = ERROR_INIT;

	free(path);
	if (there && fleet_journal(fleet, &err) < 0) {
		log_info("labels", "%s", err.message);
		there = false;
	}
	return there;
}

/* --- reading ------------------------------------------------------------------------------- */

/* The first of a launch's, or where it would stand. */
static size_t first_of(const struct label_rows *rows, const char *launch_id)
{
	size_t low = 0, high = rows->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(rows->v[mid].launch_id, launch_id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void take(struct arena *arena, const struct label_row *row, struct tag *tag,
		 struct instance *instance)
{
	struct error ignored = ERROR_INIT;
	int64_t expires;

	*tag = (struct tag){ arena_strdup(arena, row->key), arena_strdup(arena, row->value) };
	if (strcmp(tag->key, TAG_HOSTKEY) == 0)
		instance->hostkey = tag->value;
	if (strcmp(tag->key, TAG_EXPIRES) == 0 && expiry_parse(tag->value, &expires, &ignored) == 0)
		instance->expires = expires;
}

/* What was noted of a machine says nothing of what is to become of it; nor does that it was protected,
 * once it is so no longer. */
static bool is_policy(const struct label_row *row)
{
	static const char *const notes[] = { TAG_HOSTKEY, TAG_SPENT, TAG_STOPPED,
					     TAG_RESTED,  TAG_ONCE,  TAG_PROTECT };

	for (size_t i = 0; i < ARRAY_SIZE(notes); i++)
		if (strcmp(row->key, notes[i]) == 0)
			return false;
	return true;
}

static void add_labels(const struct label_rows *rows, struct arena *arena,
		       struct instance *instance)
{
	size_t first = first_of(rows, instance->launch_id), end = first;
	bool known = false;

	while (end < rows->nr && strcmp(rows->v[end].launch_id, instance->launch_id) == 0)
		known |= is_policy(&rows->v[end++]);
	instance->policy_unknown = !known && instance->state != INSTANCE_GONE;
	if (end == first)
		return;
	struct tag *tags = arena_alloc(arena, (instance->nr_tags + end - first) * sizeof(*tags));
	for (size_t i = 0; i < instance->nr_tags; i++)
		tags[i] = instance->tags[i];
	for (size_t i = first; i < end; i++)
		take(arena, &rows->v[i], &tags[instance->nr_tags++], instance);
	instance->tags = tags;
}

static int read_labels(struct fleet *fleet, struct instance_list *list, struct error *err)
{
	struct label_rows rows = { 0 };
	struct label_scope scope;
	bool ours = false;

	for (size_t i = 0; i < list->nr; i++)
		ours |= list->v[i].launch_id[0] != '\0';
	if (!ours)
		return 0;
	if (open_journal(fleet) && (find_scope(fleet, &scope, err) < 0 ||
				    journal_labels(fleet->journal, &scope, &rows, err) < 0))
		return -1;
	for (size_t i = 0; i < list->nr; i++)
		if (list->v[i].launch_id[0])
			add_labels(&rows, &list->arena, &list->v[i]);
	label_rows_release(&rows);
	return 0;
}

/* Where what is gone is not listed, only what was seen once is known to be gone when it is not. */
static void note_listed(struct fleet *fleet, const struct instance_list *list)
{
	const char **ids = xcalloc(list->nr + 1, sizeof(*ids));
	struct error err = ERROR_INIT;
	size_t nr = 0;

	for (size_t i = 0; i < list->nr; i++)
		if (list->v[i].launch_id[0])
			ids[nr++] = list->v[i].launch_id;
	if (nr && journal_listed(fleet->journal, ids, nr, &err) < 0)
		log_info("labels", "%s", err.message);
	free(ids);
}

int fleet_instances(struct fleet *fleet, const struct instance_query *query,
		    struct instance_list *ret, struct error *err)
{
	struct instance_list list = { 0 };

	if (fleet->ops->instances(fleet->provider, query, &list, err) < 0)
		return -1;
	if (!cloud_has(fleet, PROVIDER_CAP_TAGS) && read_labels(fleet, &list, err) < 0) {
		instance_list_release(&list);
		return error_prefix(err, "what is to become of them cannot be read");
	}
	if (cloud_has(fleet, PROVIDER_CAP_FORGETS) && fleet->journal)
		note_listed(fleet, &list);
	*ret = list;
	return 0;
}

/* --- writing ------------------------------------------------------------------------------- */

int fleet_tag(struct fleet *fleet, const struct instance *instance, const struct tag *tag,
	      struct error *err)
{
	struct label_scope scope;

	if (cloud_has(fleet, PROVIDER_CAP_TAGS))
		return fleet->ops->tag(fleet->provider, instance->region, instance->id, tag, err);
	if (!instance->launch_id[0])
		return error_set(
			err, ERROR_UNSUPPORTED,
			"%s was not made by gpucloud, and %s keeps no tags: nothing can be "
			"noted of it",
			instance->id, fleet->ops->title);
	if (fleet_journal(fleet, err) < 0 || find_scope(fleet, &scope, err) < 0)
		return -1;
	return journal_label_set(fleet->journal, &scope, instance->launch_id, tag, err);
}

int labels_intend(struct fleet *fleet, const struct launch_request *request, struct error *err)
{
	struct label_scope scope;
	char made[24];

	if (cloud_has(fleet, PROVIDER_CAP_TAGS))
		return 0;
	if (fleet_journal(fleet, err) < 0 || find_scope(fleet, &scope, err) < 0)
		return -1;
	struct tag *tags = xcalloc(request->nr_tags + 1, sizeof(*tags));
	/* At least that one, so that a launch without any policy is known to have none. */
	snprintf(made, sizeof(made), "%" PRId64, request->made);
	tags[0] = (struct tag){ TAG_MADE, made };
	for (size_t i = 0; i < request->nr_tags; i++)
		tags[i + 1] = request->tags[i];
	int rc = journal_labels_begin(fleet->journal, &scope, request->launch_id, tags,
				      request->nr_tags + 1, err);
	free(tags);
	return rc;
}
