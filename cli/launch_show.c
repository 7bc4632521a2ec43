/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/launch_show.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/launch_cloud.h"
#include "cli/launch_ready.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/selftest_show.h"
#include "cli/table.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/timefmt.h"

static const char *place(struct arena *arena, const struct launch_plan *plan,
			 const struct plan_zone *zone)
{
	if (zone->rank == 1)
		return "1 <-";
	if (zone->rank)
		return arena_printf(arena, "%u", zone->rank);
	return plan->spot ? zone_verdict_text(zone->score.verdict) : "";
}

static void spot_table(struct cli *cli, const struct launch_plan *plan)
{
	static const struct table_column columns[] = {
		{ .title = "ZONE" },
		{ .title = "SPOT NOW", .right = true },
		{ .title = "ON DEMAND", .right = true },
		{ .title = "UNDER BID", .right = true },
		{ .title = "VOLATILITY", .right = true },
		{ .title = "CHOICE", .cut = true },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));
	struct arena arena = { 0 };

	for (size_t i = 0; i < plan->nr_zones; i++) {
		const struct plan_zone *zone = &plan->zones[i];
		const char *cells[] = {
			zone->zone.name,
			text_money(&arena, zone->now),
			text_money(&arena, plan->offer.on_demand),
			zone->scored && plan->capped
				? text_percent(&arena, zone->score.under_bid.share_under)
				: "",
			zone->scored ? arena_printf(&arena, "%.4f", zone->score.volatility) : "",
			place(&arena, plan, zone),
		};

		if (zone->rank == 1)
			table_row_bold(table, cells);
		else
			table_row(table, cells);
	}
	table_print(table);
	table_free(table);
	arena_release(&arena);
}

/* On demand there is nothing to compare: which zones, in which order. */
static void zone_list(struct cli *cli, const struct launch_plan *plan)
{
	struct buf line = BUF_INIT;

	for (size_t i = 0; i < plan->nr_order; i++)
		buf_addf(&line, "%s%s", i ? ", " : "", plan->zones[plan->order[i]].zone.name);
	cli_line(cli, "zones:  %s", line.data);
	buf_release(&line);
}

static void cost_line(struct cli *cli, const struct launch_plan *plan)
{
	const struct plan_zone *best = &plan->zones[plan->order[0]];
	int64_t on_demand = plan->offer.on_demand;
	struct arena arena = { 0 };

	if (plan->spot && on_demand != MONEY_UNKNOWN && best->now < on_demand)
		cli_line(cli, "cost:   $%s/h now, %.0f%% less than the $%s/h on demand",
			 text_money(&arena, best->now),
			 100.0 - 100.0 * (double)best->now / (double)on_demand,
			 text_money(&arena, on_demand));
	else
		cli_line(cli, "cost:   $%s/h", text_money(&arena, best->now));
	arena_release(&arena);
}

static void plan_text(struct cli *cli, const struct launch_plan *plan)
{
	const struct offer *offer = &plan->offer;
	struct arena arena = { 0 };
	char date[TIME_TEXT_MAX];

	cli_line(cli, "%s (%ux %s, %u vCPU, %.0f GiB) in %s, %s", offer->type, offer->gpu_count,
		 offer->gpu[0] ? offer->gpu : "no GPU", offer->vcpus, (double)offer->mem_mib / 1024,
		 plan->region, plan->spot ? "spot, judged by the last 90 days" : "on demand");
	if (plan->spot)
		spot_table(cli, plan);
	else if (!plan->zoneless)
		zone_list(cli, plan);
	if (plan->nr_order)
		cli_line(cli, "choice: %s", plan->reason);
	if (plan->spot && plan->raw_min_std_zone[0] &&
	    (!plan->nr_order ||
	     strcmp(plan->raw_min_std_zone, plan->zones[plan->order[0]].zone.name) != 0))
		cli_line(cli, "        (least standard deviation of all, whatever it costs: %s)",
			 plan->raw_min_std_zone);
	if (plan->capped)
		cli_line(cli,
			 "bid:    $%s/h, today a price cap: you pay the spot price and never "
			 "more; it buys no priority",
			 text_money(&arena, plan->max_price));
	else if (plan->spot)
		cli_line(cli, "bid:    none: you pay the spot price, on demand at most");
	if (plan->nr_order)
		cost_line(cli, plan);
	if (offer->on_demand_builtin)
		cli_line(cli,
			 "        (on demand from the built-in table of %s, not from the cloud)",
			 time_format_date(date, offer->on_demand_as_of));
	arena_release(&arena);
}

static cJSON *zone_json(const struct launch_plan *plan, const struct plan_zone *zone)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "zone", zone->zone.name);
	cJSON_AddStringToObject(object, "zone_id", zone->zone.id);
	json_add_money(object, "price_now", zone->now);
	cJSON_AddNumberToObject(object, "rank", zone->rank);
	if (!plan->spot)
		return object;
	cJSON_AddStringToObject(object, "verdict", zone_verdict_text(zone->score.verdict));
	if (!zone->scored)
		return object;
	json_add_money(object, "p95", zone->score.stats.p95);
	cJSON_AddNumberToObject(object, "volatility", zone->score.volatility);
	if (plan->capped)
		cJSON_AddNumberToObject(object, "under_bid", zone->score.under_bid.share_under);
	return object;
}

static void plan_json(struct cli *cli, const struct launch_plan *plan)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "region", plan->region);
	cJSON_AddStringToObject(object, "type", plan->offer.type);
	cJSON_AddStringToObject(object, "gpu", plan->offer.gpu);
	cJSON_AddNumberToObject(object, "gpu_count", plan->offer.gpu_count);
	cJSON_AddBoolToObject(object, "spot", plan->spot);
	json_add_money(object, "on_demand", plan->offer.on_demand);
	json_add_money(object, "max_price", plan->capped ? plan->max_price : MONEY_UNKNOWN);
	json_add_time(object, "since", plan->since);
	json_add_time(object, "until", plan->until);
	cJSON *zones = cJSON_AddArrayToObject(object, "zones");
	for (size_t i = 0; i < plan->nr_zones; i++)
		cJSON_AddItemToArray(zones, zone_json(plan, &plan->zones[i]));
	cJSON *choice = cJSON_AddObjectToObject(object, "choice");
	cJSON_AddItemToObject(
		choice, "zone",
		out_text(plan->nr_order ? plan->zones[plan->order[0]].zone.name : NULL));
	cJSON_AddItemToObject(choice, "reason", out_text(plan->reason));
	cJSON_AddItemToObject(choice, "raw_min_std_zone",
			      out_text(plan->raw_min_std_zone && plan->raw_min_std_zone[0]
					       ? plan->raw_min_std_zone
					       : NULL));
	cli_json_line(cli, "plan", object);
}

void launch_show_plan(struct cli *cli, struct fleet *fleet, const struct launch_plan *plan)
{
	if (cli->json) {
		plan_json(cli, plan);
		return;
	}
	if (fleet->simulated)
		cli_note(cli, "simulator: nothing here is real, nothing is billed");
	plan_text(cli, plan);
	fflush(cli->out); /* seen before the first request that makes something */
}

static void on_trying(void *ctx, const struct zone *zone)
{
	struct cli *cli = ctx;

	progress_update(cli, "launching in %s", zone->name);
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "status", "launching");
		cJSON_AddStringToObject(object, "zone", zone->name);
		cli_json_line(cli, "status", object);
	}
}

static void on_passed_over(void *ctx, const struct zone *zone, const struct error *why)
{
	struct cli *cli = ctx;

	cli_note(cli, "%s: %s", zone->name, why->message);
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "status", "passed_over");
		cJSON_AddStringToObject(object, "zone", zone->name);
		cJSON_AddStringToObject(object, "kind", error_kind_name(why->kind));
		cJSON_AddStringToObject(object, "message", why->message);
		cli_json_line(cli, "status", object);
	}
}

static void on_looking(void *ctx, const char *name, int64_t seconds)
{
	progress_update(ctx, "looking for the '%s' of before, for %lld s more", name,
			(long long)seconds);
}

static void on_waiting(void *ctx, const struct instance *instance, int64_t seconds)
{
	progress_update(ctx, "%s is %s in %s (%lld s)", instance->id,
			instance_state_name(instance->state), instance->zone.name,
			(long long)seconds);
}

static void on_request(void *ctx, const char *title, const char *text)
{
	struct cli *cli = ctx;

	progress_end(cli);
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "title", title);
		cJSON_AddStringToObject(object, "request", text);
		cli_json_line(cli, "request", object);
		return;
	}
	cli_line(cli, "would send: %s", title);
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");

		cli_line(cli, "  %.*s", (int)len, p);
		p += len + (p[len] == '\n');
	}
}

struct launch_events launch_show_events(struct cli *cli)
{
	return (struct launch_events){
		.ctx = cli,
		.trying = on_trying,
		.passed_over = on_passed_over,
		.looking = on_looking,
		.waiting = on_waiting,
		.request = on_request,
	};
}

/* What was just made must not be forgotten because nobody reads our output. */
static void tell_if_lost(struct cli *cli, const struct launch_outcome *outcome)
{
	if (fflush(cli->out) != 0 || ferror(cli->out))
		cli_warning(cli, "'%s' (%s) runs and bills: gpucloud terminate %s", outcome->name,
			    outcome->made.instance.id, outcome->name);
}

static void outcome_json(struct cli *cli, const struct launch_outcome *outcome,
			 const struct launch_ready *ready)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *one = json_of_instance(&outcome->made.instance);

	json_add_money(one, "usd_per_hour", outcome->price);
	json_add_money(one, "quoted_usd_per_hour", outcome->quoted);
	cJSON_AddItemToObject(object, "instance", one);
	cJSON_AddBoolToObject(object, "existed", outcome->existed);
	cJSON_AddBoolToObject(object, "dry_run", false);
	cJSON_AddBoolToObject(object, "verified", ready && ready->verified);
	if (ready && ready->tested)
		cJSON_AddItemToObject(object, "selftest",
				      cJSON_Duplicate(ready->report.doc.root, true));
	else
		cJSON_AddNullToObject(object, "selftest");
	cli_json_line(cli, "summary", object);
}

void launch_show_outcome(struct cli *cli, const struct launch_outcome *outcome,
			 const struct launch_ready *ready)
{
	const struct instance *instance = &outcome->made.instance;
	struct arena arena = { 0 };

	if (cli->json) {
		outcome_json(cli, outcome, ready);
		tell_if_lost(cli, outcome);
		return;
	}
	cli_line(cli, "%s is %s in %s: %s, %s, $%s/h", outcome->name,
		 instance_state_name(instance->state), instance->zone.name, instance->type,
		 instance->spot ? "spot" : "on demand", text_money(&arena, outcome->price));
	cli_line(cli, "  id        %s", instance->id);
	if (outcome->made.image_name && outcome->made.image_name[0])
		cli_line(cli, "  image     %s (%s)", outcome->made.image, outcome->made.image_name);
	if (ready && ready->verified)
		cli_line(cli, "  host key  verified%s",
			 ready->rotated ? ", and replaced by one that only the machine knows" : "");
	if (ready && ready->tested)
		selftest_show(cli, &ready->report);
	if (instance->hostkey && instance->hostkey[0])
		cli_line(cli, "  log in    gpucloud ssh %s", outcome->name);
	cli_line(cli, "  look      gpucloud show %s", outcome->name);
	cli_line(cli, "  end it    gpucloud terminate %s", outcome->name);
	if (instance->state != INSTANCE_GONE)
		launch_cloud_end(cli, instance);
	arena_release(&arena);
	tell_if_lost(cli, outcome);
}

void launch_show_rehearsed(struct cli *cli, const struct launch_plan *plan)
{
	const char *zone = plan->zones[plan->order[0]].zone.name;
	const struct provider_ops *ops = provider_find(plan->offer.provider);
	bool asked = ops && (ops->caps & PROVIDER_CAP_DRY_RUN);

	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddBoolToObject(object, "dry_run", true);
		if (asked)
			cJSON_AddBoolToObject(object, "allowed", true);
		else
			cJSON_AddNullToObject(object, "allowed");
		cJSON_AddStringToObject(object, "zone", zone);
		cli_json_line(cli, "summary", object);
		return;
	}
	if (asked)
		cli_line(cli, "dry run: the cloud would allow it in %s; nothing was made", zone);
	else
		cli_line(cli,
			 "dry run: nothing was made; whether the cloud would allow it in %s, it "
			 "does not say before",
			 zone);
}
