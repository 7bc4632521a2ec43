/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/cost_ahead.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "fleet/cost_internal.h"

/* One (region, type). Strings are the arena's. */
struct ahead_of {
	const char *region, *type;
	const char *zone; /* NULL: several */
	int64_t since, until;
	bool wanted, failed; /* its history */
	struct spot_history history;
	bool priced;
	int64_t on_demand;
};

struct cost_ahead {
	struct arena arena;
	struct ahead_of *v;
	size_t nr, cap;
};

static struct ahead_of *find(const struct cost_ahead *ahead, const char *region, const char *type)
{
	for (size_t i = 0; i < ahead->nr; i++)
		if (strcmp(ahead->v[i].region, region) == 0 && strcmp(ahead->v[i].type, type) == 0)
			return &ahead->v[i];
	return NULL;
}

static struct ahead_of *find_or_add(struct cost_ahead *ahead, const char *region, const char *type)
{
	struct ahead_of *one = find(ahead, region, type);

	if (one)
		return one;
	ahead->v = xgrow(ahead->v, ahead->nr, &ahead->cap, sizeof(*ahead->v));
	one = &ahead->v[ahead->nr++];
	*one = (struct ahead_of){ .region = arena_strdup(&ahead->arena, region),
				  .type = arena_strdup(&ahead->arena, type) };
	return one;
}

static void widen(struct cost_ahead *ahead, const struct instance *instance, int64_t since,
		  int64_t until)
{
	struct ahead_of *one = find_or_add(ahead, instance->region, instance->type);

	if (!one->wanted) {
		one->zone = arena_strdup(&ahead->arena, instance->zone.name);
		one->since = since;
		one->until = until;
	} else if (one->zone && strcmp(one->zone, instance->zone.name) != 0) {
		one->zone = NULL;
	}
	one->wanted = true;
	one->since = since < one->since ? since : one->since;
	one->until = until > one->until ? until : one->until;
}

static void add_want(struct fleet *fleet, struct cost_ahead *ahead, const struct cost_want *want)
{
	struct launch_rows rows = { 0 };
	struct journal_bill bill = { .nr_runs = 0 };
	struct error err = ERROR_INIT;
	const struct launch_row *row = want->row;
	int64_t since;

	if (!want->instance || !want->instance->spot)
		return;
	if (!row && fleet->journal &&
	    journal_find_instance(fleet->journal, want->instance->id, &rows, &err) == 0 && rows.nr)
		row = &rows.v[0];
	if (row && fleet->journal && journal_bill_read(fleet->journal, row->id, &bill, &err) < 0)
		log_info("cost", "%s", err.message);
	if (!cost_is_settled(&bill, want->until) &&
	    cost_price_window(&bill, want->instance, want->until, &since))
		widen(ahead, want->instance, since, want->until);
	journal_bill_release(&bill);
	launch_rows_release(&rows);
}

static void ask(struct fleet *fleet, struct ahead_of *one)
{
	const struct spot_query query = {
		.regions = &one->region,
		.nr_regions = 1,
		.types = &one->type,
		.nr_types = 1,
		.zone = one->zone,
		.since = one->since,
		.until = one->until > one->since ? one->until : one->since + 1,
	};
	struct error err = ERROR_INIT;

	if (fleet->ops->spot_history(fleet->provider, &query, &one->history, &err) == 0)
		return;
	one->failed = true;
	log_info("cost", "spot prices of %s in %s are not known: %s", one->type, one->region,
		 err.message);
}

struct cost_ahead *cost_ahead_ask(struct fleet *fleet, const struct cost_want *v, size_t nr)
{
	struct cost_ahead *ahead = xcalloc(1, sizeof(*ahead));

	for (size_t i = 0; i < nr; i++)
		add_want(fleet, ahead, &v[i]);
	for (size_t i = 0; i < ahead->nr && (fleet->ops->caps & PROVIDER_CAP_SPOT); i++)
		ask(fleet, &ahead->v[i]);
	return ahead;
}

void cost_ahead_free(struct cost_ahead *ahead)
{
	if (!ahead)
		return;
	for (size_t i = 0; i < ahead->nr; i++)
		spot_history_release(&ahead->v[i].history);
	free(ahead->v);
	arena_release(&ahead->arena);
	free(ahead);
}

const struct spot_history *cost_ahead_history(const struct cost_ahead *ahead,
					      const struct spot_query *query, bool *failed)
{
	const struct ahead_of *one = ahead ? find(ahead, query->regions[0], query->types[0]) : NULL;

	*failed = false;
	if (!one || !one->wanted || query->since < one->since || query->until > one->until)
		return NULL;
	if (one->zone && strcmp(one->zone, query->zone) != 0)
		return NULL;
	*failed = one->failed;
	return one->failed ? NULL : &one->history;
}

int64_t cost_ahead_on_demand(struct fleet *fleet, const struct instance *instance)
{
	struct ahead_of *one;

	if (!fleet->ahead)
		return cost_ask_on_demand(fleet, instance);
	one = find_or_add(fleet->ahead, instance->region, instance->type);
	if (!one->priced)
		one->on_demand = cost_ask_on_demand(fleet, instance);
	one->priced = true;
	return one->on_demand;
}
