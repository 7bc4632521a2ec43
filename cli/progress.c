/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cli/cli.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/mem.h"

#define REPAINT_MS 50

/* Erasing a line takes a terminal that knows how: the same test as for colour, without --no-color. */
static bool is_on(const struct cli *cli)
{
	const char *term = getenv("TERM");

	return cli->err_terminal && !cli->quiet && !cli->json && !cli->verbose && term && term[0] &&
	       strcmp(term, "dumb") != 0;
}

/* As many bytes of text as fill at most `columns` columns: a line that wraps cannot be rewritten. */
static size_t fit(const char *text, size_t columns)
{
	mbstate_t state;
	size_t used = 0, i = 0, len = strlen(text);

	memset(&state, 0, sizeof(state));
	while (i < len) {
		wchar_t c;
		size_t n = mbrtowc(&c, text + i, len - i, &state);

		if (n == 0 || n > len - i)
			break;
		int width = wcwidth(c);
		size_t add = width > 0 ? (size_t)width : 0;
		if (used + add > columns)
			break;
		used += add;
		i += n;
	}
	return i;
}

/* NO_COLOR asks for a screen without escape sequences: blanks do it too. */
static void erase(const struct cli *cli)
{
	if (cli->err_colour)
		fputs("\r\033[K", cli->err);
	else
		fprintf(cli->err, "\r%*s\r", (int)cli_width(cli) - 1, "");
}

void progress_show(struct cli *cli)
{
	const char *text = cli->progress.text;

	if (!text)
		return;
	erase(cli);
	fprintf(cli->err, "%.*s", (int)fit(text, cli_width(cli) - 1), text);
	fflush(cli->err);
	cli->progress.painted_ms = clock_mono_ms(&clock_system);
}

void progress_hide(struct cli *cli)
{
	if (!cli->progress.text)
		return;
	erase(cli);
	fflush(cli->err);
}

__attribute__((format(printf, 2, 0))) static void set_text(struct cli *cli, const char *fmt,
							   va_list ap)
{
	struct buf line = BUF_INIT;
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		out_of_memory();
	cli_escape(cli, true, text, &line);
	free(text);
	free(cli->progress.text);
	cli->progress.text = xstrdup(line.data);
	buf_release(&line);
}

void progress_start(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (!is_on(cli))
		return;
	va_start(ap, fmt);
	set_text(cli, fmt, ap);
	va_end(ap);
	progress_show(cli);
}

void progress_update(struct cli *cli, const char *fmt, ...)
{
	int64_t now = clock_mono_ms(&clock_system);
	bool first = !cli->progress.text;
	va_list ap;

	if (!is_on(cli))
		return;
	va_start(ap, fmt);
	set_text(cli, fmt, ap);
	va_end(ap);
	if (first || now - cli->progress.painted_ms >= REPAINT_MS)
		progress_show(cli);
}

void progress_end(struct cli *cli)
{
	progress_hide(cli);
	free(cli->progress.text);
	cli->progress.text = NULL;
}
