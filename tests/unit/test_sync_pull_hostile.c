/* SPDX-License-Identifier: Apache-2.0 */
/* A machine whose find and tar are not what they seem: bounded, refused, nothing written elsewhere. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"
#include "pull_world.h"

#define GNU_TAR	 "case \"$*\" in *--version*) echo 'tar (GNU tar) 1.34'; exit;; esac\n"
#define GNU_FIND "case \"$*\" in *maxdepth*) printf x; exit;; esac\n"

/* A program on the machine's PATH, ahead of the real one. */
static void add_shim(struct pull_world *world, const char *name, const char *script)
{
	char *bin = xasprintf("%s/shims", world->fake.home);
	char *text = xasprintf("#!/bin/sh\n%s\n", script);

	world_file(bin, name, text, strlen(text), 0755, -1);
	if (!world->fake.path)
		world->fake.path = xasprintf("%s:%s", bin, getenv("PATH"));
	free(text);
	free(bin);
}

static int teardown(void **state)
{
	struct pull_world *world = *state;

	free((void *)(uintptr_t)world->fake.path);
	world->fake.path = NULL;
	return pull_world_teardown(state);
}

/* A new connection, with that shim. */
static void arm(struct pull_world *world, const char *name, const char *script)
{
	add_shim(world, name, script);
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(&world->fake);
}

struct lie {
	const char *tool, *script;
	enum error_kind kind;
	const char *says;
};

static const struct lie lies[] = {
	{ "find", GNU_FIND "printf 'd 755 0 1.0 \\0\\0f 644 5 1.0 ../evil\\0\\0'", ERROR_PROTOCOL,
	  "../evil" },
	{ "find",
	  GNU_FIND "printf 'd 755 0 1.0 \\0\\0l 777 5 1.0 l\\0/tmp\\0f 644 5 1.0 l/x\\0\\0'",
	  ERROR_PROTOCOL, "no folder" },
	{ "find", GNU_FIND "printf 'd 755 0 1.0 \\0\\0f 644 5 1.0 /etc/evil\\0\\0'", ERROR_PROTOCOL,
	  "/etc/evil" },
	{ "find", GNU_FIND "yes", ERROR_PROTOCOL, "list" },
	{ "find", GNU_FIND "printf 'd 755 0 1.0 \\0\\0f 644 9000000000000000000 1.0 x\\0\\0'",
	  ERROR_PROTOCOL, "impossible size" },
	{ "find", GNU_FIND "printf 'd 755 0 1.0 \\0\\0f 644 70000000000000 1.0 x\\0\\0'", ERROR_IO,
	  "no room" },
	{ "tar", GNU_TAR "yes", ERROR_PROTOCOL, "header is damaged" },
	{ "tar", GNU_TAR "cat /dev/zero", ERROR_PROTOCOL, "does not end" },
	{ "tar", GNU_TAR "exec >&2; yes 'tar: ./x: evil' | head -n 100000; exit 2", ERROR_PROTOCOL,
	  "cut off" },
	{ "tar", GNU_TAR "kill -9 $$", ERROR_REMOTE, "tar failed" },
	{ "tar", GNU_TAR "exit 0", ERROR_PROTOCOL, "cut off" },
	{ "tar", GNU_TAR "mkdir -p q; ln -sfn /tmp q/x; exec $REAL -c --format=ustar -C q ./x",
	  ERROR_PROTOCOL, "'./x' is a link" },
	{ "tar", GNU_TAR "exec $REAL -c -P --format=posix ../far/x", ERROR_PROTOCOL,
	  "'../far/x' was not asked for" },
	{ "tar",
	  GNU_TAR "truncate -s 10G huge; exec $REAL -c --format=posix --transform s/huge/x/ ./huge",
	  ERROR_CONFLICT, "came with 10737418240" },
	{ "tar", GNU_TAR "exec $REAL -c --format=posix . ", ERROR_PROTOCOL, "is a folder" },
	{ "tar", GNU_TAR "ln -f x y; exec $REAL -c --format=posix ./x ./y", ERROR_PROTOCOL,
	  "is a hard link" },
	{ "zstd", "cat", ERROR_PROTOCOL, "no zstd frame" },
	{ "zstd", "exec /usr/bin/zstd --no-check -q -c", ERROR_PROTOCOL, "no checksum" },
	{ "zstd", "/usr/bin/zstd -q -c --check; printf more", ERROR_PROTOCOL, "after its end" },
	{ "zstd", "/usr/bin/zstd -q -c --check | head -c 20", ERROR_PROTOCOL, "cut off" },
};

static void test_lies(void **state)
{
	struct pull_world *world = *state;

	world_text(world->near, "mine", "m");
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		const struct lie *lie = &lies[i];
		char *script = xasprintf("REAL=/bin/tar\n%s", lie->script);

		world_remove(world->far);
		world_text(world->far, "x", "hello");
		world_text(world->far, "z", "world");
		arm(world, lie->tool, script);
		if (pull_world_pull(world, "far") == 0)
			fail_msg("%s was taken", lie->script);
		if (world->err.kind != lie->kind || !strstr(world->err.message, lie->says))
			fail_msg("%s: %s: %s", lie->script, error_kind_name(world->err.kind),
				 world->err.message);
		for (const char *c = world->err.message; *c; c++)
			assert_true((unsigned char)*c >= ' ');
		assert_int_equal(world_count(world->near), 1);
		assert_true(world_count(world->dir) <= 2); /* the target, and the staging folder */
		world_remove_in(world->fake.home, "shims");
		free(script);
	}
	/* an honest one again: nothing of all that is left */
	world_remove(world->far);
	world_text(world->far, "x", "hello");
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(&world->fake);
	pull_world_must(world, "far");
	assert_int_equal(world_count(world->near), 2);
	assert_int_equal(world_count(world->dir), 1);
}

/* What tar says of a file may be anything: it is escaped, and the file is asked for once more. */
static void test_complaints(void **state)
{
	struct pull_world *world = *state;

	world_text(world->far, "x", "hello");
	world_text(world->far, "evil: \x1b[2J", "hello");
	arm(world, "tar",
	    GNU_TAR
	    "/bin/tar \"$@\"; printf 'tar: ./evil: \\033[2J: Cannot open: \\033]0;x\\007\\n' >&2; "
	    "exit 2");
	assert_int_equal(pull_world_pull(world, "far"), -1);
	assert_int_equal(world->err.kind, ERROR_CONFLICT);
	assert_non_null(strstr(world->err.message, "'evil: ^[[2J'"));
	assert_false(world_has(world->near, ""));
	for (const char *c = world->err.message; *c; c++)
		assert_true((unsigned char)*c >= ' ');
	/* the other one is kept */
	world_remove_in(world->fake.home, "shims");
	pull_world_must(world, "far");
	assert_int_equal(world->result.resumed_bytes, 5);
	world_equal(world->far, world->near);

	arm(world, "tar",
	    GNU_TAR "/bin/tar \"$@\"; echo 'tar: ./x: Cannot open: Permission denied' >&2; exit 2");
	world_text(world->far, "x", "changed");
	assert_int_equal(pull_world_pull(world, "far"), -1);
	assert_int_equal(world->err.kind, ERROR_REMOTE);
	assert_non_null(strstr(world->err.message, "Permission denied"));
}

/* A full disk here: said, nothing done, and gone on with when there is room. */
static void test_full_disk(void **state)
{
	struct pull_world *world = *state;
	struct rlimit old, small;

	world_noise(world->far, "x", 3 << 20, 1);
	world_text(world->far, "a", "hello");
	world_text(world->near, "x", "old");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 1 << 20;
	setrlimit(RLIMIT_FSIZE, &small);
	int rc = pull_world_pull(world, "far");
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(rc, -1);
	assert_int_equal(world->err.kind, ERROR_IO);
	assert_non_null(strstr(world->err.message, "cannot write 'x'"));
	char *text = world_read(world->near, "x");
	assert_string_equal(text, "old");
	free(text);
	assert_int_equal(world_count(world->near), 1);
	fake_remote_ops.close(world->link.remote);
	world->link.remote = fake_remote_open(&world->fake);
	pull_world_must(world, "far");
	assert_int_equal(world->result.resumed_bytes, 5);
	world_equal(world->far, world->near);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, pull_world_setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_lies),
		T(test_complaints),
		T(test_full_disk),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
