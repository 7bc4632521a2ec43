/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh_fixture.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/mem.h"

/* The uid of sshd where the test itself runs as root. */
#define DROPPED_UID 64123

#define SSHD "/usr/sbin/sshd"
#define SFTP "/usr/lib/openssh/sftp-server"

static char wrapper[256];

const char *fixture_missing(void)
{
	glob_t found;

	if (access(SSHD, X_OK) < 0 || access(SFTP, X_OK) < 0)
		return "openssh-server and openssh-sftp-server are not installed";
	if (glob("/usr/lib/*/libnss_wrapper.so", 0, NULL, &found) == 0)
		snprintf(wrapper, sizeof(wrapper), "%s", found.gl_pathv[0]);
	globfree(&found);
	return wrapper[0] ? NULL : "libnss-wrapper is not installed";
}

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

char *path_in(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

void write_file(const char *path, const void *data, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		assert_true(n > 0);
		data = (const char *)data + n;
		len -= (size_t)n;
	}
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int open_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)flag;
	(void)ftw;
	if (S_ISDIR(st->st_mode) && (st->st_mode & 0700) != 0700)
		chmod(path, 0700);
	return 0;
}

void remove_tree(const char *path)
{
	nftw(path, open_one, 16, FTW_PHYS);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int count_children(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *item;
	int nr = 0;

	assert_non_null(proc);
	while ((item = readdir(proc))) {
		char path[300], line[512] = "";
		int ppid = -1;

		if (item->d_name[0] < '0' || item->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", item->d_name);
		FILE *f = fopen(path, "re");
		if (f && fgets(line, sizeof(line), f)) {
			const char *after = strrchr(line, ')');

			if (after && sscanf(after, ") %*c %d", &ppid) == 1 && ppid == getpid())
				nr++;
		}
		if (f)
			fclose(f);
	}
	closedir(proc);
	return nr;
}

static void own(const struct fixture *fixture, const char *path)
{
	(void)fixture;
	if (geteuid() == 0)
		assert_int_equal(lchown(path, DROPPED_UID, DROPPED_UID), 0);
}

static void add_file(const struct fixture *fixture, const char *name, const char *text, mode_t mode)
{
	char *path = path_in(fixture->dir, name);

	write_file(path, text, strlen(text), mode);
	own(fixture, path);
	free(path);
}

int fixture_setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	struct error err = ERROR_INIT;

	fixture->listen_fd = -1;
	snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/gpucloud-ssh.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	assert_int_equal(chmod(fixture->dir, 0755), 0);
	snprintf(fixture->home, sizeof(fixture->home), "%s/home", fixture->dir);
	assert_int_equal(mkdir(fixture->home, 0755), 0);
	own(fixture, fixture->home);
	assert_int_equal(ssh_key_make("login", &fixture->login, &err), 0);
	assert_int_equal(ssh_key_make("host", &fixture->host, &err), 0);
	assert_int_equal(ssh_key_make("other", &fixture->other, &err), 0);
	snprintf(fixture->host_line, sizeof(fixture->host_line), "%s", fixture->host.public_line);
	*state = fixture;
	return 0;
}

/*
 * Not internal-sftp: in a process whose descriptors sshd has closed, nss_wrapper goes on using the
 * numbers of its files, and rewinds the very folder that is being listed.
 */
static void write_config(struct fixture *fixture)
{
	uid_t uid = geteuid() == 0 ? DROPPED_UID : geteuid();
	gid_t gid = geteuid() == 0 ? DROPPED_UID : getegid();
	char text[4096];

	add_file(fixture, "host_key", fixture->host.private_pem.data, 0600);
	snprintf(text, sizeof(text), "%s\n", fixture->login.public_line);
	add_file(fixture, "authorized", text, 0644);
	snprintf(
		text, sizeof(text),
		"HostKey %s/host_key\nAuthorizedKeysFile %s/authorized\nStrictModes no\nUsePAM no\n"
		"PasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile none\n"
		"LogLevel ERROR\nSubsystem sftp " SFTP "\n"
		"SetEnv LD_PRELOAD=%s NSS_WRAPPER_PASSWD=%s/passwd NSS_WRAPPER_GROUP=%s/group\n%s",
		fixture->dir, fixture->dir, wrapper, fixture->dir, fixture->dir,
		fixture->extra ? fixture->extra : "");
	add_file(fixture, "sshd_config", text, 0644);
	snprintf(text, sizeof(text),
		 FIXTURE_USER ":x:%u:%u::%s:/bin/sh\nsshd:x:64999:64999::/:/bin/false\n", uid, gid,
		 fixture->home);
	add_file(fixture, "passwd", text, 0644);
	snprintf(text, sizeof(text), FIXTURE_USER ":x:%u:\n", gid);
	add_file(fixture, "group", text, 0644);
}

static pid_t spawn_sshd(const struct fixture *fixture, int sock)
{
	char preload[300], passwd[128], group[128], config[128], uid[32], gid[32];
	char path[] = "PATH=/usr/bin:/bin";
	char *env[] = { preload, passwd, group, path, NULL };
	char drop[] = "/usr/bin/setpriv", clear[] = "--clear-groups", sshd[] = SSHD;
	char inetd[] = "-i", to_stderr[] = "-e", file[] = "-f";
	char *argv[] = { drop, uid, gid, clear, sshd, inetd, to_stderr, file, config, NULL };
	char **run = geteuid() == 0 ? argv : argv + 4;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	pid_t pid = 0;

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", wrapper);
	snprintf(passwd, sizeof(passwd), "NSS_WRAPPER_PASSWD=%s/passwd", fixture->dir);
	snprintf(group, sizeof(group), "NSS_WRAPPER_GROUP=%s/group", fixture->dir);
	snprintf(config, sizeof(config), "%s/sshd_config", fixture->dir);
	snprintf(uid, sizeof(uid), "--reuid=%d", DROPPED_UID);
	snprintf(gid, sizeof(gid), "--regid=%d", DROPPED_UID);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, sock, 0);
	posix_spawn_file_actions_adddup2(&actions, sock, 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	if (posix_spawn(&pid, run[0], &actions, &attr, run, env) != 0)
		pid = 0;
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return pid;
}

static void *accept_loop(void *arg)
{
	struct fixture *fixture = arg;

	while (!fixture->stop) {
		struct pollfd pfd = { .fd = fixture->listen_fd, .events = POLLIN };

		if (poll(&pfd, 1, 20) <= 0)
			continue;
		int sock = accept4(fixture->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (sock >= 0 && fixture->nr_conns < FIXTURE_CONNS) {
			pid_t pid = spawn_sshd(fixture, sock);

			if (pid > 0)
				fixture->conns[fixture->nr_conns++] = pid;
		}
		if (sock >= 0)
			close(sock);
	}
	return NULL;
}

void fixture_start(struct fixture *fixture)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);

	assert_null(fixture_missing());
	write_config(fixture);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fixture->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fixture->listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fixture->listen_fd, 8), 0);
	assert_int_equal(getsockname(fixture->listen_fd, (struct sockaddr *)&addr, &len), 0);
	fixture->port = ntohs(addr.sin_port);
	assert_int_equal(pthread_create(&fixture->thread, NULL, accept_loop, fixture), 0);
	fixture->running = true;
}

void fixture_cut(struct fixture *fixture)
{
	assert_true(fixture->nr_conns > 0);
	kill(-fixture->conns[fixture->nr_conns - 1], SIGKILL);
}

void fixture_end_conns(struct fixture *fixture)
{
	for (int i = 0; i < fixture->nr_conns; i++) {
		kill(-fixture->conns[i], SIGKILL);
		waitpid(fixture->conns[i], NULL, 0);
	}
	fixture->nr_conns = 0;
}

int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;

	fixture->stop = true;
	if (fixture->running)
		pthread_join(fixture->thread, NULL);
	if (fixture->listen_fd >= 0)
		close(fixture->listen_fd);
	fixture_end_conns(fixture);
	ssh_key_release(&fixture->login);
	ssh_key_release(&fixture->host);
	ssh_key_release(&fixture->other);
	remove_tree(fixture->dir);
	free(fixture);
	return 0;
}

struct remote_target fixture_target(struct fixture *fixture)
{
	static const char *keys[1];

	keys[0] = fixture->host_line;
	return (struct remote_target){ .address = "127.0.0.1",
				       .port = fixture->port,
				       .user = FIXTURE_USER,
				       .host_keys = keys,
				       .nr_host_keys = 1,
				       .login_key = &fixture->login,
				       .timeout_ms = 20000 };
}

struct remote *fixture_connect(struct fixture *fixture)
{
	struct remote_target target = fixture_target(fixture);
	struct remote_seen seen;
	struct remote *remote = NULL;
	struct error err = ERROR_INIT;

	if (remote_ssh.connect(&target, &remote, &seen, &err) < 0)
		fail_msg("%s (%s)", err.message, err.code);
	return remote;
}

int sink_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct sink *sink = ctx;

	sink->bytes += len;
	if (len > sink->longest)
		sink->longest = len;
	if (sink->limit && sink->bytes > sink->limit)
		return error_set(err, ERROR_IO, "that is enough");
	if (sink->text.len + len <= sink->text.max)
		buf_add(&sink->text, data, len);
	return 0;
}

void streams_init(struct streams *streams)
{
	memset(streams, 0, sizeof(*streams));
	streams->out.text = (struct buf)BUF_INIT_MAX((size_t)128 << 20);
	streams->err.text = (struct buf)BUF_INIT_MAX((size_t)128 << 20);
	streams->stream.ctx = &streams->out;
	streams->stream.out = sink_out;
}

void streams_release(struct streams *streams)
{
	buf_release(&streams->out.text);
	buf_release(&streams->err.text);
}

static int stream_out(void *ctx, const char *data, size_t len, struct error *err)
{
	return sink_out(&((struct streams *)ctx)->out, data, len, err);
}

static int stream_err(void *ctx, const char *data, size_t len, struct error *err)
{
	return sink_out(&((struct streams *)ctx)->err, data, len, err);
}

int run_command(struct remote *remote, const char *command, struct streams *streams,
		int64_t deadline_ms, struct remote_exit *ret, struct error *err)
{
	streams->stream.ctx = streams;
	streams->stream.out = stream_out;
	streams->stream.err = stream_err;
	return remote_ssh.exec(remote, command, &streams->stream, deadline_ms, ret, err);
}

static struct buf *digesting;
static size_t digest_skip;

static int digest_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	char hex[SHA256_HEX_MAX] = "-", target[4096];

	(void)flag;
	(void)ftw;
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlink(path, target, sizeof(target) - 1);

		assert_true(n >= 0);
		sha256_hex(target, (size_t)n, hex);
	} else if (S_ISREG(st->st_mode)) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		char *data = xmalloc((size_t)st->st_size + 1);

		assert_true(fd >= 0);
		assert_int_equal(read(fd, data, (size_t)st->st_size + 1), st->st_size);
		close(fd);
		sha256_hex(data, (size_t)st->st_size, hex);
		free(data);
	}
	/* the mode of the top folder is the caller's business */
	buf_addf(digesting, "%s%c%o %s%c", path + digest_skip, 0,
		 path[digest_skip] ? (unsigned)(S_ISLNK(st->st_mode) ? S_IFLNK : st->st_mode) : 0,
		 hex, 0);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void tree_digest(const char *path, char out[SHA256_HEX_MAX])
{
	struct buf all = BUF_INIT, sorted = BUF_INIT;
	size_t nr = 0, cap = 0;
	const char **lines = NULL;

	digesting = &all;
	digest_skip = strlen(path);
	assert_int_equal(nftw(path, digest_one, 16, FTW_PHYS), 0);
	/* nftw goes in the folder's own order: name and line are two strings, sorted by name */
	for (size_t i = 0; i < all.len;) {
		lines = xgrow(lines, nr, &cap, sizeof(*lines));
		lines[nr++] = all.data + i;
		i += strlen(all.data + i) + 1;
		i += strlen(all.data + i) + 1;
	}
	qsort(lines, nr, sizeof(*lines), by_text);
	for (size_t i = 0; i < nr; i++)
		buf_addf(&sorted, "%s %s|", lines[i], lines[i] + strlen(lines[i]) + 1);
	sha256_hex(sorted.data, sorted.len, out);
	free(lines);
	buf_release(&all);
	buf_release(&sorted);
}
