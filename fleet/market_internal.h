/* SPDX-License-Identifier: Apache-2.0 */
/* Between market*.c and price_archive*.c only: what is asked of a cloud, and how a list is put together. */
#ifndef GPUCLOUD_FLEET_MARKET_INTERNAL_H
#define GPUCLOUD_FLEET_MARKET_INTERNAL_H

#include "fleet/market.h"

#define MARKET_PRODUCT	"Linux/UNIX"
#define MARKET_TIME_MAX INT64_C(253402300799) /* the last second of the year 9999 */

/* --- what the cloud says (market_ask.c) ------------------------------------------------------ */

struct market_offers {
	struct arena arena;
	struct offer_list *lists; /* one for each question */
	size_t nr_lists;
	const struct offer **v; /* of all lists; sorted by type, region */
	size_t nr;
	struct region_failure *failures; /* one for each region at most */
	size_t nr_failures;
};
void market_offers_release(struct market_offers *offers);

/* No spot prices here, prices that are no dollars, a window that ends before it begins. */
int market_check_query(const struct fleet *fleet, const struct market_query *query,
		       struct error *err);

/*
 * What query's regions offer of its types, or of those that match its GPU; with a zone, only where
 * it has them. Nothing of a kind found may be no error: the caller decides (market_nothing).
 */
int market_ask_offers(struct fleet *fleet, const struct market_query *query,
		      struct market_offers *ret, struct error *err);

/* ERROR_NOT_FOUND for query's first type that no offer and no market of `also` has. 0: all are there. */
int market_check_found(const struct market_query *query, const struct market_offers *offers,
		       const struct market_list *also, struct error *err);

/*
 * The spot prices of these offers in [since, until], all of them at once; zone as in market_query.
 * Pairs of region and type that are not among the offers may be in the answer too.
 */
struct market_window {
	const struct offer *const *offers;
	size_t nr;
	const char *zone;
	int64_t since, until;
};
int market_ask_prices(struct fleet *fleet, const struct market_window *window,
		      struct spot_history *ret, struct error *err);

/* The zone that is called so by the offer; its id where the series does not tell one. */
const char *market_zone_id(const struct offer *offer, const struct zone *zone);
bool market_zone_is(const struct zone *zone, const char *want); /* by name or id; NULL: any */

/* Adds what failed, each region once; strings are copied into the arena. */
void market_add_failures(struct arena *arena, struct region_failure **v, size_t *nr,
			 const struct region_failure *from, size_t n);

/* --- putting a list together (market_build.c) ------------------------------------------------ */

/* One zone on its way into a list; strings and points are borrowed until the list is finished. */
struct market_row {
	const char *provider, *region, *type;
	struct zone zone;
	const struct price_point *v;
	size_t nr;
	int64_t on_demand, on_demand_as_of; /* of the market */
	bool on_demand_builtin;
};

struct market_build {
	struct market_row *v;
	size_t nr, cap;
};
void market_build_add(struct market_build *build, const struct market_row *row);
void market_build_release(struct market_build *build);
/* Copies all into the list's arena. Rows without a known price are left out. */
void market_build_finish(struct market_build *build, struct market_list *list);

/*
 * The two records of one zone as one: the cloud's from its first change on, the archive's before.
 * Where the archive ends earlier there is a gap. Owned by the arena.
 */
struct price_series market_join(struct arena *arena, const struct price_series *archive,
				const struct price_series *cloud);

#endif
