/* SPDX-License-Identifier: Apache-2.0 */
/* What a budget comes to in seconds, and which ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"
#include "fleet/budget.h"
#include "fleet/reap.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t cents; /* -1: refused */
	} cases[] = {
		{ "5", 500 },
		{ "2.50", 250 },
		{ "0.01", 1 },
		{ "0.0100", 1 },
		{ "1000000", 100000000 },
		{ "1000000.01", -1 },
		{ "0", -1 },
		{ "0.00", -1 },
		{ "0.001", -1 },
		{ "0.015", -1 },
		{ "-5", -1 },
		{ "", -1 },
		{ "five", -1 },
		{ "5$", -1 },
		{ "1e3", -1 },
		{ "999999999999999999999", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		int64_t cents = -1;

		int rc = budget_parse(cases[i].text, &cents, &err);
		assert_int_equal(rc, cases[i].cents < 0 ? -1 : 0);
		assert_int_equal(cents, cases[i].cents);
		if (rc < 0)
			assert_int_equal(err.kind, ERROR_USAGE);
	}
}

/* `reap` reads what `launch` writes. */
static void test_tag(void **state)
{
	static const int64_t cents[] = { 1, 250, BUDGET_CENTS_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cents); i++) {
		char value[BUDGET_TAG_LEN];
		struct reap_policy policy;
		struct error err = ERROR_INIT;

		budget_tag(cents[i], value);
		const struct tag tag = { TAG_BUDGET, value };
		const struct instance instance = { .tags = &tag, .nr_tags = 1 };
		assert_int_equal(reap_policy_read(&instance, &policy, &err), 0);
		assert_int_equal(policy.budget, cents[i] * 10000);
	}
}

#define H 3600

static void test_limit(void **state)
{
	static const struct {
		bool spot, capped;
		int64_t bid, on_demand, cents, ttl; /* ttl 0: none */
		int64_t expected;		    /* -1: refused */
		bool ttl_is_first;
	} cases[] = {
		/* on demand: $2 at $1/h */
		{ false, false, 0, 1000000, 200, 12 * H, 2 * H - 120, false },
		{ false, false, 0, 1000000, 200, H, H, true },
		{ false, false, 0, 1000000, 200, 2 * H - 120, 2 * H - 120, true },
		{ false, false, 0, 1000000, 200, 0, 2 * H - 120, false },
		/* spot: its bid, or without one on demand */
		{ true, true, 500000, 1000000, 200, 12 * H, 4 * H - 120, false },
		{ true, true, 500000, MONEY_UNKNOWN, 200, 12 * H, 4 * H - 120, false },
		{ true, false, 0, 1000000, 200, 12 * H, 2 * H - 120, false },
		/* what it takes to boot and end must fit: $0.18 at $3.60/h are three minutes */
		{ false, false, 0, 3600000, 6, 12 * H, -1, false },
		{ false, false, 0, 3600000, 17, 12 * H, -1, false },
		{ false, false, 0, 526000, 1, 12 * H, -1, false },
		{ false, false, 0, 526000, 2, 12 * H, -1, false },
		{ false, false, 0, 526000, 3, 12 * H, 85, false },
		{ false, false, 0, 3600000, 18, 12 * H, 60, false },
		{ false, false, 0, 3600000, 19, 12 * H, 70, false },
		/* no price, no promise */
		{ false, false, 0, MONEY_UNKNOWN, 200, 12 * H, -1, false },
		{ true, false, 0, MONEY_UNKNOWN, 200, 12 * H, -1, false },
		/* more than a timer can count */
		{ false, false, 0, 100, 100000000, 0, 366 * 24 * H, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct launch_plan plan = {
			.spot = cases[i].spot,
			.capped = cases[i].capped,
			.max_price = cases[i].bid,
			.offer = { .on_demand = cases[i].on_demand },
		};
		struct budget_limit limit = { 0 };
		struct error err = ERROR_INIT;
		int64_t ttl = cases[i].ttl;

		int rc = budget_apply(&plan, cases[i].cents, &ttl, &limit, &err);
		assert_int_equal(rc, cases[i].expected < 0 ? -1 : 0);
		if (rc < 0) {
			assert_int_equal(err.kind, ERROR_USAGE);
			assert_true(err.hint[0]);
			assert_int_equal(ttl, cases[i].ttl);
			continue;
		}
		assert_int_equal(ttl, cases[i].expected);
		assert_int_equal(limit.ttl_is_first, cases[i].ttl_is_first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_tag),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
