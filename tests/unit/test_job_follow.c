/* SPDX-License-Identifier: Apache-2.0 */
/* Following a job, losing it and finding it again, and ending it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/mem.h"
#include "job_world.h"

#define ID "20261123-141503-k3x9fo"

static int64_t now_ms(void)
{
	return clock_mono_ms(&clock_system);
}

static void start_line(struct job_world *world, const char *command)
{
	const struct job_spec spec = { .command = command };

	job_world_start(world, ID, &spec);
}

static void follow_to_end(struct job_world *world, struct job_place *place, struct job *job)
{
	job_world_works(world, job_follow(&world->machine, ID, place, true, &world->sink, job,
					  &world->error));
}

/* A line is told when it is printed: the job waits for it to be. */
struct live {
	struct job_world *world;
	int64_t last;
	bool told;
};

static int answer_line(void *ctx, bool err_stream, const char *data, size_t len, struct error *err)
{
	struct live *live = ctx;

	(void)err_stream;
	(void)err;
	buf_add(&live->world->out, data, len);
	if (!live->told && strstr(live->world->out.data, "ready\n")) {
		live->told = true;
		job_world_write(live->world, NULL, "../home/go", "");
	}
	live->last = now_ms();
	return 0;
}

static void lines_come_as_they_are_printed(void **state)
{
	struct job_world *world = *state;
	struct live live = { .world = world };
	const struct job_sink sink = { .ctx = &live, .write = answer_line };
	struct job_place place = { 0 };
	struct job job;

	start_line(
		world,
		"echo ready; n=0; while [ ! -e go ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); "
		"done; [ -e go ] && echo over");
	job_world_works(world,
			job_follow(&world->machine, ID, &place, true, &sink, &job, &world->error));
	assert_string_equal(world->out.data, "ready\nover\n");
	assert_int_equal(job.code, 0);
	job_release(&job);
}

/* Cut again and again, at every byte or so: nothing is lost, and nothing told twice. */
static void cut_and_go_on(void **state)
{
	struct job_world *world = *state;
	struct job_place place = { 0 };
	struct buf expected = BUF_INIT;
	struct job job;
	int cuts = 0;

	for (int i = 1; i <= 200; i++)
		buf_addf(&expected, "line %d\n", i);
	start_line(
		world,
		"for i in $(seq 200); do echo line $i; [ $((i % 50)) -ne 0 ] || sleep 0.1; done");
	for (;;) {
		/* Answers about the job are longer than 300 bytes: only what is followed is cut. */
		world->cut_out = cuts < 12 ? 700 : -1;
		error_clear(&world->error);
		if (job_follow(&world->machine, ID, &place, true, &world->sink, &job,
			       &world->error) == 0)
			break;
		assert_int_equal(world->error.kind, ERROR_NETWORK);
		cuts++;
		assert_true(cuts < 20);
	}
	assert_true(cuts > 0);
	assert_string_equal(world->out.data, expected.data);
	assert_int_equal(place.out, expected.len);
	buf_release(&expected);
	job_release(&job);
}

static int refuse(void *ctx, bool err_stream, const char *data, size_t len, struct error *err)
{
	(void)ctx;
	(void)err_stream;
	(void)data;
	(void)len;
	return error_set(err, ERROR_IO, "the pipe is closed");
}

static void a_sink_that_refuses(void **state)
{
	struct job_world *world = *state;
	const struct job_sink sink = { .write = refuse };
	struct job_place place = { 0 };
	struct job job;

	start_line(world, "echo x; sleep 0.3; echo y");
	assert_int_equal(job_follow(&world->machine, ID, &place, true, &sink, &job, &world->error),
			 -1);
	assert_int_equal(world->error.kind, ERROR_IO);
	assert_int_equal(place.out, 0); /* not seen */
	follow_to_end(world, &place, &job);
	assert_string_equal(world->out.data, "x\ny\n");
	job_release(&job);
}

static void only_what_is_there(void **state)
{
	struct job_world *world = *state;
	struct job_place place = { 0 };
	struct job job;
	bool was;

	start_line(world, "echo now; sleep 60");
	for (int i = 0; i < 200 && world->out.len == 0; i++) {
		job_world_works(world, job_follow(&world->machine, ID, &place, false, &world->sink,
						  &job, &world->error));
		assert_int_equal(job.end, JOB_END_NONE);
		assert_int_equal(job_exit_code(&job), -1);
		job_release(&job);
	}
	assert_string_equal(world->out.data, "now\n");
	job_world_works(world, job_cancel(&world->machine, ID, 1, &was, &world->error));
}

static void the_last_lines(void **state)
{
	static const struct {
		unsigned lines;
		const char *out, *err;
	} rows[] = { { 0, "", "" },
		     { 1, "c", "2\n" },
		     { 2, "b\nc", "1\n2\n" },
		     { 99, "a\nb\nc", "1\n2\n" } };
	struct job_world *world = *state;
	const struct job_spec spec = { .setup = "echo set-up",
				       .command = "printf 'a\\nb\\nc'; printf '1\\n2\\n' >&2" };
	struct job job;

	job_world_start(world, ID, &spec);
	job_world_wait(world, ID, JOB_DONE);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct job_place place = { 0 };

		buf_clear(&world->out);
		buf_clear(&world->err);
		job_world_works(
			world, job_tail(&world->machine, ID, rows[i].lines, &place, &world->error));
		follow_to_end(world, &place, &job);
		job_release(&job);
		assert_string_equal(world->out.data, rows[i].out);
		assert_string_equal(world->err.data, rows[i].err);
	}
	struct job_place place;
	assert_int_equal(
		job_tail(&world->machine, "20261123-141503-nobody", 1, &place, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_NOT_FOUND);
}

/* Two million bytes without an end of line: a place is found all the same, and soon. */
static void one_line_without_end(void **state)
{
	struct job_world *world = *state;
	struct job_place place = { 0 };

	start_line(world, "head -c 2000000 /dev/zero | tr '\\0' x");
	job_world_wait(world, ID, JOB_DONE);
	job_world_works(world, job_tail(&world->machine, ID, 5, &place, &world->error));
	assert_int_equal(place.out, 1000000);
}

static bool is_alive(long pid)
{
	char path[64], line[512], state = 'Z';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (fgets(line, sizeof(line), f) && strrchr(line, ')'))
		state = strrchr(line, ')')[2];
	fclose(f);
	return state != 'Z' && state != 'X';
}

/* One that ignores TERM, one in a session of its own, one without its environment, and their parents. */
static void all_of_it_ends(void **state)
{
	struct job_world *world = *state;
	static const char command[] =
		"trap '' TERM; sh -c \"trap '' TERM; echo \\$\\$ >>pids; sleep 61 & echo \\$! >>pids; wait\" &\n"
		"setsid sh -c 'echo $$ >>pids; exec sleep 62' &\n"
		"env -i sh -c 'echo $$ >>pids; sleep 63 & echo $! >>pids; wait' &\n"
		"(setsid env -i sh -c 'echo $$ >>pids; exec sleep 64' & wait) &\n"
		"echo $$ >>pids; sleep 65";
	char *pids = NULL, *rest;
	struct job job;
	int nr = 0;
	bool was = false;

	start_line(world, command);
	for (int i = 0; i < 200 && nr < 7; i++) {
		free(pids);
		pids = job_world_file(world, NULL, "../home/pids");
		nr = 0;
		for (char *p = pids; (p = strchr(p, '\n')); p++)
			nr++;
		usleep(20000);
	}
	assert_int_equal(nr, 7);
	job_world_works(world, job_cancel(&world->machine, ID, 1, &was, &world->error));
	assert_true(was);
	rest = pids;
	for (char *one; (one = strsep(&rest, "\n")) && *one;)
		if (is_alive(strtol(one, NULL, 10)))
			fail_msg("%s lives", one);
	free(pids);
	job_world_look(world, ID, &job);
	assert_int_equal(job.state, JOB_DONE);
	assert_int_equal(job.end, JOB_END_CANCELLED);
	assert_int_equal(job.code, SIGKILL);
	assert_int_equal(job_exit_code(&job), 130);
	job_release(&job);
	/* Once more: it has ended. */
	job_world_works(world, job_cancel(&world->machine, ID, 1, &was, &world->error));
	assert_false(was);
}

/* What it prints while it ends in peace is kept, and no KILL comes. */
static void time_to_end(void **state)
{
	struct job_world *world = *state;
	struct job_place place = { 0 };
	struct job job;
	int64_t before;
	bool was;

	start_line(world,
		   "trap 'echo saved; exit 5' TERM; echo ready; while :; do sleep 0.05; done");
	for (int i = 0; i < 200 && world->out.len == 0; i++) {
		job_world_works(world, job_follow(&world->machine, ID, &place, false, &world->sink,
						  &job, &world->error));
		job_release(&job);
	}
	before = now_ms();
	job_world_works(world, job_cancel(&world->machine, ID, 30, &was, &world->error));
	assert_true(was);
	assert_true(now_ms() - before < 15000);
	follow_to_end(world, &place, &job);
	assert_string_equal(world->out.data, "ready\nsaved\n");
	assert_int_equal(job.end, JOB_END_CANCELLED);
	assert_int_equal(job.code, 0);
	job_release(&job);
}

static void cancelled_during_set_up(void **state)
{
	struct job_world *world = *state;
	const struct job_spec spec = { .setup = "sleep 60", .command = "echo never" };
	struct job_place place = { 0 };
	struct job job;
	bool was;

	job_world_start(world, ID, &spec);
	job_world_wait(world, ID, JOB_SETUP);
	job_world_works(world, job_cancel(&world->machine, ID, 5, &was, &world->error));
	assert_true(was);
	follow_to_end(world, &place, &job);
	assert_int_equal(job.end, JOB_END_CANCELLED);
	assert_string_equal(world->out.data, "");
	job_release(&job);
}

/* The machine has booted: whatever has that number now is not it. */
static void a_reboot(void **state)
{
	struct job_world *world = *state;
	struct job job;
	bool was;

	start_line(world, "sleep 60");
	job_world_wait(world, ID, JOB_RUNNING);
	job_world_write(world, NULL, "proc/sys/kernel/random/boot_id",
			"00000000-762e-4ea7-9bf8-5c6c6eb957b5\n");
	job_world_look(world, ID, &job);
	assert_int_equal(job.state, JOB_LOST);
	assert_true(job.rebooted);
	assert_int_equal(job_exit_code(&job), -1);
	job_release(&job);
	/* Its leftovers are known by what they were given, and ended. */
	job_world_works(world, job_cancel(&world->machine, ID, 1, &was, &world->error));
	assert_true(was);
	job_world_look(world, ID, &job);
	assert_int_equal(job.end, JOB_END_CANCELLED);
	job_release(&job);
}

/* Its keeper was killed, as by a machine out of memory; the number is somebody else's by now. */
static void lost(void **state)
{
	struct job_world *world = *state;
	struct job_place place = { 0 };
	struct job job;
	bool was;

	start_line(world, "echo before; sleep 60");
	job_world_wait(world, ID, JOB_RUNNING);
	char *text = job_world_file(world, ID, "state");
	long keeper = strtol(text + strlen("running "), NULL, 10);
	free(text);
	kill((pid_t)keeper, SIGKILL);
	job_world_wait(world, ID, JOB_LOST);
	follow_to_end(world, &place, &job);
	assert_int_equal(job.state, JOB_LOST);
	assert_false(job.rebooted);
	job_release(&job);
	job_world_works(world, job_cancel(&world->machine, ID, 1, &was, &world->error));
	assert_true(was);
	char *other =
		xasprintf("running %ld 1 8144d298-762e-4ea7-9bf8-5c6c6eb957b5 1\n", (long)getpid());
	job_world_write(world, ID, "state", other);
	free(other);
	text = xasprintf("%s/.gpucloud/jobs/" ID "/status", world->home);
	unlink(text);
	free(text);
	job_world_look(world, ID, &job);
	assert_int_equal(job.state, JOB_LOST);
	job_release(&job);
	job_world_works(world, job_cancel(&world->machine, ID, 1, &was, &world->error));
	assert_false(was);
}

static void kept_after_all(void **state)
{
	struct job_world *world = *state;
	const struct job_spec spec = { .command = "while [ ! -e go ]; do sleep 0.05; done",
				       .linger_s = 600 };
	struct job_place place = { 0 };
	struct job job;

	job_world_start(world, ID, &spec);
	job_world_works(world, job_keep(&world->machine, ID, true, &world->error));
	job_world_look(world, ID, &job);
	assert_true(job.spec.keep);
	assert_int_equal(job.spec.linger_s, 600);
	job_release(&job);
	job_world_write(world, NULL, "../home/go", "");
	follow_to_end(world, &place, &job);
	assert_int_equal(job.linger, JOB_LINGER_NONE);
	job_release(&job);
	char *left = job_world_file(world, NULL, "var/lib/gpucloud/ttl-left");
	assert_string_equal(left, "3600\n");
	free(left);
	assert_int_equal(job_keep(&world->machine, ID, true, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_CONFLICT);
	assert_string_equal(world->error.code, "JobEnded");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, job_world_setup, job_world_teardown)
		TEST(lines_come_as_they_are_printed),
		TEST(cut_and_go_on),
		TEST(a_sink_that_refuses),
		TEST(only_what_is_there),
		TEST(the_last_lines),
		TEST(one_line_without_end),
		TEST(all_of_it_ends),
		TEST(time_to_end),
		TEST(cancelled_during_set_up),
		TEST(a_reboot),
		TEST(lost),
		TEST(kept_after_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
