/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs run to their end: how they ended, what they printed, what they were given, and what is kept of them. */
#include <setjmp.h>
#include <signal.h>
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

static unsigned umask_now(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return mask;
}

static char *home_file(struct job_world *world, const char *name)
{
	char *path = xasprintf("../home/%s", name), *text = job_world_file(world, NULL, path);

	free(path);
	return text;
}

/* A shell's line, for its status. */
static int run_quiet(const char *line)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

struct ending {
	const char *command, *setup;
	enum job_end end;
	int code, shell;
};

static const struct ending endings[] = {
	{ "exit 0", NULL, JOB_END_EXIT, 0, 0 },
	{ "exit 3", NULL, JOB_END_EXIT, 3, 3 },
	{ "exit 255", NULL, JOB_END_EXIT, 255, 255 },
	{ "exit 137", NULL, JOB_END_EXIT, 137, 137 },
	{ "exit 139", NULL, JOB_END_EXIT, 139, 139 },
	{ "kill -KILL $$", NULL, JOB_END_SIGNAL, SIGKILL, 137 },
	{ "kill -SEGV $$", NULL, JOB_END_SIGNAL, SIGSEGV, 139 },
	{ "kill -TERM $$", NULL, JOB_END_SIGNAL, SIGTERM, 143 },
	{ "kill -INT $$", NULL, JOB_END_SIGNAL, SIGINT, 130 },
	{ "kill -PIPE $$", NULL, JOB_END_SIGNAL, SIGPIPE, 141 },
	{ "kill -USR1 $$", NULL, JOB_END_SIGNAL, SIGUSR1, 138 },
	{ "no-such-command-here", NULL, JOB_END_EXIT, 127, 127 },
	{ "if", NULL, JOB_END_EXIT, 2, 2 },
	{ "exit 4", "exit 0", JOB_END_EXIT, 4, 4 },
	{ "echo never", "exit 7", JOB_END_SETUP, 7, 7 },
	{ "echo never", "kill -KILL $$", JOB_END_SETUP, 137, 137 },
};

/* Debian's /bin/sh is dash, Red Hat's and Amazon's bash: called by that name it is another one. */
static void use_bash(struct job_world *world, char path[128])
{
	snprintf(path, 128, "%s/sh", world->dir);
	assert_int_equal(symlink("/bin/bash", path), 0);
	world->shell = path;
}

static void all_endings(struct job_world *world)
{
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		const struct ending *e = &endings[i];
		const struct job_spec spec = { .command = e->command, .setup = e->setup };
		struct job job;

		buf_clear(&world->out);
		job_world_run(world, &spec, &job);
		if (job.state != JOB_DONE || job.end != e->end || job.code != e->code ||
		    job_exit_code(&job) != e->shell)
			fail_msg("'%s': state %d end %d code %d", e->command, job.state, job.end,
				 job.code);
		assert_string_equal(job.spec.command, e->command);
		assert_null(strstr(world->out.data, "never"));
		assert_true(job.created > 0 && job.started >= job.created &&
			    job.ended >= job.started);
		job_release(&job);
	}
}

static void how_it_ended(void **state)
{
	all_endings(*state);
}

static void how_it_ended_with_bash(void **state)
{
	struct job_world *world = *state;
	char path[128];

	use_bash(world, path);
	all_endings(world);
}

/* Every byte that a value may have arrives, in the job's environment alone. */
static void all_that_it_is_given(struct job_world *world)
{
	char all[256], *file;
	struct job_secret secret = { .name = "TOKEN" };
	const struct job_pair env[] = {
		{ "ALL", all },	       { "EMPTY", "" },	 { "LINES", "a\n\nb\n\n" },
		{ "command", "mine" }, { "IFS", "xyz" }, { "PATH", "/nowhere:/usr/bin:/bin" }
	};
	const struct job_spec spec = {
		.command = "printf %s \"$ALL\" >all; printf %s \"$LINES\" >lines\n"
			   "printf %s \"$TOKEN\" | tr a-z b-za >token\n"
			   "echo \"$command:${EMPTY-unset}:$PATH\"; umask; pwd",
		.folder = "deep/er",
		.env = env,
		.nr_env = ARRAY_SIZE(env),
		.secrets = &secret,
		.nr_secrets = 1
	};
	struct job job;

	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	secret_set(&secret.value, "s3cretvalue", 11);
	job_world_run(world, &spec, &job);
	assert_int_equal(job.end, JOB_END_EXIT);
	file = xasprintf("mine::/nowhere:/usr/bin:/bin\n%04o\n%s/deep/er\n", umask_now(),
			 world->home);
	assert_string_equal(world->out.data, file);
	free(file);
	file = home_file(world, "deep/er/all");
	assert_string_equal(file, all);
	free(file);
	file = home_file(world, "deep/er/lines");
	assert_string_equal(file, "a\n\nb\n\n");
	free(file);
	file = home_file(world, "deep/er/token");
	assert_string_equal(file, "t3dsfuwbmvf");
	free(file);
	/* What is kept of the job names it, and has nothing of its value. */
	file = job_world_file(world, job.id, "job.json");
	assert_non_null(strstr(file, "TOKEN"));
	free(file);
	assert_null(strstr(world->commands.data, "s3cretvalue"));
	assert_null(strstr(world->commands.data, "czNjcmV0dmFsdW")); /* in base64 */
	file = xasprintf("grep -rl -e s3cretvalue -e czNjcmV0dmFsdW %s", world->home);
	assert_int_equal(run_quiet(file), 1);
	free(file);
	secret_release(&secret.value);
	job_release(&job);
}

static void what_it_is_given(void **state)
{
	all_that_it_is_given(*state);
}

static void what_it_is_given_with_bash(void **state)
{
	struct job_world *world = *state;
	char path[128];

	use_bash(world, path);
	all_that_it_is_given(world);
}

static void out_and_err_apart(void **state)
{
	struct job_world *world = *state;
	const struct job_spec spec = { .setup = "echo s1; echo s2 >&2",
				       .command =
					       "echo one; echo two >&2; printf '\\033[31mred\\a'" };
	struct job_place place = { 0 };
	struct job job, again;

	job_world_run(world, &spec, &job);
	assert_string_equal(world->out.data, "s1\none\n\033[31mred\a");
	assert_string_equal(world->err.data, "s2\ntwo\n");
	assert_int_equal(job.out_size, 13);
	assert_int_equal(job.err_size, 4);
	assert_int_equal(job.setup_out_size + job.setup_err_size, 6);
	/* The same again, of a job that has ended. */
	buf_clear(&world->out);
	job_world_works(world, job_follow(&world->machine, job.id, &place, false, &world->sink,
					  &again, &world->error));
	assert_string_equal(world->out.data, "s1\none\n\033[31mred\a");
	assert_int_equal(place.out, 13);
	assert_int_equal(place.setup_err, 3);
	job_release(&again);
	job_release(&job);
}

/* Whoever prints without end neither fills the disk nor is stopped. */
static void only_so_much_is_kept(void **state)
{
	struct job_world *world = *state;
	const struct job_spec spec = { .command = "head -c 3000000 /dev/zero && echo fine >&2" };
	struct job job;

	setenv("GPUCLOUD_JOB_LOG_KEEP", "1048576", 1);
	job_world_run(world, &spec, &job);
	unsetenv("GPUCLOUD_JOB_LOG_KEEP");
	assert_int_equal(job.end, JOB_END_EXIT);
	assert_int_equal(job.code, 0);
	assert_int_equal(job.out_size, 1048576);
	assert_true(job.out_dropped > 1500000 && job.out_dropped <= 3000000 - 1048576);
	assert_int_equal(job.err_dropped, 0);
	assert_int_equal(world->out.len, 1048576);
	assert_string_equal(world->err.data, "fine\n");
	job_release(&job);
}

static void what_it_leaves_behind_does_not_hold_it(void **state)
{
	struct job_world *world = *state;
	const struct job_spec spec = { .command = "sleep 7 & echo $!" };
	struct job job;
	int64_t before = clock_mono_ms(&clock_system);

	job_world_run(world, &spec, &job);
	assert_int_equal(job.end, JOB_END_EXIT);
	assert_true(clock_mono_ms(&clock_system) - before < 5000);
	assert_int_equal(kill((pid_t)strtol(world->out.data, NULL, 10), SIGKILL), 0);
	job_release(&job);
}

static void a_folder_that_cannot_be(void **state)
{
	struct job_world *world = *state;
	const struct job_spec spec = { .command = "echo never", .folder = "/dev/null/x" };
	struct job job;

	job_world_run(world, &spec, &job);
	assert_int_equal(job.code, 126);
	assert_non_null(strstr(world->err.data, "/dev/null"));
	job_release(&job);
}

struct lingering {
	const char *command;
	bool keep, keep_failed;
	int64_t linger_s;
	const char *before; /* ttl-left; NULL: no limit */
	bool no_sudo;
	enum job_linger linger;
	const char *after;
};

static const struct lingering lingerings[] = {
	{ "exit 0", false, false, 600, "3600\n", false, JOB_LINGER_SET, "600\n" },
	{ "exit 1", false, false, 600, "3600\n", false, JOB_LINGER_SET, "600\n" },
	{ "exit 0", false, true, 600, "3600\n", false, JOB_LINGER_SET, "600\n" },
	{ "exit 10", false, true, 600, "3600\n", false, JOB_LINGER_NONE, "3600\n" },
	{ "kill -9 $$", false, true, 600, "3600\n", false, JOB_LINGER_NONE, "3600\n" },
	{ "exit 0", true, false, 600, "3600\n", false, JOB_LINGER_NONE, "3600\n" },
	{ "exit 0", false, false, 0, "3600\n", false, JOB_LINGER_NONE, "3600\n" },
	{ "exit 0", false, false, 600, "599\n", false, JOB_LINGER_SET, "599\n" }, /* never raised */
	{ "exit 0", false, false, 600, NULL, false, JOB_LINGER_NO_TTL, "" },
	{ "exit 0", false, false, 600, "3600\n", true, JOB_LINGER_FAILED, "3600\n" },
};

static void the_limit_after_its_end(void **state)
{
	struct job_world *world = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lingerings); i++) {
		const struct lingering *l = &lingerings[i];
		const struct job_spec spec = { .command = l->command,
					       .keep = l->keep,
					       .keep_failed = l->keep_failed,
					       .linger_s = l->linger_s };
		struct job job;

		job_world_write(world, NULL, "var/lib/gpucloud/ttl-left",
				l->before ? l->before : "");
		if (l->no_sudo)
			job_world_write(world, NULL, "no-sudo", "");
		job_world_run(world, &spec, &job);
		char *after = job_world_file(world, NULL, "var/lib/gpucloud/ttl-left");
		if (job.linger != l->linger || strcmp(after, l->after) != 0)
			fail_msg("row %zu: %d, %s", i, job.linger, after);
		if (job.linger == JOB_LINGER_SET)
			assert_int_equal(job.linger_left_s, strtol(l->after, NULL, 10));
		assert_int_equal(job.spec.linger_s, l->linger_s);
		assert_int_equal(job.spec.keep, l->keep);
		free(after);
		job_release(&job);
	}
}

/* Who fetches is not cut off; and gets no more than the limit that was there before. */
static void it_stays_for_who_fetches(void **state)
{
	const struct job_spec spec = { .command = "exit 0", .linger_s = 600 };
	struct job_world *world = *state;
	int64_t seconds = 0;
	struct job job;

	job_world_run(world, &spec, &job);
	job_world_write(world, NULL, "var/lib/gpucloud/ttl-left", "2\n");
	job_world_works(world, job_stay(&world->machine, job.id, 9, 6, &world->error));
	for (int tries = 0; seconds < 3 && tries < 500; tries++) {
		char *left = job_world_file(world, NULL, "var/lib/gpucloud/ttl-left");

		seconds = strtol(left, NULL, 10);
		free(left);
		clock_sleep_ms(&clock_system, 20);
	}
	assert_in_range(seconds, 5, 6);
	job_world_write(world, NULL, "no-sudo", "");
	assert_int_equal(job_stay(&world->machine, job.id, 9, 6, &world->error), -1);
	assert_int_equal(world->error.kind, ERROR_REMOTE);
	job_release(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, job_world_setup, job_world_teardown)
		TEST(how_it_ended),
		TEST(how_it_ended_with_bash),
		TEST(what_it_is_given),
		TEST(what_it_is_given_with_bash),
		TEST(out_and_err_apart),
		TEST(only_so_much_is_kept),
		TEST(what_it_leaves_behind_does_not_hold_it),
		TEST(a_folder_that_cannot_be),
		TEST(the_limit_after_its_end),
		TEST(it_stays_for_who_fetches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
