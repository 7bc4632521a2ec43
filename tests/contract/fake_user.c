/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/contract/fake_user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/db.h"
#include "core/mem.h"
#include "fleet/recover.h"

int fake_setup(void **state)
{
	struct fake *fake = xcalloc(1, sizeof(*fake));

	fake_open(fake);
	*state = fake;
	return 0;
}

int fake_teardown(void **state)
{
	fake_close(*state);
	free(*state);
	return 0;
}

static void on_told(void *ctx, const char *line)
{
	struct told *told = ctx;
	size_t len = strlen(told->text);

	snprintf(told->text + len, sizeof(told->text) - len, "%s\n", line);
}

struct told fake_recover(struct fake *fake)
{
	struct told told = { "" };

	recover_all(&fake->fleet, on_told, &told);
	return told;
}

static void on_passed_over(void *ctx, const struct zone *zone, const struct error *why)
{
	char *zones = ctx;
	size_t len = strlen(zones);

	(void)why;
	snprintf(zones + len, 64 - len, "%s ", zone->name);
}

int fake_user_launch(struct fake *fake, struct wanted *wanted, struct launch_outcome *ret,
		     struct error *err)
{
	const struct plan_options wish = { .type = FAKE_TYPE,
					   .spot = wanted->spot,
					   .on_demand = MONEY_UNKNOWN };
	const struct launch_events events = { .ctx = wanted->passed_over,
					      .passed_over = on_passed_over };
	struct launch_options options = { .name = wanted->name,
					  .disk_gib = wanted->disk_gib,
					  .tags = wanted->tags,
					  .nr_tags = wanted->nr_tags };
	struct launch_resume resume = { 0 };
	struct launch_plan plan = { 0 };

	int rc = launch_find_existing(&fake->fleet, wanted->name, ret, &resume, err);
	options.resume = rc == 2 ? &resume : NULL;
	if (rc == 0 || rc == 2) {
		rc = launch_plan_make(&fake->fleet, &wish, &plan, err);
		if (rc == 0)
			rc = launch_make(&fake->fleet, &plan, &options, &events, ret, err);
	}
	launch_plan_release(&plan);
	launch_resume_release(&resume);
	return rc;
}

static bool has_spot(const struct fake *fake)
{
	return (fake->fleet.ops->caps & PROVIDER_CAP_SPOT) != 0;
}

void fake_must_launch(struct fake *fake, const char *name, int expected)
{
	struct wanted wanted = { .name = name, .spot = has_spot(fake) };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;
	int rc = fake_user_launch(fake, &wanted, &outcome, &err);

	if (rc != expected)
		fail_msg("%d: %s", rc, err.message);
	assert_string_equal(outcome.name, name);
	assert_int_equal(outcome.existed, expected == 1);
	launch_outcome_release(&outcome);
}

bool fake_do_and_die(struct fake *fake, enum fake_point point, void (*fn)(struct fake *fake))
{
	int status;

	fake_restart(fake);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fake->state->die_at = point;
		fn(fake);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fake->state->die_at = FAKE_NOWHERE;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 77;
}

static const char *name_to_launch;

static void launch_it(struct fake *fake)
{
	struct wanted wanted = { .name = name_to_launch, .spot = has_spot(fake) };
	struct launch_outcome outcome = { 0 };
	struct error err = ERROR_INIT;

	fake_user_launch(fake, &wanted, &outcome, &err);
}

void fake_launch_and_die(struct fake *fake, const char *name, enum fake_point point)
{
	name_to_launch = name;
	assert_true(fake_do_and_die(fake, point, launch_it));
}

size_t fake_rows(struct fake *fake, enum launch_state state, char instance[32])
{
	struct launch_rows rows = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(fleet_journal(&fake->fleet, &err), 0);
	assert_int_equal(journal_launches(fake->fleet.journal, state, NULL, &rows, &err), 0);
	size_t nr = rows.nr;
	if (instance)
		snprintf(instance, 32, "%s", nr ? rows.v[0].instance : "");
	launch_rows_release(&rows);
	return nr;
}

void fake_sql(struct fake *fake, const char *text)
{
	char *path = xasprintf("%s/journal.db", fake->paths.state);
	struct error err = ERROR_INIT;
	struct db *db;

	if (db_open(path, NULL, false, &db, &err) < 0 || db_exec(db, text, &err) < 0)
		fail_msg("%s", err.message);
	db_close(db);
	free(path);
}

void fake_later(struct fake *fake, int64_t s)
{
	clock_sleep_ms(&fake->clock, s * 1000);
}
