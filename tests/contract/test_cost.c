/* SPDX-License-Identifier: Apache-2.0 */
/* What an instance cost, whatever of it was seen, and how it is cut into names, days and months. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/db.h"
#include "core/mem.h"
#include "fleet/cost_report.h"
#include "fleet/journal_cost.h"
#include "tests/contract/fake_user.h"

#define H   INT64_C(3600)
#define T   FAKE_START
#define DAY INT64_C(86400)

/* Of the first launch, as a cloud would describe it. */
static struct instance described(enum instance_state state, int64_t launched, int64_t ended)
{
	return (struct instance){ .provider = "fake",
				  .region = FAKE_REGION,
				  .zone = { "r1b", "" },
				  .id = "i-00000001",
				  .type = FAKE_TYPE,
				  .state = state,
				  .reason = "",
				  .spot = true,
				  .name = "x",
				  .owner = "",
				  .launch_id = "",
				  .launched = launched,
				  .ended = ended };
}

static struct cost recall(struct fake *fake, struct instance instance, int64_t until)
{
	struct cost cost;

	cost_recall(&fake->fleet, &instance, until, &cost);
	return cost;
}

static struct cost follow(struct fake *fake, struct instance instance, int64_t until)
{
	struct cost cost;

	cost_follow(&fake->fleet, &instance, until, &cost);
	return cost;
}

static void sql(struct fake *fake, const char *text)
{
	char *path = xasprintf("%s/state/journal.db", fake->dir);
	struct error err = ERROR_INIT;
	struct db *db;

	if (db_open(path, NULL, false, &db, &err) < 0 || db_exec(db, text, &err) < 0)
		fail_msg("%s", err.message);
	db_close(db);
	free(path);
}

/* --- when it ran ------------------------------------------------------------------------------ */

static void test_stopped_time_is_not_billed(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0); /* spot at 0.3 $/h */
	assert_int_equal(recall(fake, described(INSTANCE_RUNNING, T, 0), T + H).seconds, H);
	/* Stopped after an hour, looked at much later: the cloud says when it was. */
	struct cost cost = recall(fake, described(INSTANCE_STOPPED, T, T + H), T + 9 * H);
	assert_int_equal(cost.seconds, H);
	assert_int_equal(cost.total, 300000);
	assert_false(cost.estimated);
	/* Started ten hours later, and stopped where the cloud does not say when. */
	cost = recall(fake, described(INSTANCE_RUNNING, T + 10 * H, 0), T + 11 * H);
	assert_int_equal(cost.seconds, 2 * H);
	assert_false(cost.estimated);
	cost = recall(fake, described(INSTANCE_STOPPING, T + 10 * H, 0), T + 12 * H);
	assert_int_equal(cost.seconds, 3 * H);
	assert_true(cost.estimated); /* at the latest when it was seen */
	cost = recall(fake, described(INSTANCE_STOPPED, T + 10 * H, 0), T + 90 * H);
	assert_int_equal(cost.seconds, 3 * H);
	/* Ended while it was stopped: that is no running time. */
	cost = recall(fake, described(INSTANCE_GONE, T + 10 * H, T + 80 * H), T + 91 * H);
	assert_int_equal(cost.seconds, 3 * H);
	/* Old news, out of order: nothing changes. */
	cost = recall(fake, described(INSTANCE_RUNNING, T, 0), T + 92 * H);
	assert_int_equal(cost.seconds, 3 * H);
}

/* Stopped and started while nobody looked: counted as running, and said to be a bound. */
static void test_what_nobody_saw(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	recall(fake, described(INSTANCE_RUNNING, T, 0), T + H);
	struct cost cost = recall(fake, described(INSTANCE_RUNNING, T + 10 * H, 0), T + 11 * H);
	assert_int_equal(cost.seconds, 11 * H);
	assert_true(cost.estimated);
}

static void test_first_look_after_a_restart(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	sql(fake, "DELETE FROM run"); /* it was not even seen at its launch */
	struct cost cost = recall(fake, described(INSTANCE_RUNNING, T + 10 * H, 0), T + 11 * H);
	assert_int_equal(cost.seconds, 11 * H);
	assert_true(cost.estimated);
}

static void test_thought_gone_and_is_not(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	recall(fake, described(INSTANCE_ENDING, T, 0), T + H);
	struct cost cost = recall(fake, described(INSTANCE_RUNNING, T, 0), T + 2 * H);
	assert_int_equal(cost.seconds, 2 * H);
	assert_false(cost.estimated);
}

/* Launched by another computer: what the cloud says now is all there is. */
static void test_of_another_computer(void **state)
{
	struct fake *fake = *state;
	struct tag made = { TAG_MADE, "1600000000" };
	struct instance instance = described(INSTANCE_RUNNING, T + 5, 0);

	fake->state->steps[3] = (struct fake_step){ T + H, 600000 };
	fake->state->nr_steps = 4;
	instance.tags = &made;
	instance.nr_tags = 1;
	struct cost cost = follow(fake, instance, T + 5 + 2 * H);
	assert_int_equal(cost.seconds, 2 * H);
	assert_true(cost.followed);
	assert_false(cost.estimated);
	assert_true(cost.total > 300000 && cost.total < 1200000);
	assert_int_equal(recall(fake, instance, T + H).total, MONEY_UNKNOWN); /* never 0 */
	instance.launched = T + 5 * H; /* started again since it was made */
	assert_true(follow(fake, instance, T + 6 * H).estimated);
	instance.launched = 0;
	assert_int_equal(follow(fake, instance, T + H).total, MONEY_UNKNOWN);
	/* Gone: whether it was stopped for a while before that nobody can tell any more. */
	instance = described(INSTANCE_GONE, T + 5, T + 5 + 10 * H);
	cost = follow(fake, instance, T + 20 * H);
	assert_int_equal(cost.seconds, 10 * H);
	assert_true(cost.estimated);
	assert_false(follow(fake, described(INSTANCE_STOPPED, T + 5, T + H), T + 20 * H).estimated);
}

/* --- at what price ------------------------------------------------------------------------------ */

static void test_prices_are_kept(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	fake->state->steps[3] = (struct fake_step){ T + H, 600000 };
	fake->state->nr_steps = 4;
	follow(fake, described(INSTANCE_RUNNING, T, 0), T + 90 * 60);
	/* The cloud forgets all but the last; the receipt stays right. */
	fake->state->steps[0] = (struct fake_step){ T + H, 600000 };
	fake->state->nr_steps = 1;
	struct cost cost = follow(fake, described(INSTANCE_RUNNING, T, 0), T + 100 * 60);
	assert_int_equal(cost.total, 300000 + 400000);
	fake->state->no_history = true;
	fake_restart(fake);
	struct error err = ERROR_INIT;
	assert_int_equal(fleet_journal(&fake->fleet, &err), 0);
	cost = follow(fake, described(INSTANCE_GONE, T, T + 90 * 60), T + 100 * H);
	assert_int_equal(cost.total, 300000 + 300000);
	assert_true(cost.followed);
	assert_int_equal(cost.on_demand_total, 1500000);
}

static void test_first_hour_is_free(void **state)
{
	static const struct {
		const char *reason;
		int64_t seconds;
		bool spot, free;
	} cases[] = {
		{ "Server.SpotInstanceTermination: Spot instance termination", 3599, true, true },
		{ "Server.SpotInstanceTermination: Spot instance termination", 3600, true, false },
		{ "Client.UserInitiatedShutdown: User initiated shutdown", 3599, true, false },
		{ "Client.InstanceInitiatedShutdown: Instance initiated", 3599, true, false },
		{ "Server.SpotInstanceTermination: Spot instance termination", 3599, false, false },
		{ "", 3599, true, false },
	};
	struct fake *fake = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct instance instance = described(INSTANCE_GONE, T, T + cases[i].seconds);

		instance.reason = cases[i].reason;
		instance.spot = cases[i].spot;
		struct cost cost = follow(fake, instance, T + 5 * H);
		assert_int_equal(cost.free, cases[i].free);
		assert_int_equal(cost.total == 0, cases[i].free);
		assert_true(cost.on_demand_total > 0);
	}
	/* The cloud's reason is kept: it is free for good. */
	fake_must_launch(fake, "x", 0);
	struct instance instance = described(INSTANCE_GONE, T, T + 100);
	instance.reason = cases[0].reason;
	assert_true(follow(fake, instance, T + H).free);
	instance.reason = "";
	assert_true(recall(fake, instance, T + H).free);
}

/* --- reports ------------------------------------------------------------------------------------ */

static struct cost_report report(struct fake *fake, const struct cost_query *query)
{
	struct cost_report report = { .nr = 0 };
	struct error err = ERROR_INIT;

	if (cost_report_make(&fake->fleet, query, &report, &err) < 0)
		fail_msg("%s", err.message);
	return report;
}

static void make_two(struct fake *fake)
{
	fake_must_launch(fake, "x", 0);
	fake_later(fake, 10);
	fake_must_launch(fake, "y", 0);
}

/* 1600000000 is 12:26:40 UTC: the day has 41600 s left. */
static void test_days_and_months(void **state)
{
	struct fake *fake = *state;
	const struct cost_query days = {
		.until = INT64_MAX, .now = T + 60 * DAY, .by = COST_BY_DAY, .local = true
	};
	struct cost_query months = days;

	fake_must_launch(fake, "x", 0);
	recall(fake, described(INSTANCE_RUNNING, T, 0), T + 5);
	recall(fake, described(INSTANCE_STOPPED, T, T + 41600 + 3600), T + DAY);
	recall(fake, described(INSTANCE_RUNNING, T + 30 * DAY, 0), T + 30 * DAY + 5);
	recall(fake, described(INSTANCE_GONE, T + 30 * DAY, T + 30 * DAY + 2 * H), T + 31 * DAY);
	struct cost_report got = report(fake, &days);
	assert_int_equal(got.nr, 3); /* days on which it was stopped are not there */
	assert_string_equal(got.v[0].key, "2020-09-13");
	assert_int_equal(got.v[0].seconds, 41600);
	assert_int_equal(got.v[0].total, 300000 * INT64_C(41600) / 3600 + 1); /* rounded half up */
	assert_string_equal(got.v[1].key, "2020-09-14");
	assert_int_equal(got.v[1].seconds, 3600);
	assert_string_equal(got.v[2].key, "2020-10-13");
	assert_int_equal(got.v[2].total, 600000);
	assert_int_equal(got.v[0].total + got.v[1].total + got.v[2].total, got.sum.total);
	assert_int_equal(got.sum.launches, 1);
	cost_report_release(&got);

	months.by = COST_BY_MONTH;
	got = report(fake, &months);
	assert_int_equal(got.nr, 2);
	assert_string_equal(got.v[0].key, "2020-09");
	assert_int_equal(got.v[0].launches, 1);
	assert_int_equal(got.v[0].seconds, 41600 + 3600);
	assert_string_equal(got.v[1].key, "2020-10");
	cost_report_release(&got);

	months.since = T + 41600 + 1800; /* half of the second day's hour on */
	months.until = T + 30 * DAY + H;
	got = report(fake, &months);
	assert_int_equal(got.sum.seconds, 1800 + H);
	assert_int_equal(got.sum.total, 150000 + 300000);
	cost_report_release(&got);
}

static void test_by_name_and_unknown(void **state)
{
	struct fake *fake = *state;
	struct cost_query query = {
		.until = INT64_MAX, .now = T + H, .by = COST_BY_NAME, .local = true
	};

	make_two(fake);
	fake_later(fake, 10);
	sql(fake, "UPDATE launch SET price = -1, name = 'x' WHERE name = 'y'");
	struct cost_report got = report(fake, &query);
	assert_int_equal(got.nr, 1);
	assert_int_equal(got.v[0].launches, 2);
	assert_int_equal(got.v[0].unknown_s, H - 10); /* and not counted as 0 without a word */
	assert_int_equal(got.v[0].total, 300000);
	cost_report_release(&got);
	query.by = COST_BY_INSTANCE;
	query.target = "i-00000001";
	got = report(fake, &query);
	assert_int_equal(got.nr, 1);
	assert_string_equal(got.v[0].name, "x");
	cost_report_release(&got);
	query.target = "x";
	got = report(fake, &query);
	assert_int_equal(got.nr, 2);
	assert_true(got.v[0].runs);
	cost_report_release(&got);
	/* The simulator's launches are no real money. */
	query.local = false;
	query.target = NULL;
	got = report(fake, &query);
	assert_int_equal(got.nr, 0);
	cost_report_release(&got);
}

/* What the cloud has forgotten ended when its time limit did, at the latest. */
static void test_ended_unseen(void **state)
{
	struct fake *fake = *state;
	struct cost_query query = { .until = INT64_MAX, .by = COST_BY_INSTANCE, .ask = true };

	make_two(fake);
	sql(fake, "UPDATE launch SET expires = 1600007200 WHERE name = 'x'");
	fake->state->nr = 0;
	fake_later(fake, 100 * H);
	query.now = T + 100 * H;
	struct cost_report got = report(fake, &query);
	assert_int_equal(got.nr, 2);
	assert_false(got.v[0].runs || got.v[1].runs);
	assert_int_equal(got.v[0].seconds, 2 * H);
	assert_true(got.v[0].estimated && got.v[1].estimated);
	assert_int_equal(got.v[1].seconds, 100 * H - 10 + 10);
	cost_report_release(&got);
	/* And it stays that: the next report is no dearer. */
	fake_later(fake, 100 * H);
	query.now = T + 200 * H;
	got = report(fake, &query);
	assert_int_equal(got.v[1].seconds, 100 * H - 10 + 10);
	cost_report_release(&got);
}

/* A region that is silent proves nothing. */
static void test_silent_region(void **state)
{
	struct fake *fake = *state;
	struct cost_query query = {
		.until = INT64_MAX, .now = T + 5 * H, .by = COST_BY_INSTANCE, .ask = true
	};

	fake_must_launch(fake, "x", 0);
	sql(fake, "UPDATE launch SET region = 'r2'");
	fake->state->nr = 0;
	fake->state->region_down = true;
	fake_later(fake, 5 * H);
	struct cost_report got = report(fake, &query);
	assert_true(got.v[0].runs);
	assert_true(got.nr_failures > 0);
	cost_report_release(&got);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stopped_time_is_not_billed),
		TEST(test_what_nobody_saw),
		TEST(test_first_look_after_a_restart),
		TEST(test_thought_gone_and_is_not),
		TEST(test_of_another_computer),
		TEST(test_prices_are_kept),
		TEST(test_first_hour_is_free),
		TEST(test_days_and_months),
		TEST(test_by_name_and_unknown),
		TEST(test_ended_unseen),
		TEST(test_silent_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
