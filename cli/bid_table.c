/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bid_table.h"

#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/table.h"

enum {
	COL_TYPE,
	COL_REGION,
	COL_ZONE,
	COL_BID,
	COL_MAX_PRICE,
	COL_BILLING,
	COL_COST,
	COL_SAVES,
	COL_UNINTERRUPTED,
	COL_IN_TIME,
	COL_P95,
	COL_HOURS,
	COL_INTERRUPTIONS,
	COL_FINISHED,
	COL_CHOICE,
	COL_NR
};

/* COST flatters what is seldom in time: IN TIME is the last to be left out. */
static const struct table_column columns[COL_NR] = {
	[COL_TYPE] = { .title = "TYPE" },
	[COL_REGION] = { .title = "REGION" },
	[COL_ZONE] = { .title = "ZONE" },
	[COL_BID] = { .title = "BID" },
	[COL_MAX_PRICE] = { .title = "MAX PRICE", .right = true },
	[COL_BILLING] = { .title = "BILLED" },
	[COL_COST] = { .title = "COST", .right = true },
	[COL_SAVES] = { .title = "SAVES", .right = true, .wide = 2 },
	[COL_UNINTERRUPTED] = { .title = "UNBROKEN", .right = true, .wide = 3 },
	[COL_P95] = { .title = "P95 COST", .right = true, .wide = 4 },
	[COL_IN_TIME] = { .title = "IN TIME", .right = true, .wide = 1 },
	[COL_HOURS] = { .title = "HOURS", .right = true, .wide = 5 },
	[COL_INTERRUPTIONS] = { .title = "INTERR.", .right = true, .wide = 6 },
	[COL_FINISHED] = { .title = "FINISHED", .right = true, .wide = 7 },
	[COL_CHOICE] = { .title = "CHOICE", .cut = true },
};

static bool wont_start(const struct bid_line *line)
{
	return line->place == BID_IN_ZONE && (line->now == MONEY_UNKNOWN || line->now > line->bid);
}

/* The same to the last start: which of the two was bid made no difference. */
static bool fared_alike(const struct bid_line *x, const struct bid_line *y)
{
	const struct walk_result *a = &x->result, *b = &y->result;

	if (x->place != y->place || x->zone != y->zone || x->billing != y->billing ||
	    wont_start(x) != wont_start(y))
		return false;
	return a->starts == b->starts && a->none == b->none && a->unknown == b->unknown &&
	       a->finished == b->finished && a->in_time == b->in_time &&
	       a->uninterrupted == b->uninterrupted && !(a->mean_cost < b->mean_cost) &&
	       !(a->mean_cost > b->mean_cost) && !(a->mean_makespan_s < b->mean_makespan_s) &&
	       !(a->mean_makespan_s > b->mean_makespan_s) &&
	       !(a->interruptions < b->interruptions) && !(a->interruptions > b->interruptions);
}

/* "51% 76% 101%", or the ends of more than three. */
static const char *labels(struct arena *arena, const struct bid_line *lines, size_t nr)
{
	if (nr > 3)
		return arena_printf(arena, "%s .. %s", lines[0].label, lines[nr - 1].label);
	const char *text = lines[0].label;
	for (size_t i = 1; i < nr; i++)
		text = arena_printf(arena, "%s %s", text, lines[i].label);
	return text;
}

static const char *share(struct arena *arena, double value)
{
	return isnan(value) ? "" : arena_printf(arena, "%.1f%%", advice_percent(value));
}

/* A cost of next to nothing is not shown as nothing. */
static const char *dollars(const struct cli *cli, struct arena *arena, double value)
{
	int decimals = cli->out_terminal ? 2 : 4;

	if (value > 0 && value < 0.01)
		decimals = value < 0.0001 ? 8 : 6;
	return arena_printf(arena, "%.*f", decimals, value);
}

/* What was taken most, by the rule or as advised. */
static const char *mostly(struct arena *arena, const struct bid_market *judged,
			  const struct bid_line *line)
{
	size_t most = 0;

	for (size_t z = 1; z < judged->market->nr; z++)
		if (line->chosen[z] > line->chosen[most])
			most = z;
	size_t times = judged->market->nr ? line->chosen[most] : 0;
	const char *name = times ? judged->market->zones[most].name : "";

	if (line->chosen_on_demand > times) {
		times = line->chosen_on_demand;
		name = "on demand";
	}
	if (!times)
		return "no zone was fit";
	return arena_printf(arena, "%s %.0f%%", name,
			    100.0 * (double)times / (double)line->result.starts);
}

/* advice_verdict_text() is a sentence; a column of figures is worth more than its words. */
static const char *short_verdict(const struct bid_line *line)
{
	switch (line->verdict) {
	case ADVICE_BEST:
		return "<-";
	case ADVICE_DEARER:
		break;
	case ADVICE_TOO_LATE:
		return "seldom in time";
	case ADVICE_UNPROVEN:
		return "unproven";
	case ADVICE_WONT_START:
		return line->now == MONEY_UNKNOWN ? "price unknown" : "price above bid";
	}
	return "";
}

static const char *choice(struct arena *arena, const struct bid_market *judged,
			  const struct bid_line *lines, size_t nr)
{
	if (lines->chosen)
		return mostly(arena, judged, lines);
	for (size_t i = 0; i < nr; i++)
		if (lines[i].judged && lines[i].verdict == ADVICE_BEST)
			return short_verdict(&lines[i]);
	return lines->judged ? short_verdict(lines) : "";
}

static const char *place(const struct bid_market *judged, const struct bid_line *line)
{
	switch (line->place) {
	case BID_BY_RULE:
		return "book rule";
	case BID_AS_ADVISED:
		return "as advised";
	case BID_ON_DEMAND:
		return "on demand";
	case BID_IN_ZONE:
		break;
	}
	return judged->market->zones[line->zone].name;
}

static void fill_figures(struct cli *cli, struct arena *arena, const struct bid_market *judged,
			 const struct bid_line *line, const char **cells)
{
	const struct walk_result *result = &line->result;
	size_t told = result->starts - result->none;
	double on_demand = job_on_demand_cost(&judged->walk.job, judged->on_demand, line->billing);

	cells[COL_UNINTERRUPTED] = share(arena, bid_share_uninterrupted(result));
	cells[COL_IN_TIME] = share(arena, bid_share_in_time(result));
	cells[COL_FINISHED] =
		share(arena, told ? (double)result->finished / (double)told : (double)NAN);
	if (!result->finished)
		return;
	cells[COL_COST] = dollars(cli, arena, result->mean_cost);
	cells[COL_P95] = dollars(cli, arena, result->p95_cost);
	cells[COL_HOURS] = arena_printf(arena, "%.1f", result->mean_makespan_s / 3600);
	cells[COL_INTERRUPTIONS] = arena_printf(arena, "%.2f", result->interruptions);
	if (line->place != BID_ON_DEMAND)
		cells[COL_SAVES] = arena_printf(arena, "%.0f%%",
						100.0 * (1.0 - result->mean_cost / on_demand));
}

/* lines: nr of them that share this row. */
static void add_row(struct cli *cli, struct arena *arena, const struct bid_market *judged,
		    const struct bid_line *lines, size_t nr, const char **cells)
{
	cells[COL_TYPE] = judged->market->type;
	cells[COL_REGION] = judged->market->region;
	cells[COL_ZONE] = place(judged, lines);
	cells[COL_BID] = labels(arena, lines, nr);
	if (lines->bid)
		cells[COL_MAX_PRICE] = text_money(arena, lines->bid);
	cells[COL_BILLING] = billing_name(lines->billing);
	fill_figures(cli, arena, judged, lines, cells);
	cells[COL_CHOICE] = choice(arena, judged, lines, nr);
}

/* Type, region and the exact cap stand above and below the table; a pipe has only its rows. */
static bool is_shown(const struct cli *cli, const struct bid_market *judged, size_t column)
{
	if (!cli->out_terminal)
		return true;
	if (column == COL_BILLING)
		return judged->lines[0].billing != judged->lines[judged->nr - 1].billing;
	return column != COL_TYPE && column != COL_REGION && column != COL_MAX_PRICE;
}

void bid_table_show(struct cli *cli, struct arena *arena, const struct bid_market *judged)
{
	struct table_column shown[COL_NR];
	size_t of[COL_NR], nr_shown = 0;

	for (size_t c = 0; c < COL_NR; c++) {
		if (!is_shown(cli, judged, c))
			continue;
		shown[nr_shown] = columns[c];
		of[nr_shown++] = c;
	}
	struct table *table = table_new(cli, shown, nr_shown);
	for (size_t i = 0, end; i < judged->nr; i = end) {
		const char *cells[COL_NR] = { NULL }, *row[COL_NR] = { NULL };
		bool best = false;

		for (end = i + 1; end < judged->nr && cli->out_terminal; end++)
			if (!fared_alike(&judged->lines[i], &judged->lines[end]))
				break;
		for (size_t k = i; k < end; k++)
			best |= &judged->lines[k] == judged->best;
		add_row(cli, arena, judged, &judged->lines[i], end - i, cells);
		for (size_t c = 0; c < nr_shown; c++)
			row[c] = cells[of[c]];
		if (best)
			table_row_bold(table, row);
		else
			table_row(table, row);
	}
	table_print(table);
	table_free(table);
}
