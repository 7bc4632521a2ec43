/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/price_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "bidding/series.h"
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/history_view.h"
#include "cli/out.h"
#include "cli/table.h"
#include "core/mem.h"
#include "core/timefmt.h"

#define DAY_HOURS  24.0
#define YEAR_HOURS (365.0 * 8) /* of somebody who uses it in office hours, every day */

static bool is_of(const struct spot_series *series, const struct offer *offer)
{
	return strcmp(series->type, offer->type) == 0 && strcmp(series->region, offer->region) == 0;
}

static void take_now(struct price_row *row, const struct spot_series *from,
		     const struct price_series *series, int64_t now)
{
	const struct price_point *last = history_last(series, now + 1);

	if (!last || (row->spot != MONEY_UNKNOWN && last->micros >= row->spot))
		return;
	row->spot = last->micros;
	row->zone = &from->zone;
	row->since = last->time;
}

static int take_paid(struct price_row *row, const struct spot_series *from,
		     const struct price_series *series, int64_t now, struct error *err)
{
	struct price_stats stats;
	struct error why = ERROR_INIT;

	if (price_stats_compute(series, now - PRICE_OWN_WINDOW_S, now, &stats, &why) < 0) {
		if (why.kind == ERROR_NOT_FOUND)
			return 0; /* nothing is known of this zone in that time */
		*err = why;
		return -1;
	}
	int64_t mean = (int64_t)llround(stats.mean * (double)USD_MICROS);
	if (mean <= 0 || (row->paid.rate != MONEY_UNKNOWN && mean >= row->paid.rate))
		return 0;
	row->paid.rate = mean;
	row->paid_zone = &from->zone;
	row->paid_covered_s = stats.covered_s;
	return 0;
}

static int fill_own(const struct price_view *view, struct price_own *own, struct error *err)
{
	if (own->rate == MONEY_UNKNOWN)
		return 0;
	return own_break_even(&view->own, own->rate, &own->hours, err);
}

static int fill_row(const struct price_view *view, const struct spot_history *history,
		    struct price_row *row, struct error *err)
{
	row->spot = row->paid.rate = MONEY_UNKNOWN;
	row->on_demand.rate = row->offer->on_demand > 0 ? row->offer->on_demand : MONEY_UNKNOWN;
	for (size_t i = 0; i < history->nr; i++) {
		const struct spot_series *from = &history->v[i];
		const struct price_series series = { from->zone.name, from->v, from->nr };

		if (!is_of(from, row->offer))
			continue;
		take_now(row, from, &series, view->now);
		if (view->owning && take_paid(row, from, &series, view->now, err) < 0)
			return -1;
	}
	if (!view->owning)
		return 0;
	return fill_own(view, &row->on_demand, err) < 0 || fill_own(view, &row->paid, err) < 0 ? -1
											       : 0;
}

int price_view_fill(struct price_view *view, const struct spot_history *history, struct error *err)
{
	for (size_t i = 0; i < view->nr; i++)
		if (fill_row(view, history, &view->rows[i], err) < 0)
			return -1;
	return 0;
}

static int64_t least_price(const struct price_row *row)
{
	int64_t on_demand = row->offer->on_demand;

	if (row->spot == MONEY_UNKNOWN)
		return on_demand == MONEY_UNKNOWN ? INT64_MAX : on_demand;
	return on_demand != MONEY_UNKNOWN && on_demand < row->spot ? on_demand : row->spot;
}

static int by_price(const void *a, const void *b)
{
	const struct price_row *x = a, *y = b;
	int64_t p = least_price(x), q = least_price(y);

	if (p != q)
		return p < q ? -1 : 1;
	int order = strcmp(x->offer->type, y->offer->type);
	return order ? order : strcmp(x->offer->region, y->offer->region);
}

void price_view_sort(struct price_view *view)
{
	if (view->nr)
		qsort(view->rows, view->nr, sizeof(*view->rows), by_price);
}

static const char *saving(struct arena *arena, const struct price_row *row)
{
	if (row->spot == MONEY_UNKNOWN || row->offer->on_demand == MONEY_UNKNOWN ||
	    row->offer->on_demand == 0)
		return "";
	/* As a whole number: a trace above on demand is "0%", not "-0%". */
	return arena_printf(
		arena, "%ld%%",
		lround(100.0 * (1.0 - (double)row->spot / (double)row->offer->on_demand)));
}

static const char *gpu_text(struct arena *arena, const struct offer *offer)
{
	if (offer->gpu_count && offer->gpu_fraction < 1.0)
		return arena_printf(arena, "%.3gx %s", offer->gpu_fraction, offer->gpu);
	return arena_printf(arena, "%ux %s", offer->gpu_count, offer->gpu);
}

/* "3 h": the largest unit says enough of how old a price is. */
static const char *age_text(struct arena *arena, int64_t age_s)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" } };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (age_s >= units[i].seconds)
			return arena_printf(arena, "%lld %s", (long long)(age_s / units[i].seconds),
					    units[i].unit);
	return arena_printf(arena, "%lld s", (long long)age_s);
}

static const char *as_of_text(struct arena *arena, const struct offer *offer)
{
	char date[TIME_TEXT_MAX];

	if (offer->on_demand == MONEY_UNKNOWN)
		return "";
	return arena_printf(arena, "%s%s", time_format_date(date, offer->on_demand_as_of),
			    offer->on_demand_builtin ? " (built in)" : "");
}

static void print_prices(struct cli *cli, struct arena *arena, const struct price_view *view)
{
	static const struct table_column columns[] = {
		{ .title = "REGION" },
		{ .title = "TYPE" },
		{ .title = "GPU" },
		{ .title = "GPU MEM", .right = true, .wide = true },
		{ .title = "VCPU", .right = true, .wide = true },
		{ .title = "MEM", .right = true, .wide = true },
		{ .title = "ON DEMAND", .right = true },
		{ .title = "AS OF", .wide = true },
		{ .title = "SPOT NOW", .right = true },
		{ .title = "AGE", .right = true },
		{ .title = "ZONE", .wide = true },
		{ .title = "SAVING", .right = true },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < view->nr; i++) {
		const struct price_row *row = &view->rows[i];
		const struct offer *offer = row->offer;
		bool known = row->spot != MONEY_UNKNOWN;
		const char *cells[] = {
			offer->region,
			offer->type,
			gpu_text(arena, offer),
			arena_printf(arena, "%.0f GiB", (double)offer->gpu_mem_mib / 1024),
			arena_printf(arena, "%u", offer->vcpus),
			arena_printf(arena, "%.0f GiB", (double)offer->mem_mib / 1024),
			text_money(arena, offer->on_demand),
			as_of_text(arena, offer),
			known ? text_money(arena, row->spot) : "",
			known ? age_text(arena, view->now - row->since) : "",
			known ? row->zone->name : "",
			saving(arena, row),
		};
		table_row(table, cells);
	}
	table_print(table);
	table_free(table);
}

static void own_row(struct table *table, struct arena *arena, const struct price_row *row,
		    const char *rented, const struct price_own *own)
{
	bool known = own->rate != MONEY_UNKNOWN, ever = known && isfinite(own->hours);
	const char *cells[] = {
		row->offer->region,
		row->offer->type,
		gpu_text(arena, row->offer),
		rented,
		known ? arena_printf(arena, "%.4f", (double)own->rate / (double)USD_MICROS) : "?",
		!known ? ""
		: ever ? arena_printf(arena, "%.0f", own->hours)
		       : "never",
		ever ? arena_printf(arena, "%.1f", own->hours / DAY_HOURS) : "",
		ever ? arena_printf(arena, "%.1f", own->hours / YEAR_HOURS) : "",
	};

	table_row(table, cells);
}

static void print_own(struct cli *cli, struct arena *arena, const struct price_view *view)
{
	static const struct table_column columns[] = {
		{ .title = "REGION", .wide = true }, { .title = "TYPE" },
		{ .title = "GPU", .wide = true },    { .title = "RENTED" },
		{ .title = "$/H", .right = true },   { .title = "HOURS", .right = true },
		{ .title = "DAYS", .right = true },  { .title = "YEARS 8H/D", .right = true },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));

	char price[MONEY_TEXT_MAX], running[MONEY_TEXT_MAX];

	cli_note(cli,
		 "buying for $%s%s%s%s beats renting after so many hours of use (days of 24 h, "
		 "years of 365 days of 8 h)",
		 money_format(price, view->own.price, 2), view->own.running_cost ? " and $" : "",
		 view->own.running_cost ? money_format(running, view->own.running_cost, 2) : "",
		 view->own.running_cost ? " an hour of use" : "");
	for (size_t i = 0; i < view->nr; i++) {
		const struct price_row *row = &view->rows[i];

		own_row(table, arena, row, "on demand", &row->on_demand);
		if (row->paid.rate != MONEY_UNKNOWN)
			own_row(table, arena, row,
				arena_printf(arena, "spot %s", row->paid_zone->name), &row->paid);
	}
	table_print(table);
	table_free(table);
	cli_note(cli, "spot: the zone of the least mean price; what was paid there without a cap, "
		      "over the last 90 days as far as they are known, weighted by time");
}

static cJSON *own_json(const struct price_own *own)
{
	cJSON *object = cJSON_CreateObject();
	bool known = own->rate != MONEY_UNKNOWN, ever = known && isfinite(own->hours);
	const struct {
		const char *name;
		double per;
	} members[] = { { "hours", 1.0 }, { "days", DAY_HOURS }, { "years_8h", YEAR_HOURS } };

	json_add_money(object, "usd_per_hour", own->rate);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (ever)
			cJSON_AddNumberToObject(object, members[i].name,
						own->hours / members[i].per);
		else
			cJSON_AddNullToObject(object, members[i].name);
	if (known)
		cJSON_AddBoolToObject(object, "never", !ever);
	else
		cJSON_AddNullToObject(object, "never");
	return object;
}

static void add_own(cJSON *object, const struct price_row *row)
{
	cJSON *own = cJSON_AddObjectToObject(object, "own");
	cJSON *paid = own_json(&row->paid);

	cJSON_AddItemToObject(own, "on_demand", own_json(&row->on_demand));
	cJSON_AddStringToObject(paid, "zone", row->paid_zone ? row->paid_zone->name : "");
	cJSON_AddStringToObject(paid, "zone_id", row->paid_zone ? row->paid_zone->id : "");
	cJSON_AddNumberToObject(paid, "covered_s", (double)row->paid_covered_s);
	cJSON_AddItemToObject(own, "spot_paid", paid);
}

static cJSON *row_json(const struct price_view *view, const struct price_row *row)
{
	const struct offer *offer = row->offer;
	cJSON *one = cJSON_CreateObject();
	bool known = row->spot != MONEY_UNKNOWN;

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
	json_add_money(one, "spot", row->spot);
	cJSON_AddStringToObject(one, "spot_zone", known ? row->zone->name : "");
	cJSON_AddStringToObject(one, "spot_zone_id", known ? row->zone->id : "");
	json_add_time(one, "spot_since", known ? row->since : 0);
	if (known)
		cJSON_AddNumberToObject(one, "spot_age_s", (double)(view->now - row->since));
	else
		cJSON_AddNullToObject(one, "spot_age_s");
	if (view->owning)
		add_own(one, row);
	return one;
}

static void print_json(struct cli *cli, const struct price_view *view)
{
	cJSON *object = cJSON_CreateObject();

	if (view->owning) {
		cJSON *own = cJSON_AddObjectToObject(object, "own");

		json_add_money(own, "price", view->own.price);
		json_add_money(own, "running_per_hour", view->own.running_cost);
	}
	cJSON *array = cJSON_AddArrayToObject(object, "offers");
	for (size_t i = 0; i < view->nr; i++)
		cJSON_AddItemToArray(array, row_json(view, &view->rows[i]));
	json_add_failures(object, view->failures, view->nr_failures);
	cli_json_print(cli, object);
}

void price_view_show(struct cli *cli, const struct price_view *view)
{
	struct arena arena = { 0 };

	if (cli->json)
		print_json(cli, view);
	else if (view->owning)
		print_own(cli, &arena, view);
	else
		print_prices(cli, &arena, view);
	arena_release(&arena);
}
