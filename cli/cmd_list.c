/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud list: what runs, asked of the cloud by tag. Works with an empty home folder. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "fleet/labels.h"
#include "fleet/look.h"
#include "fleet/remembered.h"

struct list_args {
	const char *owner;
	bool all, mine;
};

static const struct opt list_opts[] = {
	OPT_FLAG_AT('a', "all", struct list_args, all,
		    "ended ones too, while the cloud shows them"),
	OPT_FLAG_AT(0, "mine", struct list_args, mine, "only your own"),
	OPT_STRING_AT(0, "owner", struct list_args, owner, "NAME", "only those of this owner"),
	OPT_END,
};

static int by_age(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	if (x->launched != y->launched)
		return x->launched < y->launched ? -1 : 1;
	return strcmp(x->id, y->id);
}

static void list_table(struct cli *cli, struct fleet *fleet, const struct instance_list *list)
{
	static const struct table_column columns[] = {
		{ .title = "NAME" },
		{ .title = "ID", .wide = true },
		{ .title = "STATE" },
		{ .title = "TYPE" },
		{ .title = "ZONE" },
		{ .title = "MARKET" },
		{ .title = "ADDRESS", .wide = true },
		{ .title = "UP", .right = true },
		{ .title = "USD/H", .right = true },
		{ .title = "COST", .right = true },
		{ .title = "OWNER", .wide = true },
		{ .title = "POLICY", .wide = 2 },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));
	struct arena arena = { 0 };

	for (size_t i = 0; i < list->nr; i++) {
		const struct instance *instance = &list->v[i];
		struct cost cost;
		char up[TIME_TEXT_MAX];

		cost_recall(fleet, instance, look_now(fleet, fleet->provider, instance->region),
			    &cost);
		const char *cells[] = {
			instance->name[0] ? instance->name : instance->id,
			instance->id,
			instance_state_name(instance->state),
			instance->type,
			instance->zone.name,
			instance->spot ? "spot" : "on-demand",
			instance->public_ip,
			duration_format(up, cost.seconds),
			text_money(&arena, cost.price),
			text_money(&arena, cost.total),
			instance->owner,
			instance->policy_unknown ? "unknown" : "",
		};
		table_row(table, cells);
	}
	table_print(table);
	table_free(table);
	arena_release(&arena);
}

/* Only where a cloud keeps no tags. Whoever looks must not think that these end by themselves. */
static void tell_unknown(struct cli *cli, const struct fleet *fleet,
			 const struct instance_list *list)
{
	size_t nr = 0, first = 0;

	for (size_t i = list->nr; i-- > 0;)
		if (list->v[i].policy_unknown && text_equal(list->v[i].owner, fleet->owner)) {
			nr++;
			first = i;
		}
	if (nr)
		cli_warning(cli,
			    "policy unknown of %zu of yours: this computer's journal knows nothing "
			    "of %s, so 'reap' ends nothing here. Say until when: gpucloud hold %s "
			    "TIME",
			    nr, nr == 1 ? "it" : "them", fleet_target(fleet, &list->v[first]));
}

static void list_json(struct cli *cli, struct fleet *fleet, const struct instance_list *list)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(object, "instances");

	for (size_t i = 0; i < list->nr; i++) {
		cJSON *one = json_of_instance(&list->v[i]);
		struct cost cost;

		cost_recall(fleet, &list->v[i], look_now(fleet, fleet->provider, list->v[i].region),
			    &cost);
		json_add_cost(one, &cost);
		cJSON_AddItemToArray(array, one);
	}
	json_add_failures(object, list->failures, list->nr_failures);
	cli_json_print(cli, object);
}

static int list_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct list_args *args = data;
	struct fleet fleet = { 0 };
	struct arena arena = { 0 };
	struct instance_list list = { 0 };
	const char *named;
	int rc = -1;

	(void)argc;
	(void)argv;
	progress_start(cli, "asking every region");
	if (cli_open_fleet(cli, &fleet, true) < 0)
		return -1;
	struct region_choice choice = cli_named_regions(cli, &named);
	choice.all = true;
	struct instance_query query = {
		.owner = args->mine ? fleet.owner : args->owner,
		.with_gone = args->all,
	};
	if (fleet_regions(&fleet, &choice, &arena, &query.regions, &query.nr_regions,
			  &cli->error) == 0 &&
	    fleet_instances(&fleet, &query, &list, &cli->error) == 0) {
		const struct remembered_query remembered = {
			.owner = query.owner,
			.regions = query.regions,
			.nr_regions = query.nr_regions,
		};
		struct error ignored = ERROR_INIT;

		if (remembered_add(&fleet, &remembered, &list, &ignored) < 0)
			cli_warning(cli, "what was launched a moment ago may be missing: %s",
				    ignored.message);
		progress_end(cli);
		if (list.nr)
			qsort(list.v, list.nr, sizeof(*list.v), by_age);
		if (cli->json)
			list_json(cli, &fleet, &list);
		else
			list_table(cli, &fleet, &list);
		tell_unknown(cli, &fleet, &list);
		if (!list.nr && !list.nr_failures)
			cli_note(cli, "nothing of gpucloud's is running");
		cli_warn_failures(cli, list.failures, list.nr_failures);
		rc = list.nr_failures ? 1 : 0;
	}
	progress_end(cli);
	instance_list_release(&list);
	arena_release(&arena);
	fleet_close(&fleet);
	return rc;
}

const struct command cmd_list = {
	.name = "list",
	.group = "Look",
	.summary = "what runs and what it has cost, from the cloud itself",
	.usage = "gpucloud list [options]",
	.details = "Asks every region of the account (or those of --region) for everything that\n"
		   "carries gpucloud's tags. Needs no local state: any computer with credentials\n"
		   "sees the same. USD/H and COST are those quoted at launch, where this computer\n"
		   "launched it; 'show' follows every price step.",
	.opts = list_opts,
	.args_size = sizeof(struct list_args),
	.examples = "gpucloud list\n"
		    "gpucloud list --region us-east-1,eu-west-1 --all\n"
		    "gpucloud --json list --mine\n",
	.exits = "1 a region did not answer (the others are shown)\n",
	.run = list_run,
};
