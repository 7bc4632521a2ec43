/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All bids at once over a long history, against the time it takes to sort its prices: once with the
 * sort that the sweep itself uses, once with the C library's.
 *
 *   bench_sweep [CHANGES] [JOB_HOURS]     10,000,000 and 24 unless said
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bidding/runs.h"
#include "bidding/sweep.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/rng.h"

#define ROUNDS 3

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long peak_mib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss / 1024;
}

static int by_price(const void *a, const void *b)
{
	const struct price_run *x = a, *y = b;

	return (x->micros > y->micros) - (x->micros < y->micros);
}

struct keys {
	struct price_run *v, *spare;
	size_t nr;
};

static void fill_keys(struct keys *keys, const struct price_series *series)
{
	for (size_t i = 0; i < series->nr; i++)
		keys->v[i] = (struct price_run){ series->v[i].micros, (int64_t)i };
}

static double time_of_sort(const struct price_series *series, bool ours)
{
	struct keys keys = { xmalloc(series->nr * sizeof(*keys.v)), NULL, series->nr };
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		fill_keys(&keys, series);
		double began = seconds_now();

		if (ours) { /* its spare room is part of what it costs */
			keys.spare = xmalloc(series->nr * sizeof(*keys.v));
			price_runs_sort(keys.v, keys.spare, keys.nr);
			free(keys.spare);
		} else {
			qsort(keys.v, keys.nr, sizeof(*keys.v), by_price);
		}
		double took = seconds_now() - began;
		best = took < best ? took : best;
	}
	free(keys.v);
	return best;
}

static double time_of_sweep(const struct price_series *series, int64_t job_s, size_t *bids)
{
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		struct bid_curve curve;
		struct error err = ERROR_INIT;
		double began = seconds_now();

		if (bid_curve_compute(series, 0, series->v[series->nr - 1].time + 30, job_s, &curve,
				      &err) < 0) {
			fprintf(stderr, "%s\n", err.message);
			exit(1);
		}
		double took = seconds_now() - began;
		best = took < best ? took : best;
		*bids = curve.nr;
		bid_curve_release(&curve);
	}
	return best;
}

enum shape {
	SHAPE_MARKET,	/* wanders in ticks of $0.0001, with spikes, as EC2's prices do */
	SHAPE_RANDOM,	/* any of 100,000 prices, one after the other */
	SHAPE_DISTINCT, /* hardly any price twice */
	SHAPE_NR
};
static const char *const shape_names[] = { "wandering, with spikes", "random, 100,000 prices",
					   "random, all different" };

static int64_t price_of(const struct rng *rng, enum shape shape, int64_t *walk)
{
	switch (shape) {
	case SHAPE_MARKET:
		*walk += (int64_t)rng_below(rng, 21) - 10;
		*walk = *walk < 500 ? 500 : *walk > 9000 ? 9000 : *walk;
		return 100 *
		       (rng_below(rng, 200) ? *walk : (int64_t)(10000 + rng_below(rng, 90000)));
	case SHAPE_RANDOM:
		return 100 * (int64_t)(1 + rng_below(rng, 100000));
	case SHAPE_DISTINCT:
	case SHAPE_NR:
		break;
	}
	return 1 + (int64_t)rng_below(rng, UINT64_C(1) << 40);
}

int main(int argc, char **argv)
{
	size_t nr = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
	int64_t job_s = argc > 2 ? strtoll(argv[2], NULL, 10) * 3600 : 24 * 3600;
	struct price_point *v;

	if (nr < 1 || nr > 100000000 || job_s < 1)
		return 2;
	v = xmalloc(nr * sizeof(*v));
	for (int shape = 0; shape < SHAPE_NR; shape++) {
		struct rng_seeded state;
		struct rng rng = rng_seeded(&state, 7);
		struct price_series series = { "z", v, nr };
		int64_t time = 0, walk = 3000;
		size_t bids = 0;

		for (size_t i = 0; i < nr; i++) {
			time += 1 + (int64_t)rng_below(&rng, 60);
			v[i] = (struct price_point){ time, price_of(&rng, shape, &walk) };
		}
		double sweep = time_of_sweep(&series, job_s, &bids);
		double ours = time_of_sort(&series, true), qs = time_of_sort(&series, false);
		printf("%s: %zu changes, %zu bids\n", shape_names[shape], nr, bids);
		printf("  sweep %.3f s; our sort %.3f s (%.2f times); qsort %.3f s (%.2f times); "
		       "peak %ld MiB\n",
		       sweep, ours, sweep / ours, qs, sweep / qs, peak_mib());
	}
	free(v);
	return 0;
}
