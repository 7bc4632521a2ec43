/* SPDX-License-Identifier: Apache-2.0 */
/* The value that belongs into a unit of memory, and the small integers of the matrix product. */
#ifndef GPUCLOUD_SELFTEST_PATTERN_H
#define GPUCLOUD_SELFTEST_PATTERN_H

#include "gpu-selftest/kernels/args.h"
#include "gpu-selftest/kernels/portable.h"

/*
 * Cheap, because a fast card writes a unit every few picoseconds: one 32-bit hash per unit, and the
 * unit's own number beside it, so that no two units within 64 GiB hold the same.
 */
DEVICE VEC16 pattern_hash(unsigned long long unit, unsigned long long seed)
{
	unsigned low = (unsigned)unit;
	unsigned h = low * 0x9E3779B1u + (unsigned)(unit >> 32) * 0x85EBCA77u + (unsigned)seed;
	h ^= h >> 15;
	h *= 0x2C1B3C6Du;
	h ^= h >> 13;
	VEC16 v;
	v.x = ((unsigned long long)h << 32 | low) ^ seed;
	v.y = ((unsigned long long)(h * 0x297A2D39u) << 32 | (h + ~low)) ^ (seed >> 7);
	return v;
}

/* All patterns are one expression, so that the kernels hold no branch on which it is. */
DEVICE VEC16 pattern_at(const struct mem_args *m, unsigned long long unit)
{
	VEC16 v = pattern_hash(unit, m->seed);
	v.x = (v.x & m->mask) ^ m->flip ^ (1ull << (unit & 63) & m->walk);
	v.y = (v.y & m->mask) ^ m->flip ^ (1ull << ((unit + 21) & 63) & m->walk);
	return v;
}

/* An integer in -15..15, from a matrix's seed and an element's index. */
DEVICE int small_integer(unsigned seed, unsigned long long index)
{
	unsigned h = (unsigned)index * 0x9E3779B1u + (unsigned)(index >> 32) * 0x85EBCA77u + seed;
	h ^= h >> 16;
	h *= 0x7FEB352Du;
	h ^= h >> 15;
	return (int)(((h >> 8) * 31u) >> 24) - 15;
}

#endif
