/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of the program: global options, settings, streams, and the error it may end with. This
 * folder is the only one that prints. Results go to stdout, everything else to stderr.
 */
#ifndef GPUCLOUD_CLI_CLI_H
#define GPUCLOUD_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/opt.h"
#include "core/error.h"
#include "core/settings.h"

struct buf;
struct command;

/* What the global options fill; they may stand before or after the command. */
struct cli_globals {
	const char *profile, *region, *provider, *endpoint_url;
	bool json, quiet, no_color, yes, dry_run, help, version;
	unsigned verbose;
};
extern const struct opt cli_global_opts[];

struct progress {
	char *text; /* the line on the screen; NULL: none */
	int64_t painted_ms;
};

struct cli {
	FILE *out, *err;
	const struct command *command; /* NULL until it is known */

	bool json, quiet, yes, dry_run;
	unsigned verbose; /* -v: 1, -vv: 2 */
	bool out_terminal, err_terminal;
	bool colour, err_colour; /* bold and colour, for each stream by itself */
	bool utf8;		 /* the locale is; otherwise plain ASCII is shown */

	/* Set for every command but COMMAND_BARE ones; global options are in settings already. */
	struct settings *settings;
	struct paths paths;

	struct progress progress;
	struct error error; /* what the command ends with; see struct command's run */
};

/* The whole program but for main(): argv without the program's name. Returns the exit code. */
int cli_main(FILE *out, FILE *err, int argc, const char *const *argv);

/* ERROR_USAGE whose hint is the command's help. Returns -1: `return cli_usage(cli, "...")`. */
int cli_usage(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Lines on stderr, escaped. Notes are left out with --quiet; warnings are not. */
void cli_note(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_warning(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line of a result on stdout, escaped. */
void cli_line(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As text_escape; on a terminal that is not UTF-8, other characters become '?'. */
void cli_escape(const struct cli *cli, bool terminal, const char *s, struct buf *out);

/* "\033[1m" and "\033[0m", or "" where stdout takes no colour. */
const char *cli_bold(const struct cli *cli);
const char *cli_reset(const struct cli *cli);

/* Columns of the terminal: COLUMNS, else what the terminal says, else 80; at least 20. */
size_t cli_width(const struct cli *cli);

/* The documented exit code of an error (docs and 'gpucloud help exit-codes'). */
int cli_exit_code(enum error_kind kind);

/* Prints cli->error: message, hint, and with --json the closing exit_error object. */
void cli_report(struct cli *cli, int code);

/* How a run begins and ends: streams, locale, settings, log; then flushed, checked and freed. */
int cli_start(struct cli *cli, const struct cli_globals *globals);
int cli_finish(struct cli *cli, int code);

#endif
