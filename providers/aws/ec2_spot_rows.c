/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/aws/ec2_spot_rows.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/ec2.h"

/* <DescribeSpotPriceHistoryResponse><spotPriceHistorySet><item><leaf>; the root has depth 0. */
#define DEPTH_ROOT  0
#define DEPTH_TOKEN 1
#define DEPTH_ITEM  2
#define DEPTH_LEAF  3

#define LINUX	  "Linux/UNIX"
#define LINUX_VPC "Linux/UNIX (Amazon VPC)"

static const char *const field_names[SPOT_FIELDS] = {
	[SPOT_ZONE] = "availabilityZone", [SPOT_ZONE_ID] = "availabilityZoneId",
	[SPOT_TYPE] = "instanceType",	  [SPOT_PRODUCT] = "productDescription",
	[SPOT_PRICE] = "spotPrice",	  [SPOT_TIME] = "timestamp",
};

static void clear_row(struct spot_page *page)
{
	for (size_t i = 0; i < SPOT_FIELDS; i++) {
		page->fields[i].len = 0;
		page->fields[i].text[0] = '\0';
	}
}

int spot_page_start(void *ctx, const char *name, int depth)
{
	struct spot_page *page = ctx;

	if (depth == DEPTH_ITEM) {
		if (name != page->item && !strcmp(name, "item"))
			page->item = name;
		if (name == page->item)
			clear_row(page);
	} else if (depth == DEPTH_ROOT) {
		/* Another document, another parser, other pointers. */
		memset(page->names, 0, sizeof(page->names));
		page->item = NULL;
	}
	return 0;
}

void spot_page_drop(struct spot_page *page)
{
	*page->region->total -= page->nr;
	page->nr = page->nr_foreign = 0;
	free(page->next_token);
	page->next_token = NULL;
	page->rc = 0;
	clear_row(page);
}

void spot_page_restart(void *ctx)
{
	spot_page_drop(ctx);
}

/* Keeps the first complaint: it is told once the page has been read. */
static void refuse(struct spot_page *page, enum spot_field field, const char *what)
{
	if (!page->rc)
		page->rc = error_set(&page->err, ERROR_PROTOCOL, "'%s' of the reply is %s",
				     field_names[field], what);
}

static bool is_field(const struct spot_text *field, const char *text, size_t len)
{
	return field->len == len && memcmp(field->text, text, len) == 0;
}

/* Types are many where a query asks for all: the one met last for a hash is tried first. */
static bool find_type(struct spot_page *page, unsigned *ret)
{
	const struct spot_query *query = page->region->query;
	const struct spot_text *type = &page->fields[SPOT_TYPE];
	unsigned hash = 0;

	for (size_t i = 0; i < type->len; i++)
		hash = hash * 31 + (unsigned char)type->text[i];
	uint16_t *known = &page->region->known_types[hash % ARRAY_SIZE(page->region->known_types)];
	if (*known && !strcmp(query->types[*known - 1], type->text)) {
		*ret = *known - 1u;
		return true;
	}
	for (size_t i = 0; i < query->nr_types; i++) {
		if (strcmp(query->types[i], type->text) != 0)
			continue;
		*ret = (unsigned)i;
		if (i < UINT16_MAX)
			*known = (uint16_t)(i + 1);
		return true;
	}
	return false;
}

/* The ids of zones: one each, and each its own. Rows that name none say nothing. */
static bool take_zone_id(struct spot_page *page, struct zone *zone)
{
	struct spot_region *region = page->region;
	const char *id = page->fields[SPOT_ZONE_ID].text;
	const struct zone *clash = *zone->id ? zone : NULL;

	if (!*id || !strcmp(zone->id, id))
		return true;
	if (!ec2_name_ok(id)) {
		refuse(page, SPOT_ZONE_ID, "no zone's id");
		return false;
	}
	for (unsigned i = 0; i < region->nr_zones && !clash; i++)
		if (!strcmp(region->zones[i].id, id))
			clash = &region->zones[i];
	if (!clash) {
		zone->id = arena_strdup(&region->arena, id);
		return true;
	}
	if (!page->rc)
		page->rc = error_set(&page->err, ERROR_PROTOCOL,
				     "'availabilityZoneId' of the reply is '%s' for zone '%s', but "
				     "zone '%s' has '%s'",
				     id, zone->name, clash->name, clash->id);
	return false;
}

static bool find_zone(struct spot_page *page, unsigned *ret)
{
	struct spot_region *region = page->region;
	const char *name = page->fields[SPOT_ZONE].text;

	for (unsigned i = 0; i < region->nr_zones; i++) {
		if (strcmp(region->zones[i].name, name) != 0)
			continue;
		*ret = i;
		return take_zone_id(page, &region->zones[i]);
	}
	if (!ec2_name_ok(name) || !text_starts_with(name, region->name)) {
		refuse(page, SPOT_ZONE, "no zone of the region");
		return false;
	}
	if (region->nr_zones == SPOT_ZONES_MAX) {
		refuse(page, SPOT_ZONE, "one of too many zones");
		return false;
	}
	region->zones[region->nr_zones].name = arena_strdup(&region->arena, name);
	region->zones[region->nr_zones].id = "";
	*ret = region->nr_zones++;
	return take_zone_id(page, &region->zones[*ret]);
}

static bool was_asked(struct spot_page *page, unsigned *ret_type, bool *ret_vpc)
{
	const struct spot_text *product = &page->fields[SPOT_PRODUCT];
	const char *zone = page->region->query->zone;

	/* Servers that do not know a filter send everything: it is filtered here too. */
	*ret_vpc = is_field(product, LINUX_VPC, sizeof(LINUX_VPC) - 1);
	return (*ret_vpc || is_field(product, LINUX, sizeof(LINUX) - 1)) &&
	       find_type(page, ret_type) && (!zone || !strcmp(zone, page->fields[SPOT_ZONE].text));
}

static void add_row(struct spot_page *page, const struct spot_row *row)
{
	if (*page->region->total >= SPOT_ROWS_MAX) {
		if (!page->rc)
			page->rc = error_set(&page->err, ERROR_PROTOCOL,
					     "'spotPriceHistorySet' of the replies is longer than "
					     "%d prices",
					     SPOT_ROWS_MAX);
		error_hint(&page->err, "ask for fewer types, fewer regions or a shorter time");
		return;
	}
	++*page->region->total;
	if (page->nr == page->cap)
		page->v = xgrow(page->v, page->nr, &page->cap, sizeof(*page->v));
	page->v[page->nr++] = *row;
}

static void take_row(struct spot_page *page)
{
	const struct spot_text *price = &page->fields[SPOT_PRICE], *time = &page->fields[SPOT_TIME];
	unsigned type, zone;
	struct spot_row row;

	if (!was_asked(page, &type, &row.vpc))
		return;
	if (spot_price_parse(price->text, price->len, &row.point.micros) || row.point.micros <= 0) {
		refuse(page, SPOT_PRICE, "no price");
		return;
	}
	if (spot_time_parse(&page->day, time->text, time->len, &row.point.ms)) {
		refuse(page, SPOT_TIME, "no time");
		return;
	}
	if (row.point.ms / 1000 > page->region->query->until)
		return;
	if (row.point.ms > page->region->latest_ms) {
		refuse(page, SPOT_TIME, "in the future");
		return;
	}
	if (!find_zone(page, &zone))
		return;
	if (row.point.ms < page->from_ms || row.point.ms >= page->to_ms) {
		page->nr_foreign++;
		return;
	}
	row.column = type * SPOT_ZONES_MAX + zone;
	add_row(page, &row);
}

/* Fields come in the same order in every row: the one after the last is tried first. */
static enum spot_field field_of(struct spot_page *page, const char *name)
{
	unsigned i = page->expected;

	if (page->names[i] != name) {
		for (i = 0; i < SPOT_FIELDS && page->names[i] != name; i++)
			;
		if (i == SPOT_FIELDS)
			for (i = 0; i < SPOT_FIELDS && strcmp(field_names[i], name) != 0; i++)
				;
		if (i == SPOT_FIELDS)
			return SPOT_FIELDS;
		page->names[i] = name;
	}
	page->expected = (i + 1) % SPOT_FIELDS;
	return i;
}

static void take_leaf(struct spot_page *page, const char *name, const char *text, size_t len)
{
	enum spot_field field = field_of(page, name);

	if (field == SPOT_FIELDS)
		return;
	if (len > SPOT_TEXT_MAX) {
		refuse(page, field, "too long");
		return;
	}
	memcpy(page->fields[field].text, text, len);
	page->fields[field].text[len] = '\0';
	page->fields[field].len = len;
}

int spot_page_end(void *ctx, const char *name, int depth, const char *text, size_t len)
{
	struct spot_page *page = ctx;

	if (page->rc)
		return 0;
	if (depth == DEPTH_LEAF) {
		take_leaf(page, name, text, len);
	} else if (depth == DEPTH_ITEM) {
		if (name == page->item)
			take_row(page);
	} else if (depth == DEPTH_TOKEN && !strcmp(name, "nextToken")) {
		if (len > EC2_TOKEN_MAX) {
			page->rc = error_set(&page->err, ERROR_PROTOCOL,
					     "'nextToken' of the reply is too long");
			return 0;
		}
		free(page->next_token);
		page->next_token = xstrndup(text, len);
	}
	return 0;
}

int spot_page_check(const struct spot_page *page, struct error *err)
{
	if (page->rc)
		*err = page->err;
	return page->rc;
}

/* Two products of one type and zone have prices of their own: mixed they would be neither's. */
static bool is_outdone(struct spot_page *page, struct spot_column *column, bool vpc)
{
	if (vpc)
		return column->plain;
	if (!column->plain) {
		*page->region->total -= column->nr;
		column->nr = 0;
	}
	column->plain = true;
	return false;
}

void spot_page_keep(struct spot_page *page)
{
	for (size_t i = 0; i < page->nr; i++) {
		struct spot_column *column = &page->region->columns[page->v[i].column];

		if (is_outdone(page, column, page->v[i].vpc)) {
			--*page->region->total;
			continue;
		}
		if (column->nr == column->cap)
			column->v = xgrow(column->v, column->nr, &column->cap, sizeof(*column->v));
		column->v[column->nr++] = page->v[i].point;
	}
	page->nr = page->nr_foreign = 0; /* the region's total has them already */
}

void spot_page_release(struct spot_page *page)
{
	spot_page_drop(page);
	free(page->v);
	page->v = NULL;
	page->cap = 0;
}
