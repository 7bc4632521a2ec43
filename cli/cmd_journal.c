/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud journal: what this computer wrote down, and whether the file is sound. No cloud is asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/confirm.h"
#include "cli/out.h"
#include "cli/table.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/instances.h"
#include "fleet/journal_cost.h"
#include "fleet/journal_keep.h"

#define EXIT_ATTENTION 8

struct journal_args {
	bool open, check, repair;
};

static const struct opt journal_opts[] = {
	OPT_FLAG_AT(0, "open", struct journal_args, open, "only what is not finished"),
	OPT_FLAG_AT(0, "check", struct journal_args, check, "read all of the file: is it sound?"),
	OPT_FLAG_AT(0, "repair", struct journal_args, repair,
		    "move a damaged file aside; a new one is begun"),
	OPT_END,
};

/* --- showing ------------------------------------------------------------------------------- */

struct shown {
	const struct launch_row *row;
	struct step_rows steps;
	struct journal_bill bill;
};

static void shown_release(struct shown *shown)
{
	step_rows_release(&shown->steps);
	journal_bill_release(&shown->bill);
}

static bool has_open_step(const struct shown *shown)
{
	for (size_t i = 0; i < shown->steps.nr; i++)
		if (!shown->steps.v[i].outcome[0])
			return true;
	return false;
}

static const char *state_name(const struct shown *shown)
{
	static const char *const names[] = {
		[LAUNCH_OPEN] = "open",
		[LAUNCH_LIVE] = "live",
		[LAUNCH_ENDED] = "ended",
		[LAUNCH_FAILED] = "failed",
	};

	if (shown->row->state == LAUNCH_LIVE && shown->bill.closed)
		return "gone"; /* by itself: no command ended it */
	return (unsigned)shown->row->state < ARRAY_SIZE(names) ? names[shown->row->state] : "?";
}

static const char *time_or_dash(struct arena *arena, int64_t s)
{
	char text[TIME_TEXT_MAX];

	return s ? arena_strdup(arena, time_format(text, s)) : "-";
}

static int64_t end_of(const struct shown *shown)
{
	return shown->bill.closed ? shown->bill.receipt.ended : shown->row->ended;
}

static void launch_row(struct table *table, struct arena *arena, const struct shown *shown)
{
	const struct launch_row *row = shown->row;
	const char *cells[] = {
		row->name,
		state_name(shown),
		row->instance[0] ? row->instance : "-",
		row->type,
		row->zone[0] ? row->zone : row->region,
		row->spot ? "spot" : "on-demand",
		time_or_dash(arena, row->began),
		time_or_dash(arena, end_of(shown)),
		shown->bill.closed ? text_money(arena, shown->bill.receipt.total) : "-",
		row->id,
	};

	table_row(table, cells);
}

static void show_steps(struct cli *cli, const struct shown *shown)
{
	const struct launch_row *row = shown->row;
	struct arena arena = { 0 };

	cli_line(cli, "%s  %s, %s in %s", row->name, state_name(shown), row->type,
		 row->zone[0] ? row->zone : row->region);
	cli_line(cli, "  launch    %s, of %s in account %s of %s", row->id, row->owner,
		 row->account, row->provider);
	cli_line(cli, "  price     %s, $%s/h when launched, on demand $%s/h",
		 row->spot ? "spot" : "on demand", text_money(&arena, row->price),
		 text_money(&arena, row->on_demand));
	for (size_t i = 0; i < shown->steps.nr; i++) {
		const struct step_row *step = &shown->steps.v[i];

		cli_line(cli, "  step      %s  %s %s%s%s: %s", time_or_dash(&arena, step->began),
			 step->kind, step->name, step->id[0] ? " -> " : "", step->id,
			 step->outcome[0] ? step->outcome : "open");
	}
	for (size_t i = 0; i < shown->bill.nr_runs; i++) {
		const struct journal_run *run = &shown->bill.runs[i];

		cli_line(cli, "  ran       %s to %s%s", time_or_dash(&arena, run->began),
			 run->ended ? time_or_dash(&arena, run->ended) : "now, as far as was seen",
			 run->exact ? "" : " (at most)");
	}
	if (shown->bill.nr_steps)
		cli_line(cli, "  prices    %zu step%s, all known until %s%s", shown->bill.nr_steps,
			 shown->bill.nr_steps == 1 ? "" : "s",
			 time_or_dash(&arena, shown->bill.priced_until),
			 shown->bill.price_gap ? ", but for a gap" : "");
	if (shown->bill.closed)
		cli_line(cli, "  receipt   $%s, on demand $%s%s",
			 text_money(&arena, shown->bill.receipt.total),
			 text_money(&arena, shown->bill.receipt.on_demand_total),
			 shown->bill.receipt.exact ? "" : " (about)");
	arena_release(&arena);
}

static cJSON *step_json(const struct step_row *step)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "kind", step->kind);
	cJSON_AddStringToObject(object, "name", step->name);
	cJSON_AddStringToObject(object, "id", step->id);
	cJSON_AddStringToObject(object, "zone", step->zone);
	cJSON_AddStringToObject(object, "outcome", step->outcome[0] ? step->outcome : "open");
	json_add_time(object, "began", step->began);
	json_add_time(object, "answered", step->answered);
	return object;
}

static cJSON *shown_json(const struct shown *shown)
{
	const struct launch_row *row = shown->row;
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "launch", row->id);
	cJSON_AddStringToObject(object, "name", row->name);
	cJSON_AddStringToObject(object, "owner", row->owner);
	cJSON_AddStringToObject(object, "provider", row->provider);
	cJSON_AddStringToObject(object, "account", row->account);
	cJSON_AddStringToObject(object, "region", row->region);
	cJSON_AddStringToObject(object, "zone", row->zone);
	cJSON_AddStringToObject(object, "type", row->type);
	cJSON_AddBoolToObject(object, "spot", row->spot);
	cJSON_AddStringToObject(object, "state", state_name(shown));
	cJSON_AddStringToObject(object, "id", row->instance);
	cJSON_AddStringToObject(object, "reason", row->reason);
	json_add_time(object, "began", row->began);
	json_add_time(object, "ended", end_of(shown));
	json_add_money(object, "usd_per_hour", row->price);
	json_add_money(object, "on_demand_per_hour", row->on_demand);
	cJSON *steps = cJSON_AddArrayToObject(object, "steps");
	for (size_t i = 0; i < shown->steps.nr; i++)
		cJSON_AddItemToArray(steps, step_json(&shown->steps.v[i]));
	cJSON *runs = cJSON_AddArrayToObject(object, "runs");
	for (size_t i = 0; i < shown->bill.nr_runs; i++) {
		cJSON *run = cJSON_CreateObject();

		json_add_time(run, "began", shown->bill.runs[i].began);
		json_add_time(run, "ended", shown->bill.runs[i].ended);
		cJSON_AddBoolToObject(run, "exact", shown->bill.runs[i].exact);
		cJSON_AddItemToArray(runs, run);
	}
	cJSON *prices = cJSON_AddArrayToObject(object, "prices");
	for (size_t i = 0; i < shown->bill.nr_steps; i++) {
		cJSON *price = cJSON_CreateObject();

		json_add_time(price, "since", shown->bill.steps[i].time);
		json_add_money(price, "usd_per_hour", shown->bill.steps[i].micros);
		cJSON_AddItemToArray(prices, price);
	}
	json_add_money(object, "usd_total",
		       shown->bill.closed ? shown->bill.receipt.total : MONEY_UNKNOWN);
	json_add_money(object, "on_demand_total",
		       shown->bill.closed ? shown->bill.receipt.on_demand_total : MONEY_UNKNOWN);
	return object;
}

/* Shows each, as JSON, as text, or as a row. */
static int show(struct cli *cli, struct journal *journal, const struct journal_args *args,
		const struct launch_rows *rows, bool in_full)
{
	static const struct table_column columns[] = {
		{ .title = "NAME" },
		{ .title = "STATE" },
		{ .title = "INSTANCE", .wide = 1 },
		{ .title = "TYPE" },
		{ .title = "ZONE", .wide = 1 },
		{ .title = "MARKET", .wide = 1 },
		{ .title = "BEGAN" },
		{ .title = "ENDED", .wide = 2 },
		{ .title = "USD", .right = true },
		{ .title = "LAUNCH", .wide = 3 },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));
	cJSON *object = cJSON_CreateObject();
	cJSON *launches = cJSON_AddArrayToObject(object, "launches");
	struct arena arena = { 0 };
	int rc = 0;

	for (size_t i = 0; i < rows->nr && rc == 0; i++) {
		struct shown shown = { .row = &rows->v[i] };

		if (journal_steps_of(journal, shown.row->id, &shown.steps, &cli->error) < 0 ||
		    journal_bill_read(journal, shown.row->id, &shown.bill, &cli->error) < 0)
			rc = -1;
		else if (args->open && shown.row->state != LAUNCH_OPEN && !has_open_step(&shown))
			;
		else if (cli->json)
			cJSON_AddItemToArray(launches, shown_json(&shown));
		else if (in_full)
			show_steps(cli, &shown);
		else
			launch_row(table, &arena, &shown);
		shown_release(&shown);
	}
	if (rc == 0 && cli->json) {
		cli_json_print(cli, object);
	} else {
		cJSON_Delete(object);
		table_print(table);
	}
	table_free(table);
	arena_release(&arena);
	return rc;
}

static int look(struct cli *cli, struct journal *journal, const struct journal_args *args,
		const char *target)
{
	const struct launch_filter by_name = { .name = target }, by_id = { .instance = target };
	struct launch_rows rows = { 0 };
	int rc = journal_all(journal, &by_name, &rows, &cli->error);

	if (rc == 0 && target && !rows.nr) {
		launch_rows_release(&rows);
		rc = journal_all(journal, &by_id, &rows, &cli->error);
	}
	if (rc == 0) {
		rc = -1;
		if (target && !rows.nr)
			error_set(&cli->error, ERROR_NOT_FOUND, "the journal knows nothing of '%s'",
				  target);
		else
			rc = show(cli, journal, args, &rows, target != NULL);
	}
	launch_rows_release(&rows);
	return rc;
}

/* --- the file ------------------------------------------------------------------------------ */

static void on_problem(void *ctx, const char *problem)
{
	cli_warning(ctx, "%s", problem);
}

/* 0 sound; 8 damaged, and told; -1: it could not be read at all for another reason. */
static int check(struct cli *cli, struct journal **journal)
{
	int problems = 1;

	if (journal_open(cli->paths.state, NULL, &clock_system, journal, &cli->error) < 0) {
		if (strcmp(cli->error.code, DB_CORRUPT) != 0)
			return -1;
		cli_warning(cli, "%s", cli->error.message);
		error_clear(&cli->error);
	} else {
		problems = journal_check(*journal, on_problem, cli, &cli->error);
	}
	return problems < 0 ? -1 : problems ? EXIT_ATTENTION : 0;
}

static int tell_check(struct cli *cli, int verdict, const char *path, const char *moved_to)
{
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "journal", path);
		cJSON_AddBoolToObject(object, "sound", verdict == 0);
		cJSON_AddItemToObject(object, "moved_to", out_text(moved_to));
		cli_json_print(cli, object);
	} else if (moved_to) {
		cli_line(cli, "moved to %s; the next launch begins a new one", moved_to);
		cli_note(cli, "what runs is found by its tags: gpucloud list; what is left over: "
			      "gpucloud sweep");
	} else if (verdict == 0) {
		cli_line(cli, "%s is sound", path);
	} else {
		cli_note(cli, "gpucloud journal --repair moves it aside");
	}
	return moved_to ? 0 : verdict;
}

static int check_or_repair(struct cli *cli, bool repair, const char *path)
{
	struct journal *journal = NULL;
	char *moved_to = NULL;
	int rc = check(cli, &journal);

	journal_close(journal);
	if (rc == EXIT_ATTENTION && repair) {
		if (cli->dry_run)
			cli_note(cli, "would move '%s' aside", path);
		else if (confirm_yes(cli,
				     "Move the damaged '%s' aside? No other gpucloud may be "
				     "at work.",
				     path) < 0 ||
			 journal_move_aside(cli->paths.state, clock_now(&clock_system), &moved_to,
					    &cli->error) < 0)
			return -1;
	}
	if (rc >= 0)
		rc = tell_check(cli, rc, path, moved_to);
	free(moved_to);
	return rc;
}

static int journal_cmd_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct journal_args *args = data;
	const char *target = argc ? argv[0] : NULL;
	struct journal *journal = NULL;
	int rc = -1;

	if ((args->check || args->repair) && (target || args->open || args->check == args->repair))
		return cli_usage(cli, "--check and --repair stand alone");
	if (target && instance_check_target(target, &cli->error) < 0)
		return -1;
	char *path = journal_path(cli->paths.state);
	if (access(path, F_OK) < 0) {
		if (cli->json)
			cli_json_print(cli, cJSON_Parse(args->check || args->repair
								? "{\"journal\":null}"
								: "{\"launches\":[]}"));
		cli_note(cli, "there is no journal: nothing was launched from here");
		rc = 0;
	} else if (args->check || args->repair) {
		rc = check_or_repair(cli, args->repair, path);
	} else if (journal_open(cli->paths.state, NULL, &clock_system, &journal, &cli->error) ==
		   0) {
		rc = look(cli, journal, args, target);
	}
	journal_close(journal);
	free(path);
	return rc;
}

const struct command cmd_journal = {
	.name = "journal",
	.group = "Look",
	.summary = "what was written down before it was done; is it sound?",
	.usage = "gpucloud journal [NAME|ID] [options]",
	.details =
		"The journal is what an interrupted command is finished or undone by. It holds no\n"
		"secret, and no instance depends on it: what runs is found by its tags. Launches\n"
		"that ended are kept for 400 days. This command asks no cloud.",
	.opts = journal_opts,
	.args_size = sizeof(struct journal_args),
	.examples = "gpucloud journal\n"
		    "gpucloud journal train\n"
		    "gpucloud journal --check\n",
	.exits = "3 it knows nothing of that name\n"
		 "8 the file is damaged\n",
	.flags = COMMAND_ALSO,
	.max_args = 1,
	.run = journal_cmd_run,
};
