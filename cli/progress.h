/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line on stderr that is rewritten while something long runs: only on a terminal, never with
 * --quiet or --json. Painted at once, before the network is asked.
 */
#ifndef GPUCLOUD_CLI_PROGRESS_H
#define GPUCLOUD_CLI_PROGRESS_H

struct cli;

void progress_show(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void progress_clear(struct cli *cli); /* before anything else is printed; cheap when nothing is */

#endif
