/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power goes while the journal is written to, and comes back: whatever was answered is there,
 * whole; what was under way is there whole, or not at all. A seed chooses what is done, when the
 * power goes and what the disk makes of it.
 *
 *   test_power_loss [SEEDS [FIRST]]      or GPUCLOUD_POWER_SEEDS=N
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/rng.h"
#include "fleet/journal_internal.h"
#include "fleet/journal_keep.h"
#include "tests/unit/journal_fixture.h"
#include "tests/unit/journal_work.h"
#include "tests/unit/power_disk.h"
#include "tests/unit/power_vfs.h"

#define SEEDS	 120
#define CONTROLS 40
#define CUTS	 3 /* in the life of one journal, at most */

static uint64_t seeds = SEEDS, first = 1;

/* What came of one seed. */
enum outcome {
	SOUND,
	LOST,	 /* sound, but not what was answered: something is missing, or half there */
	DAMAGED, /* cannot be opened, or is not sound */
};

struct trial {
	struct fixture *fixture;
	uint64_t seed;
	const char *planted; /* SQL that makes it worse; NULL: nothing does */
	bool halves;	     /* and so does this: some tasks are done in two steps */
	struct power_disk *disk;
	struct rng_seeded state;
	struct rng rng;
	struct work work, before; /* before: the task that was begun last */
	unsigned answered;	  /* tasks */
	bool under_way;		  /* one more was begun, and not answered */
	char told[512];
};

static int tell(struct trial *trial, enum outcome outcome, const char *text)
{
	snprintf(trial->told, sizeof(trial->told), "seed %llu: %s", (unsigned long long)trial->seed,
		 text);
	return (int)outcome;
}

static int open_it(struct trial *trial, struct error *err)
{
	struct fixture *fixture = trial->fixture;

	if (journal_open(fixture->dir, POWER_VFS, &fixture->clock, &fixture->journal, err) < 0)
		return -1;
	if (trial->planted && db_exec(fixture->journal->db, trial->planted, err) < 0)
		return -1;
	return 0;
}

static void close_it(struct trial *trial)
{
	journal_close(trial->fixture->journal);
	trial->fixture->journal = NULL;
}

/* A disk with what was there before: nothing, or an older gpucloud's journal. */
static struct power_disk *fresh_disk(const struct trial *trial)
{
	struct power_disk *disk = power_disk_new();
	struct error err = ERROR_INIT;
	struct db *db;

	power_vfs_use(disk);
	if (trial->seed % 4 < 2) {
		if (db_open(trial->fixture->path, POWER_VFS, false, &db, &err) < 0 ||
		    db_exec(db, trial->seed % 4 ? journal_version_2 : journal_version_1, &err) < 0)
			fail_msg("%s", err.message);
		db_close(db);
	}
	return disk;
}

static void replace_disk(struct trial *trial, struct power_disk *disk)
{
	power_disk_free(trial->disk);
	trial->disk = disk;
	power_vfs_use(disk);
}

static int reopen(struct trial *trial, struct error *err)
{
	close_it(trial);
	return open_it(trial, err);
}

/* What there is before anything goes wrong: for some seeds, much. */
static int prepare(struct trial *trial, struct work *work, struct error *err)
{
	work_begin(work, trial->seed, trial->halves);
	if (trial->seed % WORK_BIG)
		return 0;
	return work_much(work, trial->fixture, err);
}

static void begin(struct trial *trial)
{
	struct error err = ERROR_INIT;

	trial->rng = rng_seeded(&trial->state, trial->seed);
	trial->disk = fresh_disk(trial);
	/* Where nothing is prepared, the tables are made, too, with the power going. */
	if (trial->seed % WORK_BIG == 0 && open_it(trial, &err) < 0)
		fail_msg("%s", err.message);
	if (prepare(trial, &trial->work, &err) < 0)
		fail_msg("seed %llu: %s", (unsigned long long)trial->seed, err.message);
	close_it(trial);
}

/* Works until the power goes, or the work is done. */
static void work_until_cut(struct trial *trial)
{
	const unsigned tasks = 1 + (unsigned)rng_below(&trial->rng, WORK_MOST);
	struct error err = ERROR_INIT;

	trial->under_way = false;
	/* About five changes of the disk for each task, and some to open it. */
	power_disk_cut_at(trial->disk, 1 + rng_below(&trial->rng, 40 + 5 * tasks));
	int rc = open_it(trial, &err);
	for (unsigned i = 0; rc == 0 && i < tasks; i++) {
		trial->before = trial->work;
		rc = work_next(&trial->work, trial->fixture, &err);
		trial->under_way = rc < 0;
		trial->answered += rc >= 0;
		if (rc == WORK_REOPEN)
			rc = reopen(trial, &err);
	}
	if (rc < 0 && !power_disk_is_dead(trial->disk))
		fail_msg("seed %llu, task %u: %s", (unsigned long long)trial->seed, trial->answered,
			 err.message);
	if (rng_below(&trial->rng, 2)) /* its last page goes home when it is closed */
		close_it(trial);
}

/* The power is back: the disk is what it has become, and may go again while the journal recovers. */
static void power_back(struct trial *trial)
{
	struct power_disk *after =
		power_disk_after(trial->disk, rng_below(&trial->rng, UINT64_MAX));
	struct error ignored = ERROR_INIT;

	close_it(trial);
	replace_disk(trial, after);
	if (rng_below(&trial->rng, 3))
		return;
	power_disk_cut_at(trial->disk, 1 + rng_below(&trial->rng, 20));
	open_it(trial, &ignored);
	after = power_disk_after(trial->disk, rng_below(&trial->rng, UINT64_MAX));
	close_it(trial);
	replace_disk(trial, after);
}

static void on_problem(void *ctx, const char *problem)
{
	tell(ctx, DAMAGED, problem);
}

/* What the journal says after so many tasks, and after one more, where nothing ever went wrong. */
static void expected(struct trial *trial, struct buf *ret, struct buf *ret_more)
{
	struct power_disk *disk = fresh_disk(trial);
	struct error err = ERROR_INIT;
	struct work work;
	int rc = open_it(trial, &err);

	if (rc == 0)
		rc = prepare(trial, &work, &err);
	for (unsigned i = 0; rc == 0 && i < trial->answered + trial->under_way; i++) {
		if (i == trial->answered)
			journal_dump(trial->fixture->journal, ret);
		rc = work_next(&work, trial->fixture, &err);
		if (rc == WORK_REOPEN)
			rc = reopen(trial, &err);
	}
	if (rc < 0)
		fail_msg("seed %llu, undisturbed: %s", (unsigned long long)trial->seed,
			 err.message);
	journal_dump(trial->fixture->journal, trial->under_way ? ret_more : ret);
	close_it(trial);
	power_disk_free(disk);
	power_vfs_use(trial->disk);
}

/* What was under way is taken for done, or is to be done again. */
static int compare(struct trial *trial)
{
	struct buf found = BUF_INIT, before = BUF_INIT, after = BUF_INIT;
	char text[128];
	int rc = SOUND;

	journal_dump(trial->fixture->journal, &found);
	close_it(trial);
	expected(trial, &before, &after);
	if (strcmp(found.data, before.data) == 0) {
		if (trial->under_way)
			trial->work = trial->before;
	} else if (trial->under_way && strcmp(found.data, after.data) == 0) {
		trial->answered++;
	} else {
		snprintf(text, sizeof(text), "after %u tasks%s, the journal is another one",
			 trial->answered, trial->under_way ? " and one under way" : "");
		rc = tell(trial, LOST, text);
		if (getenv("GPUCLOUD_POWER_SHOW"))
			fprintf(stderr, "found:\n%s\nbefore:\n%s\nafter:\n%s\n", found.data,
				before.data, after.data);
	}
	buf_release(&found);
	buf_release(&before);
	buf_release(&after);
	return rc;
}

static int look(struct trial *trial)
{
	struct error err = ERROR_INIT;
	int rc;

	if (open_it(trial, &err) < 0)
		rc = tell(trial, DAMAGED, err.message);
	else if (journal_check(trial->fixture->journal, on_problem, trial, &err))
		rc = DAMAGED;
	else
		rc = compare(trial);
	close_it(trial);
	return rc;
}

static int try_seed(struct trial *trial)
{
	int rc = SOUND;

	begin(trial);
	for (uint64_t cuts = 1 + rng_below(&trial->rng, CUTS); cuts && rc == SOUND; cuts--) {
		work_until_cut(trial);
		power_back(trial);
		rc = look(trial);
	}
	power_disk_free(trial->disk);
	trial->disk = NULL;
	return rc;
}

static void test_nothing_is_lost(void **state)
{
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		struct trial trial = { .fixture = *state, .seed = seed };

		if (try_seed(&trial) != SOUND)
			fail_msg("%s", trial.told);
	}
}

/* What a weaker journal comes to. `most` seeds, fewer where all that is wanted has been seen. */
static void count(struct trial plan, uint64_t most, bool damage, unsigned counts[3])
{
	for (uint64_t seed = 1; seed <= most; seed++) {
		struct trial trial = plan;

		trial.seed = seed;
		counts[try_seed(&trial)]++;
		if (counts[LOST] && counts[DAMAGED] >= damage)
			break;
	}
	print_message("%s: %u sound, %u lost, %u damaged\n",
		      plan.planted ? plan.planted : "in two steps", counts[SOUND], counts[LOST],
		      counts[DAMAGED]);
}

/* Otherwise the first test would show nothing: without syncs, rows and whole journals are lost. */
static void test_without_syncs_it_is_lost(void **state)
{
	unsigned counts[3] = { 0 };

	count((struct trial){ .fixture = *state, .planted = "PRAGMA synchronous = OFF" },
	      10 * CONTROLS, true, counts);
	assert_true(counts[LOST] > 0);
	assert_true(counts[DAMAGED] > 0);
}

/* What is done in two steps is found half done. */
static void test_half_a_task_is_found(void **state)
{
	unsigned counts[3] = { 0 };

	count((struct trial){ .fixture = *state, .halves = true }, 10 * CONTROLS, false, counts);
	assert_true(counts[LOST] > 0);
	assert_int_equal(counts[DAMAGED], 0);
}

/* And the disk is no worse than it may be: what SQLite promises with fewer syncs, it keeps. */
static void test_with_fewer_syncs_the_last_is_lost(void **state)
{
	unsigned counts[3] = { 0 };

	for (uint64_t seed = 1; seed <= CONTROLS; seed++) {
		struct trial trial = { .fixture = *state,
				       .seed = seed,
				       .planted = "PRAGMA synchronous = NORMAL" };

		counts[try_seed(&trial)]++;
	}
	assert_true(counts[LOST] > 0);
	assert_int_equal(counts[DAMAGED], 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, journal_fixture_enter, journal_fixture_leave)

int main(int argc, char **argv)
{
	const char *wanted = argc > 1 ? argv[1] : getenv("GPUCLOUD_POWER_SEEDS");
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_lost),
		TEST(test_without_syncs_it_is_lost),
		TEST(test_half_a_task_is_found),
		TEST(test_with_fewer_syncs_the_last_is_lost),
	};

	if (wanted)
		seeds = strtoull(wanted, NULL, 10);
	if (argc > 2)
		first = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
