/* SPDX-License-Identifier: Apache-2.0 */
/* What all pictures of prices share: columns, axes, labels, the points of a page, sparklines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>

#include "cli/plot_parts.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/rng.h"

#define USD(x) ((int64_t)((x)*1e6 + 0.5))

static struct rng_seeded seed;
static struct rng rng;

static int64_t below(uint64_t bound)
{
	return (int64_t)rng_below(&rng, bound);
}

/* Changes at any second, some in the same one, some gaps, a few spikes. */
static struct price_series random_series(size_t nr, int64_t start, uint64_t pause)
{
	struct price_point *v = xcalloc(nr + 1, sizeof(*v));

	for (size_t i = 0; i < nr; i++) {
		start += below(pause);
		v[i].time = start;
		v[i].micros = below(8) == 0    ? PRICE_GAP
			      : below(20) == 0 ? 1000000 + below(9000000)
					       : 100000 + below(50000);
	}
	return (struct price_series){ "us-east-1a", v, nr };
}

static void free_series(struct price_series *series)
{
	free((void *)(uintptr_t)series->v);
}

/* The slow way, which can be read: what holds in each second. */
static int64_t price_in_second(const struct price_series *series, int64_t t)
{
	int64_t micros = PRICE_GAP;

	for (size_t i = 0; i < series->nr && series->v[i].time <= t; i++)
		micros = series->v[i].micros;
	return micros;
}

static void check_column(const struct price_series *series, int64_t from, int64_t to,
			 const struct plot_column *column)
{
	int64_t min = PRICE_GAP, max = PRICE_GAP;

	to = to > from ? to : from + 1;
	for (int64_t t = from; t < to; t++) {
		int64_t micros = price_in_second(series, t);

		if (micros == PRICE_GAP)
			continue;
		min = min == PRICE_GAP || micros < min ? micros : min;
		max = micros > max ? micros : max;
	}
	assert_int_equal(column->first, price_in_second(series, from));
	assert_int_equal(column->last, price_in_second(series, to - 1));
	assert_int_equal(column->min, min);
	assert_int_equal(column->max, max);
}

static void test_columns_see_every_second(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct price_series series = random_series((size_t)below(40), 1000, 20);
		int64_t since = 980 + below(60), span = 1 + below(400);
		size_t nr = 1 + (size_t)below(60);
		struct plot_column *v = xcalloc(nr, sizeof(*v));

		plot_columns(&series, since, since + span, v, nr);
		for (size_t i = 0; i < nr; i++)
			check_column(&series, since + span * (int64_t)i / (int64_t)nr,
				     since + span * (int64_t)(i + 1) / (int64_t)nr, &v[i]);
		free(v);
		free_series(&series);
	}
}

static void test_columns_of_an_empty_window(void **state)
{
	const struct price_point point = { 10, 500000 };
	const struct price_series series = { "a", &point, 1 };
	struct plot_column v[3];

	(void)state;
	plot_columns(&series, 20, 20, v, 3);
	assert_int_equal(v[0].max, PRICE_GAP);
	plot_columns(&series, 20, 10, v, 3);
	assert_int_equal(v[2].max, PRICE_GAP);
	plot_columns(&series, INT64_MIN, INT64_MAX, v, 3);
	assert_int_equal(v[1].max, PRICE_GAP);
	assert_false(plot_known(&series, 5, 10));
	assert_true(plot_known(&series, 5, 11));
	assert_int_equal(plot_price_at(&series, 9), PRICE_GAP);
	assert_int_equal(plot_price_at(&series, 10), 500000);
}

static bool holds(const struct plot_points *points, int64_t micros)
{
	for (size_t i = 0; i < points->nr; i++)
		if (points->v[i].micros == micros)
			return true;
	return false;
}

/* Each kept point is one of the series, in order, and lowest and highest are among them. */
static void check_thinned(const struct price_series *series, int64_t since, int64_t until,
			  const struct plot_points *points)
{
	struct plot_column all;
	size_t at = 0;

	plot_columns(series, since, until, &all, 1);
	for (size_t i = 0; i < points->nr; i++) {
		while (at < series->nr && (series->v[at].time != points->v[i].time ||
					   series->v[at].micros != points->v[i].micros))
			at++;
		assert_true(at < series->nr);
		assert_true(points->v[i].time < until);
	}
	assert_true(points->nr > 0);
	assert_int_equal(points->v[points->nr - 1].micros, all.last);
	if (all.max != PRICE_GAP) {
		assert_true(holds(points, all.max));
		assert_true(holds(points, all.min));
	}
}

static void test_thinning_keeps_the_ends(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct price_series series = random_series(20 + (size_t)below(2000), 1000, 40);
		int64_t since = series.v[0].time + below(30);
		int64_t until = series.v[series.nr - 1].time + 1 + below(30);
		size_t max = 16 + (size_t)below(600);
		struct plot_points points;

		if (until <= since)
			until = since + 1;
		plot_thin(&series, since, until, max, &points);
		assert_true(points.nr <= max);
		assert_true(points.nr <= points.of);
		assert_int_equal(points.bucket_s == 0, points.nr == points.of);
		check_thinned(&series, since, until, &points);
		free(points.v);
		free_series(&series);
	}
}

static void test_thinning_leaves_a_short_series_alone(void **state)
{
	const struct price_point v[] = { { 5, 1 }, { 10, 2 }, { 20, 3 }, { 20, 4 }, { 30, 5 } };
	const struct price_series series = { "a", v, 5 };
	struct plot_points points;

	(void)state;
	plot_thin(&series, 12, 30, 100, &points);
	assert_int_equal(points.nr, 2); /* in force at 12, and what replaced 3 in the same second */
	assert_int_equal(points.v[0].time, 10);
	assert_int_equal(points.v[1].micros, 4);
	assert_int_equal(points.bucket_s, 0);
	free(points.v);
	plot_thin(&series, 0, 5, 100, &points);
	assert_int_equal(points.nr, 0);
	assert_null(points.v);
}

/* --- axes --- */

static void scale_of(const struct price_series *series, const struct plot_rule *rules,
		     size_t nr_rules, struct plot_scale *ret)
{
	const struct plot_line line = { .series = *series, .zone_id = "" };
	const struct plot plot = { .title = "t",
				   .since = 0,
				   .until = 1000,
				   .lines = &line,
				   .nr_lines = 1,
				   .rules = rules,
				   .nr_rules = nr_rules };

	plot_scale_make(&plot, ret);
}

static void test_scale(void **state)
{
	static const struct {
		double usual, spike, rule; /* dollars; 0: none */
		double low, high;
		bool log;
	} cases[] = {
		{ 1, 0, 0, 0.9, 1.1, false },	  /* flat: in the middle */
		{ 0.9, 1.2, 0, 0.9, 1.2, false }, /* no zero where nothing comes near it */
		{ 0.9, 1.2, 3.06, 0, 3.06, false },
		{ 0.5, 4, 0, 0, 4, false }, /* eight times: still linear */
		{ 0.5, 4.01, 0, 0.5, 4.01, true },
		{ 0.08, 0, 0.65, 0.08, 0.65, true },
		{ 0.0001, 1000, 0, 0.0001, 1000, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct price_point v[] = { { 0, USD(cases[i].usual) },
						 { 500, USD(cases[i].spike) },
						 { 501, USD(cases[i].usual) } };
		const struct price_series series = { "a", v, cases[i].spike > 0 ? 3 : 1 };
		const struct plot_rule rule = { "on demand", USD(cases[i].rule), true };
		struct plot_scale scale;

		scale_of(&series, &rule, cases[i].rule > 0 ? 1 : 0, &scale);
		assert_int_equal(scale.log, cases[i].log);
		assert_true(fabs(scale.low - cases[i].low * 1e6) < 1);
		assert_true(fabs(scale.high - cases[i].high * 1e6) < 1);
		assert_true(plot_scale_at(&scale, scale.low) == 0);
		assert_true(plot_scale_at(&scale, scale.high) == 1);
	}
}

static void test_scale_of_nothing(void **state)
{
	const struct price_point gap = { 0, PRICE_GAP };
	const struct price_series series = { "a", &gap, 1 };
	const struct plot_rule unknown = { "on demand", PRICE_GAP, true };
	struct plot_scale scale;
	int64_t ticks[PLOT_PRICE_TICKS];

	(void)state;
	scale_of(&series, &unknown, 1, &scale);
	assert_true(scale.low < scale.high);
	assert_false(scale.log);
	assert_in_range(plot_price_ticks(&scale, ticks), 3, 5);
}

static void test_price_ticks_are_three_to_five(void **state)
{
	int64_t ticks[PLOT_PRICE_TICKS];

	(void)state;
	for (int round = 0; round < 5000; round++) {
		double high = exp(log(400) + rng_unit(&rng) * log(1e9));
		struct plot_scale scale = { .low = 0, .high = high };

		if (round % 3 == 1)
			scale.low = high * (0.5 + 0.4 * rng_unit(&rng));
		if (round % 3 == 2) {
			scale.log = true;
			scale.low = fmax(1, high / exp(2.08 + rng_unit(&rng) * 18));
			if (scale.high < 8 * scale.low)
				scale.high = 8 * scale.low;
		}
		size_t nr = plot_price_ticks(&scale, ticks);
		assert_in_range(nr, 3, 5);
		for (size_t i = 0; i < nr; i++) {
			assert_true((double)ticks[i] >= scale.low * (1 - 1e-6) - 1);
			assert_true((double)ticks[i] <= scale.high * (1 + 1e-6) + 1);
			if (i)
				assert_true(ticks[i] > ticks[i - 1]);
		}
	}
}

static void test_price_labels_share_their_decimals(void **state)
{
	const int64_t ticks[] = { 0, 250000, 500000 }, small[] = { 100, 200 };
	char label[32];

	(void)state;
	plot_price_label(ticks, 3, ticks[0], label);
	assert_string_equal(label, "0.00");
	plot_price_label(ticks, 3, ticks[1], label);
	assert_string_equal(label, "0.25");
	plot_price_label(small, 2, small[1], label);
	assert_string_equal(label, "0.0002");
}

static void test_time_ticks(void **state)
{
	static const struct {
		int64_t since, until;
		size_t max;
		const char *labels[6];
	} cases[] = {
		/* 2020-03-20 00:00 is 1584662400, a Friday */
		{ 1584662400, 1584662400 + 86400, 5, { "Mar 20", "06:00", "12:00", "18:00" } },
		{ 1584662400, 1584662400 + 21 * 86400, 4, { "Mar 23", "Mar 30", "Apr 6" } },
		{ 1584662400, 1584662400 + 90 * 86400, 4, { "2020-04", "2020-05", "2020-06" } },
		{ 1584662400, 1584662400 + 3 * 365 * 86400, 4, { "2021", "2022", "2023" } },
		{ 1584662399, 1584662410, 4, { "Mar 20", "00:00:05" } },
		{ 1584662399, 1584662400, 1, { "23:59:59" } },
		{ 0, 86400, 2, { "Jan 1", "12:00" } },
	};
	struct plot_tick v[6];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t nr = plot_time_ticks(cases[i].since, cases[i].until, v, cases[i].max);

		for (size_t k = 0; k < nr; k++)
			assert_string_equal(v[k].label,
					    cases[i].labels[k] ? cases[i].labels[k] : "none");
		assert_true(nr == 6 || !cases[i].labels[nr]);
	}
	assert_int_equal(plot_time_ticks(10, 10, v, 6), 0);
	assert_int_equal(plot_time_ticks(-10, 10, v, 6), 0);
}

static void test_time_ticks_of_any_window(void **state)
{
	struct plot_tick v[40];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		int64_t since = below(4000000000), span = 1 + below(UINT64_C(1) << below(34));
		size_t max = 1 + (size_t)below(40),
		       nr = plot_time_ticks(since, since + span, v, max);

		assert_true(nr <= max);
		for (size_t i = 0; i < nr; i++) {
			assert_true(v[i].time >= since && v[i].time < since + span);
			assert_in_range(strlen(v[i].label), 4, 8);
			assert_true(!i || v[i].time > v[i - 1].time);
		}
		if (max >= 10 && span > 10) /* never so coarse that nothing is marked */
			assert_true(nr >= 2);
	}
}

static void test_labels_never_overlap(void **state)
{
	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t nr = (size_t)below(12), weak = 0, placed = 0;
		struct plot_label v[12];
		double end = 1 + (double)below(100), reach = 1 + (double)below(30);

		for (size_t i = 0; i < nr; i++)
			v[i] = (struct plot_label){ .at = rng_unit(&rng) * end,
						    .strong = below(3) == 0 };
		plot_labels_place(v, nr, 10, reach, end);
		for (size_t i = 0; i < nr; i++) {
			if (isnan(v[i].placed)) {
				weak += !v[i].strong;
				continue;
			}
			placed++;
			assert_true(v[i].placed >= -1e-6 && v[i].placed <= end + 1e-6);
			assert_true(fabs(v[i].placed - v[i].at) <= reach + 1e-6);
			for (size_t k = 0; k < i; k++) {
				if (isnan(v[k].placed))
					continue;
				assert_true(fabs(v[k].placed - v[i].placed) >= 10 - 1e-6);
				if (v[k].at != v[i].at)
					assert_int_equal(v[k].at < v[i].at,
							 v[k].placed < v[i].placed);
			}
		}
		assert_true(placed > 0 || nr == 0);
	}
}

static void test_the_weaker_label_gives_way(void **state)
{
	struct plot_label v[] = { { 50, false, 0 }, { 50.5, true, 0 }, { 90, false, 0 } };

	(void)state;
	plot_labels_place(v, 3, 10, 4, 100);
	assert_true(isnan(v[0].placed));
	assert_true(v[1].placed == 50.5);
	assert_true(v[2].placed == 90);
}

/* --- sparklines --- */

static void spark(const struct price_point *v, size_t nr, bool utf8, char *out, size_t width)
{
	const struct price_series series = { "a", v, nr };
	const int64_t scale[2] = { 0, 800 };
	struct buf text = BUF_INIT;

	plot_sparkline(&series, 0, 80, scale, width, utf8, &text);
	memcpy(out, text.data, text.len + 1);
	buf_release(&text);
}

static void test_sparkline(void **state)
{
	/* nothing, 10 s of 100, a second of 800, 100 again, a gap, more than the scale */
	const struct price_point v[] = { { 10, 100 }, { 20, 800 },  { 21, 100 },
					 { 40, -1 },  { 60, 5000 }, { 70, 0 } };
	char text[64];

	(void)state;
	spark(v, 6, false, text, 8);
	assert_string_equal(text, " _#_  #_");
	spark(v, 6, true, text, 8);
	assert_string_equal(text,
			    " \xe2\x96\x82\xe2\x96\x88\xe2\x96\x82  \xe2\x96\x88\xe2\x96\x81");
	spark(v, 0, true, text, 8);
	assert_string_equal(text, "        ");
	spark(v, 6, false, text, 0);
	assert_string_equal(text, "");
}

static void test_a_flat_sparkline_is_seen(void **state)
{
	const struct price_point v[] = { { 0, 300 } };
	const struct price_series series = { "a", v, 1 };
	const int64_t scale[2] = { 300, 300 };
	struct buf text = BUF_INIT;

	(void)state;
	plot_sparkline(&series, 0, 10, scale, 3, false, &text);
	assert_string_equal(text.data, "===");
	buf_release(&text);
}

static void test_a_sparkline_between_two_prices(void **state)
{
	const struct price_point v[] = { { 0, 599 },  { 10, 600 }, { 20, 679 },	 { 30, 680 },
					 { 40, 800 }, { 50, 999 }, { 60, 1000 }, { 70, 1001 } };
	const struct price_series series = { "a", v, ARRAY_SIZE(v) };
	static const int64_t scale[2] = { 600, 1000 };
	struct buf text = BUF_INIT;

	(void)state;
	plot_sparkline(&series, 0, 80, scale, 8, false, &text);
	assert_string_equal(text.data, "___-=###");
	buf_release(&text);
}

/* --- text --- */

static void test_text_for_each_place(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(plot_text(&out, "a\033[2J\n\xff", 64, true), 12);
	assert_string_equal(out.data, "a^[[2J^J\\xff");
	buf_clear(&out);
	assert_int_equal(plot_text(&out, "abcdef", 4, true), 4);
	assert_string_equal(out.data, "abc\xe2\x80\xa6");
	buf_clear(&out);
	assert_int_equal(plot_text(&out, "abcd", 4, true), 4);
	assert_string_equal(out.data, "abcd");
	buf_clear(&out);
	plot_text(&out, "caf\xc3\xa9", 64, false);
	assert_string_equal(out.data, "caf?");
	buf_clear(&out);
	plot_xml(&out, "<a b='\"&\">", 64);
	assert_string_equal(out.data, "&lt;a b=&#39;&quot;&amp;&quot;&gt;");
	buf_clear(&out);
	plot_json(&out, "</script>\\\"\n", 64);
	assert_string_equal(out.data, "\"\\u003c/script\\u003e\\\\\\\"^J\"");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_see_every_second),
		cmocka_unit_test(test_columns_of_an_empty_window),
		cmocka_unit_test(test_thinning_keeps_the_ends),
		cmocka_unit_test(test_thinning_leaves_a_short_series_alone),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_scale_of_nothing),
		cmocka_unit_test(test_price_ticks_are_three_to_five),
		cmocka_unit_test(test_price_labels_share_their_decimals),
		cmocka_unit_test(test_time_ticks),
		cmocka_unit_test(test_time_ticks_of_any_window),
		cmocka_unit_test(test_labels_never_overlap),
		cmocka_unit_test(test_the_weaker_label_gives_way),
		cmocka_unit_test(test_sparkline),
		cmocka_unit_test(test_a_flat_sparkline_is_seen),
		cmocka_unit_test(test_a_sparkline_between_two_prices),
		cmocka_unit_test(test_text_for_each_place),
	};

	rng = rng_seeded(&seed, 4);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
