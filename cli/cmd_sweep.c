/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud sweep: what is left over in the account, and its end. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/confirm.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/sweep.h"

#define EXIT_ATTENTION 8
#define HOURS_PER_DAY  24

struct sweep_args {
	bool erase, images, stopped, all_owners;
	const char *grace;
	unsigned timeout;
};

static const struct opt sweep_opts[] = {
	OPT_FLAG_AT(0, "delete", struct sweep_args, erase, "remove what is left over"),
	OPT_FLAG_AT(0, "images", struct sweep_args, images,
		    "images and snapshots of ended launches too"),
	OPT_FLAG_AT(0, "stopped", struct sweep_args, stopped,
		    "stopped instances past their limit too"),
	OPT_FLAG_AT(0, "all-owners", struct sweep_args, all_owners, "those of others too"),
	OPT_STRING_AT(0, "grace", struct sweep_args, grace, "TIME",
		      "what is younger may still be being made (15m; 0: nothing is)"),
	OPT_UINT_AT(0, "timeout", struct sweep_args, timeout, "SECONDS", 1, 3600,
		    "how long to wait for ends and for things in use (300)"),
	OPT_END,
};

/* It is "about" anyway: four decimals are enough. */
static int64_t per_day(int64_t price)
{
	return price == MONEY_UNKNOWN ? MONEY_UNKNOWN : (price * HOURS_PER_DAY + 50) / 100 * 100;
}

/* --- showing ------------------------------------------------------------------------------- */

static cJSON *thing_json(const struct sweep_thing *thing)
{
	const struct leftover *one = &thing->thing;
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "provider", one->provider);
	cJSON_AddStringToObject(object, "region", one->region);
	cJSON_AddStringToObject(object, "kind", sweep_kind_name(thing));
	cJSON_AddStringToObject(object, "id", one->id);
	cJSON_AddStringToObject(object, "name", one->name);
	cJSON_AddStringToObject(object, "owner", one->owner);
	cJSON_AddStringToObject(object, "launch", one->launch_id);
	cJSON_AddStringToObject(object, "verdict", sweep_verdict_name(thing->verdict));
	cJSON_AddBoolToObject(object, "counted", thing->counted);
	json_add_time(object, "created", one->created);
	if (thing->age_s >= 0)
		cJSON_AddNumberToObject(object, "age_s", (double)thing->age_s);
	else
		cJSON_AddNullToObject(object, "age_s");
	cJSON_AddNumberToObject(object, "size_gib", (double)one->size_gib);
	json_add_money(object, "usd_per_day", per_day(one->price));
	return object;
}

static void show_table(struct cli *cli, const struct sweep *sweep)
{
	static const struct table_column columns[] = {
		{ .title = "WHAT" },
		{ .title = "ID" },
		{ .title = "REGION" },
		{ .title = "NAME", .cut = true },
		{ .title = "OWNER", .wide = true },
		{ .title = "AGE", .right = true },
		{ .title = "USD/DAY", .right = true },
		{ .title = "VERDICT" },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));
	struct arena arena = { 0 };

	for (size_t i = 0; i < sweep->nr; i++) {
		const struct sweep_thing *thing = &sweep->v[i];
		char age[TIME_TEXT_MAX] = "?";

		if (thing->age_s >= 0)
			duration_format(age, thing->age_s);
		const char *cells[] = {
			sweep_kind_name(thing),
			thing->thing.id,
			thing->thing.region,
			thing->thing.name,
			thing->thing.owner,
			age,
			text_money(&arena, per_day(thing->thing.price)),
			sweep_verdict_name(thing->verdict),
		};
		if (thing->counted)
			table_row_bold(table, cells);
		else
			table_row(table, cells);
	}
	table_print(table);
	table_free(table);
	arena_release(&arena);
}

/* Why what is listed does not count: one line for each reason there is. */
static void explain(struct cli *cli, const struct sweep *sweep)
{
	static const struct {
		enum sweep_verdict verdict;
		const char *why;
	} reasons[] = {
		{ SWEEP_YOUNG, "young: may still be being made, here or elsewhere (--grace)" },
		{ SWEEP_KEPT, "kept: images and snapshots may be there on purpose (--images)" },
		{ SWEEP_STOPPED, "stopped: may be there on purpose (--stopped)" },
		{ SWEEP_FOREIGN, "foreign: not yours to remove (--all-owners)" },
		{ SWEEP_UNKNOWN,
		  "unknown: its age, its policy, or its region's instances could "
		  "not be had (--grace 0 where only the age is missing; an instance "
		  "whose policy is unknown: gpucloud hold ID TIME, or terminate ID)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		size_t nr = 0;

		for (size_t k = 0; k < sweep->nr; k++)
			nr += !sweep->v[k].counted && sweep->v[k].verdict == reasons[i].verdict;
		if (nr)
			cli_note(cli, "%zu not counted, %s", nr, reasons[i].why);
	}
}

static bool any_unpriced(const struct sweep *sweep)
{
	for (size_t i = 0; i < sweep->nr; i++)
		if (sweep->v[i].counted && sweep->v[i].thing.price == MONEY_UNKNOWN)
			return true;
	return false;
}

/* From cron, where all is clean, nothing is said: quiet. */
static void show(struct cli *cli, const struct sweep *sweep, bool quiet)
{
	struct arena arena = { 0 };

	progress_end(cli);
	if (cli->json) {
		for (size_t i = 0; i < sweep->nr; i++)
			cli_json_line(cli, "leftover", thing_json(&sweep->v[i]));
	} else if (sweep->counted || !quiet) {
		show_table(cli, sweep);
		explain(cli, sweep);
		if (sweep->counted)
			cli_note(cli, "%zu left over, about $%s a day%s", sweep->counted,
				 text_money(&arena, per_day(sweep->price)),
				 any_unpriced(sweep) ? ", and what has no price ('?')" : "");
		else if (!sweep->nr_failures)
			cli_note(cli, sweep->nr ? "none of it counts as left over"
						: "nothing of gpucloud's is left over");
	}
	cli_warn_failures(cli, sweep->failures, sweep->nr_failures);
	arena_release(&arena);
}

/* --- removing ------------------------------------------------------------------------------ */

static void waiting(void *ctx, size_t left, int64_t seconds)
{
	progress_update(ctx, "waiting for %zu (%lld s)", left, (long long)seconds);
}

static void done(void *ctx, const struct sweep_thing *thing)
{
	struct cli *cli = ctx;

	progress_hide(cli);
	if (cli->json) {
		cJSON *object = thing_json(thing);

		cJSON_AddStringToObject(object, "error", thing->err.message);
		cli_json_line(cli, thing->removed ? "removed" : "left", object);
	} else if (thing->removed) {
		cli_line(cli, "removed %s %s in %s", sweep_kind_name(thing), thing->thing.id,
			 thing->thing.region);
	} else {
		cli_warning(cli, "%s %s in %s is left: %s", sweep_kind_name(thing), thing->thing.id,
			    thing->thing.region, thing->err.message);
	}
	progress_show(cli);
}

static int ask(struct cli *cli, const struct sweep *sweep)
{
	char words[40];

	snprintf(words, sizeof(words), "delete %zu", sweep->counted);
	return confirm_name(cli, words,
			    "Remove these %zu for good, and what belongs to instances among them?",
			    sweep->counted);
}

static int remove_all(struct cli *cli, struct fleet *fleet, const struct sweep_args *args,
		      const struct sweep_options *options, struct sweep *sweep, size_t *left)
{
	const struct sweep_events events = { cli, waiting, done };

	if (ask(cli, sweep) < 0)
		return -1;
	progress_start(cli, "removing %zu", sweep->counted);
	int rc = sweep_remove(fleet, options, sweep,
			      args->timeout ? (int64_t)args->timeout : SWEEP_TIMEOUT_S, &events,
			      left, &cli->error);
	progress_end(cli);
	return rc;
}

static void summary(struct cli *cli, const struct sweep *sweep, size_t left, bool deleted)
{
	cJSON *object = cJSON_CreateObject();
	size_t removed = 0;

	for (size_t i = 0; i < sweep->nr; i++)
		removed += sweep->v[i].removed;
	cJSON_AddNumberToObject(object, "listed", (double)sweep->nr);
	cJSON_AddNumberToObject(object, "counted", (double)sweep->counted);
	json_add_money(object, "usd_per_day", per_day(sweep->price));
	cJSON_AddBoolToObject(object, "deleted", deleted);
	cJSON_AddNumberToObject(object, "removed", (double)removed);
	cJSON_AddNumberToObject(object, "left", (double)left);
	json_add_failures(object, sweep->failures, sweep->nr_failures);
	cli_json_line(cli, "summary", object);
}

static int sweep_them(struct cli *cli, struct fleet *fleet, const struct sweep_args *args,
		      const struct sweep_options *options)
{
	struct sweep sweep = { 0 };
	bool erase = args->erase && !cli->dry_run;

	if (sweep_look(fleet, options, &sweep, &cli->error) < 0)
		return -1;
	size_t left = sweep.counted;
	int rc = 0;
	show(cli, &sweep, erase && cli->yes && !cli->out_terminal);
	if (erase && sweep.counted)
		rc = remove_all(cli, fleet, args, options, &sweep, &left);
	if (rc == 0 && cli->json)
		summary(cli, &sweep, left, erase);
	if (rc == 0 && left)
		rc = EXIT_ATTENTION;
	else if (rc == 0 && sweep.nr_failures)
		rc = 1;
	sweep_release(&sweep);
	return rc;
}

static int read_grace(const struct sweep_args *args, int64_t *ret, struct error *err)
{
	*ret = SWEEP_GRACE_S;
	if (args->grace && strcmp(args->grace, "0") == 0)
		*ret = 0;
	else if (args->grace)
		return duration_parse(args->grace, "--grace", ret, err);
	return 0;
}

static int sweep_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct sweep_args *args = data;
	struct fleet fleet = { 0 };
	struct arena arena = { 0 };
	struct sweep_options options = { .images = args->images,
					 .stopped = args->stopped,
					 .all_owners = args->all_owners };
	const char *named;
	int rc = -1;

	(void)argc;
	(void)argv;
	if (read_grace(args, &options.grace_s, &cli->error) < 0)
		return -1;
	progress_start(cli, "looking for what is left over in every region");
	if (cli_open_fleet(cli, &fleet, true) < 0)
		return -1;
	struct region_choice choice = cli_named_regions(cli, &named);
	choice.all = (fleet.ops->caps & PROVIDER_CAP_REGIONS) != 0;
	if (fleet_regions(&fleet, &choice, &arena, &options.regions, &options.nr_regions,
			  &cli->error) == 0)
		rc = sweep_them(cli, &fleet, args, &options);
	progress_end(cli);
	arena_release(&arena);
	fleet_close(&fleet);
	return rc;
}

const struct command cmd_sweep = {
	.name = "sweep",
	.group = "Look",
	.summary = "what is left over anywhere, what it bills; removes it",
	.usage = "gpucloud sweep [options]",
	.details =
		"Asks every region (or those of --region) for what carries gpucloud's tags and\n"
		"has outlived its purpose: instances past their time limit; open spot requests,\n"
		"addresses, interfaces, disks, images, snapshots, groups and keys whose launch\n"
		"has no instance. Needs no local state. --delete removes it, in order. Never\n"
		"counted: what is young, of other owners, or not certain. Prices are list prices.\n"
		"With --delete --yes, through a pipe, nothing is said where nothing is left over.",
	.opts = sweep_opts,
	.args_size = sizeof(struct sweep_args),
	.examples = "gpucloud sweep\n"
		    "gpucloud sweep --delete --dry-run\n"
		    "gpucloud --yes sweep --delete --region us-east-1\n",
	.exits = "1 a region did not answer, and nothing was found in the others\n"
		 "8 something is left over\n",
	.run = sweep_run,
};
