/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud price: what GPUs cost, on demand and as spot now. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/timefmt.h"

struct price_args {
	const char *type, *gpu;
	unsigned gpus;
	bool all_regions, spot;
};

static const struct opt price_opts[] = {
	OPT_STRING_AT('g', "gpu", struct price_args, gpu, "GPU",
		      "types with this GPU: V100, A10G, T4, ..."),
	OPT_UINT_AT(0, "gpus", struct price_args, gpus, "N", 1, 64, "types with N GPUs"),
	OPT_STRING_AT('t', "type", struct price_args, type, "TYPE", "this instance type only"),
	OPT_FLAG_AT(0, "spot", struct price_args, spot, "only types sold as spot"),
	OPT_FLAG_AT(0, "all-regions", struct price_args, all_regions,
		    "every region of the account"),
	OPT_END,
};

/* An offer with its least spot price now. */
struct row {
	const struct offer *offer;
	int64_t spot;
	const char *zone;
	int64_t as_of;
};

static int64_t least_price(const struct row *row)
{
	int64_t on_demand = row->offer->on_demand;

	if (row->spot == MONEY_UNKNOWN)
		return on_demand == MONEY_UNKNOWN ? INT64_MAX : on_demand;
	return on_demand != MONEY_UNKNOWN && on_demand < row->spot ? on_demand : row->spot;
}

static int by_price(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int64_t p = least_price(x), q = least_price(y);

	if (p != q)
		return p < q ? -1 : 1;
	int order = strcmp(x->offer->type, y->offer->type);
	return order ? order : strcmp(x->offer->region, y->offer->region);
}

static void find_spot(const struct spot_history *history, struct row *row)
{
	for (size_t i = 0; i < history->nr; i++) {
		const struct spot_series *series = &history->v[i];

		if (!series->nr || strcmp(series->type, row->offer->type) != 0 ||
		    strcmp(series->region, row->offer->region) != 0)
			continue;
		const struct price_point *last = &series->v[series->nr - 1];
		if (row->spot != MONEY_UNKNOWN && last->micros >= row->spot)
			continue;
		row->spot = last->micros;
		row->zone = series->zone.name;
		row->as_of = last->time;
	}
}

static const char *saving(struct arena *arena, const struct row *row)
{
	if (row->spot == MONEY_UNKNOWN || row->offer->on_demand == MONEY_UNKNOWN)
		return "";
	return arena_printf(arena, "%.0f%%",
			    100.0 * (1.0 - (double)row->spot / (double)row->offer->on_demand));
}

static void print_table(struct cli *cli, struct arena *arena, const struct row *rows, size_t nr)
{
	static const struct table_column columns[] = {
		{ .title = "REGION" },
		{ .title = "TYPE" },
		{ .title = "GPU" },
		{ .title = "GPU MEM", .right = true },
		{ .title = "VCPU", .right = true, .wide = true },
		{ .title = "MEM", .right = true, .wide = true },
		{ .title = "ON DEMAND", .right = true },
		{ .title = "AS OF", .wide = true },
		{ .title = "SPOT NOW", .right = true },
		{ .title = "ZONE", .wide = true },
		{ .title = "SAVING", .right = true },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < nr; i++) {
		const struct offer *offer = rows[i].offer;
		char date[TIME_TEXT_MAX];
		const char *cells[] = {
			offer->region,
			offer->type,
			offer->gpu_fraction < 1.0 && offer->gpu_count
				? arena_printf(arena, "%.3gx %s", offer->gpu_fraction, offer->gpu)
				: arena_printf(arena, "%ux %s", offer->gpu_count, offer->gpu),
			arena_printf(arena, "%.0f GiB", (double)offer->gpu_mem_mib / 1024),
			arena_printf(arena, "%u", offer->vcpus),
			arena_printf(arena, "%.0f GiB", (double)offer->mem_mib / 1024),
			text_money(arena, offer->on_demand),
			offer->on_demand == MONEY_UNKNOWN
				? ""
				: arena_printf(arena, "%s%s",
					       time_format_date(date, offer->on_demand_as_of),
					       offer->on_demand_builtin ? " (built in)" : ""),
			rows[i].spot == MONEY_UNKNOWN ? "" : text_money(arena, rows[i].spot),
			rows[i].zone ? rows[i].zone : "",
			saving(arena, &rows[i]),
		};
		table_row(table, cells);
	}
	table_print(table);
	table_free(table);
}

static void print_json(struct cli *cli, const struct row *rows, size_t nr,
		       const struct offer_list *offers)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(object, "offers");

	for (size_t i = 0; i < nr; i++) {
		const struct offer *offer = rows[i].offer;
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "provider", offer->provider);
		cJSON_AddStringToObject(one, "region", offer->region);
		cJSON_AddStringToObject(one, "type", offer->type);
		cJSON_AddStringToObject(one, "gpu", offer->gpu);
		cJSON_AddStringToObject(one, "arch", offer->arch);
		cJSON_AddNumberToObject(one, "gpu_count", offer->gpu_count);
		cJSON_AddNumberToObject(one, "gpu_fraction", offer->gpu_fraction);
		cJSON_AddNumberToObject(one, "gpu_mem_mib", (double)offer->gpu_mem_mib);
		cJSON_AddNumberToObject(one, "vcpus", offer->vcpus);
		cJSON_AddNumberToObject(one, "mem_mib", (double)offer->mem_mib);
		json_add_money(one, "on_demand", offer->on_demand);
		json_add_time(one, "on_demand_as_of",
			      offer->on_demand == MONEY_UNKNOWN ? 0 : offer->on_demand_as_of);
		cJSON_AddBoolToObject(one, "on_demand_builtin", offer->on_demand_builtin);
		json_add_money(one, "spot", rows[i].spot);
		cJSON_AddStringToObject(one, "spot_zone", rows[i].zone ? rows[i].zone : "");
		json_add_time(one, "spot_since", rows[i].as_of);
		cJSON_AddItemToArray(array, one);
	}
	json_add_failures(object, offers->failures, offers->nr_failures);
	cli_json_print(cli, object);
}

/* One question for the spot prices of every type found, in every region. */
static int ask_spot(struct fleet *fleet, const char *const *regions, size_t nr_regions,
		    struct row *rows, size_t nr, struct spot_history *ret, struct error *err)
{
	const char **types = xcalloc(nr, sizeof(*types));
	size_t nr_types = 0;
	int64_t now = clock_now(fleet->clock);

	for (size_t i = 0; i < nr; i++) {
		bool known = false;

		for (size_t k = 0; k < nr_types; k++)
			known |= strcmp(types[k], rows[i].offer->type) == 0;
		if (!known && rows[i].offer->spot)
			types[nr_types++] = rows[i].offer->type;
	}
	const struct spot_query query = {
		.regions = regions,
		.nr_regions = nr_regions,
		.types = types,
		.nr_types = nr_types,
		.since = now,
		.until = now,
	};
	int rc = nr_types ? fleet->ops->spot_history(fleet->provider, &query, ret, err) : 0;
	free(types);
	for (size_t i = 0; rc == 0 && i < nr; i++)
		find_spot(ret, &rows[i]);
	return rc;
}

static int show(struct cli *cli, struct fleet *fleet, const struct price_args *args,
		const struct offer_list *offers, const char *const *regions, size_t nr_regions)
{
	struct row *rows = xcalloc(offers->nr, sizeof(*rows));
	struct spot_history history = { 0 };
	struct arena arena = { 0 };
	struct error *err = &cli->error;
	size_t nr = 0;

	for (size_t i = 0; i < offers->nr; i++)
		if (offers->v[i].spot || !args->spot)
			rows[nr++] = (struct row){ .offer = &offers->v[i], .spot = MONEY_UNKNOWN };
	int rc = 0;
	if (fleet->ops->caps & PROVIDER_CAP_SPOT)
		rc = ask_spot(fleet, regions, nr_regions, rows, nr, &history, err);
	progress_end(cli);
	if (rc == 0 && !nr) {
		rc = error_set(err, ERROR_NOT_FOUND, "nothing of that kind is offered there");
		error_hint(err, "gpucloud price --all-regions");
	} else if (rc == 0) {
		qsort(rows, nr, sizeof(*rows), by_price);
		if (cli->json) {
			print_json(cli, rows, nr, offers);
		} else {
			print_table(cli, &arena, rows, nr);
		}
		cli_warn_failures(cli, offers->failures, offers->nr_failures);
		rc = offers->nr_failures ? 1 : 0;
	}
	free(rows);
	arena_release(&arena);
	spot_history_release(&history);
	return rc;
}

static int price_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct price_args *args = data;
	struct fleet fleet = { 0 };
	struct arena arena = { 0 };
	struct offer_list offers = { 0 };
	const char *named, *const *regions;
	size_t nr_regions;
	int rc = -1;

	if (argc && args->type)
		return cli_usage(cli, "name the type once: '%s' or --type", argv[0]);
	progress_start(cli, "asking for prices");
	if (cli_open_fleet(cli, &fleet, false) < 0)
		return -1;
	struct region_choice choice = cli_named_regions(cli, &named);
	choice.all = args->all_regions;
	struct offer_query query = {
		.type = argc ? argv[0] : args->type,
		.gpu = args->gpu,
		.gpu_count = args->gpus,
		.all_arches = true,
	};
	if (fleet_regions(&fleet, &choice, &arena, &regions, &nr_regions, &cli->error) == 0) {
		query.regions = regions;
		query.nr_regions = nr_regions;
		if (fleet.ops->offers(fleet.provider, &query, &offers, &cli->error) == 0)
			rc = show(cli, &fleet, args, &offers, regions, nr_regions);
		else if (nr_regions == 1)
			fleet_explain_region(&fleet, regions[0], &cli->error);
	}
	progress_end(cli);
	offer_list_release(&offers);
	arena_release(&arena);
	fleet_close(&fleet);
	return rc;
}

const struct command cmd_price = {
	.name = "price",
	.group = "Look",
	.summary = "what GPUs cost: on demand, and as spot now",
	.usage = "gpucloud price [TYPE] [options]",
	.details = "On-demand prices come from the cloud's price list or, where that cannot be\n"
		   "asked, from a built-in table whose date is shown. Cheapest first. Dollars per\n"
		   "hour, Linux, without disk and traffic. --region may name several, with commas.",
	.opts = price_opts,
	.args_size = sizeof(struct price_args),
	.examples = "gpucloud price --gpu V100\n"
		    "gpucloud price g5.xlarge --all-regions\n"
		    "gpucloud --json price --gpus 8 --region us-east-1,us-west-2\n",
	.exits = "3 nothing of that kind is offered there\n",
	.max_args = 1,
	.run = price_run,
};
