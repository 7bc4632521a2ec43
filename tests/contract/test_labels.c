/* SPDX-License-Identifier: Apache-2.0 */
/* Where a cloud keeps no tags: what is to become of an instance is in the journal, or not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/db.h"
#include "core/mem.h"
#include "fleet/labels.h"
#include "fleet/look.h"
#include "fleet/reap.h"
#include "tests/contract/fake_user.h"

static const struct tag policy[] = { { TAG_EXPIRES, "1600043200" },
				     { TAG_IDLE, "1800" },
				     { TAG_HOSTKEY, "fingerprint" } };

static int setup(void **state)
{
	fake_setup(state);
	fake_become(*state, FAKE_BARE);
	return 0;
}

static char *journal_file(const struct fake *fake)
{
	return xasprintf("%s/journal.db", fake->paths.state);
}

static bool has_journal(const struct fake *fake)
{
	char *path = journal_file(fake);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static void lose_journal(struct fake *fake)
{
	char *path = journal_file(fake);

	fake_restart(fake);
	assert_int_equal(unlink(path), 0);
	free(path);
}

static void launch(struct fake *fake, const char *name)
{
	struct wanted wanted = { .name = name, .tags = policy, .nr_tags = ARRAY_SIZE(policy) };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;

	if (fake_user_launch(fake, &wanted, &outcome, &err) != 0)
		fail_msg("%s", err.message);
	launch_outcome_release(&outcome);
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

static void set(struct fake *fake, const char *key, const char *value)
{
	struct instance_list all = list(fake);
	struct error err = ERROR_INIT;

	assert_true(all.nr > 0);
	if (fleet_tag(&fake->fleet, &all.v[0], &(struct tag){ key, value }, &err) < 0)
		fail_msg("%s", err.message);
	instance_list_release(&all);
}

static bool is_unknown(struct fake *fake)
{
	struct instance_list all = list(fake);

	assert_true(all.nr > 0);
	bool unknown = all.v[0].policy_unknown;
	instance_list_release(&all);
	return unknown;
}

/* The labels of a launch, as another connection reads them. */
static int64_t count(const struct fake *fake)
{
	char *path = journal_file(fake);
	struct error err = ERROR_INIT;
	struct db_stmt *stmt;
	struct db *db;

	assert_int_equal(db_open(path, NULL, true, &db, &err), 0);
	assert_int_equal(db_prepare(db, "SELECT count(*) FROM label", &stmt, &err), 0);
	assert_int_equal(db_step(stmt, &err), 1);
	int64_t nr = db_int64(stmt, 0);
	db_finalize(stmt);
	db_close(db);
	free(path);
	return nr;
}

static void launch_with_policy(struct fake *fake)
{
	launch(fake, "x");
}

/* Killed with the request about to leave: what the instance is to be is on the disk. */
static void test_before_the_instance(void **state)
{
	struct fake *fake = *state;

	assert_true(fake_do_and_die(fake, FAKE_AFTER_INTENT, launch_with_policy));
	assert_int_equal(fake->state->nr, 0);
	assert_int_equal(count(fake), ARRAY_SIZE(policy) + 1);
}

static void test_read_as_tags(void **state)
{
	struct fake *fake = *state;

	launch(fake, "x");
	fake_restart(fake); /* and nothing of it is in memory */
	struct instance_list all = list(fake);
	assert_int_equal(all.nr, 1);
	const struct instance *one = &all.v[0];
	assert_int_equal(one->expires, 1600043200);
	assert_string_equal(one->hostkey, "fingerprint");
	assert_string_equal(instance_tag(one, TAG_IDLE), "1800");
	assert_string_equal(instance_tag(one, TAG_MADE), "1600000000");
	assert_false(one->policy_unknown);
	assert_null(instance_tag(one, TAG_HOLD));
	instance_list_release(&all);
	set(fake, TAG_EXPIRES, "1600050000");
	set(fake, TAG_HOLD, "1600040000");
	fake_restart(fake);
	all = list(fake);
	assert_int_equal(all.v[0].expires, 1600050000);
	assert_string_equal(instance_tag(&all.v[0], TAG_HOLD), "1600040000");
	assert_string_equal(instance_tag(&all.v[0], TAG_IDLE), "1800");
	instance_list_release(&all);
}

/* A launch without any policy is known to have none. */
static void test_no_policy_is_known(void **state)
{
	struct fake *fake = *state;

	fake_must_launch(fake, "x", 0);
	assert_false(is_unknown(fake));
}

/* What was set since a launch began is not taken back by its going on. */
static void test_begun_again(void **state)
{
	struct fake *fake = *state;
	struct error err = ERROR_INIT;

	launch(fake, "x");
	set(fake, TAG_EXPIRES, "1600050000");
	const struct launch_request request = { .launch_id = fake->state->v[0].launch_id,
						.made = FAKE_START,
						.tags = policy,
						.nr_tags = ARRAY_SIZE(policy) };
	assert_int_equal(labels_intend(&fake->fleet, &request, &err), 0);
	struct instance_list all = list(fake);
	assert_int_equal(all.v[0].expires, 1600050000);
	instance_list_release(&all);
}

/* Lost with the journal: listed all the same, and nobody makes one to look. */
static void test_unknown(void **state)
{
	struct fake *fake = *state;

	launch(fake, "x");
	lose_journal(fake);
	fake->state->account_down = true; /* nobody needs to know whose it would be */
	assert_true(is_unknown(fake));
	assert_false(has_journal(fake));
	fake->state->account_down = false;

	/* What is noted of a machine is no policy; what a person says is. */
	set(fake, TAG_HOSTKEY, "fingerprint");
	set(fake, TAG_RESTED, "1600000000");
	assert_true(is_unknown(fake));
	/* Protected and then not any more, it would run for ever, and nobody would say so. */
	set(fake, TAG_PROTECT, "1");
	set(fake, TAG_PROTECT, "0");
	assert_true(is_unknown(fake));
	set(fake, TAG_HOLD, "1600010000");
	assert_false(is_unknown(fake));
	fake_restart(fake);
	assert_false(is_unknown(fake));
}

/* One that gpucloud did not make has nothing that could be known. */
static void test_not_ours(void **state)
{
	struct fake *fake = *state;
	struct error err = ERROR_INIT;

	fake_instance_add(fake, "", 10);
	struct instance_list all = list(fake);
	assert_int_equal(all.nr, 1);
	assert_false(all.v[0].policy_unknown);
	assert_int_equal(fleet_tag(&fake->fleet, &all.v[0], &(struct tag){ TAG_HOLD, "1" }, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_UNSUPPORTED);
	instance_list_release(&all);
}

/* Labels are an account's; who has another one must not take them for theirs. */
static void test_scope(void **state)
{
	struct fake *fake = *state;

	launch(fake, "x");
	fake->state->account = "9999";
	fake_restart(fake);
	assert_true(is_unknown(fake));
	fake->state->account = "1234";
	fake_restart(fake);
	assert_false(is_unknown(fake));
	/* Whose they are cannot be had: nothing is guessed. */
	fake->state->account_down = true;
	fake_restart(fake);
	static const char *const regions[] = { FAKE_REGION };
	const struct instance_query query = { .regions = regions, .nr_regions = 1 };
	struct instance_list ret = { 0 };
	struct error err = ERROR_INIT;
	assert_int_equal(fleet_instances(&fake->fleet, &query, &ret, &err), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
}

static void test_broken_journal(void **state)
{
	struct fake *fake = *state;

	launch(fake, "x");
	fake_restart(fake);
	char *path = journal_file(fake);
	FILE *file = fopen(path, "r+b");
	assert_non_null(file);
	for (int i = 0; i < 4096; i++)
		assert_int_not_equal(fputc(0xa5, file), EOF);
	assert_int_equal(fclose(file), 0);
	free(path);
	assert_true(is_unknown(fake)); /* what runs is listed all the same */
}

/* On clouds with tags nothing of this is asked, read or made. */
static void test_with_tags(void **state)
{
	struct fake *fake = *state;
	struct error err = ERROR_INIT;

	fake_become(fake, FAKE_FULL);
	fake_instance_add(fake, "l1", 10);
	fake->state->account_down = true;
	assert_false(is_unknown(fake));
	set(fake, TAG_HOLD, "1600010000");
	assert_string_equal(fake->state->v[0].keys[0], TAG_HOLD);
	assert_int_equal(
		labels_intend(&fake->fleet, &(struct launch_request){ .launch_id = "l1" }, &err),
		0);
	assert_false(has_journal(fake));
}

/* --- on threads ------------------------------------------------------------------------------ */

static struct fake *shared;

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

static void look_at(struct fleet *fleet, void *item)
{
	static const char *const regions[] = { FAKE_REGION };
	const struct instance_query query = { .regions = regions, .nr_regions = 1 };
	struct instance_list all = { 0 };
	struct error err = ERROR_INIT;
	bool *ret = item;

	*ret = fleet_instances(fleet, &query, &all, &err) == 0 && all.nr == 1 &&
	       !all.v[0].policy_unknown && all.v[0].expires == 1600043200 &&
	       fleet_tag(fleet, &all.v[0], &(struct tag){ TAG_HOSTKEY, "new" }, &err) == 0;
	instance_list_release(&all);
}

/* Each has a journal of its own then, closed behind it. */
static void test_on_threads(void **state)
{
	struct fake *fake = *state;
	struct provider_ops ops = *fake->fleet.ops;
	bool done[20] = { false };

	shared = fake;
	launch(fake, "x");
	ops.open = open_again;
	ops.close = close_again;
	fake->fleet.ops = &ops;
	look_each(&fake->fleet, done, ARRAY_SIZE(done), sizeof(done[0]), look_at);
	fake->fleet.ops = fake->ops;
	for (size_t i = 0; i < ARRAY_SIZE(done); i++)
		assert_true(done[i]);
	struct instance_list all = list(fake);
	assert_string_equal(all.v[0].hostkey, "new");
	instance_list_release(&all);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_before_the_instance),
		TEST(test_read_as_tags),
		TEST(test_no_policy_is_known),
		TEST(test_begun_again),
		TEST(test_unknown),
		TEST(test_not_ours),
		TEST(test_scope),
		TEST(test_broken_journal),
		TEST(test_with_tags),
		TEST(test_on_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
