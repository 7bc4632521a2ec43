/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminate_show.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/table.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/look.h"

#define EXIT_ATTENTION 8
#define HOURS_PER_DAY  24

static const char *name_of(const struct instance *instance)
{
	return instance->name[0] ? instance->name : "an instance of others";
}

/* --- before -------------------------------------------------------------------------------- */

void terminate_show_targets(struct cli *cli, struct fleet *fleet, const struct ending *v, size_t nr)
{
	static const struct table_column columns[] = {
		{ .title = "NAME" }, { .title = "ID" },	  { .title = "STATE" },
		{ .title = "TYPE" }, { .title = "ZONE" }, { .title = "USD SO FAR", .right = true },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));
	struct arena arena = { 0 };

	for (size_t i = 0; i < nr; i++) {
		const struct instance *instance = &v[i].instance;
		struct cost cost;

		cost_recall(fleet, instance, look_now(fleet, fleet->provider, instance->region),
			    &cost);
		const char *cells[] = {
			instance->name, instance->id,	     instance_state_name(instance->state),
			instance->type, instance->zone.name, text_money(&arena, cost.total),
		};
		table_row(table, cells);
	}
	table_print(table);
	table_free(table);
	arena_release(&arena);
	fflush(cli->out); /* seen before the question */
}

void terminate_show_rehearsed(struct cli *cli, const struct ending *v, size_t nr)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(object, "would_terminate");

	for (size_t i = 0; i < nr; i++) {
		const struct instance *instance = &v[i].instance;

		cJSON_AddItemToArray(array, json_of_instance(instance));
		if (!cli->json)
			cli_line(cli, "would terminate %s (%s, %s in %s)", instance->id,
				 instance->name, instance->type, instance->zone.name);
	}
	if (cli->json)
		cli_json_print(cli, object);
	else
		cJSON_Delete(object);
}

/* --- what bills on ------------------------------------------------------------------------- */

static int64_t per_day(const struct leftover *one)
{
	return one->price == MONEY_UNKNOWN ? MONEY_UNKNOWN
					   : (one->price * HOURS_PER_DAY + 50) / 100 * 100;
}

static bool is_of(const struct leftover *one, const struct ending *ending)
{
	return strcmp(one->launch_id, ending->instance.launch_id) == 0;
}

/* Kept on purpose, often: what `sweep` does not count unless it is told to. */
static bool is_kept(const struct leftover *one)
{
	return one->kind == LEFTOVER_SNAPSHOT || one->kind == LEFTOVER_IMAGE;
}

/* "1 address, 1 startup script": what went with it and is not said of every cloud; "" where nothing. */
static const char *removed_text(struct arena *arena, const struct release_result *released)
{
	const struct {
		unsigned nr;
		const char *one, *more;
	} kinds[] = {
		{ released->addresses, "address", "addresses" },
		{ released->scripts, "startup script", "startup scripts" },
		{ released->tags, "tag", "tags" },
	};
	const char *text = "";

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].nr)
			text = arena_printf(arena, "%s%s%u %s", text, text[0] ? ", " : "",
					    kinds[i].nr,
					    kinds[i].nr == 1 ? kinds[i].one : kinds[i].more);
	return text;
}

static void add_removed(cJSON *object, const struct release_result *released)
{
	cJSON *removed = cJSON_AddObjectToObject(object, "removed");

	cJSON_AddNumberToObject(removed, "spot_requests", released->spot_requests);
	cJSON_AddNumberToObject(removed, "security_groups", released->security_groups);
	cJSON_AddNumberToObject(removed, "keys", released->keys);
	cJSON_AddNumberToObject(removed, "addresses", released->addresses);
	cJSON_AddNumberToObject(removed, "scripts", released->scripts);
	cJSON_AddNumberToObject(removed, "tags", released->tags);
}

/* NULL where everything was told. */
static const char *not_told(const struct ended *ended, const struct ending *ending)
{
	if (!ending->instance.launch_id[0])
		return "gpucloud did not make it: look at its disks and addresses";
	if (ended->bills_err.kind != ERROR_NONE)
		return ended->bills_err.message;
	for (size_t i = 0; i < ended->bills.nr_failures; i++)
		if (strcmp(ended->bills.failures[i].region, ending->instance.region) == 0)
			return ended->bills.failures[i].err.message;
	return NULL;
}

static void bills_text(struct cli *cli, const struct ended *ended, const struct ending *ending)
{
	struct arena arena = { 0 };
	size_t nr = 0, kept = 0;

	for (size_t i = 0; i < ended->bills.nr; i++) {
		const struct leftover *one = &ended->bills.v[i];

		if (!is_of(one, ending))
			continue;
		nr++;
		kept += is_kept(one);
		cli_line(cli, "  bills on  %s %s%s: about $%s a day", leftover_kind_name(one->kind),
			 one->id,
			 one->size_gib ? arena_printf(&arena, " (%llu GiB)",
						      (unsigned long long)one->size_gib)
				       : "",
			 text_money(&arena, per_day(one)));
	}
	if (nr)
		cli_line(cli, "  end that  gpucloud sweep --delete%s", kept ? " --images" : "");
	const char *why = not_told(ended, ending);
	if (why)
		cli_line(cli, "  bills on  not known: %s", why);
	else if (!nr)
		cli_line(
			cli,
			"  bills on  nothing: its disk went with it, and what was made for it is removed");
	arena_release(&arena);
}

static void add_bills(cJSON *object, const struct ended *ended, const struct ending *ending)
{
	cJSON *array = cJSON_AddArrayToObject(object, "still_bills");

	for (size_t i = 0; i < ended->bills.nr; i++) {
		const struct leftover *one = &ended->bills.v[i];

		if (!is_of(one, ending))
			continue;
		cJSON *bills = cJSON_CreateObject();
		cJSON_AddStringToObject(bills, "kind", leftover_kind_name(one->kind));
		cJSON_AddStringToObject(bills, "id", one->id);
		cJSON_AddStringToObject(bills, "region", one->region);
		cJSON_AddNumberToObject(bills, "size_gib", (double)one->size_gib);
		json_add_money(bills, "usd_per_day", per_day(one));
		cJSON_AddItemToArray(array, bills);
	}
	cJSON_AddBoolToObject(object, "still_bills_known", !not_told(ended, ending));
}

/* --- receipts ------------------------------------------------------------------------------ */

static void price_lines(struct cli *cli, const struct ending *ending)
{
	const struct instance *instance = &ending->instance;
	const struct cost *cost = &ending->cost;
	int64_t saved = cost->on_demand_total - cost->total;
	struct arena arena = { 0 };

	cli_line(cli, "  price     $%s/h%s", text_money(&arena, cost->price),
		 instance->spot && cost->followed ? " at the end; every price step is counted"
						  : "");
	if (cost->free)
		cli_line(cli, "  cost      $0.0000: it was taken back in its first hour, which is "
			      "free");
	else
		cli_line(cli,
			 "  cost      %s$%s (per second, a minute at least; without disk and "
			 "traffic)",
			 cost->estimated ? "at most " : "", text_money(&arena, cost->total));
	if (cost->estimated)
		cli_line(cli, "            when it was stopped, or ended, nobody saw: counted as "
			      "running");
	if (instance->spot && cost->total != MONEY_UNKNOWN && cost->on_demand_total > 0)
		cli_line(cli, "  saved     $%s against $%s on demand (%.0f%%)",
			 text_money(&arena, saved > 0 ? saved : 0),
			 text_money(&arena, cost->on_demand_total),
			 saved > 0 ? 100.0 * (double)saved / (double)cost->on_demand_total : 0.0);
	arena_release(&arena);
}

static void receipt_text(struct cli *cli, const struct ended *ended, const struct ending *ending)
{
	const struct instance *instance = &ending->instance;
	struct arena arena = { 0 };
	char text[TIME_TEXT_MAX];

	cli_line(cli, "%s (%s) is terminated, confirmed by the cloud", name_of(instance),
		 instance->id);
	cli_line(cli, "  was       %s, %s in %s", instance->type,
		 instance->spot ? "spot" : "on demand", instance->zone.name);
	cli_line(cli, "  from      %s", time_format(text, instance->launched));
	/* Stopped on the way to its end, it ran no longer than that. */
	cli_line(cli, "  to        %s",
		 time_format(text, ending->halted ? ending->halted : ending->ended));
	cli_line(cli, "  time      %s", duration_format(text, ending->cost.seconds));
	price_lines(cli, ending);
	const char *removed = removed_text(&arena, &ending->released);
	if (removed[0])
		cli_line(cli, "  removed   %s", removed);
	if (ending->release_err.kind != ERROR_NONE)
		cli_line(cli, "  left      %s; the next command tries again",
			 ending->release_err.message);
	bills_text(cli, ended, ending);
	arena_release(&arena);
}

static cJSON *receipt_json(const struct ended *ended, const struct ending *ending)
{
	cJSON *object = json_of_instance(&ending->instance);

	cJSON_AddBoolToObject(object, "asked", ending->asked);
	cJSON_AddBoolToObject(object, "confirmed", ending->confirmed);
	if (ending->confirmed) {
		json_add_cost(object, &ending->cost);
		cJSON_AddBoolToObject(object, "at_most", ending->cost.estimated);
		cJSON_AddBoolToObject(object, "free", ending->cost.free);
		add_removed(object, &ending->released);
		add_bills(object, ended, ending);
	}
	cJSON_AddStringToObject(object, "error",
				ending->err.kind ? ending->err.message
						 : ending->release_err.message);
	return object;
}

static int show_end(struct cli *cli, const struct ended *ended, const struct ending *ending)
{
	const struct instance *instance = &ending->instance;
	int rc = ending->release_err.kind == ERROR_NONE ? 0 : EXIT_ATTENTION;

	if (!ending->asked) {
		cli_warning(cli, "%s was not terminated: %s", instance->id, ending->err.message);
		return 1;
	}
	if (!ending->confirmed) {
		cli_warning(cli,
			    "%s: the cloud accepted the end but still says '%s'%s%s; it may bill. "
			    "Look again: gpucloud show %s",
			    instance->id, instance_state_name(instance->state),
			    ending->err.kind != ERROR_NONE ? ", and: " : "",
			    ending->err.kind != ERROR_NONE ? ending->err.message : "",
			    instance->id);
		return EXIT_ATTENTION;
	}
	if (!cli->json)
		receipt_text(cli, ended, ending);
	for (size_t i = 0; i < ended->bills.nr; i++)
		if (is_of(&ended->bills.v[i], ending) && !is_kept(&ended->bills.v[i]))
			rc = EXIT_ATTENTION;
	return rc;
}

static int show_ends(struct cli *cli, const struct ended *ended, const char *message_type)
{
	cJSON *array = cJSON_CreateArray();
	int rc = 0;

	for (size_t i = 0; i < ended->nr; i++) {
		int one = show_end(cli, ended, &ended->v[i]);

		cJSON_AddItemToArray(array, receipt_json(ended, &ended->v[i]));
		rc = one > rc ? one : rc; /* what may bill outweighs what was refused */
	}
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddItemToObject(object, "terminated", array);
		if (message_type)
			cli_json_line(cli, message_type, object);
		else
			cli_json_print(cli, object);
	} else {
		cJSON_Delete(array);
	}
	return rc;
}

int terminate_show_ends(struct cli *cli, const struct ended *ended)
{
	return show_ends(cli, ended, NULL);
}

int terminate_show_receipt(struct cli *cli, const struct ended *ended)
{
	return show_ends(cli, ended, "receipt");
}
