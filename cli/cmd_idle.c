/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud idle: looks at machines now, and says whether they are idle, with the evidence. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/idle_store.h"
#include "fleet/instances.h"
#include "fleet/labels.h"
#include "fleet/look.h"
#include "fleet/reap.h"

#define EXIT_ATTENTION 8
#define WINDOW_LEAST_S 60
#define WINDOW_MOST_S  (INT64_C(7) * 86400)

struct idle_args {
	const char *window;
	bool why;
};

static const struct opt idle_opts[] = {
	OPT_FLAG_AT('w', "why", struct idle_args, why, "each thing that was looked at"),
	OPT_STRING_AT(0, "window", struct idle_args, window, "TIME",
		      "idle for so long (its --idle, or 30m)"),
	OPT_END,
};

struct idle_run {
	struct cli *cli;
	struct fleet fleet;
	struct arena arena;
	struct instance_list *lists;
	size_t nr_lists;
	const struct instance **v;
	size_t nr;
	struct look *looks; /* as v; only of those that run */
	struct idle_judgement *judgements;
	int64_t *windows;
	int64_t window_s; /* asked for, or 0 */
};

static void add(struct idle_run *run, const struct instance *instance)
{
	for (size_t i = 0; i < run->nr; i++)
		if (strcmp(run->v[i]->id, instance->id) == 0)
			return;
	run->v[run->nr++] = instance;
}

static int find_named(struct idle_run *run, int argc, const char **argv)
{
	const char *named;
	const struct region_choice choice = cli_named_regions(run->cli, &named);

	run->lists = xcalloc((size_t)argc, sizeof(*run->lists));
	run->v = xcalloc((size_t)argc, sizeof(*run->v));
	for (int i = 0; i < argc; i++) {
		struct instance_list *list = &run->lists[run->nr_lists];

		if (instance_find_one(&run->fleet, argv[i], &choice, false, list,
				      &run->cli->error) < 0)
			return -1;
		run->nr_lists++;
		add(run, &list->v[0]);
	}
	return 0;
}

static int find_all(struct idle_run *run)
{
	const char *named;
	struct region_choice choice = cli_named_regions(run->cli, &named);
	struct instance_query query = { .owner = run->fleet.owner };

	choice.all = true;
	run->lists = xcalloc(1, sizeof(*run->lists));
	if (fleet_regions(&run->fleet, &choice, &run->arena, &query.regions, &query.nr_regions,
			  &run->cli->error) < 0 ||
	    fleet_instances(&run->fleet, &query, &run->lists[0],
				      &run->cli->error) < 0)
		return -1;
	run->nr_lists = 1;
	run->v = xcalloc(run->lists[0].nr + 1, sizeof(*run->v));
	for (size_t i = 0; i < run->lists[0].nr; i++)
		if (run->lists[0].v[i].state == INSTANCE_RUNNING)
			add(run, &run->lists[0].v[i]);
	return 0;
}

static int64_t window_of(const struct idle_run *run, const struct instance *instance)
{
	struct reap_policy policy = { 0 };
	struct error ignored = ERROR_INIT;

	if (run->window_s)
		return run->window_s;
	reap_policy_read(instance, &policy, &ignored);
	return policy.idle_s ? policy.idle_s : LOOK_WINDOW_S;
}

/* Earlier looks count where they can be had; a look is worth telling without them too. */
static void judge(struct idle_run *run, struct idle_store *store, const char *scope)
{
	for (size_t i = 0; i < run->nr; i++) {
		struct look *look = &run->looks[i];
		struct error err = ERROR_INIT;

		if (store && !run->cli->dry_run &&
		    look_keep(store, scope, look, run->windows[i], &err) < 0)
			cli_warning(run->cli, "this look cannot be kept: %s", err.message);
		if (look_judge(store, scope, look, run->windows[i], look->probe.taken,
			       &run->judgements[i], &err) == 0)
			continue;
		cli_warning(run->cli, "earlier looks cannot be read: %s", err.message);
		look_judge(NULL, scope, look, run->windows[i], look->probe.taken,
			   &run->judgements[i], &err);
	}
}

static int look(struct idle_run *run)
{
	char scope[FLEET_SCOPE_MAX];
	struct idle_store *store = NULL;
	struct error err = ERROR_INIT;
	bool aside = false;

	run->looks = xcalloc(run->nr + 1, sizeof(*run->looks));
	run->judgements = xcalloc(run->nr + 1, sizeof(*run->judgements));
	run->windows = xcalloc(run->nr + 1, sizeof(*run->windows));
	if (!run->nr)
		return 0;
	if (fleet_scope(&run->fleet, scope, &run->cli->error) < 0)
		return -1;
	for (size_t i = 0; i < run->nr; i++) {
		run->looks[i].instance = run->v[i];
		run->looks[i].admit = !run->cli->dry_run;
		run->windows[i] = window_of(run, run->v[i]);
	}
	look_all(&run->fleet, run->looks, run->nr);
	for (size_t i = 0; i < run->nr; i++)
		if (run->looks[i].admitted[0])
			cli_note(run->cli,
				 "%s did not answer: this computer's address, %s, is now let in by "
				 "its firewall",
				 run->v[i]->id, run->looks[i].admitted);
	if (idle_store_open(run->cli->paths.state, &aside, &store, &err) < 0)
		cli_warning(run->cli, "earlier looks are not known: %s", err.message);
	if (aside)
		cli_warning(run->cli,
			    "the looks kept in '%s/samples.db' were corrupt and are set "
			    "aside; what is idle must show anew",
			    run->cli->paths.state);
	judge(run, store, scope);
	idle_store_close(store);
	return 0;
}

static const char *name_of(const struct instance *instance)
{
	return instance->name[0] ? instance->name : instance->id;
}

static void print_verdicts(struct idle_run *run)
{
	static const struct table_column columns[] = {
		{ .title = "NAME" },
		{ .title = "ID", .wide = true },
		{ .title = "VERDICT" },
		{ .title = "REASON" },
	};
	struct table *table = table_new(run->cli, columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < run->nr; i++) {
		const char *cells[] = { name_of(run->v[i]), run->v[i]->id,
					idle_verdict_name(run->judgements[i].verdict),
					run->judgements[i].reason };
		table_row(table, cells);
	}
	table_print(table);
	table_free(table);
}

/* Every instance with its facts below it. */
static void print_facts(struct idle_run *run)
{
	static const struct table_column columns[] = {
		{ .title = "NAME" },
		{ .title = "VERDICT" },
		{ .title = "WHAT" },
		{ .title = "SEEN" },
	};
	struct table *table = table_new(run->cli, columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < run->nr; i++) {
		const struct idle_judgement *judgement = &run->judgements[i];
		const char *cells[] = { name_of(run->v[i]), idle_verdict_name(judgement->verdict),
					"", judgement->reason };

		table_row_bold(table, cells);
		for (size_t k = 0; k < judgement->nr; k++) {
			const struct idle_fact *fact = &judgement->facts[k];
			const char *row[] = { name_of(run->v[i]), idle_verdict_name(fact->verdict),
					      fact->name, fact->value };

			table_row(table, row);
		}
	}
	table_print(table);
	table_free(table);
}

static cJSON *to_json(const struct idle_run *run, size_t i)
{
	const struct idle_judgement *judgement = &run->judgements[i];
	cJSON *object = json_of_instance(run->v[i]);

	cJSON_AddStringToObject(object, "verdict", idle_verdict_name(judgement->verdict));
	cJSON_AddStringToObject(object, "why", judgement->reason);
	cJSON_AddBoolToObject(object, "reached", run->looks[i].reached);
	json_add_time(object, "idle_since", judgement->idle_since);
	cJSON_AddNumberToObject(object, "looks", (double)judgement->looks);
	cJSON_AddNumberToObject(object, "window_s", (double)run->windows[i]);
	cJSON *facts = cJSON_AddArrayToObject(object, "facts");
	for (size_t k = 0; k < judgement->nr; k++) {
		cJSON *fact = cJSON_CreateObject();

		cJSON_AddStringToObject(fact, "name", judgement->facts[k].name);
		cJSON_AddStringToObject(fact, "value", judgement->facts[k].value);
		cJSON_AddStringToObject(fact, "verdict",
					idle_verdict_name(judgement->facts[k].verdict));
		cJSON_AddItemToArray(facts, fact);
	}
	return object;
}

static int report(struct idle_run *run, bool why)
{
	struct cli *cli = run->cli;
	const struct instance_list *list = &run->lists[0];
	bool unreached = false;

	if (cli->json) {
		cJSON *object = cJSON_CreateObject();
		cJSON *array = cJSON_AddArrayToObject(object, "instances");

		for (size_t i = 0; i < run->nr; i++)
			cJSON_AddItemToArray(array, to_json(run, i));
		json_add_failures(object, list->failures, list->nr_failures);
		cli_json_print(cli, object);
	} else {
		(why ? print_facts : print_verdicts)(run);
	}
	if (!run->nr && !list->nr_failures)
		cli_note(cli, "nothing of yours is running");
	cli_warn_failures(cli, list->failures, list->nr_failures);
	for (size_t i = 0; i < run->nr; i++)
		unreached |= !run->looks[i].reached;
	return list->nr_failures ? 1 : unreached ? EXIT_ATTENTION : 0;
}

static int check_running(struct idle_run *run)
{
	for (size_t i = 0; i < run->nr; i++) {
		const struct instance *instance = run->v[i];

		if (instance->state == INSTANCE_RUNNING)
			continue;
		error_set(&run->cli->error, ERROR_CONFLICT, "%s is %s, not running",
			  name_of(instance), instance_state_name(instance->state));
		return error_hint(&run->cli->error, "gpucloud show %s",
				  fleet_target(&run->fleet, instance));
	}
	return 0;
}

static int idle_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct idle_args *args = data;
	struct idle_run run = { .cli = cli };
	int rc = -1;

	for (int i = 0; i < argc; i++)
		if (instance_check_target(argv[i], &cli->error) < 0)
			return -1;
	if (args->window) {
		if (duration_parse(args->window, "--window", &run.window_s, &cli->error) < 0)
			return -1;
		if (run.window_s < WINDOW_LEAST_S || run.window_s > WINDOW_MOST_S)
			return cli_usage(cli, "--window '%s' is not between 1m and 7d",
					 args->window);
	}
	progress_start(cli, "looking for %s", argc ? argv[0] : "what runs");
	if (cli_open_fleet(cli, &run.fleet, true) < 0)
		return -1;
	if ((argc ? find_named(&run, argc, argv) : find_all(&run)) == 0 &&
	    check_running(&run) == 0) {
		progress_update(cli, "looking at %zu", run.nr);
		rc = look(&run);
		progress_end(cli);
		if (rc == 0)
			rc = report(&run, args->why);
	}
	progress_end(cli);
	for (size_t i = 0; run.judgements && i < run.nr; i++)
		idle_judgement_release(&run.judgements[i]);
	for (size_t i = 0; i < run.nr_lists; i++)
		instance_list_release(&run.lists[i]);
	free(run.lists);
	free(run.v);
	free(run.looks);
	free(run.judgements);
	free(run.windows);
	arena_release(&run.arena);
	fleet_close(&run.fleet);
	return rc;
}

const struct command cmd_idle = {
	.name = "idle",
	.group = "Look",
	.summary = "is it idle? the verdict, with its evidence",
	.usage = "gpucloud idle [NAME|ID...]",
	.details =
		"Logs in, looks once, and judges that look with the earlier ones that 'idle' and\n"
		"'reap' took. Idle is what every look of the whole window saw doing nothing:\n"
		"all GPUs, the processes on them, load, network, disks, whoever is logged in,\n"
		"jobs. Whatever is not known is unknown, and counts as busy. Nothing is ended.",
	.opts = idle_opts,
	.args_size = sizeof(struct idle_args),
	.examples = "gpucloud idle\n"
		    "gpucloud idle --why train\n"
		    "gpucloud --json idle --window 1h\n",
	.exits = "1 a region did not answer (the others are shown)\n"
		 "3 there is no such instance\n"
		 "8 an instance could not be looked at: its verdict is unknown\n",
	.flags = COMMAND_ALSO,
	.max_args = COMMAND_ANY_ARGS,
	.run = idle_run,
};
