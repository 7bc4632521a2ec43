/* SPDX-License-Identifier: Apache-2.0 */
/* Markets: what is asked, how cloud and archive are joined, and what is said where nothing is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"
#include "tests/unit/price_cloud.h"

#define DAYS(n) (PC_NOW - (n)*PC_DAY)

static const char *const p3[] = { "p3" };

static int enter(void **state)
{
	struct price_cloud *cloud = xcalloc(1, sizeof(*cloud));

	pc_open(cloud);
	*state = cloud;
	return 0;
}

static int leave(void **state)
{
	pc_close(*state);
	free(*state);
	return 0;
}

/* One change each day for `days` days, the price telling the day. */
static struct pc_pool *daily(struct price_cloud *cloud, const char *region, const char *type,
			     const char *zone, const char *id, int days)
{
	struct pc_pool *pool = pc_pool(cloud, region, type, zone, id);

	for (int day = days; day > 0; day--)
		pc_price(pool, DAYS(day) + 100, 1000000 + day);
	return pool;
}

static void must_read(struct price_cloud *cloud, const struct market_query *query,
		      struct market_list *list)
{
	struct error err = ERROR_INIT;

	if (market_read(&cloud->fleet, query, list, &err) < 0)
		fail_msg("%s", err.message);
}

static void must_fail(struct price_cloud *cloud, const struct market_query *query,
		      enum error_kind kind, const char *message, const char *hint)
{
	struct market_list list = { .nr = 77 };
	struct error err = ERROR_INIT;

	assert_int_equal(market_read(&cloud->fleet, query, &list, &err), -1);
	if (err.kind != kind || !strstr(err.message, message) || !strstr(err.hint, hint))
		fail_msg("%s (%s)", err.message, err.hint);
	assert_int_equal(list.nr, 77);
}

static void test_all_at_once(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_query query = pc_query(DAYS(10), PC_NOW);
	struct market_list list = { 0 };

	daily(cloud, "r2", "p3", "r2a", "x1", 20);
	daily(cloud, "r1", "p3", "r1b", "az2", 20);
	daily(cloud, "r1", "p3", "r1a", "az1", 20);
	daily(cloud, "r1", "g5", "r1a", "az1", 20);
	must_read(cloud, &query, &list);
	assert_int_equal(cloud->offers_asked, 1);
	assert_int_equal(cloud->prices_asked, 1);
	assert_int_equal(list.nr, 3); /* by type, region; zones by name */
	assert_string_equal(list.v[0].type, "g5");
	assert_string_equal(list.v[1].region, "r1");
	assert_string_equal(list.v[1].zones[0].name, "r1a");
	assert_string_equal(list.v[1].series[1].zone, "r1b");
	assert_string_equal(list.v[2].region, "r2");
	assert_int_equal(list.v[2].on_demand, 3060000);
	assert_int_equal(list.v[0].series[0].nr, 11);
	assert_true(list.from_archive == 0);
	market_list_release(&list);

	static const char *const two[] = { "p3", "g5", "p3" };
	query.types = two;
	query.nr_types = 3;
	must_read(cloud, &query, &list);
	assert_int_equal(list.nr, 3);
	assert_int_equal(cloud->prices_asked, 2);
	market_list_release(&list);
}

static void test_one_zone(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_query query = pc_query(DAYS(10), PC_NOW);
	struct market_list list = { 0 };
	static const char *const names[] = { "r1b", "az2" };

	daily(cloud, "r1", "p3", "r1a", "az1", 20);
	daily(cloud, "r1", "p3", "r1b", "az2", 20);
	daily(cloud, "r2", "p3", "r2a", "x1", 20);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		query.zone = names[i];
		must_read(cloud, &query, &list);
		assert_string_equal(cloud->asked_zone, "r1b"); /* nothing else travels */
		assert_int_equal(list.nr, 1);
		assert_int_equal(list.v[0].nr, 1);
		assert_string_equal(list.v[0].zones[0].name, "r1b");
		assert_string_equal(list.v[0].zones[0].id, "az2");
		market_list_release(&list);
	}
	query.zone = "r1z";
	query.types = p3;
	query.nr_types = 1;
	must_fail(cloud, &query, ERROR_NOT_FOUND, "'p3' is not offered as spot in r1z",
		  "--type p3");
}

static void test_not_offered(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_query query = pc_query(DAYS(10), PC_NOW);
	static const char *const types[] = { "p3", "nosuch" };

	daily(cloud, "r1", "p3", "r1a", "az1", 20);
	query.types = types;
	query.nr_types = 2;
	must_fail(cloud, &query, ERROR_NOT_FOUND, "type 'nosuch' is not offered as spot",
		  "gpucloud price --all-regions --type nosuch");
	query.nr_types = 0;
	query.gpu = "H100";
	must_fail(cloud, &query, ERROR_NOT_FOUND, "no type with GPU 'H100' is offered", "price");
	query.gpu = NULL;
	query.types = types;
	query.nr_types = 1;
	cloud->no_spot = true;
	must_fail(cloud, &query, ERROR_NOT_FOUND, "type 'p3' is not offered as spot", "");
	cloud->no_spot = false;
	cloud->v[0].closed = 1;
	must_fail(cloud, &query, ERROR_NOT_FOUND, "no spot price is known of p3", "");
}

static void test_failing_regions(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_query query = pc_query(DAYS(10), PC_NOW);
	struct market_list list = { 0 };
	static const char *const wrong[] = { "r3" };

	daily(cloud, "r1", "p3", "r1a", "az1", 20);
	cloud->silent = "r2";
	must_read(cloud, &query, &list);
	assert_int_equal(list.nr, 1);
	assert_int_equal(list.nr_failures, 1);
	assert_string_equal(list.failures[0].region, "r2");
	assert_int_equal(list.failures[0].err.kind, ERROR_NETWORK);
	market_list_release(&list);
	cloud->silent = "r1"; /* what is looked for may be there */
	query.types = p3;
	query.nr_types = 1;
	must_fail(cloud, &query, ERROR_NOT_FOUND, "type 'p3' is not offered",
		  "1 region did not answer, as r1");
	cloud->silent = "r3";
	query.regions = wrong;
	query.nr_regions = 1;
	must_fail(cloud, &query, ERROR_NOT_FOUND, "there is no region 'r3'", "--region r1");
	cloud->silent = NULL;
	cloud->prices_silent = true;
	query = pc_query(DAYS(10), PC_NOW);
	must_fail(cloud, &query, ERROR_NETWORK, "cannot read the spot price history", "");
}

static void test_refused(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_query query = pc_query(DAYS(10), PC_NOW);
	static const char *const china[] = { "us-east-1", "cn-north-1" };

	query.regions = china;
	must_fail(cloud, &query, ERROR_UNSUPPORTED, "region 'cn-north-1' are in CNY", "--region");
	assert_int_equal(cloud->offers_asked, 0);
	query = pc_query(PC_NOW, PC_NOW);
	must_fail(cloud, &query, ERROR_USAGE, "end before it begins", "");
	query = pc_query(-1, PC_NOW);
	must_fail(cloud, &query, ERROR_USAGE, "end before it begins", "");
	cloud->ops.caps = 0;
	query = pc_query(DAYS(10), PC_NOW);
	must_fail(cloud, &query, ERROR_UNSUPPORTED, "has no spot prices", "");
}

/* --- with the archive ------------------------------------------------------------------------- */

static void test_no_archive(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_query query = pc_query(DAYS(365), PC_NOW);
	struct market_list list = { 0 };

	daily(cloud, "r1", "p3", "r1a", "az1", 200);
	must_read(cloud, &query, &list);
	assert_true(list.from_archive == 0);
	assert_true(cloud->asked_since == DAYS(90));
	assert_true(list.v[0].series[0].v[0].time == DAYS(91) + 100); /* and nothing is made up */
	market_list_release(&list);
	query.until = DAYS(100);
	must_fail(cloud, &query, ERROR_NOT_FOUND, "no spot price is known of any type", "");
}

/* Synced 180 and 120 days ago: what lies between the cloud's 90 days and that is a gap. */
static void test_joined(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_query query = pc_query(DAYS(365), PC_NOW);
	struct market_list list = { 0 };
	struct pc_pool *moving = daily(cloud, "r1", "p3", "r1a", "az1", 300);
	struct pc_pool *still = pc_pool(cloud, "r1", "p3", "r1b", "az2");
	struct pc_pool *fresh = pc_pool(cloud, "r1", "p3", "r1c", "az3");
	struct pc_pool *gone = daily(cloud, "r1", "p3", "r1d", "az4", 300);

	pc_price(still, DAYS(250), 3060000);
	pc_price(fresh, DAYS(5), 70000);
	cloud->now = DAYS(180);
	pc_must_sync(cloud, DAYS(270), DAYS(180), NULL);
	cloud->now = DAYS(120);
	pc_must_sync(cloud, DAYS(200), DAYS(120), NULL);
	cloud->now = PC_NOW;
	gone->closed = DAYS(120);
	must_read(cloud, &query, &list);
	assert_true(list.from_archive == DAYS(90));
	assert_int_equal(list.nr, 1);
	assert_int_equal(list.v[0].nr, 4);
	const struct price_series *a = pc_find(&list, "p3", "az1");
	for (size_t i = 1; i < a->nr; i++)
		assert_true(a->v[i].time > a->v[i - 1].time);
	for (size_t i = 0; i < moving->nr; i++) {
		int64_t t = moving->v[i].time;
		bool known = (t >= DAYS(271) && t < DAYS(120)) || t >= DAYS(91);

		assert_int_equal(pc_at(a, t), known ? moving->v[i].micros : PRICE_GAP);
	}
	/* It did not change in the hole: then there is none. */
	const struct price_series *b = pc_find(&list, "p3", "az2");
	assert_int_equal(b->nr, 1);
	assert_true(b->v[0].time == DAYS(250));
	assert_int_equal(pc_find(&list, "p3", "az3")->nr, 1);
	const struct price_series *d = pc_find(&list, "p3", "az4");
	assert_int_equal(pc_at(d, DAYS(121)), 1000122);
	assert_int_equal(pc_at(d, PC_NOW), PRICE_GAP);
	market_list_release(&list);

	/* A window that the cloud has forgotten wholly: it is not asked for prices. */
	size_t asked = cloud->prices_asked;
	query.until = DAYS(150);
	must_read(cloud, &query, &list);
	assert_int_equal(cloud->prices_asked, asked);
	assert_true(list.from_archive == DAYS(150));
	assert_int_equal(pc_at(pc_find(&list, "p3", "az1"), DAYS(151)), 1000152);
	market_list_release(&list);

	/* Within the cloud's time the archive is not looked at: it may be broken. */
	pc_do(cloud, "PRAGMA application_id = 1");
	query = pc_query(DAYS(90) - 30, PC_NOW); /* reckoned half a minute ago */
	must_read(cloud, &query, &list);
	assert_true(list.from_archive == 0);
	market_list_release(&list);
	query.since = DAYS(91);
	must_fail(cloud, &query, ERROR_IO, "another program", "");
}

/* A type that is sold no more lives on in the archive. */
static void test_retired_type(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_query query = pc_query(DAYS(365), PC_NOW);
	struct market_list list = { 0 };

	daily(cloud, "r1", "p3", "r1a", "az1", 300);
	cloud->now = DAYS(180);
	pc_must_sync(cloud, DAYS(270), DAYS(180), NULL);
	cloud->now = PC_NOW;
	cloud->nr = 0;
	query.types = p3;
	query.nr_types = 1;
	must_read(cloud, &query, &list);
	assert_int_equal(list.nr, 1);
	assert_int_equal(list.v[0].on_demand, 3060000); /* as it was last known */
	assert_int_equal(pc_at(&list.v[0].series[0], DAYS(200)), 1000201);
	market_list_release(&list);
}

static void test_archive_alone(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_query query = pc_query(DAYS(30), PC_NOW);
	struct market_list list = { 0 };
	static const char *const r2[] = { "r2" };

	daily(cloud, "r1", "p3", "r1a", "az1", 40);
	daily(cloud, "r1", "g5", "r1b", "az2", 40);
	daily(cloud, "r2", "g5", "r2a", "x1", 40);
	pc_must_sync(cloud, DAYS(30), PC_NOW, NULL);
	size_t asked = cloud->offers_asked;
	query.source = MARKET_ARCHIVE;
	must_read(cloud, &query, &list);
	assert_int_equal(list.nr, 3);
	market_list_release(&list);
	query.nr_regions = 0; /* all that it has */
	must_read(cloud, &query, &list);
	assert_int_equal(list.nr, 3);
	market_list_release(&list);
	query.types = p3;
	query.nr_types = 1;
	must_read(cloud, &query, &list);
	assert_int_equal(list.nr, 1);
	market_list_release(&list);
	query.zone = "az2";
	must_fail(cloud, &query, ERROR_NOT_FOUND, "the archive holds no price of p3", "--sync");
	query.nr_types = 0;
	must_read(cloud, &query, &list);
	assert_int_equal(list.nr, 1);
	market_list_release(&list);
	query.zone = NULL;
	query.regions = r2;
	query.nr_regions = 1;
	must_read(cloud, &query, &list);
	assert_string_equal(list.v[0].region, "r2");
	market_list_release(&list);
	query.gpu = "V100";
	must_fail(cloud, &query, ERROR_USAGE, "knows types, not GPUs such as 'V100'", "p3.2xlarge");
	assert_int_equal(cloud->offers_asked, asked);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_at_once),	    TEST(test_one_zone),     TEST(test_not_offered),
		TEST(test_failing_regions), TEST(test_refused),	     TEST(test_no_archive),
		TEST(test_joined),	    TEST(test_retired_type), TEST(test_archive_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
