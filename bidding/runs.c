/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/runs.h"

#include <math.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

#define SPAN_MAX (INT64_C(1) << 60) /* seconds; two bits of room for those who count with them */

static double dollars(double micros)
{
	return micros / (double)USD_MICROS;
}

static int check_window(const struct price_series *series, int64_t since, int64_t until,
			struct error *err)
{
	int64_t span;

	if (until <= since || __builtin_sub_overflow(until, since, &span) || span > SPAN_MAX)
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

static bool is_known(int64_t micros)
{
	return micros >= 0;
}

/* There is room: no point makes more than one run. */
static void add(struct price_runs *runs, int64_t micros, int64_t seconds)
{
	struct price_run *last = runs->nr ? &runs->v[runs->nr - 1] : NULL;

	if (is_known(micros))
		runs->covered_s += seconds;
	else if (!last)
		return; /* before the first known price: as if nothing had been said */
	else
		micros = PRICE_GAP;
	if (last && last->micros == micros) {
		last->seconds += seconds;
		return;
	}
	runs->v[runs->nr++] = (struct price_run){ .micros = micros, .seconds = seconds };
	runs->known += is_known(micros);
}

int price_runs_make(const struct price_series *series, int64_t since, int64_t until,
		    struct price_runs *ret, struct error *err)
{
	struct price_runs runs = { 0 };

	if (check_window(series, since, until, err) < 0)
		return -1;
	runs.v = xmalloc(series->nr * sizeof(*runs.v));
	for (size_t i = 0; i < series->nr && series->v[i].time < until; i++) {
		const struct price_point *p = &series->v[i];
		int64_t from = p->time > since ? p->time : since;
		int64_t to = i + 1 < series->nr && p[1].time < until ? p[1].time : until;

		if (to <= from) /* over before the window, or replaced in the same second */
			continue;
		if (p->time >= since && is_known(p->micros))
			runs.points++;
		add(&runs, p->micros, to - from);
	}
	if (!runs.nr) {
		free(runs.v);
		return error_set(err, ERROR_NOT_FOUND,
				 "no price of zone '%s' is known in the window", series->zone);
	}
	if (!is_known(runs.v[runs.nr - 1].micros)) {
		runs.open = true;
		runs.nr--;
	}
	*ret = runs;
	return 0;
}

void price_runs_release(struct price_runs *runs)
{
	free(runs->v);
	*runs = (struct price_runs){ 0 };
}

struct price_run *price_runs_sorted(const struct price_runs *runs)
{
	struct price_run *v = xmalloc(runs->known * sizeof(*v));
	struct price_run *spare = xmalloc(runs->known * sizeof(*spare));
	size_t nr = 0;

	for (size_t i = 0; i < runs->nr; i++)
		if (is_known(runs->v[i].micros))
			v[nr++] = runs->v[i];
	struct price_run *sorted = price_runs_sort(v, spare, nr);
	free(sorted == v ? spare : v);
	return sorted;
}

double price_quantile_need(int64_t covered_s, double q)
{
	/* 0.95 is no binary fraction: without the grain, 19 s of 20 s would not be 95 %. */
	double grain = (double)covered_s * 1e-12;

	return ceil((double)covered_s * q - grain);
}

int64_t price_runs_quantile(const struct price_run *sorted, size_t nr, int64_t covered_s, double q)
{
	double need = price_quantile_need(covered_s, q);
	int64_t sum = 0;

	for (size_t i = 0; i < nr; i++) {
		sum += sorted[i].seconds;
		if ((double)sum >= need)
			return sorted[i].micros;
	}
	return sorted[nr - 1].micros;
}

static void mean_and_std(const struct price_runs *runs, struct price_stats *ret)
{
	struct price_scale scale = price_scale_of(ret->min, ret->max, runs->covered_s);
	struct price_moments moments = { 0 };

	for (size_t i = 0; i < runs->nr; i++)
		if (is_known(runs->v[i].micros))
			price_moments_add(&moments, &scale, runs->v[i].micros, runs->v[i].seconds);
	price_moments_finish(&moments, &scale, &ret->mean, &ret->std);
}

void price_runs_stats(const struct price_runs *runs, struct price_stats *ret)
{
	struct price_run *sorted = price_runs_sorted(runs);
	size_t nr = runs->known;

	*ret = (struct price_stats){
		.covered_s = runs->covered_s,
		.changes = runs->points,
		.last = runs->v[runs->nr - 1].micros,
		.last_is_old = runs->open,
		.min = sorted[0].micros,
		.max = sorted[nr - 1].micros,
		.median = price_runs_quantile(sorted, nr, runs->covered_s, 0.5),
		.p95 = price_runs_quantile(sorted, nr, runs->covered_s, 0.95),
	};
	free(sorted);
	mean_and_std(runs, ret);
}

double price_mean(wide sum, int64_t seconds)
{
	int64_t whole, rest;

	if (sum <= INT64_MAX) { /* mostly, and then it takes a tenth of the time */
		whole = (int64_t)sum / seconds;
		rest = (int64_t)sum % seconds;
	} else {
		whole = (int64_t)(sum / seconds);
		rest = (int64_t)(sum - (wide)whole * seconds);
	}
	return dollars((double)whole + (double)rest / (double)seconds);
}

void price_runs_under(const struct price_runs *runs, int64_t bid, struct bid_stats *ret)
{
	int64_t seconds = 0;
	wide sum = 0;

	*ret = (struct bid_stats){ 0 };
	for (size_t i = 0; i < runs->nr; i++) {
		const struct price_run *run = &runs->v[i];

		if (run->micros > bid || !is_known(run->micros))
			continue;
		seconds += run->seconds;
		sum += (wide)run->micros * run->seconds;
		/* a gap is not above any bid: what comes to an end in it was not seen to */
		if (i + 1 < runs->nr && run[1].micros > bid)
			ret->crossings++;
	}
	if (!seconds)
		return;
	ret->share_under = (double)seconds / (double)runs->covered_s;
	ret->paid = price_mean(sum, seconds);
}
