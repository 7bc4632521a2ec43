/* SPDX-License-Identifier: Apache-2.0 */
/* Saved answers of DescribeSpotPriceHistory, as aws-cli prints them. */
#include <stdlib.h>
#include <string.h>

#include "bidding/series.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "fleet/price_file_internal.h"

#define NAME_BYTES_MAX 63
#define TEXT_BYTES_MAX 100

#define LINUX	  "Linux/UNIX"
#define LINUX_VPC "Linux/UNIX (Amazon VPC)"

struct row {
	const char *type, *zone, *zone_id; /* in the document */
	int64_t ms, micros;
	size_t number; /* as it came */
	bool vpc;
};

static int take_name(const struct cJSON *item, const char *field, const char *also,
		     const char **ret, struct error *err)
{
	if (json_string(item, field, TEXT_BYTES_MAX, ret, err) < 0)
		return -1;
	if (text_is_token(*ret, also, NAME_BYTES_MAX))
		return 0;
	return error_set(err, ERROR_USAGE, "field '%s' is no name", field);
}

static int take_place(const struct cJSON *item, struct row *row, struct error *err)
{
	if (take_name(item, "InstanceType", "-.", &row->type, err) < 0 ||
	    take_name(item, "AvailabilityZone", "-", &row->zone, err) < 0)
		return -1;
	row->zone_id = "";
	if (json_get(item, "AvailabilityZoneId") &&
	    take_name(item, "AvailabilityZoneId", "-", &row->zone_id, err) < 0)
		return -1;
	/* https://docs.amazonaws.cn/en_us/aws/latest/userguide/billing-and-payment.html */
	if (!text_starts_with(row->zone, "cn-"))
		return 0;
	return error_set(err, ERROR_USAGE,
			 "the prices of zone '%s' are in CNY, and only dollars are compared",
			 row->zone);
}

static int take_price(const struct cJSON *item, int64_t latest, struct row *row, struct error *err)
{
	const char *price, *time;

	if (json_string(item, "SpotPrice", TEXT_BYTES_MAX, &price, err) < 0 ||
	    json_string(item, "Timestamp", TEXT_BYTES_MAX, &time, err) < 0 ||
	    money_parse(price, "field 'SpotPrice'", &row->micros, err) < 0 ||
	    time_parse_ms(time, "field 'Timestamp'", &row->ms, err) < 0)
		return -1;
	if (row->micros <= 0)
		return error_set(err, ERROR_USAGE, "field 'SpotPrice' must be above 0");
	if (price_time_check(row->ms / 1000, latest, err) < 0)
		return error_prefix(err, "field 'Timestamp'");
	return 0;
}

/* 1: of another product. */
static int take_product(const char *product, struct row *row)
{
	row->vpc = strcmp(product, LINUX_VPC) == 0;
	return !row->vpc && strcmp(product, LINUX) != 0;
}

static int take_row(const struct cJSON *item, int64_t latest, struct row *row, struct error *err)
{
	const char *product;

	if (json_string(item, "ProductDescription", TEXT_BYTES_MAX, &product, err) < 0 ||
	    take_place(item, row, err) < 0 || take_price(item, latest, row, err) < 0)
		return -1;
	return take_product(product, row);
}

static int by_place(const struct row *x, const struct row *y)
{
	int rc = strcmp(x->type, y->type);

	return rc ? rc : strcmp(x->zone, y->zone);
}

/*
 * Of one place the plain product first, and of a product the oldest. EC2 sends the newest first: of
 * one moment, what comes later is older.
 */
static int by_series(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int rc = by_place(x, y);

	if (rc)
		return rc;
	if (x->vpc != y->vpc)
		return x->vpc ? 1 : -1;
	if (x->ms != y->ms)
		return x->ms < y->ms ? -1 : 1;
	return x->number > y->number ? -1 : x->number < y->number;
}

static int add_series(const struct row *rows, size_t nr, struct price_files *files,
		      struct error *err)
{
	struct arena *arena = &files->arena;
	struct price_file_series *series = &files->v[files->nr];
	const char *zone_id = "";

	if (files->nr == PRICE_FILE_MAX_SERIES) {
		error_set(err, ERROR_USAGE, "the prices are of more than %d types and zones",
			  PRICE_FILE_MAX_SERIES);
		return error_hint(err, "save each type or region in a file of its own");
	}
	for (size_t i = 0; i < nr; i++) { /* a row that tells no id says nothing against another */
		if (*zone_id && *rows[i].zone_id && strcmp(rows[i].zone_id, zone_id) != 0)
			return error_set(err, ERROR_USAGE, "zone '%s' has two ids, '%s' and '%s'",
					 rows->zone, zone_id, rows[i].zone_id);
		if (*rows[i].zone_id)
			zone_id = rows[i].zone_id;
	}
	*series = (struct price_file_series){
		.type = arena_strdup(arena, rows->type),
		.zone = arena_strdup(arena, rows->zone),
		.zone_id = arena_strdup(arena, zone_id),
		.points = arena_alloc(arena, nr * sizeof(*series->points)),
		.nr = nr,
	};
	for (size_t i = 0; i < nr; i++)
		series->points[i] = (struct price_point){ rows[i].ms / 1000, rows[i].micros };
	files->nr++;
	return price_points_clean(series->points, &series->nr, series->zone, err);
}

static int gather(struct row *rows, size_t nr, struct price_files *files, struct error *err)
{
	qsort(rows, nr, sizeof(*rows), by_series);
	files->v = arena_alloc(&files->arena, nr * sizeof(*files->v));
	for (size_t i = 0, end, next; i < nr; i = next) {
		for (end = i + 1; end < nr && by_place(&rows[i], &rows[end]) == 0 &&
				  rows[i].vpc == rows[end].vpc;)
			end++;
		if (add_series(&rows[i], end - i, files, err) < 0)
			return -1;
		/* The two products have prices of their own: mixed they would be neither's. */
		for (next = end; next < nr && by_place(&rows[i], &rows[next]) == 0;)
			next++;
		files->left_out += next - end;
	}
	return 0;
}

static int take_rows(const struct cJSON *list, int64_t latest, struct price_files *files,
		     struct error *err)
{
	size_t nr = 0, number = 0;
	struct row *rows = xcalloc(json_len(list) + 1, sizeof(*rows));
	int rc = 0;

	for (const struct cJSON *item = json_first(list); item && rc == 0; item = json_next(item)) {
		rows[nr].number = ++number;
		rc = take_row(item, latest, &rows[nr], err);
		if (rc < 0)
			error_prefix(err, "SpotPriceHistory row %zu", number);
		else if (rc == 0)
			nr++;
		files->left_out += rc == 1;
		rc = rc < 0 ? -1 : 0;
	}
	if (rc == 0 && !nr)
		rc = error_set(err, ERROR_USAGE,
			       "no price of Linux/UNIX, and %zu of other products",
			       files->left_out);
	else if (rc == 0)
		rc = gather(rows, nr, files, err);
	free(rows);
	return rc;
}

int price_json_parse(const char *path, const struct buf *buf, int64_t latest,
		     struct price_files *files, struct error *err)
{
	const struct cJSON *list;
	struct json doc;

	if (buf->len > JSON_MAX_BYTES) {
		error_set(err, ERROR_USAGE,
			  "'%s' is longer than the %zu bytes of JSON that are read",
			  price_path_show(path).text, JSON_MAX_BYTES);
		return error_hint(err, "save each type or region in a file of its own");
	}
	if (json_parse(buf->data, buf->len, price_path_show(path).text, &doc, err) < 0) {
		err->kind = ERROR_USAGE;
		return -1;
	}
	int rc = json_array(doc.root, "SpotPriceHistory", &list, err);
	if (rc == 0)
		rc = take_rows(list, latest, files, err);
	json_release(&doc);
	if (rc < 0) {
		error_prefix(err, "'%s'", price_path_show(path).text);
		err->kind = ERROR_USAGE;
	}
	return rc;
}
