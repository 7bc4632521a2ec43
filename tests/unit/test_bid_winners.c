/* SPDX-License-Identifier: Apache-2.0 */
/* Of several regions, which one's recommendation is the recommended one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/bid_view.h"
#include "core/arena.h"
#include "core/mem.h"

static const struct market a100 = { .type = "p4d.24xlarge" }, v100 = { .type = "p3.2xlarge" };

static void test_the_least_cost_wins(void **state)
{
	enum {
		NONE = -1
	};
	static const struct {
		int place[2]; /* of the best line of each region, or NONE */
		double cost[2];
		size_t want;
	} cases[] = {
		/* a bid in a dear region against on demand in a cheap one, either way round */
		{ { BID_IN_ZONE, BID_ON_DEMAND }, { 79, 73 }, 1 },
		{ { BID_ON_DEMAND, BID_IN_ZONE }, { 73, 79 }, 0 },
		{ { BID_ON_DEMAND, BID_IN_ZONE }, { 73, 72 }, 1 },
		{ { BID_IN_ZONE, BID_IN_ZONE }, { 73, 72 }, 1 },
		{ { BID_ON_DEMAND, BID_ON_DEMAND }, { 73, 72 }, 1 },
		/* the same cost: a bid; of two of a kind the first */
		{ { BID_ON_DEMAND, BID_IN_ZONE }, { 73, 73 }, 1 },
		{ { BID_IN_ZONE, BID_ON_DEMAND }, { 73, 73 }, 0 },
		{ { BID_ON_DEMAND, BID_IN_ZONE }, { 73, 73.00004 }, 1 },
		{ { BID_IN_ZONE, BID_IN_ZONE }, { 73, 73 }, 0 },
		/* something beats nothing */
		{ { NONE, BID_ON_DEMAND }, { 0, 73 }, 1 },
		{ { BID_IN_ZONE, NONE }, { 79, 0 }, 0 },
		{ { NONE, NONE }, { 0, 0 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bid_line lines[2] = { { .place = BID_IN_ZONE } };
		struct bid_market v[2] = { { .market = &a100 }, { .market = &a100 } };
		struct arena arena = { 0 };
		size_t nr;

		for (size_t k = 0; k < 2; k++) {
			lines[k].result.mean_cost = cases[i].cost[k];
			if (cases[i].place[k] == NONE)
				continue;
			lines[k].place = (enum bid_place)cases[i].place[k];
			v[k].best = &lines[k];
		}
		const struct bid_winner *got = bid_winners(&arena, v, 2, &nr);
		assert_int_equal(nr, 1);
		assert_int_equal(got[0].market, cases[i].want);
		arena_release(&arena);
	}
}

static void test_each_type_has_its_own(void **state)
{
	struct bid_line lines[3] = { { .result.mean_cost = 9 },
				     { .result.mean_cost = 1 },
				     { .result.mean_cost = 8 } };
	struct bid_market v[3] = { { .market = &a100, .best = &lines[0] },
				   { .market = &v100, .best = &lines[1] },
				   { .market = &a100, .best = &lines[2] } };
	struct arena arena = { 0 };
	size_t nr;
	const struct bid_winner *got = bid_winners(&arena, v, 3, &nr);

	(void)state;
	assert_int_equal(nr, 2);
	assert_string_equal(got[0].type, "p4d.24xlarge");
	assert_int_equal(got[0].market, 2);
	assert_string_equal(got[1].type, "p3.2xlarge");
	assert_int_equal(got[1].market, 1);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_least_cost_wins),
		cmocka_unit_test(test_each_type_has_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
