/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prices as EC2 has set them since the end of bidding: slow, a few steps a day, far below on demand
 * nearly everywhere. Level, drift and unrest of a pool come from hashes, so that the price of any
 * moment can be had without the prices before it.
 */
#include "simulator/cloud/market_pool.h"

#include <string.h>

#include "core/money.h"

#define DAY INT64_C(86400)

enum temper {
	CALM,
	PINNED,
	NERVOUS
};

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* [0, 1) of a purpose and a number. */
static double unit(const struct pool *pool, uint64_t purpose, int64_t i)
{
	uint64_t x = mix(pool->seed ^ mix(purpose * 1000003u + (uint64_t)i));

	return (double)(x >> 11) * 0x1.0p-53;
}

uint64_t synthetic_seed(uint64_t seed, const char *type, const char *zone)
{
	uint64_t h = mix(seed);

	for (const char *p = type; *p; p++)
		h = mix(h ^ (unsigned char)*p);
	h = mix(h ^ '/');
	for (const char *p = zone; *p; p++)
		h = mix(h ^ (unsigned char)*p);
	return h;
}

static bool first_zone(const struct pool *pool)
{
	return pool->zone[strlen(pool->zone) - 1] == 'a';
}

static enum temper temper_of(const struct pool *pool)
{
	double u = unit(pool, 1, 0);

	if (first_zone(pool))
		return CALM;
	if (u < 0.12)
		return PINNED;
	return u < 0.26 ? NERVOUS : CALM;
}

static int64_t slot_length(enum temper temper)
{
	switch (temper) {
	case PINNED:
		return DAY; /* EC2 restates a price that does not move once a day */
	case NERVOUS:
		return DAY / 8;
	case CALM:
		break;
	}
	return DAY / 4;
}

void synthetic_prepare(struct pool *pool)
{
	enum temper temper = temper_of(pool);

	pool->temper = (int)temper;
	pool->slot_s = slot_length(temper);
	pool->base = 0.30 + (first_zone(pool) ? 0.10 : 0.25) * unit(pool, 2, 0);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Smooth noise in [-1, 1]: hashes at multiples of `every` seconds, joined by a cubic. */
static double drift(const struct pool *pool, uint64_t purpose, int64_t t, int64_t every)
{
	int64_t i = floor_div(t, every);
	double x = (double)(t - i * every) / (double)every;
	double a = unit(pool, purpose, i), b = unit(pool, purpose, i + 1);

	x = x * x * (3 - 2 * x);
	return 2 * (a + (b - a) * x) - 1;
}

/* The share of on demand that a slot's change asks. */
static double share_of(const struct pool *pool, int64_t slot, int64_t t)
{
	double share;

	if (pool->temper == PINNED)
		return 1;
	share = pool->base *
		(1 + 0.07 * drift(pool, 3, t, 21 * DAY) + 0.03 * drift(pool, 4, t, 2 * DAY));
	if (pool->temper == NERVOUS) {
		share *= 1 + 0.25 * drift(pool, 5, t, DAY / 2);
		if (unit(pool, 6, slot) < 0.04)
			share = 0.70 + 0.30 * unit(pool, 7, slot);
	}
	if (share < 0.28) /* EC2's deepest discount is about that */
		return 0.28;
	return share < 1 ? share : 1;
}

int64_t synthetic_slot_of(const struct pool *pool, int64_t t)
{
	return floor_div(t, pool->slot_s);
}

struct price_point synthetic_change(const struct pool *pool, int64_t slot)
{
	int64_t length = pool->slot_s;
	struct price_point point;

	point.time = slot * length + (int64_t)(unit(pool, 8, slot) * (double)length);
	point.micros = (int64_t)(share_of(pool, slot, point.time) * (double)pool->on_demand);
	if (pool->temper == PINNED) /* exactly, whatever the doubles say */
		point.micros = pool->on_demand;
	else
		point.micros = money_round_up(point.micros, 100);
	if (point.micros > pool->on_demand)
		point.micros = pool->on_demand;
	return point;
}
