/* SPDX-License-Identifier: Apache-2.0 */
/* What is left out of a copy: by examples, and by git's own word over random trees and rules. */
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

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/rng.h"
#include "fake_remote.h"
#include "ssh/sync/ignore.h"

static const struct {
	const char *rules; /* lines */
	const char *path;  /* a folder where it ends in '/' */
	bool out;
} cases[] = {
	{ "*.o", "a/b/c.o", true },
	{ "*.o\n!keep.o", "a/keep.o", false },
	{ "!keep.o\n*.o", "a/keep.o", true },
	{ "/a", "a", true },
	{ "/a", "b/a", false },
	{ "a/b", "c/a/b", false },
	{ "a/b", "a/b", true },
	{ "**/a/b", "c/a/b", true },
	{ "a/**", "a/b/c", true },
	{ "a/**", "a/", false },
	{ "a/**/b", "a/b", true },
	{ "a/**/b", "a/x/y/b", true },
	{ "a/**/b", "axb", false },
	{ "a/*/b", "a/x/y/b", false },
	{ "build/", "build/", true },
	{ "build/", "build", false },
	{ "build/", "build/x", true },
	{ "# note", "# note", false },
	{ "\\# note", "# note", true },
	{ "\\!bang", "!bang", true },
	{ "trail ", "trail", true },
	{ "trail\\ ", "trail ", true },
	{ "trail\\ ", "trail", false },
	{ "a b", "a b", true },
	{ "[a-c]x", "bx", true },
	{ "[!a-c]x", "bx", false },
	{ "[]]x", "]x", true },
	{ "[[:digit:]]x", "7x", true },
	{ "[ab", "[ab", false },
	{ "a?c", "a/c", false },
	{ "a\\", "a\\", false },
	{ "a\\*", "a*", true },
	{ "a\\*", "ab", false },
	{ "", "a", false },
	{ "/", "a/", false },
	{ "!", "a", false },
	{ "*\n!a/", "a/b", true },
	{ "/*\n!/a", "a/b", false },
	{ "x", ".git", true },
	{ "!.git", ".git/", false },
	{ "!.*", ".x.gpucloud-push/", true },
	{ "!.*", ".x.gpucloud-pull/f", true },
	{ "x", "x.gpucloud-push/", false },
};

static void add_lines(struct ignore *ignore, const char *folder, const char *lines)
{
	while (*lines) {
		size_t n = strcspn(lines, "\n");

		ignore_add(ignore, folder, lines, n);
		lines += n + (lines[n] == '\n');
	}
}

static void examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ignore *ignore = ignore_new(NULL, 0, true);
		size_t n = strlen(cases[i].path);
		bool is_dir = cases[i].path[n - 1] == '/';
		char *path = xstrndup(cases[i].path, is_dir ? n - 1 : n);

		add_lines(ignore, "", cases[i].rules);
		if (ignore_covers(ignore, path, is_dir) != cases[i].out)
			fail_msg("'%s' and '%s'", cases[i].rules, cases[i].path);
		free(path);
		ignore_free(ignore);
	}
}

/* Deeper rules come last; a folder's .gpucloudignore comes after its .gitignore; the caller's win. */
static void order(void **state)
{
	const char *const mine[] = { "*.tmp", "!wanted" };
	struct ignore *ignore = ignore_new(mine, 2, true);

	(void)state;
	add_lines(ignore, "", "*.x\nwanted\n/sub/top");
	add_lines(ignore, "sub", "!*.x\n/own");
	assert_true(ignore_match(ignore, "a.x", false));
	assert_false(ignore_match(ignore, "sub/a.x", false));
	assert_true(ignore_match(ignore, "subs/a.x", false));
	assert_true(ignore_match(ignore, "sub/own", false));
	assert_false(ignore_match(ignore, "own", false));
	assert_true(ignore_match(ignore, "sub/top", false));
	assert_false(ignore_match(ignore, "deep/wanted", false));
	assert_true(ignore_match(ignore, "sub/a.tmp", false));
	ignore_free(ignore);
}

/* What a hostile pattern costs: the product of two lengths, not their power. */
static void costs(void **state)
{
	struct ignore *ignore = ignore_new(NULL, 0, true);
	struct buf rule = BUF_INIT, path = BUF_INIT;

	(void)state;
	for (int i = 0; i < 400; i++)
		buf_addstr(&rule, "*a");
	buf_addch(&rule, 'b');
	for (int i = 0; i < 4000; i++)
		buf_addch(&path, 'a');
	ignore_add(ignore, "", rule.data, rule.len);
	for (int i = 0; i < 20; i++)
		assert_false(ignore_match(ignore, path.data, false));
	buf_release(&rule);
	buf_release(&path);
	ignore_free(ignore);
}

/* --- git's own word -------------------------------------------------------------------------- */

#define NAMES 12

static const char *const names[NAMES] = { "a",	 "b",  "ab", "a.o", "b.c", "x y",
					  "[a]", "a*", "!b", "#c",  "foo", "bar " };

static void pick_pattern(const struct rng *rng, struct buf *out)
{
	static const char *const parts[] = { "a",   "b",   "*",	   "**",     "?",    "/",
					     "/",   "a.o", "*.",   "[a-b]",  "[!a]", "\\",
					     "foo", "!",   "#",	   " ",	     "x y",  "**/",
					     "/**", "[",   "]",	   "\\*",    "c",    "[[:alpha:]]",
					     "o",   "bar", "[]a]", "[\\]b]", "-" };
	uint64_t n = 1 + rng_below(rng, 5);

	if (rng_below(rng, 4) == 0)
		buf_addch(out, '!');
	for (uint64_t i = 0; i < n; i++)
		buf_addstr(out, parts[rng_below(rng, ARRAY_SIZE(parts))]);
	if (rng_below(rng, 5) == 0)
		buf_addch(out, '/');
	buf_addch(out, '\n');
}

struct tree {
	const char *home;
	char *paths[400]; /* below home; NULL: no more */
	bool dirs[400];
	size_t nr;
};

static void write_file(const char *path, const struct buf *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text->data, text->len), (ssize_t)text->len);
	close(fd);
}

static void grow(struct tree *tree, const struct rng *rng, const char *folder, unsigned depth)
{
	for (size_t i = 0; i < NAMES && tree->nr < ARRAY_SIZE(tree->paths); i++) {
		bool is_dir = depth < 3 && rng_below(rng, 3) == 0;
		char *path, *full;

		if (rng_below(rng, 3) == 0)
			continue;
		path = xasprintf("%s%s%s", folder, folder[0] ? "/" : "", names[i]);
		full = xasprintf("%s/%s", tree->home, path);
		if (is_dir) {
			assert_int_equal(mkdir(full, 0755), 0);
		} else {
			const struct buf none = BUF_INIT;

			write_file(full, &none);
		}
		tree->dirs[tree->nr] = is_dir;
		tree->paths[tree->nr++] = path;
		free(full);
		if (is_dir)
			grow(tree, rng, path, depth + 1);
	}
}

/* Rules in some folders, read as a scan reads them: parents first. */
static void put_rules(const struct tree *tree, const struct rng *rng, struct ignore *ignore)
{
	for (size_t i = 0; i <= tree->nr; i++) {
		const char *folder = i == 0 ? "" : tree->paths[i - 1];
		struct error err = ERROR_INIT;
		struct buf text = BUF_INIT;

		if (i > 0 && (!tree->dirs[i - 1] || rng_below(rng, 3) > 0))
			continue;
		for (uint64_t n = 1 + rng_below(rng, 5); n > 0; n--)
			pick_pattern(rng, &text);
		char *dir = xasprintf("%s/%s", tree->home, folder);
		char *path = xasprintf("%s/.gitignore", dir);
		write_file(path, &text);
		int fd = open(dir, O_RDONLY | O_DIRECTORY);
		assert_int_equal(ignore_enter(ignore, fd, folder, &err), 0);
		close(fd);
		free(path);
		free(dir);
		buf_release(&text);
	}
}

struct answers {
	struct buf ask, got;
	size_t given;
};

static ssize_t give(void *ctx, char *buf, size_t n, struct error *err)
{
	struct answers *answers = ctx;
	size_t left = answers->ask.len - answers->given;

	(void)err;
	if (n > left)
		n = left;
	memcpy(buf, answers->ask.data + answers->given, n);
	answers->given += n;
	return (ssize_t)n;
}

static int take(void *ctx, const char *data, size_t len, struct error *err)
{
	struct answers *answers = ctx;

	(void)err;
	return buf_add(&answers->got, data, len);
}

/* "SOURCE NUL LINE NUL PATTERN NUL PATH NUL" for each path; all but the path empty: no rule. */
static void compare(const struct tree *tree, const struct ignore *ignore, struct buf *got,
		    uint64_t seed)
{
	const char *at = got->data;

	for (size_t i = 0; i < tree->nr; i++) {
		const char *field[4];

		for (int k = 0; k < 4; k++) {
			assert_true(at < got->data + got->len);
			field[k] = at;
			at += strlen(at) + 1;
		}
		assert_string_equal(field[3], tree->paths[i]);
		bool git = field[2][0] && field[2][0] != '!';
		if (git != ignore_covers(ignore, tree->paths[i], tree->dirs[i]))
			fail_msg("seed %llu: git says '%s' is %s by '%s' of '%s'",
				 (unsigned long long)seed, tree->paths[i], git ? "out" : "in",
				 field[2], field[0]);
	}
}

static void one_tree(struct fake_remote *fake, uint64_t seed)
{
	struct rng_seeded seeded;
	const struct rng rng = rng_seeded(&seeded, seed);
	char *home = xasprintf("%s/%llu", fake->home, (unsigned long long)seed);
	struct tree tree = { .home = home };
	struct ignore *ignore = ignore_new(NULL, 0, true);
	struct answers answers = { BUF_INIT, BUF_INIT, 0 };
	const struct remote_stream stream = { .ctx = &answers, .out = take, .in = give };
	struct remote *remote = fake_remote_open(fake);
	struct error err = ERROR_INIT;
	struct remote_exit how;

	assert_int_equal(mkdir(home, 0755), 0);
	grow(&tree, &rng, "", 0);
	put_rules(&tree, &rng, ignore);
	for (size_t i = 0; i < tree.nr; i++) {
		buf_addstr(&answers.ask, tree.paths[i]);
		buf_addch(&answers.ask, '\0');
	}
	char *command = xasprintf("cd %llu && git init -q . && exec git -c core.ignorecase=false "
				  "-c core.excludesFile= check-ignore --no-index -v -n -z --stdin",
				  (unsigned long long)seed);
	assert_int_equal(fake_remote_ops.exec(remote, command, &stream, 0, &how, &err), 0);
	assert_true(how.code <= 1);
	compare(&tree, ignore, &answers.got, seed);
	free(command);
	for (size_t i = 0; i < tree.nr; i++)
		free(tree.paths[i]);
	fake_remote_ops.close(remote);
	buf_release(&answers.ask);
	buf_release(&answers.got);
	ignore_free(ignore);
	free(home);
}

static void as_git_says(void **state)
{
	struct fake_remote fake;
	const char *seeds = getenv("GPUCLOUD_TEST_SEEDS");
	uint64_t nr = seeds ? strtoull(seeds, NULL, 10) : 40;

	(void)state;
	if (access("/usr/bin/git", X_OK) < 0) {
		print_message("git is not installed\n");
		skip();
	}
	fake_remote_init(&fake);
	for (uint64_t seed = 1; seed <= nr; seed++)
		one_tree(&fake, seed);
	fake_remote_release(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(order),
		cmocka_unit_test(costs),
		cmocka_unit_test(as_git_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
