/* SPDX-License-Identifier: Apache-2.0 */
/* The login key: made once, kept, the same for everybody who asks; and when an instance ends. */
#include <setjmp.h>
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

#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/settings.h"
#include "core/text.h"
#include "fleet/expiry.h"
#include "fleet/login_key.h"

static char *folder, *private_path, *public_path;
static struct paths paths;

static int enter(void **state)
{
	(void)state;
	folder = xstrdup("/tmp/gpucloud-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	paths.data = xasprintf("%s/data", folder);
	private_path = xasprintf("%s/id_ed25519", paths.data);
	public_path = xasprintf("%s/id_ed25519.pub", paths.data);
	return 0;
}

static int leave(void **state)
{
	char *lock = xasprintf("%s/.id_ed25519.lock", paths.data);

	(void)state;
	unlink(private_path);
	unlink(public_path);
	unlink(lock);
	free(lock);
	/* rmdir fails, and so does the test, where anything else was left in the folder. */
	int rc = rmdir(paths.data) < 0 || rmdir(folder) < 0 ? -1 : 0;
	free(private_path);
	free(public_path);
	free(folder);
	paths_release(&paths);
	return rc;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void assert_public_file(const struct ssh_key *key)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	char *expected = xasprintf("%s\n", key->public_line);

	assert_int_equal(file_read(public_path, SSH_LINE_MAX, &text, &err), 0);
	assert_string_equal(text.data, expected);
	buf_release(&text);
	free(expected);
}

static void test_made_once(void **state)
{
	struct error err = ERROR_INIT;
	struct ssh_key first = { 0 }, second = { 0 };
	struct stat before, after;

	(void)state;
	mode_t old = umask(0);
	assert_int_equal(login_key_get(&paths, &first, &err), 0);
	umask(old);
	assert_int_equal(mode_of(paths.data), 0700);
	assert_int_equal(mode_of(private_path), 0600);
	assert_int_equal(stat(private_path, &before), 0);
	assert_true(text_starts_with(first.public_line, "ssh-ed25519 "));
	assert_public_file(&first);

	assert_int_equal(login_key_get(&paths, &second, &err), 0);
	assert_string_equal(second.public_line, first.public_line);
	assert_int_equal(stat(private_path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	ssh_key_release(&second);

	/* The public file alone is gone, as after a crash between the two: it comes back. */
	assert_int_equal(unlink(public_path), 0);
	assert_int_equal(login_key_get(&paths, &second, &err), 0);
	assert_string_equal(second.public_line, first.public_line);
	assert_public_file(&first);
	ssh_key_release(&first);
	ssh_key_release(&second);
}

/* A good key is enough: a home where nothing can be written will do. */
static void test_needs_no_writing(void **state)
{
	struct error err = ERROR_INIT;
	struct ssh_key first = { 0 }, second = { 0 };
	char *lock = xasprintf("%s/.id_ed25519.lock", paths.data);

	(void)state;
	assert_int_equal(login_key_get(&paths, &first, &err), 0);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(mkdir(lock, 0700), 0); /* no lock can be had, not even by root */
	assert_int_equal(login_key_get(&paths, &second, &err), 0);
	assert_string_equal(second.public_line, first.public_line);
	ssh_key_release(&second);
	/* nor for its public half, which nothing needs */
	assert_int_equal(unlink(public_path), 0);
	assert_int_equal(login_key_get(&paths, &second, &err), 0);
	assert_string_equal(second.public_line, first.public_line);
	ssh_key_release(&second);
	/* but one is made under the lock alone */
	assert_int_equal(unlink(private_path), 0);
	assert_int_equal(login_key_get(&paths, &second, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_int_equal(rmdir(lock), 0);
	ssh_key_release(&first);
	free(lock);
}

static void test_never_replaced(void **state)
{
	struct error err = ERROR_INIT;
	struct ssh_key key = { 0 };
	char *elsewhere = xasprintf("%s/elsewhere", folder);

	(void)state;
	assert_int_equal(dir_make(paths.data, &err), 0);
	static const char *const bad[] = { "", "not a key", "-----BEGIN RSA PRIVATE KEY-----\n" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct buf now = BUF_INIT;

		assert_int_equal(file_write(private_path, bad[i], strlen(bad[i]), 0600, &err), 0);
		assert_int_equal(login_key_get(&paths, &key, &err), -1);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_int_equal(file_read(private_path, 1000, &now, &err), 0);
		assert_string_equal(now.data, bad[i]);
		buf_release(&now);
	}
	assert_int_equal(unlink(private_path), 0);

	assert_int_equal(login_key_get(&paths, &key, &err), 0);
	ssh_key_release(&key);
	assert_int_equal(chmod(private_path, 0644), 0);
	assert_int_equal(login_key_get(&paths, &key, &err), -1);
	assert_int_equal(chmod(private_path, 0600), 0);

	/* A link that leads nowhere is not "no key" either. */
	assert_int_equal(unlink(private_path), 0);
	assert_int_equal(symlink(elsewhere, private_path), 0);
	assert_int_equal(login_key_get(&paths, &key, &err), -1);
	assert_int_equal(access(elsewhere, F_OK), -1);
	assert_int_equal(unlink(private_path), 0);

	/* Nor is a public half whose private one is elsewhere ours to overwrite. */
	assert_int_equal(login_key_get(&paths, &key, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(access(private_path, F_OK), -1);
	free(elsewhere);
}

static void test_first_use_at_once(void **state)
{
	struct error err = ERROR_INIT;
	int ends[2];
	pid_t pids[6];
	char lines[ARRAY_SIZE(pids)][SSH_LINE_MAX];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		struct ssh_key key = { 0 };
		int failed = login_key_get(&paths, &key, &err) < 0;
		/* One write each, of a fixed size below PIPE_BUF: they do not mix. */
		failed |= write(ends[1], key.public_line, SSH_LINE_MAX) != SSH_LINE_MAX;
		ssh_key_release(&key);
		_exit(failed);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		int status;

		assert_int_equal(read(ends[0], lines[i], SSH_LINE_MAX), SSH_LINE_MAX);
		assert_string_equal(lines[i], lines[0]);
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	close(ends[0]);
	close(ends[1]);
}

static void test_expiry(void **state)
{
	static const struct {
		int64_t at;
		const char *text; /* NULL: refused */
	} cases[] = {
		{ 1, "1" },
		{ 1767225600, "1767225600" },
		{ 253402300799, "253402300799" },
		{ 0, NULL },
		{ -1, NULL },
		{ 253402300800, NULL },
		{ INT64_MAX, NULL },
		{ INT64_MIN, NULL },
	};
	static const char *const refused[] = {
		"",
		"0",
		"00",
		"01",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1.0",
		"1e9",
		"0x1",
		"12h",
		"never",
		"\x1b[2J",
		"1\n",
		"253402300800",
		"9999999999999",
		"99999999999999999999999",
		"1767225600\xd9\xa1",
	};
	char out[EXPIRY_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		int64_t back = 0;

		if (!cases[i].text) {
			assert_int_equal(expiry_format(cases[i].at, out, &err), -1);
			assert_int_equal(err.kind, ERROR_USAGE);
			continue;
		}
		assert_int_equal(expiry_format(cases[i].at, out, &err), 0);
		assert_string_equal(out, cases[i].text);
		assert_true(text_is_label(out));
		assert_int_equal(expiry_parse(out, &back, &err), 0);
		assert_int_equal(back, cases[i].at);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct error err = ERROR_INIT;
		int64_t back = 42;

		assert_int_equal(expiry_parse(refused[i], &back, &err), -1);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
		assert_int_equal(back, 42);
		assert_null(strchr(err.message, '\x1b'));
		assert_null(strchr(err.message, '\n'));
	}
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_made_once),	IN_FOLDER(test_needs_no_writing),
		IN_FOLDER(test_never_replaced), IN_FOLDER(test_first_use_at_once),
		cmocka_unit_test(test_expiry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
