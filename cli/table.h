/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table on standard output. On a terminal: a header, aligned, as wide as COLUMNS; through a pipe:
 * tab-separated, no header, nothing cut, no colour. Every cell is escaped; "" prints as "-" so that
 * columns stay columns.
 */
#ifndef GPUCLOUD_CLI_TABLE_H
#define GPUCLOUD_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct cli;
struct table;

struct table_column {
	const char *title; /* NULL ends the list */
	bool right;        /* numbers */
	bool cut;          /* may be shortened on a narrow terminal */
};

struct table *table_new(const struct table_column *columns);
/* One string a column, copied. */
void table_row(struct table *table, const char *const *cells);
/* Highlights the last row added (bold, where there is colour). */
void table_highlight(struct table *table);
/* Prints and frees. */
void table_print(struct table *table, struct cli *cli);

#endif
