/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the GPU reaches its own memory, with every byte that was moved checked. */
#include <stdlib.h>
#include <string.h>

#include "gpu-selftest/src/gpu.h"

#define MIB	 (1024ull * 1024)
#define REPS_MAX 20u
#define SEED	 0x9e3779b97f4a7c15ull /* odd, so that every word differs */

struct bandwidth {
	struct gpu *g;
	void *data, *to;
	unsigned long long *partial;
	struct mem_stats *stats;
	unsigned long long bytes, units;
	unsigned tiles, readers, reps;
};

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* The median of several runs, after one that does not count. */
static int time_kernel(struct bandwidth *b, enum kernel kernel, unsigned blocks, double *seconds)
{
	struct engine *e = &b->g->engine;
	double times[REPS_MAX + 1];
	struct bandwidth_args args = {
		.data = b->data, .to = b->to, .units = b->units, .seed = SEED, .partial = b->partial
	};
	for (unsigned i = 0; i <= b->reps; i++)
		if (gpu_start_timer(b->g) != 0 || e->launch(e, kernel, blocks, &args) != 0 ||
		    gpu_stop_timer(b->g, &times[i]) != 0)
			return -1;
	qsort(times + 1, b->reps, sizeof(*times), compare);
	*seconds = times[1 + b->reps / 2];
	return 0;
}

static void wrong(struct bandwidth *b, const char *id, const char *what)
{
	struct json j;
	record_check_begin(&j, id, SEVERITY_FAIL, what);
	record_check_end(b->g->record, &j);
	record_problem(b->g->record, SEVERITY_FAIL, id, "terminate this machine and launch another",
		       "GPU %d: %s", b->g->device, what);
}

/* Words i * SEED for i < n: their sum modulo 2^64. */
static unsigned long long linear_sum(unsigned long long n)
{
	unsigned long long half = n % 2 == 0 ? n / 2 * (n - 1) : (n - 1) / 2 * n;
	return half * SEED;
}

static int write_and_read(struct bandwidth *b, double *write_s, double *read_s, bool *right)
{
	struct engine *e = &b->g->engine;
	unsigned long long sum = 0;
	unsigned long long *partial = calloc(b->readers, sizeof(*partial));
	int rc = -1;
	if (partial != NULL && time_kernel(b, K_bandwidth_write, b->tiles, write_s) == 0 &&
	    time_kernel(b, K_bandwidth_read, b->readers, read_s) == 0 &&
	    e->get(e, partial, b->partial, b->readers * sizeof(*partial)) == 0)
		rc = 0;
	for (unsigned i = 0; rc == 0 && i < b->readers; i++)
		sum += partial[i];
	*right = sum == linear_sum(2 * b->units);
	free(partial);
	return rc;
}

/* Copies address patterns, and checks the copy word by word. */
static int copy(struct bandwidth *b, double *seconds, struct mem_stats *stats)
{
	struct engine *e = &b->g->engine;
	struct mem_args args = {
		.data = b->data, .units = b->units, .mask = ~0ull, .stats = b->stats, .stride = 1
	};
	*stats = (struct mem_stats){ .first = ~0ull, .flips_and = ~0ull };
	if (e->launch(e, K_mem_fill, b->tiles, &args) != 0 || e->fill(e, b->to, 0, b->bytes) != 0 ||
	    e->put(e, b->stats, stats, sizeof(*stats)) != 0 ||
	    time_kernel(b, K_bandwidth_copy, b->tiles, seconds) != 0)
		return -1;
	args.data = b->to;
	return e->launch(e, K_mem_check, b->tiles, &args) != 0 ||
			       e->get(e, stats, b->stats, sizeof(*stats)) != 0
		       ? -1
		       : 0;
}

static int prepare(struct bandwidth *b)
{
	struct gpu *g = b->g;
	struct engine *e = &g->engine;
	size_t unused = 0, total = 0;
	void *partial = NULL, *stats = NULL;
	if (gpu_checked(g, g->driver.memory_info(&unused, &total)) != 0)
		return -1;
	b->bytes = (g->options->full ? 4096 : 1024) * MIB;
	b->reps = g->options->full ? REPS_MAX : 10;
	if (g->facts.simulated) {
		b->bytes = 4 * MIB;
		b->reps = 3;
	}
	/* two buffers, and room for what else the GPU holds; never so small that caches answer */
	if (b->bytes > unused / 4)
		b->bytes = unused / 4 / MIB * MIB;
	if (b->bytes == 0)
		b->bytes = MIB;
	b->units = b->bytes / 16;
	b->tiles = (unsigned)((b->units + MEM_TILE_UNITS - 1) / MEM_TILE_UNITS);
	b->readers = (unsigned)g->facts.sms * 8;
	if (e->alloc(e, b->bytes, &b->data) != 0 || e->alloc(e, b->bytes, &b->to) != 0 ||
	    e->alloc(e, b->readers * sizeof(*b->partial), &partial) != 0 ||
	    e->alloc(e, sizeof(*b->stats), &stats) != 0)
		return -1;
	b->partial = partial;
	b->stats = stats;
	return 0;
}

static void release(struct bandwidth *b)
{
	void *all[] = { b->data, b->to, b->partial, b->stats };
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i] != NULL)
			b->g->driver.release((cu_memory)(uintptr_t)all[i]);
}

static void speed(struct bandwidth *b, const char *id, double bytes, double seconds,
		  double expected)
{
	const struct gpu_facts *f = &b->g->facts;
	/* two transfers a clock, over the whole bus: what the driver itself says is possible */
	double peak =
		f->spec != NULL ? f->spec->gbs : 2.0 * f->memory_khz * 1e3 * f->bus_bits / 8 / 1e9;
	gpu_record_speed(b->g, id, "GB/s", bytes / seconds / 1e9, peak, expected);
}

int phase_bandwidth(struct gpu *g)
{
	struct bandwidth b = { .g = g };
	const struct spec *spec = g->facts.spec;
	double write_s, read_s, copy_s;
	struct mem_stats stats;
	bool right;
	int rc = -1;
	record_phase(g->record, "bandwidth", 60);
	if (prepare(&b) != 0 || write_and_read(&b, &write_s, &read_s, &right) != 0 ||
	    copy(&b, &copy_s, &stats) != 0) {
		gpu_stopped(g, "the bandwidth test");
		goto out;
	}
	rc = 0;
	speed(&b, "hbm.write", (double)b.bytes, write_s, spec != NULL ? spec->expect_write : 0.85);
	speed(&b, "hbm.read", (double)b.bytes, read_s, spec != NULL ? spec->expect_read : 0.85);
	speed(&b, "hbm.copy", 2.0 * (double)b.bytes, copy_s,
	      spec != NULL ? spec->expect_copy : 0.8);
	if (!right)
		wrong(&b, "hbm.read.values", "the sum of what was written and read is wrong");
	if (stats.bad > 0)
		wrong(&b, "hbm.copy.values", "a copy within its memory differs from the original");
out:
	release(&b);
	return rc;
}
