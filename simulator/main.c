/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud-sim: a cloud to try gpucloud on, without an account. */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "simulator/commands.h"
#include "simulator/options.h"

static int run(const struct options *options, struct error *err)
{
	switch (options->command) {
	case COMMAND_HELP:
		options_help(stdout);
		return 0;
	case COMMAND_VERSION:
		puts("gpucloud-sim " GPUCLOUD_VERSION);
		return 0;
	case COMMAND_START:
		return command_start(options, err);
	case COMMAND_STOP:
		return command_stop(options, err);
	case COMMAND_STATUS:
		return command_status(options, err);
	case COMMAND_ENV:
		return command_env(options, err);
	case COMMAND_STATE:
		return command_state(options, err);
	case COMMAND_FAULT:
		return command_fault(options, err);
	case COMMAND_ADVANCE:
		return command_advance(options, err);
	}
	return 0;
}

/* As gpucloud's own exit codes. */
static int exit_code(const struct error *err)
{
	if (err->kind == ERROR_USAGE)
		return 2;
	if (err->kind == ERROR_NOT_FOUND)
		return 3;
	if (err->kind == ERROR_CONFIG)
		return 4;
	return 1;
}

int main(int argc, char **argv)
{
	struct options options;
	struct error err = ERROR_INIT;

	if (options_parse(&options, argc, argv, &err) || run(&options, &err)) {
		fprintf(stderr, "gpucloud-sim: %s\n", err.message);
		if (*err.hint)
			fprintf(stderr, "try: %s\n", err.hint);
		return exit_code(&err);
	}
	if (fflush(stdout) || ferror(stdout)) {
		fputs("gpucloud-sim: cannot write to standard output\n", stderr);
		return 1;
	}
	return 0;
}
