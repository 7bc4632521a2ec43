/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options from tables. A table is a static const array of struct opt that ends with OPT_END; values
 * are written into a caller's zeroed struct by offset. Help, man page and completion are made from
 * the same tables.
 *
 * --name=value, --name value, -nvalue, -n value, clustered short flags, "--" ends the options,
 * options may stand behind arguments. Names are never abbreviated. An empty value is refused (it is
 * a shell variable that was not set); the last of several wins.
 */
#ifndef GPUCLOUD_CLI_OPT_H
#define GPUCLOUD_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>

struct error;

enum opt_type {
	OPT_FLAG,    /* bool */
	OPT_COUNT,   /* unsigned: how often it was given */
	OPT_STRING,  /* const char *, borrowed from argv */
	OPT_STRINGS, /* struct opt_strings: repeatable */
	OPT_UINT,    /* unsigned, min to max */
};

#define OPT_STRINGS_MAX 64

struct opt_strings {
	const char *v[OPT_STRINGS_MAX];
	size_t nr;
};

struct opt {
	char shrt;	  /* 0: no short form */
	const char *lng;  /* NULL ends a table */
	const char *arg;  /* what to call the value in help; NULL: a flag */
	const char *help; /* one sentence, lower case, no full stop */
	enum opt_type type;
	size_t offset;
	unsigned min, max; /* OPT_UINT only */
};

/* offsetof that also checks the member's type. */
#define OPT_FIELD(S, field, T) (offsetof(S, field) + 0 * sizeof(&((S *)0)->field == (T *)0))

#define OPT_FLAG_AT(short_, long_, S, field, help_)                                  \
	{                                                                            \
		.shrt = (short_), .lng = (long_), .help = (help_), .type = OPT_FLAG, \
		.offset = OPT_FIELD(S, field, bool)                                  \
	}
#define OPT_COUNT_AT(short_, long_, S, field, help_)                                  \
	{                                                                             \
		.shrt = (short_), .lng = (long_), .help = (help_), .type = OPT_COUNT, \
		.offset = OPT_FIELD(S, field, unsigned)                               \
	}
#define OPT_STRING_AT(short_, long_, S, field, arg_, help_)                       \
	{                                                                         \
		.shrt = (short_), .lng = (long_), .arg = (arg_), .help = (help_), \
		.type = OPT_STRING, .offset = OPT_FIELD(S, field, const char *)   \
	}
#define OPT_STRINGS_AT(short_, long_, S, field, arg_, help_)                           \
	{                                                                              \
		.shrt = (short_), .lng = (long_), .arg = (arg_), .help = (help_),      \
		.type = OPT_STRINGS, .offset = OPT_FIELD(S, field, struct opt_strings) \
	}
#define OPT_UINT_AT(short_, long_, S, field, arg_, min_, max_, help_)                     \
	{                                                                                 \
		.shrt = (short_), .lng = (long_), .arg = (arg_), .help = (help_),         \
		.type = OPT_UINT, .offset = OPT_FIELD(S, field, unsigned), .min = (min_), \
		.max = (max_)                                                             \
	}
#define OPT_END             \
	{                   \
		.lng = NULL \
	}

/* A table and the struct that it fills. opts may be NULL: no options. */
struct opt_set {
	const struct opt *opts;
	void *values;
};

struct opt_parse {
	const struct opt_set *sets; /* the first one that knows a name takes it */
	size_t nr_sets;
	int stop_after; /* arguments behind which all is left alone; 0: options may stand anywhere */
};

/*
 * Reads argv (argc strings, the program's name not among them). What is no option is collected, in
 * order, into args, which has room for argc pointers; *ret_nr tells how many. With stop_after, args
 * holds all that was left alone too. ERROR_USAGE with a suggestion.
 */
int opt_parse(const struct opt_parse *parse, int argc, const char *const *argv, const char **args,
	      int *ret_nr, struct error *err);

/* How many strings of argv are read as ours: up to the argument behind which all is left alone, or
 * to "--". Wrong options are passed over. */
int opt_reach(const struct opt_parse *parse, int argc, const char *const *argv);

#endif
