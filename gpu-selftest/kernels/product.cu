/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C = A B in fp32. The inputs are small integers, so every partial sum is one too and no order of
 * summation can change a bit: whatever differs is a fault.
 */
#include "gpu-selftest/kernels/pattern.h"

#define EDGE 8u /* a thread computes EDGE x EDGE values, in four quarters of 4 x 4 */
#define HALF (PRODUCT_TILE / 2)

KERNEL(product_fill, fill_args)
{
	FOR_THREADS
	{
		unsigned long long i = (unsigned long long)BLOCK * THREADS + tid;
		unsigned long long step = (unsigned long long)BLOCKS * THREADS;
		for (; i < ARG(count); i += step)
			ARG(out)[i] = (float)small_integer(ARG(seed), i);
	}
	SYNC();
}

/* Four neighbouring floats; compilers make one 16-byte access of it where alignment is known. */
struct four {
	float v[4];
};

DEVICE struct four load_four(const float *p)
{
	struct four f;
#ifdef __CUDACC__
	float4 q = *(const float4 *)p;
	f.v[0] = q.x;
	f.v[1] = q.y;
	f.v[2] = q.z;
	f.v[3] = q.w;
#else
	memcpy(&f, p, sizeof(f));
#endif
	return f;
}

DEVICE void store_four(float *p, const float *v)
{
#ifdef __CUDACC__
	*(float4 *)p = make_float4(v[0], v[1], v[2], v[3]);
#else
	memcpy(p, v, 4 * sizeof(*v));
#endif
}

/* Slab of A: 128 rows x 8, stored turned; thread t brings row t/2, half t%2. */
DEVICE void put_a(float *slab, unsigned tid, struct four f)
{
	unsigned row = tid / 2, k = tid % 2 * 4;
	UNROLL
	for (unsigned j = 0; j < 4; j++)
		slab[(k + j) * PRODUCT_TILE + row] = f.v[j];
}

DEVICE void multiply_slab(const float *sa, const float *sb, unsigned tid, float *acc)
{
	unsigned row = tid / 16 * 4, column = tid % 16 * 4;
	UNROLL
	for (unsigned k = 0; k < PRODUCT_SLAB; k++) {
		struct four a[2], b[2];
		a[0] = load_four(sa + k * PRODUCT_TILE + row);
		a[1] = load_four(sa + k * PRODUCT_TILE + HALF + row);
		b[0] = load_four(sb + k * PRODUCT_TILE + column);
		b[1] = load_four(sb + k * PRODUCT_TILE + HALF + column);
		UNROLL
		for (unsigned i = 0; i < EDGE; i++) {
			UNROLL
			for (unsigned j = 0; j < EDGE; j++)
				acc[i * EDGE + j] = MAC(a[i / 4].v[i % 4], b[j / 4].v[j % 4],
							acc[i * EDGE + j]);
		}
	}
}

#define A_AT(k) (ARG(a) + (unsigned long long)(row0 + tid / 2) * ARG(depth) + (k) + tid % 2 * 4)
#define B_AT(k)                                                                                    \
	(ARG(b) + (unsigned long long)((k) + tid / 32) * ARG(columns) + column0 + tid % 32 * 4)

KERNEL(product_f32, product_args)
{
#ifdef __CUDACC__
	__align__(16)
#endif
	SHARED float sa[2][PRODUCT_SLAB * PRODUCT_TILE];
#ifdef __CUDACC__
	__align__(16)
#endif
	SHARED float sb[2][PRODUCT_SLAB * PRODUCT_TILE];
	PER_THREAD(float, acc, EDGE *EDGE);
	unsigned across = ARG(columns) / PRODUCT_TILE;
	unsigned row0 = BLOCK / across * PRODUCT_TILE, column0 = BLOCK % across * PRODUCT_TILE;

	FOR_THREADS
	{
		UNROLL
		for (unsigned i = 0; i < EDGE * EDGE; i++)
			MINE(acc)[i] = 0.0f;
		put_a(sa[0], tid, load_four(A_AT(0)));
		store_four(sb[0] + tid / 32 * PRODUCT_TILE + tid % 32 * 4, load_four(B_AT(0)).v);
	}
	SYNC();
	for (unsigned k = 0, now = 0; k < ARG(depth); k += PRODUCT_SLAB, now ^= 1) {
		/* the next slab is on its way while this one is multiplied */
		FOR_THREADS
		{
			unsigned next = k + PRODUCT_SLAB;
			struct four fa, fb;
			fa.v[0] = fb.v[0] = 0.0f;
			if (next < ARG(depth)) {
				fa = load_four(A_AT(next));
				fb = load_four(B_AT(next));
			}
			multiply_slab(sa[now], sb[now], tid, MINE(acc));
			if (next < ARG(depth)) {
				put_a(sa[now ^ 1], tid, fa);
				store_four(sb[now ^ 1] + tid / 32 * PRODUCT_TILE + tid % 32 * 4,
					   fb.v);
			}
		}
		SYNC();
	}
	FOR_THREADS
	{
		UNROLL
		for (unsigned i = 0; i < EDGE; i++) {
			unsigned row = row0 + i / 4 * HALF + tid / 16 * 4 + i % 4;
			float *c = ARG(c) + (unsigned long long)row * ARG(columns) + column0;
			store_four(c + tid % 16 * 4, MINE(acc) + i * EDGE);
			store_four(c + HALF + tid % 16 * 4, MINE(acc) + i * EDGE + 4);
		}
	}
}

/* NaN fails both comparisons of the first test: it must not pass for a number. */
DEVICE long long exact_integer(float v, float limit, unsigned long long *bad)
{
	if (!(v >= -limit && v <= limit) || (float)(int)v != v) {
		(void)ATOMIC_ADD(bad, 1ull);
		return 0;
	}
	return (long long)(int)v;
}

KERNEL(sum_rows, sum_args)
{
	SHARED long long sums[THREADS];
	const float *row = ARG(c) + (unsigned long long)BLOCK * ARG(columns);
	FOR_THREADS
	{
		long long sum = 0;
		for (unsigned i = tid; i < ARG(columns); i += THREADS)
			sum += exact_integer(row[i], ARG(limit), ARG(bad));
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
			ARG(sums)[BLOCK] = sums[0];
	}
}

KERNEL(sum_columns, sum_args)
{
	unsigned across = (ARG(columns) + THREADS - 1) / THREADS;
	unsigned part = BLOCK / across;
	FOR_THREADS
	{
		unsigned column = BLOCK % across * THREADS + tid;
		if (column < ARG(columns)) {
			long long sum = 0;
			for (unsigned i = 0; i < SUM_ROWS; i++) {
				unsigned long long row = part * SUM_ROWS + i;
				sum += exact_integer(ARG(c)[row * ARG(columns) + column],
						     ARG(limit), ARG(bad));
			}
			ARG(sums)[(unsigned long long)part * ARG(columns) + column] = sum;
		}
	}
	SYNC();
}
