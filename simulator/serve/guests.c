/* SPDX-License-Identifier: Apache-2.0 */
/* What instances run: the model's hooks on one side, simulator/machine on the other. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "simulator/cloud/cloud.h"
#include "simulator/machine/machine.h"
#include "simulator/serve/server_internal.h"

#define PULSE_MS 100

static void translate(const struct cloud_admit *v, size_t nr, struct machine_admit *ret)
{
	for (size_t i = 0; i < nr; i++)
		ret[i] = (struct machine_admit){ v[i].from, v[i].to, v[i].cidr };
}

static void boot(void *ctx, const struct cloud_boot *boot, char *address)
{
	struct machine_admit admits[CLOUD_ADMITS_MAX];
	const struct machine_boot machine = { .id = boot->id,
					      .gpu = boot->gpu,
					      .gpus = boot->gpus,
					      .gpu_mem_mib = boot->gpu_mem_mib,
					      .user_data = boot->user_data,
					      .len = boot->len,
					      .public_key = boot->public_key,
					      .login = boot->login,
					      .guarded = true,
					      .admits = admits,
					      .nr_admits = boot->nr_admits };

	translate(boot->admits, boot->nr_admits, admits);
	machines_boot(ctx, &machine, address);
}

static void reboot_one(void *ctx, const char *id)
{
	machines_reboot(ctx, id);
}

static void halt(void *ctx, const char *id)
{
	machines_halt(ctx, id);
}

static void end(void *ctx, const char *id)
{
	machines_end(ctx, id);
}

static void console(void *ctx, const char *id, struct buf *out)
{
	machines_console(ctx, id, out);
}

static void admit(void *ctx, const char *id, const struct cloud_admit *v, size_t nr)
{
	struct machine_admit admits[CLOUD_ADMITS_MAX];

	translate(v, nr, admits);
	machines_admit(ctx, id, admits, nr);
}

int guests_start(struct server *server, const struct server_config *config, struct error *err)
{
	const struct machines_config machines = { .kind = config->machines,
						  .link = config->machines_link,
						  .fake_gpu = config->fake_gpu,
						  .faults = config->machine_faults,
						  .addresses = config->machine_addresses };

	if (machines_start(&machines, &server->machines, err))
		return -1;
	server->machine_ops = (struct cloud_machines){ .ctx = server->machines,
						       .boot = boot,
						       .reboot = reboot_one,
						       .halt = halt,
						       .end = end,
						       .console = console,
						       .admit = admit };
	server->facts.machines = config->machines;
	server->facts.ssh_port = machines_port(server->machines);
	return 0;
}

void guests_notice(struct server *server)
{
	char id[MACHINE_ID_MAX];
	int64_t at_ms;

	while (machines_next_off(server->machines, id, &at_ms)) {
		cloud_advance(server->cloud, at_ms + server->offset_ms);
		cloud_machine_off(server->cloud, id);
	}
}

static void *pulse(void *ctx)
{
	struct server *server = ctx;
	struct pollfd fd = { .fd = -1, .events = POLLIN };
	bool stopping = false;

	while (!stopping) {
		poll(&fd, 1, PULSE_MS);
		pthread_mutex_lock(&server->lock);
		stopping = server->stopping;
		if (!stopping)
			server_advance(server);
		fd.fd = machines_fd(server->machines);
		pthread_mutex_unlock(&server->lock);
	}
	return NULL;
}

void guests_pulse(struct server *server)
{
	if (server->facts.machines == MACHINE_SSHD)
		server->has_pulse = pthread_create(&server->pulse, NULL, pulse, server) == 0;
}

void guests_stop(struct server *server)
{
	if (server->has_pulse)
		pthread_join(server->pulse, NULL);
	machines_free(server->machines);
}
