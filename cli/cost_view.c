/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cost_view.h"

#include <inttypes.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/table.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/cost_report.h"

static const char *const by_names[] = { "instance", "name", "day", "month" };

/* --- for people ---------------------------------------------------------------------------- */

/* "12.3400", "< 12.3400": at most; "12.3400 + ?": and what is not known; "?". */
static const char *money(struct arena *arena, int64_t known, bool unknown, bool bound)
{
	if (unknown && !known)
		return "?";
	return arena_printf(arena, "%s%s%s", bound ? "< " : "", text_money(arena, known),
			    unknown ? " + ?" : "");
}

static const char *total_text(struct arena *arena, const struct cost_line *line)
{
	return money(arena, line->total, line->unknown, line->estimated);
}

static const char *on_demand_text(struct arena *arena, const struct cost_line *line)
{
	return money(arena, line->on_demand_total, line->unknown_on_demand, line->estimated);
}

static bool saving_known(const struct cost_line *line)
{
	return !line->unknown && !line->unknown_on_demand;
}

static const char *saved_text(struct arena *arena, const struct cost_line *line)
{
	if (!saving_known(line))
		return "?";
	if (line->on_demand_total <= 0 || line->total >= line->on_demand_total)
		return "0.0%";
	return text_percent(arena, 1.0 - (double)line->total / (double)line->on_demand_total);
}

static void instance_row(struct table *table, struct arena *arena, const struct cost_line *line)
{
	char began[TIME_TEXT_MAX], time[TIME_TEXT_MAX];
	const char *cells[] = {
		line->name[0] ? line->name : line->key,
		line->key,
		line->type,
		line->zone,
		line->spot ? "spot" : "on-demand",
		time_format(began, line->began),
		line->runs ? "runs" : "ended",
		duration_format(time, line->seconds),
		total_text(arena, line),
		on_demand_text(arena, line),
		saved_text(arena, line),
	};

	table_row(table, cells);
}

static void group_row(struct table *table, struct arena *arena, const struct cost_line *line)
{
	char time[TIME_TEXT_MAX];
	const char *cells[] = {
		line->key[0] ? line->key : "(no name)",
		arena_printf(arena, "%zu", line->launches),
		duration_format(time, line->seconds),
		total_text(arena, line),
		on_demand_text(arena, line),
		saved_text(arena, line),
	};

	table_row(table, cells);
}

/* On stderr: through a pipe every line of stdout is one row. */
static void tell_sum(struct cli *cli, const struct cost_report *report)
{
	const struct cost_line *sum = &report->sum;
	struct arena arena = { 0 };

	if (!report->nr) {
		cli_note(cli, "nothing was spent, as far as is known here");
		return;
	}
	cli_note(cli, "total USD %s; on demand %s; saved %s%s", total_text(&arena, sum),
		 on_demand_text(&arena, sum), saved_text(&arena, sum),
		 sum->unfollowed ? "; of some spot prices only the last one known is counted" : "");
	arena_release(&arena);
}

void cost_view_table(struct cli *cli, const struct cost_query *query,
		     const struct cost_report *report)
{
	static const struct table_column instances[] = {
		{ .title = "NAME" },
		{ .title = "ID", .wide = 2 },
		{ .title = "TYPE" },
		{ .title = "ZONE", .wide = 1 },
		{ .title = "MARKET", .wide = 1 },
		{ .title = "SINCE", .wide = 3 },
		{ .title = "STATE" },
		{ .title = "TIME", .right = true },
		{ .title = "USD", .right = true },
		{ .title = "ON DEMAND", .right = true, .wide = 1 },
		{ .title = "SAVED", .right = true },
	};
	const struct table_column groups[] = {
		{ .title = query->by == COST_BY_NAME  ? "NAME"
			   : query->by == COST_BY_DAY ? "DAY"
						      : "MONTH" },
		{ .title = "LAUNCHES", .right = true },
		{ .title = "TIME", .right = true },
		{ .title = "USD", .right = true },
		{ .title = "ON DEMAND", .right = true },
		{ .title = "SAVED", .right = true },
	};
	bool each = query->by == COST_BY_INSTANCE;
	struct table *table = each ? table_new(cli, instances, ARRAY_SIZE(instances))
				   : table_new(cli, groups, ARRAY_SIZE(groups));
	struct arena arena = { 0 };

	for (size_t i = 0; i < report->nr; i++) {
		if (each)
			instance_row(table, &arena, &report->v[i]);
		else
			group_row(table, &arena, &report->v[i]);
	}
	table_print(table);
	table_free(table);
	arena_release(&arena);
	tell_sum(cli, report);
}

/* --- for programs -------------------------------------------------------------------------- */

static void add_sums(cJSON *object, const struct cost_line *line)
{
	cJSON_AddNumberToObject(object, "launches", (double)line->launches);
	cJSON_AddNumberToObject(object, "seconds", (double)line->seconds);
	json_add_money(object, "usd_total", line->unknown ? MONEY_UNKNOWN : line->total);
	json_add_money(object, "usd_known", line->total);
	json_add_money(object, "on_demand_total",
		       line->unknown_on_demand ? MONEY_UNKNOWN : line->on_demand_total);
	cJSON_AddNumberToObject(object, "unknown_s", (double)line->unknown_s);
	cJSON_AddBoolToObject(object, "at_most", line->estimated);
	cJSON_AddBoolToObject(object, "every_price_known", !line->unfollowed && !line->unknown);
}

static cJSON *line_json(const struct cost_query *query, const struct cost_line *line)
{
	cJSON *object = cJSON_CreateObject();

	if (query->by != COST_BY_INSTANCE) {
		cJSON_AddStringToObject(object, by_names[query->by], line->key);
		add_sums(object, line);
		return object;
	}
	cJSON_AddStringToObject(object, "id", line->key);
	cJSON_AddStringToObject(object, "name", line->name);
	cJSON_AddStringToObject(object, "provider", line->provider);
	cJSON_AddStringToObject(object, "account", line->account);
	cJSON_AddStringToObject(object, "region", line->region);
	cJSON_AddStringToObject(object, "zone", line->zone);
	cJSON_AddStringToObject(object, "type", line->type);
	cJSON_AddBoolToObject(object, "spot", line->spot);
	json_add_time(object, "began", line->began);
	json_add_time(object, "ended", line->ended);
	cJSON_AddBoolToObject(object, "free", line->free);
	add_sums(object, line);
	return object;
}

void cost_view_json(struct cli *cli, const struct cost_query *query,
		    const struct cost_report *report)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "by", by_names[query->by]);
	json_add_time(object, "since", query->since);
	json_add_time(object, "until", query->until == INT64_MAX ? 0 : query->until);
	cJSON_AddBoolToObject(object, "offline", !query->ask);
	cJSON *lines = cJSON_AddArrayToObject(object, "lines");
	for (size_t i = 0; i < report->nr; i++)
		cJSON_AddItemToArray(lines, line_json(query, &report->v[i]));
	add_sums(cJSON_AddObjectToObject(object, "total"), &report->sum);
	json_add_failures(object, report->failures, report->nr_failures);
	cli_json_print(cli, object);
}

/* RFC 4180, and no cell that a spreadsheet would run: the names of others' instances are hostile. */
static void csv_text(struct buf *row, const char *text)
{
	bool formula = text[0] && strchr("=+-@\t", text[0]);

	if (row->len)
		buf_addf(row, ",");
	else if (!text[0])
		text = "(no name)";
	if (!formula && text[strcspn(text, "\",\r\n")] == '\0') {
		buf_addf(row, "%s", text);
		return;
	}
	buf_addf(row, "\"%s", formula ? "'" : "");
	for (; *text; text++)
		buf_addf(row, "%s%c", *text == '"' ? "\"" : "", *text);
	buf_addf(row, "\"");
}

static void csv_money(struct buf *row, int64_t micros, bool known)
{
	char text[MONEY_TEXT_MAX];

	csv_text(row, known ? money_format(text, micros, 4) : "");
}

static void csv_sums(struct buf *row, const struct cost_line *line)
{
	buf_addf(row, ",%" PRId64, line->seconds);
	csv_money(row, line->total, !line->unknown);
	csv_money(row, line->on_demand_total, !line->unknown_on_demand);
	csv_text(row, line->estimated ? "yes" : "no");
	csv_text(row, !line->unfollowed && !line->unknown ? "yes" : "no");
}

static void csv_line(struct cli *cli, const struct cost_query *query, const struct cost_line *line)
{
	struct buf row = BUF_INIT;
	char text[TIME_TEXT_MAX];

	csv_text(&row, line->key);
	if (query->by == COST_BY_INSTANCE) {
		csv_text(&row, line->name);
		csv_text(&row, line->type);
		csv_text(&row, line->region);
		csv_text(&row, line->zone);
		csv_text(&row, line->spot ? "spot" : "on-demand");
		csv_text(&row, time_format(text, line->began));
		csv_text(&row, line->ended ? time_format(text, line->ended) : "");
	} else {
		buf_addf(&row, ",%zu", line->launches);
	}
	csv_sums(&row, line);
	cli_line(cli, "%s", row.data);
	buf_release(&row);
}

void cost_view_csv(struct cli *cli, const struct cost_query *query,
		   const struct cost_report *report)
{
	static const char sums[] = "seconds,usd_total,on_demand_total,at_most,every_price_known";

	if (query->by == COST_BY_INSTANCE)
		cli_line(cli, "id,name,type,region,zone,market,began,ended,%s", sums);
	else
		cli_line(cli, "%s,launches,%s", by_names[query->by], sums);
	for (size_t i = 0; i < report->nr; i++)
		csv_line(cli, query, &report->v[i]);
	tell_sum(cli, report);
}
