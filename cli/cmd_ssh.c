/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpucloud ssh: log in. The host key is verified by gpucloud first; the terminal is then OpenSSH's
 * business, which is told to accept that key and no other.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/openssh.h"
#include "cli/reach.h"

/* Becomes OpenSSH; returns only where that fails. */
static int become_ssh(struct cli *cli, const struct reach *reach, int argc, const char **argv,
		      struct arena *arena)
{
	char **args;
	size_t nr;

	if (openssh_args(cli, reach->instance, reach->by_agent, (size_t)argc, arena, &args, &nr) <
	    0)
		return -1;
	for (int i = 0; i < argc; i++)
		args[nr + (size_t)i] = arena_strdup(arena, argv[i]);
	fflush(NULL);
	execvpe("ssh", args, openssh_environ(arena));
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
