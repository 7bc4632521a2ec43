/* SPDX-License-Identifier: Apache-2.0 */
/* One pool of the market, shared by market.c and market_synthetic.c only. */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_MARKET_POOL_H
#define GPUCLOUD_SIMULATOR_CLOUD_MARKET_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "simulator/cloud/market.h"

struct pool {
	char type[MARKET_NAME_MAX];
	char zone[MARKET_NAME_MAX];
	struct price_point *v; /* recorded; NULL: synthetic */
	size_t nr;
	uint64_t seed;	   /* synthetic: of this pool */
	int64_t on_demand; /* synthetic: what its prices turn around */
	int64_t since;	   /* synthetic: no change before that */
	/* synthetic, made of the above once: asked for at each change */
	int temper;
	double base;
	int64_t slot_s;
};

/*
 * Synthetic pools have one change in every slot of time, numbered from the epoch. The change of a
 * slot is a function of the pool's seed and the slot's number alone.
 */
int64_t synthetic_slot_of(const struct pool *pool, int64_t t);
struct price_point synthetic_change(const struct pool *pool, int64_t slot);
/* Once type, zone, seed and on_demand are set. */
void synthetic_prepare(struct pool *pool);
uint64_t synthetic_seed(uint64_t seed, const char *type, const char *zone);

#endif
