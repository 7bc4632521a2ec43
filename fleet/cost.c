/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/cost.h"

#include <string.h>

#include "core/log.h"
#include "fleet/journal.h"

static int64_t billed_seconds(int64_t seconds)
{
	return seconds < BILLED_MIN_S ? BILLED_MIN_S : seconds;
}

static void count_time(const struct instance *instance, int64_t until, struct cost *cost)
{
	int64_t end = instance->ended ? instance->ended : until;

	*cost = (struct cost){
		.seconds = instance->launched && end > instance->launched ? end - instance->launched
									  : 0,
		.price = MONEY_UNKNOWN,
		.total = MONEY_UNKNOWN,
		.on_demand = MONEY_UNKNOWN,
		.on_demand_total = MONEY_UNKNOWN,
	};
}

static void multiply(const struct instance *instance, struct cost *cost)
{
	int64_t seconds = billed_seconds(cost->seconds);

	if (!instance->launched) /* the cloud did not say: better no figure than a wrong one */
		return;
	if (cost->price != MONEY_UNKNOWN && cost->total == MONEY_UNKNOWN)
		cost->total = money_for_time(cost->price, seconds);
	if (cost->on_demand != MONEY_UNKNOWN)
		cost->on_demand_total = money_for_time(cost->on_demand, seconds);
}

void cost_recall(struct fleet *fleet, const struct instance *instance, int64_t until,
		 struct cost *ret)
{
	struct launch_rows rows = { 0 };
	struct error ignored = ERROR_INIT;

	count_time(instance, until, ret);
	if (!fleet->journal ||
	    journal_find_instance(fleet->journal, instance->id, &rows, &ignored) < 0)
		return;
	if (rows.nr) {
		ret->price = rows.v[0].price;
		ret->on_demand = rows.v[0].on_demand;
		if (!instance->spot)
			ret->price = ret->on_demand;
	}
	launch_rows_release(&rows);
	multiply(instance, ret);
}

/* Sums price x time over the steps of one series. */
static void sum_steps(const struct spot_series *series, const struct instance *instance,
		      struct cost *cost)
{
	int64_t end = instance->launched + billed_seconds(cost->seconds);
	int64_t total = 0;

	if (!series->nr || !instance->launched || series->v[0].time > instance->launched)
		return; /* the price at launch is not known: the launch quote is better */
	for (size_t i = 0; i < series->nr; i++) {
		int64_t from = series->v[i].time, to = end;

		if (i + 1 < series->nr && series->v[i + 1].time < end)
			to = series->v[i + 1].time;
		if (from < instance->launched)
			from = instance->launched;
		if (to > from && total < MONEY_MAX)
			total += money_for_time(series->v[i].micros, to - from);
		if (series->v[i].time <= end)
			cost->price = series->v[i].micros;
	}
	cost->total = total;
	cost->followed = true;
}

static void follow_spot(struct fleet *fleet, const struct instance *instance, struct cost *cost)
{
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;
	const struct spot_query query = {
		.regions = &instance->region,
		.nr_regions = 1,
		.types = &instance->type,
		.nr_types = 1,
		.zone = instance->zone.name,
		.since = instance->launched,
		.until = instance->launched + billed_seconds(cost->seconds),
	};

	if (fleet->ops->spot_history(fleet->provider, &query, &history, &err) < 0) {
		log_info("cost", "spot price not known: %s", err.message);
		return;
	}
	for (size_t i = 0; i < history.nr; i++)
		if (strcmp(history.v[i].zone.name, instance->zone.name) == 0)
			sum_steps(&history.v[i], instance, cost);
	spot_history_release(&history);
}

static void ask_on_demand(struct fleet *fleet, const struct instance *instance, struct cost *cost)
{
	struct offer_list offers = { 0 };
	struct error err = ERROR_INIT;
	const struct offer_query query = {
		.regions = &instance->region,
		.nr_regions = 1,
		.type = instance->type,
		.all_arches = true,
	};

	if (fleet->ops->offers(fleet->provider, &query, &offers, &err) < 0) {
		log_info("cost", "on-demand price not known: %s", err.message);
		return;
	}
	if (offers.nr)
		cost->on_demand = offers.v[0].on_demand;
	offer_list_release(&offers);
}

void cost_follow(struct fleet *fleet, const struct instance *instance, int64_t until,
		 struct cost *ret)
{
	cost_recall(fleet, instance, until, ret);
	if (ret->on_demand == MONEY_UNKNOWN)
		ask_on_demand(fleet, instance, ret);
	if (instance->spot && (fleet->ops->caps & PROVIDER_CAP_SPOT))
		follow_spot(fleet, instance, ret);
	if (!instance->spot) {
		ret->price = ret->on_demand;
		ret->followed = ret->on_demand != MONEY_UNKNOWN;
	}
	multiply(instance, ret);
}
