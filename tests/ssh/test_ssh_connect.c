/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in, whom we talk to, and what of ours can be seen while we do. */
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "core/text.h"
#include "ssh/session.h"
#include "ssh/worker.h"
#include "ssh_fixture.h"

#define CANARY "canary-7e1f0c55-not-for-children"

static int setup(void **state)
{
	fixture_setup(state);
	fixture_start(*state);
	return 0;
}

static int try_connect(const struct remote_target *target, struct error *err)
{
	struct remote *remote = NULL;
	struct remote_seen seen;
	int rc = remote_ssh.connect(target, &remote, &seen, err);

	if (rc == 0)
		remote_ssh.close(remote);
	return rc;
}

static void test_host_keys(void **state)
{
	struct fixture *fixture = *state;
	struct remote_target target = fixture_target(fixture);
	const char *const both[] = { fixture->other.public_line, fixture->host_line };
	const char *const wrong[] = { fixture->other.public_line };
	char right_hash[SSH_FINGERPRINT_MAX], wrong_hash[SSH_FINGERPRINT_MAX];
	const char *hashes[1] = { right_hash };
	struct error err = ERROR_INIT;
	struct remote *remote = NULL;
	struct remote_seen seen;

	must_work(remote_ssh.connect(&target, &remote, &seen, &err), &err);
	/* type and key, without the comment */
	size_t len = strlen(seen.host_key);
	assert_memory_equal(seen.host_key, fixture->host_line, len);
	assert_string_equal(fixture->host_line + len, " host");
	remote_ssh.close(remote);

	target.host_keys = both;
	target.nr_host_keys = 2;
	must_work(try_connect(&target, &err), &err);
	target.host_keys = wrong;
	target.nr_host_keys = 1;
	assert_int_equal(try_connect(&target, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	assert_string_equal(err.code, "HostKeyMismatch");
	assert_false(err.retryable);

	must_work(ssh_public_fingerprint(fixture->host_line, right_hash, &err), &err);
	must_work(ssh_public_fingerprint(fixture->other.public_line, wrong_hash, &err), &err);
	/* what it showed instead, in both forms */
	assert_non_null(strstr(err.message, right_hash));
	assert_non_null(strstr(err.message, "SHA256:"));
	target.host_keys = NULL;
	target.nr_host_keys = 0;
	target.fingerprints = hashes;
	target.nr_fingerprints = 1;
	must_work(try_connect(&target, &err), &err);
	hashes[0] = wrong_hash;
	assert_int_equal(try_connect(&target, &err), -1);
	assert_string_equal(err.code, "HostKeyMismatch");
	/* either is enough */
	target.host_keys = both;
	target.nr_host_keys = 2;
	must_work(try_connect(&target, &err), &err);
}

static void test_bad_targets(void **state)
{
	struct fixture *fixture = *state;
	const struct remote_target good = fixture_target(fixture);
	struct remote_target target = good;
	const char *const damaged[] = { "ssh-ed25519 AAAA" };
	struct error err = ERROR_INIT;
	char socket_path[200];

	target.nr_host_keys = 0; /* nothing to compare with: never connect */
	assert_int_equal(try_connect(&target, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	target = good;
	target.host_keys = damaged;
	assert_int_equal(try_connect(&target, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	target = good;
	target.login_key = NULL;
	assert_int_equal(try_connect(&target, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	target = good;
	target.address = "";
	assert_int_equal(try_connect(&target, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	target = good;
	target.port = 0;
	assert_int_equal(try_connect(&target, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	target = good;
	target.user = "";
	assert_int_equal(try_connect(&target, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	target = good;
	memset(socket_path, 's', sizeof(socket_path));
	socket_path[199] = '\0';
	target.use_agent = true;
	target.agent_socket = socket_path;
	target.login_key = NULL;
	assert_int_equal(try_connect(&target, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	/* a key of ours does without an agent that nobody can reach */
	target.login_key = good.login_key;
	must_work(try_connect(&target, &err), &err);

	target = good;
	target.address = "host.invalid";
	assert_int_equal(try_connect(&target, &err), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	assert_true(err.retryable);
	/* a port where nobody listens any more */
	target = good;
	fixture->stop = true;
	pthread_join(fixture->thread, NULL);
	fixture->running = false;
	close(fixture->listen_fd);
	fixture->listen_fd = -1;
	assert_int_equal(try_connect(&target, &err), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	assert_true(err.retryable);
	assert_false(err.unknown);
	assert_non_null(strstr(err.message, "Connection refused"));
}

static void test_wrong_login(void **state)
{
	struct fixture *fixture = *state;
	struct remote_target target = fixture_target(fixture);
	struct error err = ERROR_INIT;

	target.login_key = &fixture->other;
	assert_int_equal(try_connect(&target, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	assert_string_equal(err.code, "LoginRefused");
	target = fixture_target(fixture);
	target.user = "nobody-of-that-name";
	assert_int_equal(try_connect(&target, &err), -1);
	assert_string_equal(err.code, "LoginRefused");
	target = fixture_target(fixture);
	target.user = "\033[2J";
	assert_int_equal(try_connect(&target, &err), -1);
	assert_null(strchr(err.message, '\033'));
	/* an agent that is not there is not an end, but it is told */
	target = fixture_target(fixture);
	target.use_agent = true;
	target.agent_socket = "/nonexistent/agent";
	must_work(try_connect(&target, &err), &err);
	target.login_key = &fixture->other;
	assert_int_equal(try_connect(&target, &err), -1);
	assert_non_null(strstr(err.message, "agent cannot be reached"));
}

static void run(const char *const *argv)
{
	struct buf out = BUF_INIT, diag = BUF_INIT;
	struct error err = ERROR_INIT;
	int status = 0;

	must_work(host_system.run(host_system.ctx, argv, 20000, &out, &diag, &status, &err), &err);
	if (status != 0)
		fail_msg("%s: %s", argv[0], diag.data);
	buf_release(&out);
	buf_release(&diag);
}

static pid_t agent;

static int teardown_agent(void **state)
{
	if (agent > 0) {
		kill(agent, SIGTERM);
		waitpid(agent, NULL, 0);
	}
	agent = 0;
	return fixture_teardown(state);
}

static void test_agent(void **state)
{
	struct fixture *fixture = *state;
	struct remote_target target = fixture_target(fixture);
	struct error err = ERROR_INIT;
	char *sock = path_in(fixture->dir, "agent"), *rsa = path_in(fixture->dir, "rsa");
	char *mine = path_in(fixture->dir, "mine"), *other = path_in(fixture->dir, "other");
	const char *const make[] = { "ssh-keygen", "-q", "-t", "rsa", "-b", "2048",
				     "-N",	   "",	 "-f", rsa,   NULL };
	const char *const add[] = { "ssh-add", "-q", rsa, other, NULL };
	const char *const add_mine[] = { "ssh-add", "-q", mine, NULL };

	agent = fork();
	if (agent == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDOUT_FILENO);
		execlp("ssh-agent", "ssh-agent", "-D", "-a", sock, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 500 && access(sock, F_OK) < 0; i++)
		usleep(10000);
	must_work(ssh_key_save(&fixture->login, mine, &err), &err);
	must_work(ssh_key_save(&fixture->other, other, &err), &err);
	run(make);
	setenv("SSH_AUTH_SOCK", sock, 1);
	run(add);
	target.login_key = NULL;
	target.use_agent = true;
	target.agent_socket = sock;
	/* RSA is not offered; the other ed25519 key is, and is refused */
	assert_int_equal(try_connect(&target, &err), -1);
	assert_string_equal(err.code, "LoginRefused");
	if (!strstr(err.message, "1 of the agent's keys"))
		fail_msg("%s", err.message);
	run(add_mine);
	struct remote *remote = NULL;
	struct remote_seen seen = { .by_agent = false };
	must_work(remote_ssh.connect(&target, &remote, &seen, &err), &err);
	remote_ssh.close(remote);
	assert_true(seen.by_agent);
	target.login_key = &fixture->login;
	must_work(remote_ssh.connect(&target, &remote, &seen, &err), &err);
	remote_ssh.close(remote);
	assert_false(seen.by_agent);
	/* a login key that is refused first is no hindrance */
	target.login_key = &fixture->other;
	must_work(try_connect(&target, &err), &err);
	/* not asked where it is not to be */
	target.use_agent = false;
	assert_int_equal(try_connect(&target, &err), -1);
	unsetenv("SSH_AUTH_SOCK");
	free(sock);
	free(rsa);
	free(mine);
	free(other);
}

/* The text of a file of /proc, or nothing where we may not read it. */
static void slurp(pid_t pid, const char *name, struct buf *out)
{
	char path[128], chunk[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	buf_clear(out);
	while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(out, chunk, (size_t)n);
	if (fd >= 0)
		close(fd);
}

static bool holds(const struct buf *text, const char *what)
{
	return memmem(text->data, text->len, what, strlen(what)) != NULL;
}

/* All that the process has in memory, as far as it is not larger than a secret's heap. */
static bool memory_holds(pid_t pid, const char *what)
{
	struct buf maps = BUF_INIT;
	char path[64];
	bool found = false;

	slurp(pid, "maps", &maps);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	for (char *line = maps.data; fd >= 0 && *line && !found;) {
		unsigned long long start, end;
		char mode[8];
		char *next = strchr(line, '\n');

		if (sscanf(line, "%llx-%llx %7s", &start, &end, mode) == 3 && mode[0] == 'r' &&
		    mode[1] == 'w' && end - start <= (64 << 20)) {
			char *copy = xmalloc(end - start);
			ssize_t n = pread(fd, copy, end - start, (off_t)start);

			found = n > 0 && memmem(copy, (size_t)n, what, strlen(what));
			free(copy);
		}
		line = next ? next + 1 : line + strlen(line);
	}
	if (fd >= 0)
		close(fd);
	buf_release(&maps);
	return found;
}

struct scan {
	char key[80]; /* a line out of the middle of the private key */
	char *heap;   /* another secret of this process */
	int looked, workers;
};

static int scan_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct scan *scan = ctx;
	struct buf cmdline = BUF_INIT, environment = BUF_INIT, children = BUF_INIT;

	(void)data;
	(void)len;
	(void)err;
	slurp(getpid(), "task/self/children", &children);
	char path[64];
	snprintf(path, sizeof(path), "task/%d/children", (int)getpid());
	slurp(getpid(), path, &children);
	for (char *p = children.data; *p;) {
		pid_t pid = (pid_t)strtol(p, &p, 10);

		p += strspn(p, " \n");
		slurp(pid, "cmdline", &cmdline);
		slurp(pid, "environ", &environment);
		scan->looked++;
		assert_false(holds(&cmdline, scan->key));
		assert_false(holds(&environment, scan->key));
		if (strcmp(cmdline.data, "gpucloud-ssh-worker") != 0)
			continue;
		scan->workers++;
		assert_int_equal(cmdline.len, strlen("gpucloud-ssh-worker") + 1);
		assert_false(holds(&environment, CANARY));
		assert_false(memory_holds(pid, scan->heap));
	}
	buf_release(&cmdline);
	buf_release(&environment);
	buf_release(&children);
	return 0;
}

static void test_secrets_stay_here(void **state)
{
	struct fixture *fixture = *state;
	struct scan scan = { .heap = xstrdup("heap-" CANARY "-heap") };
	struct remote_stream stream = { .ctx = &scan, .out = scan_out };
	struct error err = ERROR_INIT;
	struct remote_exit how;
	const char *line = strchr(fixture->login.private_pem.data, '\n');

	setenv("AWS_SECRET_ACCESS_KEY", CANARY, 1);
	snprintf(scan.key, sizeof(scan.key), "%.60s", strchr(line + 1, '\n') + 1);
	assert_true(memory_holds(getpid(), scan.heap)); /* the search itself works */
	struct remote *remote = fixture_connect(fixture);
	must_work(remote_ssh.exec(remote, "echo look; sleep 0.2", &stream, 10000, &how, &err),
		  &err);
	assert_true(scan.looked >= 1);
	assert_int_equal(scan.workers, 1);
	remote_ssh.close(remote);
	unsetenv("AWS_SECRET_ACCESS_KEY");
	free(scan.heap);
}

/* In a process of its own, since an interrupt is never taken back. */
static int interrupted_exec(struct fixture *fixture)
{
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	struct remote_exit how;

	interrupt_install();
	pid_t parent = getpid();
	pid_t killer = fork();
	if (killer == 0) {
		usleep(300000);
		kill(parent, SIGINT);
		_exit(0);
	}
	int64_t start = now_ms();
	int rc = remote_ssh.exec(remote, "sleep 30", NULL, 60000, &how, &err);
	int64_t took = now_ms() - start;
	remote_ssh.close(remote);
	waitpid(killer, NULL, 0);
	return rc == -1 && err.kind == ERROR_CANCELLED && err.unknown && took < 25000 ? 0 : 1;
}

static void test_interrupt(void **state)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(interrupted_exec(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A worker that is killed is an error, with no zombie and no hang. */
static void test_worker_killed(void **state)
{
	struct fixture *fixture = *state;
	int before = count_children();
	struct remote *remote = fixture_connect(fixture);
	struct error err = ERROR_INIT;
	struct remote_exit how;
	struct buf children = BUF_INIT;
	char path[64];

	snprintf(path, sizeof(path), "task/%d/children", (int)getpid());
	slurp(getpid(), path, &children);
	for (char *p = children.data; *p;) {
		pid_t pid = (pid_t)strtol(p, &p, 10);
		struct buf cmdline = BUF_INIT;

		p += strspn(p, " \n");
		slurp(pid, "cmdline", &cmdline);
		if (!strcmp(cmdline.data, "gpucloud-ssh-worker"))
			kill(pid, SIGKILL);
		buf_release(&cmdline);
	}
	assert_int_equal(remote_ssh.exec(remote, "true", NULL, 10000, &how, &err), -1);
	assert_string_equal(err.code, "WorkerDied");
	remote_ssh.close(remote);
	fixture_end_conns(fixture);
	assert_int_equal(count_children(), before);
	buf_release(&children);
}

static void test_versions(void **state)
{
	static const struct {
		const char *version;
		bool refused;
	} cases[] = { { "1.8.0", false },  { "1.10.0", false },	   { "1.11.0", true },
		      { "1.11.1", true },  { "1.11.1_DEV", true }, { "1.11.2", false },
		      { "1.12.0", false }, { "1.11.10", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if ((session_version_refused(cases[i].version) != NULL) != cases[i].refused)
			fail_msg("%s", cases[i].version);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_host_keys, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_bad_targets, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_login, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_agent, setup, teardown_agent),
		cmocka_unit_test_setup_teardown(test_secrets_stay_here, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_interrupt, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_worker_killed, setup, fixture_teardown),
		cmocka_unit_test(test_versions),
	};

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	if (fixture_missing()) {
		printf("skipped: %s\n", fixture_missing());
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
