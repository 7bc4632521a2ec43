/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/confirm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "core/buf.h"

#define ANSWER_MAX 256

static int refuse(struct cli *cli, const char *question)
{
	error_set(&cli->error, ERROR_USAGE, "no terminal to ask on: %s", question);
	return error_hint(&cli->error, "repeat the command with --yes");
}

static int cancelled(struct cli *cli)
{
	return error_set(&cli->error, ERROR_CANCELLED, "cancelled, nothing was done");
}

/* The line typed, without its end; -1 where there is none. Ctrl-C ends the wait. */
static int ask(struct cli *cli, const char *question, const char *tail, char answer[ANSWER_MAX])
{
	struct buf line = BUF_INIT;

	if (!isatty(STDIN_FILENO) || !cli->err_terminal)
		return refuse(cli, question);
	cli_escape(cli, true, question, &line);
	progress_hide(cli);
	fprintf(cli->err, "%s%s", line.data, tail);
	fflush(cli->err);
	buf_release(&line);
	if (!fgets(answer, ANSWER_MAX, stdin)) {
		fputc('\n', cli->err);
		return cancelled(cli);
	}
	answer[strcspn(answer, "\r\n")] = '\0';
	return 0;
}

int confirm_yes(struct cli *cli, const char *fmt, ...)
{
	char question[400], answer[ANSWER_MAX];
	va_list ap;

	if (cli->yes)
		return 0;
	va_start(ap, fmt);
	vsnprintf(question, sizeof(question), fmt, ap);
	va_end(ap);
	if (ask(cli, question, " [y/N] ", answer) < 0)
		return -1;
	if (!strcasecmp(answer, "y") || !strcasecmp(answer, "yes"))
		return 0;
	return cancelled(cli);
}

int confirm_name(struct cli *cli, const char *name, const char *fmt, ...)
{
	char question[400], tail[100], answer[ANSWER_MAX];
	va_list ap;

	if (cli->yes)
		return 0;
	va_start(ap, fmt);
	vsnprintf(question, sizeof(question), fmt, ap);
	va_end(ap);
	snprintf(tail, sizeof(tail), "\nType '%s' to go on: ", name);
	if (ask(cli, question, tail, answer) < 0)
		return -1;
	return strcmp(answer, name) == 0 ? 0 : cancelled(cli);
}

int confirm_letter(struct cli *cli, const char *letters, const char *question)
{
	char answer[ANSWER_MAX];

	for (;;) {
		const struct error before = cli->error;

		if (ask(cli, question, " ", answer) < 0) {
			cli->error = before;
			clearerr(stdin);
			return -1;
		}
		if (!answer[0])
			return 0;
		char letter = answer[0] >= 'A' && answer[0] <= 'Z' ? (char)(answer[0] + 'a' - 'A')
								   : answer[0];
		if (!answer[1] && strchr(letters, letter))
			return letter;
	}
}
