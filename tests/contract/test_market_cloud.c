/* SPDX-License-Identifier: Apache-2.0 */
/* Markets and the archive over the real provider and the simulated cloud, without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/mem.h"
#include "fleet/price_archive.h"
#include "tests/contract/world.h"

#define DAY INT64_C(86400)

static const char *const regions[] = { "us-east-1", "eu-west-1" };
static const char *const types[] = { "p2.xlarge", "p3.2xlarge" };

static int enter(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));

	world_open(world, "aws", NULL, false);
	world->paths.data = xasprintf("%s/data", world->dir);
	*state = world;
	return 0;
}

static int leave(void **state)
{
	static const char *const names[] = { "prices.db", "prices.db-wal", "prices.db-shm" };
	struct world *world = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *path = xasprintf("%s/%s", world->paths.data, names[i]);
		unlink(path);
		free(path);
	}
	rmdir(world->paths.data);
	free(world->paths.data);
	world_close(world);
	free(world);
	return 0;
}

static struct market_query query_of(struct world *world, int64_t days)
{
	int64_t now = clock_now(&world->clock);

	return (struct market_query){
		.regions = regions,
		.nr_regions = 2,
		.types = types,
		.nr_types = 2,
		.since = now - days * DAY,
		.until = now,
	};
}

static void sync_all(struct world *world, struct price_sync *ret)
{
	struct market_query query = query_of(world, 90);
	struct market_list failures = { 0 };
	struct price_archive *archive;
	struct error err = ERROR_INIT;

	world_must(price_archive_open(&world->fleet, true, &archive, &err), &err);
	world_must(price_archive_sync(&world->fleet, archive, &query, ret, &failures, &err), &err);
	assert_int_equal(failures.nr_failures, 0);
	market_list_release(&failures);
	price_archive_close(archive);
}

static void test_regions_and_types(void **state)
{
	struct world *world = *state;
	struct market_query query = query_of(world, 90);
	struct market_list list = { 0 };
	struct error err = ERROR_INIT;

	world_must(market_read(&world->fleet, &query, &list, &err), &err);
	assert_int_equal(list.nr, 3);
	assert_int_equal(list.nr_failures, 0);
	assert_string_equal(list.v[0].type, "p2.xlarge");
	assert_string_equal(list.v[0].region, "eu-west-1");
	assert_string_equal(list.v[1].region, "us-east-1");
	assert_string_equal(list.v[2].type, "p3.2xlarge");
	assert_int_equal(list.v[1].nr, 2);
	assert_string_equal(list.v[1].zones[0].name, "us-east-1a");
	assert_true(list.v[1].zones[0].id[0]);
	assert_int_equal(list.v[1].series[0].nr, 90 * 24 + 1);
	assert_true(list.v[2].on_demand == 3060000);
	market_list_release(&list);

	query.types = NULL;
	query.nr_types = 0;
	query.gpu = "V100";
	world_must(market_read(&world->fleet, &query, &list, &err), &err);
	assert_int_equal(list.nr, 1);
	assert_string_equal(list.v[0].type, "p3.2xlarge");
	market_list_release(&list);
}

static void test_what_is_not_there(void **state)
{
	static const char *const nowhere[] = { "us-east-9" };
	static const char *const nothing[] = { "p3.2xlarge", "p9.large" };
	struct world *world = *state;
	struct market_query query = query_of(world, 90);
	struct market_list list = { 0 };
	struct error err = ERROR_INIT;

	query.types = nothing;
	assert_int_equal(market_read(&world->fleet, &query, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(err.message, "type 'p9.large' is not offered as spot"));
	query = query_of(world, 90);
	query.regions = nowhere;
	query.nr_regions = 1;
	assert_int_equal(market_read(&world->fleet, &query, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(err.message, "there is no region 'us-east-9'"));
}

/* The hourly prices of 100 days: the archive, 40 days on, still has those the cloud has forgotten. */
static void test_past_the_cloud(void **state)
{
	struct world *world = *state;
	struct price_sync sync;
	struct market_list list = { 0 };
	struct error err = ERROR_INIT;

	sync_all(world, &sync);
	assert_int_equal(sync.markets, 3);
	assert_int_equal(sync.zones, 5);
	assert_int_equal(sync.rows_added, sync.rows_read);
	sync_all(world, &sync);
	assert_int_equal(sync.rows_added, 0);
	clock_sleep_ms(&world->clock, 40 * DAY * 1000);
	sync_all(world, &sync);
	assert_int_equal(sync.gaps, 0);

	struct market_query query = query_of(world, 365);
	world_must(market_read(&world->fleet, &query, &list, &err), &err);
	assert_true(list.from_archive > 0);
	const struct price_series *series = &list.v[1].series[0];
	assert_string_equal(list.v[1].zones[0].name, "us-east-1a");
	assert_int_equal(series->nr, 90 * 24 + 1); /* all of them, and no gap */
	for (size_t i = 0; i < series->nr; i++) {
		int64_t at = SIM_START - (int64_t)(series->nr - 1 - i) * SIM_HOUR;

		assert_true(series->v[i].time == at);
		assert_int_equal(series->v[i].micros, 270000 + SIM_HOURLY - series->nr + i);
	}
	market_list_release(&list);
	query.source = MARKET_ARCHIVE;
	world_must(market_read(&world->fleet, &query, &list, &err), &err);
	assert_int_equal(list.nr, 3);
	assert_int_equal(list.v[1].series[0].nr, 90 * 24 + 1);
	market_list_release(&list);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_regions_and_types),
		TEST(test_what_is_not_there),
		TEST(test_past_the_cloud),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
