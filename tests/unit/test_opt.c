/* SPDX-License-Identifier: Apache-2.0 */
/* What people type, and what comes of it; and that the real tables are sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/opt.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

struct values {
	bool spot, all;
	unsigned verbose, disk;
	const char *bid, *name;
	struct opt_strings ports;
};

struct global_values {
	bool json;
	const char *region;
};

#define V struct values

static const struct opt table[] = {
	OPT_FLAG_AT('s', "spot", V, spot, "h"),
	OPT_FLAG_AT('a', "all", V, all, "h"),
	OPT_COUNT_AT('v', "verbose", V, verbose, "h"),
	OPT_STRING_AT('b', "bid", V, bid, "BID", "h"),
	OPT_STRING_AT(0, "name", V, name, "NAME", "h"),
	OPT_UINT_AT('d', "disk", V, disk, "GIB", 8, 16384, "h"),
	OPT_STRINGS_AT('p', "port", V, ports, "PORT", "h"),
	OPT_END,
};

static const struct opt global_table[] = {
	OPT_FLAG_AT(0, "json", struct global_values, json, "h"),
	OPT_STRING_AT(0, "region", struct global_values, region, "REGION", "h"),
	OPT_END,
};

#define ARGV_MAX 8

static int parse(const char *const *argv, int stop, struct buf *out, struct error *err)
{
	struct values values = { .spot = false };
	struct global_values globals = { .json = false };
	const struct opt_set sets[] = { { table, &values },
					{ global_table, &globals },
					{ NULL, NULL } };
	const struct opt_parse how = { .sets = sets,
				       .nr_sets = ARRAY_SIZE(sets),
				       .stop_after = stop };
	const char *args[ARGV_MAX];
	int argc = 0, nr = 0;

	while (argv[argc])
		argc++;
	if (opt_parse(&how, argc, argv, args, &nr, err) < 0)
		return -1;
	if (values.spot)
		buf_addstr(out, "spot ");
	if (values.all)
		buf_addstr(out, "all ");
	if (values.verbose)
		buf_addf(out, "v%u ", values.verbose);
	if (values.disk)
		buf_addf(out, "disk=%u ", values.disk);
	if (values.bid)
		buf_addf(out, "bid=%s ", values.bid);
	if (values.name)
		buf_addf(out, "name=%s ", values.name);
	for (size_t i = 0; i < values.ports.nr; i++)
		buf_addf(out, "port=%s ", values.ports.v[i]);
	if (globals.json)
		buf_addstr(out, "json ");
	if (globals.region)
		buf_addf(out, "region=%s ", globals.region);
	buf_addstr(out, "|");
	for (int i = 0; i < nr; i++)
		buf_addf(out, " %s", args[i]);
	return 0;
}

static void test_accepted(void **state)
{
	static const struct {
		const char *argv[ARGV_MAX];
		int stop;
		const char *want;
	} cases[] = {
		{ { NULL }, 0, "|" },
		{ { "--spot" }, 0, "spot |" },
		{ { "-s" }, 0, "spot |" },
		{ { "-sa" }, 0, "spot all |" },
		{ { "-svv", "-v" }, 0, "spot v3 |" },
		{ { "--bid", "51%" }, 0, "bid=51% |" },
		{ { "--bid=51%" }, 0, "bid=51% |" },
		{ { "--bid=a=b" }, 0, "bid=a=b |" },
		{ { "-b51%" }, 0, "bid=51% |" },
		{ { "-b", "51%" }, 0, "bid=51% |" },
		{ { "-sb51%" }, 0, "spot bid=51% |" },
		{ { "-sb", "51%", "x" }, 0, "spot bid=51% | x" },
		{ { "-bs" }, 0, "bid=s |" },
		{ { "--bid", "-5%" }, 0, "bid=-5% |" },
		{ { "-b", "-" }, 0, "bid=- |" },
		{ { "--bid=--x" }, 0, "bid=--x |" },
		{ { "--bid", "1", "--bid", "2" }, 0, "bid=2 |" },
		{ { "--disk", "8" }, 0, "disk=8 |" },
		{ { "-d16384" }, 0, "disk=16384 |" },
		{ { "--disk=0000100" }, 0, "disk=100 |" },
		{ { "-p", "1", "--port=2", "-p3" }, 0, "port=1 port=2 port=3 |" },
		{ { "a", "--spot", "b" }, 0, "spot | a b" },
		{ { "a", "--", "--spot", "-x", "--" }, 0, "| a --spot -x --" },
		{ { "-", "a" }, 0, "| - a" },
		{ { "", "a" }, 0, "|  a" },
		{ { "--json", "a", "--region", "r" }, 0, "json region=r | a" },
		{ { "--json", "list", "--spot", "x" }, 1, "json | list --spot x" },
		{ { "--region", "r", "list", "--", "x" }, 1, "region=r | list -- x" },
		{ { "--", "list", "--spot" }, 1, "| list --spot" },
		{ { "vm", "-v", "ls", "-v", "--", "-s" }, 2, "v1 | vm ls -v -- -s" },
		{ { "vm", "-s", "--", "ls", "-v" }, 2, "spot | vm ls -v" },
		{ { "vm", "--", "--", "-v" }, 2, "| vm -- -v" },
		{ { "vm", "-v" }, 2, "v1 | vm" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf out = BUF_INIT;
		struct error err = ERROR_INIT;

		if (parse(cases[i].argv, cases[i].stop, &out, &err) < 0)
			fail_msg("case %zu: %s", i, err.message);
		assert_string_equal(out.data, cases[i].want);
		buf_release(&out);
	}
}

/* How far the words are ours, for those that hold wherever they stand. */
static void test_reach(void **state)
{
	static const struct {
		const char *argv[ARGV_MAX];
		int stop, want;
	} cases[] = {
		{ { NULL }, 1, 0 },
		{ { "a", "b", "c" }, 0, 3 },
		{ { "a", "b", "c" }, 1, 1 },
		{ { "a", "b", "c" }, 2, 2 },
		{ { "a", "--", "c" }, 2, 1 },
		{ { "--", "c" }, 1, 0 },
		{ { "--spot", "a", "-h" }, 1, 2 },
		{ { "--bid", "a", "b", "-h" }, 1, 3 },
		{ { "--bid=a", "b", "-h" }, 1, 2 },
		{ { "-b", "a", "b", "-h" }, 1, 3 },
		{ { "-b51%", "b", "-h" }, 1, 2 },
		{ { "-sb", "51%", "b", "-h" }, 1, 3 },
		{ { "-bs", "b", "-h" }, 1, 2 },
		{ { "--no-such", "b", "-h" }, 1, 2 },
		{ { "-", "b", "-h" }, 1, 1 },
		{ { "--bid" }, 1, 1 },
	};
	struct values values = { .spot = false };
	const struct opt_set set = { table, &values };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct opt_parse how = { .sets = &set,
					       .nr_sets = 1,
					       .stop_after = cases[i].stop };
		int argc = 0;

		while (cases[i].argv[argc])
			argc++;
		int got = opt_reach(&how, argc, cases[i].argv);
		if (got != (cases[i].want < argc ? cases[i].want : argc))
			fail_msg("case %zu: %d", i, got);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *argv[ARGV_MAX];
		const char *want;
	} cases[] = {
		{ { "--spto" }, "unknown option '--spto', did you mean '--spot'?" },
		{ { "--regoin=x" }, "unknown option '--regoin', did you mean '--region'?" },
		{ { "--sp" }, "unknown option '--sp', did you mean '--spot'?" },
		{ { "--colour" }, "unknown option '--colour'" },
		{ { "--verb" }, "unknown option '--verb'" }, /* no abbreviations */
		{ { "-x" }, "unknown option '-x'" },
		{ { "-sx" }, "unknown option '-x'" },
		{ { "-5" }, "unknown option '-5'" },
		{ { "--=x" }, "unknown option '--'" },
		{ { "--spot=yes" }, "--spot takes no value" },
		{ { "--json=" }, "--json takes no value" },
		{ { "--bid" }, "--bid needs a value: BID" },
		{ { "-b" }, "-b needs a value: BID" },
		{ { "--bid", "--spot" }, "--bid needs a value: BID" },
		{ { "--bid", "--" }, "--bid needs a value: BID" },
		{ { "--bid=" }, "--bid has an empty value" },
		{ { "--bid", "" }, "--bid has an empty value" },
		{ { "-p", "" }, "-p has an empty value" },
		{ { "--disk", "7" }, "--disk: 7 is not between 8 and 16384" },
		{ { "--disk", "16385" }, "--disk: 16385 is not between 8 and 16384" },
		{ { "-d99999999999999999999999" },
		  "-d: 99999999999999999999999 is not between 8 and 16384" },
		{ { "--disk", "-8" }, "--disk: '-8' is no whole number" },
		{ { "--disk", "+8" }, "--disk: '+8' is no whole number" },
		{ { "--disk= 8" }, "--disk: ' 8' is no whole number" },
		{ { "--disk", "8G" }, "--disk: '8G' is no whole number" },
		{ { "--disk", "1e3" }, "--disk: '1e3' is no whole number" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf out = BUF_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(parse(cases[i].argv, 0, &out, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_string_equal(err.message, cases[i].want);
		buf_release(&out);
	}
}

static void test_list_bound(void **state)
{
	const char *argv[OPT_STRINGS_MAX + 1], *args[OPT_STRINGS_MAX + 1];
	struct error err = ERROR_INIT;
	int nr = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
		argv[i] = "-p1";
	for (int extra = 0; extra < 2; extra++) {
		struct values values = { .spot = false };
		const struct opt_set set = { table, &values };
		const struct opt_parse how = { .sets = &set, .nr_sets = 1 };

		assert_int_equal(opt_parse(&how, OPT_STRINGS_MAX + extra, argv, args, &nr, &err),
				 -extra);
		assert_int_equal(values.ports.nr, OPT_STRINGS_MAX);
	}
	assert_string_equal(err.message, "-p was given more than 64 times");
}

static void test_long_unknown_name(void **state)
{
	char name[3000];
	const char *argv[] = { name, NULL };
	struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	memset(name, '-', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(parse(argv, 0, &out, &err), -1);
	assert_true(strlen(err.message) < 200);
	buf_release(&out);
}

static void check_table(const struct opt *opts, const struct opt *others)
{
	for (const struct opt *opt = opts; opt && opt->lng; opt++) {
		bool flag = opt->type == OPT_FLAG || opt->type == OPT_COUNT;

		assert_true(opt->help && opt->help[0]);
		assert_true(flag == (opt->arg == NULL));
		if (opt->type == OPT_UINT)
			assert_true(opt->max > opt->min);
		for (const struct opt *other = opts; other < opt; other++) {
			assert_string_not_equal(other->lng, opt->lng);
			assert_true(!opt->shrt || other->shrt != opt->shrt);
		}
		for (const struct opt *other = others; other && other->lng; other++) {
			assert_string_not_equal(other->lng, opt->lng);
			assert_true(!opt->shrt || other->shrt != opt->shrt);
		}
	}
}

/* Every command can be looked up, explains itself on one screen, and hides no global option. */
static void test_commands(void **state)
{
	(void)state;
	check_table(cli_global_opts, NULL);
	for (size_t i = 0; commands[i]; i++) {
		const struct command *command = commands[i];
		char *text = NULL;
		size_t len = 0, lines = 0;
		FILE *out = open_memstream(&text, &len);

		assert_ptr_equal(command_find(command->name), command);
		assert_true(command->summary && strlen(command->summary) <= 60);
		assert_true(command->group && command->usage && command->run);
		assert_true(command->examples && command->examples[0]);
		assert_true((command->args_size > 0) == (command->opts != NULL));
		check_table(command->opts, cli_global_opts);
		help_command(out, command);
		assert_int_equal(fclose(out), 0);
		for (char *line = text; *line; line += strcspn(line, "\n") + 1, lines++)
			if (strcspn(line, "\n") > 100)
				fail_msg("%s: a line of help is too long", command->name);
		if (lines > 40)
			fail_msg("help %s has %zu lines", command->name, lines);
		free(text);
	}
}

static void test_suggestions(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_string_equal(command_suggest("hlep"), "help");
	assert_string_equal(command_suggest("versions"), "version");
	assert_null(command_suggest("frobnicate"));
	assert_null(command_suggest(""));
	assert_null(command_find("hel"));
	assert_int_equal(command_unknown("hlep", &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_string_equal(err.message, "unknown command 'hlep', did you mean 'help'?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_reach),	    cmocka_unit_test(test_list_bound),
		cmocka_unit_test(test_commands),    cmocka_unit_test(test_long_unknown_name),
		cmocka_unit_test(test_suggestions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
