/* SPDX-License-Identifier: Apache-2.0 */
/* Prices per zone, judged and shown: the same for the cloud's history and for saved files. */
#ifndef GPUCLOUD_CLI_HISTORY_VIEW_H
#define GPUCLOUD_CLI_HISTORY_VIEW_H

#include "bidding/bid.h"
#include "core/arena.h"
#include "providers/provider.h"

struct cli;

struct history_view {
	const char *type, *region; /* region NULL: from files */
	int64_t since, until, on_demand;
	bool has_bid;
	struct bid bid;
	enum zone_order order;
	struct arena arena;
	struct price_series *series; /* points are borrowed */
	const char **zone_ids;
	size_t nr, cap, ids_cap;
};

void history_view_add(struct history_view *view, const struct zone *zone,
		      const struct price_point *points, size_t nr);
void history_view_release(struct history_view *view);

/* Table or JSON. -1 with cli->error where nothing is known. */
int history_view_show(struct cli *cli, struct history_view *view);

/* "stability", "price"; NULL is the default. */
int zone_order_parse(const char *text, enum zone_order *ret, struct error *err);

#endif
