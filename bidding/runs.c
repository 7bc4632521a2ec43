/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/runs.h"

#include <math.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

static double dollars(double micros)
{
	return micros / (double)USD_MICROS;
}

static int check_window(const struct price_series *series, int64_t since, int64_t until,
			struct error *err)
{
	int64_t span;

	if (until <= since || __builtin_sub_overflow(until, since, &span))
		return error_set(err, ERROR_NOT_FOUND, "the window of prices is %s",
				 until <= since ? "empty: it ends no later than it begins"
						: "too long");
	for (size_t i = 1; i < series->nr; i++)
		if (series->v[i].time < series->v[i - 1].time)
			return error_set(err, ERROR_USAGE,
					 "prices of zone '%s' are not in order of time: row %zu",
					 series->zone, i + 1);
	return 0;
}

static void add(struct price_runs *runs, size_t *cap, int64_t micros, int64_t seconds)
{
	runs->covered_s += seconds;
	if (runs->nr && runs->v[runs->nr - 1].micros == micros) {
		runs->v[runs->nr - 1].seconds += seconds;
		return;
	}
	runs->v = xgrow(runs->v, runs->nr, cap, sizeof(*runs->v));
	runs->v[runs->nr++] = (struct price_run){ .micros = micros, .seconds = seconds };
}

int price_runs_make(const struct price_series *series, int64_t since, int64_t until,
		    struct price_runs *ret, struct error *err)
{
	struct price_runs runs = { 0 };
	size_t cap = 0;

	if (check_window(series, since, until, err) < 0)
		return -1;
	for (size_t i = 0; i < series->nr && series->v[i].time < until; i++) {
		const struct price_point *p = &series->v[i];
		int64_t from = p->time > since ? p->time : since;
		int64_t to = i + 1 < series->nr && p[1].time < until ? p[1].time : until;

		if (to <= from) /* over before the window, or replaced in the same second */
			continue;
		if (p->time >= since)
			runs.points++;
		add(&runs, &cap, p->micros, to - from);
	}
	if (!runs.nr)
		return error_set(err, ERROR_NOT_FOUND,
				 "no price of zone '%s' is known in the window", series->zone);
	*ret = runs;
	return 0;
}

void price_runs_release(struct price_runs *runs)
{
	free(runs->v);
	*runs = (struct price_runs){ 0 };
}

static int by_price(const void *a, const void *b)
{
	const struct price_run *x = a, *y = b;

	return (x->micros > y->micros) - (x->micros < y->micros);
}

struct price_run *price_runs_sorted(const struct price_runs *runs)
{
	struct price_run *v = xcalloc(runs->nr, sizeof(*v));

	for (size_t i = 0; i < runs->nr; i++)
		v[i] = runs->v[i];
	qsort(v, runs->nr, sizeof(*v), by_price);
	return v;
}

int64_t price_runs_quantile(const struct price_run *sorted, size_t nr, int64_t covered_s, double q)
{
	/* 0.95 is no binary fraction: without the grain, 19 s of 20 s would not be 95 %. */
	double grain = (double)covered_s * 1e-12;
	double need = ceil((double)covered_s * q - grain);
	int64_t sum = 0;

	for (size_t i = 0; i < nr; i++) {
		sum += sorted[i].seconds;
		if ((double)sum >= need)
			return sorted[i].micros;
	}
	return sorted[nr - 1].micros;
}

/*
 * Deviations are taken from the first price, and again from the mean: a price that never moved has
 * exactly that mean and a deviation of exactly zero, whatever doubles do to 0.9.
 */
static void mean_and_std(const struct price_runs *runs, double *mean, double *std)
{
	double total = (double)runs->covered_s;
	int64_t base = runs->v[0].micros;
	double sum = 0, squares = 0;

	for (size_t i = 0; i < runs->nr; i++)
		sum += (double)runs->v[i].seconds * (double)(runs->v[i].micros - base);
	double shift = sum / total;
	for (size_t i = 0; i < runs->nr; i++) {
		double d = (double)(runs->v[i].micros - base) - shift;

		squares += (double)runs->v[i].seconds * d * d;
	}
	*mean = dollars((double)base + shift);
	*std = dollars(sqrt(squares / total));
}

void price_runs_stats(const struct price_runs *runs, struct price_stats *ret)
{
	struct price_run *sorted = price_runs_sorted(runs);
	size_t nr = runs->nr;

	*ret = (struct price_stats){
		.covered_s = runs->covered_s,
		.changes = runs->points,
		.last = runs->v[nr - 1].micros,
		.min = sorted[0].micros,
		.max = sorted[nr - 1].micros,
		.median = price_runs_quantile(sorted, nr, runs->covered_s, 0.5),
		.p95 = price_runs_quantile(sorted, nr, runs->covered_s, 0.95),
	};
	mean_and_std(runs, &ret->mean, &ret->std);
	free(sorted);
}

void price_runs_under(const struct price_runs *runs, int64_t bid, struct bid_stats *ret)
{
	int64_t seconds = 0;
	double above_base = 0;
	int64_t base = 0;

	*ret = (struct bid_stats){ 0 };
	for (size_t i = 0; i < runs->nr; i++) {
		const struct price_run *run = &runs->v[i];

		if (run->micros > bid)
			continue;
		if (!seconds)
			base = run->micros;
		seconds += run->seconds;
		above_base += (double)run->seconds * (double)(run->micros - base);
		if (i + 1 < runs->nr && runs->v[i + 1].micros > bid)
			ret->crossings++;
	}
	if (!seconds)
		return;
	ret->share_under = (double)seconds / (double)runs->covered_s;
	ret->paid = dollars((double)base + above_base / (double)seconds);
}
