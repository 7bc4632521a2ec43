/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and checking patterns, and moving memory as fast as it goes. */
#include "gpu-selftest/kernels/pattern.h"

#define IN_FLIGHT 8u /* units a thread has under way: MEM_TILE_UNITS / THREADS */

KERNEL(mem_fill, mem_args)
{
	VEC16 *data = (VEC16 *)ARG(data);
	FOR_THREADS
	{
		unsigned long long first = (unsigned long long)BLOCK * MEM_TILE_UNITS + tid;
		UNROLL
		for (unsigned j = 0; j < IN_FLIGHT; j++) {
			unsigned long long unit = first + j * THREADS;
			if (unit < ARG(units))
				data[unit] = pattern_at(ARGS, ARG(base) + unit);
		}
	}
	SYNC();
}

DEVICE void note_bad(struct mem_stats *stats, unsigned long long word, unsigned long long flips,
		     int soft)
{
	unsigned long long before = ATOMIC_ADD(&stats->bad, 1ull);
	if (soft != 0)
		(void)ATOMIC_ADD(&stats->soft, 1ull);
	ATOMIC_MIN(&stats->first, word);
	ATOMIC_MAX(&stats->last, word);
	ATOMIC_OR(&stats->flips_or, flips);
	ATOMIC_AND(&stats->flips_and, flips);
	if (before >= MEM_DETAIL)
		return;
	KEEP_LOOP
	for (unsigned bit = 0; bit < 64; bit++)
		if ((flips >> bit & 1) != 0)
			(void)ATOMIC_ADD(&stats->bits[bit], 1ull);
}

/* A wrong word is read again, past the caches: right then means the path, not the cell. */
RARE void check_word(struct mem_stats *stats, unsigned long long word,
		     const unsigned long long *at, unsigned long long got, unsigned long long want)
{
	if (got != want)
		note_bad(stats, word, got ^ want, RELOAD64(at) == want);
}

KERNEL(mem_check, mem_args)
{
	const VEC16 *data = (const VEC16 *)ARG(data);
	/* another order than the writes had, so that no buffer answers for the memory */
	unsigned tile = BLOCK * ARG(stride) % BLOCKS;
	FOR_THREADS
	{
		unsigned long long first = (unsigned long long)tile * MEM_TILE_UNITS + tid;
		VEC16 got[IN_FLIGHT];
		UNROLL
		for (unsigned j = 0; j < IN_FLIGHT; j++) {
			got[j].x = got[j].y = 0;
			if (first + j * THREADS < ARG(units))
				got[j] = LOAD(data + first + j * THREADS);
		}
		UNROLL
		for (unsigned j = 0; j < IN_FLIGHT; j++) {
			unsigned long long unit = first + j * THREADS;
			if (unit >= ARG(units))
				continue;
			VEC16 want = pattern_at(ARGS, ARG(base) + unit);
			if (got[j].x == want.x && got[j].y == want.y)
				continue;
			const unsigned long long *at = (const unsigned long long *)(data + unit);
			unsigned long long word = 2 * (ARG(base) + unit);
			check_word(ARG(stats), word, at, got[j].x, want.x);
			check_word(ARG(stats), word + 1, at + 1, got[j].y, want.y);
		}
	}
	SYNC();
}

/* A grid smaller than the data walks through it; the tree of sums has one shape for all. */
KERNEL(bandwidth_read, bandwidth_args)
{
	SHARED unsigned long long sums[THREADS];
	const VEC16 *data = (const VEC16 *)ARG(data);
	FOR_THREADS
	{
		unsigned long long sum = 0;
		unsigned long long step = (unsigned long long)BLOCKS * MEM_TILE_UNITS;
		unsigned long long tile = (unsigned long long)BLOCK * MEM_TILE_UNITS;
		for (; tile < ARG(units); tile += step) {
			VEC16 v[IN_FLIGHT];
			UNROLL
			for (unsigned j = 0; j < IN_FLIGHT; j++) {
				unsigned long long unit = tile + j * THREADS + tid;
				v[j].x = v[j].y = 0;
				if (unit < ARG(units))
					v[j] = LOAD(data + unit);
			}
			UNROLL
			for (unsigned j = 0; j < IN_FLIGHT; j++)
				sum += v[j].x + v[j].y;
		}
		sums[tid] = sum;
	}
	SYNC();
	for (unsigned half = THREADS / 2; half > 0; half /= 2) {
		FOR_THREADS
		{
			if (tid < half)
				sums[tid] += sums[tid + half];
		}
		SYNC();
	}
	FOR_THREADS
	{
		if (tid == 0)
			ARG(partial)[BLOCK] = sums[0];
	}
}

KERNEL(bandwidth_write, bandwidth_args)
{
	VEC16 *data = (VEC16 *)ARG(data);
	FOR_THREADS
	{
		unsigned long long first = (unsigned long long)BLOCK * MEM_TILE_UNITS + tid;
		UNROLL
		for (unsigned j = 0; j < IN_FLIGHT; j++) {
			unsigned long long unit = first + j * THREADS;
			VEC16 v;
			v.x = 2 * unit * ARG(seed);
			v.y = v.x + ARG(seed);
			if (unit < ARG(units))
				data[unit] = v;
		}
	}
	SYNC();
}

KERNEL(bandwidth_copy, bandwidth_args)
{
	const VEC16 *data = (const VEC16 *)ARG(data);
	VEC16 *to = (VEC16 *)ARG(to);
	FOR_THREADS
	{
		unsigned long long first = (unsigned long long)BLOCK * MEM_TILE_UNITS + tid;
		VEC16 v[IN_FLIGHT];
		UNROLL
		for (unsigned j = 0; j < IN_FLIGHT; j++) {
			v[j].x = v[j].y = 0;
			if (first + j * THREADS < ARG(units))
				v[j] = LOAD(data + first + j * THREADS);
		}
		UNROLL
		for (unsigned j = 0; j < IN_FLIGHT; j++)
			if (first + j * THREADS < ARG(units))
				to[first + j * THREADS] = v[j];
	}
	SYNC();
}
