/* SPDX-License-Identifier: Apache-2.0 */
/* Puts single zones together into markets, sorted. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "fleet/market_internal.h"

int64_t market_known_until(const struct market *market, int64_t until)
{
	int64_t end = INT64_MIN;

	for (size_t z = 0; z < market->nr; z++) {
		const struct price_series *series = &market->series[z];
		const struct price_point *last = series->nr ? &series->v[series->nr - 1] : NULL;
		int64_t zone_end = last && last->micros == PRICE_GAP ? last->time : until;

		if (last && zone_end > end)
			end = zone_end;
	}
	return end < until ? end : until;
}

void market_list_release(struct market_list *list)
{
	arena_release(&list->arena);
	*list = (struct market_list){ 0 };
}

void market_build_add(struct market_build *build, const struct market_row *row)
{
	build->v = xgrow(build->v, build->nr, &build->cap, sizeof(*build->v));
	build->v[build->nr++] = *row;
}

void market_build_release(struct market_build *build)
{
	free(build->v);
	*build = (struct market_build){ 0 };
}

static int by_market(const struct market_row *x, const struct market_row *y)
{
	int rc = strcmp(x->type, y->type);

	return rc ? rc : strcmp(x->region, y->region);
}

static int by_place(const void *a, const void *b)
{
	const struct market_row *x = a, *y = b;
	int rc = by_market(x, y);

	if (!rc)
		rc = strcmp(x->zone.name, y->zone.name);
	return rc ? rc : strcmp(x->zone.id, y->zone.id);
}

/* A record begins with a price: what is unknown before it needs no saying. */
static void trim_start(struct market_row *row)
{
	while (row->nr && row->v[0].micros == PRICE_GAP) {
		row->v++;
		row->nr--;
	}
}

static void fill_market(struct arena *arena, const struct market_row *rows, size_t nr,
			struct market *ret)
{
	struct zone *zones = arena_alloc(arena, nr * sizeof(*zones));
	struct price_series *series = arena_alloc(arena, nr * sizeof(*series));

	*ret = (struct market){
		.provider = arena_strdup(arena, rows->provider),
		.region = arena_strdup(arena, rows->region),
		.type = arena_strdup(arena, rows->type),
		.on_demand = rows->on_demand,
		.on_demand_as_of = rows->on_demand_as_of,
		.on_demand_builtin = rows->on_demand_builtin,
		.zones = zones,
		.series = series,
		.nr = nr,
	};
	for (size_t i = 0; i < nr; i++) {
		struct price_point *points = arena_alloc(arena, rows[i].nr * sizeof(*points));

		memcpy(points, rows[i].v, rows[i].nr * sizeof(*points));
		zones[i].name = arena_strdup(arena, rows[i].zone.name);
		zones[i].id = arena_strdup(arena, rows[i].zone.id);
		series[i] = (struct price_series){ zones[i].name, points, rows[i].nr };
	}
}

void market_build_finish(struct market_build *build, struct market_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < build->nr; i++) {
		trim_start(&build->v[i]);
		if (build->v[i].nr)
			build->v[kept++] = build->v[i];
	}
	build->nr = kept;
	if (!kept)
		return;
	qsort(build->v, kept, sizeof(*build->v), by_place);
	list->v = arena_alloc(&list->arena, kept * sizeof(*list->v));
	for (size_t i = 0, end; i < kept; i = end) {
		for (end = i + 1; end < kept && by_market(&build->v[i], &build->v[end]) == 0;)
			end++;
		fill_market(&list->arena, &build->v[i], end - i, &list->v[list->nr++]);
	}
}

struct price_series market_join(struct arena *arena, const struct price_series *archive,
				const struct price_series *cloud)
{
	struct price_point *v = arena_alloc(arena, (archive->nr + cloud->nr) * sizeof(*v));
	size_t nr = 0;

	while (nr < archive->nr && archive->v[nr].time < cloud->v[0].time) {
		v[nr] = archive->v[nr];
		nr++;
	}
	memcpy(v + nr, cloud->v, cloud->nr * sizeof(*v));
	return (struct price_series){ cloud->zone, v, nr + cloud->nr };
}
