/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal_work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"
#include "fleet/journal_cost.h"
#include "fleet/journal_internal.h"
#include "fleet/journal_keep.h"
#include "fleet/journal_label.h"
#include "providers/provider.h"

#define BIG_STEPS 14
#define BIG_NAME  40000

void work_begin(struct work *work, uint64_t seed, bool halves)
{
	memset(work, 0, sizeof(*work));
	work->halves = halves;
	work->rng = rng_seeded(&work->state, seed ^ UINT64_C(0x9e3779b97f4a7c15));
}

static bool chance(struct work *work, unsigned of)
{
	return rng_below(&work->rng, of) == 0;
}

static const char *const kinds[] = { "key", "group", "instance" };
#define INSTANCE 2

/* What is said of the work is said before the journal is asked: it may be done though it fails. */

/* --- one task each --------------------------------------------------------------------------- */

static int begin_launch(struct work *work, struct fixture *fixture, struct error *err)
{
	struct work_launch *launch = &work->launches[work->nr];
	char name[16];

	snprintf(launch->id, sizeof(launch->id), "l%u", work->made);
	snprintf(name, sizeof(name), "n%u", work->made % 3);
	const struct launch_row row = {
		.id = launch->id,
		.name = name,
		.owner = "me",
		.provider = "aws",
		.account = "1",
		.region = "r1",
		.type = "g5",
		.spot = chance(work, 2),
		.on_demand = chance(work, 2) ? 900 : -1,
		.began = fixture->now_ms / 1000,
	};
	work->nr++;
	work->made++;
	if (journal_begin(fixture->journal, &row, err) < 0)
		return -1;
	journal_unclaim(fixture->journal, launch->id);
	return 0;
}

/* The names that step and attempt go by. */
static void attempt(const struct work_launch *launch, struct fixture *fixture)
{
	const struct attempt_row row = { launch->id, "r1", "r1a", 500, 300, T };

	journal_attempt(fixture->journal, launch->id, &row);
}

static void step_name(const struct work_launch *launch, unsigned nth, char *name, size_t len)
{
	snprintf(name, len, "%s-%u", launch->id, nth);
}

static int intend(struct work *work, struct work_launch *launch, struct fixture *fixture,
		  struct error *err)
{
	const unsigned kind = (unsigned)rng_below(&work->rng, ARRAY_SIZE(kinds));
	struct launch_steps steps = journal_steps(fixture->journal);
	char name[32];

	attempt(launch, fixture);
	step_name(launch, launch->nr_steps, name, sizeof(name));
	launch->kind = kind;
	launch->answered = false;
	launch->nr_steps++;
	return steps.intend(steps.ctx, kinds[kind], name, "hash", err);
}

/* The answer to the step that was begun last. */
static int answer(struct work *work, struct work_launch *launch, struct fixture *fixture,
		  struct error *err)
{
	struct launch_steps steps = journal_steps(fixture->journal);
	char name[32], id[40];

	attempt(launch, fixture);
	step_name(launch, launch->nr_steps - 1, name, sizeof(name));
	snprintf(id, sizeof(id), "i-%s", name);
	launch->answered = true;
	if (launch->kind == INSTANCE && chance(work, 4))
		return journal_attempt_failed(fixture->journal, name, err);
	launch->live |= launch->kind == INSTANCE;
	return steps.done(steps.ctx, kinds[launch->kind], name, id, err);
}

static int end(struct work *work, struct work_launch *launch, struct fixture *fixture,
	       struct error *err)
{
	char id[32];

	if (!launch->ending) {
		snprintf(id, sizeof(id), "i-%s", launch->id);
		launch->ending = true;
		return journal_ending(fixture->journal, launch->id, id, err);
	}
	launch->ending = false;
	return journal_end_settled(fixture->journal, launch->id, chance(work, 2), err);
}

static int add_prices(struct work *work, const struct work_launch *launch, struct fixture *fixture,
		      struct error *err)
{
	struct price_point points[40];
	const size_t nr = 2 + (size_t)rng_below(&work->rng, ARRAY_SIZE(points) - 2);

	for (size_t i = 0; i < nr; i++)
		points[i] = (struct price_point){ T + (int64_t)(i * 60 + work->tasks),
						  (int64_t)rng_below(&work->rng, 1000) };
	struct price_news news = { points, nr, T + (int64_t)work->tasks, chance(work, 5) };
	if (work->halves) {
		news.nr = nr / 2;
		if (journal_prices_add(fixture->journal, launch->id, &news, err) < 0)
			return -1;
		news.nr = nr;
	}
	return journal_prices_add(fixture->journal, launch->id, &news, err);
}

static const struct label_scope scope = { "bare", "1" };

static int begin_labels(const struct work_launch *launch, struct fixture *fixture,
			struct error *err)
{
	static const struct tag tags[] = { { "gpucloud-made", "1600000000" },
					   { "gpucloud-expires", "1600003600" },
					   { "gpucloud-idle", "1800" } };

	return journal_labels_begin(fixture->journal, &scope, launch->id, tags, ARRAY_SIZE(tags),
				    err);
}

static int keep_cost(struct work *work, struct work_launch *launch, struct fixture *fixture,
		     struct error *err)
{
	const int64_t n = (int64_t)rng_below(&work->rng, 3);
	const struct journal_run run = { T + n, chance(work, 2) ? T + 99 : 0, chance(work, 2) };
	const char *id = launch->id;
	const struct receipt receipt = { T + 99, 99, 7 * n, 9 * n, chance(work, 2) };

	switch (rng_below(&work->rng, 8)) {
	case 0:
		return journal_run_set(fixture->journal, launch->id, &run, err);
	case 1:
		return journal_seen(fixture->journal, launch->id, T + 3600 * n, "why it ended",
				    err);
	case 2:
		return journal_on_demand(fixture->journal, launch->id, 1000 + n, err);
	case 3:
		return journal_price_told(fixture->journal, launch->id, 2000 + n, err);
	case 4:
		return journal_listed(fixture->journal, &id, 1, err);
	case 5:
		return begin_labels(launch, fixture, err);
	case 6:
		return journal_label_set(fixture->journal, &scope, launch->id,
					 &(struct tag){ "gpucloud-hold", n ? "17" : "0" }, err);
	default:
		launch->receipt = true;
		return journal_receipt_keep(fixture->journal, launch->id, &receipt, err);
	}
}

static int finish(struct work *work, struct work_launch *launch, struct fixture *fixture,
		  struct error *err)
{
	launch->ended = true;
	return journal_finish(fixture->journal, launch->id,
			      chance(work, 2) ? LAUNCH_ENDED : LAUNCH_FAILED, err);
}

/* A long time later, all that has ended goes. */
static int retire(struct work *work, struct fixture *fixture, struct error *err)
{
	size_t left = 0, ignored;

	for (size_t i = 0; i < work->nr; i++)
		if (!work->launches[i].ended &&
		    !(work->launches[i].live && work->launches[i].receipt))
			work->launches[left++] = work->launches[i];
	work->nr = left;
	return journal_retire(fixture->journal, T + 500 * DAY, &ignored, err);
}

/* Who is at work is no row: another one may be once the power is back. */
static int claim(struct fixture *fixture, struct error *err)
{
	int rc = journal_claim_name(fixture->journal, "n1", err);

	if (rc == 1)
		journal_unclaim_name(fixture->journal, "n1");
	return rc == 1 ? 0 : -1;
}

int work_much(struct work *work, struct fixture *fixture, struct error *err)
{
	struct launch_steps steps = journal_steps(fixture->journal);
	struct work_launch *launch = &work->launches[work->nr];
	char *name = xmalloc(BIG_NAME + 1);

	fixture->now_ms = T * 1000;
	int rc = begin_launch(work, fixture, err);

	memset(name, 'x', BIG_NAME);
	name[BIG_NAME] = '\0';
	attempt(launch, fixture);
	for (int i = 0; rc == 0 && i < BIG_STEPS; i++) {
		snprintf(name, 16, "%d", i); /* several pages each */
		name[strlen(name)] = '-';
		rc = steps.intend(steps.ctx, "key", name, "hash", err);
	}
	free(name);
	work->much = true;
	return rc == 0 ? finish(work, launch, fixture, err) : -1;
}

/* --- which comes next ------------------------------------------------------------------------ */

int work_next(struct work *work, struct fixture *fixture, struct error *err)
{
	const uint64_t turn = rng_below(&work->rng, 20);

	work->tasks++;
	fixture->now_ms = (T + 10 * (int64_t)work->tasks) * 1000;
	if (turn == 0)
		return WORK_REOPEN;
	if (turn == 1 || (work->much && turn < 6)) {
		work->much = false;
		return retire(work, fixture, err);
	}
	if (turn == 2)
		return claim(fixture, err);
	if (work->nr == 0 || (turn < 5 && work->nr < WORK_LAUNCHES))
		return begin_launch(work, fixture, err);
	struct work_launch *launch = &work->launches[rng_below(&work->rng, work->nr)];
	if (launch->ended || turn < 8)
		return keep_cost(work, launch, fixture, err);
	if (turn < 10)
		return add_prices(work, launch, fixture, err);
	if (turn < 12)
		return finish(work, launch, fixture, err);
	if (turn < 14)
		return end(work, launch, fixture, err);
	if (launch->nr_steps && !launch->answered)
		return answer(work, launch, fixture, err);
	if (launch->nr_steps < WORK_STEPS)
		return intend(work, launch, fixture, err);
	return finish(work, launch, fixture, err);
}

void journal_dump(struct journal *journal, struct buf *ret)
{
	static const char *const sql[] = {
		"PRAGMA user_version",
		"SELECT json_array(id, name, owner, provider, account, region, type, spot,"
		" on_demand, began, state, instance, zone, price, ended, expires, reason,"
		" priced_until, price_gap, listed) FROM launch ORDER BY id",
		"SELECT json_array(provider, account, launch, key, value) FROM label"
		" ORDER BY provider, account, launch, key",
		"SELECT json_array(seq, launch, kind, name, region, zone, max_price, price,"
		" sha256, began, answered, outcome, id) FROM step ORDER BY seq",
		"SELECT json_array(launch, began, ended, exact) FROM run ORDER BY launch, began",
		"SELECT json_array(launch, time, price) FROM price_step ORDER BY launch, time",
		"SELECT json_array(launch, ended, seconds, total, on_demand_total, exact, written)"
		" FROM receipt ORDER BY launch",
	};
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(sql); i++) {
		struct db_stmt *stmt;
		int rc;

		if (db_prepare(journal->db, sql[i], &stmt, &err) < 0)
			fail_msg("%s", err.message);
		while ((rc = db_step(stmt, &err)) == 1)
			buf_addf(ret, "%s\n", db_text(stmt, 0));
		db_finalize(stmt);
		if (rc < 0)
			fail_msg("%s", err.message);
	}
}
