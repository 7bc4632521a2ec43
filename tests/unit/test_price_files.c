/* SPDX-License-Identifier: Apache-2.0 */
/* Saved prices in either shape. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/money.h"
#include "fleet/market.h"
#include "fleet/price_file.h"

#define NOW INT64_C(1583400000) /* 2020-03-05T09:20:00Z */
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
	snprintf(folder, sizeof(folder), "/tmp/price_files.XXXXXX");
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

static int read_as(const char *name, const char *text, struct price_files *ret, struct error *err)
{
	char path[512];

	put(name, text, path);
	int rc = price_files_read(path, NOW, ret, err);
	assert_int_equal(unlink(path), 0);
	return rc;
}

static void test_json(void **state)
{
	static const char text[] = "\n " LIST(
		LINUX("us-east-1b", "1.067100", "2020-02-20T22:06:16.000Z") "," LINUX("us-east-1a", "2", "2020-02-20T22:00:00.900Z") "," LINUX(
			"us-east-1a", "3",
			"2020-02-20T22:00:00.200Z") "," ROW("us-east-1a", "Windows", "9",
							    "2020-02-20T22:00:00.000Z") "," ROW("us-east-1a",
												"Linux/UNIX (Amazon VPC)",
												"1",
												"2020-02-19T22:00:00Z") "," LINUX("us-east-1a",
																  "4",
																  "2020-02-20T21:00:00+00:00"));
	struct price_files files;
	struct error err = ERROR_INIT;

	(void)state;
	if (read_as("any.name", text, &files, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(files.nr, 2);
	assert_int_equal(files.left_out, 2); /* the twin product too, as the plain one is there */
	assert_string_equal(files.v[0].type, "p3.2xlarge");
	assert_string_equal(files.v[0].zone, "us-east-1a");
	assert_string_equal(files.v[0].zone_id, "");
	assert_int_equal(files.v[0].nr, 2); /* sorted; of one second the newest */
	assert_int_equal(files.v[0].points[0].micros, 4000000);
	assert_int_equal(files.v[0].points[1].micros, 2000000);
	assert_int_equal(files.v[0].points[1].time, 1582236000);
	assert_string_equal(files.v[1].zone, "us-east-1b");
	assert_int_equal(files.v[1].points[0].micros, 1067100);
	price_files_release(&files);
}

/* Two products of one zone are never mixed, in whichever order they come. */
static void test_json_products(void **state)
{
#define VPC(zone, price, time) ROW(zone, "Linux/UNIX (Amazon VPC)", price, time)
#define AT(hour)	       "2020-02-20T" hour ":00:00Z"
	static const char *const texts[] = {
		LIST(LINUX("a", "1", AT("10")) "," VPC("a", "9", AT("11")) "," LINUX(
			"a", "2", AT("12")) "," VPC("b", "5", AT("10")) "," VPC("b", "6",
										AT("11"))),
		LIST(VPC("b", "6", AT("11")) "," VPC("a", "9", AT("11")) "," LINUX(
			"a", "2", AT("12")) "," VPC("b", "5", AT("10")) "," LINUX("a", "1",
										  AT("10"))),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct price_files files;
		struct error err = ERROR_INIT;

		assert_int_equal(read_as("x.json", texts[i], &files, &err), 0);
		assert_int_equal(files.nr, 2);
		assert_int_equal(files.left_out, 1);
		for (size_t z = 0; z < 2; z++) {
			assert_int_equal(files.v[z].nr, 2);
			assert_int_equal(files.v[z].points[0].micros, z ? 5000000 : 1000000);
			assert_int_equal(files.v[z].points[1].micros, z ? 6000000 : 2000000);
		}
		price_files_release(&files);
	}
}

/* EC2 sends the newest first: of one millisecond too. */
static void test_json_equal_times(void **state)
{
	static const char text[] =
		LIST(LINUX("us-east-1a", "2", "2020-02-20T22:00:00.000Z") "," LINUX(
			"us-east-1a", "3", "2020-02-20T22:00:00.000Z"));
	struct price_files files;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(read_as("x.json", text, &files, &err), 0);
	assert_int_equal(files.v[0].nr, 1);
	assert_int_equal(files.v[0].points[0].micros, 2000000);
	price_files_release(&files);
}

static void test_json_refused(void **state)
{
#define T "2020-02-20T22:00:00Z"
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "{", "x.json" },
		{ "[]", "SpotPriceHistory" },
		{ "{}", "SpotPriceHistory" },
		{ "{\"SpotPriceHistory\":{}}", "'SpotPriceHistory': expected an array" },
		{ LIST(""), "no price of Linux/UNIX, and 0 of other products" },
		{ LIST(ROW("us-east-1a", "Windows", "9", T)),
		  "no price of Linux/UNIX, and 1 of other products" },
		{ LIST("7"), "row 1: " },
		{ LIST(LINUX("us-east-1a", "1", T) ",{}"),
		  "SpotPriceHistory row 2: field 'ProductDescription'" },
		{ LIST(LINUX("us-east-1a", "-1", T)), "row 1: field 'SpotPrice' '-1' is not an" },
		{ LIST(LINUX("us-east-1a", "nan", T)), "row 1: field 'SpotPrice' 'nan' is not" },
		{ LIST(LINUX("us-east-1a", "", T)), "row 1: field 'SpotPrice' ''" },
		{ LIST(LINUX("us-east-1a", "0.000", T)),
		  "row 1: field 'SpotPrice' must be above 0" },
		{ LIST(LINUX("us-east-1a", "1", "yesterday")), "row 1: field 'Timestamp'" },
		{ LIST(LINUX("us-east-1a", "1", "2020-02-30T00:00:00Z")), "field 'Timestamp'" },
		{ LIST(LINUX("us-east-1a", "1", "2020-03-05T09:25:01Z")),
		  "field 'Timestamp': the time 2020-03-05T09:25:01Z is in the future" },
		{ LIST(LINUX("us east", "1", T)), "row 1: field 'AvailabilityZone' is no name" },
		{ LIST(LINUX("", "1", T)), "row 1: field 'AvailabilityZone' is no name" },
		{ LIST(LINUX("cn-north-1a", "1", T)),
		  "row 1: the prices of zone 'cn-north-1a' are in CNY" },
		{ LIST("{\"AvailabilityZone\":\"a\",\"AvailabilityZoneId\":\"1\",\"InstanceType\":"
		       "\"t\",\"ProductDescription\":\"Linux/UNIX\",\"SpotPrice\":\"1\","
		       "\"Timestamp\":\"" T
		       "\"},{\"AvailabilityZone\":\"a\",\"AvailabilityZoneId\":"
		       "\"2\",\"InstanceType\":\"t\",\"ProductDescription\":\"Linux/UNIX\","
		       "\"SpotPrice\":\"1\",\"Timestamp\":\"" T "\"}"),
		  "zone 'a' has two ids" },
		{ LIST("{\"SpotPrice\":1.5,\"ProductDescription\":\"Linux/UNIX\",\"InstanceType\":"
		       "\"t\",\"AvailabilityZone\":\"a\",\"Timestamp\":\"" T "\"}"),
		  "row 1: field 'SpotPrice': expected a string, found a number" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct price_files files = { .nr = 42 };
		struct error err = ERROR_INIT;

		assert_int_equal(read_as("x.json", cases[i].text, &files, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_non_null(strstr(err.message, "x.json"));
		if (!strstr(err.message, cases[i].message))
			fail_msg("case %zu: %s", i, err.message);
		assert_int_equal(files.nr, 42);
	}
}

static void test_json_too_long(void **state)
{
	char *text = xmalloc(JSON_MAX_BYTES + 2);
	struct price_files files;
	struct error err = ERROR_INIT;

	(void)state;
	memset(text, ' ', JSON_MAX_BYTES + 1);
	text[0] = '{';
	text[JSON_MAX_BYTES + 1] = '\0';
	assert_int_equal(read_as("x.json", text, &files, &err), -1);
	assert_non_null(strstr(err.message, "is longer than the 8388608 bytes of JSON"));
	free(text);
}

static void test_csv_of_the_future(void **state)
{
	static const char good[] = "unix_s,price_usd_per_h\n1583400300,1\n";
	static const char late[] = "unix_s,price_usd_per_h\n1,1\n1583400301,1\n";
	struct price_files files;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(read_as("p3.2xlarge_us-east-1a.csv", good, &files, &err), 0);
	assert_string_equal(files.v[0].type, "p3.2xlarge");
	assert_int_equal(files.nr, 1);
	price_files_release(&files);
	assert_int_equal(read_as("p3.2xlarge_us-east-1a.csv", late, &files, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(
		strstr(err.message, "line 3: the time 2020-03-05T09:25:01Z is in the future"));
}

/* Editors put a mark before the text, and a command that failed leaves an empty file. */
static void test_mark_and_empty(void **state)
{
	static const struct {
		const char *name, *text, *message; /* message NULL: it is read */
	} cases[] = {
		{ "x.json", "\xef\xbb\xbf" LIST(LINUX("a", "2", "2020-02-20T22:00:00Z")), NULL },
		{ "p3_a.csv", "\xef\xbb\xbfunix_s,price_usd_per_h\n1,1\n", NULL },
		{ "x.json", "\xef\xbb\xbf\xef\xbb\xbf{}", "does not tell the type" },
		{ "p3_a.csv", "unix_s,price_usd_per_h\n\xef\xbb\xbf", "line 2: " },
		{ "x.json", "", "x.json' is empty" },
		{ "x.json", "\xef\xbb\xbf", "x.json' is empty" },
		{ "x.json", "\n \n", "x.json' is empty" },
		{ "p3_a.csv", "", "p3_a.csv' is empty" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct price_files files;
		struct error err = ERROR_INIT;
		int rc = read_as(cases[i].name, cases[i].text, &files, &err);

		assert_int_equal(rc, cases[i].message ? -1 : 0);
		if (rc == 0)
			price_files_release(&files);
		else if (err.kind != ERROR_USAGE || !strstr(err.message, cases[i].message))
			fail_msg("case %zu: %s", i, err.message);
	}
}

/* As many types and zones as there may be, and one more. */
static void test_json_series(void **state)
{
	(void)state;
	for (int more = 0; more < 2; more++) {
		struct buf text = BUF_INIT;
		struct price_files files;
		struct error err = ERROR_INIT;

		for (int i = 0; i < PRICE_FILE_MAX_SERIES + more; i++)
			buf_addf(&text,
				 "%s{\"AvailabilityZone\":\"z%d\",\"InstanceType\":\"p3\","
				 "\"ProductDescription\":\"Linux/UNIX\",\"SpotPrice\":\"1\","
				 "\"Timestamp\":\"2020-02-20T22:00:00Z\"}",
				 i ? "," : "{\"SpotPriceHistory\":[", i);
		buf_addstr(&text, "]}");
		int rc = read_as("x.json", text.data, &files, &err);
		buf_release(&text);
		assert_int_equal(rc, more ? -1 : 0);
		if (more) {
			assert_int_equal(err.kind, ERROR_USAGE);
			assert_non_null(strstr(err.message, "more than 16384 types and zones"));
			continue;
		}
		assert_int_equal(files.nr, PRICE_FILE_MAX_SERIES);
		price_files_release(&files);
	}
}

/* What comes in at the standard input has no name. */
static void test_standard_input(void **state)
{
	static const struct {
		const char *text, *message; /* message NULL: it is read */
	} cases[] = {
		{ LIST(LINUX("us-east-1a", "2", "2020-02-20T22:00:00Z")), NULL },
		{ "unix_s,price_usd_per_h\n1,1\n", "standard input is no JSON" },
		{ "", "nothing came in at the standard input" },
		{ " \n\t", "nothing came in at the standard input" },
		{ "\xef\xbb\xbf" LIST(LINUX("us-east-1a", "2", "2020-02-20T22:00:00Z")), NULL },
		{ "\xef\xbb\xbf", "nothing came in at the standard input" },
		{ "\xef\xbb{}", "standard input is no JSON" },
	};
	int saved = dup(STDIN_FILENO);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct price_files files;
		struct error err = ERROR_INIT;
		char path[512];

		put("in", cases[i].text, path);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
		close(fd);
		unlink(path);
		int rc = price_files_read("-", NOW, &files, &err);
		assert_int_equal(rc, cases[i].message ? -1 : 0);
		if (rc == 0)
			price_files_release(&files);
		else
			assert_non_null(strstr(err.message, cases[i].message));
	}
	assert_true(dup2(saved, STDIN_FILENO) == STDIN_FILENO);
	close(saved);
}

/* Ten years without a row: the last price holds, unless a row says that it does not. */
static void test_ten_years(void **state)
{
	static const char *const texts[] = {
		"unix_s,price_usd_per_h\n1200000000,0.5\n1515360000,0.6\n",
		"unix_s,price_usd_per_h\n1200000000,0.5\n1200003600,\n1515360000,0.6\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct price_files files;
		struct price_stats stats;
		struct error err = ERROR_INIT;

		assert_int_equal(read_as("p2.xlarge_us-east-1a.csv", texts[i], &files, &err), 0);
		const struct price_series series = { "a", files.v[0].points, files.v[0].nr };
		assert_int_equal(
			price_stats_compute(&series, 1200000000, 1515360000 + 3600, &stats, &err),
			0);
		assert_true(stats.covered_s == (i ? 7200 : 315360000 + 3600));
		price_files_release(&files);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_products),
		cmocka_unit_test(test_json_equal_times),
		cmocka_unit_test(test_json_refused),
		cmocka_unit_test(test_json_too_long),
		cmocka_unit_test(test_json_series),
		cmocka_unit_test(test_csv_of_the_future),
		cmocka_unit_test(test_mark_and_empty),
		cmocka_unit_test(test_standard_input),
		cmocka_unit_test(test_ten_years),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
