/* SPDX-License-Identifier: Apache-2.0 */
/* What a command on a machine prints, handed on: byte for byte, but made harmless on a terminal. */
#ifndef GPUCLOUD_CLI_RELAY_H
#define GPUCLOUD_CLI_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct error;

/* One stream of ours. On a terminal control bytes become visible, all but line ends and tabs. */
struct relay {
	FILE *file;
	bool terminal;
	bool closed;	 /* nobody reads it any more */
	char carried[3]; /* a character whose rest comes with the next piece */
	size_t nr_carried;
};

/* -1 with err where it could not be written. */
int relay_write(struct relay *relay, const char *data, size_t len, struct error *err);

/* There is no next piece. */
int relay_end(struct relay *relay, struct error *err);

#endif
