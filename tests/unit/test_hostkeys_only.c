/* SPDX-License-Identifier: Apache-2.0 */
/* Host keys: the one that counts once it was seen to work, who vouched for it, and one at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <sys/stat.h>
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
#define NR_KEYS 4

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

/* One key alone, and who vouched for it. */
static void test_only(void **state)
{
	struct error err = ERROR_INIT;
	struct arena arena = { NULL };
	const char *const *got;
	struct stat before, after;
	char marked[SSH_LINE_MAX + 8], *path = xasprintf("%s/data/hosts/" ID, folder);
	size_t nr;

	(void)state;
	snprintf(marked, sizeof(marked), "%s tag", lines[1]);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(hostkeys_record(&paths, ID, lines[i], &err), 0);
	assert_int_equal(hostkeys_only(&paths, ID, keys[1].public_line, true, &err), 0);
	assert_int_equal(hostkeys_known(&paths, ID, &arena, &got, &nr, &err), 0);
	assert_int_equal(nr, 1);
	assert_string_equal(got[0], marked);
	assert_true(hostkeys_by_tag(got[0]));
	assert_false(hostkeys_by_tag(lines[1]));

	/* What is so already is not written again: a home may be read-only. */
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(before.st_mode & 07777, 0600);
	assert_int_equal(hostkeys_only(&paths, ID, lines[1], true, &err), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);

	/* Of our own making now: before others, and the same one without its mark. */
	assert_int_equal(hostkeys_record(&paths, ID, lines[3], &err), 0);
	assert_int_equal(hostkeys_known(&paths, ID, &arena, &got, &nr, &err), 0);
	assert_int_equal(nr, 2);
	assert_string_equal(got[0], lines[3]);
	assert_string_equal(got[1], marked);
	assert_int_equal(hostkeys_record(&paths, ID, lines[1], &err), 0);
	assert_int_equal(hostkeys_known(&paths, ID, &arena, &got, &nr, &err), 0);
	assert_int_equal(nr, 2);
	assert_string_equal(got[0], lines[1]);
	assert_int_equal(hostkeys_only(&paths, ID, lines[1], false, &err), 0);
	assert_int_equal(hostkeys_known(&paths, ID, &arena, &got, &nr, &err), 0);
	assert_int_equal(nr, 1);
	assert_string_equal(got[0], lines[1]);
	assert_int_equal(hostkeys_only(&paths, ID, "ssh-ed25519 nonsense", false, &err), -1);
	assert_int_equal(hostkeys_only(&paths, "../x", lines[1], false, &err), -1);
	free(path);
	arena_release(&arena);
}

/* One at a time replaces the key of a launch; nothing is left of it. */
static void test_lock(void **state)
{
	struct error err = ERROR_INIT;
	char *path = xasprintf("%s/state/hostkeys/." LAUNCH ".lock", folder);

	(void)state;
	int lock = hostkeys_lock(&paths, LAUNCH, 0, &err);
	assert_true(lock >= 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(hostkeys_lock(&paths, LAUNCH, 50, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	int other = hostkeys_lock(&paths, "another", 0, &err);
	assert_true(other >= 0);
	hostkeys_unlock(&paths, "another", other);
	hostkeys_unlock(&paths, LAUNCH, lock);
	assert_int_equal(access(path, F_OK), -1);
	lock = hostkeys_lock(&paths, LAUNCH, 0, &err);
	assert_true(lock >= 0);
	hostkeys_forget(&paths, LAUNCH, NULL);
	assert_int_equal(access(path, F_OK), -1);
	hostkeys_unlock(&paths, LAUNCH, lock);
	assert_int_equal(hostkeys_lock(&paths, "../x", 0, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	free(path);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_only),
		IN_FOLDER(test_lock),
	};

	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
