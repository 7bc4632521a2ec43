/* SPDX-License-Identifier: Apache-2.0 */
/* Offers with their spot price now, and what buying the machine would have to beat. */
#ifndef GPUCLOUD_CLI_PRICE_VIEW_H
#define GPUCLOUD_CLI_PRICE_VIEW_H

#include "bidding/own.h"
#include "providers/provider.h"

struct cli;

#define PRICE_OWN_WINDOW_S (INT64_C(90) * 86400) /* what "the spot price paid" is the mean of */

/* A price of renting, and when buying beats it. */
struct price_own {
	int64_t rate; /* micro-dollars per hour; MONEY_UNKNOWN */
	double hours; /* of use; INFINITY: never; not set where the rate is unknown */
};

struct price_row {
	const struct offer *offer;
	int64_t spot; /* the least price in force; MONEY_UNKNOWN */
	const struct zone *zone;
	int64_t since; /* when it last changed */

	/* With --own: the zone of the least mean price over PRICE_OWN_WINDOW_S. */
	const struct zone *paid_zone;
	int64_t paid_covered_s; /* how much of that time is known */
	struct price_own on_demand, paid;
};

struct price_view {
	struct price_row *rows; /* as shown */
	size_t nr;
	int64_t now;
	bool owning; /* --own was given: `own` is set */
	struct own own;
	const struct region_failure *failures;
	size_t nr_failures;
};

/*
 * Fills the spot prices of all rows from what was asked: the last change at or before view->now. A
 * zone of which nothing is known until then has no price. With --own the price paid too.
 */
int price_view_fill(struct price_view *view, const struct spot_history *history, struct error *err);

/* Cheapest first. */
void price_view_sort(struct price_view *view);

/* Table or JSON. */
void price_view_show(struct cli *cli, const struct price_view *view);

#endif
