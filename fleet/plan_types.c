/* SPDX-License-Identifier: Apache-2.0 */
/* Which instance types come into question, cheapest first. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "fleet/plan_internal.h"

static bool fits(const struct offer *offer, const struct plan_options *options)
{
	if (options->spot && !offer->spot)
		return false;
	if (options->type) /* named: only what cannot be launched at all is left out */
		return true;
	return offer->gpu_fraction >= 1.0 && (options->spot || offer->on_demand != MONEY_UNKNOWN);
}

static int by_price(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->price != y->price)
		return x->price < y->price ? -1 : 1;
	return strcmp(x->offer->type, y->offer->type);
}

/* The least price in force over the zones of each type; types without one are dropped. */
static int price_by_spot(struct fleet *fleet, struct candidate *v, size_t *nr, struct error *err)
{
	struct spot_history history = { 0 };
	const char **types = xcalloc(*nr, sizeof(*types));
	int64_t now = clock_now(fleet->clock);

	for (size_t i = 0; i < *nr; i++)
		types[i] = v[i].offer->type;
	const struct spot_query query = {
		.regions = &v[0].offer->region,
		.nr_regions = 1,
		.types = types,
		.nr_types = *nr,
		.since = now,
		.until = now,
	};
	int rc = fleet->ops->spot_history(fleet->provider, &query, &history, err);
	free(types);
	if (rc < 0)
		return error_prefix(err, "cannot read the spot prices");
	size_t kept = 0;
	for (size_t i = 0; i < *nr; i++) {
		int64_t least = MONEY_UNKNOWN;

		for (size_t s = 0; s < history.nr; s++) {
			const struct spot_series *series = &history.v[s];

			if (strcmp(series->type, v[i].offer->type) != 0 || !series->nr)
				continue;
			int64_t price = series->v[series->nr - 1].micros;
			if (least == MONEY_UNKNOWN || price < least)
				least = price;
		}
		if (least == MONEY_UNKNOWN)
			continue;
		v[kept] = v[i];
		v[kept++].price = least;
	}
	*nr = kept;
	spot_history_release(&history);
	return 0;
}

int plan_candidates(struct fleet *fleet, const struct plan_options *options,
		    const struct offer_list *offers, struct candidate **ret, size_t *ret_nr,
		    struct error *err)
{
	struct candidate *v = xcalloc(offers->nr, sizeof(*v));
	size_t nr = 0;

	for (size_t i = 0; i < offers->nr; i++)
		if (fits(&offers->v[i], options))
			v[nr++] = (struct candidate){ &offers->v[i], offers->v[i].on_demand };
	if (nr > 1 && options->spot && price_by_spot(fleet, v, &nr, err) < 0) {
		free(v);
		return -1;
	}
	if (nr)
		qsort(v, nr, sizeof(*v), by_price);
	*ret = v;
	*ret_nr = nr;
	return 0;
}
