/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of DescribeSpotPriceHistory of one region, as they stream in: checked, sorted into series by
 * type and zone, bounded. A page counts only once it has arrived whole, as it may be sent again.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
 */
#ifndef GPUCLOUD_PROVIDERS_AWS_EC2_SPOT_ROWS_H
#define GPUCLOUD_PROVIDERS_AWS_EC2_SPOT_ROWS_H

#include "providers/aws/aws.h"

#define SPOT_ROWS_MAX  2000000 /* of one query, all regions together */
#define SPOT_ZONES_MAX 64      /* of one region */

struct spot_row {
	int64_t ms, micros;
	unsigned type, zone; /* indices */
	unsigned seq;	     /* as it came: newest first where the times are equal */
};

struct spot_rows {
	/* Given: */
	const struct spot_query *query;
	const char *region;
	size_t *total; /* rows of all regions so far */

	/* The zones seen, and the rows kept. */
	struct arena arena;
	struct zone zones[SPOT_ZONES_MAX];
	unsigned nr_zones;
	struct spot_row *v;
	size_t nr, cap;
	size_t nr_whole; /* rows of pages that arrived whole */

	/* The row being read, and what is wrong with the page. */
	char zone[65], zone_id[65], type[65], product[65], price[65], time[65];
	char *next_token;
	int rc;
	struct error err;
};

/* xml_handler and restart of struct aws_stream; ctx is a struct spot_rows. */
int spot_rows_start(void *ctx, const char *name, int depth);
int spot_rows_end(void *ctx, const char *name, int depth, const char *text, size_t len);
void spot_rows_restart(void *ctx);

/* Ends a page; -1 with the first thing that was wrong in it. */
int spot_rows_page(struct spot_rows *rows, struct error *err);
/* Adds the series of this region, in order, with their points in the query's window. */
void spot_rows_series(struct spot_rows *rows, struct spot_history *history, size_t *cap);
void spot_rows_release(struct spot_rows *rows);

#endif
