/* SPDX-License-Identifier: Apache-2.0 */
/* The archive: what is asked is kept, once, by zone id; what was not asked is not guessed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/unit/price_cloud.h"

#define DAYS(n) (PC_NOW - (n)*PC_DAY)

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

/* Two zones: one that moves each day, one that never does. */
static struct pc_pool *add_two(struct price_cloud *cloud)
{
	struct pc_pool *moving = pc_pool(cloud, "r1", "p3", "r1a", "az1");
	struct pc_pool *still = pc_pool(cloud, "r1", "p3", "r1b", "az2");

	for (int day = 200; day > 0; day--)
		pc_price(moving, DAYS(day) + 100, 1000000 + day);
	pc_price(still, DAYS(150), 3060000);
	return moving;
}

static void must_read(struct price_cloud *cloud, int64_t since, int64_t until,
		      struct market_list *ret)
{
	struct error err = ERROR_INIT;

	if (pc_read(cloud, since, until, ret, &err) < 0)
		fail_msg("%s", err.message);
}

static void test_keeps_what_was_asked(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_list list = { 0 };
	struct price_sync sync;

	add_two(cloud);
	pc_must_sync(cloud, DAYS(10), PC_NOW, &sync);
	assert_int_equal(sync.markets, 1);
	assert_int_equal(sync.zones, 2);
	assert_int_equal(sync.rows_read, 12); /* 10 changes, two in force at the start */
	assert_int_equal(sync.rows_added, 12);
	assert_int_equal(sync.gaps, 0);
	assert_true(sync.from == DAYS(10) && sync.to == PC_NOW);

	size_t asked = cloud->prices_asked;
	must_read(cloud, DAYS(400), PC_NOW, &list);
	assert_int_equal(cloud->prices_asked, asked); /* nothing is asked of the cloud */
	assert_int_equal(list.nr, 1);
	assert_string_equal(list.v[0].provider, "aws");
	assert_string_equal(list.v[0].region, "r1");
	assert_int_equal(list.v[0].on_demand, 3060000);
	assert_int_equal(list.v[0].on_demand_as_of, 1600000000);
	assert_int_equal(list.v[0].nr, 2);
	assert_string_equal(list.v[0].zones[0].name, "r1a");
	assert_string_equal(list.v[0].zones[0].id, "az1");
	const struct price_series *moving = pc_find(&list, "p3", "az1");
	assert_true(moving->v[0].time == DAYS(11) + 100); /* in force when the window began */
	assert_int_equal(moving->nr, 11);
	assert_int_equal(pc_at(moving, PC_NOW - 1), 1000001);
	assert_true(pc_find(&list, "p3", "az2")->v[0].time == DAYS(150)); /* unchanged since */
	market_list_release(&list);
}

static void test_twice_adds_nothing(void **state)
{
	struct price_cloud *cloud = *state;
	struct price_sync sync;

	add_two(cloud);
	pc_must_sync(cloud, DAYS(90), PC_NOW, NULL);
	int64_t rows = pc_number(cloud, "SELECT count(*) FROM price");
	pc_must_sync(cloud, DAYS(90), PC_NOW, &sync);
	assert_int_equal(sync.rows_added, 0);
	assert_int_equal(sync.markets, 0); /* there was nothing to ask */
	cloud->now += 60;
	pc_must_sync(cloud, cloud->now - MARKET_CLOUD_S, cloud->now, &sync);
	assert_int_equal(sync.rows_added, 0);
	assert_int_equal(sync.rows_read, 2); /* only those in force an hour ago */
	assert_true(cloud->asked_since == PC_NOW - 3600);
	assert_int_equal(pc_number(cloud, "SELECT count(*) FROM price"), rows);
	assert_int_equal(pc_number(cloud, "SELECT count(*) FROM cover"), 2);
	assert_int_equal(pc_number(cloud, "SELECT count(*) FROM asked"), 1);
}

/* A price is published a little after its time: what the last sync could not see comes with the next. */
static void test_late_rows(void **state)
{
	struct price_cloud *cloud = *state;
	struct pc_pool *moving = add_two(cloud);
	struct price_sync sync;
	struct market_list list = { 0 };

	pc_must_sync(cloud, DAYS(5), PC_NOW, NULL);
	pc_price(moving, PC_NOW - 300, 777);
	cloud->now += 600;
	pc_must_sync(cloud, DAYS(5), cloud->now, &sync);
	assert_int_equal(sync.rows_added, 1);
	must_read(cloud, DAYS(5), cloud->now, &list);
	assert_int_equal(pc_at(pc_find(&list, "p3", "az1"), PC_NOW - 200), 777);
	market_list_release(&list);
}

/* 200 days in four syncs 60 days apart; then 100 days without one: a hole nobody can fill. */
static void test_grows_past_what_the_cloud_keeps(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_list list = { 0 };
	struct price_sync sync;
	struct pc_pool *moving = add_two(cloud);

	for (cloud->now = DAYS(150); cloud->now <= DAYS(100); cloud->now += 50 * PC_DAY) {
		pc_must_sync(cloud, cloud->now - MARKET_CLOUD_S, cloud->now, &sync);
		assert_int_equal(sync.gaps, 0);
	}
	cloud->now = PC_NOW;
	pc_must_sync(cloud, 0, PC_NOW, &sync); /* cut to what it keeps */
	assert_true(sync.from == DAYS(90));
	assert_int_equal(sync.gaps, 1); /* the other zone never changed: no hole */
	must_read(cloud, DAYS(365), PC_NOW, &list);
	const struct price_series *series = pc_find(&list, "p3", "az1");
	assert_true(series->v[0].time == moving->v[0].time);
	for (size_t i = 0; i < moving->nr; i++) {
		int64_t t = moving->v[i].time;
		bool hole = t >= DAYS(100) && t < DAYS(91);

		assert_int_equal(pc_at(series, t), hole ? PRICE_GAP : moving->v[i].micros);
	}
	assert_int_equal(pc_at(series, DAYS(100) - 1), moving->v[99].micros);
	assert_int_equal(pc_at(series, DAYS(100)), PRICE_GAP);
	assert_int_equal(pc_at(pc_find(&list, "p3", "az2"), DAYS(95)), 3060000);
	market_list_release(&list);

	/* A window within: the change in force at its start is there, and nothing later. */
	must_read(cloud, DAYS(120), DAYS(110), &list);
	series = pc_find(&list, "p3", "az1");
	assert_true(series->v[0].time == DAYS(121) + 100);
	assert_true(series->v[series->nr - 1].time == DAYS(111) + 100);
	assert_int_equal(series->nr, 11);
	market_list_release(&list);
}

static void test_new_market_does_not_reread_all(void **state)
{
	struct price_cloud *cloud = *state;
	struct price_sync sync;

	add_two(cloud);
	pc_must_sync(cloud, DAYS(90), PC_NOW, NULL);
	pc_price(pc_pool(cloud, "r2", "g5", "r2a", "az9"), DAYS(80), 5);
	cloud->now += 3600;
	pc_must_sync(cloud, DAYS(89), cloud->now, &sync);
	assert_int_equal(sync.markets, 2);
	assert_int_equal(sync.rows_read, 3);
	assert_int_equal(sync.rows_added, 1);
}

static void test_contradiction(void **state)
{
	struct price_cloud *cloud = *state;
	struct pc_pool *moving = add_two(cloud);
	struct price_sync sync = { .markets = 99 };
	struct error err = ERROR_INIT;
	struct market_list list = { 0 };

	pc_must_sync(cloud, DAYS(20), PC_NOW, NULL);
	/* The same second with another price; a change that was not there; a restated price. */
	moving->v[moving->nr - 1].micros = 42;
	pc_price(&cloud->v[1], DAYS(10), 1); /* of the other zone */
	cloud->now += PC_DAY;
	pc_price(moving, cloud->now - 10, 5000000);
	assert_int_equal(pc_sync(cloud, DAYS(30), cloud->now, &sync, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(sync.markets, 1); /* what was stored is told all the same */
	assert_int_equal(sync.zones, 2);
	assert_true(sync.to == cloud->now);
	if (!strstr(err.message, "2 prices or zones are not kept, the first: p3 in zone r1a (az1): "
				 "the cloud now says $0.000042/h for"))
		fail_msg("%s", err.message);
	must_read(cloud, DAYS(30), cloud->now, &list); /* all else is there */
	assert_int_equal(pc_at(pc_find(&list, "p3", "az1"), cloud->now - 1), 5000000);
	assert_int_equal(pc_at(pc_find(&list, "p3", "az1"), cloud->now - 20), 1000001);
	assert_int_equal(pc_at(pc_find(&list, "p3", "az1"), DAYS(30)), 1000031);
	assert_int_equal(pc_at(pc_find(&list, "p3", "az2"), DAYS(9)), 3060000);
	market_list_release(&list);
}

/* One zone cannot be kept: all others are, those of later markets too, and it is asked again. */
static void check_others(struct price_cloud *cloud, enum error_kind kind, const char *message)
{
	struct market_list list = { 0 };
	struct price_sync sync = { 0 };
	struct error err = ERROR_INIT;

	for (int again = 0; again < 2; again++) {
		assert_int_equal(pc_sync(cloud, DAYS(20), cloud->now, &sync, &err), -1);
		if (err.kind != kind || !strstr(err.message, message))
			fail_msg("%s", err.message);
		assert_int_equal(sync.markets, again ? 1 : 3);
		assert_int_equal(sync.zones, again ? 1 : 3);
	}
	must_read(cloud, DAYS(20), PC_NOW, &list);
	assert_int_equal(list.nr, 3);
	assert_int_equal(pc_at(pc_find(&list, "g5", "az1"), DAYS(15)), 1000);
	assert_int_equal(pc_at(pc_find(&list, "p3", "az2"), DAYS(15)), 3000);
	assert_int_equal(pc_at(pc_find(&list, "t4", "az9"), DAYS(15)), 4000);
	for (size_t i = 0; i < list.nr; i++)
		assert_int_equal(list.v[i].nr, 1);
	assert_string_equal(list.v[0].zones[0].name, "r1a"); /* by g5, not touched by the others */
	market_list_release(&list);
}

/* g5 and p3 in r1, t4 in r2; p3's first zone is the one in doubt. */
static struct pc_pool *add_doubted(struct price_cloud *cloud, const char *region, const char *zone)
{
	pc_price(pc_pool(cloud, "r1", "g5", "r1a", "az1"), DAYS(100), 1000);
	struct pc_pool *doubted = pc_pool(cloud, region, "p3", zone, "az1");
	pc_price(doubted, DAYS(100), 2000);
	pc_price(pc_pool(cloud, region, "p3", "x1b", "az2"), DAYS(100), 3000);
	pc_price(pc_pool(cloud, "r2", "t4", "r2c", "az9"), DAYS(100), 4000);
	return doubted;
}

static void test_no_history(void **state)
{
	struct price_cloud *cloud = *state;
	struct pc_pool *doubted = add_doubted(cloud, "r1", "r1a");

	pc_price(doubted, DAYS(10), -5);
	check_others(cloud, ERROR_PROTOCOL, "the prices of p3 in zone 'r1a' are no history");
	doubted->v[1].micros = 2500;
	struct price_sync sync;
	pc_must_sync(cloud, DAYS(20), cloud->now, &sync);
	assert_int_equal(sync.rows_added, 2);
}

static void test_zone_of_two_regions(void **state)
{
	struct price_cloud *cloud = *state;

	add_doubted(cloud, "r2", "r2a");
	check_others(cloud, ERROR_CONFLICT, "zone id 'az1' is known from another region than r2");
}

/* Several doubts, of several markets: they are counted, and regions that fail are told too. */
static void test_doubts_and_failures(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_query query = pc_query(DAYS(20), PC_NOW);
	struct market_list failures = { 0 };
	struct price_archive *archive;
	struct price_sync sync = { 0 };
	struct error err = ERROR_INIT;

	add_two(cloud);
	cloud->v[0].id = cloud->v[1].id = "";
	pc_price(pc_pool(cloud, "r2", "p3", "r2a", "az9"), DAYS(200), 1);
	cloud->silent = "r2";
	assert_int_equal(price_archive_open(&cloud->fleet, true, &archive, &err), 0);
	assert_int_equal(price_archive_sync(&cloud->fleet, archive, &query, &sync, &failures, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	assert_non_null(strstr(err.message, "2 prices or zones are not kept, the first: the cloud "
					    "tells no id for zone 'r1a'"));
	assert_int_equal(sync.markets, 1);
	assert_int_equal(sync.zones, 0);
	assert_int_equal(failures.nr_failures, 1);
	market_list_release(&failures);
	price_archive_close(archive);
}

static void test_restated_prices(void **state)
{
	struct price_cloud *cloud = *state;
	struct price_sync sync;

	add_two(cloud);
	pc_must_sync(cloud, DAYS(20), PC_NOW, NULL);
	pc_price(&cloud->v[1], DAYS(10), 3060000);
	pc_must_sync(cloud, DAYS(30), PC_NOW,
		     &sync); /* says nothing new, and contradicts nothing */
	assert_int_equal(pc_number(cloud, "SELECT count(*) FROM price WHERE micros = 3060000"), 2);
}

static void test_renamed_zone(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_list list = { 0 };

	add_two(cloud);
	pc_must_sync(cloud, DAYS(20), PC_NOW, NULL);
	/* Another account: names are dealt out anew. r1a is now what was r1b. */
	cloud->v[0].zone = "r1c";
	cloud->v[1].zone = "r1a";
	cloud->now += PC_DAY;
	pc_must_sync(cloud, DAYS(20), cloud->now, NULL);
	must_read(cloud, DAYS(20), cloud->now, &list);
	assert_int_equal(list.v[0].nr, 2);
	assert_string_equal(list.v[0].zones[0].name, "r1a");
	assert_string_equal(list.v[0].zones[0].id, "az2");
	assert_string_equal(list.v[0].zones[1].name, "r1c");
	assert_int_equal(pc_at(pc_find(&list, "p3", "az1"), DAYS(15)), 1000016); /* one record */
	market_list_release(&list);
	/* The new account has only one of them: the name is taken from the other. */
	cloud->v[0].zone = "r1a";
	cloud->nr = 1;
	cloud->now += PC_DAY;
	pc_must_sync(cloud, DAYS(20), cloud->now, NULL);
	must_read(cloud, DAYS(20), cloud->now, &list);
	assert_string_equal(list.v[0].zones[0].name, "az2");
	assert_string_equal(list.v[0].zones[1].name, "r1a");
	assert_string_equal(list.v[0].zones[1].id, "az1");
	assert_int_equal(pc_at(pc_find(&list, "p3", "az2"), cloud->now - 1), PRICE_GAP);
	market_list_release(&list);
}

static void test_zone_without_id(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_list list = { 0 };
	struct price_sync sync;
	struct error err = ERROR_INIT;

	add_two(cloud);
	cloud->v[0].shown_id = ""; /* the prices do not say, the offers do */
	pc_must_sync(cloud, DAYS(20), PC_NOW, &sync);
	assert_int_equal(sync.zones, 2);
	cloud->v[1].id = cloud->v[1].shown_id = ""; /* nobody says */
	cloud->now += PC_DAY;
	assert_int_equal(pc_sync(cloud, DAYS(20), cloud->now, &sync, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	assert_non_null(strstr(err.message, "no id for zone 'r1b'"));
	must_read(cloud, DAYS(20), cloud->now, &list); /* the other one is kept */
	assert_int_equal(pc_at(pc_find(&list, "p3", "az1"), cloud->now - 1), 1000001);
	assert_int_equal(pc_at(pc_find(&list, "p3", "az2"), cloud->now - 1), PRICE_GAP);
	market_list_release(&list);
	cloud->v[1].id = "az2"; /* it does now: what was passed over is asked again */
	cloud->v[1].shown_id = NULL;
	pc_must_sync(cloud, DAYS(20), cloud->now, NULL);
	must_read(cloud, DAYS(20), cloud->now, &list);
	assert_int_equal(pc_at(pc_find(&list, "p3", "az2"), cloud->now - 1), 3060000);
	market_list_release(&list);
}

static void test_zone_closed(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_list list = { 0 };

	add_two(cloud);
	pc_must_sync(cloud, DAYS(20), PC_NOW, NULL);
	cloud->v[1].closed = PC_NOW - 7200;
	cloud->now += 30 * PC_DAY;
	pc_must_sync(cloud, DAYS(20), cloud->now, NULL);
	must_read(cloud, DAYS(20), cloud->now, &list);
	assert_int_equal(pc_at(pc_find(&list, "p3", "az2"), PC_NOW - 1), 3060000);
	assert_int_equal(pc_at(pc_find(&list, "p3", "az2"), PC_NOW), PRICE_GAP);
	market_list_release(&list);
}

static void test_endpoints_are_kept_apart(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_list list = { 0 };
	struct error err = ERROR_INIT;
	static const char *const endpoints[] = { "https://ec2.r1.amazonaws.com",
						 "https://127.0.0.1:4566",
						 "https://127.0.0.1:4567" };

	pc_price(pc_pool(cloud, "r1", "p3", "r1a", "az1"), DAYS(200), 1);
	for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
		cloud->endpoint = endpoints[i];
		cloud->v[0].v[0].micros = 1000 + (int64_t)i;
		pc_must_sync(cloud, DAYS(20), PC_NOW, NULL); /* no contradiction */
	}
	for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
		cloud->endpoint = endpoints[i];
		must_read(cloud, DAYS(20), PC_NOW, &list);
		assert_int_equal(list.v[0].series[0].v[0].micros, 1000 + i);
		market_list_release(&list);
	}
	cloud->endpoint = "https://127.0.0.1:1";
	assert_int_equal(pc_read(cloud, DAYS(20), PC_NOW, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

static void test_regions_that_fail(void **state)
{
	struct price_cloud *cloud = *state;
	struct market_query query = pc_query(DAYS(20), PC_NOW);
	struct market_list failures = { 0 };
	struct price_archive *archive;
	struct price_sync sync;
	struct error err = ERROR_INIT;

	add_two(cloud);
	pc_price(pc_pool(cloud, "r2", "p3", "r2a", "az9"), DAYS(200), 1);
	cloud->silent = "r2";
	assert_int_equal(price_archive_open(&cloud->fleet, true, &archive, &err), 0);
	assert_int_equal(price_archive_sync(&cloud->fleet, archive, &query, &sync, &failures, &err),
			 0);
	assert_int_equal(sync.markets, 1);
	assert_int_equal(failures.nr_failures, 1);
	assert_string_equal(failures.failures[0].region, "r2");
	market_list_release(&failures);
	cloud->silent = NULL; /* the next one asks for all that is missing */
	assert_int_equal(price_archive_sync(&cloud->fleet, archive, &query, &sync, &failures, &err),
			 0);
	assert_int_equal(sync.zones, 1);
	assert_int_equal(failures.nr_failures, 0);
	cloud->prices_silent = true;
	cloud->now += 1000;
	query.until = cloud->now;
	assert_int_equal(price_archive_sync(&cloud->fleet, archive, &query, &sync, &failures, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	price_archive_close(archive);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keeps_what_was_asked),
		TEST(test_twice_adds_nothing),
		TEST(test_late_rows),
		TEST(test_grows_past_what_the_cloud_keeps),
		TEST(test_new_market_does_not_reread_all),
		TEST(test_contradiction),
		TEST(test_no_history),
		TEST(test_zone_of_two_regions),
		TEST(test_doubts_and_failures),
		TEST(test_restated_prices),
		TEST(test_renamed_zone),
		TEST(test_zone_without_id),
		TEST(test_zone_closed),
		TEST(test_endpoints_are_kept_apart),
		TEST(test_regions_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
