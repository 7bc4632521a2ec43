/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/plot_parts.h"
#include "core/buf.h"
#include "core/mem.h"

/* U+2581 to U+2588: a block of one eighth, of two, of all eight. */
static const char *const blocks[] = { "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
				      "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
				      "\xe2\x96\x87", "\xe2\x96\x88" };
/* Each has more ink than the one before, and stands no lower. */
static const char *const ascii[] = { "_", "-", "=", "*", "#" };

/* The height of a price, 0 to nr - 1: a flat scale is drawn in the middle. */
static size_t height(int64_t micros, const int64_t scale[2], size_t nr)
{
	double span = (double)scale[1] - (double)scale[0];

	if (!(span > 0))
		return (nr - 1) / 2;
	double at = ((double)micros - (double)scale[0]) / span * (double)nr;
	if (!(at > 0))
		return 0;
	return at >= (double)nr ? nr - 1 : (size_t)at;
}

void plot_sparkline(const struct price_series *series, int64_t since, int64_t until,
		    const int64_t scale[2], size_t width, bool utf8, struct buf *out)
{
	const char *const *marks = utf8 ? blocks : ascii;
	size_t nr = utf8 ? ARRAY_SIZE(blocks) : ARRAY_SIZE(ascii);
	struct plot_column *columns = xcalloc(width + 1, sizeof(*columns));

	plot_columns(series, since, until, columns, width);
	for (size_t i = 0; i < width; i++)
		buf_addstr(out, columns[i].max == PRICE_GAP
					? " "
					: marks[height(columns[i].max, scale, nr)]);
	free(columns);
}
