/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/opt.h"
#include "core/settings.h"

const struct help_row help_exit_codes[] = {
	{ "0", "done" },
	{ "1", "failed" },
	{ "2", "wrong usage: nothing was done" },
	{ "3", "not found: no such instance, type, zone, region or image" },
	{ "4", "credentials or configuration" },
	{ "5", "no capacity, or the bid is below the price" },
	{ "6", "timed out" },
	{ "7", "a quota of the account" },
	{ "8", "done, and something needs attention" },
	{ "125", "gpucloud itself failed (exec and ssh alone: all others are the command's)" },
	{ "130", "interrupted; what runs is known to 'gpucloud list'" },
	{ NULL, NULL },
};

const struct help_row help_environment[] = {
	{ "AWS_*", "AWS's own: credentials, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, "
		   "AWS_CA_BUNDLE" },
	{ "HTTPS_PROXY, NO_PROXY", "proxy for every request but those to this computer" },
	{ "NO_COLOR", "any value: no bold, no colour" },
	{ "COLUMNS", "width of tables, instead of the terminal's own" },
	{ "HOME, XDG_*_HOME", "where the folders are: see 'gpucloud help config'" },
	{ NULL, NULL },
};

const struct help_row help_files[] = {
	{ "~/.config/gpucloud/config", "settings, in sections (XDG_CONFIG_HOME)" },
	{ "~/.local/state/gpucloud/", "the journal of what was begun (XDG_STATE_HOME)" },
	{ "~/.local/share/gpucloud/", "login keys (XDG_DATA_HOME)" },
	{ "~/.cache/gpucloud/", "what can be asked again (XDG_CACHE_HOME)" },
	{ "~/.aws/", "AWS's own profiles and credentials" },
	{ NULL, NULL },
};

static void print_rows(FILE *out, const struct help_row *rows, size_t indent)
{
	for (; rows->name; rows++)
		help_row(out, rows->name, rows->text, indent);
}

static void print_exit_codes(FILE *out)
{
	fputs("Exit codes of gpucloud:\n", out);
	print_rows(out, help_exit_codes, 7);
	fputs("\nTreat a code that is not listed as a failure. With --json the last line on\n"
	      "standard error is an object: message_type 'exit_error', code, kind, message.\n"
	      "\nExamples:\n"
	      "  gpucloud list || echo \"exit code $?\"\n",
	      out);
}

static void print_environment(FILE *out)
{
	fputs("Environment variables; an option beats them, they beat the config file:\n", out);
	for (const struct setting_spec *spec = settings_specs; spec->key; spec++)
		if (spec->env)
			help_row(out, spec->env, spec->help, 28);
	print_rows(out, help_environment, 28);
	fputs("\nExamples:\n"
	      "  GPUCLOUD_REGION=us-east-1 gpucloud list\n",
	      out);
}

static void print_config(FILE *out)
{
	fputs("Settings come from options, then environment variables, then the config file's\n"
	      "section named by --profile, then its section [default].\n\n"
	      "Settings of the config file:\n",
	      out);
	for (const struct setting_spec *spec = settings_specs; spec->key; spec++)
		if (settings_in_config(spec->key))
			help_row(out, spec->key, spec->help, 17);
	fputs("\nFiles:\n", out);
	print_rows(out, help_files, 30);
	fputs("\nExamples:\n"
	      "  [default]\n"
	      "  region = us-east-1\n\n"
	      "  [work]\n"
	      "  aws_profile = company\n",
	      out);
}

static void print_options(FILE *out)
{
	fputs("Options of every command, before or behind its name:\n", out);
	for (const struct opt *opt = cli_global_opts; opt->lng; opt++) {
		char name[80];

		help_opt_name(opt, name, sizeof(name));
		help_row(out, name, opt->help, 28);
	}
	fputs("\n'--' ends the options. Examples:\n"
	      "  gpucloud --region us-east-1 list --json\n",
	      out);
}

const struct help_topic help_topics[] = {
	{ "commands", "every command, in a line each", help_commands },
	{ "options", "options of every command", print_options },
	{ "config", "the config file and other files", print_config },
	{ "environment", "environment variables", print_environment },
	{ "exit-codes", "what the exit code means", print_exit_codes },
	{ NULL, NULL, NULL },
};
