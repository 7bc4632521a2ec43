/* SPDX-License-Identifier: Apache-2.0 */
/* sync_pull from a machine that is this one: trees, single files, what stands at the target. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/mem.h"
#include "pull_world.h"

#define MANY 300

/* Names and modes of every kind. */
static void make_tree(const char *root)
{
	char name[300];

	world_folder(root, "", 0755);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "dir%d/file %d.txt", i % 10, i);
		world_noise(root, name, (size_t)(i * 97 % 9000), (uint32_t)i);
	}
	world_text(root, "a", "under a\n");
	world_text(root, "a-b/x", "sorts between a and a/\n");
	world_file(root, "empty", "", 0, 0600, 1234567890123456789);
	world_file(root, "run.sh", "#!/bin/sh\n", 10, 0755, 1000000000);
	world_file(root, "all", "w", 1, 0666, 1);
	world_file(root, "readonly", "r", 1, 0444, -1);
	world_file(root, "old", "o", 1, 0644, 0);
	world_text(root, "new\nline", "n");
	world_text(root, "back\\slash \\n", "b");
	world_text(root, "bad \xff utf-8", "b");
	world_text(root, "\xc3\xa9t\xc3\xa9", "b");
	world_text(root, "-rf *", "b");
	world_text(root, "--checkpoint-action=exec=touch x", "b");
	world_text(root, "colon: in: name", "b");
	memset(name, 'n', 255);
	name[255] = '\0';
	world_text(root, name, "long");
	world_link(root, "link", "run.sh");
	world_link(root, "out", "../../../etc/passwd");
	world_link(root, "dangling", "/nonexistent/\xff");
	world_folder(root, "void", 0711);
	world_text(root, "shut/inner", "i");
	world_text(root, "shut/deep/inner", "i");
	world_folder(root, "shut/deep", 0555);
	world_folder(root, "shut", 0555);
	char *deep = xstrdup("deep");
	for (int i = 1; i < 63; i++) {
		char *more = xasprintf("%s/%d", deep, i);

		free(deep);
		deep = more;
	}
	char *leaf = xasprintf("%s/leaf", deep);
	world_text(root, leaf, "64 deep");
	free(leaf);
	free(deep);
}

static void test_tree(void **state)
{
	struct pull_world *world = *state;
	struct stat st;

	make_tree(world->far);
	assert_int_equal(chmod(world->far, 0750), 0);
	pull_world_must(world, "far");
	world_equal(world->far, world->near);
	assert_int_equal(stat(world->near, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(world_count(world->dir), 1); /* nothing of ours is left beside it */
	assert_string_equal(world->result.method, "tar+zstd");
	assert_int_equal(world->result.turns, 1);
	assert_int_equal(world->result.files, world->sent);
	assert_int_equal(world->result.files, world->last.files);
	assert_int_equal(world->last.done_files, world->last.files);
	assert_int_equal(world->last.done_bytes, world->last.bytes);
	assert_int_equal(world->result.bytes, world->last.bytes);
	assert_true(world->result.wire_bytes > 0);

	/* once more: nothing to move, one question */
	unsigned execs = world->fake.execs;
	uint64_t files = world->result.files;
	pull_world_must(world, "~/far/");
	assert_int_equal(world->fake.execs, execs + 1);
	assert_int_equal(world->result.files, 0);
	assert_int_equal(world->result.same_files, files);
	assert_string_equal(world->result.method, "");
	world_equal(world->far, world->near);

	/* one file changed, then one in a folder that is shut to us too */
	world_text(world->far, "dir3/file 3.txt", "changed");
	pull_world_must(world, world->far);
	assert_int_equal(world->result.files, 1);
	assert_int_equal(world->result.bytes, 7);
	assert_true(world->result.wire_bytes < 1000);
	world_equal(world->far, world->near);
	world_folder(world->far, "shut", 0755);
	world_text(world->far, "shut/inner", "changed too");
	world_folder(world->far, "shut", 0555);
	pull_world_must(world, "far");
	assert_int_equal(world->result.files, 1);
	world_equal(world->far, world->near);
}

static void test_what_differs(void **state)
{
	struct pull_world *world = *state;

	world_file(world->far, "same", "aaaa", 4, 0644, 1111111111000000001);
	world_file(world->far, "time", "aaaa", 4, 0644, 1111111111000000001);
	world_file(world->far, "mode", "aaaa", 4, 0755, 1111111111000000001);
	world_file(world->far, "content", "aaaa", 4, 0644, 1111111111000000001);
	world_file(world->far, "size", "aaaa", 4, 0644, 1111111111000000001);
	world_file(world->far, "hidden", "aaaa", 4, 0644, 1111111111000000001);
	world_link(world->far, "link", "same");
	pull_world_must(world, "far");
	world_file(world->near, "time", "aaaa", 4, 0644, 1111111111000000002);
	world_file(world->near, "mode", "aaaa", 4, 0644, 1111111111000000001);
	world_file(world->near, "content", "bbbb", 4, 0644, 1111111111000000002);
	world_file(world->near, "size", "bbbbb", 5, 0644, 1111111111000000001);
	world_file(world->near, "hidden", "bbbb", 4, 0644, 1111111111000000001);
	world_remove_in(world->near, "link");
	world_link(world->near, "link", "else");

	world->options.dry_run = true;
	pull_world_must(world, "far");
	assert_int_equal(world->result.files, 3);
	char *text = world_read(world->near, "size");
	assert_string_equal(text, "bbbbb");
	free(text);
	world->options.dry_run = false;
	pull_world_must(world, "far");
	assert_int_equal(world->sent, 3); /* content, size, link */
	assert_int_equal(world->touched, 2);
	assert_int_equal(world->result.files, 3);
	text = world_read(world->near, "hidden");
	assert_string_equal(text, "bbbb"); /* by size and time it is the same */
	free(text);
	world->options.checksum = true;
	pull_world_must(world, "far");
	assert_int_equal(world->result.files, 1);
	world_equal(world->far, world->near);
}

static void test_mirror(void **state)
{
	struct pull_world *world = *state;
	const char *const left_out[] = { "*.keep", "/cache" };

	world_text(world->far, "a/b", "1");
	world_text(world->far, "there.keep", "1");
	world_text(world->far, "cache/x", "1");
	world_text(world->near, "mine", "m");
	world_text(world->near, "a/mine/too", "m");
	world_text(world->near, "gone/empty/x", "m");
	world_text(world->near, "kept/x.keep", "m");
	world_text(world->near, "kept/y", "m");
	world_text(world->near, "cache/mine", "m");
	world->options.exclude = left_out;
	world->options.nr_exclude = 2;
	pull_world_must(world, "far");
	assert_int_equal(world->result.files, 1);
	assert_true(world_has(world->near, "mine") && !world_has(world->near, "there.keep"));
	assert_false(world_has(world->near, "cache/x"));

	/* of the 5 files here that are not left out 4 would go: the caller says no */
	world->options.mirror = world->refuse = true;
	assert_int_equal(pull_world_pull(world, "far"), -1);
	assert_int_equal(world->err.kind, ERROR_CANCELLED);
	assert_int_equal(world->asked, 1);
	assert_int_equal(world->plan.removed, 4);
	assert_int_equal(world->plan.there, 5);
	assert_true(world_has(world->near, "mine"));
	world->refuse = false;
	pull_world_must(world, "far");
	assert_int_equal(world->asked, 1);
	assert_false(world_has(world->near, "mine") || world_has(world->near, "a/mine") ||
		     world_has(world->near, "gone") || world_has(world->near, "kept/y"));
	assert_true(world_has(world->near, "kept/x.keep") && world_has(world->near, "cache/mine") &&
		    world_has(world->near, "a/b"));
	assert_int_equal(world->result.removed, 7);
	pull_world_must(world, "far");
	assert_int_equal(world->result.removed, 0);
}

static void test_other_types(void **state)
{
	struct pull_world *world = *state;
	const char *const left_out[] = { "*.keep" };
	char outside[120];

	snprintf(outside, sizeof(outside), "%s/outside", world->dir);
	world_text(outside, "x", "outside");
	world_text(world->far, "file", "f");
	world_text(world->far, "folder/x", "f");
	world_text(world->far, "through/x", "f");
	world_text(world->far, "linked", "f");
	world_link(world->far, "link", "file");
	world_text(world->near, "file/with/much", "n");
	world_text(world->near, "file-b", "n");
	world_text(world->near, "folder", "n");
	world_link(world->near, "through", outside);
	world_link(world->near, "linked", "../outside/x");
	world_text(world->near, "link/was/folder", "n");
	pull_world_must(world, "far");
	assert_true(world_has(world->near, "file-b"));
	assert_int_equal(world->result.removed, 3 + 1 + 1 + 1 + 3);
	world_remove_in(world->near, "file-b");
	world_file(world->far, "z", "", 0, 0600, -1);
	pull_world_must(world, "far");
	for (size_t i = 0; i < 3; i++) {
		const char *const names[] = { "file", "folder/x", "linked" };
		char *text = world_read(world->near, names[i]);

		assert_string_equal(text, "f");
		free(text);
	}
	char *text = world_read(outside, "x");
	assert_string_equal(text, "outside"); /* nothing went through a link */
	free(text);
	assert_int_equal(world_count(outside), 1);
	assert_int_equal(world_count(world->dir), 2);

	/* but not where something lies in it that is none of ours */
	world_remove_in(world->near, "file");
	world_text(world->near, "file/x.keep", "k");
	world->options.exclude = left_out;
	world->options.nr_exclude = 1;
	assert_int_equal(pull_world_pull(world, "far"), -1);
	assert_int_equal(world->err.kind, ERROR_CONFLICT);
	assert_non_null(strstr(world->err.message, "x.keep"));
	assert_true(world_has(world->near, "file/x.keep"));
}

static void test_single(void **state)
{
	struct pull_world *world = *state;
	char *text;

	world_file(world->far, "dir/a b", "hello", 5, 0640, 1111111111123456789);
	world_link(world->far, "to", "dir/a b");
	pull_world_must(world, "far/dir/a b");
	text = world_read(world->near, "");
	assert_string_equal(text, "hello");
	free(text);
	assert_int_equal(world->result.files, 1);
	pull_world_must(world, "far/dir/a b");
	assert_int_equal(world->result.files, 0);
	assert_int_equal(world->result.same_files, 1);

	/* over another file, through the link that was named, into a folder */
	world_text(world->dir, "near", "something else");
	pull_world_must(world, "far/to");
	text = world_read(world->near, "");
	assert_string_equal(text, "hello");
	free(text);
	world_remove(world->near);
	world_folder(world->near, "", 0755);
	pull_world_must(world, "~/far/dir/a b");
	char *into = xasprintf("%s/a b", world->near), *from = xasprintf("%s/dir/a b", world->far);
	world_equal(from, into);
	world_remove(into);
	world_folder(world->near, "a b", 0755);
	assert_int_equal(pull_world_pull(world, "far/dir/a b"), -1);
	assert_int_equal(world->err.kind, ERROR_CONFLICT);
	free(into);
	free(from);
	assert_int_equal(world_count(world->dir), 1);
}

static void expect(struct pull_world *world, const char *path, enum error_kind kind,
		   const char *says)
{
	assert_int_equal(pull_world_pull(world, path), -1);
	if (world->err.kind != kind || !strstr(world->err.message, says))
		fail_msg("%s: %s", error_kind_name(world->err.kind), world->err.message);
}

static void test_refused(void **state)
{
	struct pull_world *world = *state;
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	expect(world, "nothing", ERROR_NOT_FOUND, "'nothing'");
	expect(world, "\x1b[2Jevil", ERROR_NOT_FOUND, "^[[2Jevil");
	world_text(world->far, "x", "x");
	world_text(world->dir, "near", "a file");
	expect(world, "far", ERROR_CONFLICT, "is a file here");
	world_remove(world->near);
	world_link(world->dir, "near", "nowhere");
	expect(world, "far", ERROR_CONFLICT, "leads nowhere");
	world_remove(world->near);
	snprintf(world->near, sizeof(world->near), "%s/missing/near", world->dir);
	expect(world, "far", ERROR_NOT_FOUND, "missing'");
	expect(world, "far/x", ERROR_NOT_FOUND, "missing'");
	snprintf(world->near, sizeof(world->near), "%s/near/", world->dir);
	expect(world, "far/x", ERROR_NOT_FOUND, "near/'");
	pull_world_must(world, "far");

	/* a socket: all else comes */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/sock", world->far);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
	world_text(world->far, "y", "y");
	expect(world, "far", ERROR_UNSUPPORTED, "'sock'; all else was copied");
	assert_true(world_has(world->near, "y"));
	expect(world, "far/sock", ERROR_UNSUPPORTED, "neither a file");
}

/* Two at once, a folder that is not ours, the root of a disk, a target in the source. */
static void test_staging(void **state)
{
	struct pull_world *world = *state;
	char *stage = xasprintf("%s/.near.gpucloud-pull", world->dir);

	world_text(world->far, "x", "x");
	assert_int_equal(mkdir(stage, 0700), 0);
	int fd = open(stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	expect(world, "far", ERROR_CONFLICT, "another pull");
	close(fd);
	assert_int_equal(chmod(stage, 0755), 0);
	expect(world, "far", ERROR_CONFLICT, "not a folder of ours");
	assert_int_equal(rmdir(stage), 0);
	assert_int_equal(symlink("/tmp", stage), 0);
	expect(world, "far", ERROR_IO, "gpucloud-pull'");
	assert_int_equal(unlink(stage), 0);

	/* what an interrupted one left: taken if it is as listed, dropped if nobody wants it */
	assert_int_equal(mkdir(stage, 0700), 0);
	world_text(stage, "0123456789abcdef0123456789abcdef", "junk");
	world_text(stage, "new/x", "half");
	world_text(stage, "old-x/y/z", "junk");
	pull_world_must(world, "far");
	world_equal(world->far, world->near);
	assert_int_equal(mkdir(stage, 0700), 0);
	pull_world_must(world, "far");
	assert_int_equal(world_count(world->dir), 1);
	free(stage);

	/* into the source itself: it ends */
	snprintf(world->near, sizeof(world->near), "%s/down", world->far);
	pull_world_must(world, "far");
	pull_world_must(world, "far");
	assert_true(world_has(world->near, "down/x") && !world_has(world->near, "down/down"));
}

static const char *const tools[] = { "sh",	  "dd",	  "head", "find", "xargs",
				     "sha256sum", "tail", "cat",  "tr",	  "sed",
				     "gzip",	  "tar",  "grep", "stat", "mkdir" };

/* A PATH with few programs. */
static char *few_tools(struct pull_world *world, const char *but)
{
	char *bin = xasprintf("%s/bin", world->fake.home);

	world_remove(bin);
	assert_int_equal(mkdir(bin, 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		char *usr = xasprintf("/usr/bin/%s", tools[i]);
		char *in = xasprintf("%s/%s", bin, tools[i]);

		if (strcmp(but, tools[i]) != 0)
			assert_int_equal(symlink(access(usr, X_OK) == 0 ? usr : usr + 4, in), 0);
		free(usr);
		free(in);
	}
	return bin;
}

static void test_few_tools(void **state)
{
	struct pull_world *world = *state;
	static const struct {
		const char *but, *method;
	} cases[] = {
		{ "", "tar+gzip" },
		{ "gzip", "tar" },
		{ "tar", "sftp" },
		{ "find", "sftp" },
	};

	make_tree(world->far);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *bin = few_tools(world, cases[i].but);

		world->fake.path = bin;
		world_remove(world->near);
		pull_world_must(world, "far");
		assert_string_equal(world->result.method, cases[i].method);
		if (i < 2)
			world_equal(world->far, world->near);
		assert_true(world_has(world->near, "dir3/file 3.txt"));
		assert_int_equal(world->notes, i < 2 ? 0 : 1);
		world->fake.path = NULL;
		free(bin);
	}
	/* without a sum to go by, what is of another time comes again */
	char *bin = few_tools(world, "sha256sum");
	world->fake.path = bin;
	world_file(world->far, "run.sh", "#!/bin/sh\n", 10, 0755, 1000000001);
	pull_world_must(world, "far");
	assert_int_equal(world->touched, 0);
	assert_true(world->sent >= 1);
	world_equal(world->far, world->near);
	free(bin);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, pull_world_setup, pull_world_teardown)
	const struct CMUnitTest tests[] = {
		T(test_tree),	T(test_what_differs), T(test_mirror),  T(test_other_types),
		T(test_single), T(test_refused),      T(test_staging), T(test_few_tools),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
