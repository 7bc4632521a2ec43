/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to cli/plot_svg.c and plot_path.c: the area in which the lines of one plot are drawn. */
#ifndef GPUCLOUD_CLI_PLOT_SVG_H
#define GPUCLOUD_CLI_PLOT_SVG_H

#include "cli/plot_parts.h"

struct plot_frame {
	const struct plot *plot;
	struct plot_scale scale;
	double left, top, width, height; /* pixels */
};

double plot_frame_x(const struct plot_frame *frame, int64_t t);
double plot_frame_y(const struct plot_frame *frame, double micros);

/* Appends the path's data; nothing where no price is known. */
void plot_path(const struct plot_frame *frame, const struct price_series *series, struct buf *out);

/*
 * How many of the lines drawn later cover each one for a good part of the window: those are drawn
 * wider, so that they show beneath, unless they change so often that they would hide the rest. `order` is that in which they are drawn, levels[k] is of
 * order[k], PLOT_UNDER at most.
 */
void plot_under(const struct plot_frame *frame, const size_t *order, size_t nr, size_t *levels);

#endif
