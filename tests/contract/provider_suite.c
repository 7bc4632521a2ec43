/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of providers/provider.h, held by every cloud of the registry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/contract/suite.h"

static int setup(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));

	/* cmocka hands over what the table names: the provider. */
	world_open(world, *state, NULL, false);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

#define RULE(test)          \
	{                   \
#test, test \
	}

static const struct {
	const char *name;
	CMUnitTestFunction fn;
} rules[] = {
	RULE(test_slots_and_bits),
	RULE(test_region_names),
	RULE(test_account_and_regions),
	RULE(test_offers),
	RULE(test_spot_history),
	RULE(test_launch_to_release),
	RULE(test_token_is_idempotent),
	RULE(test_lost_reply_is_replayed),
	RULE(test_dry_run),
	RULE(test_intent_comes_first),
	RULE(test_refused_at_once),
	RULE(test_unknown_ids),
	RULE(test_what_others_made),
	RULE(test_no_capacity),
	RULE(test_price_too_low),
	RULE(test_quota),
	RULE(test_bad_requests),
	RULE(test_wrong_credentials),
	RULE(test_leftovers),
	RULE(test_leftovers_of_others),
	RULE(test_stop_and_start),
	RULE(test_limit),
	RULE(test_admit),
	RULE(test_admit_is_bounded),
};

int main(void)
{
	int failed = 0;

	for (const struct provider_ops *const *p = providers; *p; p++) {
		struct CMUnitTest tests[ARRAY_SIZE(rules)];

		for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
			tests[i] = (struct CMUnitTest){ rules[i].name, rules[i].fn, setup, teardown,
							(void *)(uintptr_t)(*p)->name };
		failed +=
			_cmocka_run_group_tests((*p)->title, tests, ARRAY_SIZE(rules), NULL, NULL);
	}
	return failed;
}
