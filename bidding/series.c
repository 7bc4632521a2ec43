/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/series.h"

#include <stdlib.h>
#include <string.h>

#include "bidding/runs.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

/* One pass of a bottom-up merge sort; stable, which qsort does not promise. */
static void merge(const struct price_point *from, struct price_point *to, size_t begin,
		  size_t middle, size_t end)
{
	size_t left = begin, right = middle;

	for (size_t k = begin; k < end; k++) {
		bool take_left =
			left < middle && (right >= end || from[left].time <= from[right].time);

		to[k] = take_left ? from[left++] : from[right++];
	}
}

static void sort_by_time(struct price_point *v, size_t nr)
{
	struct price_point *spare = xcalloc(nr, sizeof(*spare));
	struct price_point *from = v, *to = spare;

	for (size_t width = 1; width < nr; width *= 2) {
		for (size_t begin = 0; begin < nr; begin += 2 * width) {
			size_t middle = begin + width < nr ? begin + width : nr;
			size_t end = begin + 2 * width < nr ? begin + 2 * width : nr;

			merge(from, to, begin, middle, end);
		}
		struct price_point *swap = from;
		from = to;
		to = swap;
	}
	if (from != v)
		memcpy(v, from, nr * sizeof(*v));
	free(spare);
}

int price_points_clean(struct price_point *v, size_t *nr, const char *zone, struct error *err)
{
	bool sorted = true;
	size_t kept = 0;

	for (size_t i = 0; i < *nr; i++) {
		if (v[i].micros != PRICE_GAP && (v[i].micros <= 0 || v[i].micros > MONEY_MAX))
			return error_set(err, ERROR_PROTOCOL,
					 "row %zu of zone '%s' holds no price: %s", i + 1, zone,
					 v[i].micros > 0 ? "more than a billion dollars an hour"
							 : "it must be above 0");
		if (i && v[i].time < v[i - 1].time)
			sorted = false;
	}
	if (!sorted)
		sort_by_time(v, *nr);
	for (size_t i = 0; i < *nr; i++) {
		if (kept && v[kept - 1].time == v[i].time)
			kept--;
		v[kept++] = v[i];
	}
	*nr = kept;
	return 0;
}

int price_stats_compute(const struct price_series *series, int64_t since, int64_t until,
			struct price_stats *ret, struct error *err)
{
	struct price_runs runs;

	if (price_runs_make(series, since, until, &runs, err) < 0)
		return -1;
	price_runs_stats(&runs, ret);
	ret->since = since;
	ret->until = until;
	price_runs_release(&runs);
	return 0;
}

int price_quantile(const struct price_series *series, int64_t since, int64_t until, double q,
		   int64_t *ret, struct error *err)
{
	struct price_runs runs;

	if (!(q > 0 && q <= 1))
		return error_set(err, ERROR_USAGE, "a quantile must be above 0 and at most 1");
	if (price_runs_make(series, since, until, &runs, err) < 0)
		return -1;
	struct price_run *sorted = price_runs_sorted(&runs);
	*ret = price_runs_quantile(sorted, runs.nr, runs.covered_s, q);
	free(sorted);
	price_runs_release(&runs);
	return 0;
}

int bid_stats_compute(const struct price_series *series, int64_t since, int64_t until, int64_t bid,
		      struct bid_stats *ret, struct error *err)
{
	struct price_runs runs;

	if (price_runs_make(series, since, until, &runs, err) < 0)
		return -1;
	price_runs_under(&runs, bid, ret);
	price_runs_release(&runs);
	return 0;
}
