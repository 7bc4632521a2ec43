/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns through the memory: all of it is written before any of it is read, so that an address
 * that leads elsewhere shows; reading goes in another order than writing did.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu-selftest/src/gpu.h"

#define MIB	    (1024ull * 1024)
#define CHUNK	    (1024 * MIB)
#define CHUNKS_MAX  512u
#define KEPT_FREE   (256 * MIB)
#define QUICK_MOST  (8192 * MIB)
#define SIMULATED   (8 * MIB) /* a CPU computes it */
#define PLANTED_BIT 37u
#define ALL	    0xffffffffffffffffull

static const struct pattern {
	const char *name;
	unsigned long long seed, mask, flip, walk;
} patterns[] = {
	{ "address", 0, ALL, 0, 0 },
	{ "inverse", 0, ALL, ALL, 0 },
	{ "55", 0, 0, 0x5555555555555555ull, 0 },
	{ "aa", 0, 0, 0xaaaaaaaaaaaaaaaaull, 0 },
	{ "walking", 0, 0, 0, ALL },
	{ "random1", 0x243f6a8885a308d3ull, ALL, 0, 0 },
	{ "random2", 0x13198a2e03707344ull, ALL, 0, 0 },
	{ "random3", 0xa4093822299f31d0ull, ALL, 0, 0 },
};
#define PATTERNS (sizeof(patterns) / sizeof(*patterns))

struct set {
	struct gpu *g;
	void *chunk[CHUNKS_MAX];
	unsigned long long bytes[CHUNKS_MAX];
	unsigned chunks;
	unsigned long long total;
	struct mem_stats *stats; /* on the GPU */
};

static unsigned gcd(unsigned a, unsigned b)
{
	while (b != 0) {
		unsigned rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static struct mem_args args_for(const struct set *s, unsigned chunk, unsigned long long base,
				const struct pattern *p)
{
	return (struct mem_args){ .data = s->chunk[chunk],
				  .units = s->bytes[chunk] / 16,
				  .base = base / 16,
				  .seed = p->seed,
				  .mask = p->mask,
				  .flip = p->flip,
				  .walk = p->walk,
				  .stats = s->stats };
}

static int pass(struct set *s, enum kernel kernel, const struct pattern *p, unsigned chunks)
{
	unsigned long long base = 0;
	for (unsigned i = 0; i < chunks; i++) {
		struct mem_args args = args_for(s, i, base, p);
		unsigned blocks = (unsigned)((args.units + MEM_TILE_UNITS - 1) / MEM_TILE_UNITS);
		/*
		 * A stride without a common divisor visits every tile once; a chunk has
		 * 2^15 tiles at most, so that 32 bits hold the product.
		 */
		args.stride = blocks * 5 / 8 | 1;
		while (gcd(args.stride, blocks) != 1)
			args.stride += 2;
		if (s->g->engine.launch(&s->g->engine, kernel, blocks, &args) != 0)
			return -1;
		base += s->bytes[i];
	}
	return 0;
}

static int reset_stats(struct set *s)
{
	struct mem_stats stats = { .first = ALL, .flips_and = ALL };
	return s->g->engine.put(&s->g->engine, s->stats, &stats, sizeof(stats));
}

static int read_stats(struct set *s, struct mem_stats *stats)
{
	return s->g->engine.get(&s->g->engine, stats, s->stats, sizeof(*stats));
}

/* Takes chunks until it has what it wants or the GPU has no more; half sizes at the end. */
static int take_memory(struct set *s, unsigned long long wanted)
{
	struct engine *e = &s->g->engine;
	unsigned long long size = CHUNK;
	void *stats;
	if (e->alloc(e, sizeof(struct mem_stats), &stats) != 0)
		return -1;
	s->stats = stats;
	while (s->total < wanted && s->chunks < CHUNKS_MAX && size >= MIB) {
		unsigned long long left = wanted - s->total;
		unsigned long long bytes = (left < size ? left : size) / 4096 * 4096;
		if (bytes < MIB)
			break;
		if (e->alloc(e, bytes, &s->chunk[s->chunks]) != 0) {
			if (s->g->last_error != CU_NO_MEMORY)
				return -1;
			size /= 2;
			continue;
		}
		s->bytes[s->chunks++] = bytes;
		s->total += bytes;
	}
	return s->chunks > 0 ? 0 : -1;
}

static void give_back(struct set *s)
{
	for (unsigned i = 0; i < s->chunks; i++)
		s->g->driver.release((cu_memory)(uintptr_t)s->chunk[i]);
	if (s->stats != NULL)
		s->g->driver.release((cu_memory)(uintptr_t)s->stats);
}

/* The test tests itself: one bit is flipped behind its back, and it must find that one. */
static int find_planted(struct set *s, bool *found)
{
	struct engine *e = &s->g->engine;
	struct mem_stats stats;
	unsigned long long word, at = s->bytes[0] / 8 * 5 / 8;
	unsigned long long *place = (unsigned long long *)s->chunk[0] + at;
	if (pass(s, K_mem_fill, &patterns[0], 1) != 0 || reset_stats(s) != 0 ||
	    e->get(e, &word, place, sizeof(word)) != 0)
		return -1;
	word ^= 1ull << PLANTED_BIT;
	if (e->put(e, place, &word, sizeof(word)) != 0 ||
	    pass(s, K_mem_check, &patterns[0], 1) != 0 || read_stats(s, &stats) != 0)
		return -1;
	/* a bad memory has more to find; that is for the patterns to say */
	*found = stats.bad >= 1 && stats.first <= at && stats.last >= at &&
		 (stats.flips_or >> PLANTED_BIT & 1) != 0;
	return 0;
}

static void merge(struct mem_stats *all, const struct mem_stats *one)
{
	all->bad += one->bad;
	all->soft += one->soft;
	all->first = one->first < all->first ? one->first : all->first;
	all->last = one->last > all->last ? one->last : all->last;
	all->flips_or |= one->flips_or;
	all->flips_and &= one->flips_and;
	for (unsigned i = 0; i < 64; i++)
		all->bits[i] += one->bits[i];
}

static void record_bits(struct json *j, const struct mem_stats *all)
{
	json_open(j, "bits", '{');
	for (unsigned i = 0; i < 64; i++) {
		char name[4];
		snprintf(name, sizeof(name), "%u", i);
		if (all->bits[i] > 0)
			json_int(j, name, (long long)all->bits[i]);
	}
	json_close(j, '}');
}

static void record_result(struct set *s, const struct mem_stats *all, double seconds,
			  const char *names)
{
	struct gpu *g = s->g;
	struct json j;
	record_check_begin(&j, "mem.pattern", all->bad > 0 ? SEVERITY_FAIL : SEVERITY_PASS, NULL);
	json_int(&j, "bytes", (long long)s->total);
	json_int(&j, "patterns", (long long)PATTERNS);
	json_real(&j, "gb_per_s", 2.0 * PATTERNS * (double)s->total / seconds / 1e9, 1);
	json_int(&j, "errors", (long long)all->bad);
	json_int(&j, "soft", (long long)all->soft);
	if (all->bad > 0) {
		json_hex(&j, "first_bad", all->first * 8);
		json_hex(&j, "last_bad", all->last * 8);
		json_hex(&j, "xor_or", all->flips_or);
		json_hex(&j, "xor_and", all->flips_and);
		record_bits(&j, all);
		json_string(&j, "failing_patterns", names);
	} else {
		json_null(&j, "first_bad");
		json_hex(&j, "xor_or", 0);
	}
	record_check_end(g->record, &j);
	if (all->bad > 0)
		record_problem(g->record, SEVERITY_FAIL, "mem.pattern",
			       "terminate this machine and launch another",
			       "GPU %d: %llu wrong words in memory, the first at byte 0x%llx%s",
			       g->device, all->bad, all->first * 8,
			       all->soft == all->bad ? "; right when read again" : "");
}

static int run_patterns(struct set *s)
{
	struct mem_stats all = { .first = ALL, .flips_and = ALL }, one;
	double seconds = 0, pattern_seconds;
	char names[128] = "";
	for (unsigned i = 0; i < PATTERNS; i++) {
		if (reset_stats(s) != 0 || gpu_start_timer(s->g) != 0 ||
		    pass(s, K_mem_fill, &patterns[i], s->chunks) != 0 ||
		    pass(s, K_mem_check, &patterns[i], s->chunks) != 0 ||
		    gpu_stop_timer(s->g, &pattern_seconds) != 0 || read_stats(s, &one) != 0)
			return -1;
		seconds += pattern_seconds;
		merge(&all, &one);
		size_t used = strlen(names);
		if (one.bad > 0)
			snprintf(names + used, sizeof(names) - used, "%s%s", used > 0 ? " " : "",
				 patterns[i].name);
	}
	record_result(s, &all, seconds, names);
	return 0;
}

static int self_check(struct set *s)
{
	struct json j;
	bool found;
	if (find_planted(s, &found) != 0)
		return -1;
	record_check_begin(&j, "mem.selfcheck", found ? SEVERITY_PASS : SEVERITY_FAIL, NULL);
	json_bool(&j, "planted_flip_found", found);
	record_check_end(s->g->record, &j);
	if (!found)
		record_problem(s->g->record, SEVERITY_FAIL, "mem.selfcheck",
			       "terminate this machine and launch another",
			       "GPU %d: a bit that was flipped on purpose was not seen",
			       s->g->device);
	return 0;
}

int phase_memory(struct gpu *g)
{
	struct set *s = calloc(1, sizeof(*s));
	size_t unused = 0, total = 0;
	int rc = -1;
	record_phase(g->record, "memory", 300);
	if (s == NULL || gpu_checked(g, g->driver.memory_info(&unused, &total)) != 0) {
		free(s);
		return gpu_stopped(g, "asking for its memory");
	}
	s->g = g;
	unsigned long long wanted = unused > 2 * KEPT_FREE ? unused - KEPT_FREE : unused / 2;
	if (!g->options->full && wanted > QUICK_MOST)
		wanted = QUICK_MOST;
	if (g->facts.simulated && wanted > SIMULATED)
		wanted = SIMULATED;
	if (take_memory(s, wanted) != 0)
		gpu_stopped(g, "taking memory");
	else if (self_check(s) != 0 || run_patterns(s) != 0)
		gpu_stopped(g, "the memory test");
	else
		rc = 0;
	/* much less than was free: what we could not take, we could not test */
	if (rc == 0 && (double)s->total < 0.9 * (double)wanted)
		record_problem(g->record, SEVERITY_WARN, "mem.coverage",
			       "end what uses the GPU's memory and run again",
			       "GPU %d: only %llu of %llu MiB could be taken for the memory test",
			       g->device, s->total / MIB, wanted / MIB);
	give_back(s);
	free(s);
	return rc;
}
