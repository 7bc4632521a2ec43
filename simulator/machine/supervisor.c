/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that owns every machine of one simulator. Started as root it stays root, runs nothing
 * of any machine and reads nothing that a machine wrote: it only starts, signals and removes. A
 * machine's process may die without a word: what descended from it comes to us, and is ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "simulator/machine/guest.h"

struct running_guest {
	char id[MACHINE_ID_MAX];
	pid_t pid;
	int control;
};

struct supervisor {
	const struct supervisor_config *config;
	int fd, signals;
	struct running_guest *v;
	size_t nr, cap;
};

static struct running_guest *find(struct supervisor *sv, const char *id)
{
	for (size_t i = 0; i < sv->nr; i++) {
		if (strcmp(sv->v[i].id, id) == 0)
			return &sv->v[i];
	}
	return NULL;
}

/* Every process that is ours but no machine's init. */
static void end_orphans(const struct supervisor *sv)
{
	pid_t *keep = xcalloc(sv->nr + 1, sizeof(*keep));

	for (size_t i = 0; i < sv->nr; i++)
		keep[i] = sv->v[i].pid;
	process_kill_children(keep, sv->nr);
	free(keep);
}

static void forget(struct supervisor *sv, struct running_guest *guest)
{
	close(guest->control);
	*guest = sv->v[--sv->nr];
	end_orphans(sv);
}

static void off(struct supervisor *sv, const char *id)
{
	struct running_guest *guest = find(sv, id);

	if (!guest)
		return;
	kill(guest->pid, SIGKILL);
	waitpid(guest->pid, NULL, 0);
	forget(sv, guest);
}

static void remove_disk(const struct supervisor *sv, const char *id)
{
	char *dir = xasprintf("%s/%s", sv->config->base, id);

	tree_remove(dir);
	free(dir);
}

static void notify(const struct supervisor *sv, const char *id)
{
	struct notice notice = { .at_ms = clock_now_ms(&clock_system) };

	snprintf(notice.id, sizeof(notice.id), "%s", id);
	/* nobody listens: we are about to end as well */
	send(sv->fd, &notice, sizeof(notice), MSG_NOSIGNAL);
}

static void boot(struct supervisor *sv, const struct order *order)
{
	const struct supervisor_config *config = sv->config;
	char *dir = xasprintf("%s/%s", config->base, order->id);
	bool first = mkdir(dir, 0700) == 0;
	struct running_guest guest = { .pid = -1 };
	int pair[2];

	if (find(sv, order->id) || (!first && errno != EEXIST) ||
	    (first && getuid() == 0 && chown(dir, config->uid, config->uid)) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		free(dir);
		notify(sv, order->id);
		return;
	}
	snprintf(guest.id, sizeof(guest.id), "%s", order->id);
	guest.control = pair[0];
	guest.pid = fork();
	if (guest.pid == 0) {
		close(sv->fd);
		close(sv->signals);
		close(pair[0]);
		for (size_t i = 0; i < sv->nr; i++)
			close(sv->v[i].control);
		guest_run(config, order, first, pair[1]);
	}
	close(pair[1]);
	free(dir);
	if (guest.pid < 0) {
		close(pair[0]);
		notify(sv, order->id);
		return;
	}
	sv->v = xgrow(sv->v, sv->nr, &sv->cap, sizeof(*sv->v));
	sv->v[sv->nr++] = guest;
}

/* To that machine, or to all of them. */
static void pass_on(struct supervisor *sv, const struct order *order)
{
	for (size_t i = 0; i < sv->nr; i++) {
		if (!order->id[0] || strcmp(order->id, sv->v[i].id) == 0)
			send(sv->v[i].control, order, sizeof(*order), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void reap(struct supervisor *sv)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		for (size_t i = 0; i < sv->nr; i++) {
			if (sv->v[i].pid == pid) {
				char id[MACHINE_ID_MAX];

				memcpy(id, sv->v[i].id, sizeof(id));
				forget(sv, &sv->v[i]);
				notify(sv, id);
				break;
			}
		}
	}
}

static _Noreturn void end_all(struct supervisor *sv)
{
	while (sv->nr > 0)
		off(sv, sv->v[0].id);
	end_orphans(sv);
	tree_remove(sv->config->base);
	_exit(0);
}

/* False: the simulator has gone. */
static bool take_order(struct supervisor *sv)
{
	static union {
		struct order order;
		char bytes[sizeof(struct order) + ORDER_DATA_MAX];
	} in;
	struct order *order = &in.order;
	ssize_t n = recv(sv->fd, in.bytes, sizeof(in.bytes), 0);

	if (n < 0 && errno == EINTR)
		return true;
	if (n < (ssize_t)sizeof(*order) ||
	    (size_t)n != sizeof(*order) + order->key_len + order->data_len)
		return false;
	switch ((enum order_kind)order->kind) {
	case ORDER_BOOT:
		boot(sv, order);
		break;
	case ORDER_HALT:
		off(sv, order->id);
		break;
	case ORDER_END:
		off(sv, order->id);
		remove_disk(sv, order->id);
		break;
	case ORDER_REBOOT:
	case ORDER_FAULT:
	case ORDER_ADVANCE:
	case ORDER_ADMIT:
		pass_on(sv, order);
		break;
	}
	return true;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM); /* whoever means the simulator sends it that, and it tells us */
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

_Noreturn void supervisor_run(const struct supervisor_config *config, int fd)
{
	struct supervisor sv = { .config = config, .fd = fd };
	struct signalfd_siginfo info;
	struct pollfd fds[2];

	setsid();
	prctl(PR_SET_NAME, "sim-machines");
	process_reset();
	sv.signals = open_signals();
	if (sv.signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) || chdir("/"))
		_exit(1);
	for (;;) {
		fds[0] = (struct pollfd){ .fd = sv.fd, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = sv.signals, .events = POLLIN };
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && read(sv.signals, &info, sizeof(info)) == sizeof(info) &&
		    info.ssi_signo == SIGCHLD)
			reap(&sv);
		if (fds[0].revents && !take_order(&sv))
			end_all(&sv);
	}
}
