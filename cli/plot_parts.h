/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to cli/plot*.c: what all pictures share. Which prices lie in a column, where a price
 * lies on the axis, which prices and times are marked, and text made harmless for each of the
 * formats. Prices are micro-dollars per hour, times Unix seconds.
 */
#ifndef GPUCLOUD_CLI_PLOT_PARTS_H
#define GPUCLOUD_CLI_PLOT_PARTS_H

#include "cli/plot.h"

/* Number of points at or before t: the one in force is the last of them. */
size_t plot_points_until(const struct price_series *series, int64_t t);

/* What holds at t: a price, or PRICE_GAP. */
int64_t plot_price_at(const struct price_series *series, int64_t t);

/* What is seen of a series in one column. */
struct plot_column {
	int64_t first, last; /* in force at its start and its end; PRICE_GAP: unknown */
	int64_t min, max;    /* PRICE_GAP: unknown in all of it */
};

/*
 * Cuts [since, until) into nr columns, each at least a second long (where there are more columns
 * than seconds, neighbours show the same one). Nothing is known in an empty window.
 */
void plot_columns(const struct price_series *series, int64_t since, int64_t until,
		  struct plot_column *v, size_t nr);

/* A known price lies in the window. */
bool plot_known(const struct price_series *series, int64_t since, int64_t until);

/*
 * The price axis of a plot: all prices in the window and all rules, never clipped. It is linear
 * and starts at zero where the lowest is less than half of the highest. Where the top is more than
 * eight times the median price, a linear axis would press everything but the spikes into its lowest
 * eighth: there it is logarithmic.
 */
struct plot_scale {
	double low, high; /* micro-dollars; low < high */
	bool log;	  /* low > 0 then */
};
void plot_scale_make(const struct plot *plot, struct plot_scale *ret);
double plot_scale_at(const struct plot_scale *scale, double micros); /* 0 bottom, 1 top */

/* Three to five round prices of the axis, ascending. */
#define PLOT_PRICE_TICKS 5
size_t plot_price_ticks(const struct plot_scale *scale, int64_t v[PLOT_PRICE_TICKS]);
/* All with the same decimals, at least two. */
void plot_price_label(const int64_t *ticks, size_t nr, int64_t micros, char out[32]);

struct plot_tick {
	int64_t time;
	char label[16]; /* "12:30", "Mar 5", "2020-03", "2020", "12:30:05" */
};

/* At most max round times in [since, until), UTC, ascending; v holds max. */
size_t plot_time_ticks(int64_t since, int64_t until, struct plot_tick *v, size_t max);

/*
 * Where labels go that must not overlap: in the order of `at`, as near to it as may be, at least
 * `height` apart, all in [0, end]. Where one would have to move by more than `reach`, a weak one
 * (a strong one only where there are no others) is dropped: NAN.
 */
struct plot_label {
	double at;
	bool strong;
	double placed;
};
void plot_labels_place(struct plot_label *v, size_t nr, double height, double reach, double end);

/* The first rule with this label, as PLOT_ON_DEMAND; NULL where there is none. */
const struct plot_rule *plot_rule_find(const struct plot *plot, const char *label);

/*
 * Text from outside, for each place where it may stand. Control characters and invalid UTF-8 are
 * made visible first, as text_escape does; at most `max` characters (an ellipsis then ends it).
 */
size_t plot_text(struct buf *out, const char *s, size_t max, bool utf8); /* returns its columns */
void plot_xml(struct buf *out, const char *s, size_t max);		 /* element or attribute */
void plot_json(struct buf *out, const char *s, size_t max); /* a string with its quotes */

/* "2015-03-11 14:00 UTC", with seconds where they are not zero. */
void plot_time_text(int64_t t, char out[32]);

#define PLOT_NAME_MAX 64 /* characters of a name or title that are shown */

/* Points that stand for a series in a page, beginning with the one in force at since. */
struct plot_points {
	struct price_point *v; /* malloc'ed */
	size_t nr;
	size_t of;	  /* how many there were, superseded ones left out */
	int64_t bucket_s; /* 0: all are there; else of each such span what plot_thin says */
};

/*
 * The points in force in the window, at most `max` (at least 16) of them. If there are more, the
 * first, the last, the lowest and the highest of each bucket stay, with the ends of the two.
 */
void plot_thin(const struct price_series *series, int64_t since, int64_t until, size_t max,
	       struct plot_points *ret);

/* Copies with at most PLOT_LINES_MAX lines each, the rest counted in left_out; same order. */
struct plot *plot_limit(const struct plot *plots, size_t nr);
void plot_limit_free(struct plot *plots, size_t nr);

/* One market of a page: its plot, and the points of each of its lines that the page holds. */
struct plot_page {
	const struct plot *plot;
	struct plot_points *points;
};

void plot_page_json(const struct plot_page *pages, size_t nr, struct buf *out);
void plot_page_csv(const struct plot_page *page, struct buf *out); /* escaped for HTML */
void plot_page_table(const struct plot *plot, struct buf *out);
/* The drawing of one plot; its style is the page's. `id` from 1 on tells it from its neighbours. */
void plot_svg_in_page(const struct plot *plot, size_t id, struct buf *out);

/* Which colour and dash line i of nr takes: classes "c0".."c5" and "d0".."d3". */
#define PLOT_COLOURS 6
#define PLOT_DASHES  4
#define PLOT_UNDER   4 /* classes "u1" to "u4": how many lines cover it */

/* Files of this folder, as the build embeds them. */
extern const char plot_colours_css[];
extern const char plot_page_css[];
extern const char plot_page_parts_js[];
extern const char plot_page_drawing_js[];
extern const char plot_page_chart_js[];

#endif
