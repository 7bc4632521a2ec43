/* SPDX-License-Identifier: Apache-2.0 */
/* A push that is cut, frozen, killed, or whose files change under its hands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "push_world.h"

/* Cut after every number of bytes of a small push: each time it comes to the same end. */
static void cut_anywhere(void **state)
{
	struct world *world = *state;
	unsigned cuts = 0;

	make(world,
	     "mkdir -p here/a/b here/e; echo 1 > here/a/b/f; head -c 3000 /dev/urandom > here/r;"
	     "ln -s r here/l; chmod 600 here/r");
	for (uint64_t at = 1; world->fake.cuts > 0 || at == 1; at += 1709) {
		make(world,
		     "rm -rf there; mkdir there; echo old > there/r; echo mine > there/mine");
		fake_remote_ops.close(world->link.remote);
		world->fake.cuts_left = 1;
		world->fake.cut_after = at;
		world->fake.cuts = 0;
		world->link.remote = fake_remote_open(&world->fake);
		push(world);
		holds(world, "[ \"$(cat there/mine)\" = mine ] && rm there/mine && " EQUAL);
		holds(world, NOTHING_LEFT);
		cuts += world->fake.cuts;
	}
	assert_true(cuts > 15);
}

/* Ten cuts in a large file: what has arrived is not sent again. */
static void large_file_goes_on(void **state)
{
	struct world *world = *state;

	make(world, "head -c 60000000 /dev/urandom > here/big; echo 1 > here/a; echo 1 > here/z");
	fake_remote_ops.close(world->link.remote);
	world->fake.cuts_left = 3;
	world->fake.cut_after = 18000000;
	world->fake.sent = 0;
	world->link.remote = fake_remote_open(&world->fake);
	push(world);
	holds(world, EQUAL);
	holds(world, NOTHING_LEFT);
	assert_int_equal(world->fake.cuts, 3);
	assert_int_equal(world->result.turns, 4);
	assert_true(world->result.resumed_bytes > 40000000);
	assert_true(world->fake.sent < 66000000); /* 60 MB, and what was on its way at each cut */
	assert_true(world->slept_ms >= 1500);
}

/* The network swallows all: the machine's side of the old connection still waits. */
static void stale_receiver(void **state)
{
	struct world *world = *state;

	make(world, "head -c 30000000 /dev/urandom > here/big; mkdir there; echo old > there/big");
	fake_remote_ops.close(world->link.remote);
	world->fake.cuts_left = 2;
	world->fake.cut_after = 12000000;
	world->fake.frozen = true;
	world->link.remote = fake_remote_open(&world->fake);
	push(world);
	holds(world, EQUAL);
	assert_int_equal(world->fake.cuts, 2);
	holds(world, NOTHING_LEFT);
}

/* A push that dies leaves what was there; the next one goes on, or does something else. */
static void dies_and_goes_on(void **state)
{
	struct world *world = *state;

	make(world,
	     "head -c 30000000 /dev/urandom > here/big; echo 1 > here/junk; mkdir there; echo old > there/big");
	fake_remote_ops.close(world->link.remote);
	world->fake.cuts_left = 1;
	world->fake.cut_after = 20000000;
	world->fake.never_again = true;
	world->link.remote = fake_remote_open(&world->fake);
	assert_int_equal(push_as(world, "here", "there", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_NETWORK);
	holds(world,
	      "[ \"$(cat there/big)\" = old ] && [ \"$(ls there)\" = big ] && [ -d .there.gpucloud-push ] &&"
	      "[ \"$(stat -c %a .there.gpucloud-push)\" = 700 ]");
	world->fake.never_again = false;
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(&world->fake);
	make(world, "rm here/junk; echo 2 > here/other");
	push(world);
	assert_true(world->result.resumed_bytes > 16000000);
	holds(world, EQUAL);
	holds(world, NOTHING_LEFT);
}

/* A commit that was interrupted half-way by a reboot is finished by the next push. */
static void commit_is_finished(void **state)
{
	struct world *world = *state;

	make(world,
	     "mkdir there s; cd s; mkdir new; mkdir new/a; echo 1 > new/a/x; echo 1 > new/b; ln -s a new/l;"
	     "printf '%s/there' \"$(dirname \"$PWD\")\" > root; : > name; : > go; : > arrived;"
	     "printf 'gone\\0' > remove-last; : > remove-first; : > rmdir-first; : > rmdir-last; : > loosen;"
	     "echo 1 > ../there/gone; ln new/b ../there/b; echo '999999999 x' > receiver; echo 999999999 > committer;"
	     "cd ..; chmod 700 s; mv s .there.gpucloud-push; echo 5 > here/c");
	push(world);
	holds(world,
	      "[ ! -e there/gone ] && [ -e there/a/x ] && [ -L there/l ] && cmp here/c there/c");
	holds(world, NOTHING_LEFT);
}

static int others(void *ctx, struct fake_remote *fake, const char *command, struct error *err)
{
	struct world *world = ctx;

	(void)command;
	(void)err;
	if (fake->execs == 2)
		make(world, "echo 'later 1' > here/log; truncate -s 100 here/short; rm here/gone");
	return 0;
}

static void changed_before_it_is_read(void **state)
{
	struct world *world = *state;

	make(world,
	     "echo 1 > here/log; head -c 9000 /dev/zero > here/short; echo 1 > here/gone; echo 1 > here/x");
	world->fake.before = others;
	world->fake.before_ctx = world;
	assert_int_equal(push_as(world, "here", "there", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_CONFLICT);
	assert_non_null(strstr(world->err.message, "'gone'"));
	holds(world, "[ ! -e there ]");
	world->fake.before = NULL;
	push(world);
	holds(world, EQUAL);
	holds(world, NOTHING_LEFT);
}

/* With an argument: only the test of that name. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(cut_anywhere),	TEST(large_file_goes_on), TEST(stale_receiver),
		TEST(dies_and_goes_on), TEST(commit_is_finished), TEST(changed_before_it_is_read),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
