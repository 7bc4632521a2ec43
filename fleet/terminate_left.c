/* SPDX-License-Identifier: Apache-2.0 */
/* What an ended instance leaves behind that bills. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "fleet/terminate.h"

#define TRIES	 4
#define PAUSE_MS 1500 /* a disk that goes with its instance may go a moment later */

static const struct ending *ending_of(const struct ending *endings, size_t n,
				      const struct leftover *one)
{
	for (size_t i = 0; one->launch_id[0] && i < n; i++)
		if (endings[i].confirmed &&
		    strcmp(endings[i].instance.launch_id, one->launch_id) == 0)
			return &endings[i];
	return NULL;
}

/* Keeps what is theirs and costs something. Returns how many may still go by themselves. */
static size_t keep_theirs(const struct ending *endings, size_t n, struct leftover_list *list)
{
	size_t nr = 0, going = 0;

	for (size_t i = 0; i < list->nr; i++) {
		const struct leftover *one = &list->v[i];
		const struct ending *ending = ending_of(endings, n, one);

		/* What hangs on another instance by now is in use. */
		if (!ending || one->price == 0 ||
		    (one->attached[0] && strcmp(one->attached, ending->instance.id) != 0))
			continue;
		going += one->attached[0] != '\0';
		list->v[nr++] = *one;
	}
	list->nr = nr;
	return going;
}

int terminate_still_bills(struct fleet *fleet, const struct ending *endings, size_t n,
			  struct leftover_list *ret, struct error *err)
{
	const char **regions = xcalloc(n + 1, sizeof(*regions));
	struct leftover_query query = { .regions = regions };
	size_t ours = 0;
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		const struct instance *instance = &endings[i].instance;
		bool known = false;

		if (!endings[i].confirmed || !instance->launch_id[0])
			continue;
		query.launch_id = ours++ ? NULL : instance->launch_id;
		for (size_t k = 0; k < query.nr_regions; k++)
			known |= strcmp(regions[k], instance->region) == 0;
		if (!known)
			regions[query.nr_regions++] = instance->region;
	}
	if (ours && !(fleet->ops->caps & PROVIDER_CAP_LEFTOVERS))
		rc = error_set(err, ERROR_UNSUPPORTED, "%s does not tell what else bills",
			       fleet->ops->title);
	for (int i = 0; ours && rc == 0 && i < TRIES; i++) {
		struct leftover_list list = { 0 };

		if (i && clock_sleep_ms(fleet->clock, PAUSE_MS) < 0)
			break;
		rc = fleet->ops->leftovers(fleet->provider, &query, &list, err);
		if (rc < 0)
			break;
		size_t going = keep_theirs(endings, n, &list);
		leftover_list_release(ret);
		*ret = list;
		if (!going)
			break;
	}
	free(regions);
	return rc;
}
