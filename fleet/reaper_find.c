/* SPDX-License-Identifier: Apache-2.0 */
/* Who there is: ours, and what others left running. */
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "fleet/labels.h"
#include "fleet/reaper_internal.h"

#define OVERDUE_S INT64_C(900) /* somebody's reap would have been there by then */

/* Whether it is gpucloud's, and may be touched at all by its owner. */
static bool is_ours(const struct pass *pass, const struct instance *instance)
{
	const struct instance_list *list = &pass->report->list;

	if (!instance->launch_id[0] || !instance->owner[0])
		return false;
	if (instance->state == INSTANCE_GONE || instance->state == INSTANCE_ENDING)
		return false;
	/* A region that failed half-way has told some of what it holds. */
	for (size_t i = 0; i < list->nr_failures; i++)
		if (strcmp(list->failures[i].region, instance->region) == 0)
			return false;
	return true;
}

static bool is_foreign(const struct pass *pass, const struct instance *instance)
{
	return !pass->options->all_owners && strcmp(instance->owner, pass->fleet->owner) != 0;
}

static bool is_overdue(struct pass *pass, const struct instance *instance)
{
	struct error ignored = ERROR_INIT;
	struct reap_policy policy;
	int64_t now = look_now(pass->fleet, pass->fleet->provider, instance->region);

	return reap_policy_read(instance, &policy, &ignored) == 0 && !policy.protected &&
	       policy.expires && now - policy.expires > OVERDUE_S &&
	       now - instance->launched > OVERDUE_S &&
	       (instance->state == INSTANCE_RUNNING || instance->state == INSTANCE_PENDING);
}

/* Whoever runs this under another name than the one launched with must not think that all is well. */
static void note_other(struct pass *pass, const struct instance *instance)
{
	struct reap_report *report = pass->report;
	size_t len = strlen(report->others_names);
	bool named = false;

	for (size_t i = 0; i < report->list.nr && &report->list.v[i] != instance; i++)
		named |= is_ours(pass, &report->list.v[i]) &&
			 strcmp(report->list.v[i].owner, instance->owner) == 0;
	report->others++;
	report->others_overdue += is_overdue(pass, instance);
	if (!named && len + strlen(instance->owner) + 3 < sizeof(report->others_names))
		snprintf(report->others_names + len, sizeof(report->others_names) - len, "%s%s",
			 len ? ", " : "", instance->owner);
}

/* Of all owners: what is not ours is only counted. */
int pass_find(struct pass *pass, struct error *err)
{
	struct reap_report *report = pass->report;
	struct region_choice choice = pass->options->regions;
	struct instance_query query = { 0 };
	struct arena arena = { 0 };

	choice.all = true;
	int rc =
		fleet_regions(pass->fleet, &choice, &arena, &query.regions, &query.nr_regions, err);
	if (rc == 0)
		rc = fleet_instances(pass->fleet, &query, &report->list, err);
	arena_release(&arena);
	if (rc < 0)
		return -1;
	report->v = xcalloc(report->list.nr + 1, sizeof(*report->v));
	for (size_t i = 0; i < report->list.nr; i++) {
		const struct instance *instance = &report->list.v[i];

		if (!is_ours(pass, instance))
			continue;
		if (is_foreign(pass, instance))
			note_other(pass, instance);
		else
			report->v[report->nr++].instance = *instance;
	}
	return 0;
}
