/* SPDX-License-Identifier: Apache-2.0 */
/* Many lines in one drawing: how many at most, and which of them would hide another. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plot_svg.h"
#include "core/mem.h"

/* Times at which lines are compared, and at how many of them one must cover the other. */
#define SAMPLES	    180
#define SAMPLES_MIN 9
/* Changes of a line that is drawn wider: one of more would hide what is beside it. */
#define CALM 100

/* The first ones; a chosen one beyond them takes the place of the last that is not. */
static void limit(const struct plot *plot, struct plot *ret)
{
	size_t nr = plot->nr_lines < PLOT_LINES_MAX ? plot->nr_lines : PLOT_LINES_MAX;
	struct plot_line *v = xcalloc(nr + 1, sizeof(*v));

	if (nr)
		memcpy(v, plot->lines, nr * sizeof(*v));
	for (size_t i = nr, at = nr; i < plot->nr_lines && at; i++) {
		if (!plot->lines[i].chosen)
			continue;
		while (at && v[at - 1].chosen)
			at--;
		if (at)
			v[--at] = plot->lines[i];
	}
	*ret = *plot;
	ret->lines = v;
	ret->nr_lines = nr;
	ret->left_out = plot->left_out + plot->nr_lines - nr;
}

struct plot *plot_limit(const struct plot *plots, size_t nr)
{
	struct plot *ret = xcalloc(nr + 1, sizeof(*ret));

	for (size_t i = 0; i < nr; i++)
		limit(&plots[i], &ret[i]);
	return ret;
}

void plot_limit_free(struct plot *plots, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		free((void *)(uintptr_t)plots[i].lines);
	free(plots);
}

/* Where each line is at t, in whole pixels; -1: nowhere. */
static void sample(const struct plot_frame *frame, const size_t *order, size_t nr, int64_t t,
		   long long *y)
{
	for (size_t k = 0; k < nr; k++) {
		int64_t micros = plot_price_at(&frame->plot->lines[order[k]].series, t);

		y[k] = micros == PRICE_GAP ? -1 : llround(plot_frame_y(frame, (double)micros));
	}
}

static bool is_calm(const struct plot *plot, const struct price_series *series)
{
	return plot_points_until(series, plot->until) - plot_points_until(series, plot->since) <=
	       CALM;
}

void plot_under(const struct plot_frame *frame, const size_t *order, size_t nr, size_t *levels)
{
	const struct plot *plot = frame->plot;
	double span = (double)plot->until - (double)plot->since;
	size_t(*seen)[PLOT_UNDER + 1] = xcalloc(nr + 1, sizeof(*seen));
	long long *y = xcalloc(nr + 1, sizeof(*y));

	for (size_t s = 0; s < SAMPLES; s++) {
		sample(frame, order, nr, plot->since + (int64_t)(span * (double)s / SAMPLES), y);
		for (size_t k = 0; k < nr; k++) {
			size_t above = 0;

			for (size_t j = k + 1; j < nr && above < PLOT_UNDER; j++)
				above += y[k] >= 0 && y[j] == y[k];
			for (size_t level = 1; level <= above; level++)
				seen[k][level]++;
		}
	}
	for (size_t k = 0; k < nr; k++) {
		bool calm = is_calm(plot, &plot->lines[order[k]].series);

		for (levels[k] = 0; calm && levels[k] < PLOT_UNDER; levels[k]++)
			if (seen[k][levels[k] + 1] < SAMPLES_MIN)
				break;
	}
	free(seen);
	free(y);
}
