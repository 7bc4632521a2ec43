/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/plot_parts.h"
#include "core/buf.h"
#include "core/codec.h"
#include "core/mem.h"
#include "core/timefmt.h"

/* Points in one page, and in one line of it, before it is thinned. */
#define PAGE_POINTS 300000
#define LINE_POINTS 60000
#define LINE_LEAST  700

static size_t points_of_a_line(const struct plot *plots, size_t nr)
{
	size_t lines = 0;

	for (size_t i = 0; i < nr; i++)
		lines += plots[i].nr_lines;
	size_t share = PAGE_POINTS / (lines ? lines : 1);
	if (share > LINE_POINTS)
		return LINE_POINTS;
	return share < LINE_LEAST ? LINE_LEAST : share;
}

/* 'sha256-...': all that the policy lets run. */
static void add_hash(struct buf *out, const struct buf *text)
{
	unsigned char hash[SHA256_LEN];

	sha256(text->data, text->len, hash);
	buf_addstr(out, "'sha256-");
	base64_encode(out, hash, sizeof(hash));
	buf_addstr(out, "'");
}

static void head(const struct plot *plots, size_t nr, const struct buf *style,
		 const struct buf *script, struct buf *out)
{
	buf_addstr(out,
		   "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		   "base-uri 'none'; form-action 'none'; style-src ");
	add_hash(out, style);
	buf_addstr(out, "; script-src ");
	add_hash(out, script);
	buf_addstr(out,
		   "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		   "<meta name=\"color-scheme\" content=\"light dark\">\n"
		   "<meta name=\"referrer\" content=\"no-referrer\">\n"
		   "<meta name=\"generator\" content=\"gpucloud " GPUCLOUD_VERSION "\">\n<title>");
	for (size_t i = 0; i < nr && i < 3; i++) {
		buf_addstr(out, i ? ", " : "");
		plot_xml(out, plots[i].title, PLOT_NAME_MAX);
	}
	buf_addf(out, "%s: spot price history</title>\n<style>", nr > 3 ? ", ..." : "");
	buf_add(out, style->data, style->len);
	buf_addstr(out, "</style>\n</head>\n<body>\n<h1>Spot price history</h1>\n");
}

/* How many changes there are, and what was left out of them. */
static void changes(const struct plot_page *page, struct buf *out)
{
	size_t of = 0, nr = 0;
	int64_t bucket_s = 0;
	char span[TIME_TEXT_MAX];

	for (size_t i = 0; i < page->plot->nr_lines; i++) {
		const struct plot_points *points = &page->points[i];

		of += points->of;
		nr += points->nr;
		bucket_s = points->bucket_s > bucket_s ? points->bucket_s : bucket_s;
	}
	if (bucket_s)
		buf_addf(
			out,
			"<p class=\"thinned\">Thinned: this page holds %zu of %zu changes. Of each %s the "
			"lowest and the highest price are kept, with when they began and ended; the "
			"table is made of all. A price between them is not known to this page: under "
			"the pointer it says between which two it lay.</p>\n",
			nr, of, duration_format(span, bucket_s));
	buf_addf(
		out,
		"<details class=\"changes\">\n<summary>%zu changes of the price, as CSV</summary>\n",
		nr);
	buf_addstr(out, "<p><button type=\"button\" class=\"save\" hidden>Download CSV</button>");
	if (bucket_s)
		buf_addf(out, " <strong>thinned: %zu of %zu changes</strong>", nr, of);
	buf_addstr(out, "</p>\n"
			"<pre class=\"csv\" tabindex=\"0\">");
	plot_page_csv(page, out);
	buf_addstr(out, "</pre>\n</details>\n");
}

static void section(const struct plot_page *page, size_t id, struct buf *out)
{
	const struct plot *plot = page->plot;
	char from[32], to[32];

	plot_time_text(plot->since, from);
	plot_time_text(plot->until, to);
	buf_addstr(out, "<section class=\"market\">\n<h2>");
	plot_xml(out, plot->title, PLOT_NAME_MAX);
	buf_addf(out,
		 "</h2>\n<p class=\"meta\">Dollars an hour, <time>%s</time> to <time>%s</time>",
		 from, to);
	if (plot->source && plot->source[0]) {
		buf_addstr(out, ", from ");
		plot_xml(out, plot->source, PLOT_NAME_MAX);
	}
	if (plot->left_out)
		buf_addf(out, "; <strong>%zu of %zu zones</strong>, the others are left out",
			 plot->nr_lines, plot->nr_lines + plot->left_out);
	buf_addstr(
		out,
		"</p>\n<div class=\"live\" hidden></div>\n<div class=\"still\" tabindex=\"0\">\n");
	plot_svg_in_page(plot, id, out);
	buf_addstr(out, "</div>\n<div class=\"figures\" tabindex=\"0\">\n");
	plot_page_table(plot, out);
	buf_addstr(out, "</div>\n");
	changes(page, out);
	buf_addstr(out, "</section>\n");
}

static struct plot_page *pages_make(const struct plot *plots, size_t nr)
{
	size_t limit = points_of_a_line(plots, nr);
	struct plot_page *pages = xcalloc(nr + 1, sizeof(*pages));

	for (size_t i = 0; i < nr; i++) {
		const struct plot *plot = &plots[i];

		pages[i].plot = plot;
		pages[i].points = xcalloc(plot->nr_lines + 1, sizeof(*pages[i].points));
		for (size_t k = 0; k < plot->nr_lines; k++)
			plot_thin(&plot->lines[k].series, plot->since, plot->until, limit,
				  &pages[i].points[k]);
	}
	return pages;
}

static void pages_free(struct plot_page *pages, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		for (size_t k = 0; k < pages[i].plot->nr_lines; k++)
			free(pages[i].points[k].v);
		free(pages[i].points);
	}
	free(pages);
}

static void write_page(const struct plot *plots, size_t nr, struct buf *out)
{
	struct plot_page *pages = pages_make(plots, nr);
	struct buf style = BUF_INIT, script = BUF_INIT;

	buf_addf(&style, "%s%s", plot_colours_css, plot_page_css);
	buf_addf(&script, "\"use strict\";\n(() => {\n%s%s%s})();\n", plot_page_parts_js,
		 plot_page_drawing_js, plot_page_chart_js);
	head(plots, nr, &style, &script, out);
	for (size_t i = 0; i < nr; i++)
		section(&pages[i], i + 1, out);
	buf_addstr(
		out,
		"<footer><p>A price holds until its next change; where nothing is known, nothing "
		"is drawn. All times are UTC unless another zone is named. Made by gpucloud " GPUCLOUD_VERSION
		"; this page asks nothing of anyone.</p></footer>\n"
		"<script type=\"application/json\" id=\"data\">");
	plot_page_json(pages, nr, out);
	buf_addstr(out, "</script>\n<script>");
	buf_add(out, script.data, script.len);
	buf_addstr(out, "</script>\n</body>\n</html>\n");
	buf_release(&style);
	buf_release(&script);
	pages_free(pages, nr);
}

void plot_html(const struct plot *plots, size_t nr, struct buf *out)
{
	struct plot *limited = plot_limit(plots, nr);

	write_page(limited, nr, out);
	plot_limit_free(limited, nr);
}
