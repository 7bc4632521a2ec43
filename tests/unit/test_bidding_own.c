/* SPDX-License-Identifier: Apache-2.0 */
/* The book's own sums on buying a machine instead of renting one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bidding/own.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

#define USD(x) ((int64_t)((x)*1e6 + 0.5))

static void test_break_even(void **state)
{
	static const struct {
		struct own own;
		int64_t rate;
		double hours, days;
	} cases[] = {
		{ { USD(1000), 0 }, USD(0.90), 1111.1, 46 },	  /* a card against p2.xlarge */
		{ { USD(149000), 0 }, USD(24.48), 6086.6, 254 },  /* a DGX-1, p3.16xlarge */
		{ { USD(149000), 0 }, USD(14.40), 10347.2, 431 }, /* p2.16xlarge */
		{ { USD(149000), 0 },
		  USD(7.344),
		  20288.7,
		  845 }, /* and at the spot price of 2020 */
		{ { USD(149000), USD(2) }, USD(24.48), 6628.1, 276 }, /* power and cooling */
		{ { 1, 0 }, MONEY_MAX, 0, 0 },
	};
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		double hours;

		assert_int_equal(own_break_even(&cases[i].own, cases[i].rate, &hours, &err), 0);
		assert_true(fabs(hours - cases[i].hours) <= 0.06);
		assert_true(fabs(hours / 24 - cases[i].days) <= 0.5);
		/* which is where both have cost the same */
		double owned =
			(double)cases[i].own.price + (double)cases[i].own.running_cost * hours;
		assert_true(fabs(owned / ((double)cases[i].rate * hours) - 1) < 1e-12);
	}
}

static void test_renting_may_never_be_dearer(void **state)
{
	static const int64_t rates[] = { USD(0.5), USD(0.4) };
	struct own own = { .price = USD(1000), .running_cost = USD(0.5) };
	struct error err = ERROR_INIT;
	double hours;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		assert_int_equal(own_break_even(&own, rates[i], &hours, &err), 0);
		assert_true(isinf(hours) && hours > 0);
	}
}

static void test_refuses(void **state)
{
	static const struct {
		struct own own;
		int64_t rate;
	} cases[] = {
		{ { 0, 0 }, 1 },  { { -1, 0 }, 1 }, { { 1, 0 }, 0 },
		{ { 1, 0 }, -1 }, { { 1, -1 }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		double hours = 42;

		assert_int_equal(own_break_even(&cases[i].own, cases[i].rate, &hours, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_true(hours == 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_break_even),
		cmocka_unit_test(test_renting_may_never_be_dearer),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
