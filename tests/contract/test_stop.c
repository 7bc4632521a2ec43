/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping and starting: only what can be, and only what the cloud confirms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "fleet/stop.h"
#include "tests/contract/fake_provider.h"

static const struct power_events no_events = { 0 };

static struct powered entry(const struct fake_instance *one)
{
	return (struct powered){ .instance = {
					 .region = one->region,
					 .id = one->id,
					 .name = one->name,
					 .owner = one->owner,
					 .launch_id = one->launch_id,
					 .spot = one->spot,
					 .public_ip = "",
					 .state = one->gone    ? INSTANCE_GONE
						  : one->state ? one->state
							       : INSTANCE_RUNNING,
				 } };
}

static struct powered run(struct fake *fake, enum power want, const struct fake_instance *one)
{
	struct powered powered = entry(one);
	struct arena arena = { 0 };

	power_all(&fake->fleet, want, &powered, 1, 30, &no_events, &arena);
	powered.instance.public_ip = NULL; /* it was the arena's */
	arena_release(&arena);
	return powered;
}

static void test_stop_and_start(void **state)
{
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_instance *one = fake_instance_add(&fake, "l1", 100);
	struct fake_leftover *disk = fake_leftover_add(&fake, LEFTOVER_VOLUME, "vol", "l1", 100);
	snprintf(disk->attached, sizeof(disk->attached), "%s", one->id);
	struct powered powered = run(&fake, POWER_STOP, one);
	assert_true(powered.asked && powered.confirmed);
	assert_int_equal(powered.disk_gib, 100);
	assert_int_equal(powered.disk_price, 10000); /* what bills on */
	assert_int_equal(fake.state->stops, 1);
	powered = run(&fake, POWER_STOP, one); /* it is already */
	assert_true(powered.confirmed);
	assert_int_equal(fake.state->stops, 1);
	powered = run(&fake, POWER_START, one);
	assert_true(powered.confirmed);
	assert_int_equal(one->state, INSTANCE_RUNNING);
	fake_close(&fake);
}

static void test_start_waits_for_the_stop(void **state)
{
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_instance *one = fake_instance_add(&fake, "l1", 100);
	one->state = INSTANCE_STOPPING;
	struct powered powered = run(&fake, POWER_START, one);
	assert_true(powered.confirmed);
	assert_int_equal(fake.state->starts, 2);
	fake_close(&fake);
}

/* It restarts, say: asked again while there is time, and then the last word is told. */
static void test_busy(void **state)
{
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_instance *one = fake_instance_add(&fake, "l1", 100);
	fake.state->busy_for = 3;
	struct powered powered = run(&fake, POWER_STOP, one);
	assert_true(powered.asked && powered.confirmed);
	assert_int_equal(powered.err.kind, ERROR_NONE);
	assert_int_equal(fake.state->stops, 4);
	fake.state->busy_for = 1000;
	powered = run(&fake, POWER_START, one);
	assert_false(powered.asked || powered.confirmed);
	assert_int_equal(powered.err.kind, ERROR_CONFLICT);
	assert_in_range(fake.state->starts, 5, 100);
	fake_close(&fake);
}

static void test_not_confirmed_or_refused(void **state)
{
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_instance *one = fake_instance_add(&fake, "l1", 100);
	fake.state->keeps_running = true;
	struct powered powered = run(&fake, POWER_STOP, one);
	assert_true(powered.asked && !powered.confirmed);
	assert_int_equal(powered.err.kind, ERROR_NONE);
	assert_int_equal(fake.state->stops, 1); /* asked once, looked at often */
	fake.state->refuses_end = true;
	powered = run(&fake, POWER_STOP, one);
	assert_false(powered.asked || powered.confirmed);
	assert_int_equal(powered.err.kind, ERROR_AUTH);
	fake.state->refuses_end = fake.state->keeps_running = false;
	one->gone = true;
	powered = run(&fake, POWER_STOP, one);
	assert_false(powered.confirmed);
	assert_int_equal(powered.err.kind, ERROR_NOT_FOUND);
	fake_close(&fake);
}

static void test_what_cannot_be(void **state)
{
	struct error err = ERROR_INIT;
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_instance *one = fake_instance_add(&fake, "l1", 100);
	struct powered powered = entry(one);
	assert_int_equal(power_check(&fake.fleet, POWER_STOP, &powered.instance, &err), 0);
	one->spot = true;
	powered = entry(one);
	assert_int_equal(power_check(&fake.fleet, POWER_STOP, &powered.instance, &err), -1);
	assert_int_equal(err.kind, ERROR_UNSUPPORTED);
	assert_non_null(strstr(err.hint, "gpucloud terminate n-l1"));
	assert_int_equal(power_check(&fake.fleet, POWER_START, &powered.instance, &err), 0);
	one->gone = true;
	powered = entry(one);
	assert_int_equal(power_check(&fake.fleet, POWER_START, &powered.instance, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	fake_close(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_and_start),
		cmocka_unit_test(test_start_waits_for_the_stop),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_not_confirmed_or_refused),
		cmocka_unit_test(test_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
