/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's listener: one "sshd -i" for each connection, as inetd would do it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/mem.h"
#include "simulator/machine/guest.h"

#define BACKLOG 128

static int open_listener(const struct guest *guest)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(guest->config->port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0)
		return -1;
	/* connections of a machine that was there before may linger in TIME_WAIT */
	if (inet_pton(AF_INET, guest->order.address, &address.sin_addr) != 1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, BACKLOG)) {
		console_add(guest->console, "gpucloud-sim: cannot listen on %s port %u: %s",
			    guest->order.address, guest->config->port, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

int guest_listen(struct guest *guest)
{
	bool wanted = (guest->stage == GUEST_LATE || guest->stage == GUEST_UP) &&
		      !(guest->faults & MACHINE_REFUSE);

	if (!wanted && guest->listener >= 0) {
		close(guest->listener);
		guest->listener = -1;
	} else if (wanted && guest->listener < 0) {
		guest->listener = open_listener(guest);
	}
	return wanted && guest->listener < 0 ? -1 : 0;
}

static _Noreturn void become_sshd(const struct guest *guest, int fd)
{
	const char *key = guest->faults & MACHINE_SWAP_HOST_KEY ? "other_key" : "host_key";
	char *config = xasprintf("%s/sshd/sshd_config", guest->dir);
	char *log = xasprintf("%s/sshd/auth.log", guest->dir);
	char *option = xasprintf("HostKey=%s/sshd/%s", guest->dir, key);
	int null = open("/dev/null", O_RDWR);

	process_reset();
	setsid();
	if (null < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(null, 2) < 0)
		_exit(126);
	close_range(3, ~0U, 0);
	execle(SSHD_PATH, "sshd", "-i", "-f", config, "-E", log, "-o", option, (char *)NULL,
	       guest->env);
	_exit(127);
}

/* In place of the machine's own key; made when it is first needed. */
static bool other_key(const struct guest *guest)
{
	char *path = xasprintf("%s/sshd/other_key", guest->dir);
	bool there = access(path, F_OK) == 0;

	if (!there)
		there = guest_exec(guest, (const char *const[]){ KEYGEN_PATH, "-q", "-t", "ed25519",
								 "-N", "", "-f", path, NULL }) == 0;
	free(path);
	return there;
}

void guest_accept(struct guest *guest)
{
	struct guest_link link = { .pid = 0 };
	struct sockaddr_in peer = { .sin_family = AF_INET };
	socklen_t len = sizeof(peer);
	int flags;

	link.fd = accept4(guest->listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
	if (link.fd < 0)
		return;
	flags = fcntl(link.fd, F_GETFL);
	fcntl(link.fd, F_SETFL, flags & ~O_NONBLOCK);
	if (guest->nr_links == GUEST_LINKS_MAX ||
	    ((guest->faults & MACHINE_SWAP_HOST_KEY) && !other_key(guest))) {
		close(link.fd);
		return;
	}
	/* A security group says nothing to whom it does not let in: it drops. */
	if (!(guest->faults & MACHINE_HANG) &&
	    admit_has(&guest->order, ntohl(peer.sin_addr.s_addr))) {
		link.pid = fork();
		if (link.pid == 0)
			become_sshd(guest, link.fd);
		if (link.pid < 0) {
			close(link.fd);
			return;
		}
	}
	guest->links[guest->nr_links++] = link;
}

void guest_drop_link(struct guest *guest, size_t i)
{
	close(guest->links[i].fd);
	guest->links[i] = guest->links[--guest->nr_links];
}

void guest_link_ended(struct guest *guest, pid_t pid)
{
	for (size_t i = 0; i < guest->nr_links; i++) {
		if (guest->links[i].pid == pid) {
			guest_drop_link(guest, i);
			return;
		}
	}
}

/* Whoever else holds the socket, in whatever process: it is closed for all. */
void guest_cut_links(struct guest *guest)
{
	while (guest->nr_links > 0) {
		struct guest_link *link = &guest->links[guest->nr_links - 1];

		shutdown(link->fd, SHUT_RDWR);
		if (link->pid > 0)
			kill(link->pid, SIGKILL);
		guest_drop_link(guest, guest->nr_links - 1);
	}
}
