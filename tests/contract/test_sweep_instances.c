/* SPDX-License-Identifier: Apache-2.0 */
/* sweep: which instances are left over, and which only look like it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "fleet/sweep.h"
#include "tests/contract/fake_provider.h"

#define HOUR INT64_C(3600)
#define DAY  (24 * HOUR)

static const char *const both[] = { FAKE_REGION, "r2" };

static struct sweep_options options_of(void)
{
	return (struct sweep_options){ .regions = both, .nr_regions = 2, .grace_s = SWEEP_GRACE_S };
}

/* The verdict on one thing; -1: not listed. *ret_counted may be NULL. */
static int look_for(struct fake *fake, const struct sweep_options *options, const char *id,
		    bool *ret_counted)
{
	struct sweep sweep = { 0 };
	struct error err = ERROR_INIT;
	int verdict = -1;

	if (sweep_look(&fake->fleet, options, &sweep, &err) < 0)
		fail_msg("%s", err.message);
	for (size_t i = 0; i < sweep.nr; i++) {
		if (strcmp(sweep.v[i].thing.id, id) != 0)
			continue;
		verdict = (int)sweep.v[i].verdict;
		if (ret_counted)
			*ret_counted = sweep.v[i].counted;
	}
	sweep_release(&sweep);
	return verdict;
}

/* Looks and removes; how many are left. */
static size_t clean(struct fake *fake, const struct sweep_options *options)
{
	const struct sweep_events events = { 0 };
	struct sweep sweep = { 0 };
	struct error err = ERROR_INIT;
	size_t left = 99;

	if (sweep_look(&fake->fleet, options, &sweep, &err) < 0 ||
	    sweep_remove(&fake->fleet, options, &sweep, 60, &events, &left, &err) < 0)
		fail_msg("%s", err.message);
	sweep_release(&sweep);
	return left;
}

/* Tags copied from another, or a start after a long rest: its limit was over before it began. */
static void test_young_instance(void **state)
{
	struct sweep_options options = options_of();
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_instance *one = fake_instance_add(&fake, "l1", 1);
	one->expires = FAKE_START - DAY;
	assert_int_equal(look_for(&fake, &options, one->id, NULL), SWEEP_YOUNG);
	assert_int_equal(clean(&fake, &options), 0);
	assert_false(one->gone);
	one->launched = FAKE_START - SWEEP_GRACE_S + 1;
	assert_int_equal(look_for(&fake, &options, one->id, NULL), SWEEP_YOUNG);
	one->launched--;
	assert_int_equal(look_for(&fake, &options, one->id, NULL), SWEEP_EXPIRED);
	one->launched = FAKE_START + DAY;
	assert_int_equal(look_for(&fake, &options, one->id, NULL), SWEEP_UNKNOWN);
	options.grace_s = 0;
	assert_int_equal(look_for(&fake, &options, one->id, NULL), SWEEP_EXPIRED);
	fake_close(&fake);
}

/* What keeps `reap` off it keeps this off it too; so does what nobody can read. */
static void test_policy_tags(void **state)
{
	static const struct {
		const char *key, *value;
		int verdict;
	} cases[] = {
		{ "gpucloud-protect", "1", -1 },
		{ "gpucloud-protect", "true", -1 },
		{ "gpucloud-protect", "", -1 },
		{ "gpucloud-protect", "0", SWEEP_EXPIRED },
		{ "gpucloud-hold", "tomorrow", SWEEP_UNKNOWN },
		{ "gpucloud-expires", "1,600,000,000", SWEEP_UNKNOWN },
		{ "gpucloud-idle", "1800", SWEEP_EXPIRED },
	};
	const struct sweep_options options = options_of();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool counted = false, expired = cases[i].verdict == SWEEP_EXPIRED;
		struct fake fake;

		fake_open(&fake);
		struct fake_instance *one = fake_instance_add(&fake, "l1", DAY);
		one->expires = FAKE_START - HOUR;
		one->tag = (struct tag){ cases[i].key, cases[i].value };
		int verdict = look_for(&fake, &options, one->id, &counted);
		if (verdict != cases[i].verdict || counted != expired)
			fail_msg("%s '%s': %d", cases[i].key, cases[i].value, verdict);
		clean(&fake, &options);
		assert_int_equal(one->gone, expired);
		fake_close(&fake);
	}
}

/* The question stood open for an hour; meanwhile it was held. */
static void test_changed_while_asked(void **state)
{
	static const char *const values[] = { "1", "0" };
	const struct sweep_options options = options_of();
	const struct sweep_events events = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct sweep sweep = { 0 };
		struct error err = ERROR_INIT;
		struct fake fake;
		size_t left = 99;

		fake_open(&fake);
		struct fake_instance *one = fake_instance_add(&fake, "l1", DAY);
		one->expires = FAKE_START - HOUR;
		assert_int_equal(sweep_look(&fake.fleet, &options, &sweep, &err), 0);
		assert_int_equal(sweep.counted, 1);
		if (i < 2)
			one->tag = (struct tag){ "gpucloud-protect", values[i] };
		else if (i == 2)
			one->expires = FAKE_START + HOUR;
		else
			fake.state->hidden = true;
		assert_int_equal(
			sweep_remove(&fake.fleet, &options, &sweep, 60, &events, &left, &err), 0);
		assert_int_equal(one->gone, i == 1); /* "0" is no protection */
		assert_int_equal(left, i == 1 ? 0 : 1);
		assert_int_equal(sweep.v[0].err.kind, i == 1   ? ERROR_NONE
						      : i == 3 ? ERROR_NOT_FOUND
							       : ERROR_CONFLICT);
		sweep_release(&sweep);
		fake_close(&fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_young_instance),
		cmocka_unit_test(test_policy_tags),
		cmocka_unit_test(test_changed_while_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
