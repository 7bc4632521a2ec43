/* SPDX-License-Identifier: Apache-2.0 */
/* Charts in the terminal: never wider than asked, nothing lost, nothing made up, nothing obeyed. */
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
#include "core/mem.h"
#include "core/rng.h"

#define START INT64_C(1583020800) /* 2020-03-01 */
#define DAY   86400

static struct rng_seeded seed;
static struct rng rng;

static int64_t below(uint64_t bound)
{
	return (int64_t)rng_below(&rng, bound);
}

static const struct plot_rule rules[] = {
	{ PLOT_ON_DEMAND, 900000, true },
	{ "51%", 459000, false },
	{ "76%", 684000, false },
	{ "101%", 909000, false },
};

static struct plot plot_of(const struct plot_line *lines, size_t nr, int64_t since, int64_t until)
{
	return (struct plot){
		.title = "p2.xlarge in us-east-1",
		.source = "saved files",
		.since = since,
		.until = until,
		.lines = lines,
		.nr_lines = nr,
		.rules = rules,
		.nr_rules = ARRAY_SIZE(rules),
	};
}

static void draw(const struct plot *plot, size_t width, bool utf8, bool colour, struct buf *out)
{
	const struct plot_style style = { width, utf8, colour };

	buf_clear(out);
	plot_chart(plot, &style, out);
	assert_true(out->len > 0 && out->data[out->len - 1] == '\n');
}

/* Characters of the line at s; what colours it takes no room. */
static size_t columns(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\033') {
			while (i < len && s[i] != 'm')
				i++;
			continue;
		}
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	}
	return n;
}

static size_t check_lines(const struct buf *out, size_t width, bool utf8, bool colour)
{
	size_t lines = 0;

	for (const char *s = out->data; *s; lines++) {
		size_t len = strcspn(s, "\n");

		assert_true(columns(s, len) <= width);
		s += len + 1;
	}
	for (size_t i = 0; i < out->len; i++) {
		unsigned char c = (unsigned char)out->data[i];

		assert_true(utf8 || c < 0x80);
		assert_true(c >= 0x20 || c == '\n' || (colour && c == 033));
	}
	return lines;
}

/* Row `row` of the first panel from its axis on, which prices such as 0.50 put into column 5. */
static const char *panel_row(const struct buf *out, bool utf8, size_t row)
{
	for (const char *s = out->data; *s; s += strcspn(s, "\n") + 1) {
		if (strcspn(s, "\n") < 6)
			continue;
		bool axis = utf8 ? memcmp(s + 5, "\xe2\x94", 2) == 0 : strchr("|+", s[5]) != NULL;

		if (axis && (s[0] == ' ' || s[4] == ' ') && row-- == 0)
			return s + 5;
	}
	fail_msg("the chart has no such row");
	return NULL;
}

static bool has_ink(const char *row, bool utf8)
{
	size_t len = strcspn(row, "\n");

	if (utf8) /* any braille but the empty one */
		return memmem(row, len, "\xe2\xa0", 2) || memmem(row, len, "\xe2\xa1", 2) ||
		       memmem(row, len, "\xe2\xa2", 2) || memmem(row, len, "\xe2\xa3", 2);
	for (size_t i = 1; i < len; i++)
		if (strchr("-+|", row[i]))
			return true;
	return false;
}

static void random_points(struct price_point *v, size_t nr)
{
	int64_t t = START - 100;

	for (size_t i = 0; i < nr; i++) {
		t += below(4000);
		v[i] = (struct price_point){ t, below(6) == 0 ? PRICE_GAP : 100 + below(4000000) };
	}
}

static void test_any_series_fits_any_width(void **state)
{
	struct price_point v[300];
	struct buf out = BUF_INIT;

	(void)state;
	for (int round = 0; round < 300; round++) {
		size_t nr = (size_t)below(ARRAY_SIZE(v)), width = 40 + (size_t)below(361);
		bool utf8 = below(2), colour = below(2);

		random_points(v, nr);
		const struct plot_line lines[] = {
			{ .series = { "us-east-1a", v, nr }, .zone_id = "use1-az4" },
			{ .series = { "us-east-1b", v, nr / 2 }, .zone_id = "", .chosen = true },
		};
		struct plot plot = plot_of(lines, 1 + (size_t)below(2), START - below(1000),
					   START + 1 + below(1 << 20));
		draw(&plot, width, utf8, colour, &out);
		check_lines(&out, width, utf8, colour);
	}
	buf_release(&out);
}

/* A second of the highest price in ninety days reaches the top row, whatever the width. */
static void test_a_spike_survives(void **state)
{
	const struct price_point v[] = { { START, 300000 },
					 { START + 41 * DAY + 12345, 950000 },
					 { START + 41 * DAY + 12346, 300000 } };
	const struct plot_line line = { .series = { "us-east-1a", v, 3 }, .zone_id = "" };
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t width = 40; width <= 400; width += 9)
		for (int utf8 = 0; utf8 < 2; utf8++) {
			struct plot plot = plot_of(&line, 1, START, START + 90 * DAY);

			plot.nr_rules = 0;
			draw(&plot, width, utf8, false, &out);
			check_lines(&out, width, utf8, false);
			assert_true(has_ink(panel_row(&out, utf8, 0), utf8));
			assert_true(has_ink(panel_row(&out, utf8, 5), utf8)); /* the stroke up */
			assert_non_null(strstr(out.data, "max 0.9500"));
		}
	buf_release(&out);
}

static void test_gaps_are_empty(void **state)
{
	const struct price_point v[] = { { START + DAY, 500000 },
					 { START + 2 * DAY, PRICE_GAP },
					 { START + 3 * DAY, 500000 } };
	const struct plot_line line = { .series = { "us-east-1a", v, 3 }, .zone_id = "" };
	struct plot plot = plot_of(&line, 1, START, START + 4 * DAY);
	struct buf out = BUF_INIT;
	const char *row = NULL;

	(void)state;
	plot.nr_rules = 0;
	draw(&plot, 46, false, false, &out); /* 40 columns for the drawing: ten a day */
	for (size_t i = 0; i < 12; i++) {
		const char *this = panel_row(&out, false, i);

		if (has_ink(this, false))
			row = this;
	}
	assert_non_null(row);
	assert_memory_equal(row + 1, "          ----------          ----------", 40);
	buf_release(&out);
}

static void test_a_change_is_a_stroke(void **state)
{
	const struct price_point v[] = { { START, 200000 }, { START + DAY, 900000 } };
	const struct plot_line line = { .series = { "us-east-1a", v, 2 }, .zone_id = "" };
	struct plot plot = plot_of(&line, 1, START, START + 2 * DAY);
	struct buf out = BUF_INIT;

	(void)state;
	plot.nr_rules = 0;
	draw(&plot, 46, false, false, &out);
	for (size_t i = 0; i < 10; i++) {
		const char *row = panel_row(&out, false, i);

		assert_int_equal(row[21], i == 0 ? '+' : i == 9 ? '+' : '|');
	}
	buf_release(&out);
}

static void test_edges(void **state)
{
	const struct price_point gap[] = { { START, PRICE_GAP } }, one[] = { { START, 100 } },
				 high[] = { { START, INT64_C(1000000000) } };
	static const int64_t spans[] = { 1, 2, 59, 3600, DAY, 400 * DAY, INT64_C(3000) * DAY };
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		const struct plot_line lines[] = {
			{ .series = { "none", NULL, 0 }, .zone_id = "" },
			{ .series = { "gap", gap, 1 }, .zone_id = "" },
			{ .series = { "low", one, 1 }, .zone_id = "" },
			{ .series = { "high", high, 1 }, .zone_id = "" },
		};
		for (size_t nr = 0; nr <= ARRAY_SIZE(lines); nr++) {
			struct plot plot = plot_of(lines, nr, START, START + spans[i]);

			draw(&plot, 40, i % 2, false, &out);
			check_lines(&out, 40, i % 2, false);
		}
		assert_non_null(strstr(out.data, "no price is known in this time"));
		assert_non_null(strstr(out.data, "logarithmic scale"));
	}
	buf_release(&out);
}

static void test_names_are_not_obeyed(void **state)
{
	const struct price_point one[] = { { START, 500000 } };
	const struct plot_line lines[] = {
		{ .series = { "a\033[2J\nb", one, 1 }, .zone_id = "\x9b\xff\r" },
		{ .series = { "a very long name, over and over, a very long name, over and over "
			      "again, and once more until it is longer than any line",
			      one, 1 },
		  .zone_id = "" },
		{ .series = { "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac", one, 1 },
		  .zone_id = "" },
	};
	struct plot plot = plot_of(lines, 3, START, START + DAY), plain;
	struct buf out = BUF_INIT;
	struct plot_rule rule = { "\033[31m<b>", 400000, true };

	(void)state;
	plot.rules = &rule;
	plot.nr_rules = 1;
	plot.title = "\033]0;owned\a";
	plain = plot;
	draw(&plot, 60, true, false, &out);
	check_lines(&out, 60, true, false);
	assert_non_null(strstr(out.data, "a^[[2J^Jb"));
	draw(&plain, 60, false, false, &out);
	check_lines(&out, 60, false, false);
	buf_release(&out);
}

static void test_rules_are_labelled(void **state)
{
	const struct price_point v[] = { { START, 300000 } };
	const struct plot_line line = { .series = { "us-east-1a", v, 1 },
					.zone_id = "use1-az4",
					.chosen = true };
	struct plot plot = plot_of(&line, 1, START, START + 7 * DAY);
	struct buf out = BUF_INIT;

	(void)state;
	draw(&plot, 100, true, false, &out);
	assert_non_null(strstr(out.data, " on demand 0.90\n"));
	assert_non_null(strstr(out.data, " 51% 0.459\n"));
	assert_non_null(strstr(out.data, " 101% 0.909\n"));
	assert_non_null(strstr(out.data, "us-east-1a (use1-az4) <- chosen"));
	assert_non_null(
		strstr(out.data, "2020-03-01 00:00 to 2020-03-08 00:00 UTC; from saved files"));
	assert_true(strstr(out.data, "101%") < strstr(out.data, "on demand"));
	draw(&plot, 40, true, false, &out);
	assert_non_null(strstr(out.data, " on demand\n"));
	draw(&plot, 100, true, true, &out);
	assert_non_null(strstr(out.data, "\033[31m on demand 0.90\033[0m\n"));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_series_fits_any_width),
		cmocka_unit_test(test_a_spike_survives),
		cmocka_unit_test(test_gaps_are_empty),
		cmocka_unit_test(test_a_change_is_a_stroke),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_names_are_not_obeyed),
		cmocka_unit_test(test_rules_are_labelled),
	};

	rng = rng_seeded(&seed, 40);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
