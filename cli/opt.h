/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options as static const tables: the one source for parsing, help, man page and completion. Values
 * land in the caller's struct by offset.
 *
 * Accepted: --x=v, --x v, -xv, -x v, clustered short flags, "--" ends options, options and
 * positionals in any order. Names in full only. Unknown: ERROR_USAGE with a suggestion.
 */
#ifndef GPUCLOUD_CLI_OPT_H
#define GPUCLOUD_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>

struct error;

enum opt_type {
	OPT_FLAG,    /* bool */
	OPT_COUNT,   /* int, +1 each time */
	OPT_STRING,  /* const char * */
	OPT_STRINGS, /* struct opt_strings */
	OPT_UINT,    /* unsigned, min..max */
};

#define OPT_STRINGS_MAX 64

struct opt_strings {
	const char *v[OPT_STRINGS_MAX];
	size_t nr;
};

struct opt {
	char shrt;        /* 0: none */
	const char *lng;  /* NULL ends the table */
	const char *arg;  /* "USD"; NULL for flags */
	const char *help;
	enum opt_type type;
	size_t offset;
	unsigned min, max; /* OPT_UINT; max 0: no limit but UINT_MAX */
};

#define OPT_END { .lng = NULL }

/*
 * Parses argv[0..argc) (no program name) by two tables: `globals` into globals_into, `opts` into
 * opts_into (either table may be NULL). Positionals are compacted to the front of argv; *ret_nr
 * says how many.
 */
int opt_parse(const struct opt *globals, void *globals_into, const struct opt *opts,
	      void *opts_into, int argc, const char **argv, int *ret_nr, struct error *err);

#endif
