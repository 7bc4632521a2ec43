/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A matrix product of small integers, exact in any order of summation. The sums of all rows and
 * columns of C are computed from A and B on the CPU in 64-bit integers, and 4096 elements in full:
 * the GPU is never its own judge.
 */
#include <stdlib.h>
#include <string.h>

#include "gpu-selftest/src/gpu.h"

#define SEED_A	0x5bd1e995u
#define SEED_B	0x1b873593u
#define SAMPLES 4096u
#define LARGEST 225.0f /* of one product of two elements */
#define NOT_YET 0xffu  /* bytes of a NaN: what the kernel leaves out is no number */

struct product {
	struct gpu *g;
	unsigned n, reps; /* square, n x n x n */
	void *a, *b, *c, *sums, *bad;
	long long *row_sums, *column_sums, *got;
	unsigned bad_rows, bad_columns, bad_samples, first_row, first_column;
	unsigned long long not_integers;
};

/* The same as small_integer() of kernels/pattern.h, written again: a judge of its own. */
static int element(unsigned seed, unsigned long long index)
{
	unsigned h = (unsigned)index * 0x9E3779B1u + (unsigned)(index >> 32) * 0x85EBCA77u + seed;
	h ^= h >> 16;
	h *= 0x7FEB352Du;
	h ^= h >> 15;
	return (int)(((h >> 8) * 31ull) >> 24) - 15;
}

/* rows: A (B e); columns: (e A) B, where e is all ones */
static int expect_sums(struct product *p)
{
	unsigned n = p->n;
	long long *b_rows = calloc(n, sizeof(*b_rows)), *a_columns = calloc(n, sizeof(*a_columns));
	if (b_rows == NULL || a_columns == NULL) {
		free(b_rows);
		free(a_columns);
		return -1;
	}
	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < n; j++) {
			b_rows[i] += element(SEED_B, (unsigned long long)i * n + j);
			a_columns[j] += element(SEED_A, (unsigned long long)i * n + j);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < n; j++) {
			unsigned long long at = (unsigned long long)i * n + j;
			p->row_sums[i] += element(SEED_A, at) * b_rows[j];
			p->column_sums[j] += a_columns[i] * element(SEED_B, at);
		}
	}
	free(b_rows);
	free(a_columns);
	return 0;
}

static int prepare(struct product *p)
{
	struct engine *e = &p->g->engine;
	size_t bytes = (size_t)p->n * p->n * sizeof(float);
	size_t parts = p->n / SUM_ROWS;
	struct fill_args fill = { .count = (unsigned long long)p->n * p->n };
	p->row_sums = calloc(p->n, sizeof(long long));
	p->column_sums = calloc(p->n, sizeof(long long));
	p->got = calloc(p->n * parts, sizeof(long long));
	if (p->row_sums == NULL || p->column_sums == NULL || p->got == NULL ||
	    expect_sums(p) != 0) {
		memcpy(e->error, "no memory", sizeof("no memory"));
		return -1;
	}
	if (e->alloc(e, bytes, &p->a) != 0 || e->alloc(e, bytes, &p->b) != 0 ||
	    e->alloc(e, bytes, &p->c) != 0 ||
	    e->alloc(e, p->n * parts * sizeof(long long), &p->sums) != 0 ||
	    e->alloc(e, sizeof(p->not_integers), &p->bad) != 0 ||
	    e->fill(e, p->bad, 0, sizeof(p->not_integers)) != 0)
		return -1;
	fill.out = p->a;
	fill.seed = SEED_A;
	if (e->launch(e, K_product_fill, 1024, &fill) != 0)
		return -1;
	fill.out = p->b;
	fill.seed = SEED_B;
	return e->launch(e, K_product_fill, 1024, &fill);
}

static void mark(unsigned index, unsigned *count, unsigned *first)
{
	if ((*count)++ == 0)
		*first = index;
}

static int check_sums(struct product *p)
{
	struct engine *e = &p->g->engine;
	struct sum_args args = { .c = p->c,
				 .sums = p->sums,
				 .bad = p->bad,
				 .rows = p->n,
				 .columns = p->n,
				 .limit = LARGEST * (float)p->n };
	unsigned parts = p->n / SUM_ROWS, across = (p->n + 255) / 256;
	unsigned rows = 0, columns = 0;
	if (e->launch(e, K_sum_rows, p->n, &args) != 0 ||
	    e->get(e, p->got, p->sums, p->n * sizeof(*p->got)) != 0)
		return -1;
	for (unsigned i = 0; i < p->n; i++)
		if (p->got[i] != p->row_sums[i])
			mark(i, &rows, &p->first_row);
	if (e->launch(e, K_sum_columns, across * parts, &args) != 0 ||
	    e->get(e, p->got, p->sums, (size_t)p->n * parts * sizeof(*p->got)) != 0)
		return -1;
	for (unsigned j = 0; j < p->n; j++) {
		long long sum = 0;
		for (unsigned k = 0; k < parts; k++)
			sum += p->got[(size_t)k * p->n + j];
		if (sum != p->column_sums[j])
			mark(j, &columns, &p->first_column);
	}
	/* of the worst run */
	p->bad_rows = rows > p->bad_rows ? rows : p->bad_rows;
	p->bad_columns = columns > p->bad_columns ? columns : p->bad_columns;
	return 0;
}

/* Elements spread over all rows and columns, each computed here. */
static int check_samples(struct product *p)
{
	struct engine *e = &p->g->engine;
	unsigned n = p->n, rows = SAMPLES / 64;
	float *row = calloc(n, sizeof(*row));
	int rc = row == NULL ? -1 : 0;
	for (unsigned r = 0; rc == 0 && r < rows; r++) {
		unsigned i = (unsigned)(((unsigned long long)r * n + n / 3) / rows);
		const float *at = (const float *)p->c + (size_t)i * n;
		rc = e->get(e, row, at, n * sizeof(*row));
		for (unsigned s = 0; rc == 0 && s < 64; s++) {
			unsigned j = (s * n / 64 + r * 7) % n;
			long long want = 0;
			for (unsigned k = 0; k < n; k++)
				want += element(SEED_A, (unsigned long long)i * n + k) *
					element(SEED_B, (unsigned long long)k * n + j);
			/* a NaN is equal to nothing */
			if (!(row[j] == (float)want))
				p->bad_samples++;
		}
	}
	free(row);
	return rc;
}

static int run(struct product *p, double *best)
{
	struct gpu *g = p->g;
	struct engine *e = &g->engine;
	size_t bytes = (size_t)p->n * p->n * sizeof(float);
	unsigned tiles = p->n / PRODUCT_TILE;
	struct product_args args = {
		.a = p->a, .b = p->b, .c = p->c, .rows = p->n, .columns = p->n, .depth = p->n
	};
	*best = 0;
	for (unsigned i = 0; i < p->reps; i++) {
		double seconds;
		if (e->fill(e, p->c, NOT_YET, bytes) != 0 || gpu_start_timer(g) != 0 ||
		    e->launch(e, K_product_f32, tiles * tiles, &args) != 0 ||
		    gpu_stop_timer(g, &seconds) != 0 || check_sums(p) != 0)
			return -1;
		if (i == 0 || seconds < *best)
			*best = seconds;
	}
	return check_samples(p) != 0 ||
			       e->get(e, &p->not_integers, p->bad, sizeof(p->not_integers)) != 0
		       ? -1
		       : 0;
}

static void record_values(struct product *p)
{
	struct json j;
	bool wrong = p->bad_rows + p->bad_columns + p->bad_samples > 0 || p->not_integers > 0;
	record_check_begin(&j, "gemm.exact", wrong ? SEVERITY_FAIL : SEVERITY_PASS, NULL);
	json_string(&j, "type", "fp32");
	json_int(&j, "size", p->n);
	json_int(&j, "runs", p->reps);
	json_int(&j, "bad_rows", p->bad_rows);
	json_int(&j, "bad_columns", p->bad_columns);
	json_int(&j, "bad_samples", p->bad_samples);
	json_int(&j, "samples", SAMPLES);
	json_int(&j, "not_integers", (long long)p->not_integers);
	if (p->bad_rows > 0)
		json_int(&j, "first_bad_row", p->first_row);
	if (p->bad_columns > 0)
		json_int(&j, "first_bad_column", p->first_column);
	record_check_end(p->g->record, &j);
	if (wrong)
		record_problem(p->g->record, SEVERITY_FAIL, "gemm.exact",
			       "terminate this machine and launch another",
			       "GPU %d: an exact matrix product is wrong: %u rows, %u columns, "
			       "%llu values that are no integers",
			       p->g->device, p->bad_rows, p->bad_columns, p->not_integers);
}

int phase_product(struct gpu *g)
{
	struct product p = { .g = g, .n = g->options->full ? 8192 : 4096, .reps = 3 };
	const struct spec *spec = g->facts.spec;
	double seconds;
	int rc = -1;
	if (g->facts.simulated)
		p = (struct product){ .g = g, .n = 256, .reps = 2 };
	record_phase(g->record, "product", 60);
	if (prepare(&p) != 0 || run(&p, &seconds) != 0) {
		gpu_stopped(g, "the matrix product");
	} else {
		double n = p.n, peak = spec != NULL ? spec->fp32_tflops
						    : 2.0 * g->facts.sms * 64 * g->facts.clock_khz *
							      1e3 / 1e12;
		record_values(&p);
		gpu_record_speed(g, "gemm.fp32", "TFLOP/s", 2 * n * n * n / seconds / 1e12, peak,
				 spec != NULL ? spec->expect_fp32 : 0.5);
		rc = 0;
	}
	void *all[] = { p.a, p.b, p.c, p.sums, p.bad };
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i] != NULL)
			g->driver.release((cu_memory)(uintptr_t)all[i]);
	free(p.row_sums);
	free(p.column_sums);
	free(p.got);
	return rc;
}
