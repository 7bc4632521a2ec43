/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#include "cli/command.h"

#define WIDTH	    79
#define NAME_INDENT 2
#define TEXT_INDENT 28

void help_opt_name(const struct opt *opt, char *out, size_t size)
{
	char shrt[8] = "    ";

	if (opt->shrt)
		snprintf(shrt, sizeof(shrt), "-%c, ", opt->shrt);
	snprintf(out, size, "%s--%s%s%s", shrt, opt->lng, opt->arg ? " " : "",
		 opt->arg ? opt->arg : "");
}

void help_row(FILE *out, const char *name, const char *text, size_t indent)
{
	size_t column = NAME_INDENT + strlen(name);

	fprintf(out, "%*s%s", NAME_INDENT, "", name);
	if (column + 2 > indent) { /* too long a name stands alone */
		fputc('\n', out);
		column = 0;
	}
	fprintf(out, "%*s", (int)(indent - column), "");
	column = indent;
	for (const char *word = text; *word;) {
		size_t len = strcspn(word, " ");

		if (column > indent && column + 1 + len > WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fwrite(word, 1, len, out);
		column += len;
		word += len;
		word += strspn(word, " ");
	}
	fputc('\n', out);
}

/* Whether or not the last line has its newline. */
static void print_lines(FILE *out, const char *indent, const char *lines)
{
	for (const char *line = lines; *line;) {
		size_t len = strcspn(line, "\n");

		fprintf(out, "%s%.*s\n", len ? indent : "", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

/* As wide as its longest name needs, so that short tables look well too. */
static size_t options_indent(const struct opt *opts)
{
	size_t indent = 0;

	for (const struct opt *opt = opts; opt->lng; opt++) {
		char name[80];

		help_opt_name(opt, name, sizeof(name));
		size_t len = NAME_INDENT + strlen(name) + 2;
		if (len > indent && len <= TEXT_INDENT)
			indent = len;
	}
	return indent ? indent : TEXT_INDENT;
}

static void print_options(FILE *out, const struct opt *opts)
{
	size_t indent = options_indent(opts);

	for (const struct opt *opt = opts; opt->lng; opt++) {
		char name[80];

		help_opt_name(opt, name, sizeof(name));
		help_row(out, name, opt->help, indent);
	}
}

void help_command(FILE *out, const struct command *command)
{
	fprintf(out, "gpucloud %s: %s\n\nUsage: %s\n", command->name, command->summary,
		command->usage);
	if (command->details) {
		fputc('\n', out);
		print_lines(out, "", command->details);
	}
	if (command->opts && command->opts->lng) {
		fputs("\nOptions:\n", out);
		print_options(out, command->opts);
	}
	if (command->like)
		fprintf(out, "\nAnd every option of '%s': gpucloud help %s\n", command->like->name,
			command->like->name);
	if (command->exits) {
		fputs("\nExit codes:\n", out);
		print_lines(out, "  ", command->exits);
	}
	if (!(command->flags & COMMAND_BARE))
		fputs("\nOptions of every command: gpucloud help options\n", out);
	fputs("\nExamples:\n", out);
	print_lines(out, "  ", command->examples);
}

/* Without those that any of `except` marks. */
static void print_groups(FILE *out, unsigned except)
{
	const char *group = "";
	size_t longest = 0;

	for (size_t i = 0; commands[i]; i++)
		if (strlen(commands[i]->name) > longest)
			longest = strlen(commands[i]->name);
	for (size_t i = 0; commands[i]; i++) {
		if (commands[i]->flags & except)
			continue;
		if (strcmp(commands[i]->group, group) != 0) {
			group = commands[i]->group;
			fprintf(out, "\n%s:\n", group);
		}
		help_row(out, commands[i]->name, commands[i]->summary, longest + 4);
	}
}

static void print_also(FILE *out)
{
	size_t column = 5;

	fputs("\nAlso:", out);

	for (size_t i = 0; commands[i]; i++) {
		const char *name = commands[i]->name;

		if (!(commands[i]->flags & COMMAND_ALSO))
			continue;
		if (column + 1 + strlen(name) > WIDTH) {
			fputs("\n     ", out);
			column = 5;
		}
		column += (size_t)fprintf(out, " %s", name);
	}
	fputc('\n', out);
}

void help_commands(FILE *out)
{
	fputs("Every command of gpucloud:\n", out);
	print_groups(out, 0);
	fputs("\nExamples:\n  gpucloud help launch\n", out);
}

void help_top(FILE *out)
{
	fputs("gpucloud " GPUCLOUD_VERSION ": price-check, launch and terminate GPU instances\n\n"
	      "Usage: gpucloud [options] COMMAND [arguments]\n",
	      out);
	print_groups(out, COMMAND_ALSO);
	print_also(out);
	fputs("\nMore:\n", out);
	help_row(out, "help COMMAND", "what a command does, its options, examples", 20);
	for (const struct help_topic *topic = help_topics; topic->name; topic++) {
		char name[40];

		snprintf(name, sizeof(name), "help %s", topic->name);
		help_row(out, name, topic->summary, 20);
	}
	fputs("\nDocumentation: man gpucloud, and docs/ in the source\n"
	      "Something wrong? 'gpucloud doctor' looks; -vv shows every request, secrets masked\n",
	      out);
}

void help_list(FILE *out)
{
	for (size_t i = 0; commands[i]; i++)
		fprintf(out, "%s\n", commands[i]->name);
}
