/* SPDX-License-Identifier: Apache-2.0 */
/* Reads markets from the cloud, and what the cloud has forgotten from the archive. */
#include "fleet/market.h"

#include <string.h>

#include "core/clock.h"
#include "fleet/market_internal.h"
#include "fleet/price_archive.h"

/* Whoever asks for the last 90 days reckoned from a moment ago; the archive is not meant then. */
#define SLACK_S 3600

/* What one call gathers. */
struct reading {
	struct fleet *fleet;
	const struct market_query *query;
	struct market_offers offers;
	struct spot_history history;
	struct market_list archived;
	bool *joined; /* zones of the archive that the cloud knows too, as they are counted */
	struct market_build build;
	int64_t from; /* the cloud is asked from here on */
};

static void reading_release(struct reading *reading)
{
	market_build_release(&reading->build);
	market_list_release(&reading->archived);
	spot_history_release(&reading->history);
	market_offers_release(&reading->offers);
}

static int read_archive(struct fleet *fleet, const struct market_query *query,
			struct market_list *ret, struct error *err)
{
	struct price_archive *archive;

	if (price_archive_open(fleet, false, &archive, err) < 0)
		return -1;
	int rc = price_archive_read(archive, query, ret, err);
	price_archive_close(archive);
	return rc;
}

/* What the archive knows of the types in question; none where there is no archive. */
static int read_past(struct reading *reading, struct error *err)
{
	struct market_query query = *reading->query;
	const char **types =
		arena_alloc(&reading->offers.arena, (reading->offers.nr + 1) * sizeof(*types));
	struct error why = ERROR_INIT;

	if (!query.nr_types) { /* it knows types, not GPUs */
		for (size_t i = 0; i < reading->offers.nr; i++)
			types[query.nr_types++] = reading->offers.v[i]->type;
		query.types = types;
		query.gpu = NULL;
		if (!query.nr_types)
			return 0;
	}
	if (read_archive(reading->fleet, &query, &reading->archived, &why) == 0 ||
	    why.kind == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

static const struct offer *offer_of(const struct reading *reading, const struct spot_series *series)
{
	for (size_t i = 0; i < reading->offers.nr; i++)
		if (strcmp(reading->offers.v[i]->region, series->region) == 0 &&
		    strcmp(reading->offers.v[i]->type, series->type) == 0)
			return reading->offers.v[i];
	return NULL;
}

/* The archive's record of the zone, which is taken from there only once. */
static const struct price_series *take_past(struct reading *reading, const struct market_row *row)
{
	size_t at = 0;

	for (size_t i = 0; i < reading->archived.nr; i++) {
		const struct market *market = &reading->archived.v[i];

		for (size_t z = 0; z < market->nr; z++, at++) {
			if (strcmp(market->zones[z].id, row->zone.id) != 0 ||
			    strcmp(market->type, row->type) != 0 ||
			    strcmp(market->region, row->region) != 0)
				continue;
			reading->joined[at] = true;
			return &market->series[z];
		}
	}
	return NULL;
}

static void add_from_cloud(struct reading *reading, struct market_list *list)
{
	for (size_t i = 0; i < reading->history.nr; i++) {
		const struct spot_series *series = &reading->history.v[i];
		const struct offer *offer = offer_of(reading, series);

		if (!offer || !series->nr)
			continue;
		struct market_row row = {
			.provider = offer->provider,
			.region = series->region,
			.type = series->type,
			.zone = { series->zone.name, market_zone_id(offer, &series->zone) },
			.v = series->v,
			.nr = series->nr,
			.on_demand = offer->on_demand,
			.on_demand_as_of = offer->on_demand_as_of,
			.on_demand_builtin = offer->on_demand_builtin,
		};
		if (!market_zone_is(&row.zone, reading->query->zone))
			continue;
		const struct price_series cloud = { row.zone.name, row.v, row.nr };
		const struct price_series *past = row.zone.id[0] ? take_past(reading, &row) : NULL;
		if (past && past->v[0].time < row.v[0].time) {
			struct price_series joined =
				market_join(&reading->offers.arena, past, &cloud);
			row.v = joined.v;
			row.nr = joined.nr;
			list->from_archive = reading->from;
		}
		market_build_add(&reading->build, &row);
	}
}

/* Zones that the cloud has prices of no longer. */
static void add_from_archive(struct reading *reading, struct market_list *list)
{
	size_t at = 0;

	for (size_t i = 0; i < reading->archived.nr; i++) {
		const struct market *market = &reading->archived.v[i];
		const struct spot_series key = { .region = market->region, .type = market->type };
		const struct offer *offer = offer_of(reading, &key);

		for (size_t z = 0; z < market->nr; z++, at++) {
			if (reading->joined[at])
				continue;
			list->from_archive = reading->from;
			market_build_add(
				&reading->build,
				&(struct market_row){
					.provider = market->provider,
					.region = market->region,
					.type = market->type,
					.zone = market->zones[z],
					.v = market->series[z].v,
					.nr = market->series[z].nr,
					.on_demand = offer ? offer->on_demand : market->on_demand,
					.on_demand_as_of = offer ? offer->on_demand_as_of
								 : market->on_demand_as_of,
					.on_demand_builtin = offer ? offer->on_demand_builtin
								   : market->on_demand_builtin,
				});
		}
	}
}

static int ask(struct reading *reading, struct error *err)
{
	const struct market_query *query = reading->query;
	int64_t oldest = clock_now(reading->fleet->clock) - MARKET_CLOUD_S;

	if (market_ask_offers(reading->fleet, query, &reading->offers, err) < 0)
		return -1;
	reading->from = query->since;
	if (query->since < oldest - SLACK_S) {
		reading->from = oldest < query->until ? oldest : query->until;
		if (read_past(reading, err) < 0)
			return -1;
	}
	if (market_check_found(query, &reading->offers, &reading->archived, err) < 0)
		return -1;
	if (reading->from >= query->until)
		return 0;
	const struct market_window window = {
		.offers = reading->offers.v,
		.nr = reading->offers.nr,
		.zone = query->zone,
		.since = reading->from,
		.until = query->until,
	};
	return market_ask_prices(reading->fleet, &window, &reading->history, err);
}

static int finish(struct reading *reading, struct market_list *ret, struct error *err)
{
	struct market_list list = { 0 };
	size_t zones = 1;

	for (size_t i = 0; i < reading->archived.nr; i++)
		zones += reading->archived.v[i].nr;
	reading->joined = arena_alloc(&reading->offers.arena, zones * sizeof(*reading->joined));
	add_from_cloud(reading, &list);
	add_from_archive(reading, &list);
	market_build_finish(&reading->build, &list);
	market_add_failures(&list.arena, &list.failures, &list.nr_failures,
			    reading->offers.failures, reading->offers.nr_failures);
	market_add_failures(&list.arena, &list.failures, &list.nr_failures,
			    reading->history.failures, reading->history.nr_failures);
	if (list.nr) {
		*ret = list;
		return 0;
	}
	if (list.nr_failures)
		*err = list.failures[0].err;
	else
		error_set(err, ERROR_NOT_FOUND, "no spot price is known of %s in that time",
			  reading->query->nr_types ? reading->query->types[0]
						   : "any type asked for");
	market_list_release(&list);
	return -1;
}

int market_read(struct fleet *fleet, const struct market_query *query, struct market_list *ret,
		struct error *err)
{
	struct reading reading = { .fleet = fleet, .query = query };

	if (market_check_query(fleet, query, err) < 0)
		return -1;
	if (query->source == MARKET_ARCHIVE)
		return read_archive(fleet, query, ret, err);
	int rc = ask(&reading, err);
	if (rc == 0)
		rc = finish(&reading, ret, err);
	reading_release(&reading);
	return rc;
}
