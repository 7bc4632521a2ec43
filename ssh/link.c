/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/mem.h"

/* How often a silent worker is looked after: Ctrl-C may come to another thread. */
#define POLL_SLICE_MS 100

int64_t link_deadline(int64_t after_ms)
{
	int64_t now = clock_mono_ms(&clock_system);

	return after_ms <= 0 || after_ms > INT64_MAX - now ? INT64_MAX : now + after_ms;
}

int link_check(const struct remote *remote, struct error *err)
{
	if (remote->pid > 0)
		return 0;
	error_set(err, ERROR_NETWORK, "the connection to %s is closed", remote->name);
	snprintf(err->code, sizeof(err->code), "ConnectionClosed");
	return -1;
}

/* Waits for the worker. Its status, or -1 where somebody else took it. */
static int reap(struct remote *remote)
{
	int status = -1;
	pid_t pid = 0;

	if (remote->pid <= 0)
		return -1;
	do {
		pid = waitpid(remote->pid, &status, 0);
	} while (pid < 0 && errno == EINTR);
	remote->pid = 0;
	return pid < 0 ? -1 : status;
}

void link_end(struct remote *remote)
{
	if (remote->pid > 0) {
		kill(remote->pid, SIGKILL);
		reap(remote);
	}
	frame_io_release(&remote->io);
}

/* The worker ended by itself and without a word: a limit, or a bug that the host has found. */
static int fail_ended(struct remote *remote, struct error *err)
{
	int status = reap(remote);

	frame_io_release(&remote->io);
	if (status >= 0 && WIFSIGNALED(status) &&
	    (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGALRM)) {
		error_set(err, ERROR_TIMEOUT, "%s kept this computer busy and nothing moved",
			  remote->name);
		snprintf(err->code, sizeof(err->code), "WorkerBusy");
	} else if (status >= 0 && WIFSIGNALED(status)) {
		error_set(err, ERROR_PROTOCOL, "the ssh worker for %s was ended by signal %d",
			  remote->name, WTERMSIG(status));
		snprintf(err->code, sizeof(err->code), "WorkerDied");
	} else {
		error_set(err, ERROR_PROTOCOL, "the ssh worker for %s ended with status %d",
			  remote->name, status >= 0 ? WEXITSTATUS(status) : -1);
		snprintf(err->code, sizeof(err->code), "WorkerDied");
	}
	err->unknown = true;
	return -1;
}

static int stopped(struct remote *remote, int64_t deadline, const char *what, struct error *err)
{
	if (interrupted())
		error_set(err, ERROR_CANCELLED, "interrupted during the %s with %s", what,
			  remote->name);
	else if (clock_mono_ms(&clock_system) >= deadline)
		error_set(err, ERROR_TIMEOUT, "the %s with %s took too long", what, remote->name);
	else
		return 0;
	err->unknown = true;
	link_end(remote);
	return -1;
}

int link_step(struct remote *remote, int64_t deadline, const char *what, int in_fd, bool *in_ready,
	      struct error *err)
{
	struct pollfd fds[2] = { { .fd = remote->io.fd, .events = POLLIN },
				 { .fd = in_fd, .events = POLLIN } };

	if (in_ready)
		*in_ready = false;
	if (stopped(remote, deadline, what, err) < 0)
		return -1;
	/* A worker that is gone shows as the end of what it sent; that is still read. */
	if (frame_flush(&remote->io) < 0)
		buf_clear(&remote->io.out);
	int64_t left = deadline - clock_mono_ms(&clock_system);
	if (frame_unsent(&remote->io) > 0)
		fds[0].events |= POLLOUT;
	int n = remote->ended
			? 0
			: poll(fds, 2,
			       left < POLL_SLICE_MS ? (int)(left > 0 ? left : 0) : POLL_SLICE_MS);
	if (n <= 0)
		return 0;
	if (fds[0].revents && !frame_fill(&remote->io))
		remote->ended = true;
	if (in_ready && fds[1].revents)
		*in_ready = true;
	return 0;
}

int link_frame(struct remote *remote, struct frame *ret, struct error *err)
{
	int rc = frame_next(&remote->io, ret);

	if (rc == 0 && remote->ended)
		return fail_ended(remote, err);
	if (rc < 0) {
		error_set(err, ERROR_PROTOCOL, "the ssh worker for %s sent nonsense", remote->name);
		snprintf(err->code, sizeof(err->code), "WorkerDied");
		err->unknown = true;
		link_end(remote);
		return -1;
	}
	if (rc == 1 && ret->type == FRAME_FAIL) {
		frame_get_error(ret, err);
		link_end(remote);
		return -1;
	}
	return rc;
}

int link_open(struct remote *remote, enum frame_open how, const char *what, int64_t deadline,
	      struct error *err)
{
	struct buf body = BUF_INIT;
	struct frame frame;
	int rc = 0;

	wire_put_u8(&body, (uint8_t)how);
	wire_put_text(&body, what);
	frame_put(&remote->io, FRAME_OPEN, body.data, body.len);
	buf_release(&body);
	while (rc == 0) {
		rc = link_frame(remote, &frame, err);
		if (rc == 0)
			rc = link_step(remote, deadline, "start of a command", -1, NULL, err);
	}
	if (rc < 0)
		return -1;
	if (frame.type != FRAME_BEGUN) {
		link_end(remote);
		return error_set(err, ERROR_PROTOCOL, "the ssh worker for %s is out of step",
				 remote->name);
	}
	return 0;
}

/* RFC 4254, section 6.10, and what sshd sends beyond it. */
static int signal_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} known[] = { { "HUP", SIGHUP },   { "INT", SIGINT },	{ "QUIT", SIGQUIT },
		      { "ILL", SIGILL },   { "TRAP", SIGTRAP }, { "ABRT", SIGABRT },
		      { "BUS", SIGBUS },   { "FPE", SIGFPE },	{ "KILL", SIGKILL },
		      { "USR1", SIGUSR1 }, { "SEGV", SIGSEGV }, { "USR2", SIGUSR2 },
		      { "PIPE", SIGPIPE }, { "ALRM", SIGALRM }, { "TERM", SIGTERM },
		      { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ }, { "SYS", SIGSYS } };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i].name, name))
			return known[i].number;
	return 0;
}

int link_exit(const struct remote *remote, const struct frame *frame, struct remote_exit *ret,
	      struct error *err)
{
	struct wire wire = wire_of(frame->data, frame->len);
	bool known = wire_u8(&wire) != 0;
	uint32_t status = wire_u32(&wire);
	struct wire_str name = wire_string(&wire);
	struct remote_exit how = { .status = status <= 255 ? (int)status : 255 };

	if (frame->type != FRAME_EXIT || wire.bad)
		return error_set(err, ERROR_PROTOCOL, "the ssh worker for %s is out of step",
				 remote->name);
	if (!known) {
		error_set(err, ERROR_PROTOCOL, "%s closed the command without saying how it ended",
			  remote->name);
		snprintf(err->code, sizeof(err->code), "NoExitStatus");
		err->unknown = true;
		return -1;
	}
	/* Letters and digits only: it ends up on terminals. "SIG@openssh.com" is "some other". */
	for (size_t i = 0; i < name.len && i + 1 < sizeof(how.signal); i++) {
		char c = name.data[i];
		bool plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		how.signal[i] = plain ? c : '?';
	}
	how.code = name.len > 0 ? 128 + signal_number(how.signal) : how.status;
	*ret = how;
	return 0;
}
