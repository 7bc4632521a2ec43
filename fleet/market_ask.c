/* SPDX-License-Identifier: Apache-2.0 */
/* The questions to the cloud: what is offered where, and what it cost as spot. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "fleet/market_internal.h"

void market_offers_release(struct market_offers *offers)
{
	for (size_t i = 0; i < offers->nr_lists; i++)
		offer_list_release(&offers->lists[i]);
	arena_release(&offers->arena);
	*offers = (struct market_offers){ 0 };
}

int market_check_query(const struct fleet *fleet, const struct market_query *query,
		       struct error *err)
{
	if (!(fleet->ops->caps & PROVIDER_CAP_SPOT))
		return error_set(err, ERROR_UNSUPPORTED, "%s has no spot prices",
				 fleet->ops->title);
	if (query->since < 0 || query->until <= query->since)
		return error_set(err, ERROR_USAGE, "the history would end before it begins");
	/* https://docs.amazonaws.cn/en_us/aws/latest/userguide/billing-and-payment.html */
	for (size_t i = 0; i < query->nr_regions && strcmp(fleet->ops->name, "aws") == 0; i++) {
		if (!text_starts_with(query->regions[i], "cn-"))
			continue;
		error_set(err, ERROR_UNSUPPORTED,
			  "the prices of region '%.40s' are in CNY; only dollars are compared here",
			  query->regions[i]);
		return error_hint(err, "name regions outside of China: --region us-east-1");
	}
	return 0;
}

void market_add_failures(struct arena *arena, struct region_failure **v, size_t *nr,
			 const struct region_failure *from, size_t n)
{
	if (!n)
		return;
	struct region_failure *all = arena_alloc(arena, (*nr + n) * sizeof(*all));
	if (*nr)
		memcpy(all, *v, *nr * sizeof(*all));
	*v = all;
	for (size_t i = 0; i < n; i++) {
		bool known = false;

		for (size_t k = 0; k < *nr; k++)
			known |= strcmp(all[k].region, from[i].region) == 0;
		if (known)
			continue;
		all[*nr] = from[i];
		all[(*nr)++].region = arena_strdup(arena, from[i].region);
	}
}

static bool has_failed(const struct market_offers *offers, const char *region)
{
	for (size_t i = 0; i < offers->nr_failures; i++)
		if (strcmp(offers->failures[i].region, region) == 0)
			return true;
	return false;
}

/* One question; regions that did not answer the one before are not asked again. */
static int ask_once(struct fleet *fleet, const struct market_query *query, const char *type,
		    struct market_offers *offers, struct error *err)
{
	const char **regions = arena_alloc(&offers->arena, query->nr_regions * sizeof(*regions));
	struct offer_query ask = {
		.regions = regions,
		.type = type,
		.gpu = type ? NULL : query->gpu,
		.gpu_count = type ? 0 : query->gpu_count,
		.all_arches = true,
	};
	struct offer_list *list = &offers->lists[offers->nr_lists];

	for (size_t i = 0; i < query->nr_regions; i++)
		if (!has_failed(offers, query->regions[i]))
			regions[ask.nr_regions++] = query->regions[i];
	if (!ask.nr_regions) {
		*err = offers->failures[0].err;
		return -1;
	}
	if (fleet->ops->offers(fleet->provider, &ask, list, err) < 0)
		return fleet_explain_region(fleet, regions[0], err);
	offers->nr_lists++;
	for (size_t i = 0; i < list->nr_failures; i++)
		fleet_explain_region(fleet, list->failures[i].region, &list->failures[i].err);
	market_add_failures(&offers->arena, &offers->failures, &offers->nr_failures, list->failures,
			    list->nr_failures);
	return 0;
}

static int by_market(const void *a, const void *b)
{
	const struct offer *x = *(const struct offer *const *)a;
	const struct offer *y = *(const struct offer *const *)b;
	int rc = strcmp(x->type, y->type);

	return rc ? rc : strcmp(x->region, y->region);
}

bool market_zone_is(const struct zone *zone, const char *want)
{
	return !want || strcmp(zone->name, want) == 0 ||
	       (zone->id[0] && strcmp(zone->id, want) == 0);
}

static const struct zone *zone_of(const struct offer *offer, const char *want)
{
	for (size_t i = 0; i < offer->nr_zones; i++)
		if (market_zone_is(&offer->zones[i], want))
			return &offer->zones[i];
	return NULL;
}

/* What is sold as spot, and in the zone where one is wanted. */
static void gather(struct market_offers *offers, const struct market_query *query)
{
	size_t max = 1;

	for (size_t i = 0; i < offers->nr_lists; i++)
		max += offers->lists[i].nr;
	offers->v = arena_alloc(&offers->arena, max * sizeof(const struct offer *));
	for (size_t i = 0; i < offers->nr_lists; i++) {
		const struct offer_list *list = &offers->lists[i];

		for (size_t k = 0; k < list->nr; k++)
			if (list->v[k].spot && zone_of(&list->v[k], query->zone))
				offers->v[offers->nr++] = &list->v[k];
	}
	if (offers->nr)
		qsort(offers->v, offers->nr, sizeof(const struct offer *), by_market);
}

int market_ask_offers(struct fleet *fleet, const struct market_query *query,
		      struct market_offers *ret, struct error *err)
{
	struct market_offers offers = { 0 };
	size_t questions = query->nr_types ? query->nr_types : 1;

	if (!query->nr_regions)
		return error_set(err, ERROR_USAGE, "no region is named");
	offers.lists = arena_alloc(&offers.arena, questions * sizeof(*offers.lists));
	for (size_t i = 0; i < questions; i++) {
		bool again = false;

		for (size_t k = 0; k < i; k++)
			again |= strcmp(query->types[k], query->types[i]) == 0;
		if (!again && ask_once(fleet, query, query->nr_types ? query->types[i] : NULL,
				       &offers, err) < 0) {
			market_offers_release(&offers);
			return -1;
		}
	}
	gather(&offers, query);
	*ret = offers;
	return 0;
}

static bool is_there(const char *type, const struct market_offers *offers,
		     const struct market_list *also)
{
	for (size_t i = 0; i < offers->nr; i++)
		if (strcmp(offers->v[i]->type, type) == 0)
			return true;
	for (size_t i = 0; also && i < also->nr; i++)
		if (strcmp(also->v[i].type, type) == 0)
			return true;
	return false;
}

int market_check_found(const struct market_query *query, const struct market_offers *offers,
		       const struct market_list *also, struct error *err)
{
	const char *place = query->zone		     ? query->zone
			    : query->nr_regions == 1 ? query->regions[0]
						     : "the regions asked";

	for (size_t i = 0; i < query->nr_types; i++) {
		const char *type = query->types[i];

		if (is_there(type, offers, also))
			continue;
		error_set(err, ERROR_NOT_FOUND, "type '%.80s' is not offered as spot in %.60s",
			  type, place);
		if (offers->nr_failures)
			return error_hint(err, "%zu region%s did not answer, as %.60s",
					  offers->nr_failures, offers->nr_failures == 1 ? "" : "s",
					  offers->failures[0].region);
		return error_hint(err, "gpucloud price --all-regions --type %.80s", type);
	}
	if (query->nr_types || offers->nr || (also && also->nr))
		return 0;
	error_set(err, ERROR_NOT_FOUND, "no type with %s%.40s%sis offered as spot in %.60s",
		  query->gpu ? "GPU '" : "a GPU ", query->gpu ? query->gpu : "",
		  query->gpu ? "' " : "", place);
	return error_hint(err, "gpucloud price --all-regions");
}

/* Adds a name where it is new. */
static void add_name(const char **v, size_t *nr, const char *name)
{
	for (size_t i = 0; i < *nr; i++)
		if (strcmp(v[i], name) == 0)
			return;
	v[(*nr)++] = name;
}

int market_ask_prices(struct fleet *fleet, const struct market_window *window,
		      struct spot_history *ret, struct error *err)
{
	const char **regions = xcalloc(window->nr + 1, sizeof(*regions));
	const char **types = xcalloc(window->nr + 1, sizeof(*types));
	struct spot_query query = {
		.regions = regions, .types = types, .since = window->since, .until = window->until
	};

	for (size_t i = 0; i < window->nr; i++) {
		add_name(regions, &query.nr_regions, window->offers[i]->region);
		add_name(types, &query.nr_types, window->offers[i]->type);
	}
	/* The cloud knows a zone by its name, and refuses one of another region. */
	if (window->zone && query.nr_regions == 1)
		query.zone = zone_of(window->offers[0], window->zone)->name;
	int rc = query.nr_types ? fleet->ops->spot_history(fleet->provider, &query, ret, err) : 0;
	free(regions);
	free(types);
	return rc < 0 ? error_prefix(err, "cannot read the spot price history") : 0;
}

const char *market_zone_id(const struct offer *offer, const struct zone *zone)
{
	if (zone->id[0])
		return zone->id;
	for (size_t i = 0; i < offer->nr_zones; i++)
		if (strcmp(offer->zones[i].name, zone->name) == 0)
			return offer->zones[i].id;
	return "";
}
