/* SPDX-License-Identifier: Apache-2.0 */
/* Spot price rows: their numbers read fast and exactly, their order, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "core/money.h"
#include "core/rng.h"
#include "core/timefmt.h"
#include "providers/aws/ec2_spot_rows.h"

#define P3   "p3.2xlarge"
#define DAY  INT64_C(86400000)
#define T0   INT64_C(1600000000000) /* 2020-09-13T12:26:40Z */
#define MANY 100000

static const char *const types[] = { P3, "g5.xlarge" };

/* --- numbers ------------------------------------------------------------------------------- */

static void same_price(const char *text)
{
	struct error err = ERROR_INIT;
	int64_t slow = -1, fast = -1;
	int want = money_parse(text, "price", &slow, &err);
	int got = spot_price_parse(text, strlen(text), &fast);

	if (want != got || slow != fast)
		fail_msg("'%s': %d %lld, not %d %lld", text, got, (long long)fast, want,
			 (long long)slow);
}

static void same_time(struct spot_day *day, const char *text)
{
	struct error err = ERROR_INIT;
	int64_t slow = -1, fast = -1;
	int want = time_parse_ms(text, "time", &slow, &err);
	int got = spot_time_parse(day, text, strlen(text), &fast);

	if (want != got || (!want && slow != fast) || (want && fast != -1))
		fail_msg("'%s': %d %lld, not %d %lld", text, got, (long long)fast, want,
			 (long long)slow);
}

/* One character of text is replaced, left out or doubled. */
static void spoil(const struct rng *rng, char *text)
{
	static const char with[] = "0123456789.-+:TZtz eE\x01n";
	size_t len = strlen(text), at = (size_t)rng_below(rng, len ? len : 1);

	switch (rng_below(rng, 4)) {
	case 0:
		memmove(text + at, text + at + 1, len - at);
		break;
	case 1:
		memmove(text + at + 1, text + at, len - at + 1);
		break;
	default:
		text[at] = with[rng_below(rng, sizeof(with) - 1)];
	}
}

static void test_prices(void **state)
{
	static const char *const cases[] = {
		"0.918000",
		"0.9",
		"12.240000",
		"0",
		"0.0",
		"1",
		"00001.5",
		"000000001.5",
		"1.",
		".5",
		"",
		"-1",
		"+1",
		"1e3",
		"nan",
		"inf",
		"0x1",
		" 1",
		"1 ",
		"1,5",
		"1.2.3",
		"999999.999999",
		"1000000.000000",
		"999999999.999999",
		"1000000000.000000",
		"1000000000.000001",
		"0.0000001",
		"0.0000005",
		"0.00000049999",
		"1.9999995",
		"123456789012345678901234",
		"1234567890123456789012345",
	};
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 1);
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		same_price(cases[i]);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%llu.%0*llu",
			 (unsigned long long)rng_below(&rng, i % 3 ? 30 : 2000000000),
			 1 + (int)rng_below(&rng, 7), (unsigned long long)rng_below(&rng, 1000000));
		same_price(text);
		spoil(&rng, text);
		same_price(text);
	}
}

static void test_times(void **state)
{
	static const char *const cases[] = {
		"2020-03-20T12:00:00.000Z",
		"2020-03-20T12:00:00Z",
		"2020-03-20T12:00:00.999Z",
		"2020-02-29T00:00:00Z",
		"2021-02-29T00:00:00Z",
		"1970-01-01T00:00:00Z",
		"1969-12-31T23:59:59Z",
		"9999-12-31T23:59:59.999Z",
		"2020-03-20T23:59:60Z",
		"2020-03-20T24:00:00Z",
		"2020-03-20T12:60:00Z",
		"2020-03-20T12:00:61Z",
		"2020-03-20t12:00:00z",
		"2020-03-20 12:00:00Z",
		"2020-03-20",
		"2020-03-20T12:00Z",
		"2020-03-20T12:00:00+02:00",
		"2020-03-20T12:00:00.123456789Z",
		"yesterday",
		"",
		"2020-13-20T12:00:00Z",
		"2020-00-20T12:00:00Z",
		"2020-03-20T12:00:00.00aZ",
		"2020-03-20T29:00:00Z",
		"2006-01-02T15:04:05.999999999Z",
	};
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 2);
	struct spot_day day = { .ms = 0 };
	char text[64];

	(void)state;
	for (int again = 0; again < 2; again++)
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
			same_time(&day, cases[i]);
	for (int i = 0; i < MANY; i++) {
		int n = snprintf(text, sizeof(text), "20%02u-%02u-%02uT%02u:%02u:%02u",
				 (unsigned)rng_below(&rng, 30), 1 + (unsigned)rng_below(&rng, 12),
				 1 + (unsigned)rng_below(&rng, 31), (unsigned)rng_below(&rng, 25),
				 (unsigned)rng_below(&rng, 61), (unsigned)rng_below(&rng, 62));
		if (rng_below(&rng, 2))
			n += snprintf(text + n, sizeof(text) - (size_t)n, ".%03u",
				      (unsigned)rng_below(&rng, 1000));
		snprintf(text + n, sizeof(text) - (size_t)n, "Z");
		same_time(&day, text);
		spoil(&rng, text);
		same_time(&day, text);
	}
}

/* --- pages --------------------------------------------------------------------------------- */

struct world {
	const char *region;
	struct spot_query query;
	struct spot_region rows;
	struct spot_page page;
	size_t total;
};

static int setup(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));

	world->region = "us-east-1";
	world->query = (struct spot_query){
		.regions = &world->region,
		.nr_regions = 1,
		.types = types,
		.nr_types = 2,
		.until = (T0 + 100 * DAY) / 1000,
	};
	world->rows = (struct spot_region){
		.query = &world->query,
		.name = world->region,
		.latest_ms = T0 + 50 * DAY,
		.total = &world->total,
	};
	world->page = (struct spot_page){ .region = &world->rows,
					  .from_ms = INT64_MIN,
					  .to_ms = INT64_MAX };
	spot_region_init(&world->rows);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	spot_page_release(&world->page);
	spot_region_release(&world->rows);
	assert_int_equal(world->total, 0);
	free(world);
	return 0;
}

struct row {
	const char *type, *zone, *id;
	int64_t ms, micros;
};

static void print_row(struct buf *out, const struct row *row)
{
	char time[TIME_TEXT_MAX];

	time_format(time, row->ms / 1000);
	buf_addf(out,
		 "<item><instanceType>%s</instanceType><productDescription>Linux/UNIX"
		 "</productDescription><spotPrice>%lld.%06lld</spotPrice><timestamp>%.19s.%03dZ"
		 "</timestamp><availabilityZone>%s</availabilityZone>",
		 row->type, (long long)(row->micros / 1000000), (long long)(row->micros % 1000000),
		 time, (int)(row->ms % 1000), row->zone);
	if (row->id)
		buf_addf(out, "<availabilityZoneId>%s</availabilityZoneId>", row->id);
	buf_addstr(out, "</item>");
}

/* One page of rows, read to its end; what the check of it says. */
static int read_page(struct world *world, const struct row *v, size_t nr, struct error *err)
{
	const struct xml_handler handler = { &world->page, spot_page_start, spot_page_end };
	struct xml_stream *stream = xml_stream_new(&handler, 64 << 20, "the page");
	struct buf text = BUF_INIT;

	buf_addstr(&text, "<R><spotPriceHistorySet>");
	for (size_t i = 0; i < nr; i++)
		print_row(&text, &v[i]);
	buf_addstr(&text, "</spotPriceHistorySet></R>");
	assert_int_equal(xml_stream_feed(stream, text.data, text.len, err), 0);
	assert_int_equal(xml_stream_finish(stream, err), 0);
	xml_stream_free(stream);
	buf_release(&text);
	return spot_page_check(&world->page, err);
}

static void take_page(struct world *world, const struct row *v, size_t nr)
{
	struct error err = ERROR_INIT;

	if (read_page(world, v, nr, &err))
		fail_msg("%s", err.message);
	spot_page_keep(&world->page);
}

static void test_zone_ids(void **state)
{
	static const struct row cases[][3] = {
		{ { P3, "us-east-1a", "use1-az1", T0, 1 },
		  { P3, "us-east-1a", "use1-az2", T0, 1 } },
		{ { P3, "us-east-1a", "use1-az1", T0, 1 },
		  { P3, "us-east-1b", "use1-az1", T0, 1 } },
		{ { P3, "us-east-1a", "use1-az1", T0, 1 },
		  { P3, "us-east-1b", NULL, T0, 1 },
		  { P3, "us-east-1b", "use1-az1", T0, 1 } },
		{ { P3, "us-east-1a", "use1 az1", T0, 1 } },
		{ { P3, "us-east-1a", "use1-az1", T0, 1 }, { P3, "us-east-1a", "x;", T0, 1 } },
	};
	static const struct row fine[] = { { P3, "us-east-1a", NULL, T0, 1 },
					   { P3, "us-east-1a", "use1-az1", T0 + 1000, 1 },
					   { P3, "us-east-1a", "", T0 + 2000, 1 },
					   { P3, "us-east-1b", "use1-az2", T0 + 2000, 1 } };
	struct world *world = *state;
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;
	size_t cap = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t nr = 0;

		while (nr < 3 && cases[i][nr].type)
			nr++;
		assert_int_equal(read_page(world, cases[i], nr, &err), -1);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
		assert_non_null(strstr(err.message, "'availabilityZoneId'"));
		if (i < 2) /* the zones and ids that clash are told */
			assert_non_null(strstr(err.message, cases[i][1].id));
		spot_page_drop(&world->page);
		spot_region_clear(&world->rows);
	}
	take_page(world, fine, ARRAY_SIZE(fine));
	spot_region_series(&world->rows, &history, &cap);
	assert_int_equal(history.nr, 2);
	assert_string_equal(history.v[0].zone.id, "use1-az1");
	assert_string_equal(history.v[1].zone.id, "use1-az2");
	spot_history_release(&history);
}

static void test_future(void **state)
{
	const struct row edge[] = { { P3, "us-east-1a", NULL, T0 + 50 * DAY, 1 } },
			 late[] = { { P3, "us-east-1a", NULL, T0 + 50 * DAY + 1, 1 } },
			 after[] = { { P3, "us-east-1a", NULL, T0 + 101 * DAY, 1 } };
	struct world *world = *state;
	struct error err = ERROR_INIT;

	take_page(world, edge, 1);
	assert_int_equal(read_page(world, late, 1, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	assert_string_equal(err.message, "'timestamp' of the reply is in the future");
	spot_page_drop(&world->page);
	/* Not asked: passed over, whatever it says. */
	take_page(world, after, 1);
	assert_int_equal(world->total, 1);
}

static void test_ceiling(void **state)
{
	const struct row rows[] = { { P3, "us-east-1a", NULL, T0, 1 },
				    { P3, "us-east-1a", NULL, T0 + 1000, 1 } };
	struct world *world = *state;
	struct error err = ERROR_INIT;

	world->total = SPOT_ROWS_MAX - 2;
	assert_int_equal(read_page(world, rows, 2, &err), 0);
	spot_page_drop(&world->page);
	assert_int_equal(world->total, SPOT_ROWS_MAX - 2);
	world->total = SPOT_ROWS_MAX - 1;
	assert_int_equal(read_page(world, rows, 2, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	assert_non_null(strstr(err.message, "8000000"));
	assert_non_null(strstr(err.hint, "fewer"));
	spot_page_drop(&world->page);
	world->total = 0;
}

/* What is not the window's own is counted, and not kept. */
static void test_own_window(void **state)
{
	const struct row rows[] = { { P3, "us-east-1a", NULL, T0 - 1, 1 },
				    { P3, "us-east-1a", NULL, T0, 2 },
				    { P3, "us-east-1a", NULL, T0 + DAY - 1, 3 },
				    { P3, "us-east-1a", NULL, T0 + DAY, 4 } };
	struct world *world = *state;
	struct error err = ERROR_INIT;

	world->page.from_ms = T0;
	world->page.to_ms = T0 + DAY;
	assert_int_equal(read_page(world, rows, 4, &err), 0);
	assert_int_equal(world->page.nr, 2);
	assert_int_equal(world->page.nr_foreign, 2);
	assert_int_equal(world->page.v[0].point.micros, 2);
	assert_int_equal(world->page.v[1].point.micros, 3);
}

/* --- order --------------------------------------------------------------------------------- */

/* The plain way: by time, and of equal times the one that came first last. */
static void sort_plainly(struct row *v, size_t nr)
{
	struct row *out = xcalloc(nr, sizeof(*out));
	size_t n = 0;

	for (size_t i = 0; i < nr; i++) {
		size_t at = n++;

		while (at > 0 && out[at - 1].ms >= v[i].ms) {
			out[at] = out[at - 1];
			at--;
		}
		out[at] = v[i];
	}
	memcpy(v, out, nr * sizeof(*v));
	free(out);
}

static size_t plain_points(struct row *v, size_t nr, int64_t since, struct price_point *out)
{
	size_t n = 0, first = 0;

	sort_plainly(v, nr);
	while (first + 1 < nr && v[first + 1].ms <= since * 1000)
		first++;
	for (size_t i = first; i < nr; i++) {
		if (n && out[n - 1].time == v[i].ms / 1000)
			n--;
		out[n++] = (struct price_point){ v[i].ms / 1000, v[i].micros };
	}
	return n;
}

/* Rows in runs that fall, rise, stand still or jump. */
static void make_runs(const struct rng *rng, struct row *v, size_t nr)
{
	int64_t ms = T0, step = -1;

	for (size_t i = 0; i < nr; i++) {
		if (rng_below(rng, 12) == 0)
			step = (int64_t)rng_below(rng, 3) - 1;
		if (rng_below(rng, 20) == 0)
			ms = T0 + (int64_t)rng_below(rng, 40) * 1000;
		ms += step * (int64_t)rng_below(rng, 4) * 400;
		v[i] = (struct row){ P3, "us-east-1a", NULL, ms,
				     1 + (int64_t)rng_below(rng, 1000) };
	}
}

static void test_order(void **state)
{
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 3);
	struct world *world = *state;

	for (int round = 0; round < 300; round++) {
		struct row rows[200];
		struct price_point want[200];
		struct spot_history history = { 0 };
		size_t nr = 1 + (size_t)rng_below(&rng, 199), cap = 0, half = nr / 2;

		make_runs(&rng, rows, nr);
		world->query.since = T0 / 1000 + (int64_t)rng_below(&rng, 40) - 10;
		take_page(world, rows, half);
		take_page(world, rows + half, nr - half);
		spot_region_series(&world->rows, &history, &cap);
		size_t n = plain_points(rows, nr, world->query.since, want);
		assert_int_equal(history.nr, 1);
		assert_int_equal(history.v[0].nr, n);
		assert_memory_equal(history.v[0].v, want, n * sizeof(*want));
		spot_history_release(&history);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prices),
		cmocka_unit_test(test_times),
		cmocka_unit_test_setup_teardown(test_zone_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_future, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ceiling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
