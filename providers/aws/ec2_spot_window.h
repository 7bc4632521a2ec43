/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spot price history in pieces of time, whose pages are read side by side. Pure.
 *
 * Each window is asked from `since` to `until`, both included, and owns the rows with
 * from_ms <= time < to_ms. The owned pieces join without a gap: a row of two windows' replies is
 * one's own and the other's to pass over. So is the change before its start that each reply begins
 * with, but for the first window, which owns all that came before. The result does not depend on
 * how the time was cut.
 *
 * EC2 keeps 90 days and sends 1000 rows a page. It throttles by action and region: 100 requests at
 * once and 20 a second after that.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
 */
#ifndef GPUCLOUD_PROVIDERS_AWS_EC2_SPOT_WINDOW_H
#define GPUCLOUD_PROVIDERS_AWS_EC2_SPOT_WINDOW_H

#include "providers/aws/ec2_spot_rows.h"

#define SPOT_WINDOWS_MAX 64 /* of one region */

struct spot_tuning {
	unsigned width;		/* requests to one region at once */
	unsigned first_windows; /* cut at once, at most: more show their need */
	unsigned window_rows;	/* rows hoped for in a window: less than a page */
	unsigned page_rows;	/* MaxResults */
	unsigned long_pages;	/* a window with so many pages to come is cut again; 0: never */
};
extern const struct spot_tuning spot_tuning_default;

struct spot_window {
	int64_t since, until;	/* Unix s: asked */
	int64_t from_ms, to_ms; /* owned */
};

/* How many windows a query starts with: by the rows that so many types and days usually have. */
unsigned spot_first_windows(const struct spot_query *query, int64_t now,
			    const struct spot_tuning *tuning);
/*
 * How many windows a window is better cut into, judged by its first page with more to come; 0: read
 * on. Only ever a guess: the rows read so far are thrown away and asked again.
 */
unsigned spot_more_windows(const struct spot_window *window, const struct spot_page *page,
			   int64_t now, const struct spot_tuning *tuning);
/* Cuts a window into n at most, v; returns how many. Time before EC2's 90 days is not cut. */
unsigned spot_window_cut(const struct spot_window *window, unsigned n, int64_t now,
			 struct spot_window *v);

#endif
