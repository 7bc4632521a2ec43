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

/*
 * "KEY=PATH" as OpenSSH reads an option: quoted, for it splits at blanks; each sign doubled that
 * would stand for something else. A "${" cannot be written at all.
 */
static int path_option(struct arena *arena, const char *key, const char *path, const char **ret,
		       struct error *err)
{
	struct buf text = BUF_INIT;

	if (strstr(path, "${") || strpbrk(path, "\r\n"))
		return error_set(err, ERROR_CONFIG, "OpenSSH cannot be told of the file '%s'",
				 path);
	buf_addf(&text, "%s=\"", key);
	for (const char *p = path; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_addch(&text, '\\');
		else if (*p == '%')
			buf_addch(&text, '%');
		buf_addch(&text, *p);
	}
	buf_addch(&text, '"');
	*ret = arena_strdup(arena, text.data);
	buf_release(&text);
	return 0;
}

/* Becomes OpenSSH; returns only where that fails. */
static int become_ssh(struct cli *cli, const struct reach *reach, int argc, const char **argv,
		      struct arena *arena)
{
	const struct instance *instance = reach->instance;
	const char *user = settings_get(cli->settings, "ssh_user");
	const char *known, *known_option, *key_option;
	uint16_t port;

	if (machine_port(cli->settings, &port, &cli->error) < 0 ||
	    write_known_hosts(cli, instance, arena, &known) < 0 ||
	    path_option(arena, "UserKnownHostsFile", known, &known_option, &cli->error) < 0 ||
	    path_option(arena, "IdentityFile",
			arena_printf(arena, "%s/id_ed25519", cli->paths.data), &key_option,
			&cli->error) < 0)
		return -1;
	const char *fixed[] = {
		"ssh",
		"-F",
		"none",
		"-p",
		arena_printf(arena, "%u", port),
		"-o",
		key_option,
		"-o",
		/* sshd hangs up after six keys: an agent may hold more, and ours comes last */
		reach->by_agent ? "IdentitiesOnly=no" : "IdentitiesOnly=yes",
		"-o",
		known_option,
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
		reach.by_agent = reach.machine.by_agent;
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
	.usage = "gpucloud ssh NAME|ID [SSH-OPTION...] [COMMAND...]",
	.details =
		"gpucloud verifies the machine by its instance id, then hands over to OpenSSH's\n"
		"ssh, which accepts that key and no other. What stands behind NAME is ssh's own.",
	.examples = "gpucloud ssh train\n"
		    "gpucloud ssh train ls -la\n"
		    "gpucloud ssh train -L 8888:localhost:8888\n",
	.exits = "125 gpucloud itself failed; 130 interrupted; 255 is ssh's own failure\n",
	.min_args = 1,
	.max_args = COMMAND_ANY_ARGS,
	.stop_after = 1,
	.run = ssh_run,
};
