/* SPDX-License-Identifier: Apache-2.0 */
/* Questions before something costly or final. --yes answers; no terminal is ERROR_USAGE whose hint
 * names --yes. Declined: ERROR_CANCELLED. */
#ifndef GPUCLOUD_CLI_CONFIRM_H
#define GPUCLOUD_CLI_CONFIRM_H

struct cli;
struct error;

int confirm_yes(struct cli *cli, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* For what is severe: the word must be typed. */
int confirm_word(struct cli *cli, const char *word, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
