/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud-sim start: in the foreground until a signal, or detached and known to answer. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "simulator/commands.h"
#include "simulator/options.h"
#include "simulator/serve/admin_client.h"
#include "simulator/serve/runtime.h"
#include "simulator/serve/server.h"

/* Any thread may ask for the end; the main thread waits for this signal. */
static void ask_to_end(void *ctx)
{
	(void)ctx;
	kill(getpid(), SIGTERM);
}

static void end_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

static void announce(const char *endpoint, enum machine_kind machines, uint16_t ssh_port)
{
	printf("gpucloud-sim: a simulated cloud; no real machine, no real money\n"
	       "endpoint: %s\n"
	       "try: gpucloud --profile sim list\n",
	       endpoint);
	if (machines == MACHINE_SSHD)
		printf("machines: sshd, on this computer; SSH is port %u of their addresses\n",
		       ssh_port);
	else if (machines == MACHINE_FAKE)
		puts("machines: fake, nobody can log in (sshd machines need openssh-server and "
		     "libnss-wrapper)");
	else
		puts("machines: none, instances are a state only");
	fflush(stdout);
}

/* The fake GPU driver lies beside this program, or where it was installed; NULL: nowhere. */
static char *find_fake_gpu(void)
{
	static const char *const places[] = { "gpu-selftest-fake", GPUCLOUD_FAKE_GPU };
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char *folder = xasprintf("%s/%s", exe, places[i]);
		char *library = xasprintf("%s/libcuda.so.1", folder);
		bool there = access(library, R_OK) == 0;

		free(library);
		if (there)
			return folder;
		free(folder);
	}
	return NULL;
}

static int publish(const struct runtime *runtime, const struct server_facts *facts,
		   struct error *err)
{
	const char *ps = facts->paperspace_key, *ps_read = facts->paperspace_read_key;
	const char *ocean = facts->digitalocean_token, *ocean_read = facts->digitalocean_read_token;
	const struct running running = { .pid = getpid(),
					 .endpoint = xstrdup(facts->endpoint),
					 .ca_bundle = xstrdup(runtime->ca),
					 .access_key_id = xstrdup(facts->access_key),
					 .secret_access_key = xstrdup(facts->secret_key),
					 .region = xstrdup(facts->region),
					 .paperspace_api_key = xstrdup(ps),
					 .paperspace_read_key = xstrdup(ps_read),
					 .digitalocean_token = xstrdup(ocean),
					 .digitalocean_read_token = xstrdup(ocean_read),
					 .admin_token = xstrdup(facts->admin_token),
					 .started = facts->started,
					 .machines = facts->machines,
					 .ssh_port = facts->ssh_port };
	struct running mine = running;
	int rc = runtime_write(runtime, &mine, facts->ca_pem, facts->ca_len, err);

	running_release(&mine);
	return rc;
}

/* Runs until it is told to end. ready() is called once it can be found and answers. */
static int serve(const struct options *options,
		 void (*ready)(void *ctx, const struct server_facts *facts), void *ctx,
		 struct error *err)
{
	struct server_config config = options->server;
	struct runtime runtime = { .lock_fd = -1 };
	struct server *server = NULL;
	char *fake_gpu = find_fake_gpu();
	sigset_t set;
	int rc, signo;

	end_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	config.stop = ask_to_end;
	runtime_find(&runtime);
	rc = runtime_claim(&runtime, err);
	config.machines_link = runtime.machines;
	config.fake_gpu = fake_gpu;
	if (rc == 0)
		rc = server_start(&config, &server, err);
	if (rc == 0)
		rc = publish(&runtime, server_facts(server), err);
	if (rc == 0) {
		ready(ctx, server_facts(server));
		while (sigwait(&set, &signo))
			;
	}
	server_free(server);
	runtime_leave(&runtime);
	runtime_release(&runtime);
	free(fake_gpu);
	return rc;
}

static void ready_in_front(void *ctx, const struct server_facts *facts)
{
	(void)ctx;
	announce(facts->endpoint, facts->machines, facts->ssh_port);
}

/* --- detached ------------------------------------------------------------------------------- */

/* Over a pipe to the parent: one byte, then the error. */
struct verdict {
	char ok;
	struct error err;
};

static void tell(int fd, const struct verdict *verdict)
{
	ssize_t n;

	do {
		n = write(fd, verdict, sizeof(*verdict));
	} while (n < 0 && errno == EINTR);
	close(fd);
}

/* The terminal, and pipes of whoever started us, are let go. */
static void let_go(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	for (int i = 0; i <= 2; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
	if (chdir("/"))
		return;
}

static void ready_behind(void *ctx, const struct server_facts *facts)
{
	struct verdict verdict = { .ok = 1 };

	(void)facts;
	let_go();
	tell(*(int *)ctx, &verdict);
}

static int child(const struct options *options, int fd)
{
	struct verdict verdict = { .ok = 0 };

	setsid();
	if (serve(options, ready_behind, &fd, &verdict.err)) {
		tell(fd, &verdict);
		return 1;
	}
	return 0;
}

/* The child's word, or that it died without one. */
static int hear(int fd, struct error *err)
{
	struct verdict verdict = { .ok = 0 };
	size_t got = 0;

	while (got < sizeof(verdict)) {
		ssize_t n = read(fd, (char *)&verdict + got, sizeof(verdict) - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(err, ERROR_IO, "the simulator ended while it started");
		got += (size_t)n;
	}
	if (verdict.ok)
		return 0;
	*err = verdict.err;
	return -1;
}

/* Listening is not yet answering: ask once, over TLS, as a client would. */
static int confirm(struct error *err)
{
	struct runtime runtime = { .lock_fd = -1 };
	struct running running = { 0 };
	struct buf reply = BUF_INIT;
	int rc;

	runtime_find(&runtime);
	rc = runtime_read(&runtime, &running, err);
	if (rc == 0)
		rc = admin_ask(&running, "GET", "status", NULL, &reply, err);
	if (rc == 0)
		announce(running.endpoint, running.machines, running.ssh_port);
	buf_release(&reply);
	running_release(&running);
	runtime_release(&runtime);
	return rc;
}

static int detach(const struct options *options, struct error *err)
{
	int fds[2], rc;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return error_errno(err, ERROR_IO, "cannot make a pipe");
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return error_errno(err, ERROR_IO, "cannot start a process");
	}
	if (pid == 0) {
		close(fds[0]);
		exit(child(options, fds[1]));
	}
	close(fds[1]);
	rc = hear(fds[0], err);
	close(fds[0]);
	if (rc) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return -1;
	}
	return confirm(err);
}

int command_start(const struct options *options, struct error *err)
{
	return options->detach ? detach(options, err) : serve(options, ready_in_front, NULL, err);
}
