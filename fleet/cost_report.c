/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/cost_report.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/cost_ahead.h"
#include "fleet/cost_report_internal.h"
#include "fleet/look.h"

#define DAY_S INT64_C(86400)

void cost_report_release(struct cost_report *report)
{
	arena_release(&report->arena);
	memset(report, 0, sizeof(*report));
}

struct making {
	const struct cost_query *query;
	struct cost_report report;
	size_t cap;
	size_t item; /* at work, counted from 1 */
};

/* The line of that key, or a new one. Days come in order within an item, so it is often the last. */
static struct cost_line *line_of(struct making *making, const char *key)
{
	struct cost_report *report = &making->report;

	for (size_t i = report->nr; i > 0; i--)
		if (strcmp(report->v[i - 1].key, key) == 0)
			return &report->v[i - 1];
	report->v =
		arena_grow(&report->arena, report->v, report->nr, &making->cap, sizeof(*report->v));
	report->v[report->nr] = (struct cost_line){ .key = arena_strdup(&report->arena, key) };
	return &report->v[report->nr++];
}

static void add_money(struct cost_line *line, const struct bill_sum *sum, bool free)
{
	line->seconds += sum->seconds;
	if (!free && sum->total == MONEY_UNKNOWN) {
		line->unknown = true;
		line->unknown_s += sum->seconds;
	} else if (!free) {
		line->total += sum->total;
	}
	if (sum->on_demand_total == MONEY_UNKNOWN) {
		line->unknown_on_demand = true;
		line->unknown_on_demand_s += sum->seconds;
	} else {
		line->on_demand_total += sum->on_demand_total;
	}
}

static void add_to(struct making *making, struct cost_line *line, const struct cost_basis *basis,
		   bool spot, const struct bill_sum *sum)
{
	add_money(line, sum, basis->free);
	line->estimated |= basis->estimated;
	line->unfollowed |= spot && !basis->followed && !basis->free;
	line->launches += line->last != making->item;
	line->last = making->item;
}

/* The end of what is billed: a minute at least. */
static int64_t billed_end(const struct cost_basis *basis)
{
	const struct bill_run *last = &basis->bill.runs[basis->bill.nr_runs - 1];

	return last->to - last->from < BILLED_MIN_S ? last->from + BILLED_MIN_S : last->to;
}

static void add_days(struct making *making, const struct cost_basis *basis, bool spot, int64_t from,
		     int64_t to)
{
	for (int64_t day = from - from % DAY_S; day < to; day += DAY_S) {
		int64_t since = day > from ? day : from;
		int64_t until = day + DAY_S < to ? day + DAY_S : to;
		char key[TIME_TEXT_MAX];
		struct bill_sum sum;

		bill_between(&basis->bill, since, until, &sum);
		if (!sum.seconds && !sum.total)
			continue; /* it was stopped */
		time_format_date(key, day);
		if (making->query->by == COST_BY_MONTH)
			key[7] = '\0';
		add_to(making, line_of(making, key), basis, spot, &sum);
	}
}

static void describe(struct making *making, struct cost_line *line, const struct cost_item *item,
		     const struct cost_basis *basis)
{
	struct arena *arena = &making->report.arena;
	const struct launch_row *row = item->row;
	const struct instance *instance = item->instance;

	line->name = arena_strdup(arena, row ? row->name : instance->name);
	line->provider = arena_strdup(arena, row ? row->provider : instance->provider);
	line->account = arena_strdup(arena, row ? row->account : "");
	line->region = arena_strdup(arena, row ? row->region : instance->region);
	line->zone = arena_strdup(arena, row ? row->zone : instance->zone.name);
	line->type = arena_strdup(arena, row ? row->type : instance->type);
	line->spot = row ? row->spot : instance->spot;
	line->began = basis->bill.runs[0].from;
	line->runs = basis->runs;
	line->ended = basis->runs ? 0 : basis->end;
	line->free = basis->free;
}

static void add_basis(struct making *making, const struct cost_item *item,
		      const struct cost_basis *basis)
{
	const struct cost_query *query = making->query;
	bool spot = item->row ? item->row->spot : item->instance->spot;
	struct bill_sum sum;

	if (!basis->bill.nr_runs)
		return;
	int64_t from = basis->bill.runs[0].from, to = billed_end(basis);
	from = from > query->since ? from : query->since;
	to = to < query->until ? to : query->until;
	if (from >= to)
		return;
	making->item++;
	bill_between(&basis->bill, from, to, &sum);
	add_to(making, &making->report.sum, basis, spot, &sum);
	if (query->by == COST_BY_DAY || query->by == COST_BY_MONTH) {
		add_days(making, basis, spot, from, to);
		return;
	}
	const char *id = item->row ? item->row->instance : item->instance->id;
	const char *name = item->row ? item->row->name : item->instance->name;
	struct cost_line *line = line_of(making, query->by == COST_BY_NAME ? name : id);
	add_to(making, line, basis, spot, &sum);
	if (query->by == COST_BY_INSTANCE)
		describe(making, line, item, basis);
}

/* Enough of an instance for its prices to be asked for. */
static struct instance instance_of_row(const struct launch_row *row)
{
	return (struct instance){
		.provider = row->provider,
		.region = row->region,
		.zone = { row->zone, "" },
		.id = row->instance,
		.type = row->type,
		.state = INSTANCE_GONE,
		.reason = "",
		.spot = row->spot,
		.public_ip = "",
		.name = row->name,
		.owner = row->owner,
		.launch_id = row->id,
	};
}

/* What is asked about: an end that nobody saw is worth a question too. */
static const struct instance *asked_about(struct cost_item *item, struct arena *arena, bool ask)
{
	struct instance *made;

	if (item->instance || !item->row || !ask ||
	    (!item->gone_unseen && item->row->state != LAUNCH_ENDED))
		return item->instance;
	made = arena_alloc(arena, sizeof(*made));
	*made = instance_of_row(item->row);
	return made;
}

/* One question for each type of a region, whatever the number of instances. */
static void add_items(struct fleet *fleet, struct making *making, struct cost_items *items)
{
	struct cost_want *wants = xcalloc(items->nr + 1, sizeof(*wants));
	bool ask = making->query->ask;

	for (size_t i = 0; i < items->nr; i++) {
		struct cost_item *item = &items->v[i];
		const struct instance *instance = asked_about(item, &items->arena, ask);

		int64_t now = ask ? look_now(fleet, fleet->provider,
					     instance ? instance->region : item->row->region)
				  : making->query->now;
		wants[i] = (struct cost_want){ item->row, instance, now };
	}
	fleet->ahead = ask ? cost_ahead_ask(fleet, wants, items->nr) : NULL;
	for (size_t i = 0; i < items->nr; i++) {
		struct cost_basis basis;

		cost_basis_make(fleet, items->v[i].row, wants[i].instance, wants[i].until, ask,
				&basis);
		add_basis(making, &items->v[i], &basis);
		cost_basis_release(&basis);
	}
	cost_ahead_free(fleet->ahead);
	fleet->ahead = NULL;
	free(wants);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct cost_line *)a)->key, ((const struct cost_line *)b)->key);
}

static int by_launch(const void *a, const void *b)
{
	const struct cost_line *x = a, *y = b;

	if (x->began != y->began)
		return x->began < y->began ? -1 : 1;
	return x->last < y->last ? -1 : x->last > y->last;
}

static void take_failures(struct cost_report *report, const struct cost_items *items)
{
	size_t nr = 0;

	for (size_t i = 0; i < items->nr_lists; i++)
		nr += items->lists[i].nr_failures;
	report->failures = arena_alloc(&report->arena, (nr + 1) * sizeof(*report->failures));
	for (size_t i = 0; i < items->nr_lists; i++)
		for (size_t k = 0; k < items->lists[i].nr_failures; k++) {
			struct region_failure *one = &report->failures[report->nr_failures++];

			*one = items->lists[i].failures[k];
			one->region = arena_strdup(&report->arena, one->region);
		}
}

int cost_report_make(struct fleet *fleet, const struct cost_query *query, struct cost_report *ret,
		     struct error *err)
{
	struct making making = { .query = query };
	struct cost_items items;

	if (cost_items_find(fleet, query, &items, err) < 0)
		return -1;
	add_items(fleet, &making, &items);
	take_failures(&making.report, &items);
	cost_items_release(&items);
	making.report.sum.key = "total";
	if (making.report.nr)
		qsort(making.report.v, making.report.nr, sizeof(*making.report.v),
		      query->by == COST_BY_INSTANCE ? by_launch : by_key);
	*ret = making.report;
	return 0;
}
