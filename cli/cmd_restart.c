/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud restart: reboot an instance. */
#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "fleet/instances.h"

static int restart_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct fleet fleet = { 0 };
	struct instance_list list = { 0 };
	const char *named;
	int rc = -1;

	(void)data;
	(void)argc;
	if (instance_check_target(argv[0], &cli->error) < 0)
		return -1;
	progress_start(cli, "looking for %s", argv[0]);
	if (cli_open_fleet(cli, &fleet, true) < 0)
		return -1;
	const struct region_choice choice = cli_named_regions(cli, &named);
	if (!(fleet.ops->caps & PROVIDER_CAP_RESTART)) {
		error_set(&cli->error, ERROR_UNSUPPORTED, "%s cannot restart an instance",
			  fleet.ops->title);
	} else if (instance_find_one(&fleet, argv[0], &choice, false, &list, &cli->error) == 0) {
		const struct instance *instance = &list.v[0];

		rc = cli->dry_run ? 0
				  : fleet.ops->restart(fleet.provider, instance->region,
						       instance->id, &cli->error);
		progress_end(cli);
		if (rc == 0 && cli->json) {
			cJSON *object = cJSON_CreateObject();

			cJSON_AddItemToObject(object, "instance", json_of_instance(instance));
			cJSON_AddBoolToObject(object, "dry_run", cli->dry_run);
			cli_json_print(cli, object);
		} else if (rc == 0) {
			cli_line(cli, "%s %s (%s); it keeps its address, and billing goes on",
				 cli->dry_run ? "would restart" : "restarting", instance->id,
				 instance->name);
		}
	}
	progress_end(cli);
	instance_list_release(&list);
	fleet_close(&fleet);
	return rc;
}

const struct command cmd_restart = {
	.name = "restart",
	.group = "Run",
	.summary = "reboot an instance; billing goes on",
	.usage = "gpucloud restart NAME|ID",
	.examples = "gpucloud restart train\n",
	.exits = "3 there is no such instance\n",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_ALSO,
	.run = restart_run,
};
