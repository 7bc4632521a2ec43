/* SPDX-License-Identifier: Apache-2.0 */
/* Markets made of saved prices. */
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
#include "core/money.h"
#include "fleet/market.h"
#include "fleet/price_file.h"

#define ROW(zone, product, price, time)                                       \
	"{\"AvailabilityZone\":\"" zone "\",\"InstanceType\":\"p3.2xlarge\"," \
	"\"ProductDescription\":\"" product "\",\"SpotPrice\":\"" price "\"," \
	"\"Timestamp\":\"" time "\"}"
#define LINUX(zone, price, time) ROW(zone, "Linux/UNIX", price, time)
#define LIST(rows)		 "{\"NextToken\":\"\",\"SpotPriceHistory\":[" rows "]}"

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/market_files.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static void put(const char *name, const char *text, char path[512])
{
	snprintf(path, 512, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void test_markets(void **state)
{
	char paths[3][512];
	const char *v[] = { paths[0], paths[1], paths[2] };
	struct market_list list = { 0 };
	struct error err = ERROR_INIT;
	int64_t last = 0;

	(void)state;
	put("p2.xlarge_us-east-1b.csv", "unix_s,price_usd_per_h\n1582236000,0.9\n", paths[0]);
	put("p2.xlarge_us-east-1a.csv", "unix_s,price_usd_per_h\n1582236009,0.5\n", paths[1]);
	put("ec2.json",
	    LIST(LINUX("us-east-1a", "2", "2020-02-20T22:00:00Z") "," ROW(
		    "us-east-1a", "Windows", "9", "2020-02-20T22:00:00Z")),
	    paths[2]);
	if (market_read_files(v, 3, 900000, &list, &last, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(list.nr, 2);
	assert_int_equal(list.left_out, 1);
	assert_int_equal(last, 1582236009);
	assert_string_equal(list.v[0].type, "p2.xlarge");
	assert_string_equal(list.v[0].region, "");
	assert_string_equal(list.v[0].provider, "");
	assert_int_equal(list.v[0].on_demand, 900000);
	assert_int_equal(list.v[0].nr, 2);
	assert_string_equal(list.v[0].zones[0].name, "us-east-1a");
	assert_string_equal(list.v[1].type, "p3.2xlarge");
	market_list_release(&list);

	const char *twice[] = { paths[0], paths[0] };
	assert_int_equal(market_read_files(twice, 2, MONEY_UNKNOWN, &list, &last, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_string_equal(err.message, "zone us-east-1b is given twice for p2.xlarge");
	assert_int_equal(market_read_files(v, 0, MONEY_UNKNOWN, &list, &last, &err), -1);
	for (size_t i = 0; i < 3; i++)
		unlink(paths[i]);
	assert_int_equal(market_read_files(v, 1, MONEY_UNKNOWN, &list, &last, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

#define PLACE(zone, id, type)                                                     \
	"{\"AvailabilityZone\":\"" zone "\",\"AvailabilityZoneId\":\"" id         \
	"\",\"InstanceType\":\"" type "\",\"ProductDescription\":\"Linux/UNIX\"," \
	"\"SpotPrice\":\"1\",\"Timestamp\":\"2020-02-20T22:00:00Z\"}"
#define NAMELESS(zone, type)                                            \
	"{\"AvailabilityZone\":\"" zone "\",\"InstanceType\":\"" type   \
	"\",\"ProductDescription\":\"Linux/UNIX\",\"SpotPrice\":\"1\"," \
	"\"Timestamp\":\"2020-02-20T22:00:00Z\"}"

/* A zone has one name and one id, in all files together. */
static void test_zone_ids(void **state)
{
	static const struct {
		const char *texts[2];
		const char *message; /* NULL: they are read */
	} cases[] = {
		{ { LIST(PLACE("a", "az1", "p3") "," PLACE("c", "az1", "p3")) },
		  "zone id 'az1' has two names, 'a' and 'c'" },
		{ { LIST(PLACE("a", "az1", "p3")), LIST(PLACE("c", "az1", "p3")) },
		  "zone id 'az1' has two names, 'a' and 'c'" },
		{ { LIST(PLACE("c", "az1", "g5")), LIST(PLACE("a", "az1", "p3")) },
		  "zone id 'az1' has two names, 'a' and 'c'" },
		{ { LIST(PLACE("a", "az1", "p3")), LIST(PLACE("a", "az2", "g5")) },
		  "zone 'a' has two ids, 'az1' and 'az2'" },
		{ { LIST(NAMELESS("a", "p2") "," PLACE("a", "az2", "g5")),
		    LIST(PLACE("a", "az1", "p3")) },
		  "zone 'a' has two ids, 'az1' and 'az2'" },
		{ { LIST(PLACE("a", "az1", "p3")), LIST(NAMELESS("a", "p3")) },
		  "zone a is given twice for p3" },
		{ { LIST(PLACE("a", "az1", "p3") "," PLACE("a", "az1", "g5")),
		    LIST(PLACE("b", "az2", "p3") "," NAMELESS("a", "g6")) },
		  NULL },
		{ { LIST(PLACE("a", "az1", "p3") "," NAMELESS("a", "p3") "," NAMELESS("b", "p3")),
		    LIST(NAMELESS("c", "p3")) },
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char paths[2][512];
		const char *v[] = { paths[0], paths[1] };
		struct market_list list = { 0 };
		struct error err = ERROR_INIT;
		size_t nr = cases[i].texts[1] ? 2 : 1;
		int64_t last;

		put("1.json", cases[i].texts[0], paths[0]);
		put("2.json", nr > 1 ? cases[i].texts[1] : "", paths[1]);
		int rc = market_read_files(v, nr, MONEY_UNKNOWN, &list, &last, &err);
		unlink(paths[0]);
		unlink(paths[1]);
		if (rc != (cases[i].message ? -1 : 0))
			fail_msg("case %zu: %d %s", i, rc, err.message);
		if (rc == 0)
			market_list_release(&list);
		else if (err.kind != ERROR_USAGE || strcmp(err.message, cases[i].message) != 0)
			fail_msg("case %zu: %s", i, err.message);
	}
}

static void test_recorded_replies(void **state)
{
	static const struct {
		const char *name;
		size_t rows, zones;
	} cases[] = {
		{ "us-east-1_p3.2xlarge.json", 874, 4 },
		{ "us-west-2_p2.xlarge.json", 661, 3 },
		{ "us-east-2_p3.16xlarge.json", 317, 2 },
		{ "us-west-2_2020-03-23.p3.8xlarge.json", 83, 3 },
		{ "eu-west-2_2020-03-05.p3.2xlarge.json", 16, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[1024];
		const char *v[] = { path };
		struct market_list list = { 0 };
		struct error err = ERROR_INIT;
		int64_t last;
		size_t rows = 0;

		snprintf(path, sizeof(path), "%s/prices/ec2-responses/%s", GPUCLOUD_SHARED_DATA,
			 cases[i].name);
		if (access(path, R_OK) < 0) {
			print_message("skipped: no recorded replies at %s\n", path);
			skip();
		}
		if (market_read_files(v, 1, MONEY_UNKNOWN, &list, &last, &err) < 0)
			fail_msg("%s", err.message);
		assert_int_equal(list.nr, 1);
		assert_int_equal(list.left_out, 0);
		assert_int_equal(list.v[0].nr, cases[i].zones);
		for (size_t z = 0; z < list.v[0].nr; z++) {
			const struct price_series *series = &list.v[0].series[z];

			rows += series->nr;
			for (size_t k = 1; k < series->nr; k++)
				assert_true(series->v[k].time > series->v[k - 1].time);
		}
		assert_int_equal(rows, cases[i].rows); /* no two in one second */
		market_list_release(&list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_markets),
		cmocka_unit_test(test_zone_ids),
		cmocka_unit_test(test_recorded_replies),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
