/* SPDX-License-Identifier: Apache-2.0 */
/* What the fake cloud offers, and what that cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "tests/contract/fake_provider.h"

/* One type in three zones, or in a region that has none, a dollar an hour on demand. */
int fake_offers(struct provider *p, const struct offer_query *query, struct offer_list *ret,
		struct error *err)
{
	static const struct zone zones[] = { { "r1a", "" }, { "r1b", "" }, { "r1c", "" } };
	static const struct zone region[] = { { FAKE_REGION, "" } };
	bool full = fake_state_of(p)->mode == FAKE_FULL;
	struct offer_list list = { 0 };

	(void)err;
	list.v = arena_alloc(&list.arena, sizeof(*list.v));
	if (!query->type || strcmp(query->type, FAKE_TYPE) == 0)
		list.v[list.nr++] = (struct offer){
			.provider = "fake",
			.region = FAKE_REGION,
			.type = FAKE_TYPE,
			.gpu = "V100",
			.arch = "x86_64",
			.gpu_count = 1,
			.gpu_fraction = 1,
			.vcpus = 8,
			.spot = full,
			.on_demand = 1000000,
			.zones = full ? zones : region,
			.nr_zones = full ? 3 : 1,
		};
	*ret = list;
	return 0;
}

/* Every zone has the steps of the state; b is the calmest, then c, then a. */
int fake_history(struct provider *p, const struct spot_query *query, struct spot_history *ret,
		 struct error *err)
{
	static const char *const names[] = { "r1a", "r1b", "r1c" };
	static const int64_t unrest[] = { 90000, 0, 30000 };
	struct fake_state *state = fake_state_of(p);
	struct spot_history history = { 0 };

	if (state->no_history)
		return error_set(err, ERROR_NETWORK, "no prices today");
	history.v = arena_alloc(&history.arena, 3 * sizeof(*history.v));
	for (size_t z = 0; z < 3; z++) {
		struct spot_series *series = &history.v[history.nr];

		if (query->zone && strcmp(query->zone, names[z]) != 0)
			continue;
		*series = (struct spot_series){ FAKE_REGION, FAKE_TYPE, { names[z], "" }, NULL, 0 };
		series->v = arena_alloc(&history.arena, 8 * sizeof(*series->v));
		for (size_t i = 0; i < state->nr_steps; i++)
			series->v[series->nr++] =
				(struct price_point){ state->steps[i].time,
						      state->steps[i].micros +
							      (i % 2 ? unrest[z] : 0) };
		history.nr++;
	}
	*ret = history;
	return 0;
}
