/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeSpotPriceHistory: changes, newest first, with the one in force when the window begins.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/money.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "simulator/cloud/ec2.h"
#include "simulator/cloud/market.h"

#define WINDOW_S	(INT64_C(90) * 86400)
#define PAGE_MAX	1000
#define LIST_MAX	100
#define LINUX		"Linux/UNIX"
#define WINDOWS		"Windows"
#define WINDOWS_PER_CPU 46000 /* micro-dollars an hour: the licence */
#define ROWS_MAX	2000000
#define ROW_TEXT_MAX	512 /* bytes of a row in XML: names are at most 48 each */

struct row {
	const struct type_spec *type;
	const struct place_zone *zone;
	const char *product;
	int64_t time, micros;
};

struct rows {
	struct row *v;
	size_t nr, cap;
	struct row pool; /* what the rows being added have in common */
	bool with_windows, with_linux;
	const struct cloud *cloud;
};

struct query {
	const char **types, **products, **zones;
	size_t nr_types, nr_products, nr_zones;
	int64_t since, until;
	struct filters filters;
};

static bool known_product(const char *product)
{
	static const char *const names[] = { LINUX, "Red Hat Enterprise Linux", "SUSE Linux",
					     WINDOWS };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i]);

		if (strncmp(product, names[i], len) == 0 &&
		    (!product[len] || strcmp(product + len, " (Amazon VPC)") == 0))
			return true;
	}
	return false;
}

static int read_zone(struct ec2_call *call, struct query *query)
{
	const char *name = params_get(call->params, "AvailabilityZone");
	const char *id = params_get(call->params, "AvailabilityZoneId");
	const struct place_zone *zone;

	if (name && id)
		return ec2_fail(call, "InvalidParameterCombination",
				"AvailabilityZone and AvailabilityZoneId cannot both be given");
	if (!name && !id)
		return 0;
	zone = name ? place_zone_find(call->region, name) : place_zone_find_id(call->region, id);
	if (!zone)
		return ec2_fail(call, "InvalidParameterValue", "Invalid availability zone: [%.64s]",
				name ? name : id);
	query->zones = arena_alloc(&call->params->arena, sizeof(char *));
	query->zones[0] = zone->name;
	query->nr_zones = 1;
	return 0;
}

/* now: the moment of the first page; rows would move between pages if it went on. */
static int read_window(struct ec2_call *call, struct query *query, int64_t now)
{
	bool until_given = params_has(call->params, "EndTime");

	query->since = params_time(call->params, "StartTime", now - WINDOW_S);
	query->until = params_time(call->params, "EndTime", now);
	if (until_given && params_has(call->params, "StartTime") && query->since > query->until)
		return ec2_fail(call, "InvalidParameterCombination",
				"StartTime must not be later than EndTime");
	if (query->until > now)
		query->until = now;
	if (query->since > query->until) /* "now" by a clock ahead of ours */
		query->since = query->until;
	if (query->since < now - WINDOW_S)
		query->since = now - WINDOW_S;
	return 0;
}

static int read_query(struct ec2_call *call, struct query *query, int64_t now)
{
	static const char *const known[] = { "availability-zone", "availability-zone-id",
					     "instance-type",	  "product-description",
					     "spot-price",	  NULL };

	memset(query, 0, sizeof(*query));
	query->types = params_list(call->params, "InstanceType", LIST_MAX, &query->nr_types);
	query->products =
		params_list(call->params, "ProductDescription", LIST_MAX, &query->nr_products);
	filters_read(call, known, &query->filters);
	if (read_zone(call, query) != 0 || read_window(call, query, now) != 0)
		return -1;
	for (size_t i = 0; i < query->nr_types; i++) {
		if (!type_spec_find(query->types[i]))
			return ec2_fail(call, "InvalidParameterValue",
					"Invalid instance type: '%.64s'", query->types[i]);
	}
	for (size_t i = 0; i < query->nr_products; i++) {
		if (!known_product(query->products[i]))
			return ec2_fail(call, "InvalidParameterValue",
					"Invalid product description: '%.64s'", query->products[i]);
	}
	return 0;
}

static void price_text(char *out, size_t max, int64_t micros)
{
	snprintf(out, max, "%lld.%06lld", (long long)(micros / USD_MICROS),
		 (long long)(micros % USD_MICROS));
}

static const char *row_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct row *row = thing;

	if (i > 0)
		return NULL;
	if (strcmp(name, "availability-zone") == 0)
		return row->zone->name;
	if (strcmp(name, "availability-zone-id") == 0)
		return row->zone->id;
	if (strcmp(name, "instance-type") == 0)
		return row->type->name;
	if (strcmp(name, "product-description") == 0)
		return row->product;
	price_text(scratch, 64, row->micros);
	return scratch;
}

static void add_row(struct rows *rows, const char *product, int64_t time, int64_t micros)
{
	rows->v = xgrow(rows->v, rows->nr, &rows->cap, sizeof(*rows->v));
	rows->v[rows->nr] = rows->pool;
	rows->v[rows->nr].product = product;
	rows->v[rows->nr].time = time;
	rows->v[rows->nr++].micros = micros;
}

static int add_change(void *ctx, const struct price_point *point)
{
	struct rows *rows = ctx;
	int64_t micros = fault_price(rows->cloud, rows->pool.type->name, rows->pool.zone->name,
				     point->time * 1000, point->micros);

	if (rows->nr >= ROWS_MAX)
		return 1;
	if (rows->with_linux)
		add_row(rows, LINUX, point->time, micros);
	if (rows->with_windows)
		add_row(rows, WINDOWS, point->time,
			micros + (int64_t)rows->pool.type->vcpus * WINDOWS_PER_CPU);
	return 0;
}

static bool wanted(const char *const *v, size_t nr, const char *text)
{
	for (size_t i = 0; i < nr; i++) {
		if (strcmp(v[i], text) == 0)
			return true;
	}
	return nr == 0;
}

/* Newest first; within one moment by type and zone, so that the order is the same every time. */
static int newest_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? 1 : -1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->zone != y->zone)
		return x->zone < y->zone ? -1 : 1;
	return strcmp(x->product, y->product);
}

/* A scenario's price holds from its beginning, and the market's again from its end. */
static void add_fault_changes(const struct ec2_call *call, const struct query *query,
			      struct rows *rows)
{
	const struct cloud *cloud = call->cloud;

	for (size_t i = 0; i < cloud->nr_faults; i++) {
		const struct fault *fault = &cloud->faults[i].fault;
		/* The first whole second of it: a moment before, the old price is in force. */
		int64_t bounds[] = { fault->from_ms ? (fault->from_ms + 999) / 1000
						    : cloud->config.start,
				     (fault->until_ms + 999) / 1000 };

		if (!fault_applies(fault, FAULT_PRICE, rows->pool.type->name,
				   rows->pool.zone->name))
			continue;
		for (size_t n = 0; n < ARRAY_SIZE(bounds); n++) {
			struct price_point point = { bounds[n], 0 };
			bool over = fault->until_ms && bounds[1] <= query->since;

			if (!bounds[n] || bounds[n] > query->until ||
			    (bounds[n] < query->since && over))
				continue;
			point.micros = spot_price(cloud, rows->pool.type, rows->pool.zone,
						  bounds[n] * 1000);
			add_change(rows, &point);
		}
	}
}

static void collect(struct ec2_call *call, const struct query *query, struct rows *rows)
{
	size_t nr;
	const struct type_spec *types = type_specs(&nr);
	const char *const linux_vpc = LINUX " (Amazon VPC)", *const windows_vpc =
								     WINDOWS " (Amazon VPC)";

	rows->cloud = call->cloud;
	rows->with_linux = wanted(query->products, query->nr_products, LINUX) ||
			   wanted(query->products, query->nr_products, linux_vpc);
	rows->with_windows = wanted(query->products, query->nr_products, WINDOWS) ||
			     wanted(query->products, query->nr_products, windows_vpc);
	for (size_t i = 0; i < nr; i++) {
		if (!wanted(query->types, query->nr_types, types[i].name))
			continue;
		for (size_t z = 0; z < call->region->nr_zones; z++) {
			const struct place_zone *zone = &call->region->zones[z];

			if (!wanted(query->zones, query->nr_zones, zone->name) ||
			    !market_has(call->cloud->config.market, types[i].name, zone->name))
				continue;
			rows->pool = (struct row){ .type = &types[i], .zone = zone };
			market_changes(call->cloud->config.market, types[i].name, zone->name,
				       query->since, query->until, add_change, rows);
			add_fault_changes(call, query, rows);
		}
	}
	if (rows->nr)
		qsort(rows->v, rows->nr, sizeof(*rows->v), newest_first);
}

/* Rows are written by the hundred thousand: straight into bytes, the date of a day only once. */
struct writer {
	char *at; /* has room for as many rows as a page */
	int64_t day;
	char date[TIME_TEXT_MAX]; /* "2020-03-20T..." */
};

static char *put(char *at, const char *text)
{
	size_t len = strlen(text);

	memcpy(at, text, len);
	return at + len;
}

static char *put_two(char *at, int64_t n)
{
	*at++ = (char)('0' + n / 10);
	*at++ = (char)('0' + n % 10);
	return at;
}

static char *put_time(struct writer *writer, char *at, int64_t s)
{
	if (s / 86400 != writer->day) {
		writer->day = s / 86400;
		time_format(writer->date, writer->day * 86400);
	}
	memcpy(at, writer->date, 11);
	at = put_two(at + 11, s / 3600 % 24);
	*at++ = ':';
	at = put_two(at, s / 60 % 60);
	*at++ = ':';
	return put(put_two(at, s % 60), ".000Z");
}

static char *put_price(char *at, int64_t micros)
{
	char text[24];
	size_t n = sizeof(text);

	for (int i = 0; micros || i <= 6; i++) {
		text[--n] = (char)('0' + micros % 10);
		micros /= 10;
		if (i == 5)
			text[--n] = '.';
	}
	memcpy(at, text + n, sizeof(text) - n);
	return at + (sizeof(text) - n);
}

/* Names are tables' of ours, with nothing in them to escape. */
static void write_row(struct writer *writer, const struct row *row)
{
	char *at = put(writer->at, "<item><instanceType>");

	at = put(at, row->type->name);
	at = put(at, "</instanceType><productDescription>");
	at = put(at, row->product);
	at = put(at, "</productDescription><spotPrice>");
	at = put_price(at, row->micros);
	at = put(at, "</spotPrice><timestamp>");
	at = put_time(writer, at, row->time);
	at = put(at, "</timestamp><availabilityZone>");
	at = put(at, row->zone->name);
	at = put(at, "</availabilityZone><availabilityZoneId>");
	at = put(at, row->zone->id);
	writer->at = put(at, "</availabilityZoneId></item>");
}

void act_describe_prices(struct ec2_call *call)
{
	struct query query;
	struct rows rows = { 0 };
	struct writer writer = { .day = INT64_MIN };
	char *text;
	struct page page;
	size_t written = 0;
	int64_t seen = 0;

	page_read(call, 1, INT32_MAX, PAGE_MAX, &page);
	if (read_query(call, &query, page.extra ? page.extra : call->cloud->now_ms / 1000) != 0 ||
	    !ec2_ready(call))
		return;
	if (page.max > PAGE_MAX)
		page.max = PAGE_MAX;
	collect(call, &query, &rows);
	text = writer.at = xmalloc((rows.nr < page.max ? rows.nr : page.max) * ROW_TEXT_MAX + 1);
	out_open(call->out, "spotPriceHistorySet");
	for (size_t i = 0; i < rows.nr && written < page.max; i++) {
		if (query.filters.nr && !filters_match(&query.filters, NULL, row_field, &rows.v[i]))
			continue;
		if (seen++ < page.from)
			continue;
		write_row(&writer, &rows.v[i]);
		written++;
	}
	buf_add(call->out, text, (size_t)(writer.at - text));
	free(text);
	out_close(call->out, "spotPriceHistorySet");
	/* as EC2 does, the last page may turn out empty */
	if (written == page.max)
		page_next(call, page.from + (int64_t)written,
			  page.extra ? page.extra : call->cloud->now_ms / 1000);
	else
		out_str(call->out, "nextToken", "");
	free(rows.v);
}
