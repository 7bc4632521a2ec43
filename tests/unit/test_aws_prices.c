/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "core/money.h"
#include "providers/aws/aws_prices.h"

static void test_known(void **state)
{
	static const struct {
		const char *region, *type;
		int64_t micros;
	} cases[] = {
		{ "us-east-1", "p2.xlarge", 900000 },
		{ "us-east-1", "p2.8xlarge", 7200000 },
		{ "us-east-1", "p2.16xlarge", 14400000 },
		{ "us-east-2", "p3.2xlarge", 3060000 },
		{ "us-west-2", "p3.8xlarge", 12240000 },
		{ "us-east-1", "p3.16xlarge", 24480000 },
		{ "us-east-1", "g3.16xlarge", 4560000 },    /* the first row */
		{ "us-east-1", "p5en.48xlarge", 63296000 }, /* the last */
		{ "us-west-2", "g4dn.xlarge", 526000 },
		{ "us-east-2", "g5.xlarge", 1006000 },
		{ "us-west-2", "g6e.xlarge", 1861000 },
		{ "us-east-1", "p4d.24xlarge", 21957642 }, /* these differ by region */
		{ "us-east-2", "p4d.24xlarge", 21957640 },
		{ "us-west-2", "p4d.24xlarge", 21957640 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t micros = 0, as_of = 0;

		assert_int_equal(aws_builtin_price(cases[i].region, cases[i].type, &micros, &as_of),
				 0);
		assert_int_equal(micros, cases[i].micros);
		assert_int_equal(as_of, AWS_BUILTIN_AS_OF);
	}
}

static void test_unknown(void **state)
{
	static const char *const cases[][2] = {
		{ "eu-west-1", "p2.xlarge" }, /* dearer there: no guess */
		{ "us-west-1", "g4dn.xlarge" },
		{ "us-gov-west-1", "p3.2xlarge" },
		{ "", "p2.xlarge" },
		{ "us-east-1", "" },
		{ "us-east-1", "m5.large" },
		{ "us-east-1", "p2" },
		{ "us-east-1", "p2.xlargest" },
		{ "us-east-1", "P2.XLARGE" },
		{ "us-east-1", "a" },
		{ "us-east-1", "zz" },
		{ "us-east-1", "p5e.48xlarge" },  /* not sold on demand */
		{ "us-east-2", "p3dn.24xlarge" }, /* in no list for that region */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t micros = 42, as_of = 42;

		assert_int_equal(aws_builtin_price(cases[i][0], cases[i][1], &micros, &as_of), -1);
		assert_int_equal(micros, 42);
		assert_int_equal(as_of, 42);
	}
}

/* Every row can be found, and holds what may be a price of a GPU machine. */
static void test_table(void **state)
{
	static const char *const regions[] = { "us-east-1", "us-east-2", "us-west-2" };
	const struct aws_builtin_row *rows;
	size_t nr;

	(void)state;
	rows = aws_builtin_rows(&nr);
	assert_true(nr > 40);
	for (size_t i = 0; i < nr; i++) {
		size_t found = 0;

		assert_true(rows[i].micros > USD_MICROS / 10);
		assert_true(rows[i].micros < 200 * USD_MICROS);
		if (i) {
			int order = strcmp(rows[i - 1].type, rows[i].type);

			assert_true(order <= 0);
			assert_true(order < 0 || !(rows[i - 1].regions & rows[i].regions));
		}
		for (size_t r = 0; r < ARRAY_SIZE(regions); r++) {
			int64_t micros, as_of;

			if (aws_builtin_price(regions[r], rows[i].type, &micros, &as_of) < 0)
				continue;
			found += micros == rows[i].micros;
			assert_true(as_of > 0);
		}
		assert_true(found > 0);
	}
}

static void test_virginia_has_them_all(void **state)
{
	const struct aws_builtin_row *rows;
	size_t nr;

	(void)state;
	rows = aws_builtin_rows(&nr);
	for (size_t i = 0; i < nr; i++) {
		int64_t micros, as_of;

		assert_int_equal(aws_builtin_price("us-east-1", rows[i].type, &micros, &as_of), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_virginia_has_them_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
