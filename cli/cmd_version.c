/* SPDX-License-Identifier: Apache-2.0 */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/out.h"

static int run_version(struct cli *cli, void *args, int argc, const char **argv)
{
	(void)args;
	(void)argc;
	(void)argv;
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "version", GPUCLOUD_VERSION);
		cli_json_print(cli, object);
	} else {
		fputs("gpucloud " GPUCLOUD_VERSION "\n", cli->out);
	}
	return 0;
}

const struct command cmd_version = {
	.name = "version",
	.group = "Help",
	.summary = "print the version",
	.usage = "gpucloud version",
	.examples = "gpucloud version\n"
		    "gpucloud --version\n",
	.flags = COMMAND_BARE | COMMAND_ALSO,
	.run = run_version,
};
