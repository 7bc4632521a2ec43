/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/aws/ec2_spot_rows.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "providers/aws/ec2.h"

/* <DescribeSpotPriceHistoryResponse><spotPriceHistorySet><item><leaf>; the root has depth 0. */
#define DEPTH_TOKEN 1
#define DEPTH_ITEM  2
#define DEPTH_LEAF  3

static void clear_row(struct spot_rows *rows)
{
	rows->zone[0] = rows->zone_id[0] = rows->type[0] = '\0';
	rows->product[0] = rows->price[0] = rows->time[0] = '\0';
}

int spot_rows_start(void *ctx, const char *name, int depth)
{
	struct spot_rows *rows = ctx;

	if (depth == DEPTH_ITEM && !strcmp(name, "item"))
		clear_row(rows);
	return 0;
}

void spot_rows_restart(void *ctx)
{
	struct spot_rows *rows = ctx;

	*rows->total -= rows->nr - rows->nr_whole;
	rows->nr = rows->nr_whole;
	free(rows->next_token);
	rows->next_token = NULL;
	rows->rc = 0;
	clear_row(rows);
}

/* Keeps the first complaint: it is told once the page has been read. */
static void refuse(struct spot_rows *rows, const char *field, const char *what)
{
	if (!rows->rc)
		rows->rc = error_set(&rows->err, ERROR_PROTOCOL, "'%s' of the reply is %s", field,
				     what);
}

static bool find_type(const struct spot_rows *rows, unsigned *ret)
{
	for (size_t i = 0; i < rows->query->nr_types; i++) {
		if (strcmp(rows->query->types[i], rows->type) != 0)
			continue;
		*ret = (unsigned)i;
		return true;
	}
	return false;
}

static bool find_zone(struct spot_rows *rows, unsigned *ret)
{
	for (unsigned i = 0; i < rows->nr_zones; i++) {
		if (strcmp(rows->zones[i].name, rows->zone) != 0)
			continue;
		*ret = i;
		return true;
	}
	if (!ec2_name_ok(rows->zone) || !text_starts_with(rows->zone, rows->region) ||
	    (*rows->zone_id && !ec2_name_ok(rows->zone_id))) {
		refuse(rows, "availabilityZone", "no zone of the region");
		return false;
	}
	if (rows->nr_zones == SPOT_ZONES_MAX) {
		refuse(rows, "availabilityZone", "one of too many zones");
		return false;
	}
	rows->zones[rows->nr_zones].name = arena_strdup(&rows->arena, rows->zone);
	rows->zones[rows->nr_zones].id = arena_strdup(&rows->arena, rows->zone_id);
	*ret = rows->nr_zones++;
	return true;
}

static void take_row(struct spot_rows *rows)
{
	struct spot_row row = { 0 };
	struct error bad;

	if (strcmp(rows->product, "Linux/UNIX") != 0 &&
	    strcmp(rows->product, "Linux/UNIX (Amazon VPC)") != 0)
		return;
	/* Servers that do not know a filter send everything: it is filtered here too. */
	if (!find_type(rows, &row.type))
		return;
	if (rows->query->zone && strcmp(rows->query->zone, rows->zone) != 0)
		return;
	if (money_parse(rows->price, "spotPrice", &row.micros, &bad) || row.micros <= 0) {
		refuse(rows, "spotPrice", "no price");
		return;
	}
	if (time_parse_ms(rows->time, "timestamp", &row.ms, &bad)) {
		refuse(rows, "timestamp", "no time");
		return;
	}
	if (row.ms / 1000 > rows->query->until || !find_zone(rows, &row.zone))
		return;
	if (*rows->total >= SPOT_ROWS_MAX) {
		refuse(rows, "spotPriceHistorySet", "longer than two million prices");
		return;
	}
	++*rows->total;
	row.seq = (unsigned)rows->nr;
	rows->v = xgrow(rows->v, rows->nr, &rows->cap, sizeof(*rows->v));
	rows->v[rows->nr++] = row;
}

static void take_leaf(struct spot_rows *rows, const char *name, const char *text, size_t len)
{
	const struct {
		const char *name;
		char *to;
	} leaves[] = {
		{ "availabilityZone", rows->zone }, { "availabilityZoneId", rows->zone_id },
		{ "instanceType", rows->type },	    { "productDescription", rows->product },
		{ "spotPrice", rows->price },	    { "timestamp", rows->time },
	};

	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		if (strcmp(leaves[i].name, name) != 0)
			continue;
		if (len >= sizeof(rows->zone)) {
			refuse(rows, leaves[i].name, "too long");
			return;
		}
		memcpy(leaves[i].to, text, len);
		leaves[i].to[len] = '\0';
		return;
	}
}

int spot_rows_end(void *ctx, const char *name, int depth, const char *text, size_t len)
{
	struct spot_rows *rows = ctx;

	if (rows->rc)
		return 0;
	if (depth == DEPTH_LEAF) {
		take_leaf(rows, name, text ? text : "", text ? len : 0);
	} else if (depth == DEPTH_ITEM && !strcmp(name, "item")) {
		take_row(rows);
	} else if (depth == DEPTH_TOKEN && !strcmp(name, "nextToken") && text) {
		if (len > EC2_TOKEN_MAX) {
			refuse(rows, "nextToken", "too long");
			return 0;
		}
		free(rows->next_token);
		rows->next_token = xstrndup(text, len);
	}
	return 0;
}

int spot_rows_page(struct spot_rows *rows, struct error *err)
{
	if (rows->rc) {
		*err = rows->err;
		return -1;
	}
	rows->nr_whole = rows->nr;
	return 0;
}

/* Oldest first; of two at the same instant the one that came later is older. */
static int by_series(const void *a, const void *b)
{
	const struct spot_row *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->zone != y->zone)
		return x->zone < y->zone ? -1 : 1;
	if (x->ms != y->ms)
		return x->ms < y->ms ? -1 : 1;
	return x->seq > y->seq ? -1 : x->seq < y->seq;
}

/* The points of one series: the last change at or before `since`, then one a second at most. */
static void fill_points(const struct spot_row *v, size_t n, int64_t since, struct arena *arena,
			struct spot_series *series)
{
	size_t first = 0;

	while (first + 1 < n && v[first + 1].ms <= since * 1000)
		first++;
	series->v = arena_alloc(arena, (n - first) * sizeof(*series->v));
	for (size_t i = first; i < n; i++) {
		struct price_point point = { .time = v[i].ms / 1000, .micros = v[i].micros };
		if (series->nr && series->v[series->nr - 1].time == point.time)
			series->nr--;
		series->v[series->nr++] = point;
	}
}

void spot_rows_series(struct spot_rows *rows, struct spot_history *history, size_t *cap)
{
	struct arena *arena = &history->arena;

	if (rows->nr)
		qsort(rows->v, rows->nr, sizeof(*rows->v), by_series);
	for (size_t i = 0, end; i < rows->nr; i = end) {
		const struct spot_row *row = &rows->v[i];
		for (end = i + 1; end < rows->nr; end++)
			if (rows->v[end].type != row->type || rows->v[end].zone != row->zone)
				break;
		struct spot_series series = {
			.region = arena_strdup(arena, rows->region),
			.type = arena_strdup(arena, rows->query->types[row->type]),
			.zone = { arena_strdup(arena, rows->zones[row->zone].name),
				  arena_strdup(arena, rows->zones[row->zone].id) },
		};
		fill_points(row, end - i, rows->query->since, arena, &series);
		history->v = arena_grow(arena, history->v, history->nr, cap, sizeof(*history->v));
		history->v[history->nr++] = series;
	}
}

void spot_rows_release(struct spot_rows *rows)
{
	arena_release(&rows->arena);
	free(rows->v);
	free(rows->next_token);
}
