/* SPDX-License-Identifier: Apache-2.0 */
/* What every cloud that is built in keeps to: a slot is there exactly when its bit says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "providers/provider.h"

static void test_slots_and_bits(void **state)
{
	(void)state;
	for (const struct provider_ops *const *p = providers; *p; p++) {
		const struct provider_ops *ops = *p;

		if (!ops->name || !ops->title || !ops->open || !ops->close ||
		    !ops->default_region || !ops->endpoint || !ops->account || !ops->offers ||
		    !ops->launch || !ops->instances || !ops->terminate || !ops->release)
			fail_msg("'%s' lacks a slot that all must have", ops->name);
		assert_int_equal(!ops->regions, !(ops->caps & PROVIDER_CAP_REGIONS));
		assert_int_equal(!ops->spot_history, !(ops->caps & PROVIDER_CAP_SPOT));
		assert_int_equal(!ops->restart, !(ops->caps & PROVIDER_CAP_RESTART));
		assert_int_equal(!ops->quota, !(ops->caps & PROVIDER_CAP_QUOTA));
		assert_int_equal(!ops->leftovers, !(ops->caps & PROVIDER_CAP_LEFTOVERS));
		assert_int_equal(!ops->remove, !(ops->caps & PROVIDER_CAP_LEFTOVERS));
		assert_int_equal(!ops->stop, !(ops->caps & PROVIDER_CAP_STOP));
		assert_int_equal(!ops->start, !(ops->caps & PROVIDER_CAP_STOP));
		assert_int_equal(!ops->admit, !(ops->caps & PROVIDER_CAP_ADMIT));
		assert_int_equal(!ops->limit, ops->time_limit != TIME_LIMIT_STOPS);
	}
}

static void test_find(void **state)
{
	(void)state;
	for (const struct provider_ops *const *p = providers; *p; p++) {
		assert_ptr_equal(provider_find((*p)->name), *p); /* and no two of one name */
		(*p)->close(NULL);
	}
	assert_null(provider_find("no-such-cloud"));
	assert_null(provider_find(""));
	assert_null(provider_find(NULL));
}

static void test_states_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < INSTANCE_STATE_COUNT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(instance_state_name((enum instance_state)i),
						instance_state_name((enum instance_state)j));
	assert_string_equal(instance_state_name(INSTANCE_RUNNING), "running");
	assert_string_equal(instance_state_name((enum instance_state)99), "unknown");
}

static void test_release_twice(void **state)
{
	struct offer_list offers = { .nr = 0 };
	struct instance_list instances = { .nr = 0 };

	(void)state;
	offers.v = arena_alloc(&offers.arena, sizeof(*offers.v));
	offers.nr = 1;
	offer_list_release(&offers);
	assert_int_equal(offers.nr, 0);
	offer_list_release(&offers);
	instances.v = arena_alloc(&instances.arena, sizeof(*instances.v));
	instance_list_release(&instances);
	assert_null(instances.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_and_bits),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_states_have_names),
		cmocka_unit_test(test_release_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
