/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's price market, synthetic and recorded, as the model asks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"
#include "simulator/cloud/market.h"

#define START INT64_C(1764000000)
#define DAY   INT64_C(86400)

struct seen {
	struct price_point v[20000];
	size_t nr;
};

static int collect(void *ctx, const struct price_point *point)
{
	struct seen *seen = ctx;

	assert_true(seen->nr < ARRAY_SIZE(seen->v));
	seen->v[seen->nr++] = *point;
	return 0;
}

static struct seen *changes(const struct market *market, const char *type, const char *zone,
			    int64_t from, int64_t to)
{
	struct seen *seen = xcalloc(1, sizeof(*seen));

	assert_int_equal(market_changes(market, type, zone, from, to, collect, seen), 0);
	return seen;
}

/* --- synthetic ------------------------------------------------------------------------------ */

static void test_same_answer_in_any_order(void **state)
{
	struct market *a = market_world(7, START), *b = market_world(7, START);
	int64_t forward[400];

	(void)state;
	for (int i = 0; i < 400; i++)
		forward[i] = market_price_at(a, "g5.xlarge", "us-east-1c",
					     START - 100 * DAY + i * 21600);
	for (int i = 399; i >= 0; i--)
		assert_int_equal(market_price_at(b, "g5.xlarge", "us-east-1c",
						 START - 100 * DAY + i * 21600),
				 forward[i]);
	market_free(a);
	market_free(b);
}

static void test_seed_matters(void **state)
{
	struct market *a = market_world(1, START), *b = market_world(2, START);
	struct seen *x = changes(a, "g5.xlarge", "us-east-1a", START - 30 * DAY, START);
	struct seen *y = changes(b, "g5.xlarge", "us-east-1a", START - 30 * DAY, START);

	(void)state;
	assert_true(x->nr != y->nr || memcmp(x->v, y->v, x->nr * sizeof(x->v[0])) != 0);
	free(x);
	free(y);
	market_free(a);
	market_free(b);
}

/* Changes and point prices tell the same story, on both sides of every change. */
static void check_story(const struct market *market, const char *type, const char *zone)
{
	int64_t from = START - 90 * DAY, to = START + 30 * DAY;
	struct seen *seen = changes(market, type, zone, from, to);

	assert_true(seen->nr > 100);
	assert_true(seen->v[0].time <= from);
	assert_true(seen->v[1].time > from);
	for (size_t i = 0; i < seen->nr; i++) {
		int64_t t = seen->v[i].time;

		assert_true(seen->v[i].micros > 0);
		assert_int_equal(market_price_at(market, type, zone, t), seen->v[i].micros);
		if (i > 0) {
			assert_true(t > seen->v[i - 1].time);
			assert_true(t <= to);
			assert_int_equal(market_price_at(market, type, zone, t - 1),
					 seen->v[i - 1].micros);
		}
	}
	free(seen);
}

static int story_of_each(void *ctx, const char *type, const char *zone)
{
	const struct market *market = ctx;

	if (strcmp(type, "g4dn.xlarge") == 0)
		check_story(market, type, zone);
	return 0;
}

static void test_changes_agree_with_prices(void **state)
{
	struct market *market = market_world(3, START);

	(void)state;
	assert_int_equal(market_each(market, story_of_each, market), 0);
	market_free(market);
}

struct census {
	const struct market *market;
	size_t pools, pinned, cheap;
};

static int count_pool(void *ctx, const char *type, const char *zone)
{
	struct census *census = ctx;
	char region[MARKET_NAME_MAX];
	struct seen *seen = changes(census->market, type, zone, START - 90 * DAY, START);
	int64_t on_demand, highest = 0, lowest = INT64_MAX;

	assert_true(market_zone_region(zone, region));
	on_demand = market_on_demand(census->market, type, region);
	assert_true(on_demand > 0);
	for (size_t i = 0; i < seen->nr; i++) {
		if (seen->v[i].micros > highest)
			highest = seen->v[i].micros;
		if (seen->v[i].micros < lowest)
			lowest = seen->v[i].micros;
	}
	assert_true(highest <= on_demand);
	assert_true(lowest * 4 >= on_demand); /* never under a quarter */
	census->pools++;
	census->pinned += lowest == on_demand;
	census->cheap += highest * 100 <= on_demand * 60;
	/* what the header promises of the first zone */
	if (zone[strlen(zone) - 1] == 'a')
		assert_true(highest * 100 <= on_demand * 45);
	free(seen);
	return 0;
}

static void test_world_has_every_kind_of_zone(void **state)
{
	struct market *market = market_world(1, START);
	struct census census = { .market = market };

	(void)state;
	assert_int_equal(market_each(market, count_pool, &census), 0);
	assert_true(census.pools > 100);
	assert_true(census.pinned > census.pools / 50);
	assert_true(census.pinned < census.pools / 4);
	assert_true(census.cheap > census.pools / 2);
	market_free(market);
}

static void test_history_has_a_beginning(void **state)
{
	struct market *market = market_world(1, START);
	struct seen *seen = changes(market, "p3.2xlarge", "us-west-2b", 0, START);
	int64_t first = seen->v[0].time;

	(void)state;
	assert_true(first >= START - MARKET_PAST_S);
	assert_true(first < START - MARKET_PAST_S + 2 * DAY);
	assert_int_equal(market_price_at(market, "p3.2xlarge", "us-west-2b", first - 1),
			 MONEY_UNKNOWN);
	assert_int_equal(market_price_at(market, "p3.2xlarge", "us-west-2b", first),
			 seen->v[0].micros);
	assert_true(market_price_at(market, "p3.2xlarge", "us-west-2b", START + 3650 * DAY) > 0);
	free(seen);
	market_free(market);
}

static int stop_at_third(void *ctx, const struct price_point *point)
{
	int *n = ctx;

	(void)point;
	return ++*n == 3 ? 42 : 0;
}

static void test_walk_can_be_stopped(void **state)
{
	struct market *market = market_world(1, START);
	int n = 0;

	(void)state;
	assert_int_equal(market_changes(market, "p3.2xlarge", "us-east-1a", START - 9 * DAY, START,
					stop_at_third, &n),
			 42);
	assert_int_equal(n, 3);
	market_free(market);
}

/* --- recorded ------------------------------------------------------------------------------- */

static const struct price_point steps[] = { { 100, 300000 }, { 200, 900000 }, { 300, 300000 } };

static struct market *small(void)
{
	struct market *market = market_new(0, 0);
	struct error err = ERROR_INIT;

	assert_int_equal(market_add_recorded(market, "p2.xlarge", "us-east-1a", steps,
					     ARRAY_SIZE(steps), &err),
			 0);
	return market;
}

static void test_recorded_steps(void **state)
{
	static const struct {
		int64_t t, price;
	} rows[] = {
		{ 0, MONEY_UNKNOWN }, { 99, MONEY_UNKNOWN }, { 100, 300000 }, { 199, 300000 },
		{ 200, 900000 },      { 299, 900000 },	     { 300, 300000 }, { 99999, 300000 }
	};
	struct market *market = small();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(market_price_at(market, "p2.xlarge", "us-east-1a", rows[i].t),
				 rows[i].price);
	assert_int_equal(market_price_at(market, "p2.xlarge", "us-east-1b", 200), MONEY_UNKNOWN);
	assert_false(market_has(market, "p2.8xlarge", "us-east-1a"));
	market_free(market);
}

static void test_recorded_windows(void **state)
{
	static const struct {
		int64_t from, to;
		size_t nr;
		int64_t first;
	} rows[] = {
		{ 0, 99, 0, 0 },      { 0, 100, 1, 100 },   { 100, 100, 1, 100 },
		{ 150, 160, 1, 100 }, { 150, 200, 2, 100 }, { 200, 300, 2, 200 },
		{ 301, 900, 1, 300 }, { 0, 900, 3, 100 },   { 200, 150, 0, 0 },
	};
	struct market *market = small();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct seen *seen =
			changes(market, "p2.xlarge", "us-east-1a", rows[i].from, rows[i].to);

		assert_int_equal(seen->nr, rows[i].nr);
		if (seen->nr > 0)
			assert_int_equal(seen->v[0].time, rows[i].first);
		free(seen);
	}
	market_free(market);
}

static void test_next_above(void **state)
{
	static const struct {
		int64_t cap, t, to, found;
	} rows[] = {
		{ 300000, 100, 900, 200 }, { 899999, 100, 900, 200 }, { 900000, 100, 900, -1 },
		{ 300000, 250, 900, 250 }, { 300000, 300, 900, -1 },  { 300000, 100, 199, -1 },
		{ 299999, 0, 900, 100 },
	};
	struct market *market = small();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(market_next_above(market, "p2.xlarge", "us-east-1a", rows[i].cap,
						   rows[i].t, rows[i].to),
				 rows[i].found);
	market_free(market);
}

static void test_pools_are_refused(void **state)
{
	static const struct price_point back[] = { { 100, 1 }, { 100, 2 } };
	static const struct price_point zero[] = { { 100, 0 } };
	static const struct {
		const char *type, *zone;
		const struct price_point *v;
		size_t nr;
		const char *says;
	} rows[] = {
		{ "p2.xlarge", "us-east-1a", steps, 3, "twice" },
		{ "p2.xlarge", "us-east-1", steps, 3, "zone" },
		{ "p2.xlarge", "a", steps, 3, "zone" },
		{ "p2.xlarge", "../../1a", steps, 3, "zone" },
		{ "p2 xlarge", "us-east-1b", steps, 3, "type" },
		{ "", "us-east-1b", steps, 3, "type" },
		{ "p2.xlarge", "us-east-1b", steps, 0, "no prices" },
		{ "p2.xlarge", "us-east-1b", back, 2, "order" },
		{ "p2.xlarge", "us-east-1b", zero, 1, "order" },
	};
	struct market *market = small();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(market_add_recorded(market, rows[i].type, rows[i].zone, rows[i].v,
						     rows[i].nr, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_non_null(strstr(err.message, rows[i].says));
	}
	assert_false(market_has(market, "p2.xlarge", "us-east-1b"));
	market_free(market);
}

static void test_on_demand_by_region(void **state)
{
	struct market *market = market_new(0, 0);

	(void)state;
	assert_int_equal(market_on_demand(market, "p2.xlarge", "us-east-1"), MONEY_UNKNOWN);
	market_set_on_demand(market, "p2.xlarge", "us-east-1", 900000);
	assert_int_equal(market_on_demand(market, "p2.xlarge", "us-east-1"), 900000);
	assert_int_equal(market_on_demand(market, "p2.xlarge", "eu-west-1"), MONEY_UNKNOWN);
	market_set_on_demand(market, "p2.xlarge", NULL, 1000000);
	assert_int_equal(market_on_demand(market, "p2.xlarge", "eu-west-1"), 1000000);
	assert_int_equal(market_on_demand(market, "p2.xlarge", "us-east-1"), 900000);
	market_set_on_demand(market, "p2.xlarge", "us-east-1", 910000);
	assert_int_equal(market_on_demand(market, "p2.xlarge", "us-east-1"), 910000);
	market_free(market);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_answer_in_any_order),
		cmocka_unit_test(test_seed_matters),
		cmocka_unit_test(test_changes_agree_with_prices),
		cmocka_unit_test(test_world_has_every_kind_of_zone),
		cmocka_unit_test(test_history_has_a_beginning),
		cmocka_unit_test(test_walk_can_be_stopped),
		cmocka_unit_test(test_recorded_steps),
		cmocka_unit_test(test_recorded_windows),
		cmocka_unit_test(test_next_above),
		cmocka_unit_test(test_pools_are_refused),
		cmocka_unit_test(test_on_demand_by_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
