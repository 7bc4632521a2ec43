/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drawing of characters: braille with two by four dots in each, or plain ASCII. The price is
 * drawn over the rules: where both meet in one character, the price is seen.
 */
#ifndef GPUCLOUD_CLI_PLOT_CANVAS_H
#define GPUCLOUD_CLI_PLOT_CANVAS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

enum plot_ink {
	PLOT_INK_NONE = 0,
	PLOT_INK_RULE,
	PLOT_INK_STRONG,
	PLOT_INK_PRICE,
};

struct plot_canvas {
	size_t columns, rows; /* characters */
	size_t width, height; /* dots */
	bool braille;
	unsigned char *dots; /* a bit for each dot of a character, or the character itself */
	unsigned char *ink;  /* enum plot_ink of each character */
};

void plot_canvas_init(struct plot_canvas *canvas, size_t columns, size_t rows, bool braille);
void plot_canvas_release(struct plot_canvas *canvas);

/* y counts dots from the bottom; rules first. */
void plot_canvas_rule(struct plot_canvas *canvas, size_t y, bool strong);
/* The price in dot column x: a stroke over [low, high]. */
void plot_canvas_price(struct plot_canvas *canvas, size_t x, size_t low, size_t high);

enum plot_ink plot_canvas_ink(const struct plot_canvas *canvas, size_t column, size_t row);
/* The character there; row 0 is the top one. */
void plot_canvas_char(const struct plot_canvas *canvas, size_t column, size_t row, struct buf *out);

#endif
