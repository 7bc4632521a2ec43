/* SPDX-License-Identifier: Apache-2.0 */
/* The pictures in files: what the SVG draws, what the page holds, and what must not come to life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/plot_parts.h"
#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/xml.h"

#define START INT64_C(1583020800) /* 2020-03-01 */
#define DAY   86400

static const struct plot_rule rules[] = {
	{ PLOT_ON_DEMAND, 900000, true },
	{ "51%", 459000, false },
	{ "101%", 909000, false },
};

static struct plot plot_of(const struct plot_line *lines, size_t nr, int64_t until)
{
	return (struct plot){
		.title = "p2.xlarge in us-east-1",
		.source = "saved files",
		.since = START,
		.until = until,
		.lines = lines,
		.nr_lines = nr,
		.rules = rules,
		.nr_rules = ARRAY_SIZE(rules),
	};
}

/* The data of the first price line, NUL-terminated in `out`. */
static void line_path(const struct buf *svg, struct buf *out)
{
	const char *path = strstr(svg->data, "\" d=\"");

	assert_non_null(path);
	path += strlen("\" d=\"");
	buf_clear(out);
	buf_add(out, path, strcspn(path, "\""));
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0, len = strlen(what);

	/* not strstr: with the sanitizers it measures all the rest of the page each time */
	for (; *text; text++)
		n += *text == *what && strncmp(text, what, len) == 0;
	return n;
}

static void check_is_xml(const struct buf *svg)
{
	struct error err = ERROR_INIT;
	struct xml xml;

	if (xml_parse(svg->data, svg->len, "the drawing", &xml, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(xml_name(xml_root(&xml)), "svg");
	xml_release(&xml);
}

static void test_steps_and_gaps(void **state)
{
	const struct price_point v[] = { { START, 400000 },
					 { START + DAY, 800000 },
					 { START + 2 * DAY, PRICE_GAP },
					 { START + 3 * DAY, 500000 } };
	const struct plot_line line = { .series = { "us-east-1a", v, 4 }, .zone_id = "use1-az4" };
	struct plot plot = plot_of(&line, 1, START + 4 * DAY);
	struct buf svg = BUF_INIT, path = BUF_INIT;

	(void)state;
	plot_svg(&plot, 1, &svg);
	check_is_xml(&svg);
	line_path(&svg, &path);
	assert_int_equal(strspn(path.data, "MHV0123456789. "), path.len);
	assert_int_equal(count(path.data, "M"), 2); /* a gap is a new beginning */
	assert_int_equal(count(path.data, "V"), 1); /* one change is one stroke */
	/* 734 px for four days, from 66 px on */
	assert_int_equal(strncmp(path.data, "M66 ", 4), 0);
	assert_non_null(strstr(path.data, "H249.5V"));
	assert_non_null(strstr(path.data, "H433M616.5 "));
	assert_non_null(strstr(path.data, "H800"));
	assert_non_null(
		strstr(svg.data, "us-east-1a last $0.5000, lowest $0.4000, highest $0.8000"));
	buf_release(&svg);
	buf_release(&path);
}

static void test_a_huge_series_is_small_and_whole(void **state)
{
	size_t nr = 300000;
	struct price_point *v = xcalloc(nr, sizeof(*v));
	const struct plot_line line = { .series = { "us-east-1a", v, nr }, .zone_id = "" };
	struct buf svg = BUF_INIT, path = BUF_INIT;
	struct plot plot = plot_of(&line, 1, START + (int64_t)nr * 20);

	(void)state;
	for (size_t i = 0; i < nr; i++)
		v[i] = (struct price_point){ START + (int64_t)i * 20,
					     i == 123456 ? 1900000 : 300000 + (int64_t)(i % 7) };
	plot_svg(&plot, 1, &svg);
	check_is_xml(&svg);
	assert_true(svg.len < 100000);
	line_path(&svg, &path);
	assert_int_equal(count(path.data, "M"), 1);
	assert_int_equal(count(path.data, "V90"), 1); /* the top of the drawing, once */
	free(v);
	buf_release(&svg);
	buf_release(&path);
}

static const char evil[] = "</script><script>alert(1)</script><!--\"'&\033[2J";

static void test_names_stay_text(void **state)
{
	const struct price_point v[] = { { START, 400000 } };
	const struct plot_line line = { .series = { evil, v, 1 }, .zone_id = "\"><img src=x>" };
	const struct plot_rule rule = { "<i>\xff", 500000, true };
	struct plot plot = plot_of(&line, 1, START + DAY);
	struct buf out = BUF_INIT;

	(void)state;
	plot.title = evil;
	plot.source = "<b onload='x'>";
	plot.rules = &rule;
	plot.nr_rules = 1;
	plot_svg(&plot, 1, &out);
	check_is_xml(&out);
	assert_null(strstr(out.data, "<script"));
	buf_clear(&out);
	plot_html(&plot, 1, &out);
	assert_int_equal(count(out.data, "<script"), 2);
	assert_int_equal(count(out.data, "</script"), 2);
	assert_null(strstr(out.data, "<!--"));
	assert_null(strstr(out.data, "<img"));
	assert_null(strstr(out.data, "<b "));
	assert_null(strstr(out.data, "<i>"));
	for (size_t i = 0; i < out.len; i++)
		assert_true((unsigned char)out.data[i] >= 0x20 || strchr("\n\t", out.data[i]));
	buf_release(&out);
}

/* Every script and style of the page is in its policy by its hash. */
static void test_policy_names_what_is_there(void **state)
{
	static const char *const ends[][2] = { { "<style>", "</style>" },
					       { "<script>", "</script>" } };
	const struct price_point v[] = { { START, 400000 } };
	const struct plot_line line = { .series = { "us-east-1a", v, 1 }, .zone_id = "" };
	struct plot plot = plot_of(&line, 1, START + DAY);
	struct buf page = BUF_INIT, again = BUF_INIT;

	(void)state;
	plot_html(&plot, 1, &page);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const char *begin = strstr(page.data, ends[i][0]);
		unsigned char hash[SHA256_LEN];
		struct buf expected = BUF_INIT;

		assert_non_null(begin);
		begin += strlen(ends[i][0]);
		sha256(begin, (size_t)(strstr(begin, ends[i][1]) - begin), hash);
		buf_addf(&expected, "%s-src 'sha256-", i ? "script" : "style");
		base64_encode(&expected, hash, sizeof(hash));
		assert_non_null(strstr(page.data, expected.data));
		assert_int_equal(count(page.data, ends[i][0]), 1);
		buf_release(&expected);
	}
	assert_non_null(strstr(page.data, "default-src 'none'"));
	assert_null(strstr(page.data, "http://"));
	assert_null(strstr(page.data, "https://"));
	assert_null(strstr(page.data, "style="));
	plot_html(&plot, 1, &again);
	assert_string_equal(page.data, again.data);
	buf_release(&page);
	buf_release(&again);
}

/* Ninety days of six zones that change every four hours. */
static void test_an_ordinary_page_is_small(void **state)
{
	size_t nr = 540;
	struct price_point *v = xcalloc(6 * nr, sizeof(*v));
	struct plot_line lines[6];
	struct buf page = BUF_INIT;
	static const char *const zones[] = { "us-east-1a", "us-east-1b", "us-east-1c",
					     "us-east-1d", "us-east-1e", "us-east-1f" };

	(void)state;
	for (size_t i = 0; i < 6 * nr; i++)
		v[i] = (struct price_point){ START + (int64_t)(i % nr) * 14400 + (int64_t)i,
					     300000 + (int64_t)(i * 7919 % 99991) };
	for (size_t i = 0; i < 6; i++)
		lines[i] = (struct plot_line){ .series = { zones[i], v + i * nr, nr },
					       .zone_id = "use1-az1" };
	struct plot plot = plot_of(lines, 6, START + 90 * DAY);
	plot_html(&plot, 1, &page);
	assert_true(page.len < 300000);
	assert_null(strstr(page.data, "class=\"thinned\">"));
	assert_int_equal(count(page.data, "\nus-east-1c,"), nr);
	free(v);
	buf_release(&page);
}

/* The most that one zone keeps whole, and one more. */
static void test_what_is_thinned(void **state)
{
	size_t most = 60000;
	struct price_point *v = xcalloc(most + 1, sizeof(*v));

	(void)state;
	for (size_t i = 0; i <= most; i++)
		v[i] = (struct price_point){ START + (int64_t)i * 60, 300000 + (int64_t)(i % 100) };
	for (size_t nr = most; nr <= most + 1; nr++) {
		const struct plot_line line = { .series = { "us-east-1a", v, nr }, .zone_id = "" };
		struct plot plot = plot_of(&line, 1, START + (int64_t)nr * 60);
		struct buf page = BUF_INIT;

		plot_html(&plot, 1, &page);
		assert_int_equal(count(page.data, "class=\"thinned\">"), nr > most);
		assert_int_equal(count(page.data, "<strong>thinned: "), nr > most);
		assert_int_equal(count(page.data, "\"bucket_s\":0,"), nr <= most);
		assert_int_equal(count(page.data, "\nus-east-1a,") == nr, nr <= most);
		buf_release(&page);
	}
	free(v);
}

static void test_thinned_page_says_so(void **state)
{
	size_t nr = 70000;
	struct price_point *v = xcalloc(nr, sizeof(*v));
	const struct plot_line line = { .series = { "us-east-1a", v, nr }, .zone_id = "" };
	struct plot plot = plot_of(&line, 1, START + (int64_t)nr * 60);
	struct buf page = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < nr; i++)
		v[i] = (struct price_point){ START + (int64_t)i * 60,
					     i == 777 ? 8000000 : 300000 + (int64_t)(i % 100) };
	plot_html(&plot, 1, &page);
	assert_non_null(strstr(page.data, "of 70000 changes. Of each "));
	assert_non_null(strstr(page.data, "us-east-1a,2020-03-01T12:57:00Z,8.0000\n"
					  "us-east-1a,2020-03-01T12:58:00Z,0.3000"));
	assert_true(count(page.data, "\nus-east-1a,") <= 60000);
	assert_non_null(strstr(page.data, "<td>8.0000</td>"));
	free(v);
	buf_release(&page);
}

static void test_csv(void **state)
{
	const struct price_point v[] = { { START - 5, 400000 },
					 { START + 1, PRICE_GAP },
					 { START + 2, 1234567 },
					 { START + 3, 100 } };
	const struct plot_line lines[] = {
		{ .series = { "us-east-1a", v, 3 }, .zone_id = "" },
		{ .series = { "=cmd|'x',\"y\"", v, 1 }, .zone_id = "" },
	};
	struct plot plot = plot_of(lines, 2, START + 3);
	struct plot_points points[2];
	const struct plot_page page = { &plot, points };
	struct buf csv = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		plot_thin(&lines[i].series, plot.since, plot.until, 100, &points[i]);
	plot_page_csv(&page, &csv);
	assert_string_equal(csv.data, "zone,time,price_usd_per_h\n"
				      "us-east-1a,2020-02-29T23:59:55Z,0.4000\n"
				      "us-east-1a,2020-03-01T00:00:01Z,\n"
				      "us-east-1a,2020-03-01T00:00:02Z,1.234567\n"
				      "&quot;&#39;=cmd|&#39;x&#39;,&quot;&quot;y&quot;&quot;&quot;,"
				      "2020-02-29T23:59:55Z,0.4000\n");
	free(points[0].v);
	free(points[1].v);
	buf_release(&csv);
}

static void test_table(void **state)
{
	const struct price_point v[] = { { START, 400000 }, { START + 9 * DAY, 905000 } };
	const struct plot_line lines[] = {
		{ .series = { "us-east-1a", v, 2 }, .zone_id = "use1-az4", .chosen = true },
		{ .series = { "us-east-1b", NULL, 0 }, .zone_id = "" },
	};
	struct plot plot = plot_of(lines, 2, START + 10 * DAY);
	struct buf table = BUF_INIT;

	(void)state;
	plot_page_table(&plot, &table);
	/* std is 0.1515, on demand 0.90 */
	assert_non_null(strstr(table.data,
			       "<td>0.9050</td><td>0.4000</td><td>0.4000</td><td>0.4505</td>"
			       "<td>0.9050</td><td>0.9050</td><td>0.1515</td><td>0.1683</td>"
			       "<td>90.0%</td><td>90.0%</td><td>100.0%</td><td>100.0%</td></tr>"));
	assert_non_null(strstr(table.data, "title=\"share of time at or under $0.459\">&le; 51%<"));
	assert_non_null(strstr(table.data, "us-east-1b</th><td class=\"none\""));
	buf_clear(&table);
	plot.nr_rules = 0;
	plot_page_table(&plot, &table);
	assert_null(strstr(table.data, "Volatility"));
	buf_release(&table);
}

/* The page's data is JSON to the letter, and gives the series back. */
static void test_json_round_trip(void **state)
{
	const struct price_point v[] = { { START, 400000 },
					 { START + 7, PRICE_GAP },
					 { START + 9, 5 } };
	const struct plot_line line = { .series = { evil, v, 3 }, .zone_id = "use1-az4" };
	struct plot plot = plot_of(&line, 1, START + 100);
	struct plot_points points;
	const struct plot_page page = { &plot, &points };
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	const struct cJSON *t, *p, *lines, *plots;
	struct json json;
	int64_t time = 0, value;

	(void)state;
	plot_thin(&line.series, plot.since, plot.until, 100, &points);
	plot_page_json(&page, 1, &text);
	if (json_parse(text.data, text.len, "the page's data", &json, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(json_array(json.root, "plots", &plots, &err), 0);
	assert_int_equal(json_array(json_at(plots, 0), "lines", &lines, &err), 0);
	assert_int_equal(json_array(json_at(lines, 0), "t", &t, &err), 0);
	assert_int_equal(json_array(json_at(lines, 0), "p", &p, &err), 0);
	assert_int_equal(json_len(t), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(json_int64(json_at(t, i), "", 0, INT64_MAX, &value, &err), 0);
		time += value;
		assert_int_equal(time, v[i].time);
		assert_int_equal(json_int64(json_at(p, i), "", -1, INT64_MAX, &value, &err), 0);
		assert_int_equal(value, v[i].micros);
	}
	json_release(&json);
	free(points.v);
	buf_release(&text);
}

static void test_many_plots_and_none(void **state)
{
	const struct price_point v[] = { { START, 400000 } };
	struct plot_line lines[30];
	struct plot plots[3];
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		lines[i] = (struct plot_line){ .series = { "zone", v, i % 2 }, .zone_id = NULL };
	for (size_t i = 0; i < ARRAY_SIZE(plots); i++) {
		plots[i] = plot_of(lines, i * 15, START + 1);
		plots[i].source = NULL;
	}
	plot_svg(plots, 3, &out);
	check_is_xml(&out);
	assert_int_equal(count(out.data, "class=\"title\""), 3);
	buf_clear(&out);
	plot_html(plots, 3, &out);
	assert_int_equal(count(out.data, "<section "), 3);
	assert_int_equal(count(out.data, "id=\"title-3\""), 1);
	buf_clear(&out);
	plot_svg(plots, 0, &out);
	check_is_xml(&out);
	plot_html(plots, 0, &out);
	buf_release(&out);
}

/* Thousands of zones: the first of them and the chosen one, quickly, and it is said. */
static void test_lines_are_limited(void **state)
{
	static const struct plot_style style = { .width = 80 };
	const struct price_point v[] = { { START, 400000 } };
	size_t nr = 3000;
	struct plot_line *lines = xcalloc(nr, sizeof(*lines));
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < nr; i++)
		lines[i] = (struct plot_line){ .series = { "zone", v, 1 }, .zone_id = "" };
	lines[nr - 1].chosen = true;
	lines[nr - 1].series.zone = "the-chosen";
	struct plot plot = plot_of(lines, nr, START + DAY);
	plot_svg(&plot, 1, &out);
	check_is_xml(&out);
	assert_int_equal(count(out.data, "<path class=\"line "), 64);
	assert_non_null(strstr(out.data, "; 64 of 3000 zones</text>"));
	assert_non_null(strstr(out.data, "the-chosen, chosen</text>"));
	buf_clear(&out);
	plot_html(&plot, 1, &out);
	assert_int_equal(count(out.data, "{\"zone\":"), 64);
	assert_int_equal(count(out.data, "\nzone,"), 63);
	assert_int_equal(count(out.data, "\nthe-chosen,"), 1);
	assert_non_null(strstr(out.data, "<strong>64 of 3000 zones</strong>"));
	buf_clear(&out);
	plot_chart(&plot, &style, &out);
	assert_int_equal(count(out.data, "\n\nzone"), 63);
	assert_non_null(strstr(out.data, "64 of 3000 zones"));
	assert_non_null(strstr(out.data, "the-chosen <- chosen"));
	buf_clear(&out);
	plot.nr_lines = 64;
	plot_svg(&plot, 1, &out);
	assert_int_equal(count(out.data, "<path class=\"line "), 64);
	assert_null(strstr(out.data, " zones</text>"));
	free(lines);
	buf_release(&out);
}

/* Three zones at one price: the lower ones show at the sides of the upper one. */
static void test_lines_at_one_price_all_show(void **state)
{
	const struct price_point v[] = { { START, 400000 } }, apart[] = { { START, 700000 } },
				 shortly[] = { { START, 700000 },
					       { START + DAY, 400000 },
					       { START + DAY + 3000, 700000 } };
	struct plot_line lines[] = {
		{ .series = { "a", v, 1 }, .zone_id = "", .chosen = true },
		{ .series = { "b", v, 1 }, .zone_id = "" },
		{ .series = { "c", v, 1 }, .zone_id = "" },
		{ .series = { "d", shortly, 3 }, .zone_id = "" },
	};
	struct plot plot = plot_of(lines, 4, START + 10 * DAY);
	struct buf svg = BUF_INIT;

	(void)state;
	plot_svg(&plot, 1, &svg);
	assert_non_null(strstr(svg.data, "<path class=\"line c1 d0 under u2\" d="));
	assert_non_null(strstr(svg.data, "<path class=\"line c2 d0 under u1\" d="));
	assert_non_null(strstr(svg.data, "<path class=\"line c3 d0\" d="));
	assert_non_null(strstr(svg.data, "<path class=\"line c0 d0 chosen\" d="));
	lines[1].series.v = lines[2].series.v = apart;
	plot.nr_lines = 2;
	buf_clear(&svg);
	plot_svg(&plot, 1, &svg);
	assert_null(strstr(svg.data, "<path class=\"line c1 d0 under"));
	buf_release(&svg);
}

/* Over the rules and under the prices the place of each label is cleared. */
static void test_no_rule_strikes_its_label(void **state)
{
	const struct price_point v[] = { { START, 400000 } };
	const struct plot_line line = { .series = { "a", v, 1 }, .zone_id = "" };
	struct plot plot = plot_of(&line, 1, START + DAY);
	struct buf svg = BUF_INIT;

	(void)state;
	plot_svg(&plot, 1, &svg);
	const char *rule = strstr(svg.data, "class=\"rule strong\"");
	const char *back = strstr(svg.data, "<rect class=\"paper\" x=");
	const char *price = strstr(svg.data, "<path class=\"line ");
	const char *label = strstr(svg.data, "on demand 0.90</text>");
	assert_true(rule && back && price && label);
	assert_true(rule < back && back < price && price < label);
	assert_int_equal(count(svg.data, "<rect class=\"paper\" x="), count(svg.data, "\"halo"));
	buf_release(&svg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps_and_gaps),
		cmocka_unit_test(test_a_huge_series_is_small_and_whole),
		cmocka_unit_test(test_names_stay_text),
		cmocka_unit_test(test_policy_names_what_is_there),
		cmocka_unit_test(test_an_ordinary_page_is_small),
		cmocka_unit_test(test_what_is_thinned),
		cmocka_unit_test(test_thinned_page_says_so),
		cmocka_unit_test(test_lines_are_limited),
		cmocka_unit_test(test_lines_at_one_price_all_show),
		cmocka_unit_test(test_no_rule_strikes_its_label),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_json_round_trip),
		cmocka_unit_test(test_many_plots_and_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
