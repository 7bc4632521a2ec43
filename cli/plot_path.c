/* SPDX-License-Identifier: Apache-2.0 */
/* A price as the `d` of an SVG path: steps only, so M, H and V, and a new M after each gap. */
#include <math.h>
#include <stdlib.h>

#include "cli/plot_svg.h"
#include "core/buf.h"
#include "core/mem.h"

/* Points per pixel from which on a line is drawn by pixels. */
#define EXACT_PER_PIXEL 3

/* Where the pen is, in tenths of a pixel: nothing finer is written. */
struct pen {
	const struct plot_frame *frame;
	struct buf *out;
	int64_t x, y;
	bool down;
};

static int64_t tenths(double v)
{
	return (int64_t)llround(v * 10);
}

static void number(struct pen *pen, char command, int64_t value)
{
	if (value % 10)
		buf_addf(pen->out, "%c%lld.%d", command, (long long)(value / 10),
			 (int)(value % 10));
	else
		buf_addf(pen->out, "%c%lld", command, (long long)(value / 10));
}

/* Down to the price, by a stroke where the line is there already. */
static void pen_price(struct pen *pen, int64_t x, int64_t micros)
{
	int64_t y = tenths(plot_frame_y(pen->frame, (double)micros));

	if (!pen->down) {
		number(pen, 'M', x);
		number(pen, ' ', y);
	} else if (y != pen->y) {
		number(pen, 'V', y);
	}
	pen->x = x;
	pen->y = y;
	pen->down = true;
}

static void pen_move(struct pen *pen, int64_t x)
{
	if (pen->down && x != pen->x)
		number(pen, 'H', x);
	pen->x = x;
}

/* The end of what is known: even the shortest is a dot (a path's end is square). */
static void pen_up(struct pen *pen)
{
	if (pen->down)
		number(pen, 'H', pen->x);
	pen->down = false;
}

static void exact(struct pen *pen, const struct price_series *series)
{
	const struct plot *plot = pen->frame->plot;
	size_t i = plot_points_until(series, plot->since);

	for (i = i ? i - 1 : 0; i < series->nr && series->v[i].time < plot->until; i++) {
		const struct price_point *p = &series->v[i];

		if (i + 1 < series->nr && p[1].time == p->time)
			continue;
		int64_t x = tenths(plot_frame_x(pen->frame, p->time));

		pen_move(pen, x);
		if (p->micros == PRICE_GAP)
			pen_up(pen);
		else
			pen_price(pen, x, p->micros);
	}
	pen_move(pen, tenths(plot_frame_x(pen->frame, plot->until)));
	pen_up(pen);
}

/* By pixels: in each of them a stroke over all its prices, so that nothing is lost. */
static void by_pixels(struct pen *pen, const struct price_series *series)
{
	const struct plot *plot = pen->frame->plot;
	size_t nr = (size_t)pen->frame->width;
	struct plot_column *columns = xcalloc(nr, sizeof(*columns));

	plot_columns(series, plot->since, plot->until, columns, nr);
	for (size_t i = 0; i < nr; i++) {
		const struct plot_column *c = &columns[i];
		int64_t x = tenths(pen->frame->left + (double)i);

		pen_move(pen, x);
		if (c->max == PRICE_GAP) {
			pen_up(pen);
			continue;
		}
		if (c->first == PRICE_GAP)
			pen_up(pen);
		else
			pen_price(pen, x, c->first);
		pen_price(pen, x, c->max);
		pen_price(pen, x, c->min);
		if (c->last == PRICE_GAP)
			pen_up(pen);
		else
			pen_price(pen, x, c->last);
	}
	pen_move(pen, tenths(pen->frame->left + pen->frame->width));
	pen_up(pen);
	free(columns);
}

void plot_path(const struct plot_frame *frame, const struct price_series *series, struct buf *out)
{
	struct pen pen = { .frame = frame, .out = out };
	size_t begin = plot_points_until(series, frame->plot->since);
	size_t end = plot_points_until(series, frame->plot->until);

	if ((double)(end - begin) > EXACT_PER_PIXEL * frame->width)
		by_pixels(&pen, series);
	else
		exact(&pen, series);
}
