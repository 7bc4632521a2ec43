/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "bidding/runs.h"

/*
 * A radix sort from the lowest digit up. Prices are small whole numbers: those of one market differ
 * in 20 to 30 bits, so three passes do, where comparing would take twenty. Digits in which all
 * prices agree cost nothing. Digits of 8 bits, as 256 places to write to at once are what caches
 * and page tables hold.
 */
#define DIGIT_BITS 8
#define DIGITS	   (64 / DIGIT_BITS)
#define VALUES	   (1 << DIGIT_BITS)
#define FEW	   192 /* below this, comparing costs less than counting */

static int by_price(const void *a, const void *b)
{
	const struct price_run *x = a, *y = b;

	return (x->micros > y->micros) - (x->micros < y->micros);
}

static void count(const struct price_run *v, size_t nr, int64_t min, int digits,
		  size_t counts[DIGITS][VALUES])
{
	memset(counts, 0, (size_t)digits * sizeof(counts[0]));
	for (size_t i = 0; i < nr; i++) {
		uint64_t key = (uint64_t)(v[i].micros - min);

		for (int d = 0; d < digits; d++, key >>= DIGIT_BITS)
			counts[d][key % VALUES]++;
	}
}

static void scatter(const struct price_run *from, struct price_run *to, size_t nr, int64_t min,
		    int shift, size_t counts[VALUES])
{
	size_t sum = 0;

	for (size_t i = 0; i < VALUES; i++) {
		size_t here = counts[i];

		counts[i] = sum;
		sum += here;
	}
	for (size_t i = 0; i < nr; i++) {
		uint64_t key = (uint64_t)(from[i].micros - min) >> shift;

		to[counts[key % VALUES]++] = from[i];
	}
}

struct price_run *price_runs_sort(struct price_run *v, struct price_run *spare, size_t nr)
{
	size_t counts[DIGITS][VALUES];
	int64_t min = INT64_MAX, max = 0;
	int digits = 0;

	if (nr < FEW) {
		if (nr)
			qsort(v, nr, sizeof(*v), by_price);
		return v;
	}
	for (size_t i = 0; i < nr; i++) {
		min = v[i].micros < min ? v[i].micros : min;
		max = v[i].micros > max ? v[i].micros : max;
	}
	for (uint64_t spread = (uint64_t)(max - min); spread; spread >>= DIGIT_BITS)
		digits++;
	count(v, nr, min, digits, counts);
	for (int d = 0; d < digits; d++) {
		int shift = d * DIGIT_BITS;
		struct price_run *from = v;

		if (counts[d][(uint64_t)(v[0].micros - min) >> shift & (VALUES - 1)] == nr)
			continue;
		scatter(v, spare, nr, min, shift, counts[d]);
		v = spare;
		spare = from;
	}
	return v;
}
