/* SPDX-License-Identifier: Apache-2.0 */
/* sync_pull over connections that break anywhere, and trees that change while they are read. */
#include <errno.h>
#include <fcntl.h>
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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/mem.h"
#include "pull_world.h"

#define BIG   ((size_t)21 << 20)
#define SEEDS 3 /* for each half of them: the fake machine counts its cuts */

static void make_tree(const char *root)
{
	char name[64];

	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "d%d/f%d", i % 7, i);
		world_noise(root, name, (size_t)(i * 997 % 30000), (uint32_t)i + 1);
	}
	world_noise(root, "big", BIG, 99);
	world_noise(root, "d3/nearly", ((size_t)8 << 20) - 1, 98);
	world_link(root, "link", "big");
	world_folder(root, "void", 0755);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Cut at random bytes of random connections: in the end all is there, and little came twice. */
static void cut_anywhere(struct pull_world *world, bool early)
{
	uint64_t all = BIG + ((uint64_t)8 << 20) + 900000;

	make_tree(world->far);
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		uint32_t random = seed * 7919;
		struct fake_remote *fake = &world->fake;

		world_remove(world->near);
		fake->cuts_left = 10;
		fake->cut_after = early ? 1 + next_random(&random) % (4u << 20)
					: 16000 + next_random(&random) % (24u << 20);
		fake->received = fake->cuts = 0;
		fake_remote_ops.close(world->link.remote);
		world->link.remote = fake_remote_open(fake);
		if (pull_world_pull(world, "far") < 0) {
			/* too early to get anywhere at all: given up, nothing done, nothing lost */
			assert_int_equal(world->err.kind, ERROR_NETWORK);
			assert_true(fake->cut_after < 16000);
			assert_false(world_has(world->near, ""));
			fake->cuts_left = 0;
			fake_remote_ops.close(world->link.remote);
			world->link.remote = fake_remote_open(fake);
			pull_world_must(world, "far");
		}
		world_equal(world->far, world->near);
		assert_int_equal(world_count(world->dir), 1);
		/* half files of less than 8 MiB come again: one for each cut */
		assert_true(fake->received < all + fake->cuts * ((uint64_t)8 << 20));
	}
}

static void test_cut_early(void **state)
{
	cut_anywhere(*state, true);
}

static void test_cut_late(void **state)
{
	cut_anywhere(*state, false);
}

/* The next process, even much later, goes on where the last one was cut. */
static void test_next_process(void **state)
{
	struct pull_world *world = *state;
	struct fake_remote *fake = &world->fake;

	make_tree(world->far);
	world_text(world->near, "old", "stays");
	world_text(world->near, "link", "stays, for now");
	fake->never_again = true;
	fake->cuts_left = 1;
	fake->cut_after = 16u << 20;
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(fake);
	assert_int_equal(pull_world_pull(world, "far"), -1);
	assert_int_equal(world->err.kind, ERROR_NETWORK);
	assert_int_equal(world_count(world->near), 2); /* untouched */
	char *text = world_read(world->near, "link");
	assert_string_equal(text, "stays, for now");
	free(text);

	fake->received = 0;
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(fake);
	pull_world_must(world, "far");
	assert_true(world->result.resumed_bytes > (uint64_t)15 << 20);
	assert_true(fake->received < (uint64_t)16 << 20);
	assert_int_equal(world->result.turns, 1);
	world_remove_in(world->near, "old");
	world_equal(world->far, world->near);
}

/* Half a file that is not the beginning of what the machine has now is worth nothing. */
static void test_other_beginning(void **state)
{
	struct pull_world *world = *state;
	struct fake_remote *fake = &world->fake;

	world_noise(world->far, "big", BIG, 1);
	fake->cuts_left = 1;
	fake->cut_after = 16u << 20;
	fake->never_again = true;
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(fake);
	assert_int_equal(pull_world_pull(world, "far"), -1);
	world_noise(world->far, "big", BIG, 2);
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(fake);
	pull_world_must(world, "far");
	assert_int_equal(world->result.resumed_bytes, 0);
	world_equal(world->far, world->near);

	/* and one that is shorter now than what we have of it */
	world_remove(world->near);
	fake->cuts_left = 1;
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(fake);
	assert_int_equal(pull_world_pull(world, "far/big"), -1);
	world_noise(world->far, "big", 1000, 2);
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(fake);
	pull_world_must(world, "far/big");
	char *from = xasprintf("%s/big", world->far);
	world_equal(from, world->near);
	free(from);
	assert_int_equal(world_count(world->dir), 1);
}

static void test_never_anything(void **state)
{
	struct pull_world *world = *state;
	struct fake_remote *fake = &world->fake;

	make_tree(world->far);
	fake->cuts_left = 1000;
	fake->cut_after = 2000; /* less than the question */
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(fake);
	assert_int_equal(pull_world_pull(world, "far"), -1);
	assert_int_equal(world->err.kind, ERROR_NETWORK);
	assert_true(fake->cuts < 10);
	assert_int_equal(world_count(world->dir), 0);
}

/* --- what changes between the list and the stream --- */

struct change {
	struct pull_world *world;
	unsigned at, until; /* which commands are preceded by it */
	unsigned seen;
	const char *remove;
	size_t size; /* of "log", more each time */
};

static int before(void *ctx, struct fake_remote *fake, const char *command, struct error *err)
{
	struct change *change = ctx;

	(void)fake;
	(void)command;
	(void)err;
	change->seen++;
	if (change->seen < change->at || change->seen > change->until)
		return 0;
	if (change->remove)
		world_remove_in(change->world->far, change->remove);
	else
		world_noise(change->world->far, "log", change->size += 1000, 1);
	return 0;
}

static void test_changes(void **state)
{
	struct pull_world *world = *state;
	struct change change = { .world = world, .at = 2, .until = 2, .size = 5000 };

	for (int i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%d", i);
		world_noise(world->far, name, 3000, (uint32_t)i);
	}
	world_noise(world->far, "log", 5000, 1);
	world->fake.before = before;
	world->fake.before_ctx = &change;
	pull_world_must(world, "far"); /* grew once: tried again */
	world_equal(world->far, world->near);
	assert_int_equal(change.seen, 4);

	change = (struct change){ .world = world, .at = 2, .until = 2, .remove = "f7" };
	world_remove(world->near);
	pull_world_must(world, "far"); /* went away: so be it */
	assert_false(world_has(world->near, "f7"));
	world_equal(world->far, world->near);

	change = (struct change){ .world = world, .at = 1, .until = 99, .size = 50000 };
	world_remove_in(world->near, "f3");
	assert_int_equal(pull_world_pull(world, "far"), -1);
	assert_int_equal(world->err.kind, ERROR_CONFLICT);
	assert_non_null(strstr(world->err.message, "'log'"));
	assert_false(world_has(world->near, "f3")); /* untouched */
	assert_int_equal(change.seen, 4);

	/* the whole tree goes away */
	change = (struct change){ .world = world, .at = 2, .until = 2, .remove = "" };
	assert_int_equal(pull_world_pull(world, "far"), -1);
	assert_int_equal(world->err.kind, ERROR_NOT_FOUND);
	assert_true(world_has(world->near, "f4"));
}

/* --- killed at any moment --- */

#define KILL_FILES 150

static void make_version(const char *root, char version, bool folder)
{
	char name[32], text[2000];

	memset(text, version, sizeof(text));
	for (int i = 0; i < KILL_FILES; i++) {
		snprintf(name, sizeof(name), "d%d/f%d", i % 5, i);
		world_file(root, name, text, sizeof(text), 0644, version * (int64_t)1000000000);
	}
	/* and names of another type than before */
	world_remove_in(root, "turns");
	world_text(root, folder ? "turns/x" : "turns", "turned");
}

/* Each file is of one version, and there. */
static unsigned count_new(const char *root)
{
	char name[32];
	unsigned fresh = 0;

	for (int i = 0; i < KILL_FILES; i++) {
		snprintf(name, sizeof(name), "d%d/f%d", i % 5, i);
		char *text = world_read(root, name);

		assert_int_equal(strlen(text), 2000);
		assert_true(text[0] == 'o' || text[0] == 'n');
		assert_int_equal(strspn(text, (char[]){ text[0], '\0' }), 2000);
		fresh += text[0] == 'n';
		free(text);
	}
	assert_true(world_has(root, "turns"));
	return fresh;
}

/* A child pulls, and is killed once so many files are new here, or right away. */
static unsigned pull_and_kill(struct pull_world *world, unsigned after_ms, unsigned placed)
{
	const struct timespec step = { .tv_nsec = 200000 };
	char last[200];
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		pull_world_pull(world, "far");
		_exit(0);
	}
	snprintf(last, sizeof(last), "%s/d%u/f%u", world->near, placed % 5, placed);
	for (unsigned i = 0; waitpid(pid, NULL, WNOHANG) == 0; i++) {
		struct stat st;

		if (after_ms ? i > after_ms * 5
			     : stat(last, &st) == 0 && st.st_mtim.tv_sec == 'n') {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			break;
		}
		nanosleep(&step, NULL);
	}
	return count_new(world->near);
}

static void test_killed(void **state)
{
	struct pull_world *world = *state;
	unsigned between = 0;

	for (unsigned i = 0; i < 8; i++) {
		make_version(world->far, 'n', i % 2);
		make_version(world->near, 'o', i % 2 == 0);
		unsigned fresh = pull_and_kill(world, i < 4 ? 0 : 30 * (i - 3), i * 7);

		between += fresh > 0 && fresh < KILL_FILES;
		pull_world_must(world, "far");
		world_equal(world->far, world->near);
		assert_int_equal(world_count(world->dir), 1);
	}
	print_message("killed %u times in the midst of putting files in place\n", between);

	/* a folder that was not there shows itself only when all of it is */
	for (unsigned i = 0; i < 5; i++) {
		world_remove(world->near);
		pid_t pid = fork();

		if (pid == 0) {
			pull_world_pull(world, "far");
			_exit(0);
		}
		const struct timespec pause = { .tv_nsec = (long)i * 60000000 };
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (world_has(world->near, ""))
			assert_int_equal(count_new(world->near), KILL_FILES);
		pull_world_must(world, "far");
		world_equal(world->far, world->near);
		assert_int_equal(world_count(world->dir), 1);
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, pull_world_setup, pull_world_teardown)
	const struct CMUnitTest tests[] = {
		T(test_cut_early),	 T(test_cut_late),	 T(test_next_process),
		T(test_other_beginning), T(test_never_anything), T(test_changes),
		T(test_killed),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
