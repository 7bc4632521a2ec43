/* SPDX-License-Identifier: Apache-2.0 */
/* A push to a machine that is this one: what arrives, and what is not sent again. */
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

static void all_kinds(void **state)
{
	struct world *world = *state;

	make(world, odd_tree);
	push(world);
	holds(world, EQUAL);
	holds(world, NOTHING_LEFT);
	assert_int_equal(world->fake.execs, 2);
	assert_string_equal(world->result.method, "tar+zstd");
	assert_int_equal(world->result.same_files, 0);
	assert_int_equal(world->result.turns, 1);
	assert_int_equal(world->result.folders, 10); /* the target among them */
	assert_int_equal(world->plan.files, world->result.files);
	/* unchanged: one look */
	uint64_t files = world->result.files;
	world->fake.execs = 0;
	push(world);
	assert_int_equal(world->fake.execs, 1);
	assert_int_equal(world->result.files, 0);
	assert_int_equal(world->result.same_files, files);
	assert_string_equal(world->result.method, "");
	holds(world, EQUAL);
	make(world, "chmod 755 here/shut there/shut");
}

/* into a target that is there: what is new, what changed, what was touched, what stays */
static void changes(void **state)
{
	struct world *world = *state;

	make(world, odd_tree);
	push(world);
	make(world,
	     "chmod 755 here/shut; echo more >> here/a/b/c/f 2>/dev/null || { chmod 644 here/a/b/c/f;"
	     "echo more >> here/a/b/c/f; }; touch -d @77.5 here/a-b; chmod 711 here/run;"
	     "rm here/into; ln -s a here/into; mkdir here/fresh; echo 1 > here/fresh/x;"
	     "echo mine > there/a/mine; mkdir there/kept; rm there/-x/-rf; chmod 700 there/empty");
	world->fake.execs = 0;
	push(world);
	assert_int_equal(world->fake.execs, 3); /* look, hash, send */
	holds(world, "[ \"$(cat there/a/mine)\" = mine ] && [ -d there/kept ] && "
		     "rm there/a/mine && rmdir there/kept");
	holds(world, EQUAL);
	holds(world, NOTHING_LEFT);
	assert_int_equal(world->result.files, 4); /* f, into, x, -rf */
	assert_non_null(strstr(world->changes, "touch a-b\n"));
	assert_non_null(strstr(world->changes, "touch run\n"));
	assert_non_null(strstr(world->changes, "touch empty\n"));
	assert_non_null(strstr(world->changes, "send a/b/c/f\n"));
	assert_non_null(strstr(world->changes, "make fresh\n"));
}

static void types_change(void **state)
{
	struct world *world = *state;

	make(world, "cd here; mkdir d1 d2 d3; echo 1 > d1/x; echo 1 > d2/x; echo 1 > d3/x;"
		    "echo 1 > f1; echo 1 > f2; ln -s d1 l1; ln -s d1 l2");
	push(world);
	make(world,
	     "cd here; rm -r d1 d2 f1 f2 l1 l2; echo file > d1; ln -s d3 d2; mkdir f1; echo 2 > f1/y;"
	     "ln -s d3 f2; mkdir l1; echo 3 > l1/z; echo 4 > l2");
	push(world);
	holds(world, EQUAL);
	holds(world, NOTHING_LEFT);
}

/* A link on the machine is never followed out of the target. */
static void links_there(void **state)
{
	struct world *world = *state;

	make(world,
	     "mkdir outside there; echo safe > outside/x; ln -s ../outside there/d;"
	     "ln -s ../outside/x there/f; mkdir here/d; echo new > here/d/x; echo new > here/f");
	push(world);
	holds(world, "[ \"$(cat outside/x)\" = safe ] && [ ! -L there/d ] && [ ! -L there/f ]");
	holds(world, EQUAL);
	make(world, "mkdir real; ln -s real way");
	assert_int_equal(push_as(world, "here", "way", NULL), 0);
	holds(world, "[ -L way ] && [ \"$(cat real/f)\" = new ]");
}

static void mirror(void **state)
{
	const struct sync_options options = { .mirror = true };
	const struct sync_options dry = { .mirror = true, .dry_run = true };
	struct world *world = *state;

	make(world,
	     "mkdir -p here/a; echo 1 > here/a/x; printf '*.log\\n/cache/\\n' > here/.gitignore;"
	     "mkdir here/.git; echo 1 > here/.git/HEAD; echo 1 > here/a/l.log;"
	     "mkdir -p there/old/er there/keep there/cache there/.git; echo 1 > there/old/er/x; echo 1 > there/a.txt;"
	     "echo 1 > there/keep/r.log; echo 1 > there/keep/s; echo 1 > there/cache/c; echo 1 > there/.git/y;"
	     "printf 1 > \"there/new\nline\"; cp -a there before");
	assert_int_equal(push_as(world, "here", "there", &dry), 0);
	holds(world, "diff -r there before");
	assert_int_equal(world->plan.removed, 4);
	assert_int_equal(world->plan.there, 4);
	assert_non_null(strstr(world->changes, "remove old/er\n"));
	assert_null(strstr(world->changes, "remove keep\n"));
	assert_int_equal(push_as(world, "here", "there", &options), 0);
	holds(world, "[ ! -e there/old ] && [ ! -e there/a.txt ] && [ ! -e there/keep/s ] && "
		     "[ -e there/keep/r.log ] && [ -e there/cache/c ] && [ -e there/.git/y ] && "
		     "[ ! -e there/.git/HEAD ] && [ ! -e there/a/l.log ] && [ -e there/a/x ] && "
		     "[ -e there/.gitignore ]");
	holds(world, NOTHING_LEFT);
	assert_int_equal(push_as(world, "here", "", &options), -1);
	assert_int_equal(world->err.kind, ERROR_USAGE);
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(&world->fake);
	assert_int_equal(push_as(world, "here", "/", &dry), -1);
	assert_int_equal(world->err.kind, ERROR_USAGE);
}

static void one_file(void **state)
{
	struct world *world = *state;

	make(world,
	     "echo one > here/f; chmod 640 here/f; touch -d @1000.5 here/f; mkdir there; ln -s f here/l;"
	     "chmod 750 there; touch -d @99 there");
	if (push_as(world, "here/f", "g", NULL) < 0)
		fail_msg("%s", world->err.message);
	holds(world, "cmp here/f g && [ \"$(stat -c %a-%Y g)\" = 640-1000 ]");
	assert_int_equal(push_as(world, "here/f", "there", NULL), 0);
	holds(world, "cmp here/f there/f && [ \"$(stat -c %a there)\" = 750 ]");
	assert_int_equal(push_as(world, "here/l", "there/", NULL), 0);
	holds(world, "[ ! -L there/l ] && cmp here/f there/l");
	assert_int_equal(push_as(world, "here/f", "", NULL), 0);
	holds(world, "cmp here/f f");
	assert_int_equal(push_as(world, "here/f", "none/", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_NOT_FOUND);
	assert_int_equal(push_as(world, "here/f", "none/f", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_NOT_FOUND);
	make(world, "touch -d @2000 here/f; chmod 600 here/f");
	assert_int_equal(push_as(world, "here/f", "g", NULL), 0);
	assert_int_equal(world->result.files, 0);
	holds(world, "[ \"$(stat -c %a-%Y g)\" = 600-2000 ]");
	make(world, "rm there/f; mkdir there/f");
	assert_int_equal(push_as(world, "here/f", "there", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_CONFLICT);
	holds(world, NOTHING_LEFT);
}

static void targets(void **state)
{
	struct world *world = *state;

	make(world, "echo 1 > here/f; echo 1 > file; mkdir -p deep/er; ln -s nowhere dangling");
	assert_int_equal(push_as(world, "here", "no/where", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_NOT_FOUND);
	assert_int_equal(push_as(world, "here", "file", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_CONFLICT);
	assert_int_equal(push_as(world, "here", "dangling", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_CONFLICT);
	assert_int_equal(push_as(world, "none", "x", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_NOT_FOUND);
	assert_int_equal(push_as(world, "here", "deep/er/odd 'n\n", NULL), 0);
	holds(world, "cmp here/f \"deep/er/odd 'n\n/f\"");
	assert_int_equal(push_as(world, "here", "deep/er/new//", NULL), 0);
	holds(world, "cmp here/f deep/er/new/f");
	assert_int_equal(push_as(world, "here", "~/-dash", NULL), 0);
	holds(world, "cmp here/f ./-dash/f");
	assert_int_equal(push_as(world, "here", "~", NULL), 0);
	holds(world, "cmp here/f f");
	holds(world, NOTHING_LEFT);
}

static void special_files(void **state)
{
	struct world *world = *state;

	make(world, "echo 1 > here/f; mkfifo here/pipe; mkdir here/d; mkfifo here/d/pipe");
	assert_int_equal(push_as(world, "here", "there", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_UNSUPPORTED);
	assert_non_null(strstr(world->err.message, "2 that are neither"));
	assert_int_equal(world->result.files, 1);
	holds(world, "cmp here/f there/f && [ ! -e there/pipe ] && [ -d there/d ]");
}

static void checksum(void **state)
{
	const struct sync_options options = { .checksum = true };
	struct world *world = *state;

	make(world, "echo one > here/f; echo two > here/g; touch -d @5 here/f here/g");
	push(world);
	make(world, "echo ONE > there/f; touch -d @5 there/f");
	push(world);
	holds(world, "[ \"$(cat there/f)\" = ONE ]"); /* as any tool that goes by size and time */
	assert_int_equal(push_as(world, "here", "there", &options), 0);
	assert_int_equal(world->result.files, 1);
	holds(world, EQUAL);
}

static void unsafe_staging(void **state)
{
	struct world *world = *state;

	make(world, "echo 1 > here/f; mkdir outside; ln -s outside .there.gpucloud-push");
	assert_int_equal(push_as(world, "here", "there", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_CONFLICT);
	make(world, "rm .there.gpucloud-push; mkdir -m 777 .there.gpucloud-push");
	assert_int_equal(push_as(world, "here", "there", NULL), -1);
	assert_int_equal(world->err.kind, ERROR_CONFLICT);
	holds(world, "[ -z \"$(ls -A outside)\" ]");
}

static bool is_pushed(void *ctx)
{
	return push_as(ctx, "here", "shut/there", NULL) == 0;
}

static void not_writable_beside(void **state)
{
	struct world *world = *state;

	make(world, "echo 1 > here/f; mkdir -p shut/there; chmod 555 shut");
	assert_true(fake_remote_unprivileged(&world->fake, is_pushed, world));
	holds(world, "cmp here/f shut/there/f && [ \"$(ls -A shut/there)\" = f ]");
	make(world, "chmod 755 shut");
}

/* A machine that lacks tools: links to those it has. */
static void with_tools(struct world *world, const char *without)
{
	static char path[200];
	char *script = xasprintf(
		"rm -rf bin; mkdir bin; for t in sh dd head find tar cp mv rm mkdir rmdir chmod touch "
		"cat stat id grep sleep xargs sha256sum df cksum tr setsid tee mkfifo truncate zstd "
		"gzip; do case ' %s ' in *\" $t \"*) ;; *) ln -s \"$(command -v $t)\" bin/$t ;; esac; "
		"done",
		without);

	make(world, script);
	free(script);
	snprintf(path, sizeof(path), "%s/bin", world->fake.home);
	world->fake.path = path;
}

static void fewer_tools(void **state)
{
	static const struct {
		const char *without, *method;
	} cases[] = { { "", "tar+zstd" },
		      { "zstd", "tar+gzip" },
		      { "zstd gzip", "tar" },
		      { "setsid sha256sum", "tar+zstd" } };
	struct world *world = *state;

	make(world, odd_tree);
	make(world,
	     "head -c 12000000 /dev/urandom > here/big; head -c 9000000 /dev/zero > here/zero");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make(world, "chmod -f 755 there/shut; rm -rf there");
		with_tools(world, cases[i].without);
		push(world);
		assert_string_equal(world->result.method, cases[i].method);
		holds(world, EQUAL);
		holds(world, NOTHING_LEFT);
	}
	with_tools(world, "tar");
	make(world, "chmod 755 here/shut there/shut; rm -rf there; chmod 755 here/shut");
	push(world);
	assert_string_equal(world->result.method, "sftp");
	holds(world, EQUAL);
	/* what is left out stays out by this way as well */
	make(world,
	     "rm -rf there; mkdir -p here/w/data here/w/src; echo 1 > here/w/data/x; echo 1 > here/w/src/y;"
	     "echo data > here/.gitignore");
	push(world);
	holds(world,
	      "[ ! -e there/w/data ] && cmp here/w/src/y there/w/src/y && cmp here/big there/big");
	const struct sync_options mirrored = { .mirror = true };
	assert_int_equal(push_as(world, "here", "there", &mirrored), -1);
	assert_int_equal(world->err.kind, ERROR_UNSUPPORTED);
	world->fake.path = NULL;
}

static void measured(void **state)
{
	struct world *world = *state;
	uint64_t files, bytes;

	make(world, "mkdir here/d here/out; head -c 1000 /dev/zero > here/d/f; echo 1 > here/out/x;"
		    "echo out > here/.gpucloudignore; ln -s d here/l");
	assert_int_equal(sync_measure(world->local, NULL, &files, &bytes, &world->err), 0);
	assert_int_equal(files, 3);
	assert_int_equal(bytes, 1004);
	assert_int_equal(sync_measure("/nowhere", NULL, &files, &bytes, &world->err), -1);
	assert_int_equal(world->err.kind, ERROR_NOT_FOUND);
}

/* With an argument: only the test of that name. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(all_kinds),
		TEST(changes),
		TEST(types_change),
		TEST(links_there),
		TEST(mirror),
		TEST(one_file),
		TEST(targets),
		TEST(special_files),
		TEST(checksum),
		TEST(unsafe_staging),
		TEST(not_writable_beside),
		TEST(fewer_tools),
		TEST(measured),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
