/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud ssh-config: what OpenSSH, rsync and editors need to reach the instances, host keys verified. */
#include <string.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/openssh.h"
#include "cli/progress.h"
#include "cli/reach.h"
#include "core/clock.h"
#include "fleet/instances.h"

#include <cjson/cJSON.h>

#include "cli/out.h"
#include "fleet/labels.h"

#define CONNECT_MS 15000

struct blocks {
	struct cli *cli;
	struct fleet fleet;
	cJSON *json; /* array */
	size_t nr, missing;
};

/* A login verifies the key by its tag, and records it. */
static int learn_key(struct blocks *blocks, const struct instance *instance)
{
	const struct machine_events events = reach_events(blocks->cli);
	struct machine machine = { 0 };

	progress_update(blocks->cli, "learning the host key of %s", instance->id);
	if (machine_connect(&blocks->fleet, instance, CONNECT_MS, &events, &machine,
			    &blocks->cli->error) < 0)
		return -1;
	machine_close(&machine);
	return 0;
}

static void add_block(struct blocks *blocks, const struct instance *instance)
{
	struct cli *cli = blocks->cli;
	struct arena arena = { 0 };
	const char *text = NULL;
	int rc = openssh_block(cli, instance, &arena, &text);

	if (rc < 0 && strcmp(cli->error.code, "HostKeyUnknown") == 0) {
		error_clear(&cli->error);
		rc = learn_key(blocks, instance);
		if (rc == 0)
			rc = openssh_block(cli, instance, &arena, &text);
	}
	progress_hide(cli);
	if (rc < 0) {
		blocks->missing++;
		cli_warning(cli, "%s is left out: %s", instance->id, cli->error.message);
		error_clear(&cli->error);
	} else {
		blocks->nr++;
		if (cli->json) {
			cJSON *one = json_of_instance(instance);

			cJSON_AddStringToObject(one, "ssh_config", text);
			cJSON_AddItemToArray(blocks->json, one);
		} else {
			fprintf(cli->out, "%s%s", blocks->nr > 1 ? "\n" : "", text);
		}
	}
	arena_release(&arena);
}

static int list_own(struct blocks *blocks, struct instance_list *ret)
{
	struct arena arena = { 0 };
	const char *named;
	struct region_choice choice = cli_named_regions(blocks->cli, &named);
	struct instance_query query = { .owner = blocks->fleet.owner };

	choice.all = !choice.nr_named;
	int rc = fleet_regions(&blocks->fleet, &choice, &arena, &query.regions, &query.nr_regions,
			       &blocks->cli->error);
	if (rc == 0)
		rc = fleet_instances(&blocks->fleet, &query, ret,
						  &blocks->cli->error);
	arena_release(&arena);
	return rc;
}

static int add_all(struct blocks *blocks)
{
	struct instance_list list = { 0 };
	int rc = list_own(blocks, &list);

	for (size_t i = 0; rc == 0 && i < list.nr; i++)
		if (list.v[i].state == INSTANCE_RUNNING)
			add_block(blocks, &list.v[i]);
	cli_warn_failures(blocks->cli, list.failures, list.nr_failures);
	if (rc == 0 && list.nr_failures)
		blocks->missing++;
	instance_list_release(&list);
	return rc;
}

static int add_named(struct blocks *blocks, const char *target)
{
	struct cli *cli = blocks->cli;
	const char *named;
	const struct region_choice choice = cli_named_regions(cli, &named);
	struct instance_list list = { 0 };
	int rc = instance_check_target(target, &cli->error);

	if (rc == 0)
		rc = instance_find_one(&blocks->fleet, target, &choice, false, &list, &cli->error);
	if (rc == 0)
		add_block(blocks, &list.v[0]);
	instance_list_release(&list);
	return rc;
}

static int config_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct blocks blocks = { .cli = cli };
	int rc;

	(void)data;
	progress_start(cli, "looking for instances");
	rc = cli_open_fleet(cli, &blocks.fleet, true);
	blocks.json = cJSON_CreateArray();
	if (rc == 0 && argc == 0)
		rc = add_all(&blocks);
	for (int i = 0; rc == 0 && i < argc; i++)
		rc = add_named(&blocks, argv[i]);
	progress_end(cli);
	if (rc == 0 && cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddItemToObject(object, "instances", blocks.json);
		blocks.json = NULL;
		cli_json_print(cli, object);
	} else if (rc == 0 && !blocks.nr && !blocks.missing) {
		cli_note(cli, "nothing of yours is running");
	}
	cJSON_Delete(blocks.json);
	fleet_close(&blocks.fleet);
	return rc == 0 && blocks.missing ? 1 : rc;
}

const struct command cmd_ssh_config = {
	.name = "ssh-config",
	.group = "Use",
	.summary = "instances as a config for ssh, rsync and editors",
	.usage = "gpucloud ssh-config [NAME|ID...]",
	.details =
		"Without a name: all that run. Host keys are those gpucloud verified, under the\n"
		"instance's id, and no other is accepted. Once, in ~/.ssh/config, at the top:\n"
		"\n"
		"  Include gpucloud.conf",
	.examples = "gpucloud ssh-config > ~/.ssh/gpucloud.conf && ssh train\n"
		    "gpucloud ssh-config train > c && rsync -e 'ssh -F c' -a data/ train:data/\n",
	.exits = "1 an instance was left out, or a region did not answer\n",
	.flags = COMMAND_ALSO,
	.max_args = COMMAND_ANY_ARGS,
	.run = config_run,
};
