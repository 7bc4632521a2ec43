/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"
#include "fleet/price_file.h"

#define HEAD "unix_s,price_usd_per_h\n"
#define GOOD "p2.xlarge_us-east-1e.csv"

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/price_file.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* Writes the file, reads it as prices, removes it. */
static int read_as(const char *name, const char *text, size_t len, struct price_file *ret,
		   struct error *err)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	int rc = price_file_read(path, ret, err);
	assert_int_equal(unlink(path), 0);
	return rc;
}

static int read_text(const char *text, struct price_file *ret, struct error *err)
{
	return read_as(GOOD, text, strlen(text), ret, err);
}

static void test_reads(void **state)
{
	static const char *const texts[] = {
		HEAD "1578092101,0.9\n1578178505,0.2714\n",
		HEAD "1578092101,0.9\n1578178505,0.2714", /* no last LF */
		"unix_s,price_usd_per_h\r\n1578092101,0.9\r\n1578178505,0.2714\r\n",
		"unix_s,price_usd_per_h\r\n1578092101,0.9\n1578178505,0.2714\r", /* mixed */
		HEAD "1578178505,0.2714\n1578092101,0.9\n",			 /* unsorted */
		HEAD "1578092101,5\n1578092101,0.9\n1578178505,0.271400000\n",	 /* the last wins */
		HEAD "001578092101,000.900\n1578178505,0.27139960\n", /* rounds half up */
	};
	static const struct price_point want[] = { { 1578092101, 900000 }, { 1578178505, 271400 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct price_file file;
		struct error err = ERROR_INIT;

		if (read_text(texts[i], &file, &err) < 0)
			fail_msg("case %zu: %s", i, err.message);
		assert_string_equal(file.type, "p2.xlarge");
		assert_string_equal(file.zone, "us-east-1e");
		assert_int_equal(file.nr, 2);
		assert_memory_equal(file.points, want, sizeof(want));
		price_file_release(&file);
		assert_null(file.points);
	}
}

/* A row without a price: nothing is known from there on. Those before the first price say nothing. */
static void test_gaps(void **state)
{
	static const char text[] = HEAD "10,\n20,0.9\n40,0.8\n30,\n50,\n";
	static const struct price_point want[] = {
		{ 20, 900000 }, { 30, PRICE_GAP }, { 40, 800000 }, { 50, PRICE_GAP }
	};
	struct price_file file;
	struct error err = ERROR_INIT;

	(void)state;
	if (read_text(text, &file, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(file.nr, 4);
	assert_memory_equal(file.points, want, sizeof(want));
	price_file_release(&file);
}

static void test_bounds_of_values(void **state)
{
	struct price_file file;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(read_text(HEAD "0,0.000001\n253402300799,1000000000\n", &file, &err), 0);
	assert_int_equal(file.points[0].time, 0);
	assert_int_equal(file.points[0].micros, 1);
	assert_int_equal(file.points[1].time, INT64_C(253402300799));
	assert_int_equal(file.points[1].micros, INT64_C(1000000000000000));
	price_file_release(&file);
}

static void test_names(void **state)
{
	static const struct {
		const char *name, *type, *zone; /* type NULL: refused */
	} cases[] = {
		{ "g5.xlarge_eu-west-1a.csv", "g5.xlarge", "eu-west-1a" },
		{ "u-6tb1.metal_us-west-2-lax-1a.csv", "u-6tb1.metal", "us-west-2-lax-1a" },
		{ "Standard_NC24ads_A100_v4_westeurope-1.csv", "Standard_NC24ads_A100_v4",
		  "westeurope-1" },
		{ "prices.csv", NULL, NULL },
		{ "p2.xlarge-us-east-1e.csv", NULL, NULL },
		{ "_us-east-1e.csv", NULL, NULL },
		{ "p2.xlarge_.csv", NULL, NULL },
		{ "p2.xlarge_us-east-1e.CSV", NULL, NULL },
		{ "p2.xlarge_us-east-1e", NULL, NULL },
		{ "p2.xlarge_us-east-1e.csv.gz", NULL, NULL },
		{ "p2.xlarge_us east.csv", NULL, NULL },
		{ "p2.xlarge_us\x1b[31m.csv", NULL, NULL },
		{ "p2;rm_us-east-1e.csv", NULL, NULL },
		{ "p2.xlarge_1234567890123456789012345678901234567890123456789012345678901234.csv",
		  NULL, NULL },
		{ "_.csv", NULL, NULL },
		{ ".csv", NULL, NULL },
		{ "-", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static const char text[] = HEAD "1,1\n";
		struct price_file file;
		struct error err = ERROR_INIT;
		int rc = read_as(cases[i].name, text, strlen(text), &file, &err);

		assert_int_equal(rc, cases[i].type ? 0 : -1);
		if (rc == 0) {
			assert_string_equal(file.type, cases[i].type);
			assert_string_equal(file.zone, cases[i].zone);
			price_file_release(&file);
		} else {
			assert_int_equal(err.kind, ERROR_USAGE);
			assert_non_null(strstr(err.hint, "TYPE_ZONE.csv"));
		}
	}
}

static void test_bad_lines(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "is empty" },
		{ HEAD, "holds no prices, only its first line" },
		{ "unix_s,price_usd_per_h", "holds no prices, only its first line" },
		{ "\n", "line 1: the first line must be unix_s,price_usd_per_h" },
		{ "1,1\n", "line 1: the first line must be unix_s,price_usd_per_h" },
		{ "\xef\xbb\xbf" HEAD "1,1\n", "line 1: there is a byte that is no plain text" },
		{ HEAD "1,1\n\n", "line 3: there is no comma: expected unix_s,price_usd_per_h" },
		{ HEAD "\n1,1\n", "line 2: there is no comma" },
		{ HEAD "1,1\n17\n", "line 3: there is no comma" },
		{ HEAD "1;1\n", "line 2: there is no comma" },
		{ HEAD ",1\n", "line 2: the time is missing" },
		{ HEAD "1.5,1\n", "line 2: the time is not a whole number of Unix seconds" },
		{ HEAD "-1,1\n", "line 2: the time is not a whole number of Unix seconds" },
		{ HEAD " 1,1\n", "line 2: the time is not a whole number of Unix seconds" },
		{ HEAD "1e3,1\n", "line 2: the time is not a whole number of Unix seconds" },
		{ HEAD "2020-03-20,1\n", "line 2: the time is not a whole number" },
		{ HEAD "253402300800,1\n", "line 2: the time is past the year 9999" },
		{ HEAD "99999999999999999999999999,1\n", "line 2: the time is past the year 9999" },
		{ HEAD "1,\n2,\n", "holds no prices, only gaps" },
		{ "unix_s,price_eur_per_h\n1,1\n",
		  "line 1: the prices are in the currency 'eur', and only dollars are compared" },
		{ "unix_s,price_usdt_per_h\n1,1\n", "line 1: the first line must be" },
		{ "unix_s,price_usd_per_d\n1,1\n", "line 1: the first line must be" },
		{ HEAD "1,abc\n", "line 2: the price 'abc' is not an amount of dollars" },
		{ HEAD "1,-1\n", "line 2: the price '-1' is not an amount of dollars" },
		{ HEAD "1, 1\n", "line 2: the price ' 1' is not an amount of dollars" },
		{ HEAD "1,1 \n", "line 2: the price '1 ' is not an amount of dollars" },
		{ HEAD "1,nan\n", "line 2: the price 'nan' is not an amount of dollars" },
		{ HEAD "1,1e5\n", "line 2: the price '1e5' is not an amount of dollars" },
		{ HEAD "1,1,1\n", "line 2: the price '1,1' is not an amount of dollars" },
		{ HEAD "1,0\n", "line 2: the price must be above 0" },
		{ HEAD "1,0.0000004\n", "line 2: the price must be above 0" },
		{ HEAD "1,1000000000.01\n", "line 2: the price '1000000000.01' is more than" },
		{ HEAD "1,0.0000000000000000000000001\n", "line 2: the price is too long" },
		{ HEAD "1,1\r\r\n", "line 2: there is a byte that is no plain text" },
		{ HEAD "1,1\t\n", "line 2: there is a byte that is no plain text" },
		{ HEAD "1,1\x1b[2J\n", "line 2: there is a byte that is no plain text" },
		{ HEAD "1,1\n2,2\n3,3\n4,x\n5,y\n", "line 5: the price 'x'" }, /* the first one */
		{ HEAD "1,111111111111111111111111111111111111111111111111111111111111111\n",
		  "line 2: the line is too long" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct price_file file = { .nr = 42 };
		struct error err = ERROR_INIT;

		assert_int_equal(read_text(cases[i].text, &file, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		if (!strstr(err.message, cases[i].message))
			fail_msg("case %zu: %s", i, err.message);
		assert_non_null(strstr(err.message, GOOD));
		assert_int_equal(file.nr, 42); /* untouched */
	}
}

static void test_zero_byte(void **state)
{
	static const char text[] = HEAD "1,1\0002\n";
	struct price_file file;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(read_as(GOOD, text, sizeof(text) - 1, &file, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.message, "line 2: there is a byte that is no plain text"));
}

static void test_long_path_keeps_the_reason(void **state)
{
	char path[2000];
	struct price_file file;
	struct error err = ERROR_INIT;

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(price_file_read(path, &file, &err), -1);
	assert_non_null(strstr(err.message, "does not tell the type and the zone"));
}

static void test_absent_and_not_a_file(void **state)
{
	struct price_file file;
	struct error err = ERROR_INIT;
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/%s", folder, GOOD);
	assert_int_equal(price_file_read(path, &file, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(price_file_read(path, &file, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
	assert_int_equal(price_file_read(path, &file, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_int_equal(unlink(path), 0);
}

static void test_too_large(void **state)
{
	struct price_file file;
	struct error err = ERROR_INIT;
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/%s", folder, GOOD);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)PRICE_FILE_MAX_BYTES + 1), 0); /* a hole: no disk */
	assert_int_equal(close(fd), 0);
	assert_int_equal(price_file_read(path, &file, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_int_equal(unlink(path), 0);
}

/* The bad second line shows whether the rows were looked at or only counted. */
static void test_number_of_rows(void **state)
{
	static const struct {
		size_t rows;
		const char *message;
	} cases[] = {
		{ PRICE_FILE_MAX_ROWS, "line 2: the time is not a whole number" },
		{ PRICE_FILE_MAX_ROWS + 1, "has more than 5000000 rows" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t head = strlen(HEAD), len = head + cases[i].rows * 4;
		char *text = xmalloc(len);
		struct price_file file;
		struct error err = ERROR_INIT;

		memcpy(text, HEAD, head);
		for (size_t row = 0; row < cases[i].rows; row++)
			memcpy(text + head + row * 4, row ? "1,1\n" : "x,1\n", 4);
		assert_int_equal(read_as(GOOD, text, len, &file, &err), -1);
		free(text);
		assert_int_equal(err.kind, ERROR_USAGE);
		if (!strstr(err.message, cases[i].message))
			fail_msg("case %zu: %s", i, err.message);
	}
}

static void test_recorded_prices(void **state)
{
	static const char path[] = GPUCLOUD_SHARED_DATA "/prices/aws-2020/p2.xlarge_us-east-1f.csv";
	struct price_file file;
	struct error err = ERROR_INIT;

	(void)state;
	if (access(path, R_OK) < 0) {
		print_message("skipped: no recorded prices at %s\n", path);
		skip();
	}
	if (price_file_read(path, &file, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(file.zone, "us-east-1f");
	assert_int_equal(file.nr, 87);
	for (size_t i = 0; i < file.nr; i++) {
		assert_int_equal(file.points[i].micros, 900000);
		assert_true(!i || file.points[i].time > file.points[i - 1].time);
	}
	price_file_release(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_bounds_of_values),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_zero_byte),
		cmocka_unit_test(test_long_path_keeps_the_reason),
		cmocka_unit_test(test_absent_and_not_a_file),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_number_of_rows),
		cmocka_unit_test(test_recorded_prices),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
