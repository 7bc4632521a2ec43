/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the cost report. */
#ifndef GPUCLOUD_FLEET_COST_REPORT_INTERNAL_H
#define GPUCLOUD_FLEET_COST_REPORT_INTERNAL_H

#include "fleet/cost_report.h"
#include "fleet/journal.h"

/* A launch, an instance, or both. */
struct cost_item {
	const struct launch_row *row;
	const struct instance *instance;
	bool gone_unseen; /* the cloud knows it no more, and nobody saw its end */
};

struct cost_items {
	struct cost_item *v;
	size_t nr, cap;
	struct arena arena;
	struct launch_rows rows;
	struct instance_list *lists; /* what strings point into; failures among them */
	size_t nr_lists, cap_lists;
};
void cost_items_release(struct cost_items *items);

/* What the query is about. */
int cost_items_find(struct fleet *fleet, const struct cost_query *query, struct cost_items *ret,
		    struct error *err);

#endif
