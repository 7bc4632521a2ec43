/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One machine: a process that all others of the machine descend from, for ever ("init"). It runs as
 * the machine's user and owns nothing but what is below its folder. Shims signal it: USR1 powers
 * off, USR2 reboots. It ends when it powers off, or when the supervisor's end of its socket closes.
 */
#include "simulator/machine/guest.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"

#define TICK_MS 1000

static _Noreturn void halt(const struct guest *guest)
{
	console_add(guest->console, "[  OK  ] Reached target poweroff.target - System Power Off.\n"
				    "reboot: Power down");
	process_kill_children(NULL, 0);
	_exit(0);
}

/* Where time limits read how long the machine is up; "gpucloud-sim advance" moves it on. */
static void write_uptime(const struct guest *guest)
{
	int64_t up = clock_mono_ms(&clock_system) - guest->up_ms;
	char *path = xasprintf("%s/proc/uptime", guest->root);
	char *fresh = xasprintf("%s.new", path);
	char text[64];

	snprintf(text, sizeof(text), "%lld.%02lld 0.00\n", (long long)(up / 1000),
		 (long long)(up % 1000 / 10));
	if (guest_write(guest, fresh, text, strlen(text), 0444) == 0)
		rename(fresh, path);
	free(fresh);
	free(path);
}

static void start_worker(struct guest *guest, int (*work)(struct guest *guest))
{
	guest->worker = fork();
	if (guest->worker == 0) {
		prctl(PR_SET_NAME, "sim-boot");
		close(guest->control);
		close(guest->signals);
		_exit(work(guest));
	}
}

static void boot(struct guest *guest)
{
	guest->stage = GUEST_EARLY;
	guest->up_ms = clock_mono_ms(&clock_system);
	if (guest_make_disk(guest)) {
		guest->stage = GUEST_FAILED;
		return;
	}
	write_uptime(guest);
	start_worker(guest, guest_boot_early);
}

static void reboot_now(struct guest *guest)
{
	console_add(guest->console,
		    "[  OK  ] Reached target reboot.target - System Reboot.\nreboot: Restarting "
		    "system");
	guest->stage = GUEST_EARLY;
	guest_listen(guest);
	guest_cut_links(guest);
	process_kill_children(NULL, 0);
	guest->first = false;
	boot(guest);
}

static void worker_ended(struct guest *guest, int status)
{
	guest->worker = 0;
	if (guest->stage == GUEST_EARLY) {
		guest->stage =
			WIFEXITED(status) && WEXITSTATUS(status) == 0 ? GUEST_LATE : GUEST_FAILED;
		guest_listen(guest);
		if (guest->stage == GUEST_LATE)
			start_worker(guest, guest_boot_late);
	} else if (guest->stage == GUEST_LATE) {
		guest->stage = GUEST_UP;
	}
}

static void reap(struct guest *guest)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == guest->worker)
			worker_ended(guest, status);
		else
			guest_link_ended(guest, pid);
	}
}

static void take_signal(struct guest *guest)
{
	struct signalfd_siginfo info;

	if (read(guest->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap(guest);
	else if (info.ssi_signo == SIGUSR1)
		halt(guest);
	else if (info.ssi_signo == SIGUSR2)
		reboot_now(guest);
}

static void take_order(struct guest *guest)
{
	struct order order;
	ssize_t n = recv(guest->control, &order, sizeof(order), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(order)) { /* the supervisor has gone */
		process_kill_children(NULL, 0);
		_exit(0);
	}
	if (order.kind == ORDER_REBOOT) {
		reboot_now(guest);
	} else if (order.kind == ORDER_ADVANCE) {
		guest->up_ms -= order.ms;
		write_uptime(guest);
	} else if (order.kind == ORDER_ADMIT) {
		guest->order.guarded = order.guarded;
		guest->order.nr_admitted = order.nr_admitted;
		memcpy(guest->order.admitted, order.admitted, sizeof(order.admitted));
	} else if (order.kind == ORDER_FAULT) {
		guest->faults = order.faults & ~(unsigned)MACHINE_DISCONNECT;
		guest_listen(guest);
		if (order.faults & MACHINE_DISCONNECT)
			guest_cut_links(guest);
	}
}

static void serve(struct guest *guest)
{
	struct pollfd fds[3 + GUEST_LINKS_MAX];
	size_t nr_links = guest->nr_links;

	fds[0] = (struct pollfd){ .fd = guest->control, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = guest->signals, .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = guest->listener, .events = POLLIN };
	for (size_t i = 0; i < nr_links; i++)
		fds[3 + i] = (struct pollfd){ .fd = guest->links[i].pid ? -1 : guest->links[i].fd,
					      .events = POLLRDHUP };
	if (poll(fds, 3 + nr_links, TICK_MS) <= 0)
		return;
	for (size_t i = nr_links; i-- > 0;) {
		if (fds[3 + i].revents)
			guest_drop_link(guest, i);
	}
	if (fds[2].revents)
		guest_accept(guest);
	if (fds[1].revents)
		take_signal(guest);
	if (fds[0].revents)
		take_order(guest);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

_Noreturn void guest_run(const struct supervisor_config *config, const struct order *order,
			 bool first, int control)
{
	static struct guest guest;
	const char *rest = (const char *)(order + 1);

	guest = (struct guest){ .config = config,
				.order = *order,
				.first = first,
				.faults = order->faults,
				.control = control,
				.listener = -1 };
	guest.public_key = xstrndup(rest, order->key_len);
	guest.data = rest + order->key_len;
	guest.dir = xasprintf("%s/%s", config->base, order->id);
	guest.root = xasprintf("%s/root", guest.dir);
	guest.console = xasprintf("%s/console", guest.dir);
	guest.login = order->login[0] ? order->login : GUEST_LOGIN_USER;
	guest.home = strcmp(guest.login, "root") == 0
			     ? xasprintf("%s/root", guest.root)
			     : xasprintf("%s/home/%s", guest.root, guest.login);
	setsid();
	prctl(PR_SET_NAME, "sim-machine");
	process_reset();
	guest.signals = open_signals();
	if (process_drop(config->uid) || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) ||
	    guest.signals < 0)
		_exit(1);
	guest.env = guest_environment(&guest);
	boot(&guest);
	for (int64_t ticked = 0;;) {
		int64_t now = clock_mono_ms(&clock_system);

		if (now - ticked >= TICK_MS) {
			ticked = now;
			write_uptime(&guest);
			console_trim(guest.console);
		}
		serve(&guest);
	}
}
