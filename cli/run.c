/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a command's run(), and from what it returns to the exit code. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/opt.h"
#include "core/mem.h"

static const struct opt *like_opts(const struct command *command)
{
	return command->like ? command->like->opts : NULL;
}

/* What stands in front of the words of a command for another machine. */
static int our_words(int argc, const char *const *argv)
{
	struct cli_globals globals = { .json = false };
	const struct opt_set global = { cli_global_opts, &globals };
	const struct opt_parse first = { .sets = &global, .nr_sets = 1, .stop_after = 1 };
	int n = opt_reach(&first, argc, argv);
	const struct command *command = n > 0 ? command_find(argv[n - 1]) : NULL;

	if (!command || !command->stop_after)
		return argc;
	const struct opt_set sets[] = { { command->opts, NULL }, { like_opts(command), NULL }, global };
	const struct opt_parse rest = { .sets = sets,
					.nr_sets = ARRAY_SIZE(sets),
					.stop_after = command->stop_after };
	return n + opt_reach(&rest, argc - n, argv + n);
}

/* These hold wherever they stand, even where the rest cannot be understood. */
static bool has_word(int argc, const char *const *argv, const char *word)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], word))
			return true;
	return false;
}

static int check_count(struct cli *cli, const struct command *command, int nr, const char **args)
{
	if (nr < command->min_args) {
		error_set(&cli->error, ERROR_USAGE, "%s: an argument is missing", command->name);
		return error_hint(&cli->error, "%s", command->usage);
	}
	if (command->max_args != COMMAND_ANY_ARGS && nr > command->max_args)
		return cli_usage(cli, "%s: unexpected argument '%s'", command->name,
				 args[command->max_args]);
	return 0;
}

/* What stands behind the command's name. */
static int run_command(struct cli *cli, struct cli_globals *globals, int argc,
		       const char *const *argv, const char **args)
{
	const struct command *command = cli->command;
	void *values = command->args_size ? xcalloc(1, command->args_size) : NULL;
	const struct opt_set sets[] = { { command->opts, values },
					{ like_opts(command), values },
					{ cli_global_opts, globals } };
	const struct opt_parse parse = { .sets = sets,
					 .nr_sets = ARRAY_SIZE(sets),
					 .stop_after = command->stop_after };
	int nr = 0;
	int rc = opt_parse(&parse, argc, argv, args, &nr, &cli->error);

	if (rc < 0 && (has_word(argc, argv, "-h") || has_word(argc, argv, "--help"))) {
		help_command(cli->out, command);
		free(values);
		return 0;
	}
	if (rc < 0 && !cli->error.hint[0])
		error_hint(&cli->error, "gpucloud help %s", command->name);
	if (rc == 0 && globals->help) { /* in a cluster: -vh */
		help_command(cli->out, command);
		free(values);
		return 0;
	}
	if (rc == 0 && globals->version) {
		cli->command = command = &cmd_version;
		nr = 0;
	}
	if (rc == 0)
		rc = check_count(cli, command, nr, args);
	if (rc == 0)
		rc = cli_start(cli, globals);
	if (rc == 0)
		rc = command->run(cli, values, nr, args);
	free(values);
	return rc;
}

/* -h and --help win over everything else. */
static int show_help(struct cli *cli, int nr, const char **args)
{
	if (nr == 0) {
		help_top(cli->out);
		return 0;
	}
	const struct command *command = command_find(args[0]);
	if (!command)
		return command_unknown(args[0], &cli->error);
	help_command(cli->out, command);
	return 0;
}

static int dispatch(struct cli *cli, int argc, const char *const *argv, const char **args)
{
	struct cli_globals globals = { .json = false };
	const struct opt_set set = { cli_global_opts, &globals };
	const struct opt_parse parse = { .sets = &set, .nr_sets = 1, .stop_after = 1 };
	int nr = 0;
	int rc = opt_parse(&parse, argc, argv, args, &nr, &cli->error);
	int ours = our_words(argc, argv);

	if (has_word(ours, argv, "-h") || has_word(ours, argv, "--help"))
		return show_help(cli, rc == 0 ? nr : 0, args);
	if (rc < 0)
		return error_hint(&cli->error, "gpucloud help");
	if (globals.help || (nr == 0 && !globals.version)) {
		help_top(cli->out);
		return 0;
	}
	cli->command = nr == 0 ? &cmd_version : command_find(args[0]);
	if (!cli->command)
		return command_unknown(args[0], &cli->error);
	/* args still holds the rest of argv; the second reading collects into fresh room. */
	const char **rest = xcalloc((size_t)argc + 1, sizeof(*rest));
	rc = run_command(cli, &globals, nr ? nr - 1 : 0, args + (nr ? 1 : 0), rest);
	free(rest);
	return rc;
}

int cli_main(FILE *out, FILE *err, int argc, const char *const *argv)
{
	struct cli cli = { .out = out, .err = err };
	const char **args = xcalloc((size_t)argc + 1, sizeof(*args));

	/* A usage error is told in JSON too, if that was asked for anywhere. */
	cli.json = has_word(our_words(argc, argv), argv, "--json");
	int rc = dispatch(&cli, argc, argv, args);
	free(args);
	return cli_finish(&cli, rc);
}
