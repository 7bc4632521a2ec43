/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpucloud tunnel: a port of the machine on this computer, for RStudio and Jupyter, through SSH and
 * open to nobody else. OpenSSH forwards; here is the verified host key, a free port, and connecting
 * again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/openssh.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/reach.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/mem.h"

#define PORTS_MAX  16
#define AGAIN_S	   120
#define STEADY_MS  10000 /* what held so long was a connection; what did not is a failure */
#define TRIES_MOST 5
#define POLL_MS	   100
#define LISTEN_MS  10000

struct forward {
	uint16_t local, remote;
	bool chosen; /* the local port was named */
};

struct tunnel {
	struct cli *cli;
	struct reach reach;
	struct forward v[PORTS_MAX];
	size_t nr;
};

static int read_port(struct cli *cli, const char *text, size_t len, uint16_t *ret)
{
	unsigned port = 0;

	for (size_t i = 0; i < len && len <= 5; i++)
		port = text[i] >= '0' && text[i] <= '9' ? port * 10 + (unsigned)(text[i] - '0')
							: 100000;
	if (port < 1 || port > 65535)
		return cli_usage(cli, "'%.40s' is no PORT or LOCAL:PORT", text);
	*ret = (uint16_t)port;
	return 0;
}

/* "8787", "9000:8787" */
static int read_forward(struct cli *cli, const char *text, struct forward *ret)
{
	const char *colon = strchr(text, ':');
	const char *remote = colon ? colon + 1 : text;

	ret->chosen = colon != NULL;
	if (read_port(cli, remote, strlen(remote), &ret->remote) < 0)
		return -1;
	ret->local = ret->remote;
	return colon ? read_port(cli, text, (size_t)(colon - text), &ret->local) : 0;
}

/* Binds 127.0.0.1 for a moment; port 0: any. The port, or 0 where it is taken. */
static uint16_t free_port(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	uint16_t ret = 0;

	if (fd < 0)
		return 0;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)); /* as ssh does */
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&at, &len) == 0)
		ret = ntohs(at.sin_port);
	close(fd);
	return ret;
}

static int choose_ports(struct tunnel *tunnel)
{
	struct cli *cli = tunnel->cli;

	for (size_t i = 0; i < tunnel->nr; i++) {
		struct forward *forward = &tunnel->v[i];
		bool twice = false;

		for (size_t j = 0; j < i; j++)
			twice = twice || tunnel->v[j].local == forward->local;
		if (!twice && free_port(forward->local))
			continue;
		if (forward->chosen) {
			error_set(&cli->error, ERROR_CONFLICT, "port %u is taken on this computer",
				  forward->local);
			return error_hint(&cli->error, "leave out '%u:': a free one is then chosen",
					  forward->local);
		}
		forward->local = free_port(0);
		if (!forward->local)
			return error_errno(&cli->error, ERROR_IO, "no free port");
	}
	return 0;
}

/* Does anything answer there yet? Only a hint: it may start later. */
static void tell_silent(struct tunnel *tunnel)
{
	struct buf command = BUF_INIT, out = BUF_INIT_MAX(256);
	struct remote_exit ended;
	struct error ignored = ERROR_INIT;

	for (size_t i = 0; i < tunnel->nr; i++) {
		buf_clear(&command);
		buf_clear(&out);
		/* bash's own way to connect; a shell without it says nothing */
		buf_addf(&command,
			 "command -v bash >/dev/null || exit 9; "
			 "bash -c 'exec 3<>/dev/tcp/127.0.0.1/%u' 2>/dev/null || exit 8",
			 tunnel->v[i].remote);
		if (machine_output(&tunnel->reach.machine, command.data, LISTEN_MS, &out, &ended,
				   &ignored) == 0 &&
		    ended.code == 8)
			cli_note(tunnel->cli,
				 "nothing listens on the machine's port %u yet; the tunnel works "
				 "once something does",
				 tunnel->v[i].remote);
	}
	buf_release(&command);
	buf_release(&out);
}

static void tell(struct tunnel *tunnel)
{
	const struct instance *instance = tunnel->reach.instance;
	const char *name = instance->name[0] ? instance->name : instance->id;
	cJSON *object = cJSON_CreateObject(), *array = cJSON_AddArrayToObject(object, "ports");

	for (size_t i = 0; i < tunnel->nr; i++) {
		const struct forward *forward = &tunnel->v[i];
		cJSON *one = cJSON_CreateObject();

		cJSON_AddNumberToObject(one, "local", forward->local);
		cJSON_AddNumberToObject(one, "remote", forward->remote);
		cJSON_AddItemToArray(array, one);
		if (!tunnel->cli->json)
			cli_line(tunnel->cli, "http://127.0.0.1:%u is port %u of %s",
				 forward->local, forward->remote, name);
	}
	cJSON_AddStringToObject(object, "instance", instance->id);
	if (tunnel->cli->json) {
		cli_json_print(tunnel->cli, object);
	} else {
		cJSON_Delete(object);
		cli_note(tunnel->cli, "for this computer alone; Ctrl-C closes it");
	}
	fflush(tunnel->cli->out);
}

/* Starts ssh; the pid, or -1. */
static pid_t start_ssh(struct tunnel *tunnel)
{
	struct cli *cli = tunnel->cli;
	struct arena arena = { 0 };
	char **args;
	size_t nr;
	pid_t pid = -1;

	if (openssh_args(cli, tunnel->reach.instance, tunnel->reach.by_agent, 0, &arena, &args,
			 &nr) == 0) {
		char **all = arena_alloc(&arena, (nr + 2 * tunnel->nr + 8) * sizeof(*all));
		size_t n = 0;

		/* the destination comes last: what stands behind it would be a command */
		for (size_t i = 0; i + 1 < nr; i++)
			all[n++] = args[i];
		all[n++] = arena_strdup(&arena, "-NTo");
		all[n++] = arena_strdup(&arena, "ExitOnForwardFailure=yes");
		for (size_t i = 0; i < tunnel->nr; i++) {
			all[n++] = arena_strdup(&arena, "-L");
			all[n++] = arena_printf(&arena, "127.0.0.1:%u:127.0.0.1:%u",
						tunnel->v[i].local, tunnel->v[i].remote);
		}
		all[n++] = args[nr - 1];
		all[n] = NULL;
		char **environment = openssh_environ(&arena);
		const pid_t parent = getpid();

		pid = fork();
		if (pid == 0) {
			/* Whatever ends us ends it too: it would hold the ports. */
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			if (getppid() != parent)
				_exit(1);
			execvpe("ssh", all, environment);
			fprintf(stderr, "gpucloud: cannot start OpenSSH's ssh: %s\n",
				strerror(errno));
			_exit(127);
		}
		if (pid < 0)
			error_errno(&cli->error, ERROR_IO, "cannot start OpenSSH's ssh");
	}
	arena_release(&arena);
	return pid;
}

/* Until it ends, or we are asked to. How long it held, in ms. */
static int64_t wait_ssh(pid_t pid)
{
	int64_t start = clock_mono_ms(&clock_system);
	bool asked = false;
	int status;

	for (;;) {
		pid_t done = waitpid(pid, &status, asked ? 0 : WNOHANG);

		if (done == pid || (done < 0 && errno != EINTR))
			break;
		if (interrupted() && !asked) {
			kill(pid, SIGTERM);
			asked = true;
		} else if (!asked) {
			clock_sleep_ms(&clock_system, POLL_MS);
		}
	}
	return clock_mono_ms(&clock_system) - start;
}

static int hold_open(struct tunnel *tunnel)
{
	struct cli *cli = tunnel->cli;

	for (int tries = 1;; tries++) {
		pid_t pid = start_ssh(tunnel);

		if (pid < 0)
			return -1;
		int64_t held = wait_ssh(pid);
		if (interrupted())
			return 0;
		if (held >= STEADY_MS)
			tries = 0;
		else if (tries >= TRIES_MOST)
			return error_set(&cli->error, ERROR_NETWORK,
					 "the tunnel did not hold: ssh ended %d times at once",
					 tries);
		cli_note(cli, "the tunnel was cut; opening it again");
		if (reach_again(cli, &tunnel->reach, AGAIN_S) < 0)
			return interrupted() ? 0 : -1;
		machine_close(&tunnel->reach.machine);
	}
}

static int tunnel_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct tunnel tunnel = { .cli = cli };

	(void)data;
	if (argc - 1 > PORTS_MAX)
		return cli_usage(cli, "at most %d ports at once", PORTS_MAX);
	for (int i = 1; i < argc; i++)
		if (read_forward(cli, argv[i], &tunnel.v[tunnel.nr++]) < 0)
			return -1;
	int rc = reach_open(cli, argv[0], &tunnel.reach);
	if (rc == 0)
		rc = choose_ports(&tunnel);
	if (rc == 0) {
		tell_silent(&tunnel);
		tunnel.reach.by_agent = tunnel.reach.machine.by_agent;
		machine_close(&tunnel.reach.machine);
		tell(&tunnel);
		rc = hold_open(&tunnel);
	}
	reach_close(&tunnel.reach);
	return rc;
}

const struct command cmd_tunnel = {
	.name = "tunnel",
	.group = "Use",
	.summary = "a port of the machine, here: RStudio, Jupyter, TensorBoard",
	.usage = "gpucloud tunnel NAME|ID [LOCAL:]PORT...",
	.details =
		"PORT of 127.0.0.1 on the machine appears on 127.0.0.1 here, through\n"
		"SSH, its host key verified. No port is opened to the world. Where that port is\n"
		"taken here, another one is chosen and told. Connects again when it is cut.",
	.examples = "gpucloud tunnel train 8787\n"
		    "gpucloud tunnel train 9000:8888 6006\n",
	.flags = COMMAND_ALSO,
	.min_args = 2,
	.max_args = COMMAND_ANY_ARGS,
	.run = tunnel_run,
};
