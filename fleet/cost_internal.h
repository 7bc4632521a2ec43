/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of cost. */
#ifndef GPUCLOUD_FLEET_COST_INTERNAL_H
#define GPUCLOUD_FLEET_COST_INTERNAL_H

#include "fleet/cost.h"
#include "fleet/journal_cost.h"

/* The cloud's word on an instance, into the journal and into bill. */
void cost_note_runs(struct journal *journal, const struct launch_row *row,
		    const struct instance *instance, int64_t now, struct journal_bill *bill);

/* Nothing will change in it any more, or the cloud has forgotten. */
bool cost_is_settled(const struct journal_bill *bill, int64_t until);

/* Since when its spot prices up to `until` are to be asked for; false: none are lacking. */
bool cost_price_window(const struct journal_bill *bill, const struct instance *instance,
		       int64_t until, int64_t *since);

/* Spot price steps up to `until` that bill lacks, into bill and, where there is a row, the journal. */
void cost_learn_prices(struct fleet *fleet, const struct launch_row *row,
		       const struct instance *instance, int64_t until, struct journal_bill *bill);

/* What an hour costs on demand there now: the cloud's own word on the instance, or else the list price.
 * MONEY_UNKNOWN. */
int64_t cost_ask_on_demand(struct fleet *fleet, const struct instance *instance);

#endif
