/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of DescribeSpotPriceHistory, as they stream in: checked, sorted into a column for each type
 * and zone, bounded. A page counts only once it has arrived whole, as it may be sent again.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
 *
 * Several chains of pages fill the columns of one region, each with a window of time that is its
 * own (ec2_spot_window.h): a row outside of it is another chain's, and passed over.
 *
 * What a row must be:
 * - Of another type, zone or product than asked: passed over, whatever else it says.
 * - Of "Linux/UNIX (Amazon VPC)": counts only for a type and zone that have no row of the plain
 *   Linux/UNIX, in this page or any other.
 * - A price that is no number of dollars above 0, a timestamp that is no time, a zone that is not
 *   the region's, two ids for a zone or two zones of one id: the region fails, the field is named.
 * - After the query's end: passed over. Else more than SPOT_AHEAD_S after the present, as far as our
 *   clock and the server's tell: the region fails, since no price is known ahead.
 * - In any order, and twice: fine. Of two prices in one millisecond the one sent first is newer.
 */
#ifndef GPUCLOUD_PROVIDERS_AWS_EC2_SPOT_ROWS_H
#define GPUCLOUD_PROVIDERS_AWS_EC2_SPOT_ROWS_H

#include "providers/aws/aws.h"
#include "providers/aws/ec2_spot_value.h"

/*
 * Of one query, all regions together: 16 bytes each as they are read and 16 in the result, so at
 * most 400 MB for a moment. 17 regions, 5 types, 90 days and 24 changes a day are 650,000.
 */
#define SPOT_ROWS_MAX  8000000
#define SPOT_ZONES_MAX 64  /* of one region */
#define SPOT_AHEAD_S   300 /* how far two clocks may differ */
#define SPOT_TEXT_MAX  64  /* bytes of a field */

struct spot_point {
	int64_t ms, micros;
};

struct spot_column {
	struct spot_point *v; /* as they came */
	size_t nr, cap;
	bool plain; /* of Linux/UNIX, and not of its twin */
};

/* What one region has told so far. */
struct spot_region {
	/* Given: */
	const struct spot_query *query;
	const char *name;
	int64_t latest_ms; /* a later row is from the future */
	size_t *total;	   /* rows of all regions so far, those of pages under way included */

	struct arena arena;
	struct zone zones[SPOT_ZONES_MAX];
	unsigned nr_zones;
	struct spot_column *columns; /* type * SPOT_ZONES_MAX + zone */
	uint16_t known_types[64];    /* by hash: index + 1 of the type met last */
};

void spot_region_init(struct spot_region *region);
/* Forgets all rows and zones. */
void spot_region_clear(struct spot_region *region);
void spot_region_release(struct spot_region *region);
/*
 * Adds the region's series with their points: the last at or before the query's start, then one a
 * second at most, oldest first. The columns are empty after it.
 */
void spot_region_series(struct spot_region *region, struct spot_history *history, size_t *cap);

struct spot_row {
	struct spot_point point;
	unsigned column;
	bool vpc; /* of "Linux/UNIX (Amazon VPC)" */
};

enum spot_field {
	SPOT_ZONE,
	SPOT_ZONE_ID,
	SPOT_TYPE,
	SPOT_PRODUCT,
	SPOT_PRICE,
	SPOT_TIME,
	SPOT_FIELDS
};

struct spot_text {
	size_t len;
	char text[SPOT_TEXT_MAX + 1];
};

/* The page that a chain reads. */
struct spot_page {
	/* Given: */
	struct spot_region *region;
	int64_t from_ms, to_ms; /* the chain's own: from <= time < to */

	/* Once it has been read: */
	struct spot_row *v; /* the chain's own rows */
	size_t nr, cap;
	size_t nr_foreign; /* rows that are another chain's */
	char *next_token;

	/* The row being read, and what is wrong with the page. */
	const char *names[SPOT_FIELDS], *item; /* as the parser spells them: compared by pointer */
	unsigned expected;		       /* the field that came after the last one before */
	struct spot_text fields[SPOT_FIELDS];
	struct spot_day day;
	int rc;
	struct error err;
};

/* xml_handler and restart of struct aws_stream; ctx is a struct spot_page. */
int spot_page_start(void *ctx, const char *name, int depth);
int spot_page_end(void *ctx, const char *name, int depth, const char *text, size_t len);
void spot_page_restart(void *ctx);

/* Has the page arrived well? -1 with the first thing that was wrong in it. */
int spot_page_check(const struct spot_page *page, struct error *err);
/* Moves its rows to the region's columns. */
void spot_page_keep(struct spot_page *page);
/* Forgets its rows and its token. */
void spot_page_drop(struct spot_page *page);
void spot_page_release(struct spot_page *page);

#endif
