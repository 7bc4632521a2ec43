/* SPDX-License-Identifier: Apache-2.0 */
#include "made_market.h"

static int64_t made_price(const struct made *made, struct rng *rng)
{
	if (made->gaps && rng_below(rng, 6) == 0)
		return PRICE_GAP;
	if (!made->prices)
		return 1 + (int64_t)rng_below(rng, UINT64_C(1) << (1 + rng_below(rng, 48)));
	return (1 + (int64_t)rng_below(rng, made->prices)) * MADE_TICK;
}

void made_market_init(struct made_market *m, uint64_t seed, const struct made *made)
{
	int64_t time = 1000000, step = made->step_s;
	size_t nr;

	m->rng = rng_seeded(&m->state, seed);
	nr = 1 + (size_t)rng_below(&m->rng, made->points);
	for (size_t i = 0; i < nr; i++) {
		if (rng_below(&m->rng, 12)) /* else: said again in the same second */
			time += 1 + (int64_t)rng_below(&m->rng, (uint64_t)step);
		m->v[i] = (struct price_point){ time, made_price(made, &m->rng) };
	}
	m->series = (struct price_series){ .zone = "z", .v = m->v, .nr = nr };
	m->since = m->v[0].time - step + (int64_t)rng_below(&m->rng, (uint64_t)(2 * step));
	m->until = time - step + (int64_t)rng_below(&m->rng, (uint64_t)(4 * step));
	if (m->until <= m->since)
		m->until = m->since + 1;
}
