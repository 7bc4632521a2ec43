/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpucloud ssh: log in. The host key is verified by gpucloud first; the terminal is then OpenSSH's
 * business, which is told to accept that key and no other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/reach.h"
#include "core/buf.h"
#include "core/file.h"
#include "core/mem.h"
#include "fleet/hostkeys.h"

/* The keys recorded for the instance, under its id: addresses are used again by other machines. */
static int write_known_hosts(struct cli *cli, const struct instance *instance, struct arena *arena,
			     const char **ret)
{
	struct buf text = BUF_INIT_MAX((size_t)64 << 10);
	const char *const *lines;
	size_t nr;
	int rc = hostkeys_known(&cli->paths, instance->id, arena, &lines, &nr, &cli->error);

	for (size_t i = 0; rc == 0 && i < nr; i++)
		buf_addf(&text, "%s %s\n", instance->id, lines[i]);
	const char *dir = arena_printf(arena, "%s/known_hosts", cli->paths.data);
	*ret = arena_printf(arena, "%s/%s", dir, instance->id);
	if (rc == 0)
		rc = dir_make(dir, &cli->error);
	if (rc == 0)
		rc = file_write(*ret, text.data, text.len, 0600, &cli->error);
	buf_release(&text);
	return rc;
}

/* OpenSSH has no use for the cloud's credentials, and what it starts could read them. */
static void drop_credentials(void)
{
	static const char *const names[] = {
		"AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN",
		"AWS_SECURITY_TOKEN",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unsetenv(names[i]);
}

/* Becomes OpenSSH; returns only where that fails. */
static int become_ssh(struct cli *cli, const struct reach *reach, int argc, const char **argv,
		      struct arena *arena)
{
	const struct instance *instance = reach->instance;
	const char *user = settings_get(cli->settings, "ssh_user");
	const char *port = settings_get(cli->settings, "ssh_port");
	const char *known;

	if (write_known_hosts(cli, instance, arena, &known) < 0)
		return -1;
	const char *fixed[] = {
		"ssh",
		"-F",
		"none",
		"-p",
		port ? port : "22",
		"-i",
		arena_printf(arena, "%s/id_ed25519", cli->paths.data),
		"-o",
		arena_printf(arena, "UserKnownHostsFile=%s", known),
		"-o",
		"GlobalKnownHostsFile=none",
		"-o",
		"StrictHostKeyChecking=yes",
		"-o",
		arena_printf(arena, "HostKeyAlias=%s", instance->id),
		"-o",
		"HostKeyAlgorithms=ssh-ed25519",
		"-o",
		"ForwardAgent=no",
		"-o",
		"ServerAliveInterval=30",
		arena_printf(arena, "%s@%s", user ? user : "ubuntu", instance->public_ip),
	};
	size_t nr = sizeof(fixed) / sizeof(fixed[0]);
	char **args = arena_alloc(arena, (nr + (size_t)argc + 1) * sizeof(*args));
	for (size_t i = 0; i < nr; i++)
		args[i] = arena_strdup(arena, fixed[i]);
	for (int i = 0; i < argc; i++)
		args[nr + (size_t)i] = arena_strdup(arena, argv[i]);
	fflush(NULL);
	drop_credentials();
	execvp("ssh", args);
	error_errno(&cli->error, ERROR_CONFIG, "cannot start OpenSSH's ssh");
	return error_hint(&cli->error, "apt-get install openssh-client");
}

static int ssh_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct reach reach = { 0 };
	struct arena arena = { 0 };
	int rc = reach_open(cli, argv[0], &reach);

	(void)data;
	if (rc == 0) {
		machine_close(&reach.machine);
		rc = become_ssh(cli, &reach, argc - 1, argv + 1, &arena);
	}
	arena_release(&arena);
	reach_close(&reach);
	return reach_end(cli, rc);
}

const struct command cmd_ssh = {
	.name = "ssh",
	.group = "Use",
	.summary = "log in to an instance, its host key verified",
	.usage = "gpucloud ssh NAME|ID [COMMAND...]",
	.details =
		"gpucloud verifies the machine by its instance id, then hands over to OpenSSH's\n"
		"ssh, which accepts that key and no other.",
	.examples = "gpucloud ssh train\n"
		    "gpucloud ssh train nvidia-smi\n",
	.exits = "125 gpucloud itself failed; 255 is ssh's own failure\n",
	.min_args = 1,
	.max_args = COMMAND_ANY_ARGS,
	.run = ssh_run,
};
