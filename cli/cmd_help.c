/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/command.h"
#include "cli/help.h"

struct help_args {
	bool list, man;
};

static const struct opt help_opts[] = {
	OPT_FLAG_AT(0, "list", struct help_args, list, "print the names of the commands"),
	OPT_FLAG_AT(0, "man", struct help_args, man, "print the man page in mdoc"),
	OPT_END,
};

static int run_help(struct cli *cli, void *args, int argc, const char **argv)
{
	const struct help_args *help = args;

	if (help->list || help->man) {
		if (help->list)
			help_list(cli->out);
		else
			help_man(cli->out);
		return 0;
	}
	if (argc == 0) {
		help_top(cli->out);
		return 0;
	}
	for (const struct help_topic *topic = help_topics; topic->name; topic++) {
		if (strcmp(argv[0], topic->name) != 0)
			continue;
		topic->print(cli->out);
		return 0;
	}
	const struct command *command = command_find(argv[0]);
	if (!command)
		return command_unknown(argv[0], &cli->error);
	help_command(cli->out, command);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.group = "Help",
	.summary = "explain a command or a topic",
	.usage = "gpucloud help [COMMAND | TOPIC]",
	.details = "Topics are options, config, environment and exit-codes.\n",
	.opts = help_opts,
	.args_size = sizeof(struct help_args),
	.examples = "gpucloud help\n"
		    "gpucloud help exit-codes\n"
		    "gpucloud help --man | man -l -\n",
	.flags = COMMAND_BARE | COMMAND_ALSO,
	.max_args = 1,
	.run = run_help,
};
