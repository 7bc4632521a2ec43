/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command is. cli/commands.c lists them by hand; help, man page and dispatch are made from
 * that table.
 */
#ifndef GPUCLOUD_CLI_COMMAND_H
#define GPUCLOUD_CLI_COMMAND_H

#include <stddef.h>

#include "cli/cli.h"
#include "cli/opt.h"
#include "core/arena.h"

enum {
	/* Needs no settings, no folders, no locale: nothing is looked up before it runs. */
	COMMAND_BARE = 1 << 0,
	/* The top help only names it, so that it fits a screen; `help commands` has it all. */
	COMMAND_ALSO = 1 << 1,
};

#define COMMAND_ANY_ARGS (-1)

struct command {
	const char *name;
	const char *group;   /* heading in the top help; equal ones stand together in the table */
	const char *summary; /* one line, lower case, no full stop, at most 60 characters */
	const char *usage;   /* "gpucloud launch [options]" */
	const char *details; /* paragraphs, wrapped at 79 by hand, or NULL */
	const struct opt *opts;
	size_t args_size;     /* of the struct that opts fill; 0: none */
	/* The options of this one are taken too: its struct stands first in ours. NULL: none. */
	const struct command *like;
	const char *examples; /* lines "gpucloud ...", each ended by a newline */
	const char *exits;    /* "3 no such instance", ended by a newline each, or NULL */
	unsigned flags;
	int min_args, max_args; /* COMMAND_ANY_ARGS: no upper bound */
	int stop_after;		/* options end behind so many arguments; 0: they stand anywhere */

	/*
	 * args: the filled struct, zeroed before. argc, argv: what was no option. Returns the exit
	 * code, or -1 with cli->error filled in: it is printed and mapped to its code. Results go
	 * to cli->out, everything else through cli_note and friends.
	 */
	int (*run)(struct cli *cli, void *args, int argc, const char **argv);
};

/* Ends with NULL. */
extern const struct command *const commands[];

const struct command *command_find(const char *name);

/* The name in the table that was probably meant, or NULL. */
const char *command_suggest(const char *name);

/* ERROR_USAGE naming the nearest command. Returns -1. */
int command_unknown(const char *name, struct error *err);

extern const struct command cmd_exec, cmd_pull, cmd_push, cmd_selftest, cmd_ssh;
extern const struct command cmd_start, cmd_stop, cmd_sweep;
extern const struct command cmd_attach, cmd_cancel, cmd_logs, cmd_run;
extern const struct command cmd_ssh_config, cmd_top, cmd_tunnel;
extern const struct command cmd_hold, cmd_idle, cmd_reap;
extern const struct command cmd_cost, cmd_journal;
extern const struct command cmd_bid, cmd_doctor, cmd_help, cmd_history, cmd_launch, cmd_list,
	cmd_price, cmd_restart, cmd_show, cmd_terminate, cmd_version;

#endif
