/* SPDX-License-Identifier: Apache-2.0 */
/* Prices asked of the cloud: each is asked once, and kept. */
#include <string.h>

#include "core/log.h"
#include "fleet/cost_ahead.h"
#include "fleet/cost_internal.h"

#define LATE_S 3600 /* a price step may be published so long after it happened */

/* Takes what a series adds to the steps known; `known` is until when they are. */
static void take_series(const struct spot_series *series, int64_t known, struct journal_bill *bill,
			struct price_news *news)
{
	struct price_point *steps =
		arena_alloc(&bill->arena, (bill->nr_steps + series->nr + 1) * sizeof(*steps));
	size_t nr = bill->nr_steps;

	if (nr)
		memcpy(steps, bill->steps, nr * sizeof(*steps));
	for (size_t i = 0; i < series->nr; i++) {
		/* The last one at or before `known` was in force then. */
		bool passed = i + 1 < series->nr && series->v[i + 1].time <= known;

		if (nr ? series->v[i].time > steps[nr - 1].time : !passed)
			steps[nr++] = series->v[i];
	}
	news->v = steps + bill->nr_steps;
	news->nr = nr - bill->nr_steps;
	news->gap = series->v[0].time > known;
	bill->steps = steps;
	bill->nr_steps = nr;
	bill->price_gap |= news->gap;
	bill->priced_until = news->until;
}

static void keep(struct fleet *fleet, const struct launch_row *row, const struct price_news *news)
{
	struct error err = ERROR_INIT;

	if (row && fleet->journal && journal_prices_add(fleet->journal, row->id, news, &err) < 0)
		log_info("cost", "%s", err.message);
}

/* The first moment it ran, as far as is known; 0: it is not. */
static int64_t first_moment(const struct journal_bill *bill, const struct instance *instance)
{
	return bill->nr_runs ? bill->runs[0].began : instance->launched;
}

bool cost_price_window(const struct journal_bill *bill, const struct instance *instance,
		       int64_t until, int64_t *since)
{
	int64_t first = first_moment(bill, instance);
	int64_t known = bill->priced_until > first ? bill->priced_until : first;

	*since = known - LATE_S > first ? known - LATE_S : first;
	return first && bill->priced_until < until;
}

static void take_history(struct fleet *fleet, const struct launch_row *row,
			 const struct instance *instance, const struct spot_history *history,
			 int64_t until, struct journal_bill *bill)
{
	int64_t first = first_moment(bill, instance);
	int64_t known = bill->priced_until > first ? bill->priced_until : first;

	for (size_t i = 0; i < history->nr; i++) {
		const struct spot_series *series = &history->v[i];
		struct price_news news = { .until = until };

		if (!series->nr || strcmp(series->zone.name, instance->zone.name) != 0)
			continue;
		take_series(series, known, bill, &news);
		keep(fleet, row, &news);
		return;
	}
}

void cost_learn_prices(struct fleet *fleet, const struct launch_row *row,
		       const struct instance *instance, int64_t until, struct journal_bill *bill)
{
	struct spot_history asked = { 0 };
	struct error err = ERROR_INIT;
	int64_t since;
	bool failed;

	if (!cost_price_window(bill, instance, until, &since))
		return;
	const struct spot_query query = {
		.regions = &instance->region,
		.nr_regions = 1,
		.types = &instance->type,
		.nr_types = 1,
		.zone = instance->zone.name,
		.since = since,
		.until = until > since ? until : since + 1,
	};
	const struct spot_history *history = cost_ahead_history(fleet->ahead, &query, &failed);
	if (failed)
		return;
	if (!history && fleet->ops->spot_history(fleet->provider, &query, &asked, &err) < 0) {
		log_info("cost", "spot price not known: %s", err.message);
		return;
	}
	take_history(fleet, row, instance, history ? history : &asked, until, bill);
	spot_history_release(&asked);
}

int64_t cost_ask_on_demand(struct fleet *fleet, const struct instance *instance)
{
	struct offer_list offers = { 0 };
	struct error err = ERROR_INIT;
	int64_t price = MONEY_UNKNOWN;
	const struct offer_query query = {
		.regions = &instance->region,
		.nr_regions = 1,
		.type = instance->type,
		.all_arches = true,
	};

	if (instance->price > 0 && !instance->spot)
		return instance->price;
	if (fleet->ops->offers(fleet->provider, &query, &offers, &err) < 0) {
		log_info("cost", "on-demand price not known: %s", err.message);
		return MONEY_UNKNOWN;
	}
	if (offers.nr)
		price = offers.v[0].on_demand;
	offer_list_release(&offers);
	return price;
}
