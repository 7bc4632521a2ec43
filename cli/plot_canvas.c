/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plot_canvas.h"

#include <stdlib.h>

#include "core/buf.h"
#include "core/mem.h"

/* Dots of a braille character: bits of U+2800 by column and row. */
static const unsigned char bits[2][4] = { { 0x01, 0x02, 0x04, 0x40 }, { 0x08, 0x10, 0x20, 0x80 } };

void plot_canvas_init(struct plot_canvas *canvas, size_t columns, size_t rows, bool braille)
{
	*canvas = (struct plot_canvas){
		.columns = columns,
		.rows = rows,
		.width = columns * (braille ? 2 : 1),
		.height = rows * (braille ? 4 : 1),
		.braille = braille,
		.dots = xcalloc(columns * rows + 1, 1),
		.ink = xcalloc(columns * rows + 1, 1),
	};
}

void plot_canvas_release(struct plot_canvas *canvas)
{
	free(canvas->dots);
	free(canvas->ink);
	*canvas = (struct plot_canvas){ 0 };
}

/* The character of a dot, emptied where a stronger ink comes. NULL: a stronger one is there. */
static unsigned char *cell(struct plot_canvas *canvas, size_t x, size_t y, enum plot_ink ink)
{
	size_t row = canvas->height - 1 - y, column = x;

	if (canvas->braille) {
		row /= 4;
		column /= 2;
	}
	size_t at = row * canvas->columns + column;
	if (canvas->ink[at] > ink)
		return NULL;
	if (canvas->ink[at] < ink)
		canvas->dots[at] = 0;
	canvas->ink[at] = (unsigned char)ink;
	return &canvas->dots[at];
}

static void dot(struct plot_canvas *canvas, size_t x, size_t y, enum plot_ink ink, char ascii)
{
	unsigned char *c = cell(canvas, x, y, ink);

	if (!c)
		return;
	if (canvas->braille)
		*c |= bits[x % 2][(canvas->height - 1 - y) % 4];
	else
		*c = (unsigned char)ascii;
}

void plot_canvas_rule(struct plot_canvas *canvas, size_t y, bool strong)
{
	size_t step = (canvas->braille ? 2 : 1) * (strong ? 1 : 2);

	for (size_t x = 0; x < canvas->width; x += step)
		dot(canvas, x, y, strong ? PLOT_INK_STRONG : PLOT_INK_RULE, '.');
}

void plot_canvas_price(struct plot_canvas *canvas, size_t x, size_t low, size_t high)
{
	for (size_t y = low; y <= high; y++)
		dot(canvas, x, y, PLOT_INK_PRICE,
		    low == high		    ? '-'
		    : y == low || y == high ? '+'
					    : '|');
}

enum plot_ink plot_canvas_ink(const struct plot_canvas *canvas, size_t column, size_t row)
{
	return (enum plot_ink)canvas->ink[row * canvas->columns + column];
}

void plot_canvas_char(const struct plot_canvas *canvas, size_t column, size_t row, struct buf *out)
{
	unsigned char c = canvas->dots[row * canvas->columns + column];

	if (!c) {
		buf_addch(out, ' ');
	} else if (canvas->braille) { /* U+2800 + c */
		char utf8[3] = { '\xe2', (char)(0xa0 | (c >> 6)), (char)(0x80 | (c & 0x3f)) };

		buf_add(out, utf8, sizeof(utf8));
	} else {
		buf_addch(out, (char)c);
	}
}
