/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plot_parts.h"
#include "core/mem.h"
#include "core/money.h"

/* Enough to know the median to a thousandth of the time, whatever the picture's width. */
#define SAMPLES 1024

#define LOG_FROM 8 /* top over median */

/* Widens low and high by the line's prices; its samples go to v. Returns how many are known. */
static size_t look_at_line(const struct plot *plot, const struct plot_line *line, double *low,
			   double *high, int64_t *v)
{
	struct plot_column columns[SAMPLES];
	size_t nr = 0;

	plot_columns(&line->series, plot->since, plot->until, columns, SAMPLES);
	for (size_t i = 0; i < SAMPLES; i++) {
		if (columns[i].max == PRICE_GAP)
			continue;
		*low = fmin(*low, (double)columns[i].min);
		*high = fmax(*high, (double)columns[i].max);
		if (columns[i].first != PRICE_GAP)
			v[nr++] = columns[i].first;
	}
	return nr;
}

static int by_price(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void plot_scale_make(const struct plot *plot, struct plot_scale *ret)
{
	double low = INFINITY, high = 0;
	int64_t *v = xcalloc(plot->nr_lines * SAMPLES + 1, sizeof(*v));
	size_t nr = 0;

	for (size_t i = 0; i < plot->nr_lines; i++)
		nr += look_at_line(plot, &plot->lines[i], &low, &high, v + nr);
	for (size_t i = 0; i < plot->nr_rules; i++) {
		if (plot->rules[i].micros <= 0)
			continue;
		low = fmin(low, (double)plot->rules[i].micros);
		high = fmax(high, (double)plot->rules[i].micros);
	}
	qsort(v, nr, sizeof(*v), by_price);
	double median = nr ? (double)v[(nr - 1) / 2] : 0;
	free(v);
	if (!(high > 0)) /* neither price nor rule */
		low = high = (double)USD_MICROS;
	*ret = (struct plot_scale){ .log = median > 0 && low > 0 && high > LOG_FROM * median };
	if (!ret->log && low < high / 2)
		low = 0;
	if (high - low < high / 10 || high - low < 4) { /* as good as flat: in the middle, then */
		low = fmax(0, low - fmax(high / 10, 2));
		high += fmax(high / 10, 2);
	}
	ret->low = low;
	ret->high = high;
}

double plot_scale_at(const struct plot_scale *scale, double micros)
{
	double at;

	if (scale->log)
		at = log(fmax(micros, scale->low) / scale->low) / log(scale->high / scale->low);
	else
		at = (micros - scale->low) / (scale->high - scale->low);
	return fmin(1, fmax(0, at));
}

/* Multiples of step in the scale; the first PLOT_PRICE_TICKS go to v. */
static size_t linear_ticks(const struct plot_scale *scale, double step, int64_t *v)
{
	double first = ceil(scale->low / step - 1e-9), last = floor(scale->high / step + 1e-9);
	size_t nr = last < first ? 0 : (size_t)fmin(last - first + 1, 1000);

	for (size_t i = 0; i < nr && i < PLOT_PRICE_TICKS; i++)
		v[i] = (int64_t)llround((first + (double)i) * step);
	return nr;
}

/* Each of the mantissas in each nth decade. */
static size_t log_ticks(const struct plot_scale *scale, const int *mantissas, int nth, int64_t *v)
{
	size_t nr = 0;
	int k = 0;

	for (double decade = 1; decade <= scale->high; decade *= 10, k++) {
		if (k % nth)
			continue;
		for (const int *m = mantissas; *m; m++) {
			double micros = *m * decade;

			if (micros < scale->low || micros > scale->high)
				continue;
			if (nr < PLOT_PRICE_TICKS)
				v[nr] = (int64_t)micros;
			nr++;
		}
	}
	return nr;
}

size_t plot_price_ticks(const struct plot_scale *scale, int64_t v[PLOT_PRICE_TICKS])
{
	static const double steps[] = { 1, 2, 2.5, 5 };
	static const int mantissas[][5] = { { 1, 2, 3, 5 }, { 1, 2, 5 }, { 1, 3 }, { 1 } };
	size_t nr;

	if (scale->log) {
		for (size_t i = 0; i < ARRAY_SIZE(mantissas); i++)
			if ((nr = log_ticks(scale, mantissas[i], 1, v)) <= PLOT_PRICE_TICKS)
				return nr;
		for (int nth = 2;; nth++)
			if ((nr = log_ticks(scale, mantissas[3], nth, v)) <= PLOT_PRICE_TICKS)
				return nr;
	}
	for (double decade = 1;; decade *= 10) {
		for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
			if (decade < 2 && steps[i] > 2 &&
			    steps[i] < 5) /* no half of a micro-dollar */
				continue;
			if ((nr = linear_ticks(scale, steps[i] * decade, v)) <= PLOT_PRICE_TICKS)
				return nr;
		}
	}
}

void plot_price_label(const int64_t *ticks, size_t nr, int64_t micros, char out[32])
{
	size_t decimals = 2;

	for (size_t i = 0; i < nr; i++) {
		const char *point = strchr(money_format(out, ticks[i], 2), '.');
		size_t n = point ? strlen(point + 1) : 0;

		if (n > decimals)
			decimals = n;
	}
	money_format(out, micros, (int)decimals);
}
