/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line on stderr that is rewritten while something takes time: only on a terminal, never with
 * --quiet, --json or -v. Start it before the first request goes out. Anything else that is written
 * to stderr clears it first (cli_note does). For the main thread.
 */
#ifndef GPUCLOUD_CLI_PROGRESS_H
#define GPUCLOUD_CLI_PROGRESS_H

struct cli;

void progress_start(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Painted at most 20 times a second. Starts the line where there is none. */
void progress_update(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void progress_end(struct cli *cli); /* erases the line; harmless when there is none */

/* For whoever writes to stderr: takes the line away, puts it back. */
void progress_hide(struct cli *cli);
void progress_show(struct cli *cli);

#endif
