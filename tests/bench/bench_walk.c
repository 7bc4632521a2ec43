/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways of bidding tried walk-forward: 500 starts, 9 zones, two years of a price that changes every
 * ten minutes; four bids in every zone and the rule for zones once. In milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bidding/walk.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/rng.h"

#define ZONES  9
#define STEP_S 600
#define SPAN_S (INT64_C(730) * 86400)
#define POINTS (SPAN_S / STEP_S)

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fill(struct price_point *v, uint64_t seed)
{
	struct rng_seeded state;
	struct rng rng = rng_seeded(&state, seed);
	int64_t price = 3000;

	for (int64_t i = 0; i < POINTS; i++) {
		price += (int64_t)rng_below(&rng, 41) - 20;
		price = price < 1000 ? 1000 : price > 6000 ? 6000 : price;
		v[i].time = i * STEP_S;
		v[i].micros = 100 * (rng_below(&rng, 100) ? price : price * 10);
	}
}

static void need(int rc, const struct error *err)
{
	if (rc < 0) {
		fprintf(stderr, "%s\n", err->message);
		exit(1);
	}
}

int main(void)
{
	static const int64_t bids[] = { 510000, 760000, 1010000, 300000 };
	static const char *const zones[ZONES] = { "a", "b", "c", "d", "e", "f", "g", "h", "i" };
	struct price_series series[ZONES];
	struct walk walk = { .series = series,
			     .nr = ZONES,
			     .until = SPAN_S,
			     .job = { 86400, 1800, 60, 300 },
			     .on_demand = 1000000 };
	struct error err = ERROR_INIT;
	struct walk_result result;

	for (size_t z = 0; z < ZONES; z++) {
		struct price_point *v = xmalloc((size_t)POINTS * sizeof(*v));

		fill(v, z);
		series[z] = (struct price_series){ zones[z], v, (size_t)POINTS };
	}
	need(walk_starts(&walk, &err), &err);
	for (int b = 0; b < BILLING_NR; b++) {
		walk.billing = (enum billing)b;
		double began = now_ms();

		for (size_t i = 0; i < ARRAY_SIZE(bids); i++)
			for (size_t z = 0; z < ZONES; z++)
				need(walk_zone(&walk, z, bids[i], &result, &err), &err);
		double zones_ms = now_ms() - began;
		need(walk_rule(&walk, bids[0], ZONE_BY_STABILITY, &result, NULL, &err), &err);
		printf("%-13s %zu starts, %d zones, %zu bids: %.0f ms; the rule: %.0f ms\n",
		       billing_name(walk.billing), result.starts, ZONES, ARRAY_SIZE(bids), zones_ms,
		       now_ms() - began - zones_ms);
	}
	for (size_t z = 0; z < ZONES; z++)
		free((void *)(uintptr_t)series[z].v);
	return 0;
}
