/* SPDX-License-Identifier: Apache-2.0 */
/* The man page, in mdoc(7): https://man.openbsd.org/mdoc */
#include <ctype.h>
#include <string.h>

#include "cli/command.h"
#include "cli/help.h"

/* A fixed date: the same source gives the same page. */
#define MAN_DATE "November 23, 2026"

static void put_escaped(FILE *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\')
			fputs("\\e", out);
		else
			fputc(s[i], out);
	}
}

/* A line of input: a dot or quote at its start would make it a macro. */
static void put_line(FILE *out, const char *s, size_t len)
{
	if (len && (s[0] == '.' || s[0] == '\''))
		fputs("\\&", out);
	put_escaped(out, s, len);
	fputc('\n', out);
}

/* Running text: each sentence begins its own line, so that the formatter spaces them. */
static void put_sentences(FILE *out, const char *s, size_t len)
{
	size_t begin = 0;

	for (size_t i = 0; i + 2 < len; i++) {
		bool ends = s[i] == '.' || s[i] == '?' || s[i] == '!';

		if (!ends || s[i + 1] != ' ' || !isupper((unsigned char)s[i + 2]))
			continue;
		put_line(out, s + begin, i + 1 - begin);
		begin = i + 2;
	}
	put_line(out, s + begin, len - begin);
}

static void put_text(FILE *out, const char *s)
{
	put_sentences(out, s, strlen(s));
}

/* An option's name: its dashes are to be typed, not hyphens. */
static void put_dashed(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '-')
			fputc('\\', out);
		fputc(*s, out);
	}
}

static void put_literal(FILE *out, const char *lines, size_t len)
{
	fputs(".Bd -literal -offset indent\n", out);
	for (const char *end = lines + len; lines < end;) {
		size_t n = strcspn(lines, "\n");

		put_line(out, lines, n);
		lines += n + 1;
	}
	fputs(".Ed\n", out);
}

/* Paragraphs stand apart by an empty line; one with an indented line keeps its shape. */
static void put_paragraphs(FILE *out, const char *text)
{
	while (*text) {
		const char *gap = strstr(text, "\n\n");
		size_t len = gap ? (size_t)(gap - text) + 1 : strlen(text);
		bool shaped = text[0] == ' ';

		for (size_t i = 0; i + 1 < len; i++)
			shaped = shaped || (text[i] == '\n' && text[i + 1] == ' ');
		if (shaped) {
			put_literal(out, text, len);
		} else {
			fputs(".Pp\n", out);
			for (size_t i = 0; i < len;) {
				size_t n = strcspn(text + i, "\n");

				put_sentences(out, text + i, n);
				i += n + 1;
			}
		}
		text += len;
		text += strspn(text, "\n");
	}
}

static void put_options(FILE *out, const struct opt *opts)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (const struct opt *opt = opts; opt->lng; opt++) {
		fputs(".It ", out);
		if (opt->shrt)
			fprintf(out, "Fl %c , ", opt->shrt);
		fputs("Fl \\-", out);
		put_dashed(out, opt->lng);
		if (opt->arg) {
			fputs(" Ar \"", out);
			put_escaped(out, opt->arg, strlen(opt->arg));
			fputc('"', out);
		}
		fputc('\n', out);
		put_text(out, opt->help);
	}
	fputs(".El\n", out);
}

static void put_rows(FILE *out, const char *macro, const struct help_row *rows)
{
	for (; rows->name; rows++) {
		fprintf(out, ".It %s \"", macro);
		put_escaped(out, rows->name, strlen(rows->name));
		fputs("\"\n", out);
		put_text(out, rows->text);
	}
}

static void put_command(FILE *out, const struct command *command)
{
	fprintf(out, ".Ss %s\n", command->name);
	put_text(out, command->summary);
	put_literal(out, command->usage, strlen(command->usage));
	if (command->details)
		put_paragraphs(out, command->details);
	if (command->opts && command->opts->lng)
		put_options(out, command->opts);
	if (command->like)
		fprintf(out, ".Pp\nAnd every option of\n.Cm %s .\n", command->like->name);
	if (command->exits) {
		fputs(".Pp\nExit codes of its own:\n", out);
		put_literal(out, command->exits, strlen(command->exits));
	}
	fputs(".Pp\nExamples:\n", out);
	put_literal(out, command->examples, strlen(command->examples));
}

static void put_environment(FILE *out)
{
	fputs(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n", out);
	for (const struct setting_spec *spec = settings_specs; spec->key; spec++) {
		if (!spec->env)
			continue;
		fprintf(out, ".It Ev %s\n", spec->env);
		put_text(out, spec->help);
	}
	put_rows(out, "Ev", help_environment);
	fputs(".El\n", out);
}

static void put_settings(FILE *out)
{
	fputs(".Sh CONFIGURATION\n"
	      "Settings come from options, then environment variables, then the section of the\n"
	      "config file that\n.Fl \\-profile\nnames, then its section [default]:\n"
	      ".Bl -tag -width Ds\n",
	      out);
	for (const struct setting_spec *spec = settings_specs; spec->key; spec++) {
		if (!settings_in_config(spec->key))
			continue;
		fprintf(out, ".It Cm %s\n", spec->key);
		put_text(out, spec->help);
	}
	fputs(".El\n", out);
}

void help_man(FILE *out)
{
	fputs(".\\\" SPDX-License-Identifier: Apache-2.0\n"
	      ".\\\" Made by 'gpucloud help --man'.\n"
	      ".Dd " MAN_DATE "\n.Dt GPUCLOUD 1\n.Os\n"
	      ".Sh NAME\n.Nm gpucloud\n"
	      ".Nd price-check, launch and terminate GPU instances\n"
	      ".Sh SYNOPSIS\n.Nm\n.Op Ar options\n.Ar command\n.Op Ar arguments\n"
	      ".Sh DESCRIPTION\n"
	      ".Nm\n"
	      "compares what a GPU instance costs over zones, launches the one that suits, and\n"
	      "ends it for certain.\n"
	      "Results go to standard output, everything else to standard error.\n"
	      "Through a pipe, tables become lines with tabs, without a header.\n"
	      "It sends nothing to anybody but the cloud it works with.\n"
	      ".Pp\nOptions of every command, before or behind its name:\n",
	      out);
	put_options(out, cli_global_opts);
	fputs(".Sh COMMANDS\n", out);
	for (size_t i = 0; commands[i]; i++)
		put_command(out, commands[i]);
	put_settings(out);
	put_environment(out);
	fputs(".Sh FILES\n.Bl -tag -width Ds\n", out);
	put_rows(out, "Pa", help_files);
	fputs(".El\n.Sh EXIT STATUS\n.Bl -tag -width Ds\n", out);
	put_rows(out, "Li", help_exit_codes);
	fputs(".El\n.Sh SEE ALSO\n.Xr ssh 1 ,\n.Xr ssh-keygen 1\n", out);
}
