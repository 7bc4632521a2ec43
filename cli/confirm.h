/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions before something is spent or lost. --yes answers them; without a terminal to ask on
 * they end in ERROR_USAGE, whose hint names --yes; any other answer is ERROR_CANCELLED. Both return
 * 0 for yes, -1 with cli->error.
 */
#ifndef GPUCLOUD_CLI_CONFIRM_H
#define GPUCLOUD_CLI_CONFIRM_H

struct cli;

/* "Terminate 3 instances? [y/N] " */
int confirm_yes(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For what ends many things at once: the name must be typed. "...; type 'all' to go on: " */
int confirm_name(struct cli *cli, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * "...? [d/c/Enter] ": one letter of `letters`, or '\0' for an empty line. Asked again for anything
 * else. -1: there is no terminal, its end, or Ctrl-C; cli->error is then left alone.
 */
int confirm_letter(struct cli *cli, const char *letters, const char *question);

#endif
