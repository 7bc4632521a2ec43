/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/opt.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/text.h"

/* Where the parse stands. */
struct cursor {
	const struct opt_parse *parse;
	int argc;
	const char *const *argv;
	int i; /* the next one to read */
	struct error *err;
};

/* An option as it was written, for messages: "--bid" or "-b". */
struct spelling {
	char text[64];
};

static struct spelling spell_long(const char *name, size_t len)
{
	struct spelling s;
	size_t n = len < sizeof(s.text) - 3 ? len : sizeof(s.text) - 3;

	memcpy(s.text, "--", 2);
	memcpy(s.text + 2, name, n);
	s.text[n + 2] = '\0';
	return s;
}

static struct spelling spell_short(char c)
{
	struct spelling s = { .text = { '-', c, '\0' } };

	return s;
}

static const struct opt *find(const struct opt_parse *parse, const char *lng, size_t len, char shrt,
			      void **ret_values)
{
	for (size_t i = 0; i < parse->nr_sets; i++) {
		for (const struct opt *opt = parse->sets[i].opts; opt && opt->lng; opt++) {
			bool hit = lng ? strlen(opt->lng) == len && !memcmp(opt->lng, lng, len)
				       : opt->shrt == shrt;
			if (!hit)
				continue;
			*ret_values = parse->sets[i].values;
			return opt;
		}
	}
	return NULL;
}

static int unknown(const struct cursor *cursor, const char *written)
{
	const char *nearest = NULL;
	size_t best = 3; /* two slips of the finger */
	size_t len = strlen(written);

	for (size_t i = 0; len > 3 && i < cursor->parse->nr_sets; i++) {
		const struct opt *opt = cursor->parse->sets[i].opts;

		for (; opt && opt->lng; opt++) {
			size_t distance = text_distance(written + 2, opt->lng);

			if (distance < best) {
				best = distance;
				nearest = opt->lng;
			}
		}
	}
	if (nearest)
		return error_set(cursor->err, ERROR_USAGE,
				 "unknown option '%s', did you mean '--%s'?", written, nearest);
	return error_set(cursor->err, ERROR_USAGE, "unknown option '%s'", written);
}

static int set_uint(const struct opt *opt, unsigned *slot, const char *written, const char *value,
		    struct error *err)
{
	char *end = NULL;

	errno = 0;
	unsigned long long n = strtoull(value, &end, 10);
	/* strtoull would take blanks and a sign */
	if (!isdigit((unsigned char)value[0]) || *end)
		return error_set(err, ERROR_USAGE, "%s: '%s' is no whole number", written, value);
	if (errno || n < opt->min || n > opt->max)
		return error_set(err, ERROR_USAGE, "%s: %s is not between %u and %u", written,
				 value, opt->min, opt->max);
	*slot = (unsigned)n;
	return 0;
}

static int set_value(const struct opt *opt, void *values, const char *written, const char *value,
		     struct error *err)
{
	char *slot = (char *)values + opt->offset;

	if (value && !value[0])
		return error_set(err, ERROR_USAGE, "%s has an empty value", written);
	switch (opt->type) {
	case OPT_FLAG:
		*(bool *)(void *)slot = true;
		return 0;
	case OPT_COUNT:
		++*(unsigned *)(void *)slot;
		return 0;
	case OPT_STRING:
		*(const char **)(void *)slot = value;
		return 0;
	case OPT_STRINGS: {
		struct opt_strings *list = (struct opt_strings *)(void *)slot;

		if (list->nr == OPT_STRINGS_MAX)
			return error_set(err, ERROR_USAGE, "%s was given more than %d times",
					 written, OPT_STRINGS_MAX);
		list->v[list->nr++] = value;
		return 0;
	}
	case OPT_UINT:
		return set_uint(opt, (unsigned *)(void *)slot, written, value, err);
	}
	return 0;
}

static bool takes_value(const struct opt *opt)
{
	return opt->type != OPT_FLAG && opt->type != OPT_COUNT;
}

/* The next string of argv as a value. "-5" may be one; "--x" is more likely a forgotten value. */
static const char *next_value(struct cursor *cursor)
{
	if (cursor->i >= cursor->argc || text_starts_with(cursor->argv[cursor->i], "--"))
		return NULL;
	return cursor->argv[cursor->i++];
}

static int missing_value(const struct cursor *cursor, const struct opt *opt, const char *written)
{
	return error_set(cursor->err, ERROR_USAGE, "%s needs a value: %s", written, opt->arg);
}

static int parse_long(struct cursor *cursor, const char *name)
{
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	struct spelling written = spell_long(name, len);
	void *values = NULL;
	const struct opt *opt = find(cursor->parse, name, len, 0, &values);

	if (!opt)
		return unknown(cursor, written.text);
	const char *value = equals ? equals + 1 : NULL;
	if (!takes_value(opt)) {
		if (value)
			return error_set(cursor->err, ERROR_USAGE, "%s takes no value",
					 written.text);
	} else if (!value) {
		value = next_value(cursor);
		if (!value)
			return missing_value(cursor, opt, written.text);
	}
	return set_value(opt, values, written.text, value, cursor->err);
}

static int parse_short(struct cursor *cursor, const char *cluster)
{
	for (const char *p = cluster; *p; p++) {
		struct spelling written = spell_short(*p);
		void *values = NULL;
		const struct opt *opt = find(cursor->parse, NULL, 0, *p, &values);

		if (!opt)
			return unknown(cursor, written.text);
		if (!takes_value(opt)) {
			if (set_value(opt, values, written.text, NULL, cursor->err) < 0)
				return -1;
			continue;
		}
		const char *value = p[1] ? p + 1 : next_value(cursor);
		if (!value)
			return missing_value(cursor, opt, written.text);
		return set_value(opt, values, written.text, value, cursor->err);
	}
	return 0;
}

int opt_parse(const struct opt_parse *parse, int argc, const char *const *argv, const char **args,
	      int *ret_nr, struct error *err)
{
	struct cursor cursor = { .parse = parse, .argc = argc, .argv = argv, .err = err };
	int nr = 0;
	bool rest = false;

	while (cursor.i < argc) {
		const char *arg = argv[cursor.i++];
		int rc = 0;

		if (rest || arg[0] != '-' || arg[1] == '\0') {
			args[nr++] = arg;
			rest = rest || nr == parse->stop_after;
		} else if (!strcmp(arg, "--")) {
			rest = true;
		} else if (arg[1] == '-') {
			rc = parse_long(&cursor, arg + 2);
		} else {
			rc = parse_short(&cursor, arg + 1);
		}
		if (rc < 0)
			return -1;
	}
	*ret_nr = nr;
	return 0;
}

/* Whether an option takes the next string of argv as its value. */
static bool takes_next(const struct opt_parse *parse, const char *arg)
{
	void *values = NULL;
	const struct opt *opt = NULL;

	if (arg[1] == '-')
		return !strchr(arg, '=') &&
		       (opt = find(parse, arg + 2, strlen(arg + 2), 0, &values)) &&
		       takes_value(opt);
	for (const char *p = arg + 1; *p; p++) {
		opt = find(parse, NULL, 0, *p, &values);
		if (opt && takes_value(opt))
			return p[1] == '\0';
	}
	return false;
}

int opt_reach(const struct opt_parse *parse, int argc, const char *const *argv)
{
	int nr = 0;

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--"))
			return i;
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			if (++nr == parse->stop_after)
				return i + 1;
		} else if (takes_next(parse, argv[i])) {
			i++;
		}
	}
	return argc;
}
