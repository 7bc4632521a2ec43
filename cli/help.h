/* SPDX-License-Identifier: Apache-2.0 */
/* Help screens and the man page, all made from the tables. They need nothing but a stream. */
#ifndef GPUCLOUD_CLI_HELP_H
#define GPUCLOUD_CLI_HELP_H

#include <stddef.h>
#include <stdio.h>

struct command;
struct opt;

void help_top(FILE *out);
void help_command(FILE *out, const struct command *command);
void help_commands(FILE *out); /* all of them, in groups */
void help_list(FILE *out);     /* the names, one a line */
void help_man(FILE *out);      /* gpucloud(1) in mdoc(7) */

/* Pages that belong to no command: "exit-codes", "environment", ... Ends with a NULL name. */
struct help_topic {
	const char *name;
	const char *summary;
	void (*print)(FILE *out);
};
extern const struct help_topic help_topics[];

/* The tables behind the topics, shared by screen and man page. */
struct help_row {
	const char *name, *text;
};
extern const struct help_row help_exit_codes[];	 /* end with a NULL name */
extern const struct help_row help_environment[]; /* those that no setting has */
extern const struct help_row help_files[];

/* "-b, --bid BID" */
void help_opt_name(const struct opt *opt, char *out, size_t size);
/* name, then text wrapped at 79 in the column `indent`. */
void help_row(FILE *out, const char *name, const char *text, size_t indent);

#endif
