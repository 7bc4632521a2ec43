/* SPDX-License-Identifier: Apache-2.0 */
/* What a command is, and what it is given. Commands are listed by hand in commands.c. */
#ifndef GPUCLOUD_CLI_COMMAND_H
#define GPUCLOUD_CLI_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/opt.h"
#include "core/error.h"
#include "core/settings.h"

/* Global values, filled by main() before a command runs. */
struct cli {
	FILE *out, *err;
	bool json, quiet, yes, dry_run;
	int verbose;
	bool out_tty, err_tty;       /* each stream by itself */
	bool out_colour, err_colour;
	bool utf8;                   /* the locale shows UTF-8 */
	struct settings *settings;   /* flags set; the profile is loaded by cli_open_fleet() */
	struct paths paths;
	const struct command *command;
};

/* Documented in `gpucloud help exit-codes` and DESIGN's table. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_FOUND = 3,
	EXIT_CREDENTIALS = 4,
	EXIT_CAPACITY = 5,
	EXIT_TIMEOUT = 6,
	EXIT_QUOTA = 7,
	EXIT_ATTENTION = 8,
	EXIT_INTERRUPTED = 130,
};

struct command {
	const char *name;     /* "launch" */
	const char *group;    /* heading in the top help */
	const char *summary;  /* one line, no full stop */
	const char *usage;    /* "launch [options]" */
	const char *details;  /* a few lines, or NULL */
	const struct opt *opts;
	size_t args_size;     /* of the struct the options land in; zeroed before parsing */
	const char *examples; /* lines of commands, each starting with "gpucloud " */
	/* argv holds the positionals. Returns 0, or -1 with err filled, or an exit_code > 0 whose
	 * story the command has told itself. */
	int (*run)(struct cli *cli, void *args, int argc, const char **argv, struct error *err);
};

extern const struct command *const commands[]; /* ends with NULL */

enum exit_code exit_code_of(enum error_kind kind);

#endif
