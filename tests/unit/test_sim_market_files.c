/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded markets from files, good and bad, and the ids of images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/money.h"
#include "simulator/cloud/images.h"
#include "simulator/cloud/market.h"
#include "simulator/serve/market_load.h"

#define START  INT64_C(1764000000)
#define AS_OF  INT64_C(1584662400) /* 2020-03-20 */
#define RECORD GPUCLOUD_SHARED_DATA "/prices/aws-2020"

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

#define HEAD "unix_s,price_usd_per_h\n"

static void test_bad_files(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "line 1" },
		{ "time,price\n1,2\n", "line 1" },
		{ HEAD, "no prices" },
		{ HEAD "100\n", "line 2" },
		{ HEAD "100,1,2\n", "line 2" },
		{ HEAD "100,1\n100,1\n", "line 3" },
		{ HEAD "200,1\n100,1\n", "line 3" },
		{ HEAD "-5,1\n", "bad time" },
		{ HEAD " 5,1\n", "bad time" },
		{ HEAD "99999999999999999999,1\n", "bad time" },
		{ HEAD "5x,1\n", "bad time" },
		{ HEAD "5,-1\n", "bad price" },
		{ HEAD "5,0\n", "bad price" },
		{ HEAD "5,1e3\n", "bad price" },
		{ HEAD "5,nan\n", "bad price" },
		{ HEAD "5,\n", "bad price" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct market *market = market_new(0, 0);
		struct error err = ERROR_INIT;

		assert_int_equal(market_parse_prices(market, "x.csv", "p2.xlarge", "us-east-1a",
						     rows[i].text, strlen(rows[i].text), 0, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_non_null(strstr(err.message, "'x.csv'"));
		assert_non_null(strstr(err.message, rows[i].says));
		market_free(market);
	}
}

static void test_binary_and_endless_lines(void **state)
{
	static const char binary[] = HEAD "1\0002,1\n";
	struct market *market = market_new(0, 0);
	struct error err = ERROR_INIT;
	char *text = xmalloc(100000);

	(void)state;
	memset(text, '7', 100000);
	assert_int_equal(
		market_parse_prices(market, "x", "p2.xlarge", "us-east-1a", text, 100000, 0, &err),
		-1);
	assert_int_equal(market_parse_prices(market, "x", "p2.xlarge", "us-east-1a", binary,
					     sizeof(binary) - 1, 0, &err),
			 -1);
	free(text);
	market_free(market);
}

static void test_shift_and_line_ends(void **state)
{
	static const char text[] = "unix_s,price_usd_per_h\r\n100,0.3\r\n200,0.30004";
	struct market *market = market_new(0, 0);
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(market_parse_prices(market, "x", "p2.xlarge", "us-east-1a", text,
					     sizeof(text) - 1, 1000, &err),
			 0);
	assert_int_equal(market_price_at(market, "p2.xlarge", "us-east-1a", 1099), MONEY_UNKNOWN);
	assert_int_equal(market_price_at(market, "p2.xlarge", "us-east-1a", 1100), 300000);
	assert_int_equal(market_price_at(market, "p2.xlarge", "us-east-1a", 1200), 300040);
	market_free(market);
}

static void write_text(const char *dir, const char *name, const char *text)
{
	struct error err = ERROR_INIT;
	char *path = xasprintf("%s/%s", dir, name);

	assert_int_equal(file_write(path, text, strlen(text), 0600, &err), 0);
	free(path);
}

static void remove_text(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);

	assert_int_equal(unlink(path), 0);
	free(path);
}

static void test_folder_and_file(void **state)
{
	char dir[] = "/tmp/sim-market-XXXXXX";
	struct market *market = NULL;
	struct error err = ERROR_INIT;
	char *file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(market_load(dir, 0, START, &market, &err), -1);
	assert_non_null(strstr(err.message, "no TYPE_ZONE.csv"));
	write_text(dir, "p2.xlarge_us-east-1a.csv", HEAD "1000,0.3\n2000,0.4\n");
	write_text(dir, "p2.xlarge_us-east-1b.csv", HEAD "1500,0.5\n");
	write_text(dir, "notes.txt", "not a price\n");
	/* no list of on-demand prices: none is known */
	assert_int_equal(market_load(dir, 1500, START, &market, &err), 0);
	assert_int_equal(market_price_at(market, "p2.xlarge", "us-east-1a", START), 300000);
	assert_int_equal(market_price_at(market, "p2.xlarge", "us-east-1a", START + 500), 400000);
	assert_int_equal(market_price_at(market, "p2.xlarge", "us-east-1b", START), 500000);
	assert_int_equal(market_on_demand(market, "p2.xlarge", "us-east-1"), MONEY_UNKNOWN);
	market_free(market);
	/* one file alone, with the list beside it, as of its last price */
	write_text(dir, "ondemand.csv", "instance_type,usd_per_hour\np2.xlarge,0.90\n");
	file = xasprintf("%s/p2.xlarge_us-east-1a.csv", dir);
	assert_int_equal(market_load(file, 0, START, &market, &err), 0);
	assert_int_equal(market_price_at(market, "p2.xlarge", "us-east-1a", START), 400000);
	assert_int_equal(market_price_at(market, "p2.xlarge", "us-east-1a", START - 1), 300000);
	assert_false(market_has(market, "p2.xlarge", "us-east-1b"));
	assert_int_equal(market_on_demand(market, "p2.xlarge", "us-west-2"), 900000);
	assert_int_equal(market_on_demand(market, "p2.xlarge", "eu-west-1"), MONEY_UNKNOWN);
	market_free(market);
	free(file);
	/* before everything recorded */
	assert_int_equal(market_load(dir, 999, START, &market, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	/* a bad line stops the whole load, by name */
	write_text(dir, "p2.xlarge_us-east-1c.csv", HEAD "1000,abc\n");
	assert_int_equal(market_load(dir, 1500, START, &market, &err), -1);
	assert_non_null(strstr(err.message, "p2.xlarge_us-east-1c.csv"));
	remove_text(dir, "p2.xlarge_us-east-1a.csv");
	remove_text(dir, "p2.xlarge_us-east-1b.csv");
	remove_text(dir, "p2.xlarge_us-east-1c.csv");
	remove_text(dir, "notes.txt");
	remove_text(dir, "ondemand.csv");
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(market_load(dir, 1500, START, &market, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
}

static void test_recorded_2020(void **state)
{
	struct market *market = NULL;
	struct error err = ERROR_INIT;
	struct seen *seen;
	struct stat st;

	(void)state;
	if (stat(RECORD, &st)) {
		print_message("skipped: no recorded prices in " RECORD "\n");
		skip();
	}
	assert_int_equal(market_load(RECORD, AS_OF, START, &market, &err), 0);
	/* e lay at 0.30 of on demand; f of p2.xlarge, and Ohio's c of p3.2xlarge, at on demand */
	assert_int_equal(market_price_at(market, "p2.16xlarge", "us-east-1e", START), 4320000);
	assert_int_equal(market_price_at(market, "p3.2xlarge", "us-east-2c", START), 3060000);
	assert_int_equal(market_price_at(market, "p2.xlarge", "us-east-1f", START), 900000);
	assert_int_equal(market_on_demand(market, "p2.16xlarge", "us-east-1"), 14400000);
	assert_int_equal(market_on_demand(market, "p2.16xlarge", "eu-west-1"), MONEY_UNKNOWN);
	/* 1577052476 is the first row of p2.16xlarge_us-east-1e.csv */
	assert_int_equal(
		market_price_at(market, "p2.16xlarge", "us-east-1e", START - AS_OF + 1577052475),
		MONEY_UNKNOWN);
	seen = changes(market, "p2.16xlarge", "us-east-1e", 0, START);
	assert_int_equal(seen->v[0].time, START - AS_OF + 1577052476);
	assert_true(seen->v[seen->nr - 1].time <= START);
	free(seen);
	market_free(market);
}

/* --- names ---------------------------------------------------------------------------------- */

static void test_zone_names(void **state)
{
	static const struct {
		const char *zone, *region;
	} rows[] = { { "us-east-1e", "us-east-1" },
		     { "ap-southeast-2a", "ap-southeast-2" },
		     { "us-east-1", NULL },
		     { "us-east-11", NULL },
		     { "us-east-1A", NULL },
		     { "1a", NULL },
		     { "", NULL },
		     { "us east-1a", NULL } };
	char region[MARKET_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(market_zone_region(rows[i].zone, region), rows[i].region != NULL);
		if (rows[i].region)
			assert_string_equal(region, rows[i].region);
	}
}

static void test_image_ids(void **state)
{
	char a[SIM_IMAGE_ID_MAX], b[SIM_IMAGE_ID_MAX];

	(void)state;
	assert_true(sim_images_count() > 5);
	for (size_t i = 0; i < sim_images_count(); i++) {
		const struct sim_image *image = sim_image_at(i);

		sim_image_id(image, "us-east-1", a);
		sim_image_id(image, "eu-west-1", b);
		assert_int_equal(strlen(a), 21);
		assert_string_not_equal(a, b);
		assert_ptr_equal(sim_image_find("us-east-1", a), image);
		assert_null(sim_image_find("eu-west-1", a));
	}
	assert_null(sim_image_at(sim_images_count()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_binary_and_endless_lines),
		cmocka_unit_test(test_shift_and_line_ends),
		cmocka_unit_test(test_folder_and_file),
		cmocka_unit_test(test_recorded_2020),
		cmocka_unit_test(test_zone_names),
		cmocka_unit_test(test_image_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
