/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides list, and what a machine may not say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "fake_remote.h"
#include "ssh/sync/ignore.h"
#include "ssh/sync/manifest.h"
#include "ssh/sync/manifest_take.h"

struct world {
	struct fake_remote fake;
	struct remote *remote;
};

static int set_up(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));

	fake_remote_init(&world->fake);
	world->remote = fake_remote_open(&world->fake);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	fake_remote_ops.close(world->remote);
	fake_remote_release(&world->fake);
	free(world);
	return 0;
}

/* Runs a script in the machine's home. */
static void make(struct world *world, const char *script)
{
	struct remote_exit how;
	struct error err = ERROR_INIT;

	assert_int_equal(fake_remote_ops.exec(world->remote, script, NULL, 0, &how, &err), 0);
	assert_int_equal(how.code, 0);
}

static int home_fd(struct world *world, const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", world->fake.home, name);
	int fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	return fd;
}

static void same(const struct manifest *a, const struct manifest *b)
{
	assert_int_equal(a->nr, b->nr);
	for (size_t i = 0; i < a->nr; i++) {
		assert_string_equal(a->v[i].path, b->v[i].path);
		assert_int_equal(a->v[i].type, b->v[i].type);
		assert_int_equal(a->v[i].mode, b->v[i].mode);
		assert_int_equal(a->v[i].size, b->v[i].size);
		assert_int_equal(a->v[i].mtime_ns, b->v[i].mtime_ns);
		assert_int_equal(!a->v[i].target, !b->v[i].target);
		if (a->v[i].target)
			assert_string_equal(a->v[i].target, b->v[i].target);
	}
	assert_int_equal(a->files, b->files);
	assert_int_equal(a->bytes, b->bytes);
	assert_int_equal(a->single, b->single);
}

/* Odd names, odd times, links that lead nowhere, a FIFO: both sides see the same. */
static void both_sides_agree(void **state)
{
	struct world *world = *state;
	struct manifest here = { 0 }, there = { 0 };
	struct error err = ERROR_INIT;

	make(world,
	     "umask 022; mkdir -p t/a/b 't/a b' t/-x t/empty; echo hi > t/a/b/c; echo x > t/a-b;"
	     "printf 1 > \"t/new\nline\"; printf 22 > 't/quote'\\''s \"'; : > t/-x/-rf; "
	     "printf 1 > \"t/$(printf '\\351')\"; printf 2 > t/ä; ln -s nowhere t/dangling;"
	     "ln -s ../../.. t/up; ln -s a/b t/into; mkfifo t/fifo; chmod 4755 t/a-b;"
	     "chmod 640 t/a/b/c; touch -h -d @-3.25 t/dangling; touch -d @-3.25 t/a-b;"
	     "touch -d @0 t/-x/-rf; touch -d @4000000000.123456789 t/a/b/c;"
	     "echo x > t/$(printf '%0255d' 7)");
	int fd = home_fd(world, "t");
	assert_int_equal(manifest_scan(fd, NULL, NULL, &here, &err), 0);
	assert_int_equal(manifest_ask(&fake_remote_ops, world->remote, "t", &there, &err), 0);
	same(&here, &there);
	const struct manifest_entry *entry = manifest_find(&there, "a/b/c");
	assert_non_null(entry);
	assert_int_equal(entry->mtime_ns, 4000000000123456789);
	assert_int_equal(entry->mode, 0640);
	assert_int_equal(entry->size, 3);
	assert_int_equal(manifest_find(&there, "a-b")->mtime_ns, -3250000000);
	assert_int_equal(manifest_find(&there, "a-b")->mode, 0755);
	assert_string_equal(manifest_find(&there, "up")->target, "../../..");
	assert_int_equal(manifest_find(&there, "fifo")->type, TREE_SPECIAL);
	assert_string_equal(there.v[0].path, "");
	assert_null(manifest_find(&there, "b"));
	manifest_release(&here);
	manifest_release(&there);
	close(fd);
}

static void roots(void **state)
{
	struct world *world = *state;
	struct manifest m = { 0 }, here = { 0 };
	struct error err = ERROR_INIT;

	make(world,
	     "mkdir -p d 'o'\\''dd \"$x'; echo one > f; ln -s d to_d; ln -s f to_f; ln -s no dangling;"
	     "mkdir -- -d; echo 1 > -d/x; echo 1 > \"o'dd \\\"\\$x/y\"");
	assert_int_equal(manifest_ask(&fake_remote_ops, world->remote, "none", &m, &err), 0);
	assert_true(m.missing);
	manifest_release(&m);
	assert_int_equal(manifest_ask(&fake_remote_ops, world->remote, "f", &m, &err), 0);
	assert_true(m.single && !m.missing && m.nr == 1 && m.v[0].size == 4);
	int fd = home_fd(world, ".");
	assert_int_equal(manifest_scan(fd, "f", NULL, &here, &err), 0);
	same(&here, &m);
	manifest_release(&here);
	manifest_release(&m);
	assert_int_equal(manifest_scan(fd, "none", NULL, &here, &err), 0);
	assert_true(here.missing);
	manifest_release(&here);
	close(fd);
	assert_int_equal(manifest_ask(&fake_remote_ops, world->remote, "to_d", &m, &err), 0);
	assert_true(!m.single && m.nr == 1 && m.v[0].type == TREE_DIR);
	manifest_release(&m);
	assert_int_equal(manifest_ask(&fake_remote_ops, world->remote, "to_f", &m, &err), 0);
	assert_true(m.single && m.v[0].type == TREE_FILE);
	manifest_release(&m);
	assert_int_equal(manifest_ask(&fake_remote_ops, world->remote, "dangling", &m, &err), 0);
	assert_true(m.single && m.v[0].type == TREE_LINK);
	manifest_release(&m);
	assert_int_equal(manifest_ask(&fake_remote_ops, world->remote, "-d", &m, &err), 0);
	assert_int_equal(m.nr, 2);
	manifest_release(&m);
	assert_int_equal(manifest_ask(&fake_remote_ops, world->remote, "~/o'dd \"$x", &m, &err), 0);
	assert_non_null(manifest_find(&m, "y"));
	manifest_release(&m);
	assert_int_equal(manifest_ask(&fake_remote_ops, world->remote, "", &m, &err), 0);
	assert_non_null(manifest_find(&m, "to_d"));
	assert_null(manifest_find(&m, "to_d/x"));
	manifest_release(&m);
}

static bool is_refused(void *ctx)
{
	struct world *world = ctx;
	struct manifest m = { 0 };
	struct error err = ERROR_INIT;

	return manifest_ask(&fake_remote_ops, world->remote, "t", &m, &err) == -1 &&
	       err.kind == ERROR_REMOTE && strstr(err.message, "Permission denied");
}

static void a_folder_that_cannot_be_read(void **state)
{
	struct world *world = *state;

	make(world, "mkdir -p t/shut; chmod 0 t/shut");
	assert_true(fake_remote_unprivileged(&world->fake, is_refused, world));
}

static void no_gnu_find(void **state)
{
	struct world *world = *state;
	struct manifest m = { 0 };
	struct error err = ERROR_INIT;
	char path[200];

	make(world,
	     "mkdir bin; ln -s /usr/bin/dd bin/dd; printf '#!/bin/sh\\nexit 1\\n' > bin/find;"
	     "chmod 755 bin/find");
	snprintf(path, sizeof(path), "%s/bin", world->fake.home);
	world->fake.path = path;
	assert_int_equal(manifest_ask(&fake_remote_ops, world->remote, "", &m, &err), -1);
	assert_int_equal(err.kind, ERROR_UNSUPPORTED);
	world->fake.path = NULL;
}

static void ignored_is_seen_and_left(void **state)
{
	struct world *world = *state;
	struct ignore *ignore = ignore_new(NULL, 0, true);
	struct manifest m = { 0 };
	struct error err = ERROR_INIT;

	make(world,
	     "mkdir -p t/.git/x t/data t/sub; echo 1 > t/.git/x/y; echo data/ > t/.gitignore;"
	     "echo 1 > t/data/big; echo '!data/' > t/.gpucloudignore; echo '*.o' > t/sub/.gitignore;"
	     "echo 1 > t/sub/a.o; echo 1 > t/a.o; mkdir t/.t.gpucloud-push; echo 1 > t/.t.gpucloud-push/x");
	int fd = home_fd(world, "t");
	assert_int_equal(manifest_scan(fd, NULL, ignore, &m, &err), 0);
	assert_true(manifest_find(&m, ".git")->ignored);
	assert_null(manifest_find(&m, ".git/x"));
	assert_false(manifest_find(&m, "data")->ignored);
	assert_non_null(manifest_find(&m, "data/big"));
	assert_true(manifest_find(&m, "sub/a.o")->ignored);
	assert_false(manifest_find(&m, "a.o")->ignored);
	assert_true(manifest_find(&m, ".t.gpucloud-push")->ignored);
	assert_null(manifest_find(&m, ".t.gpucloud-push/x"));
	assert_int_equal(m.files, 5);
	manifest_release(&m);
	ignore_free(ignore);
	close(fd);
}

/* A listing: strings, each with the NUL that ends it. */
#define ROOT "d 755 0 1.0 \0\0"

static const struct hostile {
	const char *what, *text;
	size_t len;
	const char *why; /* NULL: fine */
} hostile[] = {
#define LINES(what, text, why)                    \
	{                                         \
		what, text, sizeof(text) - 1, why \
	}
	LINES("plain", ROOT "f 644 1 2.5 a\0\0=end\0", NULL),
	LINES("no fraction", ROOT "f 644 1 2 a\0\0=end\0", NULL),
	LINES("any order", "f 644 1 2.5 a/b\0\0d 755 1 2.5 a\0\0" ROOT "=end\0", NULL),
	LINES("missing", "=missing\0", NULL),
	LINES("largest", ROOT "f 7777 9223372036854775807 9223372034.9999999990 a\0\0=end\0", NULL),
	LINES("too large", ROOT "f 644 9223372036854775808 2.5 a\0\0=end\0", "size"),
	LINES("very large", ROOT "f 644 99999999999999999999999999 2.5 a\0\0=end\0", "size"),
	LINES("negative", ROOT "f 644 -1 2.5 a\0\0=end\0", "size"),
	LINES("climbs", ROOT "f 644 1 2.5 ../a\0\0=end\0", "climbs"),
	LINES("climbs within", ROOT "d 755 1 2.5 a\0\0f 644 1 2.5 a/../../b\0\0=end\0", "climbs"),
	LINES("itself", ROOT "f 644 1 2.5 .\0\0=end\0", "climbs"),
	LINES("dot dot", ROOT "d 755 1 2.5 ..\0\0=end\0", "climbs"),
	LINES("three dots", ROOT "d 755 1 2.5 ...\0\0=end\0", NULL),
	LINES("absolute", ROOT "f 644 1 2.5 /etc/passwd\0\0=end\0", "absolute"),
	LINES("slash at the end", ROOT "d 755 1 2.5 a/\0\0=end\0", "empty name"),
	LINES("two slashes", ROOT "d 755 1 2.5 a\0\0f 644 1 2.5 a//b\0\0=end\0", "empty name"),
	LINES("twice", ROOT "f 644 1 2.5 a\0\0f 644 1 2.5 a\0\0=end\0", "twice"),
	LINES("root twice", ROOT ROOT "=end\0", "twice"),
	LINES("in a file", ROOT "f 644 1 2.5 a\0\0f 644 1 2.5 a/b\0\0=end\0", "no folder"),
	LINES("through a link", ROOT "l 777 1 2.5 a\0/etc\0f 644 1 2.5 a/b\0\0=end\0", "no folder"),
	LINES("in nothing", ROOT "f 644 1 2.5 a/b\0\0=end\0", "no folder"),
	LINES("below a file", "f 644 1 2.5 \0\0f 644 1 2.5 a\0\0=end\0", "no folder"),
	LINES("no root", "f 644 1 2.5 a\0\0=end\0", "no root"),
	LINES("nothing", "=end\0", "no root"),
	LINES("cut off", ROOT "f 644 1 2.5 a\0\0", "breaks off"),
	LINES("cut in an entry", ROOT "f 644 1 2.5 a", "breaks off"),
	LINES("empty", "", "breaks off"),
	LINES("after the end", ROOT "=end\0f 644 1 2.5 a\0\0", "behind its end"),
	LINES("missing late", ROOT "=missing\0", "mark"),
	LINES("a mark", ROOT "=rm -rf\0=end\0", "mark"),
	LINES("type", ROOT "z 644 1 2.5 a\0\0=end\0", "type"),
	LINES("unknown", ROOT "? 644 1 2.5 a\0\0=end\0", "type"),
	LINES("an error in words", "find: no such option\0", "type"),
	LINES("mode", ROOT "f 99 1 2.5 a\0\0=end\0", "permissions"),
	LINES("mode too wide", ROOT "f 10000 1 2.5 a\0\0=end\0", "permissions"),
	LINES("time", ROOT "f 644 1 x a\0\0=end\0", "time"),
	LINES("time too far", ROOT "f 644 1 9223372037 a\0\0=end\0", "time"),
	LINES("a point alone", ROOT "f 644 1 2. a\0\0=end\0", "time"),
	LINES("a long fraction", ROOT "f 644 1 2.111111111111111111111 a\0\0=end\0", "time"),
	LINES("no path", ROOT "f 644 1\0\0=end\0", "size"),
	LINES("link to nothing", ROOT "l 777 1 2.5 a\0\0=end\0", "without a target"),
	LINES("a file's target", ROOT "f 644 1 2.5 a\0b\0=end\0", "without a link"),
};

static int take_all(const struct hostile *one, size_t step, struct manifest *ret, struct error *err)
{
	struct manifest_taker taker;
	int rc = 0;

	manifest_take_init(&taker, "results");
	for (size_t i = 0; i < one->len && rc == 0; i += step) {
		size_t n = one->len - i < step ? one->len - i : step;
		char *copy = malloc(n); /* so that a read past it shows */

		memcpy(copy, one->text + i, n);
		rc = manifest_take(&taker, copy, n, err);
		free(copy);
	}
	if (rc == 0)
		rc = manifest_take_end(&taker, ret, err);
	manifest_take_release(&taker);
	return rc;
}

static void hostile_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		for (size_t step = 1; step < 70; step += 17) {
			struct manifest m = { 0 };
			struct error err = ERROR_INIT;
			int rc = take_all(&hostile[i], step, &m, &err);

			if ((rc == 0) != (hostile[i].why == NULL) ||
			    (rc < 0 &&
			     (err.kind != ERROR_PROTOCOL || !strstr(err.message, hostile[i].why))))
				fail_msg("%s: %d %s", hostile[i].what, rc, err.message);
			manifest_release(&m);
		}
	}
}

/* depth folders of a name of `name` bytes each. */
static int take_deep(unsigned depth, size_t name, struct error *err)
{
	struct buf text = BUF_INIT, path = BUF_INIT;
	struct manifest m = { 0 };

	buf_add(&text, ROOT, sizeof(ROOT) - 1);
	for (unsigned i = 0; i < depth; i++) {
		if (i > 0)
			buf_addch(&path, '/');
		for (size_t k = 0; k < name; k++)
			buf_addch(&path, 'a');
		buf_addf(&text, "d 755 1 2.5 %s", path.data);
		buf_add(&text, "\0", 2);
	}
	buf_add(&text, "=end", 5);
	const struct hostile one = { "deep", text.data, text.len, NULL };
	int rc = take_all(&one, 1000, &m, err);
	manifest_release(&m);
	buf_release(&text);
	buf_release(&path);
	return rc;
}

static void bounds(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(take_deep(TREE_DEPTH_MAX, 1, &err), 0);
	assert_int_equal(take_deep(TREE_DEPTH_MAX + 1, 1, &err), -1);
	assert_non_null(strstr(err.message, "too deep"));
	assert_int_equal(take_deep(1, 255, &err), 0);
	assert_int_equal(take_deep(1, 256, &err), -1);
	assert_non_null(strstr(err.message, "too long a name"));
	assert_int_equal(take_deep(16, 254, &err), 0); /* 4079 bytes */
	assert_int_equal(take_deep(17, 250, &err), -1);
	assert_non_null(strstr(err.message, "too long a path"));
	assert_int_equal(take_deep(64, 200, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
}

/* A string without end is not kept for ever, nor is a list. */
static void endless(void **state)
{
	static char block[1 << 16];
	struct manifest_taker taker;
	struct error err = ERROR_INIT;
	int rc = 0;

	(void)state;
	memset(block, 'a', sizeof(block));
	manifest_take_init(&taker, "x");
	assert_int_equal(manifest_take(&taker, block, sizeof(block), &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	manifest_take_release(&taker);

	manifest_take_init(&taker, "x");
	unsigned long nr = 0;
	for (; rc == 0 && nr <= TREE_ENTRIES_MAX; nr++) {
		char line[64];
		int n = snprintf(line, sizeof(line), "f 644 1 2.5 %lu%c", nr, '\0');

		rc = manifest_take(&taker, line, (size_t)n, &err);
		if (rc == 0)
			rc = manifest_take(&taker, "", 1, &err);
	}
	assert_int_equal(rc, -1);
	assert_int_equal(nr, TREE_ENTRIES_MAX + 1);
	assert_non_null(strstr(err.message, "more than"));
	manifest_take_release(&taker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_sides_agree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(roots, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_gnu_find, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ignored_is_seen_and_left, set_up, tear_down),
		cmocka_unit_test(hostile_lists),
		cmocka_unit_test(bounds),
		cmocka_unit_test(endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
