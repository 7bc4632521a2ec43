/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal keeps: of an older gpucloud, of costs, and for how long. */
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
#include "fleet/journal_cost.h"
#include "fleet/journal_keep.h"
#include "fleet/journal_label.h"
#include "providers/provider.h"
#include "tests/unit/journal_fixture.h"

static void test_from_version_1(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct launch_rows rows = { 0 };
	struct journal_bill bill;
	struct attempt_row attempt;
	struct arena arena = { 0 };

	journal_fixture_sql(fixture, journal_version_1);
	struct journal *journal = journal_fixture_open_it(fixture);
	assert_int_equal(journal_fixture_number(fixture, "PRAGMA user_version"), 3);
	/* Nothing that recovery needs was lost. */
	assert_int_equal(journal_open_attempt(journal, "l-open", &arena, &attempt, &err), 1);
	assert_string_equal(attempt.token, "l-open-1");
	arena_release(&arena);
	assert_int_equal(journal_find_instance(journal, "i-1", &rows, &err), 0);
	assert_int_equal(rows.nr, 1);
	assert_int_equal(rows.v[0].price, 300);
	assert_int_equal(rows.v[0].ended, 0);
	launch_rows_release(&rows);
	/* The bid stands in the steps; an end that version 1 wrote is a bound. */
	assert_int_equal(journal_bill_read(journal, "l-live", &bill, &err), 0);
	assert_int_equal(bill.cap, 500);
	assert_int_equal(bill.nr_runs, 0);
	journal_bill_release(&bill);
	assert_int_equal(journal_bill_read(journal, "l-ended", &bill, &err), 0);
	assert_int_equal(bill.nr_runs, 1);
	assert_int_equal(bill.runs[0].ended, 1600003600);
	assert_false(bill.runs[0].exact);
	journal_bill_release(&bill);
	/* Once is enough. */
	journal_fixture_open_it(fixture);
	assert_int_equal(journal_fixture_number(fixture, "SELECT count(*) FROM run"), 1);
}

static void test_from_version_2(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct launch_rows rows = { 0 };
	struct journal_bill bill;

	journal_fixture_sql(fixture, journal_version_2);
	struct journal *journal = journal_fixture_open_it(fixture);
	assert_int_equal(journal_fixture_number(fixture, "PRAGMA user_version"), 3);
	assert_int_equal(journal_find_instance(journal, "i-1", &rows, &err), 0);
	assert_int_equal(rows.nr, 1);
	assert_int_equal(rows.v[0].expires, 1600043200);
	assert_false(rows.v[0].listed); /* nobody kept track of that */
	launch_rows_release(&rows);
	assert_int_equal(journal_bill_read(journal, "l-live", &bill, &err), 0);
	assert_int_equal(bill.nr_runs, 1);
	assert_int_equal(bill.nr_steps, 1);
	journal_bill_release(&bill);
	assert_int_equal(journal_bill_read(journal, "l-ended", &bill, &err), 0);
	assert_true(bill.closed);
	journal_bill_release(&bill);
	assert_int_equal(journal_fixture_number(fixture, "SELECT count(*) FROM label"), 0);
}

static const struct label_scope one = { "bare", "1" },
				another = { "bare", "1@https://127.0.0.1:1" };

static void label(struct journal *journal, const struct label_scope *scope, const char *launch,
		  const char *value)
{
	struct error err = ERROR_INIT;

	if (journal_label_set(journal, scope, launch, &(struct tag){ "gpucloud-idle", value },
			      &err) < 0)
		fail_msg("%s", err.message);
}

/* By scope and launch; set again they change, begun again they stay. */
static void test_labels(void **state)
{
	static const struct tag begun[] = { { "gpucloud-made", "7" }, { "gpucloud-idle", "60" } };
	struct fixture *fixture = *state;
	struct journal *journal = journal_fixture_open_it(fixture);
	struct error err = ERROR_INIT;
	struct label_rows rows = { 0 };

	label(journal, &one, "l2", "1");
	label(journal, &one, "l1", "2");
	label(journal, &another, "l1", "3");
	label(journal, &one, "l1", "4");
	assert_int_equal(journal_labels_begin(journal, &one, "l1", begun, 2, &err), 0);

	journal = journal_fixture_open_it(fixture);
	assert_int_equal(journal_labels(journal, &one, &rows, &err), 0);
	assert_int_equal(rows.nr, 3);
	assert_string_equal(rows.v[0].launch_id, "l1");
	assert_string_equal(rows.v[0].key, "gpucloud-idle");
	assert_string_equal(rows.v[0].value, "4");
	assert_string_equal(rows.v[1].key, "gpucloud-made");
	assert_string_equal(rows.v[2].launch_id, "l2");
	label_rows_release(&rows);
	/* Whose: another cloud's are none of these. */
	assert_int_equal(journal_labels(journal, &(struct label_scope){ "full", "1" }, &rows, &err),
			 0);
	assert_int_equal(rows.nr, 0);
	label_rows_release(&rows);
}

/* With their launch, and of one that has no row with its end. */
static void test_labels_go(void **state)
{
	struct fixture *fixture = *state;
	struct journal *journal = journal_fixture_open_it(fixture);
	struct error err = ERROR_INIT;
	size_t nr;

	journal_fixture_begin(journal, "l1", T);
	journal_fixture_begin(journal, "l2", T);
	label(journal, &one, "l1", "1");
	label(journal, &one, "l2", "1");
	label(journal, &one, "elsewhere", "1");
	label(journal, &one, "kept", "1");
	assert_int_equal(journal_finish(journal, "l1", LAUNCH_ENDED, &err), 0);
	assert_int_equal(journal_finish(journal, "elsewhere", LAUNCH_ENDED, &err), 0);
	assert_int_equal(journal_fixture_number(fixture, "SELECT count(*) FROM label"), 3);
	assert_int_equal(journal_retire(journal, T + 2 * JOURNAL_KEEP_S, &nr, &err), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(
		journal_fixture_number(fixture, "SELECT count(*) FROM label WHERE launch = 'l1'"),
		0);
	assert_int_equal(journal_fixture_number(fixture, "SELECT count(*) FROM label"), 2);
}

static void test_listed(void **state)
{
	static const char *const seen[] = { "none", "l2", "l1" };
	struct fixture *fixture = *state;
	struct journal *journal = journal_fixture_open_it(fixture);
	struct error err = ERROR_INIT;

	journal_fixture_begin(journal, "l1", T);
	journal_fixture_begin(journal, "l2", T);
	journal_fixture_begin(journal, "l3", T);
	assert_int_equal(journal_finish(journal, "l2", LAUNCH_ENDED, &err), 0);
	assert_int_equal(journal_listed(journal, seen, ARRAY_SIZE(seen), &err), 0);
	assert_int_equal(journal_fixture_number(fixture, "SELECT sum(listed) FROM launch"), 1);
	assert_int_equal(
		journal_fixture_number(fixture, "SELECT listed FROM launch WHERE id = 'l1'"), 1);
}

/* What the cloud says that it costs takes the place of what was quoted; of spot it says nothing. */
static void test_price_told(void **state)
{
	struct fixture *fixture = *state;
	struct journal *journal = journal_fixture_open_it(fixture);
	struct error err = ERROR_INIT;

	journal_fixture_begin(journal, "l1", T);
	journal_fixture_sql(fixture, "UPDATE launch SET spot = 0");
	journal_fixture_begin(journal, "l2", T);
	assert_int_equal(journal_price_told(journal, "l1", 760, &err), 0);
	assert_int_equal(journal_price_told(journal, "l2", 760, &err), 0);
	assert_int_equal(
		journal_fixture_number(fixture, "SELECT on_demand FROM launch WHERE id = 'l1'"),
		760);
	assert_int_equal(
		journal_fixture_number(fixture, "SELECT on_demand FROM launch WHERE id = 'l2'"),
		900);
}

static void test_newer_is_refused(void **state)
{
	struct fixture *fixture = *state;

	journal_fixture_open_it(fixture);
	journal_fixture_sql(fixture, "PRAGMA user_version = 4");
	struct error err = journal_fixture_not_opened(fixture);
	assert_int_equal(err.kind, ERROR_CONFIG);
	assert_non_null(strstr(err.message, fixture->path));
	assert_non_null(strstr(err.message, "newer gpucloud"));
	assert_true(err.hint[0]);
	assert_int_equal(journal_fixture_number(fixture, "PRAGMA user_version"),
			 4); /* and left as it was */
}

static void test_bill_is_kept(void **state)
{
	struct fixture *fixture = *state;
	struct journal *journal = journal_fixture_open_it(fixture);
	struct error err = ERROR_INIT;
	struct journal_bill bill;
	static const struct price_point first[] = { { T - 5, 100 }, { T + 9, 200 } };
	static const struct price_point more[] = { { T + 99, 300 } };

	journal_fixture_begin(journal, "l1", T);
	const struct price_news news = { first, 2, T + 50, false };
	assert_int_equal(journal_prices_add(journal, "l1", &news, &err), 0);
	const struct price_news again = { first, 2, T + 40, true };
	assert_int_equal(journal_prices_add(journal, "l1", &again, &err), 0); /* harmless */
	const struct price_news later = { more, 1, T + 100, false };
	assert_int_equal(journal_prices_add(journal, "l1", &later, &err), 0);
	assert_int_equal(journal_run_set(journal, "l1", &(struct journal_run){ T, 0, true }, &err),
			 0);
	assert_int_equal(
		journal_run_set(journal, "l1", &(struct journal_run){ T, T + 60, true }, &err), 0);
	assert_int_equal(
		journal_run_set(journal, "l1", &(struct journal_run){ T + 90, 0, true }, &err), 0);
	assert_int_equal(journal_seen(journal, "l1", T + 999, "Client.UserInitiatedShutdown", &err),
			 0);
	/* A receipt that is about is replaced by one that is not, and that one stays. */
	const struct receipt about = { T + 100, 100, 111, 999, false };
	const struct receipt exact = { T + 100, 70, 77, 700, true };
	const struct receipt other = { T + 200, 1, 1, 1, true };
	assert_int_equal(journal_receipt_keep(journal, "l1", &about, &err), 0);
	assert_int_equal(journal_receipt_keep(journal, "l1", &exact, &err), 0);
	assert_int_equal(journal_receipt_keep(journal, "l1", &other, &err), 0);
	assert_int_equal(journal_receipt_keep(journal, "l1", &about, &err), 0);

	journal = journal_fixture_open_it(fixture);
	assert_int_equal(journal_bill_read(journal, "l1", &bill, &err), 0);
	assert_int_equal(bill.nr_steps, 3);
	assert_int_equal(bill.steps[2].micros, 300);
	assert_int_equal(bill.priced_until, T + 100);
	assert_true(bill.price_gap);
	assert_int_equal(bill.nr_runs, 2);
	assert_int_equal(bill.runs[0].ended, T + 60);
	assert_true(bill.closed && bill.receipt.exact);
	assert_int_equal(bill.receipt.total, 77);
	journal_bill_release(&bill);
	/* What belongs to no launch is refused. */
	assert_int_equal(journal_run_set(journal, "l2", &(struct journal_run){ T, 0, true }, &err),
			 -1);
	assert_int_equal(journal_receipt_keep(journal, "l2", &exact, &err), -1);
}

static void finish(struct fixture *fixture, const char *id, enum launch_state state, int64_t at)
{
	struct error err = ERROR_INIT;

	fixture->now_ms = at * 1000;
	assert_int_equal(journal_finish(fixture->journal, id, state, &err), 0);
}

static void test_retention(void **state)
{
	struct fixture *fixture = *state;
	struct journal *journal = journal_fixture_open_it(fixture);
	const struct launch_steps steps = journal_steps(journal);
	struct error err = ERROR_INIT;
	static const char *const ids[] = { "ended-old", "ended-new", "failed-old",
					   "open-old",	"live-old",  "gone-old" };
	size_t nr;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct attempt_row attempt = { ids[i], "r1", "r1a", 0, 300, 0 };

		journal_fixture_begin(journal, ids[i], T);
		journal_attempt(journal, ids[i], &attempt);
		assert_int_equal(steps.intend(steps.ctx, "instance", ids[i], "h", &err), 0);
		assert_int_equal(steps.done(steps.ctx, "instance", ids[i], ids[i], &err), 0);
		assert_int_equal(
			journal_run_set(journal, ids[i], &(struct journal_run){ T, 0, true }, &err),
			0);
	}
	journal_fixture_sql(fixture, "UPDATE launch SET state = 0 WHERE id = 'open-old'");
	finish(fixture, "ended-old", LAUNCH_ENDED, T + DAY);
	finish(fixture, "failed-old", LAUNCH_FAILED, T + DAY);
	finish(fixture, "ended-new", LAUNCH_ENDED, T + 2 * DAY);
	const struct receipt receipt = { T + DAY, 1, 1, 1, true };
	assert_int_equal(journal_receipt_keep(journal, "gone-old", &receipt, &err), 0);

	assert_int_equal(journal_retire(journal, T + DAY + JOURNAL_KEEP_S, &nr, &err), 0);
	assert_int_equal(nr, 0);				    /* 400 days to the second */
	assert_int_equal(journal_retire(journal, 0, &nr, &err), 0); /* no time at all */
	assert_int_equal(nr, 0);
	assert_int_equal(journal_retire(journal, T + DAY + JOURNAL_KEEP_S + 1, &nr, &err), 0);
	assert_int_equal(nr, 3);
	assert_int_equal(journal_fixture_number(fixture, "SELECT count(*) FROM launch"), 3);
	assert_int_equal(journal_fixture_number(fixture, "SELECT count(*) FROM step"), 3);
	assert_int_equal(journal_fixture_number(fixture, "SELECT count(*) FROM run"), 3);
	assert_int_equal(journal_fixture_number(fixture, "SELECT count(*) FROM receipt"), 0);
	/* What may still be alive stays for ever. */
	assert_int_equal(journal_retire(journal, T + 100 * JOURNAL_KEEP_S, &nr, &err), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(journal_fixture_number(fixture, "SELECT count(*) FROM launch"
							 " WHERE id IN ('open-old', 'live-old')"),
			 2);
}

static void test_room_is_given_back(void **state)
{
	struct fixture *fixture = *state;
	struct journal *journal = journal_fixture_open_it(fixture);
	struct error err = ERROR_INIT;
	size_t nr;

	journal_fixture_begin(journal, "keep", T);
	journal_fixture_sql(
		fixture,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
		" INSERT INTO launch(id, name, owner, provider, account, region, type, spot, on_demand,"
		" began, state, ended) SELECT 'x' || i, 'some name', 'me', 'aws', '1', 'r1', 'g5', 1, 1,"
		" 1600000000, 3, 1600000000 FROM n");
	int64_t before = journal_fixture_number(fixture, "PRAGMA page_count");
	assert_int_equal(journal_retire(journal, T + JOURNAL_KEEP_S + 1, &nr, &err), 0);
	assert_int_equal(nr, 20000);
	assert_true(journal_fixture_number(fixture, "PRAGMA page_count") < before / 10);
	assert_int_equal(journal_fixture_number(fixture, "SELECT count(*) FROM launch"), 1);
}

/* Times are the cloud's where they are known. */
static void test_skew(void **state)
{
	struct fixture *fixture = *state;
	struct journal *journal = journal_fixture_open_it(fixture);
	const struct launch_steps steps = journal_steps(journal);
	const struct attempt_row attempt = { "t", "r1", "r1a", 0, 300, 0 };
	struct error err = ERROR_INIT;
	struct step_rows rows = { 0 };

	journal_fixture_begin(journal, "l1", T);
	fixture->now_ms = (T - DAY) * 1000; /* our clock is a day behind */
	journal_skew(journal, DAY);
	journal_attempt(journal, "l1", &attempt);
	assert_int_equal(steps.intend(steps.ctx, "instance", "t", "h", &err), 0);
	assert_int_equal(journal_steps_of(journal, "l1", &rows, &err), 0);
	assert_int_equal(rows.nr, 1);
	assert_int_equal(rows.v[0].began, T);
	assert_string_equal(rows.v[0].outcome, "");
	step_rows_release(&rows);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, journal_fixture_enter, journal_fixture_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_from_version_1),     TEST(test_from_version_2), TEST(test_labels),
		TEST(test_labels_go),	       TEST(test_listed),	  TEST(test_price_told),
		TEST(test_newer_is_refused),   TEST(test_bill_is_kept),	  TEST(test_retention),
		TEST(test_room_is_given_back), TEST(test_skew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
