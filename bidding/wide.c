/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/wide.h"

#include <math.h>

#include "core/money.h"

#define ROOM 124 /* bits of a sum of squares; two are left over for the sign and for rounding */

static int bits(uint64_t n)
{
	return n ? 64 - __builtin_clzll(n) : 0;
}

struct price_scale price_scale_of(int64_t min, int64_t max, int64_t seconds)
{
	struct price_scale scale = { .base = min };
	int spread = bits((uint64_t)max - (uint64_t)min),
	    room = (ROOM - bits((uint64_t)seconds)) / 2;

	scale.shift = spread > room ? spread - room : 0;
	return scale;
}

void price_moments_add(struct price_moments *m, const struct price_scale *scale, int64_t micros,
		       int64_t seconds)
{
	wide above = (wide)((micros - scale->base) >> scale->shift);

	m->seconds += seconds;
	m->first += above * seconds;
	m->second += above * above * seconds;
}

/*
 * Squares are moved to the whole number next to the mean before anything is rounded: what is left
 * is the same whatever the base was, and nothing cancels.
 */
void price_moments_finish(const struct price_moments *m, const struct price_scale *scale,
			  double *mean, double *std)
{
	wide middle = (m->first + m->seconds / 2) / m->seconds;
	wide first = m->first - middle * m->seconds;
	wide second = m->second - middle * m->first - middle * first;
	double total = (double)m->seconds, off = (double)first / total;
	double variance = (double)second / total - off * off;
	double unit = (double)(INT64_C(1) << scale->shift);
	int64_t whole = scale->base + (int64_t)(middle << scale->shift);

	*mean = ((double)whole + off * unit) / (double)USD_MICROS;
	*std = variance > 0 ? sqrt(variance) * unit / (double)USD_MICROS : 0;
}
