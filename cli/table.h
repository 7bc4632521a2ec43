/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables on stdout, over libsmartcols. On a terminal: a header, aligned columns, the terminal's
 * width. Through a pipe: one row a line, tabs between, no header, nothing cut, no colour. Every
 * cell is escaped.
 */
#ifndef GPUCLOUD_CLI_TABLE_H
#define GPUCLOUD_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct cli;
struct table;

struct table_column {
	const char *title;
	bool right;    /* aligned: numbers */
	bool cut;      /* may be truncated where the terminal is narrow */
	unsigned wide; /* left out where the terminal is too narrow for all, the highest number
			  first, then from the right; 0, or through a pipe: never */
};

/* columns must outlive the table. */
struct table *table_new(struct cli *cli, const struct table_column *columns, size_t nr);
void table_free(struct table *table);

/* One string per column, copied; NULL is an empty cell. */
void table_row(struct table *table, const char *const *cells);
void table_row_bold(struct table *table, const char *const *cells); /* e.g. the chosen zone */

/* Writes to cli->out; no rows, no output. Write errors are found when the program ends. */
void table_print(struct table *table);

#endif
