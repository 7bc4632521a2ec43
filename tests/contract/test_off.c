/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines that are off, where a cloud leaves them so: what `reap`, `sweep`, `stop` and `hold` make of
 * them, and of those whose policy nobody here knows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "fleet/hold.h"
#include "fleet/labels.h"
#include "fleet/reaper.h"
#include "fleet/spent.h"
#include "fleet/stop.h"
#include "fleet/sweep.h"
#include "tests/contract/fake_user.h"

#define HOUR INT64_C(3600)
#define OVER (FAKE_START - 1000)
#define SOON (FAKE_START + HOUR)

/* No machine answers here. */
static struct fake *shared;
static struct provider_ops ops;

static int open_again(const struct provider_env *env, struct provider **ret, struct error *err)
{
	(void)env;
	(void)err;
	*ret = shared->p;
	return 0;
}

static void close_again(struct provider *p)
{
	(void)p;
}

static void become(struct fake *fake, enum fake_mode mode)
{
	shared = fake;
	fake_become(fake, mode);
}

static int setup(void **state)
{
	fake_setup(state);
	struct fake *fake = *state;
	fake->paths.data = xasprintf("%s/data", fake->dir);
	become(fake, FAKE_BARE);
	return 0;
}

static int teardown(void **state)
{
	struct fake *fake = *state;
	char *data = fake->paths.data;

	fake_teardown(state);
	free(data);
	return 0;
}

static struct instance_list list(struct fake *fake)
{
	static const char *const regions[] = { FAKE_REGION };
	const struct instance_query query = { .regions = regions, .nr_regions = 1 };
	struct instance_list ret = { 0 };
	struct error err = ERROR_INIT;

	if (fleet_instances(&fake->fleet, &query, &ret, &err) < 0)
		fail_msg("%s", err.message);
	return ret;
}

static void tag(struct fake *fake, const char *key, int64_t value)
{
	struct instance_list all = list(fake);
	struct error err = ERROR_INIT;
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	if (fleet_tag(&fake->fleet, &all.v[all.nr - 1], &(struct tag){ key, text }, &err) < 0)
		fail_msg("%s", err.message);
	instance_list_release(&all);
}

/* A machine of ours since two hours, with that limit. */
static struct fake_instance *add(struct fake *fake, const char *launch_id, int64_t expires)
{
	struct fake_instance *one = fake_instance_add(fake, launch_id, 2 * HOUR);

	if (expires)
		tag(fake, TAG_EXPIRES, expires);
	return one;
}

static struct fake_instance *add_off(struct fake *fake, const char *launch_id, int64_t expires)
{
	struct fake_instance *one = add(fake, launch_id, expires);

	one->state = INSTANCE_STOPPED;
	one->ended = FAKE_START - HOUR;
	return one;
}

/* One pass; what it decided of the only instance. */
static struct reap_report pass(struct fake *fake)
{
	const struct reap_options options = { .period_s = REAP_PERIOD_S };
	const struct reap_events events = { 0 };
	struct reap_report report;
	struct error err = ERROR_INIT;

	ops = *fake->ops;
	ops.open = open_again;
	ops.close = close_again;
	fake->fleet.ops = &ops;
	if (reap_pass(&fake->fleet, &options, &events, &report, &err) < 0)
		fail_msg("%s", err.message);
	fake->fleet.ops = fake->ops;
	assert_int_equal(report.nr, 1);
	return report;
}

static enum reap_verdict verdict(struct fake *fake)
{
	struct reap_report report = pass(fake);
	enum reap_verdict ret = report.v[0].decision.verdict;

	reap_report_release(&report);
	return ret;
}

/* --- turned off by its limit ------------------------------------------------------------------ */

static void test_turned_off_at_its_limit(void **state)
{
	struct fake *fake = *state;
	struct fake_instance *one = add_off(fake, "l1", OVER);
	struct reap_report report = pass(fake);

	assert_int_equal(report.v[0].decision.verdict, REAP_TERMINATE);
	assert_non_null(strstr(report.v[0].decision.reason, "off, and its time ended"));
	assert_true(report.v[0].confirmed && one->gone);
	reap_report_release(&report);
}

static void test_off_before_its_limit(void **state)
{
	struct fake *fake = *state;
	struct fake_instance *one = add_off(fake, "l1", SOON);
	struct reap_report report = pass(fake);

	/* A job's end, or somebody at the cloud's own page: until its limit that is left. */
	assert_int_equal(report.v[0].decision.verdict, REAP_KEEP);
	assert_non_null(strstr(report.v[0].trouble, "its disks bill on"));
	reap_report_release(&report);
	fake_later(fake, HOUR);
	assert_int_equal(verdict(fake), REAP_TERMINATE);
	assert_true(one->gone);
}

/* Made for one job: off, it has done its work, wherever that bills on; unless a person stopped it. */
static void test_off_after_its_one_job(void **state)
{
	static const enum fake_mode modes[] = { FAKE_BARE, FAKE_BILLS };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct fake fake;

		fake_open(&fake);
		fake.paths.data = xasprintf("%s/data", fake.dir);
		become(&fake, modes[i]);
		struct fake_instance *one = add_off(&fake, "l1", SOON);
		tag(&fake, TAG_ONCE, 1);
		tag(&fake, TAG_RESTED, FAKE_START - HOUR);
		assert_int_equal(verdict(&fake), REAP_KEEP);
		tag(&fake, TAG_RESTED, 0);
		tag(&fake, TAG_HOLD, FAKE_START + 100);
		assert_int_equal(verdict(&fake), REAP_KEEP);
		fake_later(&fake, 100);
		assert_int_equal(verdict(&fake), REAP_TERMINATE);
		assert_true(one->gone);
		char *data = fake.paths.data;
		fake_close(&fake);
		free(data);
	}
}

static void test_held_or_protected(void **state)
{
	struct fake *fake = *state;
	struct fake_instance *one = add_off(fake, "l1", OVER);

	tag(fake, TAG_HOLD, FAKE_START + 100);
	assert_int_equal(verdict(fake), REAP_KEEP);
	fake_later(fake, 50);
	tag(fake, TAG_PROTECT, 1);
	fake_later(fake, 1000);
	assert_int_equal(verdict(fake), REAP_KEEP);
	tag(fake, TAG_PROTECT, 0);
	assert_int_equal(verdict(fake), REAP_TERMINATE);
	assert_true(one->gone);
}

/* --- stopped by a person ---------------------------------------------------------------------- */

static struct powered power(struct fake *fake, enum power want, bool by_hand)
{
	const struct power_events events = { .by_hand = by_hand };
	struct instance_list all = list(fake);
	struct powered powered = { .instance = all.v[0] };
	struct arena arena = { 0 };

	power_all(&fake->fleet, want, &powered, 1, 30, &events, &arena);
	arena_release(&arena);
	instance_list_release(&all);
	return powered;
}

/* Marked, so that its limit does not end it; started again, the mark is taken back. */
static void test_stopped_by_hand(void **state)
{
	struct fake *fake = *state;
	struct fake_instance *one = add(fake, "l1", SOON);

	one->price_off = 2000;
	struct powered powered = power(fake, POWER_STOP, true);
	assert_true(powered.confirmed);
	assert_int_equal(powered.disk_price, 2000);
	assert_int_equal(powered.disk_gib, 0);
	assert_int_equal(powered.tag_err.kind, ERROR_NONE);
	fake_later(fake, 2 * HOUR);
	struct reap_report report = pass(fake);
	assert_int_equal(report.v[0].decision.verdict, REAP_KEEP);
	assert_true(report.v[0].decision.by_hand);
	assert_non_null(strstr(report.v[0].trouble, "about $0.05 a day"));
	assert_null(strstr(report.v[0].trouble, "GiB"));
	reap_report_release(&report);
	assert_true(power(fake, POWER_START, true).confirmed);
	one->state = INSTANCE_STOPPED; /* and its limit turned it off */
	assert_int_equal(verdict(fake), REAP_TERMINATE);
}

/* A stop that was refused leaves no mark; one that nobody heard of is taken back later. */
static void test_a_mark_without_a_stop(void **state)
{
	struct fake *fake = *state;
	struct fake_instance *one = add(fake, "l1", SOON);

	fake->state->refuses_end = true;
	assert_int_equal(power(fake, POWER_STOP, true).err.kind, ERROR_AUTH);
	fake->state->refuses_end = false;
	struct instance_list all = list(fake);
	assert_string_equal(instance_tag(&all.v[0], TAG_RESTED), "0");
	instance_list_release(&all);
	tag(fake, TAG_RESTED, FAKE_START);
	fake_later(fake, 700);
	verdict(fake);
	all = list(fake);
	assert_string_equal(instance_tag(&all.v[0], TAG_RESTED), "0");
	instance_list_release(&all);
	assert_false(one->gone);
}

/* --- where being off costs the same ----------------------------------------------------------- */

static void test_off_is_no_rest(void **state)
{
	struct fake *fake = *state;

	become(fake, FAKE_BILLS);
	struct fake_instance *one = add_off(fake, "l1", SOON);
	one->price = 1000000;
	struct reap_report report = pass(fake);
	assert_int_equal(report.v[0].decision.verdict, REAP_KEEP);
	assert_non_null(strstr(report.v[0].trouble, "bills as before, $24.00 a day"));
	assert_true(report.v[0].tell);
	reap_report_release(&report);
	report = pass(fake);
	assert_false(report.v[0].tell); /* once a day */
	reap_report_release(&report);
	/* By hand or not: its limit is its limit. */
	tag(fake, TAG_RESTED, FAKE_START);
	fake_later(fake, HOUR);
	assert_int_equal(verdict(fake), REAP_TERMINATE);
	assert_true(one->gone);
}

/* Its budget goes on being spent: two hours at a dollar are over one of 1.50. */
static void test_budget_of_one_that_is_off(void **state)
{
	struct fake *fake = *state;

	become(fake, FAKE_BILLS);
	struct fake_instance *one = add_off(fake, "l1", SOON);
	one->price = 1000000;
	tag(fake, TAG_BUDGET, 150);
	struct reap_report report = pass(fake);
	assert_int_equal(report.v[0].decision.verdict, REAP_TERMINATE);
	assert_non_null(strstr(report.v[0].decision.reason, "of its budget"));
	reap_report_release(&report);
	assert_true(one->gone);
}

/* Stopped and started, all of it is spent, and none of it twice. */
static void test_spent_over_a_rest(void **state)
{
	struct fake *fake = *state;
	struct cost cost;
	struct spent spent;

	become(fake, FAKE_BILLS);
	struct fake_instance *one = add(fake, "l1", 0);
	one->price = 1000000;
	tag(fake, TAG_BUDGET, 10000);
	assert_true(power(fake, POWER_STOP, true).confirmed);
	fake_later(fake, HOUR);
	assert_true(power(fake, POWER_START, true).confirmed);
	fake_later(fake, HOUR);
	struct instance_list all = list(fake);
	assert_int_equal(all.v[0].launched, FAKE_START - 2 * HOUR); /* as it always was */
	spent_work_out(&fake->fleet, &all.v[0], fake->state->now_ms / 1000, true, &cost, &spent);
	assert_in_range(cost.total, 4000000, 4001000);
	assert_in_range(spent.most, 4000000, 4020000);
	assert_in_range(spent.least, 4000000, spent.most);
	instance_list_release(&all);
}

/* --- policy unknown --------------------------------------------------------------------------- */

static void test_unknown_is_never_ended(void **state)
{
	struct fake *fake = *state;
	static const enum instance_state states[] = { INSTANCE_RUNNING, INSTANCE_STOPPED };

	struct fake_instance *one = add(fake, "l1", 0);
	one->launched = FAKE_START - 1000 * HOUR;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		one->state = states[i];
		for (int k = 0; k < 3; k++) {
			struct reap_report report = pass(fake);

			assert_int_equal(report.v[0].decision.verdict, REAP_UNKNOWN);
			assert_non_null(strstr(report.v[0].trouble, "policy unknown"));
			assert_non_null(strstr(report.v[0].trouble, "gpucloud hold"));
			assert_int_equal(report.v[0].tell, i == 0 && k == 0); /* once a day */
			assert_false(report.v[0].acted);
			reap_report_release(&report);
		}
	}
	assert_false(one->gone);
	assert_int_equal(fake->state->terminates, 0);
}

/* A hold gives it one: it ends then. The machine itself may not be reached for that. */
static void test_hold_gives_a_policy(void **state)
{
	struct fake *fake = *state;
	struct fake_instance *one = add(fake, "l1", 0);
	const struct hold_wish wish = { .seconds = HOUR, .asked = true }, off = { .asked = true };
	struct instance_list all = list(fake);
	struct error err = ERROR_INIT;
	struct hold hold;

	assert_true(all.v[0].policy_unknown);
	assert_int_equal(hold_plan(&fake->fleet, &all.v[0], &off, &hold, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(hold_protect(&fake->fleet, &all.v[0], false, &err), -1);
	assert_int_equal(hold_plan(&fake->fleet, &all.v[0], &wish, &hold, &err), 0);
	assert_true(hold.moved);
	assert_int_equal(hold.expires, FAKE_START + HOUR);
	all.v[0].public_ip = "";
	assert_int_equal(hold_set(&fake->fleet, &all.v[0], NULL, &hold, &err), 0);
	assert_false(hold.renewed);
	assert_int_not_equal(hold.unmoved.kind, ERROR_NONE);
	assert_int_equal(fake->state->limit, hold.expires);
	instance_list_release(&all);
	assert_int_equal(verdict(fake), REAP_KEEP);
	fake_later(fake, HOUR);
	assert_int_equal(verdict(fake), REAP_TERMINATE);
	assert_true(one->gone);
}

/* Were the cloud's own timer left where it was, it would turn the machine off in the middle of its work. */
static void test_hold_moves_the_clouds(void **state)
{
	struct fake *fake = *state;
	add(fake, "l1", SOON);
	const struct hold_wish wish = { .seconds = 3 * HOUR, .asked = true };
	struct instance_list all = list(fake);
	struct error err = ERROR_INIT;
	struct hold hold;

	assert_int_equal(hold_plan(&fake->fleet, &all.v[0], &wish, &hold, &err), 0);
	assert_true(hold.moved);
	fake->state->refuses_limit = true;
	assert_int_equal(hold_set(&fake->fleet, &all.v[0], NULL, &hold, &err), -1);
	assert_non_null(strstr(err.message, "the limit that Bare itself keeps stays"));
	assert_non_null(strstr(err.message, "is stuck"));
	assert_non_null(strstr(err.hint, "nothing was changed"));
	instance_list_release(&all);
	all = list(fake);
	assert_int_equal(all.v[0].expires, SOON);
	/* One that is off counts nothing down itself. */
	fake->state->refuses_limit = false;
	all.v[0].state = INSTANCE_STOPPED;
	assert_int_equal(hold_set(&fake->fleet, &all.v[0], NULL, &hold, &err), 0);
	assert_int_equal(fake->state->limit, hold.expires);
	instance_list_release(&all);
	all = list(fake);
	assert_int_equal(all.v[0].expires, FAKE_START + 3 * HOUR);
	instance_list_release(&all);
}

/* --- sweep ------------------------------------------------------------------------------------ */

static int swept(struct fake *fake, bool *counted, int64_t *price)
{
	static const char *const regions[] = { FAKE_REGION };
	const struct sweep_options options = { .regions = regions,
					       .nr_regions = 1,
					       .grace_s = SWEEP_GRACE_S };
	struct sweep sweep = { 0 };
	struct error err = ERROR_INIT;
	int ret = -1;

	if (sweep_look(&fake->fleet, &options, &sweep, &err) < 0)
		fail_msg("%s", err.message);
	if (sweep.nr) {
		ret = (int)sweep.v[0].verdict;
		*counted = sweep.v[0].counted;
		*price = sweep.v[0].thing.price;
	}
	sweep_release(&sweep);
	return ret;
}

static void test_sweep(void **state)
{
	struct fake *fake = *state;
	bool counted;
	int64_t price;

	struct fake_instance *one = add(fake, "l1", 0);
	assert_int_equal(swept(fake, &counted, &price), SWEEP_UNKNOWN);
	assert_false(counted);
	snprintf(one->owner, sizeof(one->owner), "bob"); /* whose policy is theirs to know */
	assert_int_equal(swept(fake, &counted, &price), -1);
	snprintf(one->owner, sizeof(one->owner), "me");

	tag(fake, TAG_EXPIRES, FAKE_START - HOUR);
	one->state = INSTANCE_STOPPED;
	one->price = 1000000;
	one->price_off = 2000;
	assert_int_equal(swept(fake, &counted, &price), SWEEP_EXPIRED);
	assert_true(counted);
	assert_int_equal(price, 2000); /* its disk alone */
	tag(fake, TAG_RESTED, FAKE_START - 2 * HOUR);
	assert_int_equal(swept(fake, &counted, &price), SWEEP_STOPPED);
	assert_false(counted);

	become(fake, FAKE_BILLS);
	tag(fake, TAG_EXPIRES, FAKE_START - HOUR);
	tag(fake, TAG_RESTED, FAKE_START - 2 * HOUR);
	assert_int_equal(swept(fake, &counted, &price), SWEEP_EXPIRED);
	assert_int_equal(price, 1002000); /* all of it */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_turned_off_at_its_limit),
		TEST(test_off_before_its_limit),
		TEST(test_off_after_its_one_job),
		TEST(test_held_or_protected),
		TEST(test_stopped_by_hand),
		TEST(test_a_mark_without_a_stop),
		TEST(test_off_is_no_rest),
		TEST(test_budget_of_one_that_is_off),
		TEST(test_spent_over_a_rest),
		TEST(test_unknown_is_never_ended),
		TEST(test_hold_gives_a_policy),
		TEST(test_hold_moves_the_clouds),
		TEST(test_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
