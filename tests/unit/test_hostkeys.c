/* SPDX-License-Identifier: Apache-2.0 */
/* Host keys kept: never readable for others, never lost, never under a hostile name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/settings.h"
#include "fleet/hostkeys.h"

#define ID	"i-0123456789abcdef0"
#define LAUNCH	"abcdefghijklmnopqrst234567"
#define NR_KEYS 8

static char *folder;
static struct paths paths;
static struct ssh_key keys[NR_KEYS];
static char lines[NR_KEYS][SSH_LINE_MAX]; /* without their comments */

static int make_keys(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < NR_KEYS; i++)
		if (ssh_key_make("a comment", &keys[i], &err) < 0 ||
		    hostkeys_line(keys[i].public_line, lines[i], &err) < 0)
			return -1;
	return 0;
}

static int drop_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_KEYS; i++)
		ssh_key_release(&keys[i]);
	return 0;
}

static int enter(void **state)
{
	(void)state;
	folder = xstrdup("/tmp/gpucloud-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	paths.state = xasprintf("%s/state", folder);
	paths.data = xasprintf("%s/data", folder);
	return 0;
}

static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		char *child = xasprintf("%s/%s", path, entry->d_name);
		if (unlink(child) < 0)
			remove_tree(child);
		free(child);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static int leave(void **state)
{
	(void)state;
	remove_tree(folder);
	free(folder);
	paths_release(&paths);
	return 0;
}

static char *at(const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

static mode_t mode_of(const char *name)
{
	char *path = at(name);
	struct stat st;
	mode_t mode = lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;

	free(path);
	return mode;
}

static void put(const char *name, const char *text)
{
	struct error err = ERROR_INIT;
	char *path = at(name);

	assert_int_equal(file_write(path, text, strlen(text), 0600, &err), 0);
	free(path);
}

static size_t entries(const char *name)
{
	char *path = at(name);
	DIR *dir = opendir(path);
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	free(path);
	return n < 2 ? 0 : n - 2;
}

/* What is known now, or the kind of the error. */
static enum error_kind known(struct arena *arena, const char *const **ret, size_t *nr)
{
	struct error err = ERROR_INIT;

	*nr = 0;
	if (hostkeys_known(&paths, ID, arena, ret, nr, &err) == 0)
		return ERROR_NONE;
	assert_true(err.kind != ERROR_NONE && err.message[0]);
	return err.kind;
}

static void test_seed(void **state)
{
	struct error err = ERROR_INIT;
	struct ssh_key loaded = { 0 };

	(void)state;
	mode_t old = umask(0);
	assert_int_equal(hostkeys_seed(&paths, LAUNCH, &keys[0], &err), 0);
	umask(old);
	assert_int_equal(mode_of("state/hostkeys"), 0700);
	assert_int_equal(mode_of("state/hostkeys/" LAUNCH), 0600);
	assert_int_equal(entries("state/hostkeys"), 1);

	/* The same bytes, or a launch that is sent again would be another one. */
	assert_int_equal(hostkeys_load_seed(&paths, LAUNCH, &loaded, &err), 0);
	assert_int_equal(loaded.private_pem.len, keys[0].private_pem.len);
	assert_string_equal(loaded.private_pem.data, keys[0].private_pem.data);
	assert_string_equal(loaded.public_line, keys[0].public_line);
	ssh_key_release(&loaded);

	assert_int_equal(hostkeys_seed(&paths, LAUNCH, &keys[1], &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(hostkeys_load_seed(&paths, LAUNCH, &loaded, &err), 0);
	assert_string_equal(loaded.private_pem.data, keys[0].private_pem.data);
	ssh_key_release(&loaded);

	hostkeys_forget(&paths, LAUNCH, NULL);
	assert_int_equal(entries("state/hostkeys"), 0);
	hostkeys_forget(&paths, LAUNCH, "");
	error_clear(&err);
	assert_int_equal(hostkeys_load_seed(&paths, LAUNCH, &loaded, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);

	struct ssh_key empty = { 0 };
	assert_int_equal(hostkeys_seed(&paths, LAUNCH, &empty, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(entries("state/hostkeys"), 0);
}

static void test_seed_in_danger(void **state)
{
	struct error err = ERROR_INIT;
	struct ssh_key loaded = { 0 };
	char *path = at("state/hostkeys/" LAUNCH), *elsewhere = at("elsewhere");
	char *dir = at("state/hostkeys");

	(void)state;
	/* Readable for others, a part of a file, a link: said, and not used. */
	assert_int_equal(hostkeys_seed(&paths, LAUNCH, &keys[0], &err), 0);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(hostkeys_load_seed(&paths, LAUNCH, &loaded, &err), -1);
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(hostkeys_load_seed(&paths, LAUNCH, &loaded, &err), -1);
	assert_non_null(strstr(err.hint, "chmod 600"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(hostkeys_load_seed(&paths, LAUNCH, &loaded, &err), -1);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(hostkeys_load_seed(&paths, LAUNCH, &loaded, &err), -1);
	assert_null(loaded.private_pem.data);

	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_int_equal(hostkeys_load_seed(&paths, LAUNCH, &loaded, &err), -1);
	assert_non_null(strstr(err.message, "not a regular file"));
	assert_int_equal(hostkeys_seed(&paths, LAUNCH, &keys[0], &err), -1);
	hostkeys_forget(&paths, LAUNCH, NULL);
	assert_int_equal(mode_of("elsewhere"), 0600); /* the link went, not what it named */
	assert_int_equal(entries("state/hostkeys"), 0);

	/* A folder that others may write to, or that leads elsewhere. */
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(hostkeys_seed(&paths, LAUNCH, &keys[0], &err), -1);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(symlink(folder, dir), 0);
	assert_int_equal(hostkeys_seed(&paths, LAUNCH, &keys[0], &err), -1);
	assert_non_null(strstr(err.message, "symbolic link"));
	free(path);
	free(elsewhere);
	free(dir);
}

static void test_hostile_ids(void **state)
{
	char longest[130];
	const char *const ids[] = {
		"",	   ".",		 "..",	     "../x",	  "a/b",   "/etc/passwd",
		".lock",   ".hidden",	 "-rf",	     "i-\x1b[2J", "i-1\n", "i 1",
		"i-1\xff", "i-1;reboot", "i-%2e%2e", "i-1\\",	  longest, NULL,
	};

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[129] = '\0';
	put("victim", "x");
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct error err = ERROR_INIT;
		struct arena arena = { NULL };
		struct ssh_key loaded = { 0 };
		const char *const *got = NULL;
		size_t nr = 7;

		assert_int_equal(hostkeys_seed(&paths, ids[i], &keys[0], &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_int_equal(hostkeys_load_seed(&paths, ids[i], &loaded, &err), -1);
		assert_int_equal(hostkeys_record(&paths, ids[i], lines[0], &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_int_equal(hostkeys_known(&paths, ids[i], &arena, &got, &nr, &err), -1);
		assert_int_equal(nr, 7);
		hostkeys_forget(&paths, ids[i], ids[i]);
		arena_release(&arena);
	}
	hostkeys_forget(&paths, "../../victim", "../../victim");
	assert_int_equal(entries("."), 1); /* the victim alone: no folder was made either */

	/* The longest that will do. */
	struct error err = ERROR_INIT;
	longest[128] = '\0';
	assert_int_equal(hostkeys_record(&paths, longest, lines[0], &err), 0);
	assert_int_equal(hostkeys_record(&paths, "projects_1.vm-2", lines[0], &err), 0);
}

static void test_known(void **state)
{
	struct error err = ERROR_INIT;
	struct arena arena = { NULL };
	const char *const *got;
	size_t nr;

	(void)state;
	assert_int_equal(known(&arena, &got, &nr), ERROR_NONE);
	assert_int_equal(nr, 0);
	mode_t old = umask(0);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(hostkeys_record(&paths, ID, keys[i].public_line, &err), 0);
		assert_int_equal(known(&arena, &got, &nr), ERROR_NONE);
		assert_int_equal(nr, i < HOSTKEYS_KNOWN_MAX ? i + 1 : HOSTKEYS_KNOWN_MAX);
		for (size_t n = 0; n < nr; n++)
			assert_string_equal(got[n], lines[i - n]);
	}
	umask(old);
	assert_int_equal(mode_of("data/hosts"), 0700);
	assert_int_equal(mode_of("data/hosts/" ID), 0600);

	/* 5 4 3 2: an old one comes to the front, once; the newest again changes nothing. */
	assert_int_equal(hostkeys_record(&paths, ID, lines[3], &err), 0);
	assert_int_equal(hostkeys_record(&paths, ID, keys[3].public_line, &err), 0);
	assert_int_equal(known(&arena, &got, &nr), ERROR_NONE);
	assert_int_equal(nr, 4);
	assert_string_equal(got[0], lines[3]);
	assert_string_equal(got[1], lines[5]);
	assert_string_equal(got[2], lines[4]);
	assert_string_equal(got[3], lines[2]);

	/* By instance: another one's keys are its own. */
	assert_int_equal(hostkeys_record(&paths, "i-other", lines[7], &err), 0);
	assert_int_equal(known(&arena, &got, &nr), ERROR_NONE);
	assert_int_equal(nr, 4);
	hostkeys_forget(&paths, NULL, ID);
	assert_int_equal(known(&arena, &got, &nr), ERROR_NONE);
	assert_int_equal(nr, 0);
	assert_int_equal(mode_of("data/hosts/i-other"), 0600);

	/* What is no key is never recorded. */
	assert_int_equal(hostkeys_record(&paths, ID, "ssh-ed25519 nonsense", &err), -1);
	assert_int_equal(hostkeys_record(&paths, ID, "", &err), -1);
	assert_int_equal(mode_of("data/hosts/" ID), 0);
	arena_release(&arena);
}

static void test_damaged(void **state)
{
	struct error err = ERROR_INIT;
	struct arena arena = { NULL };
	const char *const *got;
	size_t nr;
	char *path = at("data/hosts/" ID), *elsewhere = at("elsewhere");
	char *good = xasprintf("%s\n", lines[0]), *two = xasprintf("%s\n%s", lines[0], lines[1]);
	char *comment = xasprintf("%s\n", keys[0].public_line);
	char *twice = xasprintf("%s tag tag\n", lines[0]);
	char *five =
		xasprintf("%s\n%s\n%s\n%s\n%s\n", lines[0], lines[1], lines[2], lines[3], lines[4]);
	char *empty_line = xasprintf("%s\n\n", lines[0]), *huge = xmalloc(65537);

	(void)state;
	memset(huge, 'a', 65536);
	huge[65536] = '\0';
	const char *const bad[] = { "",	     "\n",    "x\n", two,	 lines[0],
				    comment, five,    huge,  empty_line, "ssh-ed25519 AAAA\n",
				    twice,   " tag\n" };

	assert_int_equal(hostkeys_record(&paths, ID, lines[5], &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put("data/hosts/" ID, bad[i]);
		/* Never "nothing known": that might be taken for leave to trust anything. */
		assert_int_equal(known(&arena, &got, &nr), ERROR_IO);
		assert_int_equal(hostkeys_record(&paths, ID, lines[1], &err), -1);
		assert_int_equal(err.kind, ERROR_IO);
		struct buf now = BUF_INIT;
		assert_int_equal(file_read(path, 1 << 20, &now, &err), 0);
		assert_string_equal(now.data, bad[i]); /* left as found, for a person to see */
		buf_release(&now);
	}
	put("data/hosts/" ID, good);
	assert_int_equal(known(&arena, &got, &nr), ERROR_NONE);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(known(&arena, &got, &nr), ERROR_IO);
	assert_int_equal(chmod(path, 0600), 0);

	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_int_equal(known(&arena, &got, &nr), ERROR_IO);
	assert_int_equal(hostkeys_record(&paths, ID, lines[1], &err), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* must not be waited for */
	assert_int_equal(known(&arena, &got, &nr), ERROR_IO);
	arena_release(&arena);
	free(path);
	free(elsewhere);
	free(good);
	free(two);
	free(comment);
	free(twice);
	free(five);
	free(empty_line);
	free(huge);
}

/* Several gpucloud at once: what each recorded last is there, and no reader sees half a file. */
static void test_concurrent(void **state)
{
	struct error err = ERROR_INIT;
	struct arena arena = { NULL };
	const char *const *got;
	size_t nr;
	pid_t pids[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		int failed = 0;
		for (size_t n = 0; n < 20 && !failed; n++) {
			struct arena seen = { NULL };

			failed |= hostkeys_record(&paths, ID, lines[i], &err) < 0;
			failed |= hostkeys_known(&paths, ID, &seen, &got, &nr, &err) < 0 || nr == 0;
			arena_release(&seen);
		}
		_exit(failed);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(known(&arena, &got, &nr), ERROR_NONE);
	assert_int_equal(nr, 4); /* nobody's was lost */
	for (size_t i = 0; i < 4; i++) {
		size_t found = 0;

		for (size_t n = 0; n < nr; n++)
			found += !strcmp(got[n], lines[i]);
		assert_int_equal(found, 1);
	}
	assert_int_equal(entries("data/hosts"), 2); /* with .lock; nothing half-written is left */
	arena_release(&arena);
}

static void test_line(void **state)
{
	struct error err = ERROR_INIT;
	char out[SSH_LINE_MAX], *newline = xasprintf("%s\n", keys[0].public_line);
	char *spaced = xasprintf("%s   \t x", lines[0]);

	(void)state;
	assert_null(strstr(lines[0], "comment"));
	assert_int_equal(hostkeys_line(newline, out, &err), 0);
	assert_string_equal(out, lines[0]);
	assert_int_equal(hostkeys_line(spaced, out, &err), 0);
	assert_string_equal(out, lines[0]);
	assert_int_equal(hostkeys_line("", out, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	assert_string_equal(out, lines[0]); /* untouched */
	free(newline);
	free(spaced);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_seed),	     IN_FOLDER(test_seed_in_danger),
		IN_FOLDER(test_hostile_ids), IN_FOLDER(test_known),
		IN_FOLDER(test_damaged),     IN_FOLDER(test_concurrent),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
