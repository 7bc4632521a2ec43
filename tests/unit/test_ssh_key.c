/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: made here and read by ssh-keygen, made by ssh-keygen and read here, and all that is refused. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/host.h"
#include "core/mem.h"
#include "ssh/key.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/gpucloud-key.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static char *at(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

/* Runs a program of OpenSSH; its stdout, malloc'ed, or skips where it is not installed. */
static char *run(const char *const *argv)
{
	struct buf out = BUF_INIT, diag = BUF_INIT;
	struct error err = ERROR_INIT;
	int status = 0;

	if (host_system.run(host_system.ctx, argv, 20000, &out, &diag, &status, &err) < 0) {
		print_message("skipped: %s\n", err.message);
		skip();
	}
	if (status != 0)
		fail_msg("%s: %d: %s", argv[0], status, diag.data);
	char *text = xstrdup(out.data);
	buf_release(&out);
	buf_release(&diag);
	return text;
}

static int teardown(void **state)
{
	const char *const argv[] = { "rm", "-rf", dir, NULL };

	(void)state;
	free(run(argv));
	return 0;
}

static void put(const char *name, const char *text, mode_t mode)
{
	char *path = at(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

static void test_ours_to_theirs(void **state)
{
	struct ssh_key key, again;
	struct error err = ERROR_INIT;
	struct stat st;
	char *path = at("ours"), *pub = at("ours.pub");

	(void)state;
	assert_int_equal(ssh_key_make("me@here \xc3\xa9", &key, &err), 0);
	assert_int_equal(ssh_key_save(&key, path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(stat(pub, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);

	const char *const derive[] = { "ssh-keygen", "-y", "-f", path, NULL };
	char *line = run(derive);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, key.public_line);
	free(line);
	const char *const list[] = { "ssh-keygen", "-l", "-f", pub, NULL };
	line = run(list);
	assert_non_null(strstr(line, "256 SHA256:"));
	assert_non_null(strstr(line, "(ED25519)"));
	free(line);

	assert_int_equal(ssh_key_load(path, &again, &err), 0);
	assert_string_equal(again.public_line, key.public_line);

	/* a key that is there is never replaced, nor half of one */
	assert_int_equal(ssh_key_save(&again, path, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ssh_key_save(&again, path, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(access(path, F_OK), -1);
	ssh_key_release(&key);
	ssh_key_release(&again);
	ssh_key_release(&again);
	free(path);
	free(pub);
}

/* The disk fails between the halves, here by a name that is too long: what was there first may be in
 * use by then, so it stays, and the other half follows from it. */
static void test_half_of_a_pair(void **state)
{
	struct ssh_key key, again;
	struct error err = ERROR_INIT;
	char name[242 + 1];

	(void)state;
	memset(name, 'k', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	char *path = at(name);
	assert_int_equal(ssh_key_make("me", &key, &err), 0);
	assert_int_equal(ssh_key_save(&key, path, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_int_equal(ssh_key_load(path, &again, &err), 0);
	assert_string_equal(again.public_line, key.public_line);
	ssh_key_release(&key);
	ssh_key_release(&again);
	free(path);
}

static void test_theirs_to_ours(void **state)
{
	static const char *const comments[] = { "", "c", "a longer comment, to move the padding" };
	struct ssh_key key;
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(comments); i++) {
		char *path = xasprintf("%s/theirs%zu", dir, i);
		const char *const make[] = { "ssh-keygen", "-q",	"-t", "ed25519", "-N", "",
					     "-C",	   comments[i], "-f", path,	 NULL };
		const char *const derive[] = { "ssh-keygen", "-y", "-f", path, NULL };

		free(run(make));
		char *line = run(derive);
		line[strcspn(line, "\n")] = '\0';
		if (ssh_key_load(path, &key, &err) < 0)
			fail_msg("%s", err.message);
		assert_string_equal(key.public_line, line);
		ssh_key_release(&key);
		free(line);
		free(path);
	}
}

static void test_two_keys_differ(void **state)
{
	struct ssh_key a, b;
	struct error err = ERROR_INIT;
	char comment[400];

	(void)state;
	assert_int_equal(ssh_key_make("x", &a, &err), 0);
	assert_int_equal(ssh_key_make("x", &b, &err), 0);
	assert_string_not_equal(a.public_line, b.public_line);
	ssh_key_release(&a);
	ssh_key_release(&b);

	memset(comment, 'c', sizeof(comment));
	comment[255] = '\0';
	assert_int_equal(ssh_key_make(comment, &a, &err), 0);
	ssh_key_release(&a);
	comment[255] = 'c';
	comment[256] = '\0';
	assert_int_equal(ssh_key_make(comment, &a, &err), -1);
	assert_int_equal(ssh_key_make("two\nlines", &a, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
}

static void refused(const char *name, enum error_kind kind, const char *words)
{
	struct ssh_key key;
	struct error err = ERROR_INIT;
	char *path = at(name);

	memset(&key, 0x5a, sizeof(key));
	assert_int_equal(ssh_key_load(path, &key, &err), -1);
	assert_int_equal(err.kind, kind);
	if (!strstr(err.message, words))
		fail_msg("'%s' is not in: %s", words, err.message);
	assert_int_equal((unsigned char)key.public_line[0], 0x5a);
	free(path);
}

static void test_files_that_are_refused(void **state)
{
	static const mode_t modes[] = { 0644, 0640, 0604, 0660, 0610, 0601 };
	struct ssh_key key;
	struct error err = ERROR_INIT;
	char *path = at("file"), *link = at("link"), *fifo = at("fifo"), *folder = at("folder");

	(void)state;
	assert_int_equal(ssh_key_make("x", &key, &err), 0);
	assert_int_equal(ssh_key_save(&key, path, &err), 0);
	ssh_key_release(&key);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		refused("file", ERROR_CONFIG, "others may use it");
	}
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(ssh_key_load(path, &key, &err), 0);
	ssh_key_release(&key);
	assert_int_equal(symlink("file", link), 0);
	refused("link", ERROR_CONFIG, "symbolic link");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	refused("fifo", ERROR_CONFIG, "not a regular file"); /* and does not wait for a writer */
	assert_int_equal(mkdir(folder, 0700), 0);
	refused("folder", ERROR_CONFIG, "not a regular file");
	refused("absent", ERROR_NOT_FOUND, "cannot open");
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 12345, 12345), 0);
		refused("file", ERROR_CONFIG, "somebody else");
	}
	free(path);
	free(link);
	free(fifo);
	free(folder);
}

static void test_kinds_that_are_refused(void **state)
{
	static const struct {
		const char *type, *bits, *passphrase, *format, *words;
	} cases[] = {
		{ "rsa", "2048", "", "RFC4716", "RSA" },
		{ "ecdsa", "256", "", "RFC4716", "not an ed25519 key" },
		{ "ed25519", "256", "secret phrase", "RFC4716", "passphrase" },
		{ "rsa", "2048", "", "PEM", "old format" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *path = xasprintf("%s/kind%zu", dir, i);
		const char *argv[16] = { "ssh-keygen", "-q",	      "-t", cases[i].type,
					 "-b",	       cases[i].bits, "-N", cases[i].passphrase,
					 "-f",	       path,	      "-m", cases[i].format };
		struct ssh_key key;
		struct error err = ERROR_INIT;

		free(run(argv));
		assert_int_equal(ssh_key_load(path, &key, &err), -1);
		assert_int_equal(err.kind, ERROR_CONFIG);
		if (!strstr(err.message, cases[i].words))
			fail_msg("'%s' is not in: %s", cases[i].words, err.message);
		assert_non_null(strstr(err.hint, "ssh-add"));
		free(path);
	}
}

/* Every cut and every changed byte of a key file: an error, never a crash, never another key. */
static void test_damaged_files(void **state)
{
	struct ssh_key key, got;
	struct error err = ERROR_INIT;
	size_t refusals = 0;

	(void)state;
	assert_int_equal(ssh_key_make("comment", &key, &err), 0);
	char *path = at("damaged"), *text = xstrdup(key.private_pem.data);
	for (size_t i = 0; i < key.private_pem.len; i += 3) {
		char kept = text[i];

		text[i] = kept == 'A' ? 'B' : 'A';
		put("damaged", text, 0600);
		if (ssh_key_load(path, &got, &err) == 0) {
			/* the check number, the comment: but the key is the same */
			assert_memory_equal(got.public_line, key.public_line, 68);
			ssh_key_release(&got);
		} else {
			refusals++;
		}
		text[i] = '\0';
		put("damaged", text, 0600);
		assert_int_equal(ssh_key_load(path, &got, &err), -1);
		text[i] = kept;
	}
	assert_true(refusals > key.private_pem.len / 3 / 2);
	put("damaged", "", 0600);
	refused("damaged", ERROR_CONFIG, "no OpenSSH private key");
	char *large = xmalloc(20001);
	memset(large, 'A', 20000);
	large[20000] = '\0';
	put("damaged", large, 0600);
	refused("damaged", ERROR_CONFIG, "too large");
	free(large);
	free(text);
	free(path);
	ssh_key_release(&key);
}

static void test_public_lines(void **state)
{
	static const struct {
		const char *line;
		bool good;
	} cases[] = {
		{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
		  true },
		{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f c d\n",
		  true },
		{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\nx",
		  false },
		{ "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
		  false },
		{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", false },
		{ "ssh-ed25519 AAAA", false },
		{ "ssh-ed25519 !!!!", false },
		{ "ssh-ed25519 ", false },
		{ "ssh-ed25519", false },
		{ "", false },
		{ " ssh-ed25519 AAAA", false },
		{ "a-type-of-more-than-thirty-one-letters AAAA", false },
	};
	unsigned char blob[SSH_BLOB_MAX];
	char type[32];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		int rc = ssh_public_parse(cases[i].line, type, blob, &len, &err);

		if ((rc == 0) != cases[i].good)
			fail_msg("case %zu: %s", i, err.message);
		if (rc == 0) {
			assert_string_equal(type, "ssh-ed25519");
			assert_int_equal(len, 51);
		}
	}
	char line[SSH_LINE_MAX + 1];
	struct error err = ERROR_INIT;
	memset(line, 'A', sizeof(line));
	memcpy(line, "ssh-rsa AAAAB3NzaC1yc2E", 23);
	line[SSH_LINE_MAX] = '\0';
	assert_int_equal(ssh_public_parse(line, type, blob, &len, &err), -1);
	/* a blob of exactly SSH_BLOB_MAX, and one more group of four */
	line[8 + SSH_BLOB_MAX / 3 * 4] = '\0';
	assert_int_equal(ssh_public_parse(line, type, blob, &len, &err), 0);
	assert_int_equal(len, SSH_BLOB_MAX / 3 * 3);
	line[8 + SSH_BLOB_MAX / 3 * 4] = 'A';
	line[8 + SSH_BLOB_MAX / 3 * 4 + 4] = '\0';
	assert_int_equal(ssh_public_parse(line, type, blob, &len, &err), -1);
}

static void test_fingerprint(void **state)
{
	/* of the blob that `ssh-keygen -l` shows as SHA256 in base64 */
	static const char line[] =
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
	char ours[SSH_FINGERPRINT_MAX];
	struct error err = ERROR_INIT;
	struct buf digest = BUF_INIT, base32 = BUF_INIT;

	(void)state;
	assert_int_equal(ssh_public_fingerprint(line, ours, &err), 0);
	assert_int_equal(strlen(ours), 52);
	put("known.pub", line, 0644);
	char *path = at("known.pub");
	const char *const argv[] = { "ssh-keygen", "-l", "-f", path, NULL };
	char *text = run(argv), *start = strstr(text, "SHA256:");
	assert_non_null(start);
	start += 7;
	start[43] = '=';
	assert_int_equal(base64_decode(&digest, start, 44), 0);
	assert_int_equal(digest.len, SHA256_LEN);
	base32_encode(&base32, digest.data, digest.len);
	assert_string_equal(ours, base32.data);
	buf_release(&digest);
	buf_release(&base32);
	free(text);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ours_to_theirs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_of_a_pair, setup, teardown),
		cmocka_unit_test_setup_teardown(test_theirs_to_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_keys_differ, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_that_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kinds_that_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_public_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fingerprint, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
