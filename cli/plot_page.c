/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/plot_parts.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/money.h"
#include "core/timefmt.h"

/* Times after the first as what they lie behind the one before: most are short numbers. */
static void json_line(const struct plot_line *line, const struct plot_points *points,
		      struct buf *out)
{
	buf_addstr(out, "{\"zone\":");
	plot_json(out, line->series.zone, PLOT_NAME_MAX);
	buf_addstr(out, ",\"id\":");
	plot_json(out, line->zone_id ? line->zone_id : "", PLOT_NAME_MAX);
	buf_addf(out, ",\"chosen\":%s,\"changes\":%zu,\"bucket_s\":%lld,\"t\":[",
		 line->chosen ? "true" : "false", points->of, (long long)points->bucket_s);
	for (size_t i = 0; i < points->nr; i++)
		buf_addf(out, "%s%lld", i ? "," : "",
			 (long long)(points->v[i].time - (i ? points->v[i - 1].time : 0)));
	buf_addstr(out, "],\"p\":[");
	for (size_t i = 0; i < points->nr; i++)
		buf_addf(out, "%s%lld", i ? "," : "", (long long)points->v[i].micros);
	buf_addstr(out, "]}");
}

static void json_plot(const struct plot_page *page, struct buf *out)
{
	const struct plot *plot = page->plot;
	struct plot_scale scale;

	plot_scale_make(plot, &scale);
	buf_addstr(out, "{\"title\":");
	plot_json(out, plot->title, PLOT_NAME_MAX);
	buf_addstr(out, ",\"source\":");
	plot_json(out, plot->source ? plot->source : "", PLOT_NAME_MAX);
	buf_addf(out, ",\"since\":%lld,\"until\":%lld,\"log\":%s,\n\"rules\":[",
		 (long long)plot->since, (long long)plot->until, scale.log ? "true" : "false");
	for (size_t i = 0, nr = 0; i < plot->nr_rules; i++) {
		if (plot->rules[i].micros <= 0)
			continue;
		buf_addstr(out, nr++ ? ",{\"label\":" : "{\"label\":");
		plot_json(out, plot->rules[i].label, PLOT_NAME_MAX);
		buf_addf(out, ",\"micros\":%lld,\"strong\":%s}", (long long)plot->rules[i].micros,
			 plot->rules[i].strong ? "true" : "false");
	}
	buf_addstr(out, "],\n\"lines\":[");
	for (size_t i = 0; i < plot->nr_lines; i++) {
		buf_addstr(out, i ? ",\n" : "\n");
		json_line(&plot->lines[i], &page->points[i], out);
	}
	buf_addstr(out, "]}");
}

void plot_page_json(const struct plot_page *pages, size_t nr, struct buf *out)
{
	buf_addstr(out, "{\"generator\":\"gpucloud " GPUCLOUD_VERSION "\",\"schema_version\":1,"
			"\"unit\":\"micro-dollars an hour; -1: not known from there on\","
			"\"plots\":[");
	for (size_t i = 0; i < nr; i++) {
		buf_addstr(out, i ? ",\n" : "\n");
		json_plot(&pages[i], out);
	}
	buf_addstr(out, "]}\n");
}

/* A cell of CSV: no spreadsheet shall take a name for a formula. */
static void csv_cell(struct buf *out, const char *s)
{
	struct buf cell = BUF_INIT, safe = BUF_INIT;

	plot_text(&cell, s, PLOT_NAME_MAX, true);
	if (cell.len && strchr("=+-@", cell.data[0]))
		buf_addch(&safe, '\'');
	for (const char *p = cell.data; *p; p++)
		buf_addstr(&safe, *p == '"' ? "\"\"" : (char[]){ *p, '\0' });
	if (strpbrk(safe.data, ",\""))
		buf_addf(out, "\"%s\"", safe.data);
	else
		buf_addstr(out, safe.data);
	buf_release(&cell);
	buf_release(&safe);
}

void plot_page_csv(const struct plot_page *page, struct buf *out)
{
	char time[TIME_TEXT_MAX], money[MONEY_TEXT_MAX];

	buf_addstr(out, "zone,time,price_usd_per_h\n");
	for (size_t i = 0; i < page->plot->nr_lines; i++) {
		struct buf cell = BUF_INIT, zone = BUF_INIT;

		csv_cell(&cell, page->plot->lines[i].series.zone);
		plot_xml(&zone, cell.data, 4 * PLOT_NAME_MAX);
		for (size_t k = 0; k < page->points[i].nr; k++) {
			const struct price_point *p = &page->points[i].v[k];

			buf_add(out, zone.data, zone.len);
			buf_addf(out, ",%s,%s\n", time_format(time, p->time),
				 p->micros == PRICE_GAP ? "" : money_format(money, p->micros, 4));
		}
		buf_release(&cell);
		buf_release(&zone);
	}
}

static void cell_share(double share, struct buf *out)
{
	if (share < 1 && share >= 0.9995)
		buf_addstr(out, "<td>&gt;99.9%</td>");
	else if (share > 0 && share < 0.0005)
		buf_addstr(out, "<td>&lt;0.1%</td>");
	else
		buf_addf(out, "<td>%.1f%%</td>", share * 100);
}

static void table_head(const struct plot *plot, bool volatility, struct buf *out)
{
	static const char *const columns[] = {
		"Last", "Min", "Median", "Mean", "P95", "Max", "Std"
	};
	char money[MONEY_TEXT_MAX];

	buf_addstr(out, "<table>\n<caption><span>Dollars an hour, weighted by time, over the time "
			"that is known</span></caption>\n<thead><tr><th scope=\"col\">Zone</th>");
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		buf_addf(out, "<th scope=\"col\">%s</th>", columns[i]);
	if (volatility)
		buf_addstr(out, "<th scope=\"col\" title=\"standard deviation / on demand\">"
				"Volatility</th>");
	for (size_t i = 0; i < plot->nr_rules; i++) {
		if (plot->rules[i].micros <= 0)
			continue;
		buf_addf(out, "<th scope=\"col\" title=\"share of time at or under $%s\">&le; ",
			 money_format(money, plot->rules[i].micros, 2));
		plot_xml(out, plot->rules[i].label, PLOT_NAME_MAX);
		buf_addstr(out, "</th>");
	}
	buf_addstr(out, "<th scope=\"col\" title=\"share of the window with a known price\">Known"
			"</th></tr></thead>\n<tbody>\n");
}

static void table_figures(const struct plot *plot, const struct plot_line *line, int64_t on_demand,
			  struct buf *out)
{
	struct error err = ERROR_INIT;
	struct price_stats stats;
	char money[MONEY_TEXT_MAX];

	if (price_stats_compute(&line->series, plot->since, plot->until, &stats, &err) < 0) {
		buf_addstr(out, "<td class=\"none\" colspan=\"99\">no price is known</td>");
		return;
	}
	buf_addf(out, "<td>%s</td>", money_format(money, stats.last, 4));
	buf_addf(out, "<td>%s</td>", money_format(money, stats.min, 4));
	buf_addf(out, "<td>%s</td>", money_format(money, stats.median, 4));
	buf_addf(out, "<td>%.4f</td>", stats.mean);
	buf_addf(out, "<td>%s</td>", money_format(money, stats.p95, 4));
	buf_addf(out, "<td>%s</td>", money_format(money, stats.max, 4));
	buf_addf(out, "<td>%.4f</td>", stats.std);
	if (on_demand > 0)
		buf_addf(out, "<td>%.4f</td>", stats.std * (double)USD_MICROS / (double)on_demand);
	for (size_t i = 0; i < plot->nr_rules; i++) {
		struct bid_stats bid;

		if (plot->rules[i].micros <= 0)
			continue;
		if (bid_stats_compute(&line->series, plot->since, plot->until,
				      plot->rules[i].micros, &bid, &err) < 0)
			buf_addstr(out, "<td></td>");
		else
			cell_share(bid.share_under, out);
	}
	cell_share((double)stats.covered_s / (double)(plot->until - plot->since), out);
}

void plot_page_table(const struct plot *plot, struct buf *out)
{
	const struct plot_rule *rule = plot_rule_find(plot, PLOT_ON_DEMAND);
	int64_t on_demand = rule ? rule->micros : 0;

	table_head(plot, on_demand > 0, out);
	for (size_t i = 0; i < plot->nr_lines; i++) {
		const struct plot_line *line = &plot->lines[i];

		buf_addf(out, "<tr%s><th scope=\"row\">", line->chosen ? " class=\"chosen\"" : "");
		plot_xml(out, line->series.zone, PLOT_NAME_MAX);
		if (line->zone_id && line->zone_id[0]) {
			buf_addstr(out, " <small>");
			plot_xml(out, line->zone_id, PLOT_NAME_MAX);
			buf_addstr(out, "</small>");
		}
		buf_addstr(out, line->chosen ? " <small>chosen</small></th>" : "</th>");
		table_figures(plot, line, on_demand, out);
		buf_addstr(out, "</tr>\n");
	}
	buf_addstr(out, "</tbody>\n</table>\n");
}
