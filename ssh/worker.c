/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"
#include "ssh/frame.h"
#include "ssh/limits.h"
#include "ssh/pump.h"
#include "ssh/session.h"

#define WORKER_NAME "gpucloud-ssh-worker"
#define CONTROL_FD  0

static bool hooked;

bool ssh_worker_asked(int argc, char *const *argv)
{
	hooked = true;
	return argc == 1 && argv[0] && !strcmp(argv[0], WORKER_NAME);
}

/* Sends what is queued, however long the other side takes to read it. */
static void flush_all(struct frame_io *control)
{
	while (frame_flush(control) == 0 && frame_unsent(control) > 0) {
		struct pollfd pfd = { .fd = control->fd, .events = POLLOUT };

		poll(&pfd, 1, -1);
	}
}

static int take_start(struct frame_io *control, struct session_target *target, struct error *err)
{
	struct frame frame;
	int rc;

	while ((rc = frame_next(control, &frame)) == 0) {
		struct pollfd pfd = { .fd = control->fd, .events = POLLIN };

		poll(&pfd, 1, -1);
		if (!frame_fill(control) && frame_next(control, &frame) <= 0)
			_exit(0);
	}
	if (rc < 0 || frame.type != FRAME_START)
		return error_set(err, ERROR_PROTOCOL, "the ssh worker was started with nonsense");
	struct wire wire = wire_of(frame.data, frame.len);
	rc = session_start_parse(&wire, target, err);
	explicit_bzero(control->in, FRAME_IN_MAX); /* the login key was in it */
	return rc;
}

/* The host's key as a public line, and who got us in. */
static void put_ready(struct frame_io *control, const struct session *session)
{
	struct wire wire = wire_of(session->host_key, session->host_key_len);
	struct wire_str type = wire_string(&wire);
	struct buf line = BUF_INIT_MAX(SSH_LINE_MAX - 1), body = BUF_INIT;

	text_escape(&line, type.data, type.len < 64 ? type.len : 64);
	buf_addch(&line, ' ');
	base64_encode(&line, session->host_key, session->host_key_len);
	wire_put_text(&body, line.data);
	wire_put_u8(&body, session->by_agent);
	frame_put(control, FRAME_READY, body.data, body.len);
	buf_release(&body);
	buf_release(&line);
}

static int connect_all(struct session *session, struct frame_io *control, struct error *err)
{
	if (session_connect(session, err) < 0 || session_handshake(session, err) < 0 ||
	    session_login(session, err) < 0)
		return -1;
	secret_release(&session->target->login_key);
	limits_connected();
	libssh2_keepalive_config(session->ssh, 0, 30);
	put_ready(control, session);
	return 0;
}

static void serve(struct session *session, struct frame_io *control)
{
	struct frame frame;

	while (pump_idle(session, control, &frame) == 0) {
		/* input meant for a command that has ended meanwhile is of no use to anybody */
		if (frame.type == FRAME_DATA || frame.type == FRAME_EOF)
			continue;
		if (frame.type != FRAME_OPEN || pump_run(session, control, &frame) < 0)
			break;
	}
}

int ssh_worker_main(void)
{
	static struct session_target target;
	struct session session = { .target = &target, .sock = -1, .control = CONTROL_FD };
	struct frame_io control;
	struct error err = ERROR_INIT;

	limits_set(INT_MAX / 2);
	signal(SIGPIPE, SIG_IGN);
	pump_end_install();
	frame_io_init(&control, CONTROL_FD);
	int rc = take_start(&control, &target, &err);
	if (rc == 0) {
		limits_set(target.timeout_ms);
		rc = connect_all(&session, &control, &err);
	}
	if (rc < 0)
		frame_put_error(&control, &err);
	else
		serve(&session, &control);
	flush_all(&control);
	/* not exit(): nothing is to be tidied up, and least of all by a damaged library */
	_exit(0);
}

/*
 * What a dynamic linker, a resolver or a sanitizer needs. The rest of our environment (credentials
 * are often in it) stays here.
 */
static bool env_kept(const char *entry)
{
	static const char *const kept[] = { "LD_LIBRARY_PATH=", "LD_PRELOAD=",	 "OPENSSL_CONF=",
					    "LOCALDOMAIN=",	"RES_OPTIONS=",	 "ASAN_OPTIONS=",
					    "UBSAN_OPTIONS=",	"LSAN_OPTIONS=", "GCOV_PREFIX=" };

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (text_starts_with(entry, kept[i]))
			return true;
	return false;
}

static char **worker_env(void)
{
	extern char **environ;
	size_t nr = 0, n = 0;

	while (environ && environ[nr])
		nr++;
	char **env = xcalloc(nr + 1, sizeof(*env));
	for (size_t i = 0; i < nr; i++)
		if (env_kept(environ[i]))
			env[n++] = environ[i];
	return env;
}

/* In a session of its own, so that Ctrl-C reaches us alone, and we decide. */
static int spawn(pid_t *pid, const char *path, int control)
{
	char name[] = WORKER_NAME;
	char *argv[] = { name, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&actions);
	int rc = posix_spawn_file_actions_adddup2(&actions, control, CONTROL_FD);
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
						      O_WRONLY, 0);
	/* stderr stays: a sanitizer's report and "out of memory" are for whoever runs us */
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	char **env = worker_env();
	if (rc == 0)
		rc = posix_spawn(pid, path, &actions, &attr, argv, env);
	free(env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return rc;
}

/* The path of this program. Where it was replaced meanwhile, the kernel still has the old one. */
static const char *self(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n > 0) {
		path[n] = '\0';
		if (access(path, X_OK) == 0)
			return path;
	}
	return "/proc/self/exe";
}

int ssh_worker_spawn(pid_t *pid, int *fd, struct error *err)
{
	char path[PATH_MAX];
	int pair[2];

	if (!hooked)
		return error_set(err, ERROR_CONFIG, "this program does not run the ssh worker");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return error_errno(err, ERROR_IO, "cannot start the ssh worker");
	/* Above the standard streams, where dup2 in the child clears close-on-exec. */
	int theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(pair[1]);
	int rc = theirs < 0 ? errno : spawn(pid, self(path), theirs);
	if (theirs >= 0)
		close(theirs);
	if (rc != 0) {
		close(pair[0]);
		errno = rc;
		return error_errno(err, ERROR_IO, "cannot start the ssh worker");
	}
	*fd = pair[0];
	return 0;
}
