/* SPDX-License-Identifier: Apache-2.0 */
#include "core/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "core/text.h"

/* How often a silent child is looked after: its exit, our deadline, Ctrl-C. */
#define POLL_SLICE_MS 20

struct child {
	const char *name;
	bool bare; /* no credentials in its environment */
	pid_t pid;
	int out_fd, diag_fd; /* -1 once closed */
	bool exited;
	int wait_status;
};

static int host_read_file(void *ctx, const char *path, size_t max, struct buf *out,
			  struct error *err)
{
	(void)ctx;
	return file_read(path, max, out, err);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool is_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || access(path, X_OK) < 0)
		return false;
	/* What access() says to root depends on the system. */
	if (S_ISREG(st.st_mode) && (st.st_mode & 0111))
		return true;
	errno = EACCES;
	return false;
}

/*
 * The file that a name stands for, malloc'ed, or NULL with errno. Looked up here, because
 * posix_spawnp tells of a missing one only where parent and child share their memory, which they
 * do not under valgrind. An empty part of PATH would be the current folder: never taken.
 */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return is_program(name) ? xstrdup(name) : NULL;
	for (path = path ? path : "/usr/local/bin:/usr/bin:/bin"; *path;) {
		size_t len = strcspn(path, ":");

		if (len > 0 && path[0] == '/') {
			char *file = xasprintf("%.*s/%s", (int)len, path, name);

			if (is_program(file))
				return file;
			free(file);
		}
		path += len + (path[len] == ':');
	}
	errno = ENOENT;
	return NULL;
}

/*
 * What host_bare passes on. A list of what is kept, not of what is dropped: nobody knows all the names
 * under which credentials lie in an environment. Those that end in '_' stand for all that begin so.
 */
static const char *const bare_names[] = {
	"PATH",
	"HOME",
	"USER",
	"LOGNAME",
	"SHELL",
	"TMPDIR",
	"TZ",
	"LANG",
	"LC_",
	"LD_LIBRARY_PATH",
	"LD_PRELOAD",
	"ASAN_OPTIONS",
	"UBSAN_OPTIONS",
	"LSAN_OPTIONS",
	"CUDA_",
	"NVIDIA_",
	"GPU_SELFTEST_",
	"FAKE_", /* gpu-selftest/fake */
};

static bool is_bare(const char *entry)
{
	for (size_t i = 0; i < ARRAY_SIZE(bare_names); i++) {
		size_t len = strlen(bare_names[i]);

		if (text_starts_with(entry, bare_names[i]) &&
		    (bare_names[i][len - 1] == '_' || entry[len] == '='))
			return true;
	}
	return false;
}

/* The environment of a child; the array is malloc'ed, its strings are ours. */
static char **child_env(bool bare)
{
	extern char **environ;
	size_t nr = 0, n = 0;

	while (environ && environ[nr])
		nr++;
	char **env = xcalloc(nr + 1, sizeof(*env));
	for (size_t i = 0; i < nr; i++)
		if (!bare || is_bare(environ[i]))
			env[n++] = environ[i];
	return env;
}

/*
 * posix_spawn, not fork: the program has threads. The child leads a session of its own, so that it
 * dies with all it started, and so that a helper that asks on the terminal fails instead of
 * hanging. Every descriptor from 3 up is closed in it, whoever opened it.
 */
static int spawn(struct child *child, const char *path, const char *const *argv, int out_fd,
		 int diag_fd)
{
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
	int rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, diag_fd, STDERR_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	char **env = child_env(child->bare);
	if (rc == 0)
		rc = posix_spawn(&child->pid, path, &actions, &attr, (char *const *)(uintptr_t)argv,
				 env);
	free(env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return rc;
}

/* Pipes above the standard streams, so that dup2 in the child cannot tread on them. */
static int open_pipe(int fds[2])
{
	int raw[2];

	if (pipe2(raw, O_CLOEXEC) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		fds[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		close(raw[i]);
	}
	if (fds[0] < 0 || fds[1] < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
		int saved = errno;
		close_fd(&fds[0]);
		close_fd(&fds[1]);
		errno = saved;
		return -1;
	}
	return 0;
}

static int start(struct child *child, const char *path, const char *const *argv, struct error *err)
{
	int out[2], diag[2];

	if (open_pipe(out) < 0)
		return error_errno(err, ERROR_IO, "cannot run '%s'", child->name);
	if (open_pipe(diag) < 0) {
		error_errno(err, ERROR_IO, "cannot run '%s'", child->name);
		close_fd(&out[0]);
		close_fd(&out[1]);
		return -1;
	}
	int rc = spawn(child, path, argv, out[1], diag[1]);
	close(out[1]);
	close(diag[1]);
	if (rc != 0) {
		close(out[0]);
		close(diag[0]);
		errno = rc;
		return error_errno(err, ERROR_CONFIG, "cannot start '%s'", child->name);
	}
	child->out_fd = out[0];
	child->diag_fd = diag[0];
	return 0;
}

/* Takes what is there. The part past a ceiling is dropped, and then -1 is returned. */
static int drain(int *fd, struct buf *buf)
{
	char chunk[8192];
	int rc = 0;

	while (*fd >= 0) {
		ssize_t n = read(*fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			close_fd(fd);
			break;
		}
		size_t len = (size_t)n, room = buf->max > buf->len ? buf->max - buf->len : 0;
		buf_add(buf, chunk, len < room ? len : room);
		if (len > room) {
			rc = -1;
			break;
		}
	}
	explicit_bzero(chunk, sizeof(chunk)); /* credential helpers print secrets */
	return rc;
}

static void reap(struct child *child, int flags)
{
	pid_t pid;

	do {
		pid = waitpid(child->pid, &child->wait_status, flags);
	} while (pid < 0 && errno == EINTR);
	if (pid == child->pid)
		child->exited = true;
	if (pid < 0) { /* somebody made the kernel reap it: its status is lost */
		child->exited = true;
		child->wait_status = 255 << 8;
	}
}

static int stopped(const struct child *child, int64_t timeout_ms, int64_t deadline,
		   struct error *err)
{
	if (interrupted())
		return error_set(err, ERROR_CANCELLED, "interrupted while '%s' ran", child->name);
	if (clock_mono_ms(&clock_system) >= deadline)
		return error_set(err, ERROR_TIMEOUT, "'%s' did not finish within %g s", child->name,
				 (double)timeout_ms / 1000);
	return 0;
}

/* Until the child has exited and what it wrote is read; what its own children hold open is not
 * waited for. */
static int follow(struct child *child, int64_t timeout_ms, struct buf *out, struct buf *diag,
		  struct error *err)
{
	int64_t deadline = clock_mono_ms(&clock_system) + timeout_ms;

	while (!child->exited) {
		struct pollfd fds[2] = { { .fd = child->out_fd, .events = POLLIN },
					 { .fd = child->diag_fd, .events = POLLIN } };
		bool closed = child->out_fd < 0 && child->diag_fd < 0;

		poll(fds, 2, closed ? 1 : POLL_SLICE_MS);
		reap(child, WNOHANG);
		if (drain(&child->out_fd, out) < 0)
			return error_set(err, ERROR_PROTOCOL, "'%s' printed more than %zu bytes",
					 child->name, out->max);
		/* What is past the ceiling is dropped; one that never stops must not hold us here. */
		drain(&child->diag_fd, diag);
		if (!child->exited && stopped(child, timeout_ms, deadline, err) < 0)
			return -1;
	}
	return 0;
}

static int host_run(void *ctx, const char *const *argv, int64_t timeout_ms, struct buf *out,
		    struct buf *diag, int *status, struct error *err)
{
	struct child child = { .name = argv[0], .bare = ctx != NULL, .out_fd = -1, .diag_fd = -1 };

	if (!child.name || !child.name[0])
		return error_set(err, ERROR_CONFIG, "cannot run a command with an empty name");
	char *path = find_program(child.name);
	int rc = path ? start(&child, path, argv, err)
		      : error_errno(err, ERROR_CONFIG, "cannot start '%s'", child.name);
	free(path);
	if (rc < 0)
		return -1;
	rc = follow(&child, timeout_ms, out, diag, err);
	if (!child.exited) {
		kill(-child.pid, SIGKILL);
		/* setsid may not have happened yet in a child that has just begun */
		kill(child.pid, SIGKILL);
		reap(&child, 0);
	}
	close_fd(&child.out_fd);
	close_fd(&child.diag_fd);
	if (rc == 0)
		*status = WIFSIGNALED(child.wait_status) ? 128 + WTERMSIG(child.wait_status)
							 : WEXITSTATUS(child.wait_status);
	return rc;
}

static char bare_ctx; /* only its address counts */

const struct host host_system = { .read_file = host_read_file, .run = host_run };
const struct host host_bare = { .ctx = &bare_ctx, .read_file = host_read_file, .run = host_run };
