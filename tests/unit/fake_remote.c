/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_remote.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/sync/sync.h"

struct remote {
	struct fake_remote *fake;
	uint64_t moved; /* of this connection */
	bool doomed, closed;
};

struct command {
	struct remote *remote;
	const struct remote_stream *stream;
	pid_t pid;
	int fds[3]; /* our ends of its three streams; -1: closed */
	char pending[32 << 10];
	size_t start, end; /* of pending */
	bool input_over;
};

void fake_remote_init(struct fake_remote *fake)
{
	memset(fake, 0, sizeof(*fake));
	snprintf(fake->home, sizeof(fake->home), "/tmp/gpucloud-fake-XXXXXX");
	if (!mkdtemp(fake->home))
		abort();
}

static void run_plain(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static void close_all(int fds[3])
{
	for (int i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* What a cut left running may end by itself: it is given a moment. */
static void end_left(struct left *left)
{
	const struct timespec moment = { .tv_nsec = 5000000 };

	close_all(left->fds);
	for (int i = 0; i < 400; i++) {
		if (waitpid(left->pid, NULL, WNOHANG) != 0)
			return;
		nanosleep(&moment, NULL);
	}
	kill(-left->pid, SIGKILL);
	waitpid(left->pid, NULL, 0);
}

void fake_remote_release(struct fake_remote *fake)
{
	for (unsigned i = 0; i < fake->nr_left; i++)
		end_left(&fake->left[i]);
	run_plain((const char *const[]){ "chmod", "-R", "u+rwX", "--", fake->home, NULL });
	run_plain((const char *const[]){ "rm", "-rf", "--", fake->home, NULL });
}

struct remote *fake_remote_open(struct fake_remote *fake)
{
	struct remote *remote = xcalloc(1, sizeof(*remote));

	remote->fake = fake;
	remote->doomed = fake->cut_after > 0 && fake->cuts_left > 0;
	if (remote->doomed)
		fake->cuts_left--;
	fake->connects++;
	return remote;
}

static void fake_close(struct remote *remote)
{
	free(remote);
}

int fake_remote_again(void *ctx, struct sync_link *link, struct error *err)
{
	struct fake_remote *fake = ctx;

	if (fake->never_again) {
		error_set(err, ERROR_NETWORK, "the machine is gone");
		return -1;
	}
	fake_close(link->remote);
	link->remote = fake_remote_open(fake);
	return 0;
}

static void child(const struct fake_remote *fake, const char *command, int in[2], int out[2],
		  int err[2])
{
	char home[80], path[1024];
	char *env[] = { home, path, NULL };

	setsid();
	dup2(in[0], 0);
	dup2(out[1], 1);
	dup2(err[1], 2);
	for (int fd = 3; fd < 256; fd++)
		close(fd);
	snprintf(home, sizeof(home), "HOME=%s", fake->home);
	snprintf(path, sizeof(path), "PATH=%s", fake->path ? fake->path : getenv("PATH"));
	signal(SIGPIPE, SIG_DFL);
	if (chdir(fake->home) == 0)
		execle("/bin/sh", "sh", "-c", command, (char *)NULL, env);
	_exit(127);
}

static void start(struct command *run, const char *command)
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		abort();
	run->pid = fork();
	if (run->pid < 0)
		abort();
	if (run->pid == 0)
		child(run->remote->fake, command, in, out, err);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	run->fds[0] = in[1];
	run->fds[1] = out[0];
	run->fds[2] = err[0];
}

/* Whether the connection bears n more bytes; how many of them it does. */
static size_t allowed(struct remote *remote, size_t n)
{
	uint64_t left = remote->fake->cut_after - remote->moved;

	if (remote->doomed && n > left)
		n = (size_t)left;
	remote->moved += n;
	return n;
}

static int cut(struct command *run, struct error *err)
{
	struct fake_remote *fake = run->remote->fake;

	run->remote->closed = true;
	fake->cuts++;
	if (fake->nr_left == FAKE_REMOTE_LEFT)
		abort();
	struct left *left = &fake->left[fake->nr_left++];
	left->pid = run->pid;
	memcpy(left->fds, run->fds, sizeof(run->fds));
	if (!fake->frozen)
		close_all(left->fds);
	error_set(err, ERROR_NETWORK, "the connection was cut");
	err->unknown = true;
	return -1;
}

/* Somebody on our side gave up: the command is ended, the connection closed. */
static int give_up(struct command *run)
{
	run->remote->closed = true;
	kill(-run->pid, SIGTERM);
	close_all(run->fds);
	waitpid(run->pid, NULL, 0);
	return -1;
}

static void end_input(struct command *run)
{
	close(run->fds[0]);
	run->fds[0] = -1;
	run->input_over = true;
}

/* 0, or -1: give_up or cut was called for. *cut_now: which of them. */
static int give_input(struct command *run, bool *cut_now, struct error *err)
{
	struct fake_remote *fake = run->remote->fake;

	if (run->start == run->end) {
		ssize_t n = run->stream->in ? run->stream->in(run->stream->ctx, run->pending,
							      sizeof(run->pending), err)
					    : 0;

		if (n < 0)
			return -1;
		if (n == 0) {
			end_input(run);
			return 0;
		}
		run->start = 0;
		run->end = allowed(run->remote, (size_t)n);
		*cut_now = run->end < (size_t)n;
	}
	while (run->start < run->end) {
		ssize_t n = write(run->fds[0], run->pending + run->start, run->end - run->start);

		if (n < 0 && errno == EAGAIN && !*cut_now)
			break;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd room = { .fd = run->fds[0], .events = POLLOUT };

			poll(&room, 1, 100);
			continue;
		}
		if (n < 0) {
			end_input(run);
			return *cut_now ? -1 : 0;
		}
		run->start += (size_t)n;
		fake->sent += (uint64_t)n;
	}
	return *cut_now ? -1 : 0;
}

static int take_output(struct command *run, int which, bool *cut_now, struct error *err)
{
	int (*fn)(void *, const char *, size_t, struct error *) =
		which == 1 ? run->stream->out : run->stream->err;
	char chunk[32 << 10];
	ssize_t n = read(run->fds[which], chunk, sizeof(chunk));

	if (n <= 0) {
		close(run->fds[which]);
		run->fds[which] = -1;
		return 0;
	}
	size_t pass = allowed(run->remote, (size_t)n);
	run->remote->fake->received += pass;
	*cut_now = pass < (size_t)n;
	if (pass > 0 && fn && fn(run->stream->ctx, chunk, pass, err) < 0) {
		*cut_now = false;
		return -1;
	}
	return *cut_now ? -1 : 0;
}

static int follow(struct command *run, bool *cut_now, struct error *err)
{
	while (run->fds[1] >= 0 || run->fds[2] >= 0) {
		struct pollfd fds[3] = { { .fd = run->fds[0], .events = POLLOUT },
					 { .fd = run->fds[1], .events = POLLIN },
					 { .fd = run->fds[2], .events = POLLIN } };

		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[0].revents && !run->input_over && give_input(run, cut_now, err) < 0)
			return -1;
		for (int i = 1; i < 3; i++)
			if (fds[i].revents && take_output(run, i, cut_now, err) < 0)
				return -1;
	}
	return 0;
}

static int fake_exec(struct remote *remote, const char *command, const struct remote_stream *stream,
		     int64_t deadline_ms, struct remote_exit *ret, struct error *err)
{
	static const struct remote_stream nothing;
	struct fake_remote *fake = remote->fake;
	struct command run = { .remote = remote, .stream = stream ? stream : &nothing };
	bool cut_now = false;
	int status;

	(void)deadline_ms;
	if (remote->closed) {
		error_set(err, ERROR_NETWORK, "the connection is closed");
		snprintf(err->code, sizeof(err->code), "ConnectionClosed");
		return -1;
	}
	fake->execs++;
	if (fake->before && fake->before(fake->before_ctx, fake, command, err) < 0)
		return -1;
	start(&run, command);
	if (follow(&run, &cut_now, err) < 0)
		return cut_now ? cut(&run, err) : give_up(&run);
	close_all(run.fds);
	waitpid(run.pid, &status, 0);
	memset(ret, 0, sizeof(*ret));
	ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	ret->code = WIFEXITED(status) ? ret->status : 128 + WTERMSIG(status);
	if (WIFSIGNALED(status))
		snprintf(ret->signal, sizeof(ret->signal), "%.15s", sigabbrev_np(WTERMSIG(status)));
	return 0;
}

static char *there(const struct remote *remote, const char *path)
{
	return path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", remote->fake->home, path);
}

static int fake_push(struct remote *remote, const char *local, const char *path,
		     const struct remote_progress *progress, struct error *err)
{
	char *to = there(remote, path);

	(void)progress;
	(void)err;
	remote->fake->pushes++;
	run_plain((const char *const[]){ "cp", "-RPpT", "--", local, to, NULL });
	free(to);
	return 0;
}

static int fake_pull(struct remote *remote, const char *path, const char *local,
		     const struct remote_progress *progress, struct error *err)
{
	char *from = there(remote, path);

	(void)progress;
	(void)err;
	remote->fake->pulls++;
	run_plain((const char *const[]){ "cp", "-RPpT", "--", from, local, NULL });
	free(from);
	return 0;
}

const struct remote_ops fake_remote_ops = {
	.exec = fake_exec,
	.push = fake_push,
	.pull = fake_pull,
	.close = fake_close,
};

bool fake_remote_unprivileged(struct fake_remote *fake, bool (*fn)(void *ctx), void *ctx)
{
	const unsigned nobody = 54321;
	int status = -1;

	if (geteuid() != 0)
		return fn(ctx);
	char *command = xasprintf("chown -R %u:%u '%s'", nobody, nobody, fake->home);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	free(command);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return false;
	pid = fork();
	if (pid == 0)
		_exit(setgroups(0, NULL) == 0 && setgid(nobody) == 0 && setuid(nobody) == 0 &&
				      fn(ctx)
			      ? 0
			      : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}
