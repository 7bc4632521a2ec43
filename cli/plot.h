/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures of spot prices: a line of blocks for a table, a chart of braille dots for the terminal,
 * and one self-contained page as SVG or HTML. All draw the same thing: a price as steps, unknown
 * time left empty, and for every column of the picture the highest price in it, so that no spike is
 * lost. Text in, bytes out; nothing here prints or reads the terminal.
 */
#ifndef GPUCLOUD_CLI_PLOT_H
#define GPUCLOUD_CLI_PLOT_H

#include <stdbool.h>

#include "bidding/series.h"

struct buf;

/* The label of the rule that volatility is measured by. */
#define PLOT_ON_DEMAND "on demand"

struct plot_line {
	struct price_series series; /* may hold gaps; its zone names the line */
	const char *zone_id;	    /* or "" */
	bool chosen;		    /* the zone the rule names: drawn stronger */
};

/* A horizontal line: "on demand", "51%", "76%", "101%", "bid 60%". */
struct plot_rule {
	const char *label;
	int64_t micros; /* per hour */
	bool strong;	/* on demand, and the bid */
};

struct plot {
	const char *title;  /* "p3.2xlarge in us-east-1" */
	const char *source; /* where the prices are from: "Amazon EC2", "archive", file names */
	int64_t since, until;
	const struct plot_line *lines;
	size_t nr_lines;
	const struct plot_rule *rules;
	size_t nr_rules;
	size_t left_out; /* lines that were there but are not among these */
};

/*
 * A picture holds at most so many lines of a plot: the first ones, and the chosen one in any case.
 * It says how many there were.
 */
#define PLOT_LINES_MAX 64

/*
 * `width` characters, from the left edge `since` to `until`; low and high (micro-dollars per hour)
 * are the scale's ends, so that lines beneath each other compare: at or under the low one the lowest
 * block stands, at or above the high one the full one. Each character is the highest price of its
 * span, in eight heights (plain ASCII: five); blank where nothing is known.
 */
void plot_sparkline(const struct price_series *series, int64_t since, int64_t until,
		    const int64_t scale[2], size_t width, bool utf8, struct buf *out);

struct plot_style {
	size_t width; /* columns in all, at least 40 */
	bool utf8;    /* braille; else ASCII */
	bool colour;
};

/* One panel for each line, all with one scale: title, axis with round prices and dates (UTC), rules
 * with their labels; the last row ends with a newline. Text is escaped for a terminal. */
void plot_chart(const struct plot *plot, const struct plot_style *style, struct buf *out);

/* One <svg> document: the first of the plots beneath the next. */
void plot_svg(const struct plot *plots, size_t nr, struct buf *out);

/*
 * One page with all that it needs inside: chart with zoom, hover and switches, rules, a table of
 * figures and the changes as CSV. No request to anywhere; a strict content policy says so. Works
 * without a script as a still picture with its table.
 */
void plot_html(const struct plot *plots, size_t nr, struct buf *out);

#endif
