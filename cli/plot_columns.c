/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plot_parts.h"
#include "core/mem.h"

size_t plot_points_until(const struct price_series *series, int64_t t)
{
	size_t low = 0, high = series->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (series->v[middle].time <= t)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int64_t plot_price_at(const struct price_series *series, int64_t t)
{
	size_t n = plot_points_until(series, t);

	return n ? series->v[n - 1].micros : PRICE_GAP;
}

static void see(struct plot_column *column, int64_t micros)
{
	column->last = micros;
	if (micros == PRICE_GAP)
		return;
	if (column->max == PRICE_GAP || micros > column->max)
		column->max = micros;
	if (column->min == PRICE_GAP || micros < column->min)
		column->min = micros;
}

/* Where column i of nr begins: span * i / nr, without its overflow. */
static int64_t edge(int64_t since, int64_t span, size_t i, size_t nr)
{
	int64_t n = (int64_t)nr, k = (int64_t)i;

	return since + span / n * k + span % n * k / n;
}

void plot_columns(const struct price_series *series, int64_t since, int64_t until,
		  struct plot_column *v, size_t nr)
{
	const struct price_point *p = series->v;
	size_t next = plot_points_until(series, since);
	int64_t span;

	for (size_t i = 0; i < nr; i++)
		v[i] = (struct plot_column){ PRICE_GAP, PRICE_GAP, PRICE_GAP, PRICE_GAP };
	if (until <= since || __builtin_sub_overflow(until, since, &span))
		return;
	for (size_t i = 0; i < nr; i++) {
		int64_t from = edge(since, span, i, nr), to = edge(since, span, i + 1, nr);

		while (next < series->nr && p[next].time <= from)
			next++;
		see(&v[i], next ? p[next - 1].micros : PRICE_GAP);
		v[i].first = v[i].last;
		for (; next < series->nr && p[next].time < to; next++) {
			/* replaced in the same second: it never held */
			if (next + 1 < series->nr && p[next + 1].time == p[next].time)
				continue;
			see(&v[i], p[next].micros);
		}
	}
}

bool plot_known(const struct price_series *series, int64_t since, int64_t until)
{
	struct plot_column column;

	plot_columns(series, since, until, &column, 1);
	return column.max != PRICE_GAP;
}

/* The points of one bucket that stay: at most seven, by their index. */
struct kept {
	size_t v[7];
	size_t nr;
};

static void keep(struct kept *kept, size_t index, size_t end)
{
	size_t at = kept->nr;

	if (index >= end)
		return;
	for (size_t i = 0; i < kept->nr; i++)
		if (kept->v[i] == index)
			return;
	for (; at && kept->v[at - 1] > index; at--)
		kept->v[at] = kept->v[at - 1];
	kept->v[at] = index;
	kept->nr++;
}

/* Points [begin, end) are one bucket; `all` is where the series ends. */
static void thin_bucket(const struct price_point *p, size_t begin, size_t end, struct kept *kept)
{
	size_t low = begin, high = begin, gap = end;

	for (size_t i = begin; i < end; i++) {
		if (p[i].micros == PRICE_GAP) {
			if (gap == end)
				gap = i;
			continue;
		}
		if (p[low].micros == PRICE_GAP || p[i].micros < p[low].micros)
			low = i;
		if (p[high].micros == PRICE_GAP || p[i].micros > p[high].micros)
			high = i;
	}
	*kept = (struct kept){ 0 };
	keep(kept, begin, end);
	keep(kept, low, end);
	keep(kept, low + 1, end);
	keep(kept, high, end);
	keep(kept, high + 1, end);
	keep(kept, gap, end);
	keep(kept, end - 1, end);
}

static void thin_points(const struct price_point *p, size_t nr, int64_t since, int64_t bucket_s,
			struct plot_points *ret)
{
	struct kept kept;

	ret->bucket_s = bucket_s;
	ret->nr = 0;
	for (size_t begin = 0; begin < nr;) {
		int64_t from = p[begin].time > since ? p[begin].time : since;
		int64_t end_time = since + ((from - since) / bucket_s + 1) * bucket_s;
		size_t end = begin;

		while (end < nr && p[end].time < end_time)
			end++;
		thin_bucket(p, begin, end, &kept);
		for (size_t i = 0; i < kept.nr; i++)
			ret->v[ret->nr++] = p[kept.v[i]];
		begin = end;
	}
}

void plot_thin(const struct price_series *series, int64_t since, int64_t until, size_t max,
	       struct plot_points *ret)
{
	size_t begin = plot_points_until(series, since);
	int64_t span;

	*ret = (struct plot_points){ 0 };
	if (until <= since || __builtin_sub_overflow(until, since, &span))
		return;
	if (begin)
		begin--;
	size_t end = plot_points_until(series, until - 1);
	if (end <= begin)
		return;
	ret->v = xcalloc(end - begin, sizeof(*ret->v));
	for (size_t i = begin; i < end; i++)
		if (i + 1 == end || series->v[i + 1].time != series->v[i].time)
			ret->v[ret->nr++] = series->v[i];
	ret->of = ret->nr;
	if (ret->nr <= max)
		return;
	int64_t buckets = (int64_t)(max / 7) - 1;
	thin_points(ret->v, ret->nr, since, span / buckets + 1, ret);
}
