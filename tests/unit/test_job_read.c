/* SPDX-License-Identifier: Apache-2.0 */
/* A machine that lies about its jobs: each lie is refused, and none of them costs more than its bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/codec.h"
#include "core/mem.h"
#include "job_world.h"

#define ID   "20261123-141503-k3x9ab"
#define SPEC "eyJ2ZXJzaW9uIjoxLCJjb21tYW5kIjoieCIsIm91dHB1dHMiOltdfQ=="

static const char good[] =
	"jobs 1\nnow 1000\njob " ID "\nstate done no\nstatus exit 3\ncreated 900\n"
	"started 910\nended 950\npolicy 0 1 600\nlinger set 600\nout-dropped 0\n"
	"err-dropped 7\nsizes 10 20 30 40\nlast 950\nspec " SPEC "\nend\n";

struct edit {
	const char *from, *to;
	const char *says; /* NULL: it is read */
};

static const struct edit edits[] = {
	{ "", "", NULL },
	{ "end\n", "", "cut short" },
	{ "end\n", "end\nmore\n", "behind its end" },
	{ "jobs 1\n", "", "cut short" },
	{ "spec " SPEC "\n", "", "not all" },
	{ "state done no\n", "", "not all" },
	{ "state done no", "state done", "'state'" },
	{ "state done no", "state done maybe", "'state'" },
	{ "state done no", "state gone no", "'state'" },
	{ "state done no", "state done no no", "'state'" },
	{ "state done no\n", "state done no\nstate done no\n", "'state'" },
	{ "status exit 3", "status exit 256", "'status'" },
	{ "status exit 3", "status exit -1", "'status'" },
	{ "status exit 3", "status exit", "'status'" },
	{ "status exit 3", "status exit 3 3", "'status'" },
	{ "status exit 3", "status signal 0", "'status'" },
	{ "status exit 3", "status signal 128", "'status'" },
	{ "status exit 3", "status fine 0", "'status'" },
	{ "status exit 3", "status exit 99999999999999999999", "'status'" },
	{ "sizes 10 20 30 40", "sizes 10 20 30", "'sizes'" },
	{ "sizes 10 20 30 40", "sizes 10 20 30 40 50", "'sizes'" },
	{ "sizes 10 20 30 40", "sizes 8589934592 20 30 40", NULL },
	{ "sizes 10 20 30 40", "sizes 8589934593 20 30 40", "'sizes'" },
	{ "policy 0 1 600", "policy 0 2 600", "'policy'" },
	{ "policy 0 1 600", "policy 0 1 31622401", "'policy'" },
	{ "linger set 600", "linger set", "'linger'" },
	{ "linger set 600", "linger other ../x", "'linger'" },
	{ "linger set 600", "linger later", "'linger'" },
	{ "linger set 600", "linger kept", NULL },
	{ "created 900", "created 253402300800", "'created'" },
	{ "job " ID, "job ../../etc", "named a job" },
	{ "job " ID "\n", "", "no fact" },
	{ "last 950\n", "last 950\nhello world\n", "no fact" },
	{ "last 950\n", "last 950\n\n", "no fact" },
	{ "last 950\n", "last 950\nnow 1000\n", "no fact" },
	{ "spec " SPEC, "spec !!!!", "'spec'" },
	{ "spec " SPEC, "spec ", "job.json" },
	{ "spec " SPEC, "spec e30=", "version" },		  /* {} */
	{ "spec " SPEC, "spec eyJ2ZXJzaW9uIjoyfQ==", "version" }, /* of the future */
	/* "\u001b" in the command */
	{ "spec " SPEC, "spec eyJ2ZXJzaW9uIjoxLCJjb21tYW5kIjoiXHUwMDFiIiwib3V0cHV0cyI6W119",
	  "job.json" },
	{ "end\n", "job 20261123-141502-k3x9ab\nend\n", "not in order" },
	{ "end\n", "job " ID "\nend\n", "not in order" },
};

static char *edited(const struct edit *edit)
{
	const char *at = strstr(good, edit->from);

	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - good), good, edit->to, at + strlen(edit->from));
}

static void every_line(void **state)
{
	struct job_world *world = *state;
	struct job job;

	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		char *text = edited(&edits[i]);
		int rc;

		world->lie = text;
		error_clear(&world->error);
		rc = job_look(&world->machine, ID, &job, &world->error);
		if (edits[i].says ? rc == 0 || !strstr(world->error.message, edits[i].says)
				  : rc != 0)
			fail_msg("row %zu: %d %s", i, rc, world->error.message);
		if (rc == 0)
			job_release(&job);
		free(text);
	}
}

static void all_of_it(void **state)
{
	struct job_world *world = *state;
	struct job job;

	world->lie = good;
	job_world_look(world, ID, &job);
	assert_int_equal(job.state, JOB_DONE);
	assert_int_equal(job.end, JOB_END_EXIT);
	assert_int_equal(job.code, 3);
	assert_int_equal(job.ran_s, 50);
	assert_int_equal(job.err_size, 20);
	assert_int_equal(job.err_dropped, 7);
	assert_int_equal(job.linger, JOB_LINGER_SET);
	assert_true(job.spec.keep_failed && !job.spec.keep);
	assert_string_equal(job.spec.command, "x");
	job_release(&job);
	/* Another one than asked for. */
	assert_int_equal(job_look(&world->machine, "20261123-141503-zzzzzz", &job, &world->error),
			 -1);
	assert_int_equal(world->error.kind, ERROR_PROTOCOL);
	world->lie = "jobs 1\nnow 1000\nend\n";
	error_clear(&world->error);
	assert_int_equal(job_look(&world->machine, ID, &job, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_NOT_FOUND);
	assert_int_equal(job_look(&world->machine, NULL, &job, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_NOT_FOUND);
}

static void what_belongs_together(void **state)
{
	static const struct {
		const char *from, *to;
		enum job_state state;
		enum job_end end;
	} rows[] = {
		{ "state done no\nstatus exit 3", "state done no", JOB_LOST, JOB_END_NONE },
		{ "state done no", "state running yes", JOB_RUNNING, JOB_END_NONE },
		{ "state done no", "state running no", JOB_DONE, JOB_END_EXIT },
		{ "state done no\nstatus exit 3", "state setup no", JOB_LOST, JOB_END_NONE },
		{ "state done no\nstatus exit 3", "state none no", JOB_LOST, JOB_END_NONE },
		{ "status exit 3", "status cancelled 15", JOB_DONE, JOB_END_CANCELLED },
	};
	struct job_world *world = *state;
	struct job job;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct edit edit = { rows[i].from, rows[i].to, NULL };
		char *text = edited(&edit);

		world->lie = text;
		job_world_look(world, ID, &job);
		if (job.state != rows[i].state || job.end != rows[i].end)
			fail_msg("row %zu: %d %d", i, job.state, job.end);
		job_release(&job);
		free(text);
	}
}

static void endless(void **state)
{
	struct job_world *world = *state;
	struct job_place place = { 0 };
	struct job job, *v;
	size_t nr;
	bool was;

	world->lie = "jobs 1 and more and more and more and more and more and more and more\n";
	world->lie_times = SIZE_MAX;
	assert_int_equal(job_look(&world->machine, ID, &job, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_PROTOCOL);
	assert_int_equal(job_list(&world->machine, &v, &nr, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_PROTOCOL);
	assert_int_equal(job_tail(&world->machine, ID, 1, &place, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_PROTOCOL);
	assert_int_equal(job_cancel(&world->machine, ID, 1, &was, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_PROTOCOL);
}

/* Says good things of itself, and then prints more than it said: counted, and no more taken. */
static int count_only(void *ctx, bool err_stream, const char *data, size_t len, struct error *err)
{
	uint64_t *sum = ctx;

	(void)err_stream;
	(void)data;
	(void)err;
	*sum += len;
	return 0;
}

static void more_than_it_printed(void **state)
{
	struct job_world *world = *state;
	uint64_t sum = 0;
	const struct job_sink sink = { .ctx = &sum, .write = count_only };
	struct job_place place = { .setup_out = 30, .setup_err = 40, .out = 10, .err = 21 };
	struct job job;

	world->lie = good;
	assert_int_equal(job_follow(&world->machine, ID, &place, true, &sink, &job, &world->error),
			 -1);
	assert_non_null(strstr(world->error.message, "shorter"));
	/* The same text as an answer is longer than the ten bytes that it speaks of. */
	place.err = 20;
	place.out = 5;
	assert_int_equal(job_follow(&world->machine, ID, &place, true, &sink, &job, &world->error),
			 -1);
	assert_non_null(strstr(world->error.message, "more than"));
	assert_int_equal(sum, 0);
	/* For ever at work, and silent; its answers are what it prints, up to what a log may hold. */
	const struct edit edit = { "state done no", "state running yes", NULL };
	char *text = edited(&edit);
	world->lie = text;
	place.out = JOB_LOG_KEEP - 2000;
	error_clear(&world->error);
	assert_int_equal(job_follow(&world->machine, ID, &place, true, &sink, &job, &world->error),
			 -1);
	assert_int_equal(world->error.kind, ERROR_PROTOCOL);
	assert_true(sum <= 2000);
	free(text);
}

static void places_that_are_none(void **state)
{
	static const char *const bad[] = { "tail 1 2 3\n",    "tail 1 2 3 4 5\n",
					   "tail 1 2 3 x\n",  "tail\n",
					   "tail -1 2 3 4\n", "tail 8589934593 0 0 0\n",
					   "tail 1  3 4\n" };
	struct job_world *world = *state;
	struct job_place place = { .out = 77 };
	bool was;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		world->lie = bad[i];
		assert_int_equal(job_tail(&world->machine, ID, 1, &place, &world->error), -1);
		assert_int_equal(world->error.kind, ERROR_PROTOCOL);
		assert_int_equal(place.out, 77);
	}
	world->lie = "tail 1 2 3 4\nend\n";
	job_world_works(world, job_tail(&world->machine, ID, 1, &place, &world->error));
	assert_int_equal(place.setup_err, 4);
	world->lie = "cancel left 2\n";
	assert_int_equal(job_cancel(&world->machine, ID, 1, &was, &world->error), -1);
	assert_string_equal(world->error.code, "JobLeft");
	world->lie = "cancel done\n";
	assert_int_equal(job_cancel(&world->machine, ID, 1, &was, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, job_world_setup, job_world_teardown)
		TEST(every_line),
		TEST(all_of_it),
		TEST(what_belongs_together),
		TEST(endless),
		TEST(more_than_it_printed),
		TEST(places_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
