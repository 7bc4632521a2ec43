/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "core/arena.h"
#include "core/buf.h"
#include "core/mem.h"

#define SEPARATOR 2  /* columns between columns */
#define CUT_WIDTH 12 /* of one that may be cut */

struct row {
	const char **cells; /* escaped */
	bool bold;
};

struct table {
	struct cli *cli;
	const struct table_column *columns;
	size_t nr_columns;
	struct arena arena;
	struct row *rows;
	size_t nr, cap;
};

struct table *table_new(struct cli *cli, const struct table_column *columns, size_t nr)
{
	struct table *table = xcalloc(1, sizeof(*table));

	table->cli = cli;
	table->columns = columns;
	table->nr_columns = nr;
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	arena_release(&table->arena);
	free(table);
}

static void add(struct table *table, const char *const *cells, bool bold)
{
	table->rows = arena_grow(&table->arena, table->rows, table->nr, &table->cap,
				 sizeof(*table->rows));
	struct row *row = &table->rows[table->nr++];
	row->bold = bold;
	row->cells = arena_alloc(&table->arena, table->nr_columns * sizeof(*row->cells));
	for (size_t i = 0; i < table->nr_columns; i++) {
		struct buf cell = BUF_INIT;

		cli_escape(table->cli, table->cli->out_terminal, cells[i] ? cells[i] : "", &cell);
		row->cells[i] = arena_strdup(&table->arena, cell.data);
		buf_release(&cell);
	}
}

void table_row(struct table *table, const char *const *cells)
{
	add(table, cells, false);
}

void table_row_bold(struct table *table, const char *const *cells)
{
	add(table, cells, true);
}

static void print_plain(const struct table *table)
{
	FILE *out = table->cli->out;

	for (size_t i = 0; i < table->nr; i++) {
		for (size_t k = 0; k < table->nr_columns; k++) {
			if (k)
				fputc('\t', out);
			fputs(table->rows[i].cells[k], out);
		}
		fputc('\n', out);
	}
}

/* libsmartcols fails only where memory is out. */
static void *some(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

static void check(int rc)
{
	if (rc != 0)
		out_of_memory();
}

/* Characters, not bytes: a sparkline has three bytes for each. */
static size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t width = strlen(table->columns[column].title);

	for (size_t i = 0; i < table->nr; i++) {
		size_t len = text_width(table->rows[i].cells[column]);

		width = len > width ? len : width;
	}
	return width;
}

/* What a column cannot do without: one that may be cut needs no more than a few words. */
static size_t least_width(const struct table *table, size_t column)
{
	size_t width = column_width(table, column);

	return table->columns[column].cut && width > CUT_WIDTH ? CUT_WIDTH : width;
}

/* Leaves out columns until the rest fits. */
static void choose_columns(const struct table *table, bool *shown)
{
	size_t room = cli_width(table->cli), total = 0;
	unsigned most = 0;

	for (size_t k = 0; k < table->nr_columns; k++) {
		shown[k] = true;
		total += least_width(table, k) + (k ? SEPARATOR : 0);
		most = table->columns[k].wide > most ? table->columns[k].wide : most;
	}
	for (; most > 0; most--) {
		for (size_t k = table->nr_columns; k-- > 0 && total > room;) {
			if (table->columns[k].wide != most)
				continue;
			shown[k] = false;
			total -= least_width(table, k) + SEPARATOR;
		}
	}
}

static struct libscols_table *layout(const struct table *table, const bool *shown)
{
	const struct cli *cli = table->cli;
	struct libscols_table *tb = some(scols_new_table());

	check(scols_table_enable_noencoding(tb, 1)); /* the cells are escaped already */
	check(scols_table_enable_ascii(tb, !cli->utf8));
	check(scols_table_enable_colors(tb, cli->colour));
	check(scols_table_set_termforce(tb, SCOLS_TERMFORCE_ALWAYS));
	check(scols_table_set_termwidth(tb, cli_width(cli)));
	check(scols_table_set_column_separator(tb, "  "));
	for (size_t i = 0; i < table->nr_columns; i++) {
		const struct table_column *column = &table->columns[i];
		int flags =
			(column->right ? SCOLS_FL_RIGHT : 0) | (column->cut ? SCOLS_FL_TRUNC : 0);

		if (shown[i])
			some(scols_table_new_column(tb, column->title, 0, flags));
	}
	for (size_t i = 0; i < table->nr; i++) {
		struct libscols_line *line = some(scols_table_new_line(tb, NULL));

		for (size_t k = 0, at = 0; k < table->nr_columns; k++)
			if (shown[k])
				check(scols_line_set_data(line, at++, table->rows[i].cells[k]));
		if (table->rows[i].bold && cli->colour)
			check(scols_line_set_color(line, "\033[1m"));
	}
	return tb;
}

static void print_aligned(const struct table *table)
{
	bool *shown = xcalloc(table->nr_columns, sizeof(*shown));
	choose_columns(table, shown);
	struct libscols_table *tb = layout(table, shown);
	char *text = NULL;

	check(scols_print_table_to_string(tb, &text));
	/* The last column's padding is of no use to anybody. */
	for (char *line = text; line && *line;) {
		char *end = line + strcspn(line, "\n");
		char *last = end;

		while (last > line && last[-1] == ' ')
			last--;
		fprintf(table->cli->out, "%.*s\n", (int)(last - line), line);
		line = *end ? end + 1 : end;
	}
	free(text);
	free(shown);
	scols_unref_table(tb);
}

void table_print(struct table *table)
{
	if (table->nr == 0)
		return;
	progress_hide(table->cli);
	if (table->cli->out_terminal)
		print_aligned(table);
	else
		print_plain(table);
	progress_show(table->cli);
}
