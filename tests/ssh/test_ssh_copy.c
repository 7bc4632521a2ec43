/* SPDX-License-Identifier: Apache-2.0 */
/* push and pull through Debian's own sftp-server. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/mem.h"
#include "ssh/worker.h"
#include "ssh_fixture.h"

#define MANY 2000
#define BIG  ((size_t)50 << 20)

static int setup(void **state)
{
	fixture_setup(state);
	fixture_start(*state);
	return 0;
}

static char *in_home(struct fixture *fixture, const char *name)
{
	return path_in(fixture->home, name);
}

static char *noise(size_t size, uint32_t x)
{
	char *data = xmalloc(size);

	for (size_t i = 0; i < size; i++) {
		x = x * 1664525u + 1013904223u;
		data[i] = (char)(x >> 24);
	}
	return data;
}

static void add(const char *dir, const char *name, const void *data, size_t len, mode_t mode)
{
	char *path = path_in(dir, name);

	write_file(path, data, len, mode);
	free(path);
}

static void add_dir(const char *dir, const char *name, mode_t mode)
{
	char *path = path_in(dir, name);

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

static void add_link(const char *dir, const char *name, const char *target)
{
	char *path = path_in(dir, name);

	assert_int_equal(symlink(target, path), 0);
	free(path);
}

/* 2,000 files in folders, of every kind of name and mode that a job might have. */
static void make_tree(const char *dir)
{
	char name[300];

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chmod(dir, 0750), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "dir%d", i);
		add_dir(dir, name, i % 2 ? 0755 : 0711);
	}
	for (int i = 0; i < MANY; i++) {
		char *data = noise((size_t)(i * 37 % 5000), (uint32_t)i);

		snprintf(name, sizeof(name), "dir%d/file %d.txt", i % 20, i);
		add(dir, name, data, (size_t)(i * 37 % 5000), i % 3 ? 0644 : 0600);
		free(data);
	}
	add(dir, "empty", "", 0, 0640);
	add(dir, "run.sh", "#!/bin/sh\n", 10, 0755);
	add(dir, "world", "w", 1, 0666); /* more than the machine's umask would give */
	add(dir, "none", "n", 1, 0400);
	add(dir, "new\nline", "x", 1, 0644);
	add(dir, "\xc3\xa9t\xc3\xa9 \xe2\x82\xac", "x", 1, 0644);
	add(dir, "bad \xff utf-8", "x", 1, 0644);
	add(dir, "-rf *", "x", 1, 0644);
	memset(name, 'n', 255);
	name[255] = '\0';
	add(dir, name, "long", 4, 0644);
	add(dir, "chunk", name, 1, 0644);
	char *chunk = noise(32768 * 3, 7);
	add(dir, "chunks", chunk, 32768 * 3, 0644);
	add(dir, "chunks less", chunk, 32767, 0644);
	add(dir, "chunks more", chunk, 32769, 0644);
	free(chunk);
	add_link(dir, "link", "run.sh");
	add_link(dir, "dangling", "/nonexistent/\xff");
	add_link(dir, "climbs", "../../../etc/passwd");
	add_dir(dir, "read only", 0700);
	add(dir, "read only/inner", "i", 1, 0444);
	add_dir(dir, "read only/empty", 0755);
	char *path = path_in(dir, "read only");
	assert_int_equal(chmod(path, 0555), 0);
	free(path);
}

struct moved {
	uint64_t files, bytes, calls;
};

static void on_moved(void *ctx, const char *path, uint64_t files, uint64_t bytes)
{
	struct moved *moved = ctx;

	assert_non_null(path);
	assert_true(files >= moved->files && bytes >= moved->bytes);
	moved->files = files;
	moved->bytes = bytes;
	moved->calls++;
}

static void test_tree_there_and_back(void **state)
{
	struct fixture *fixture = *state;
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	char *source = path_in(fixture->dir, "source"), *back = path_in(fixture->dir, "back");
	char *copy = in_home(fixture, "copy");
	char a[SHA256_HEX_MAX], b[SHA256_HEX_MAX], c[SHA256_HEX_MAX];
	struct moved moved = { 0 };
	struct remote_progress progress = { .ctx = &moved, .moved = on_moved };
	struct remote_exit how;

	umask(077);
	make_tree(source);
	int64_t start = now_ms();
	if (remote_ssh.push(remote, source, "copy", &progress, &err) < 0)
		fail_msg("push: %s", err.message);
	int64_t pushed = now_ms();
	assert_int_equal(moved.files, MANY + 17);
	moved = (struct moved){ 0 };
	if (remote_ssh.pull(remote, "~/copy", back, &progress, &err) < 0)
		fail_msg("pull: %s", err.message);
	printf("%d files: push %lld ms, pull %lld ms\n", MANY, (long long)(pushed - start),
	       (long long)(now_ms() - pushed));
	assert_int_equal(moved.files, MANY + 17);
	tree_digest(source, a);
	tree_digest(copy, b);
	tree_digest(back, c);
	assert_string_equal(a, b);
	assert_string_equal(a, c);
	struct stat st;
	assert_int_equal(stat(back, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);

	/* once more over what is there: the same again, and nothing beside it */
	char *mine = path_in(source, "read only"), *mine_too = path_in(back, "read only");
	assert_int_equal(chmod(mine, 0755), 0);
	assert_int_equal(chmod(mine_too, 0755), 0);
	must_work(remote_ssh.exec(remote, "chmod 755 'copy/read only'", NULL, 9000, &how, &err),
		  &err);
	free(mine);
	free(mine_too);
	tree_digest(source, a);
	if (remote_ssh.push(remote, source, "copy/", NULL, &err) < 0 ||
	    remote_ssh.pull(remote, "copy", back, NULL, &err) < 0)
		fail_msg("again: %s", err.message);
	tree_digest(copy, b);
	tree_digest(back, c);
	assert_string_equal(a, b);
	assert_string_equal(a, c);
	free(source);
	free(back);
	free(copy);
	remote_ssh.close(remote);
}

static void test_big_file(void **state)
{
	struct fixture *fixture = *state;
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct streams streams;
	char *data = noise(BIG, 99), *path = path_in(fixture->dir, "big");
	char *back = path_in(fixture->dir, "big.back"), ours[SHA256_HEX_MAX];
	struct moved moved = { 0 };
	struct remote_progress progress = { .ctx = &moved, .moved = on_moved };

	write_file(path, data, BIG, 0640);
	sha256_hex(data, BIG, ours);
	int64_t start = now_ms();
	if (remote_ssh.push(remote, path, "big.bin", &progress, &err) < 0)
		fail_msg("push: %s", err.message);
	int64_t pushed = now_ms();
	assert_int_equal(moved.bytes, BIG);
	assert_true(moved.calls > 100);
	/* the connection goes on after a transfer, and the machine has the same bytes */
	streams_init(&streams);
	must_work(run_command(remote, "sha256sum <big.bin; stat -c %a big.bin", &streams, 20000,
			      &how, &err),
		  &err);
	assert_memory_equal(streams.out.text.data, ours, 64);
	assert_non_null(strstr(streams.out.text.data, "\n640\n"));
	int64_t pulling = now_ms();
	if (remote_ssh.pull(remote, "big.bin", back, NULL, &err) < 0)
		fail_msg("pull: %s", err.message);
	printf("50 MiB: push %lld ms, pull %lld ms\n", (long long)(pushed - start),
	       (long long)(now_ms() - pulling));
	FILE *f = fopen(back, "re");
	assert_non_null(f);
	char *again = xmalloc(BIG + 1);
	assert_int_equal(fread(again, 1, BIG + 1, f), BIG);
	fclose(f);
	assert_memory_equal(data, again, BIG);
	free(again);
	free(data);
	free(path);
	free(back);
	streams_release(&streams);
	remote_ssh.close(remote);
}

/* Where one file goes: a new name, over an old one, into a folder that is there. */
static void test_places(void **state)
{
	struct fixture *fixture = *state;
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	char *file = path_in(fixture->dir, "one.txt"), *down = path_in(fixture->dir, "down");
	char *link = path_in(fixture->dir, "by link");

	write_file(file, "1", 1, 0604);
	assert_int_equal(symlink("one.txt", link), 0);
	must_work(remote_ssh.exec(remote, "mkdir d; echo old >old; ln -s old alias", NULL, 9000,
				  &how, &err),
		  &err);
	must_work(remote_ssh.push(remote, file, "new", NULL, &err), &err);
	must_work(remote_ssh.push(remote, file, "old", NULL, &err), &err);
	must_work(remote_ssh.push(remote, file, "alias", NULL, &err), &err);
	must_work(remote_ssh.push(remote, file, "d", NULL, &err), &err);
	must_work(remote_ssh.push(remote, link, "d/", NULL, &err), &err);
	must_work(remote_ssh.push(remote, file, "", NULL, &err), &err);
	must_work(remote_ssh.exec(remote,
				  "for f in new old alias d/one.txt one.txt 'd/by link'; do "
				  "[ \"$(cat \"$f\")\" = 1 ] && [ $(stat -c %a \"$f\") = 604 ] && "
				  "[ -f \"$f\" ] || exit 1; done; [ ! -L alias ] && "
				  "[ -z \"$(ls -A | grep gpucloud)\" ]",
				  NULL, 9000, &how, &err),
		  &err);
	assert_int_equal(how.code, 0);

	assert_int_equal(mkdir(down, 0755), 0);
	must_work(remote_ssh.pull(remote, "d/one.txt", down, NULL, &err), &err);
	char *landed = path_in(down, "one.txt"), *named = path_in(down, "named");
	assert_int_equal(access(landed, R_OK), 0);
	must_work(remote_ssh.pull(remote, "new", named, NULL, &err), &err);
	assert_int_equal(access(named, R_OK), 0);
	/* a file that is made as it is read says that it is empty */
	must_work(remote_ssh.pull(remote, "/proc/self/status", named, NULL, &err), &err);
	struct stat st;
	assert_int_equal(stat(named, &st), 0);
	assert_true(st.st_size > 100);
	free(landed);
	free(named);
	free(file);
	free(link);
	free(down);
	remote_ssh.close(remote);
}

static void test_what_cannot_be_copied(void **state)
{
	struct fixture *fixture = *state;
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	char *tree = path_in(fixture->dir, "tree"), *fifo = path_in(fixture->dir, "tree/fifo");
	char *down = path_in(fixture->dir, "down"), *path;

	assert_int_equal(remote_ssh.push(remote, "/nonexistent/x", "x", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(remote_ssh.push(remote, "/dev/null", "x", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_UNSUPPORTED);
	assert_int_equal(remote_ssh.pull(remote, "nothing\033[2J", down, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_null(strchr(err.message, '\033'));
	assert_int_equal(remote_ssh.pull(remote, "/dev/null", down, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_UNSUPPORTED);

	/* a FIFO in a folder: all else is copied, then it is told */
	assert_int_equal(mkdir(tree, 0755), 0);
	assert_int_equal(mkfifo(fifo, 0644), 0);
	add(tree, "file", "f", 1, 0644);
	assert_int_equal(remote_ssh.push(remote, tree, "t", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "'fifo'"));
	must_work(remote_ssh.exec(remote, "[ -f t/file ] && mkfifo t/pipe", NULL, 9000, &how, &err),
		  &err);
	assert_int_equal(how.code, 0);
	assert_int_equal(remote_ssh.pull(remote, "t", down, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_UNSUPPORTED);
	path = path_in(down, "file");
	assert_int_equal(access(path, R_OK), 0);
	free(path);

	/* no permission on the machine, and nothing half written left there */
	path = path_in(fixture->dir, "one");
	write_file(path, "1", 1, 0644);
	assert_int_equal(remote_ssh.push(remote, path, "/proc/nothing", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	if (remote_ssh.exec(remote, "mkdir -p wall/one/full", NULL, 9000, &how, &err) < 0)
		fail_msg("%s", err.message);
	must_work(remote_ssh.push(remote, path, "wall/one", NULL, &err), &err);
	must_work(remote_ssh.push(remote, path, "wall/one/full/", NULL, &err), &err);
	must_work(remote_ssh.exec(remote, "[ -z \"$(find . -name '.gpucloud*')\" ]", NULL, 9000,
				  &how, &err),
		  &err);
	assert_int_equal(how.code, 0);
	/* a folder in the place of a file */
	must_work(remote_ssh.exec(remote, "rm -r t; mkdir -p t/file/full", NULL, 9000, &how, &err),
		  &err);
	unlink(fifo);
	assert_int_equal(remote_ssh.push(remote, tree, "t", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_REMOTE);
	must_work(remote_ssh.exec(remote, "[ -z \"$(find . -name '.gpucloud*')\" ]", NULL, 9000,
				  &how, &err),
		  &err);
	assert_int_equal(how.code, 0);
	free(path);
	free(tree);
	free(fifo);
	free(down);
	remote_ssh.close(remote);
}

/* Links that are there already, here, in the place of what is pulled: never written through. */
static void test_pull_never_writes_through_links(void **state)
{
	struct fixture *fixture = *state;
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	char *outside = path_in(fixture->dir, "outside"), *down = path_in(fixture->dir, "down");
	char *victim = path_in(outside, "victim"), *in_folder = path_in(outside, "inner");

	assert_int_equal(mkdir(outside, 0755), 0);
	write_file(victim, "precious", 8, 0644);
	assert_int_equal(mkdir(down, 0755), 0);
	add_link(down, "file", victim);
	must_work(
		remote_ssh.exec(remote,
				"mkdir -p a/folder; echo evil >a/file; echo evil >a/folder/inner; "
				"mkdir b; ln -s / b/abs; ln -s ../../outside b/up",
				NULL, 9000, &how, &err),
		&err);
	/* a link to a file is replaced */
	must_work(remote_ssh.pull(remote, "a/file", down, NULL, &err), &err);
	struct stat st;
	char *path = path_in(down, "file");
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	free(path);
	/* a link to a folder is in the way */
	add_link(down, "folder", outside);
	assert_int_equal(remote_ssh.pull(remote, "a", down, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_IO);
	assert_int_equal(access(in_folder, F_OK), -1);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, 8);
	/* links come as they are, wherever they point */
	char *links = path_in(fixture->dir, "links"), target[64];
	must_work(remote_ssh.pull(remote, "b", links, NULL, &err), &err);
	path = path_in(links, "up");
	ssize_t n = readlink(path, target, sizeof(target));
	assert_int_equal(n, 13);
	assert_memory_equal(target, "../../outside", 13);
	free(path);
	free(links);
	free(outside);
	free(down);
	free(victim);
	free(in_folder);
	remote_ssh.close(remote);
}

static void test_deep_trees_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	char *down = path_in(fixture->dir, "down");

	must_work(remote_ssh.exec(remote,
				  "d=ok; i=1; while [ $i -lt 64 ]; do d=$d/$i; i=$((i+1)); done; "
				  "mkdir -p $d && echo x >$d/file; mkdir -p $d/64/65; "
				  "cp -r ok deep; rm -r $d/64",
				  NULL, 9000, &how, &err),
		  &err);
	if (remote_ssh.pull(remote, "ok", down, NULL, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(remote_ssh.pull(remote, "deep", down, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	/* the connection is still of use */
	must_work(remote_ssh.exec(remote, "exit 5", NULL, 9000, &how, &err), &err);
	assert_int_equal(how.code, 5);
	free(down);
	remote_ssh.close(remote);
}

static void test_cut_while_copying(void **state)
{
	struct fixture *fixture = *state;
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	char *down = path_in(fixture->dir, "down");

	must_work(remote_ssh.exec(remote,
				  "mkdir d; head -c 90000000 /dev/zero >d/f; (sleep 0.1; "
				  "kill -9 $PPID) >/dev/null 2>&1 &",
				  NULL, 9000, &how, &err),
		  &err);
	assert_int_equal(remote_ssh.pull(remote, "d", down, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	assert_true(err.unknown);
	/* nothing half written under any name */
	char hex[SHA256_HEX_MAX], empty[SHA256_HEX_MAX];
	char *other = path_in(fixture->dir, "other");
	mkdir(down, 0700);
	assert_int_equal(mkdir(other, 0700), 0);
	tree_digest(down, hex);
	tree_digest(other, empty);
	assert_string_equal(hex, empty);
	free(other);
	free(down);
	remote_ssh.close(remote);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tree_there_and_back, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_big_file, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_places, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_copied, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_pull_never_writes_through_links, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_deep_trees_are_refused, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_cut_while_copying, setup, fixture_teardown),
	};

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	if (fixture_missing()) {
		printf("skipped: %s\n", fixture_missing());
		return 77;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
