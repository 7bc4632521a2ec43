/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of gpucloud-sim. */
#ifndef GPUCLOUD_SIMULATOR_OPTIONS_H
#define GPUCLOUD_SIMULATOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "simulator/serve/server.h"

struct error;

enum command {
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_START,
	COMMAND_STOP,
	COMMAND_STATUS,
	COMMAND_ENV,
	COMMAND_STATE,
	COMMAND_FAULT,
	COMMAND_ADVANCE,
};

struct options {
	enum command command;
	bool detach;
	bool json;
	struct server_config server; /* without its stop callback; strings are argv's */
	const char *fault;	     /* JSON text */
	int64_t advance_s;
};

int options_parse(struct options *ret, int argc, char **argv, struct error *err);
void options_help(FILE *out);

#endif
