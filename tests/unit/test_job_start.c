/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a job once, whatever becomes of the connection; and what may not be started. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/mem.h"
#include "job_world.h"

#define ID "20261123-141503-k3x9st"

static char *count_runs(struct job_world *world)
{
	return job_world_file(world, NULL, "../home/runs");
}

static void the_same_again_starts_nothing(void **state)
{
	struct job_world *world = *state;
	const struct job_spec spec = { .command = "echo run >>runs" };

	for (int i = 0; i < 3; i++)
		job_world_start(world, ID, &spec);
	job_world_wait(world, ID, JOB_DONE);
	job_world_start(world, ID, &spec);
	char *runs = count_runs(world);
	assert_string_equal(runs, "run\n");
	free(runs);
}

/* However much of it was sent, it is not begun, or begun once. */
static void cut_while_it_is_sent(void **state)
{
	struct job_world *world = *state;
	const struct job_pair env[] = { { "A", "1" }, { "B", "2" } };
	const struct job_spec spec = { .command = "echo run >>runs", .env = env, .nr_env = 2 };
	struct job job;

	for (long at = 0; at < 40000; at = at < 100 ? at + 50 : at * 3 / 2) {
		world->cut_in = at;
		error_clear(&world->error);
		if (job_start(&world->machine, ID, &spec, false, &world->error) == 0)
			break;
		assert_int_equal(world->error.kind, ERROR_NETWORK);
		assert_true(world->error.unknown);
	}
	world->cut_in = -1;
	/* Nothing, or all of it, by what the machine says. */
	error_clear(&world->error);
	if (job_look(&world->machine, ID, &job, &world->error) < 0)
		assert_int_equal(world->error.kind, ERROR_NOT_FOUND);
	else
		job_release(&job);
	job_world_start(world, ID, &spec);
	job_world_wait(world, ID, JOB_DONE);
	char *runs = count_runs(world);
	assert_string_equal(runs, "run\n");
	free(runs);
}

static void cut_before_the_answer(void **state)
{
	struct job_world *world = *state;
	const struct job_spec spec = { .command = "echo run >>runs; sleep 0.2; echo over" };
	struct job_place place = { 0 };
	struct job job;

	world->cut_out = 3;
	assert_int_equal(job_start(&world->machine, ID, &spec, false, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_NETWORK);
	world->cut_out = -1;
	job_world_start(world, ID, &spec);
	job_world_works(world, job_follow(&world->machine, ID, &place, true, &world->sink, &job,
					  &world->error));
	assert_string_equal(world->out.data, "over\n");
	job_release(&job);
	char *runs = count_runs(world);
	assert_string_equal(runs, "run\n");
	free(runs);
}

static void one_at_a_time_unless_said(void **state)
{
	struct job_world *world = *state;
	const struct job_spec spec = { .command = "sleep 60" };
	struct job *v;
	size_t nr;
	bool was;

	job_world_start(world, ID, &spec);
	assert_int_equal(
		job_start(&world->machine, "20261123-141504-ststst", &spec, false, &world->error),
		-1);
	assert_int_equal(world->error.kind, ERROR_CONFLICT);
	assert_string_equal(world->error.code, "JobRuns");
	assert_non_null(strstr(world->error.message, ID));
	error_clear(&world->error);
	job_world_works(world, job_start(&world->machine, "20261123-141505-ststst", &spec, true,
					 &world->error));
	job_world_works(world, job_list(&world->machine, &v, &nr, &world->error));
	assert_int_equal(nr, 2);
	assert_string_equal(v[0].id, ID);
	assert_string_equal(v[1].id, "20261123-141505-ststst");
	for (size_t i = 0; i < nr; i++) {
		job_world_works(world,
				job_cancel(&world->machine, v[i].id, 1, &was, &world->error));
		assert_true(was);
		job_release(&v[i]);
	}
	free(v);
	/* What has ended is in nobody's way. */
	const struct job_spec last = { .command = "exit 0" };
	struct job job;
	job_world_start(world, "20261123-141506-ststst", &last);
	job_world_wait(world, "20261123-141506-ststst", JOB_DONE);
	job_world_works(world, job_look(&world->machine, NULL, &job, &world->error));
	assert_string_equal(job.id, "20261123-141506-ststst");
	job_release(&job);
}

static void two_at_once(void **state)
{
	struct job_world *world = *state;
	const struct job_spec spec = { .command = "sleep 60" };
	int codes[2], started = 0;
	pid_t pids[2];

	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char id[JOB_ID_MAX];

			snprintf(id, sizeof(id), "20261123-14150%d-k3x9st", i);
			_exit(job_start(&world->machine, id, &spec, false, &world->error) == 0 ? 0
			      : world->error.kind == ERROR_CONFLICT			       ? 1
											       : 2);
		}
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pids[i], &codes[i], 0), pids[i]);
		assert_true(WEXITSTATUS(codes[i]) < 2);
		started += WEXITSTATUS(codes[i]) == 0;
	}
	assert_int_equal(started, 1);
	for (int i = 0; i < 2; i++) {
		char id[JOB_ID_MAX];
		bool was;

		snprintf(id, sizeof(id), "20261123-14150%d-k3x9st", i);
		if (WEXITSTATUS(codes[i]) == 0)
			job_world_works(world,
					job_cancel(&world->machine, id, 1, &was, &world->error));
	}
}

static void machines_that_cannot(void **state)
{
	struct job_world *world = *state;
	const struct job_spec spec = { .command = "echo run >>runs" };
	char *path = xasprintf("%s/shims/busctl", world->dir);

	/* It would end the job at logout, and moving away from that does not work. */
	job_world_write(world, NULL, "../shims/busctl",
			"#!/bin/sh\n[ \"$1\" != get-property ] || echo 'b true'\n");
	chmod(path, 0755);
	assert_int_equal(job_start(&world->machine, ID, &spec, false, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_REMOTE);
	assert_non_null(strstr(world->error.message, "KillUserProcesses"));
	unlink(path);
	free(path);
	/* No room: the home is no folder to write to. */
	path = xasprintf("%s/.gpucloud", world->home);
	assert_int_equal(symlink("/proc/nothing", path), 0);
	error_clear(&world->error);
	assert_int_equal(job_start(&world->machine, ID, &spec, false, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_REMOTE);
	assert_non_null(strstr(world->error.message, "cannot write"));
	unlink(path);
	free(path);
	char *runs = count_runs(world);
	assert_string_equal(runs, "");
	free(runs);
}

static void answers_that_lie(void **state)
{
	static const struct {
		const char *text;
		size_t times;
		enum error_kind kind;
	} lies[] = {
		{ "", 1, ERROR_PROTOCOL },
		{ "hello\n", 1, ERROR_PROTOCOL },
		{ "gpucloud-job maybe\n", 1, ERROR_PROTOCOL },
		{ "gpucloud-job busy " ID "\n", 1, ERROR_PROTOCOL }, /* with itself */
		{ "gpucloud-job busy ../../x\n", 1, ERROR_PROTOCOL },
		{ "gpucloud-job failed \033[31mred\n", 1, ERROR_REMOTE },
		{ "sh: 1: setsid: not found\n", 1, ERROR_PROTOCOL },
		{ "gpucloud-job started \n\n\n\n\n\n\n\n", 1 << 20, ERROR_PROTOCOL },
	};
	struct job_world *world = *state;
	const struct job_spec spec = { .command = "true" };

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		world->lie = lies[i].text;
		world->lie_times = lies[i].times;
		error_clear(&world->error);
		assert_int_equal(job_start(&world->machine, ID, &spec, false, &world->error), -1);
		if (world->error.kind != lies[i].kind)
			fail_msg("row %zu: %s", i, world->error.message);
		assert_null(strchr(world->error.message, '\033'));
	}
	/* A login shell may greet first. */
	world->lie = "Welcome!\ngpucloud-job started\n";
	world->lie_times = 1;
	job_world_works(world, job_start(&world->machine, ID, &spec, false, &world->error));
}

struct refused {
	struct job_spec spec;
	const char *says;
};

static void what_may_not_be(void **state)
{
	static char huge[JOB_COMMAND_MAX + 2], value[JOB_VALUE_MAX + 2];
	static const struct job_pair digit = { "1A", "x" }, blank = { "A B", "x" },
				     none = { "", "x" }, uid = { "UID", "1" },
				     ours = { "_gcj_v1", "1" }, equals = { "A=B", "x" },
				     large = { "A", value },
				     twice[] = { { "A", "1" }, { "A", "2" } };
	static const char *const empty[] = { "" };
	static char with_nul[] = "a\0b";
	static const struct job_secret same = { .name = "A" },
				       nul = { .name = "N", .value = { with_nul, 3 } };
	const struct refused rows[] = {
		{ { .command = "" }, "command is empty" },
		{ { .command = huge }, "longer than 65536" },
		{ { .command = "a\033b" }, "control character" },
		{ { .command = "a\x7f" }, "control character" },
		{ { .command = "\xc3(" }, "UTF-8" },
		{ { .command = "x", .setup = "" }, "set-up" },
		{ { .command = "x", .folder = "" }, "folder" },
		{ { .command = "x", .outputs = empty, .nr_outputs = 1 }, "output" },
		{ { .command = "x", .outputs = empty, .nr_outputs = 65 }, "outputs" },
		{ { .command = "x", .linger_s = -1 }, "366 days" },
		{ { .command = "x", .linger_s = JOB_LINGER_MAX + 1 }, "366 days" },
		{ { .command = "x", .env = &digit, .nr_env = 1 }, "'1A'" },
		{ { .command = "x", .env = &blank, .nr_env = 1 }, "'A B'" },
		{ { .command = "x", .env = &none, .nr_env = 1 }, "no name" },
		{ { .command = "x", .env = &equals, .nr_env = 1 }, "'A=B'" },
		{ { .command = "x", .env = &uid, .nr_env = 1 }, "'UID'" },
		{ { .command = "x", .env = &ours, .nr_env = 1 }, "'_gcj_v1'" },
		{ { .command = "x", .env = twice, .nr_env = 2 }, "twice" },
		{ { .command = "x", .env = twice, .nr_env = 1, .secrets = &same, .nr_secrets = 1 },
		  "twice" },
		{ { .command = "x", .env = &large, .nr_env = 1 }, "longer than 32768" },
		{ { .command = "x", .env = twice, .nr_env = JOB_ENV_MAX + 1 }, "more than 256" },
		{ { .command = "x", .secrets = &nul, .nr_secrets = 1 }, "NUL" },
	};
	struct job_world *world = *state;

	memset(huge, 'x', sizeof(huge) - 1);
	memset(value, 'x', sizeof(value) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		error_clear(&world->error);
		assert_int_equal(
			job_start(&world->machine, ID, &rows[i].spec, false, &world->error), -1);
		if (world->error.kind != ERROR_USAGE || !strstr(world->error.message, rows[i].says))
			fail_msg("row %zu: %s", i, world->error.message);
	}
	assert_int_equal(world->execs, 0);
	/* The other side of the bounds. */
	huge[JOB_COMMAND_MAX] = value[JOB_VALUE_MAX] = '\0';
	const struct job_spec most = {
		.command = huge, .env = &large, .nr_env = 1, .linger_s = JOB_LINGER_MAX
	};
	job_world_works(world, job_spec_check(&most, &world->error));
}

/* 31 variables as large as may be, and a command as long as may be: all of it arrives. */
static void as_much_as_may_be(void **state)
{
	struct job_world *world = *state;
	static char value[JOB_VALUE_MAX + 1], command[JOB_COMMAND_MAX + 1], names[31][4];
	struct job_pair env[31];
	struct job_place place = { 0 };
	struct job job;

	memset(value, 'v', JOB_VALUE_MAX);
	memset(command, '#', JOB_COMMAND_MAX);
	memcpy(command, "echo ${#A00} ${#A30}\n", 21);
	for (int i = 0; i < 31; i++) {
		snprintf(names[i], sizeof(names[i]), "A%02d", i);
		env[i] = (struct job_pair){ names[i], value };
	}
	const struct job_spec spec = { .command = command, .env = env, .nr_env = 31 };
	job_world_start(world, ID, &spec);
	job_world_works(world, job_follow(&world->machine, ID, &place, true, &world->sink, &job,
					  &world->error));
	assert_string_equal(world->out.data, "32768 32768\n");
	assert_int_equal(strlen(job.spec.command), JOB_COMMAND_MAX);
	job_release(&job);
}

static void names(void **state)
{
	static const char *const bad[] = { "",
					   "x",
					   "20261123-141503",
					   "20261123-141503-",
					   "20261123-141503-k",
					   "20261123-141503-../x",
					   "20261123-141503-k3x9 ",
					   "20261123-141503-K3X9",
					   "2026112x-141503-k3x9",
					   "20261123_141503-k3x9",
					   "20261123-141503-k3x9k3x9k3x9k3x9k3x9",
					   "20261123-141503-a;b" };
	struct job_world *world = *state;
	char id[JOB_ID_MAX], other[JOB_ID_MAX], later[JOB_ID_MAX];
	struct job_place place = { 0 };
	struct job job;
	bool was;

	job_new_id(1795443303000, id);
	job_new_id(1795443303001, other);
	job_new_id(1795443303999, later);
	assert_true(job_id_ok(id));
	assert_memory_equal(id, "20261123-141503-", 16);
	assert_string_not_equal(id, other);
	assert_true(strcmp(id, other) < 0 && strcmp(other, later) < 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error *err = &world->error;
		struct machine *m = &world->machine;

		assert_false(job_id_ok(bad[i]));
		assert_int_equal(job_look(m, bad[i], &job, err), -1);
		assert_int_equal(job_tail(m, bad[i], 1, &place, err), -1);
		assert_int_equal(job_cancel(m, bad[i], 1, &was, err), -1);
		assert_int_equal(job_keep(m, bad[i], true, err), -1);
		assert_int_equal(job_follow(m, bad[i], &place, false, &world->sink, &job, err), -1);
		assert_int_equal(err->kind, ERROR_USAGE);
	}
	assert_int_equal(world->execs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, job_world_setup, job_world_teardown)
		TEST(the_same_again_starts_nothing),
		TEST(cut_while_it_is_sent),
		TEST(cut_before_the_answer),
		TEST(one_at_a_time_unless_said),
		TEST(two_at_once),
		TEST(machines_that_cannot),
		TEST(answers_that_lie),
		TEST(what_may_not_be),
		TEST(as_much_as_may_be),
		TEST(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
