/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plot_svg.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

/* Pixels. The text's width can't be asked for: GLYPH is what a character takes at most, about. */
#define WIDTH	     960
#define LEFT	     66
#define RIGHT	     160
#define PLOT_HEIGHT  320
#define MARGIN	     18
#define GLYPH	     7.2
#define BOLD_GLYPH   8.2
#define LEGEND_ROW   20
#define LABEL_HEIGHT 14
#define RULE_LABEL_Y 4	/* above its line */
#define RULE_NAME    24 /* characters of its label */
#define SHORT_NAME   14 /* characters that fit beside the drawing, with a price */

double plot_frame_x(const struct plot_frame *frame, int64_t t)
{
	const struct plot *plot = frame->plot;
	double at = (double)(t - plot->since) / (double)(plot->until - plot->since);

	return frame->left + fmin(1, fmax(0, at)) * frame->width;
}

double plot_frame_y(const struct plot_frame *frame, double micros)
{
	return frame->top + (1 - plot_scale_at(&frame->scale, micros)) * frame->height;
}

static void text_at(struct buf *out, double x, double y, const char *classes)
{
	buf_addf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, classes);
}

static void head(const struct plot_frame *frame, double y, struct buf *out)
{
	const struct plot *plot = frame->plot;
	char from[32], to[32];

	text_at(out, MARGIN, y + 24, "title");
	plot_xml(out, plot->title, PLOT_NAME_MAX);
	buf_addstr(out, "</text>\n");
	text_at(out, MARGIN, y + 43, "muted");
	plot_time_text(plot->since, from);
	plot_time_text(plot->until, to);
	buf_addf(out, "spot price, $/h%s; %s to %s", frame->scale.log ? ", logarithmic scale" : "",
		 from, to);
	if (plot->source && plot->source[0]) {
		buf_addstr(out, "; from ");
		plot_xml(out, plot->source, PLOT_NAME_MAX);
	}
	if (plot->left_out)
		buf_addf(out, "; %zu of %zu zones", plot->nr_lines,
			 plot->nr_lines + plot->left_out);
	buf_addstr(out, "</text>\n");
}

/* "c3 d0 line", or "k3" for text in that colour. */
static void line_classes(struct buf *out, const struct plot_line *line, size_t i)
{
	buf_addf(out, "line c%zu d%zu%s", i % PLOT_COLOURS, i / PLOT_COLOURS % PLOT_DASHES,
		 line->chosen ? " chosen" : "");
}

/* Where the next entry of the legend goes; a row is full at the right margin. */
struct flow {
	double x, y;
};

static void flow_entry(struct flow *flow, size_t characters, double *x, double *y)
{
	double need = 34 + (double)characters * GLYPH;

	if (flow->x > MARGIN && flow->x + need > WIDTH - MARGIN) {
		flow->x = MARGIN;
		flow->y += LEGEND_ROW;
	}
	*x = flow->x;
	*y = flow->y;
	flow->x += need;
}

/* Draws where out is not NULL; returns the y beneath. */
static double legend(const struct plot *plot, double top, struct buf *out)
{
	struct flow flow = { MARGIN, top };
	double x, y;

	for (size_t i = 0; i < plot->nr_lines; i++) {
		const struct plot_line *line = &plot->lines[i];
		struct buf name = BUF_INIT;

		buf_addstr(&name, line->series.zone);
		if (line->zone_id && line->zone_id[0])
			buf_addf(&name, " (%.64s)", line->zone_id);
		if (line->chosen)
			buf_addstr(&name, ", chosen");
		if (!plot_known(&line->series, plot->since, plot->until))
			buf_addstr(&name, ": no price known");
		flow_entry(&flow, strnlen(name.data, PLOT_NAME_MAX), &x, &y);
		if (out) {
			buf_addf(out, "<path d=\"M%.1f %.1fH%.1f\" class=\"", x, y + 8, x + 20);
			line_classes(out, line, i);
			buf_addstr(out, "\"/>");
			text_at(out, x + 25, y + 12, line->chosen ? "bold" : "text");
			plot_xml(out, name.data, PLOT_NAME_MAX);
			buf_addstr(out, "</text>\n");
		}
		buf_release(&name);
	}
	return flow.y + LEGEND_ROW;
}

static void grid(const struct plot_frame *frame, struct buf *out)
{
	int64_t prices[PLOT_PRICE_TICKS];
	size_t nr = plot_price_ticks(&frame->scale, prices);
	double bottom = frame->top + frame->height, right = frame->left + frame->width;
	struct plot_tick ticks[12];
	char label[32];

	for (size_t i = 0; i < nr; i++) {
		double y = plot_frame_y(frame, (double)prices[i]);

		plot_price_label(prices, nr, prices[i], label);
		buf_addf(out, "<path d=\"M%.1f %.1fH%.1f\" class=\"grid\"/>", frame->left, y,
			 right);
		text_at(out, frame->left - 8, y + 4, "muted end");
		buf_addf(out, "%s</text>\n", label);
	}
	nr = plot_time_ticks(frame->plot->since, frame->plot->until, ticks, ARRAY_SIZE(ticks));
	for (size_t i = 0; i < nr; i++) {
		double x = plot_frame_x(frame, ticks[i].time);

		buf_addf(out, "<path d=\"M%.1f %.1fV%.1f\" class=\"grid\"/>", x, frame->top,
			 bottom + 5);
		text_at(out, x, bottom + 19, "muted middle");
		buf_addf(out, "%s</text>\n", ticks[i].label);
	}
	buf_addf(out, "<path d=\"M%.1f %.1fH%.1f\" class=\"axis\"/>\n", frame->left, bottom, right);
	text_at(out, right, bottom + 34, "muted end");
	buf_addstr(out, "UTC</text>\n");
}

static void rules(const struct plot_frame *frame, struct buf *out)
{
	const struct plot *plot = frame->plot;
	double right = frame->left + frame->width;

	for (size_t i = 0; i < plot->nr_rules; i++) {
		double y = plot_frame_y(frame, (double)plot->rules[i].micros);

		if (plot->rules[i].micros > 0)
			buf_addf(out, "<path d=\"M%.1f %.1fH%.1f\" class=\"rule%s\"/>\n",
				 frame->left, y, right, plot->rules[i].strong ? " strong" : "");
	}
}

/* A rule would strike its own label through: beneath the lines, the label's place is cleared. */
static void label_back(double x, double y, size_t characters, struct buf *out)
{
	buf_addf(out,
		 "<rect class=\"paper\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>\n",
		 x - 3, y - LABEL_HEIGHT + 3, (double)characters * BOLD_GLYPH + 6, LABEL_HEIGHT);
}

/* First, under the lines, their backs; then, over them, the text, with a rim of the background. */
static void rule_labels(const struct plot_frame *frame, bool backs, struct buf *out)
{
	const struct plot *plot = frame->plot;
	struct plot_label *labels = xcalloc(plot->nr_rules + 1, sizeof(*labels));
	char money[MONEY_TEXT_MAX];

	for (size_t i = 0; i < plot->nr_rules; i++) {
		double at = plot_scale_at(&frame->scale, (double)plot->rules[i].micros);

		labels[i].at = at * frame->height;
		labels[i].strong = plot->rules[i].strong;
	}
	plot_labels_place(labels, plot->nr_rules, LABEL_HEIGHT, LABEL_HEIGHT, frame->height);
	for (size_t i = 0; i < plot->nr_rules; i++) {
		const struct plot_rule *rule = &plot->rules[i];
		double y = frame->top + frame->height - labels[i].placed - RULE_LABEL_Y;
		struct buf name = BUF_INIT;

		if (isnan(labels[i].placed) || rule->micros <= 0)
			continue;
		size_t nr = plot_text(&name, rule->label, RULE_NAME, true);

		money_format(money, rule->micros, 2);
		if (backs) {
			label_back(frame->left + 6, y, nr + 1 + strlen(money), out);
		} else {
			text_at(out, frame->left + 6, y, rule->strong ? "halo bold" : "halo");
			plot_xml(out, rule->label, RULE_NAME);
			buf_addf(out, " %s</text>\n", money);
		}
		buf_release(&name);
	}
	free(labels);
}

static void lines(const struct plot_frame *frame, struct buf *out)
{
	const struct plot *plot = frame->plot;
	size_t *order = xcalloc(plot->nr_lines + 1, sizeof(*order)), nr = 0;
	size_t *levels = xcalloc(plot->nr_lines + 1, sizeof(*levels));

	for (size_t pass = 0; pass < 2; pass++) /* the chosen zone lies above the others */
		for (size_t i = 0; i < plot->nr_lines; i++)
			if (plot->lines[i].chosen == (pass == 1) &&
			    plot_known(&plot->lines[i].series, plot->since, plot->until))
				order[nr++] = i;
	plot_under(frame, order, nr, levels);
	for (size_t k = 0; k < nr; k++) {
		const struct plot_line *line = &plot->lines[order[k]];

		buf_addstr(out, "<path class=\"");
		line_classes(out, line, order[k]);
		if (levels[k])
			buf_addf(out, " under u%zu", levels[k]);
		buf_addstr(out, "\" d=\"");
		plot_path(frame, &line->series, out);
		buf_addstr(out, "\"/>\n");
	}
	free(order);
	free(levels);
}

/* Zones differ in how they end: of a long name the end is shown. */
static void short_name(const char *zone, struct buf *out)
{
	struct buf name = BUF_INIT;

	plot_text(&name, zone, PLOT_NAME_MAX, true);
	const char *end = name.data;
	if (name.len > SHORT_NAME) {
		buf_addstr(out, "\xe2\x80\xa6");
		end += name.len - SHORT_NAME + 1;
		while ((*end & 0xc0) == 0x80) /* never from within a character */
			end++;
	}
	plot_xml(out, end, PLOT_NAME_MAX);
	buf_release(&name);
}

/* The price a line ends with, where it is known to the end of the window. */
static void line_labels(const struct plot_frame *frame, struct buf *out)
{
	const struct plot *plot = frame->plot;
	struct plot_label *labels = xcalloc(plot->nr_lines + 1, sizeof(*labels));
	size_t *lines_of = xcalloc(plot->nr_lines + 1, sizeof(*lines_of)), nr = 0;
	char money[MONEY_TEXT_MAX];

	for (size_t i = 0; i < plot->nr_lines; i++) {
		int64_t last = plot_price_at(&plot->lines[i].series, plot->until - 1);

		if (last == PRICE_GAP)
			continue;
		labels[nr].at = plot_scale_at(&frame->scale, (double)last) * frame->height;
		labels[nr].strong = plot->lines[i].chosen;
		lines_of[nr++] = i;
	}
	plot_labels_place(labels, nr, LABEL_HEIGHT, 5 * LABEL_HEIGHT, frame->height);
	for (size_t k = 0; k < nr; k++) {
		size_t i = lines_of[k];

		if (isnan(labels[k].placed))
			continue;
		buf_addf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"k%zu%s\">",
			 frame->left + frame->width + 7,
			 frame->top + frame->height - labels[k].placed + 4, i % PLOT_COLOURS,
			 plot->lines[i].chosen ? " bold" : "");
		short_name(plot->lines[i].series.zone, out);
		buf_addf(out, " %s</text>\n",
			 money_format(money, plot_price_at(&plot->lines[i].series, plot->until - 1),
				      4));
	}
	free(labels);
	free(lines_of);
}

/* Draws one plot from y on where out is not NULL; returns its height. */
static double one_plot(const struct plot *plot, double y, struct buf *out)
{
	struct plot_frame frame = {
		.plot = plot,
		.left = LEFT,
		.width = WIDTH - LEFT - RIGHT,
		.height = PLOT_HEIGHT,
	};

	if (!out) {
		frame.top = legend(plot, y + 56, NULL) + 14;
	} else {
		plot_scale_make(plot, &frame.scale);
		head(&frame, y, out);
		frame.top = legend(plot, y + 56, out) + 14;
		grid(&frame, out);
		rules(&frame, out);
		rule_labels(&frame, true, out);
		lines(&frame, out);
		rule_labels(&frame, false, out);
		line_labels(&frame, out);
	}
	return frame.top + frame.height + 52 - y;
}

/* The figures in words, for those who do not see the picture. */
static void describe(const struct plot *plot, struct buf *out)
{
	struct error err = ERROR_INIT;
	struct price_stats stats;
	char last[MONEY_TEXT_MAX], min[MONEY_TEXT_MAX], max[MONEY_TEXT_MAX];

	plot_xml(out, plot->title, PLOT_NAME_MAX);
	buf_addstr(out, ":");
	for (size_t i = 0; i < plot->nr_lines; i++) {
		buf_addch(out, ' ');
		plot_xml(out, plot->lines[i].series.zone, PLOT_NAME_MAX);
		if (price_stats_compute(&plot->lines[i].series, plot->since, plot->until, &stats,
					&err) < 0)
			buf_addstr(out, " no price known;");
		else
			buf_addf(out, " last $%s, lowest $%s, highest $%s an hour;",
				 money_format(last, stats.last, 4), money_format(min, stats.min, 4),
				 money_format(max, stats.max, 4));
	}
	buf_addch(out, '\n');
}

/* `id` is 0 in a file; in a page it tells its drawings apart, and the style is the page's. */
static void document(const struct plot *plots, size_t nr, size_t id, struct buf *out)
{
	double height = 0, y = 0;

	for (size_t i = 0; i < nr; i++)
		height += one_plot(&plots[i], height, NULL);
	buf_addf(out,
		 "<svg%s class=\"plot\" width=\"%d\" "
		 "height=\"%.0f\" viewBox=\"0 0 %d %.0f\" role=\"img\" "
		 "aria-labelledby=\"title-%zu desc-%zu\">\n<title id=\"title-%zu\">",
		 id ? "" : " xmlns=\"http://www.w3.org/2000/svg\"", WIDTH, height, WIDTH, height,
		 id, id, id);
	for (size_t i = 0; i < nr; i++) {
		buf_addstr(out, i ? ", " : "Spot price: ");
		plot_xml(out, plots[i].title, PLOT_NAME_MAX);
	}
	buf_addf(out, "</title>\n<desc id=\"desc-%zu\">", id);
	for (size_t i = 0; i < nr && !id; i++)
		describe(&plots[i], out);
	buf_addstr(out, id ? "The table beneath holds the figures.</desc>\n" : "</desc>\n");
	if (!id)
		buf_addf(out, "<style>%s</style>\n", plot_colours_css);
	buf_addf(out, "<rect class=\"paper\" width=\"%d\" height=\"%.0f\"/>\n", WIDTH, height);
	for (size_t i = 0; i < nr; i++)
		y += one_plot(&plots[i], y, out);
	buf_addstr(out, "</svg>\n");
}

void plot_svg(const struct plot *plots, size_t nr, struct buf *out)
{
	struct plot *limited = plot_limit(plots, nr);

	document(limited, nr, 0, out);
	plot_limit_free(limited, nr);
}

void plot_svg_in_page(const struct plot *plot, size_t id, struct buf *out)
{
	document(plot, 1, id, out);
}
