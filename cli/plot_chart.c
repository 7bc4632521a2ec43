/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plot_canvas.h"
#include "cli/plot_parts.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

#define WIDTH_MIN 40

/* All that the panels of one chart share. */
struct chart {
	const struct plot *plot;
	const struct plot_style *style;
	struct buf *out;
	struct plot_scale scale;
	int64_t prices[PLOT_PRICE_TICKS];
	size_t nr_prices;
	size_t left, columns, right, rows; /* axis labels, drawing, rule labels; rows of a panel */
	size_t column;			   /* where a paragraph stands */
};

/* ECMA-48: the price cyan, the chosen zone's green, on demand red, rungs yellow. */
static void colour(struct chart *chart, const char *code)
{
	if (chart->style->colour)
		buf_addf(chart->out, "\033[%sm", code);
}

static void blanks(struct chart *chart, size_t n)
{
	while (n--)
		buf_addch(chart->out, ' ');
}

/* A part of a paragraph: on this line if it has room, else on the next. */
static void say(struct chart *chart, const char *text, const char *separator)
{
	struct buf part = BUF_INIT;
	size_t n = plot_text(&part, text, chart->style->width, chart->style->utf8);

	if (chart->column && chart->column + strlen(separator) + n > chart->style->width) {
		buf_addch(chart->out, '\n');
		chart->column = 0;
	} else if (chart->column) {
		buf_addstr(chart->out, separator);
		chart->column += strlen(separator);
	}
	buf_add(chart->out, part.data, part.len);
	chart->column += n;
	buf_release(&part);
}

static void end_paragraph(struct chart *chart)
{
	buf_addch(chart->out, '\n');
	chart->column = 0;
}

static void chart_head(struct chart *chart)
{
	char from[32], to[32], source[PLOT_NAME_MAX * 4];

	colour(chart, "1");
	say(chart, chart->plot->title, "");
	colour(chart, "0");
	end_paragraph(chart);
	say(chart, chart->scale.log ? "spot price, $/h, logarithmic scale" : "spot price, $/h", "");
	plot_time_text(chart->plot->since, from);
	plot_time_text(chart->plot->until, to);
	if (strlen(from) > 4)
		snprintf(from + strlen(from) - 4, 5, " to"); /* UTC is said once */
	say(chart, from, "; ");
	say(chart, to, " ");
	if (chart->plot->source && chart->plot->source[0]) {
		snprintf(source, sizeof(source), "from %s", chart->plot->source);
		say(chart, source, "; ");
	}
	if (chart->plot->left_out) {
		snprintf(source, sizeof(source), "%zu of %zu zones", chart->plot->nr_lines,
			 chart->plot->nr_lines + chart->plot->left_out);
		say(chart, source, "; ");
	}
	end_paragraph(chart);
}

static void panel_figures(struct chart *chart, const struct plot_line *line)
{
	struct error err = ERROR_INIT;
	struct price_stats stats;
	char part[64], money[MONEY_TEXT_MAX];

	if (price_stats_compute(&line->series, chart->plot->since, chart->plot->until, &stats,
				&err) < 0)
		return;
	const struct {
		const char *name;
		int64_t micros;
	} figures[] = { { "last", stats.last },
			{ "min", stats.min },
			{ "median", stats.median },
			{ "p95", stats.p95 },
			{ "max", stats.max } };
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
		snprintf(part, sizeof(part), "%s %s", figures[i].name,
			 money_format(money, figures[i].micros, 4));
		say(chart, part, "  ");
	}
}

static void panel_head(struct chart *chart, const struct plot_line *line)
{
	char id[PLOT_NAME_MAX + 3];

	buf_addch(chart->out, '\n');
	colour(chart, line->chosen ? "1;32" : "1");
	say(chart, line->series.zone, "");
	colour(chart, "0");
	if (line->zone_id && line->zone_id[0]) {
		snprintf(id, sizeof(id), "(%.*s)", PLOT_NAME_MAX, line->zone_id);
		say(chart, id, " ");
	}
	if (line->chosen)
		say(chart, "<- chosen", " ");
	panel_figures(chart, line);
	end_paragraph(chart);
}

static size_t dot_of(const struct plot_canvas *canvas, const struct plot_scale *scale,
		     int64_t micros)
{
	double at = plot_scale_at(scale, (double)micros) * (double)(canvas->height - 1);

	return (size_t)(at + 0.5);
}

static void draw(const struct chart *chart, const struct plot_line *line,
		 struct plot_canvas *canvas)
{
	const struct plot *plot = chart->plot;
	struct plot_column *columns = xcalloc(canvas->width, sizeof(*columns));
	int64_t before = PRICE_GAP;

	for (size_t i = 0; i < plot->nr_rules; i++)
		if (plot->rules[i].micros > 0)
			plot_canvas_rule(canvas,
					 dot_of(canvas, &chart->scale, plot->rules[i].micros),
					 plot->rules[i].strong);
	plot_columns(&line->series, plot->since, plot->until, columns, canvas->width);
	for (size_t x = 0; x < canvas->width; x++) {
		const struct plot_column *c = &columns[x];
		int64_t low = c->min, high = c->max;

		if (high != PRICE_GAP) {
			/* what changed just here is joined by a stroke, but not over a gap */
			if (before != PRICE_GAP && c->first != PRICE_GAP) {
				low = before < low ? before : low;
				high = before > high ? before : high;
			}
			plot_canvas_price(canvas, x, dot_of(canvas, &chart->scale, low),
					  dot_of(canvas, &chart->scale, high));
		}
		before = c->last;
	}
	free(columns);
}

/* "on demand 3.06", or without the price where that is too long. */
static size_t rule_text(const struct plot_rule *rule, size_t room, bool utf8, struct buf *out)
{
	char money[MONEY_TEXT_MAX];
	struct buf label = BUF_INIT;
	size_t n = plot_text(&label, rule->label, PLOT_NAME_MAX, utf8);

	money_format(money, rule->micros, 2);
	if (n + 1 + strlen(money) <= room) {
		buf_add(out, label.data, label.len);
		buf_addf(out, " %s", money);
		n += 1 + strlen(money);
	} else {
		n = plot_text(out, rule->label, room, utf8);
	}
	buf_release(&label);
	return n;
}

/* For each row the rule whose label stands there, or nr_rules. */
static void place_labels(const struct chart *chart, const struct plot_canvas *canvas, size_t *rows)
{
	const struct plot *plot = chart->plot;
	struct plot_label *labels = xcalloc(plot->nr_rules + 1, sizeof(*labels));
	size_t dots = canvas->height / canvas->rows;

	for (size_t i = 0; i < canvas->rows; i++)
		rows[i] = plot->nr_rules;
	for (size_t i = 0; i < plot->nr_rules; i++) {
		size_t y = dot_of(canvas, &chart->scale, plot->rules[i].micros);

		labels[i].at = (double)(y / dots) +
			       plot_scale_at(&chart->scale, (double)plot->rules[i].micros) * 1e-6;
		labels[i].strong = plot->rules[i].strong;
	}
	plot_labels_place(labels, plot->nr_rules, 1, 1.1, (double)canvas->rows - 1 + 1e-5);
	for (size_t i = 0; i < plot->nr_rules; i++) {
		if (isnan(labels[i].placed))
			continue;
		size_t row = (size_t)(labels[i].placed + 0.5);

		rows[canvas->rows - 1 - (row < canvas->rows ? row : canvas->rows - 1)] = i;
	}
	free(labels);
}

static void row_cells(struct chart *chart, const struct plot_line *line,
		      const struct plot_canvas *canvas, size_t row)
{
	const char *const codes[] = {
		[PLOT_INK_NONE] = "0",
		[PLOT_INK_RULE] = "33",
		[PLOT_INK_STRONG] = "31",
		[PLOT_INK_PRICE] = line->chosen ? "32" : "36",
	};
	enum plot_ink now = PLOT_INK_NONE;

	for (size_t column = 0; column < canvas->columns; column++) {
		enum plot_ink ink = plot_canvas_ink(canvas, column, row);

		if (ink != now)
			colour(chart, codes[ink]);
		now = ink;
		plot_canvas_char(canvas, column, row, chart->out);
	}
	if (now != PLOT_INK_NONE)
		colour(chart, "0");
}

static void row_axis(struct chart *chart, const struct plot_canvas *canvas, size_t row)
{
	size_t dots = canvas->height / canvas->rows;
	char label[32] = "";
	bool utf8 = chart->style->utf8;

	for (size_t i = 0; i < chart->nr_prices; i++)
		if (canvas->rows - 1 - dot_of(canvas, &chart->scale, chart->prices[i]) / dots ==
		    row)
			plot_price_label(chart->prices, chart->nr_prices, chart->prices[i], label);
	buf_addf(chart->out, "%*s ", (int)chart->left - 2, label);
	if (label[0])
		buf_addstr(chart->out, utf8 ? "\xe2\x94\xa4" : "+"); /* U+2524 */
	else
		buf_addstr(chart->out, utf8 ? "\xe2\x94\x82" : "|"); /* U+2502 */
}

static void panel_rows(struct chart *chart, const struct plot_line *line)
{
	const struct plot *plot = chart->plot;
	size_t *labels = xcalloc(chart->rows, sizeof(*labels));
	struct plot_canvas canvas;

	plot_canvas_init(&canvas, chart->columns, chart->rows, chart->style->utf8);
	draw(chart, line, &canvas);
	place_labels(chart, &canvas, labels);
	for (size_t row = 0; row < chart->rows; row++) {
		row_axis(chart, &canvas, row);
		row_cells(chart, line, &canvas, row);
		if (labels[row] < plot->nr_rules) {
			const struct plot_rule *rule = &plot->rules[labels[row]];

			colour(chart, rule->strong ? "31" : "33");
			buf_addch(chart->out, ' ');
			rule_text(rule, chart->right - 1, chart->style->utf8, chart->out);
			colour(chart, "0");
		}
		while (chart->out->len && chart->out->data[chart->out->len - 1] == ' ')
			chart->out->data[--chart->out->len] = '\0';
		buf_addch(chart->out, '\n');
	}
	plot_canvas_release(&canvas);
	free(labels);
}

static size_t tick_column(const struct chart *chart, int64_t t)
{
	double at = (double)(t - chart->plot->since) /
		    (double)(chart->plot->until - chart->plot->since);

	return (size_t)(at * (double)chart->columns);
}

/* The line under a panel, with its marks, and their dates beneath. */
static void panel_foot(struct chart *chart)
{
	size_t max = chart->columns / 9 + 1, column = 0, next = 0;
	struct plot_tick *ticks = xcalloc(max, sizeof(*ticks));
	size_t nr = plot_time_ticks(chart->plot->since, chart->plot->until, ticks, max);
	bool utf8 = chart->style->utf8;

	blanks(chart, chart->left - 1);
	buf_addstr(chart->out, utf8 ? "\xe2\x94\x94" : "+"); /* U+2514 */
	for (size_t i = 0; i < chart->columns; i++) {
		bool mark = next < nr && tick_column(chart, ticks[next].time) == i;

		while (next < nr && tick_column(chart, ticks[next].time) <= i)
			next++;
		if (mark)
			buf_addstr(chart->out, utf8 ? "\xe2\x94\xac" : "+"); /* U+252C */
		else
			buf_addstr(chart->out, utf8 ? "\xe2\x94\x80" : "-"); /* U+2500 */
	}
	buf_addch(chart->out, '\n');
	for (size_t i = 0; i < nr; i++) {
		size_t n = strlen(ticks[i].label);
		size_t at = chart->left + tick_column(chart, ticks[i].time);

		at = at > n / 2 ? at - n / 2 : 0;
		if ((column && at < column + 1) || at + n > chart->style->width)
			continue;
		blanks(chart, at - column);
		buf_addstr(chart->out, ticks[i].label);
		column = at + n;
	}
	buf_addch(chart->out, '\n');
	free(ticks);
}

/* How wide the axis is, the labels at the right, and what is left for the drawing. */
static void lay_out(struct chart *chart)
{
	const struct plot *plot = chart->plot;
	size_t most = chart->style->width / 4, longest = 0;
	char label[32];

	chart->nr_prices = plot_price_ticks(&chart->scale, chart->prices);
	for (size_t i = 0; i < chart->nr_prices; i++) {
		plot_price_label(chart->prices, chart->nr_prices, chart->prices[i], label);
		chart->left = strlen(label) > chart->left ? strlen(label) : chart->left;
	}
	chart->left += 2;
	for (size_t i = 0; i < plot->nr_rules; i++) {
		struct buf text = BUF_INIT;
		size_t n = rule_text(&plot->rules[i], most - 1, chart->style->utf8, &text);

		longest = n > longest ? n : longest;
		buf_release(&text);
	}
	chart->right = longest ? longest + 1 : 0;
	chart->columns = chart->style->width - chart->left - chart->right;
	chart->rows = plot->nr_lines <= 2 || !chart->style->utf8 ? 12 : 8;
}

static void draw_all(const struct plot *plot, const struct plot_style *style, struct buf *out)
{
	struct plot_style own = *style;
	struct chart chart = { .plot = plot, .style = &own, .out = out };

	if (own.width < WIDTH_MIN)
		own.width = WIDTH_MIN;
	plot_scale_make(plot, &chart.scale);
	lay_out(&chart);
	chart_head(&chart);
	for (size_t i = 0; i < plot->nr_lines; i++) {
		const struct plot_line *line = &plot->lines[i];

		panel_head(&chart, line);
		if (plot_known(&line->series, plot->since, plot->until)) {
			panel_rows(&chart, line);
			panel_foot(&chart);
		} else {
			say(&chart, "no price is known in this time", "");
			end_paragraph(&chart);
		}
	}
}

void plot_chart(const struct plot *plot, const struct plot_style *style, struct buf *out)
{
	struct plot *limited = plot_limit(plot, 1);

	draw_all(limited, style, out);
	plot_limit_free(limited, 1);
}
