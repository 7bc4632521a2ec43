/* SPDX-License-Identifier: Apache-2.0 */
/* From columns of rows as they came to series in order of time. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "providers/aws/ec2_spot_rows.h"

static size_t nr_columns(const struct spot_region *region)
{
	return region->query->nr_types * SPOT_ZONES_MAX;
}

void spot_region_init(struct spot_region *region)
{
	region->columns = xcalloc(nr_columns(region), sizeof(*region->columns));
}

static void empty(struct spot_region *region, struct spot_column *column)
{
	*region->total -= column->nr;
	free(column->v);
	*column = (struct spot_column){ 0 };
}

void spot_region_clear(struct spot_region *region)
{
	for (size_t i = 0; i < nr_columns(region); i++)
		empty(region, &region->columns[i]);
	arena_release(&region->arena);
	region->nr_zones = 0;
}

void spot_region_release(struct spot_region *region)
{
	spot_region_clear(region);
	free(region->columns);
	region->columns = NULL;
}

/*
 * Pages come newest first, windows in any order: a column is a few runs that fall or rise. Those
 * are turned to rise and then merged in pairs. Where two points have one time, the order in which
 * they came counts: the first one sent is the newest, and comes to stand last.
 */
static size_t rising_run(struct spot_point *v, size_t n)
{
	size_t end = 1;

	if (n < 2 || v[1].ms > v[0].ms) {
		while (end < n && v[end].ms > v[end - 1].ms)
			end++;
		return end < n ? end : n;
	}
	while (end < n && v[end].ms <= v[end - 1].ms)
		end++;
	for (size_t i = 0; i < end / 2; i++) {
		struct spot_point point = v[i];

		v[i] = v[end - 1 - i];
		v[end - 1 - i] = point;
	}
	return end;
}

/* Of equal times the right run's, which came later, goes first. */
static void merge(const struct spot_point *v, size_t left, size_t n, struct spot_point *out)
{
	size_t i = 0, j = left;

	while (i < left && j < n)
		*out++ = v[j].ms <= v[i].ms ? v[j++] : v[i++];
	memcpy(out, v + i, (left - i) * sizeof(*v));
	memcpy(out + (left - i), v + j, (n - j) * sizeof(*v));
}

static void sort(struct spot_column *column)
{
	size_t *starts = xcalloc(column->nr + 1, sizeof(*starts)), nr = 0;
	struct spot_point *from = column->v, *to = NULL;

	for (size_t at = 0; at < column->nr;) {
		starts[nr++] = at;
		at += rising_run(column->v + at, column->nr - at);
	}
	starts[nr] = column->nr;
	if (nr > 1)
		to = xcalloc(column->nr, sizeof(*to));
	while (nr > 1) {
		size_t merged = 0;

		for (size_t i = 0; i < nr; i += 2) {
			size_t at = starts[i], middle = starts[i + 1];
			size_t end = i + 2 <= nr ? starts[i + 2] : middle;

			merge(from + at, middle - at, end - at, to + at);
			starts[merged++] = at;
		}
		starts[merged] = column->nr;
		nr = merged;
		column->v = to;
		to = from;
		from = column->v;
	}
	free(to);
	free(starts);
}

/* The last change at or before `since`, then the last of each second. */
static void fill_points(const struct spot_column *column, int64_t since, struct arena *arena,
			struct spot_series *series)
{
	const struct spot_point *v = column->v;
	size_t first = 0;

	while (first + 1 < column->nr && v[first + 1].ms <= since * 1000)
		first++;
	series->v = arena_alloc(arena, (column->nr - first) * sizeof(*series->v));
	for (size_t i = first; i < column->nr; i++) {
		struct price_point point = { .time = v[i].ms / 1000, .micros = v[i].micros };

		if (series->nr && series->v[series->nr - 1].time == point.time)
			series->nr--;
		series->v[series->nr++] = point;
	}
}

void spot_region_series(struct spot_region *region, struct spot_history *history, size_t *cap)
{
	struct arena *arena = &history->arena;

	for (size_t i = 0; i < nr_columns(region); i++) {
		struct spot_column *column = &region->columns[i];
		const struct zone *zone = &region->zones[i % SPOT_ZONES_MAX];
		const char *type = region->query->types[i / SPOT_ZONES_MAX];

		if (!column->nr)
			continue;
		sort(column);
		struct spot_series series = {
			.region = arena_strdup(arena, region->name),
			.type = arena_strdup(arena, type),
			.zone = { arena_strdup(arena, zone->name), arena_strdup(arena, zone->id) },
		};
		fill_points(column, region->query->since, arena, &series);
		history->v = arena_grow(arena, history->v, history->nr, cap, sizeof(*history->v));
		history->v[history->nr++] = series;
		empty(region, column);
	}
}
