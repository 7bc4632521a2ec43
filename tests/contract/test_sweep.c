/* SPDX-License-Identifier: Apache-2.0 */
/* sweep: what is left over goes, and nothing else ever does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "fleet/journal.h"
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

/* --- what is left over --------------------------------------------------------------------- */

static void test_orphans_go_in_order(void **state)
{
	static const enum leftover_kind shuffled[] = {
		LEFTOVER_KEY,	  LEFTOVER_SECURITY_GROUP, LEFTOVER_VOLUME,
		LEFTOVER_ADDRESS, LEFTOVER_SPOT_REQUEST,   LEFTOVER_INTERFACE,
	};
	static const char *const ids[] = { "key", "sg", "vol", "eip", "sir", "eni" };
	const struct sweep_options options = options_of();
	struct sweep sweep = { 0 };
	struct error err = ERROR_INIT;
	struct fake fake;

	(void)state;
	fake_open(&fake);
	for (size_t i = 0; i < ARRAY_SIZE(shuffled); i++)
		fake_leftover_add(&fake, shuffled[i], ids[i], "l1", DAY);
	assert_int_equal(sweep_look(&fake.fleet, &options, &sweep, &err), 0);
	assert_int_equal(sweep.counted, 6);
	assert_int_equal(sweep.price, 10000);
	assert_int_equal(sweep.v[0].age_s, DAY);
	sweep_release(&sweep);
	assert_int_equal(fake.state->removals, 0); /* looking touches nothing */
	assert_int_equal(clean(&fake, &options), 0);
	assert_string_equal(fake.state->order, "sir eip eni vol sg key ");
	assert_int_equal(fake.state->terminates, 0);
	assert_int_equal(clean(&fake, &options), 0); /* twice is harmless */
	fake_close(&fake);
}

static void test_in_use_is_tried_again(void **state)
{
	const struct sweep_options options = options_of();
	struct fake fake;

	(void)state;
	fake_open(&fake);
	fake_leftover_add(&fake, LEFTOVER_SECURITY_GROUP, "sg", "l1", DAY)->conflicts = 3;
	fake_leftover_add(&fake, LEFTOVER_KEY, "key", "l1", DAY);
	assert_int_equal(clean(&fake, &options), 0);
	assert_string_equal(fake.state->order, "key sg "); /* the rest does not wait */

	fake_leftover_add(&fake, LEFTOVER_SECURITY_GROUP, "sg2", "l2", DAY)->conflicts = 10000;
	int64_t before = fake.state->now_ms;
	assert_int_equal(clean(&fake, &options), 1);
	assert_in_range(fake.state->now_ms - before, 50000, 70000); /* a deadline holds */
	fake_close(&fake);
}

static void test_expired_instance_and_its_things(void **state)
{
	const struct sweep_options options = options_of();
	struct fake fake;
	bool counted = false;

	(void)state;
	fake_open(&fake);
	struct fake_instance *one = fake_instance_add(&fake, "l1", DAY);
	one->expires = FAKE_START - HOUR;
	struct fake_leftover *root = fake_leftover_add(&fake, LEFTOVER_VOLUME, "root", "l1", DAY);
	struct fake_leftover *data = fake_leftover_add(&fake, LEFTOVER_VOLUME, "data", "l1", DAY);
	snprintf(root->attached, sizeof(root->attached), "%s", one->id);
	snprintf(data->attached, sizeof(data->attached), "%s", one->id);
	root->goes_with = true;
	fake_leftover_add(&fake, LEFTOVER_KEY, "key", "l1", DAY);
	assert_int_equal(look_for(&fake, &options, one->id, &counted), SWEEP_EXPIRED);
	assert_true(counted);
	assert_int_equal(look_for(&fake, &options, "data", NULL), -1); /* it goes with it */
	assert_int_equal(clean(&fake, &options), 0);
	assert_true(one->gone);
	assert_string_equal(fake.state->order, "data key "); /* freed a moment ago, and young */
	fake_close(&fake);
}

static void test_limit_has_both_sides(void **state)
{
	const struct sweep_options options = options_of();
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_instance *one = fake_instance_add(&fake, "l1", DAY);
	one->expires = FAKE_START - SWEEP_GRACE_S;
	assert_int_equal(look_for(&fake, &options, one->id, NULL), -1);
	one->expires--;
	assert_int_equal(look_for(&fake, &options, one->id, NULL), SWEEP_EXPIRED);
	one->expires = 0; /* without a limit */
	assert_int_equal(look_for(&fake, &options, one->id, NULL), -1);
	one->expires = FAKE_START - DAY;
	one->protected = true;
	assert_int_equal(look_for(&fake, &options, one->id, NULL), -1);
	assert_int_equal(clean(&fake, &options), 0);
	assert_false(one->gone);
	fake_close(&fake);
}

/* --- what is not --------------------------------------------------------------------------- */

static void test_grace_has_both_sides(void **state)
{
	struct sweep_options options = options_of();
	struct fake fake;
	bool counted = true;

	(void)state;
	fake_open(&fake);
	struct fake_leftover *one =
		fake_leftover_add(&fake, LEFTOVER_SECURITY_GROUP, "sg", "l1", SWEEP_GRACE_S - 1);
	assert_int_equal(look_for(&fake, &options, "sg", &counted), SWEEP_YOUNG);
	assert_false(counted);
	assert_int_equal(clean(&fake, &options), 0);
	assert_int_equal(fake.state->removals, 0);
	one->created--;
	assert_int_equal(look_for(&fake, &options, "sg", &counted), SWEEP_ORPHANED);

	/* One young thing of a launch keeps all of it; a snapshot taken today does not. */
	fake_leftover_add(&fake, LEFTOVER_SNAPSHOT, "snap", "l1", 10);
	assert_int_equal(look_for(&fake, &options, "sg", NULL), SWEEP_ORPHANED);
	fake_leftover_add(&fake, LEFTOVER_KEY, "key", "l1", 10);
	assert_int_equal(look_for(&fake, &options, "sg", NULL), SWEEP_YOUNG);
	options.grace_s = 5;
	assert_int_equal(look_for(&fake, &options, "key", NULL), SWEEP_ORPHANED);
	fake_close(&fake);
}

/* A group has no time of its own, and may be older than its tag. */
static void test_unknown_age(void **state)
{
	struct sweep_options options = options_of();
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_leftover *one =
		fake_leftover_add(&fake, LEFTOVER_SECURITY_GROUP, "sg", "l1", -1);
	assert_int_equal(look_for(&fake, &options, "sg", NULL), SWEEP_UNKNOWN);
	one->created = FAKE_START + DAY; /* a time that cannot be */
	assert_int_equal(look_for(&fake, &options, "sg", NULL), SWEEP_UNKNOWN);
	assert_int_equal(clean(&fake, &options), 0);
	assert_false(one->removed);
	options.grace_s = 0;
	assert_int_equal(look_for(&fake, &options, "sg", NULL), SWEEP_ORPHANED);
	options = options_of();
	/* An instance that ended long ago tells its age, but not against a time that cannot be. */
	struct fake_instance *gone = fake_instance_add(&fake, "l1", DAY);
	gone->gone = true;
	gone->ended = FAKE_START - HOUR;
	assert_int_equal(look_for(&fake, &options, "sg", NULL), SWEEP_UNKNOWN);
	one->created = FAKE_START + 300; /* clocks differ */
	assert_int_equal(look_for(&fake, &options, "sg", NULL), SWEEP_YOUNG);
	one->created = 0;
	assert_int_equal(look_for(&fake, &options, "sg", NULL), SWEEP_ORPHANED);
	struct fake_leftover *odd = fake_leftover_add(&fake, LEFTOVER_KEY, "key", "l1", DAY);
	odd->created = FAKE_START + 301; /* one such thing makes its whole launch unknown */
	assert_int_equal(look_for(&fake, &options, "sg", NULL), SWEEP_UNKNOWN);
	odd->created = FAKE_START - DAY;
	gone->ended = FAKE_START - 30; /* somebody's terminate may be at it this moment */
	assert_int_equal(look_for(&fake, &options, "sg", NULL), SWEEP_YOUNG);
	fake_close(&fake);
}

static void test_live_launches_keep_their_things(void **state)
{
	static const enum instance_state states[] = { INSTANCE_PENDING,	 INSTANCE_RUNNING,
						      INSTANCE_STOPPING, INSTANCE_STOPPED,
						      INSTANCE_ENDING,	 INSTANCE_UNKNOWN };
	const struct sweep_options options = options_of();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct fake fake;

		fake_open(&fake);
		fake_instance_add(&fake, "l1", 2 * DAY)->state = states[i];
		for (int kind = 0; kind < LEFTOVER_KIND_COUNT; kind++)
			fake_leftover_add(&fake, (enum leftover_kind)kind, "x", "l1", DAY);
		assert_int_equal(look_for(&fake, &options, "x", NULL), -1);
		assert_int_equal(clean(&fake, &options), 0);
		assert_int_equal(fake.state->removals, 0);
		fake_close(&fake);
	}
}

/* A disk of ours that hangs on a machine of somebody's is in use, whatever our tags say. */
static void test_attached_elsewhere(void **state)
{
	const struct sweep_options options = options_of();
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_leftover *one = fake_leftover_add(&fake, LEFTOVER_VOLUME, "vol", "l1", DAY);
	snprintf(one->attached, sizeof(one->attached), "i-0aaaaaaaaaaaaaaaa");
	assert_int_equal(look_for(&fake, &options, "vol", NULL), -1);
	assert_int_equal(clean(&fake, &options), 0);
	assert_int_equal(fake.state->removals, 0);
	fake_close(&fake);
}

static void test_foreign(void **state)
{
	struct sweep_options options = options_of();
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_leftover *one = fake_leftover_add(&fake, LEFTOVER_VOLUME, "vol", "l1", DAY);
	struct fake_instance *instance = fake_instance_add(&fake, "l2", DAY);
	instance->expires = FAKE_START - DAY;
	for (int i = 0; i < 2; i++) { /* another's, and nobody's */
		snprintf(one->owner, sizeof(one->owner), "%s", i ? "" : "you");
		snprintf(instance->owner, sizeof(instance->owner), "%s", i ? "" : "you");
		assert_int_equal(look_for(&fake, &options, "vol", NULL), SWEEP_FOREIGN);
		assert_int_equal(look_for(&fake, &options, instance->id, NULL), SWEEP_FOREIGN);
		assert_int_equal(clean(&fake, &options), 0);
		assert_false(one->removed || instance->gone);
	}
	options.all_owners = true;
	assert_int_equal(clean(&fake, &options), 0);
	assert_true(one->removed && instance->gone);
	fake_close(&fake);
}

static void test_kept_on_purpose(void **state)
{
	struct sweep_options options = options_of();
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_leftover *snap = fake_leftover_add(&fake, LEFTOVER_SNAPSHOT, "snap", "l1", DAY);
	struct fake_leftover *image = fake_leftover_add(&fake, LEFTOVER_IMAGE, "ami", "l1", DAY);
	struct fake_instance *one = fake_instance_add(&fake, "l2", DAY);
	one->expires = FAKE_START - DAY;
	one->state = INSTANCE_STOPPED;
	assert_int_equal(look_for(&fake, &options, "snap", NULL), SWEEP_KEPT);
	assert_int_equal(look_for(&fake, &options, one->id, NULL), SWEEP_STOPPED);
	assert_int_equal(clean(&fake, &options), 0);
	assert_false(snap->removed || image->removed || one->gone);
	options.images = true;
	assert_int_equal(clean(&fake, &options), 0);
	assert_string_equal(fake.state->order, "ami snap ");
	assert_false(one->gone);
	options.stopped = true;
	assert_int_equal(clean(&fake, &options), 0);
	assert_true(one->gone);
	fake_close(&fake);
}

/* --- what cannot be known ------------------------------------------------------------------ */

static void test_silent_region(void **state)
{
	const struct sweep_options options = options_of();
	struct sweep sweep = { 0 };
	struct error err = ERROR_INIT;
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_leftover *here = fake_leftover_add(&fake, LEFTOVER_VOLUME, "here", "l1", DAY);
	struct fake_leftover *there = fake_leftover_add(&fake, LEFTOVER_VOLUME, "there", "l2", DAY);
	snprintf(there->region, sizeof(there->region), "r2");
	fake.state->region_down = true; /* r2's instances: there may be one of l2 */
	assert_int_equal(look_for(&fake, &options, "there", NULL), SWEEP_UNKNOWN);
	assert_int_equal(sweep_look(&fake.fleet, &options, &sweep, &err), 0);
	assert_int_equal(sweep.nr_failures, 1);
	sweep_release(&sweep);
	assert_int_equal(clean(&fake, &options), 0);
	assert_true(here->removed);
	assert_false(there->removed);
	fake.state->region_down = false;
	assert_int_equal(clean(&fake, &options), 0);
	assert_true(there->removed);
	fake_close(&fake);
}

static void silence(struct fake_state *state)
{
	/* at the second look only */
	state->leftovers_down = state->removals++ > 0;
}

/* What is not shown by a region that fell silent is not "gone". */
static void test_region_falls_silent(void **state)
{
	const struct sweep_options options = options_of();
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_leftover *there = fake_leftover_add(&fake, LEFTOVER_VOLUME, "there", "l2", DAY);
	snprintf(there->region, sizeof(there->region), "r2");
	fake.state->at_leftovers = silence;
	assert_int_equal(clean(&fake, &options), 1);
	assert_false(there->removed);
	fake_close(&fake);
}

static void adopt(struct fake_state *state)
{
	/* between the look and the removal somebody uses the disk, and makes another thing */
	if (state->removals++ == 0)
		return;
	snprintf(state->leftovers[0].attached, sizeof(state->leftovers[0].attached), "i-0bbbbbbb");
	if (state->nr_leftovers == 1) {
		state->leftovers[1] = state->leftovers[0];
		state->leftovers[1].attached[0] = '\0';
		snprintf(state->leftovers[1].id, sizeof(state->leftovers[1].id), "later");
		state->nr_leftovers = 2;
	}
}

static void test_second_look_decides(void **state)
{
	const struct sweep_options options = options_of();
	struct fake fake;

	(void)state;
	fake_open(&fake);
	fake_leftover_add(&fake, LEFTOVER_VOLUME, "vol", "l1", DAY);
	fake.state->at_leftovers = adopt;
	clean(&fake, &options);
	assert_false(fake.state->leftovers[0].removed);
	assert_false(fake.state->leftovers[1].removed); /* nobody was asked about it */
	assert_string_equal(fake.state->order, "");
	fake_close(&fake);
}

static void test_clock_a_day_off(void **state)
{
	struct sweep_options options = options_of();
	struct sweep sweep = { 0 };
	struct error err = ERROR_INIT;
	struct fake fake;

	(void)state;
	fake_open(&fake);
	/* ours is a day ahead: by it, all that is new is old, and all that lives has expired */
	fake.state->skew_ms = -DAY * 1000;
	struct fake_leftover *young = fake_leftover_add(&fake, LEFTOVER_KEY, "key", "l1", DAY + 60);
	struct fake_instance *one = fake_instance_add(&fake, "l2", DAY + HOUR);
	one->expires = FAKE_START - HOUR;
	assert_int_equal(look_for(&fake, &options, "key", NULL), SWEEP_YOUNG);
	assert_int_equal(look_for(&fake, &options, one->id, NULL), -1);
	assert_int_equal(clean(&fake, &options), 0);
	assert_false(young->removed || one->gone);
	/* The cloud's clock not known: nothing is judged at all. */
	fake.state->account_down = true;
	assert_int_equal(sweep_look(&fake.fleet, &options, &sweep, &err), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	fake_close(&fake);
}

/* A launch that this computer's journal holds open may be resumed hours later. */
static void test_open_in_the_journal(void **state)
{
	const struct launch_row row = { .id = "l1",
					.name = "n",
					.owner = "me",
					.provider = "fake",
					.account = "1234",
					.region = FAKE_REGION,
					.type = FAKE_TYPE,
					.on_demand = MONEY_UNKNOWN,
					.began = FAKE_START - DAY };
	const struct sweep_options options = options_of();
	struct error err = ERROR_INIT;
	struct fake fake;

	(void)state;
	fake_open(&fake);
	fake_leftover_add(&fake, LEFTOVER_KEY, "key", "l1", DAY);
	assert_int_equal(fleet_journal(&fake.fleet, &err), 0);
	assert_int_equal(journal_begin(fake.fleet.journal, &row, &err), 0);
	assert_int_equal(look_for(&fake, &options, "key", NULL), SWEEP_YOUNG);
	assert_int_equal(journal_finish(fake.fleet.journal, "l1", LAUNCH_FAILED, &err), 0);
	assert_int_equal(look_for(&fake, &options, "key", NULL), SWEEP_ORPHANED);
	fake_close(&fake);
}

static void test_end_not_confirmed(void **state)
{
	const struct sweep_options options = options_of();
	struct fake fake;

	(void)state;
	fake_open(&fake);
	struct fake_instance *one = fake_instance_add(&fake, "l1", DAY);
	one->expires = FAKE_START - HOUR;
	fake_leftover_add(&fake, LEFTOVER_KEY, "key", "l1", DAY);
	fake.state->keeps_running = true;
	assert_int_equal(clean(&fake, &options), 1);
	assert_string_equal(fake.state->order, ""); /* its key is still its key */
	fake.state->keeps_running = false;
	fake.state->refuses_end = true;
	assert_int_equal(clean(&fake, &options), 1);
	assert_string_equal(fake.state->order, "");
	fake_close(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orphans_go_in_order),
		cmocka_unit_test(test_in_use_is_tried_again),
		cmocka_unit_test(test_expired_instance_and_its_things),
		cmocka_unit_test(test_limit_has_both_sides),
		cmocka_unit_test(test_grace_has_both_sides),
		cmocka_unit_test(test_unknown_age),
		cmocka_unit_test(test_live_launches_keep_their_things),
		cmocka_unit_test(test_attached_elsewhere),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_kept_on_purpose),
		cmocka_unit_test(test_silent_region),
		cmocka_unit_test(test_region_falls_silent),
		cmocka_unit_test(test_second_look_decides),
		cmocka_unit_test(test_clock_a_day_off),
		cmocka_unit_test(test_open_in_the_journal),
		cmocka_unit_test(test_end_not_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
