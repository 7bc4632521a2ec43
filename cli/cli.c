/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "core/buf.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/secret.h"
#include "core/text.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MIN     20
#define WIDTH_MAX     1000

static bool stream_is_terminal(FILE *stream)
{
	return isatty(fileno(stream)) == 1;
}

/* https://no-color.org: any non-empty value says no. */
static bool colour_wanted(const struct cli_globals *globals)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return !globals->no_color && !(no_color && no_color[0]) && term && term[0] &&
	       strcmp(term, "dumb") != 0;
}

static void log_sink(void *ctx, const char *line)
{
	struct cli *cli = ctx;

	/* One call, so that lines of several threads stay whole. */
	fprintf(cli->err, "%s\n", line);
}

static void apply_globals(struct cli *cli, const struct cli_globals *globals)
{
	const struct {
		const char *key, *value, *where;
	} flags[] = {
		{ "profile", globals->profile, "--profile" },
		{ "region", globals->region, "--region" },
		{ "provider", globals->provider, "--provider" },
		{ "endpoint_url", globals->endpoint_url, "--endpoint-url" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].value)
			settings_set(cli->settings, flags[i].key, flags[i].value, SETTING_FLAG,
				     flags[i].where);
}

int cli_start(struct cli *cli, const struct cli_globals *globals)
{
	cJSON_Hooks hooks = { .malloc_fn = xmalloc, .free_fn = free };
	extern char **environ;

	cli->json = globals->json;
	cli->quiet = globals->quiet;
	cli->yes = globals->yes;
	cli->dry_run = globals->dry_run;
	cli->verbose = globals->verbose;
	if (cli->command->flags & COMMAND_BARE)
		return 0;
	/* Only characters: numbers, dates and messages are the same everywhere. */
	cli->utf8 = setlocale(LC_CTYPE, "") && !strcmp(nl_langinfo(CODESET), "UTF-8");
	cli->out_terminal = stream_is_terminal(cli->out);
	cli->err_terminal = stream_is_terminal(cli->err);
	cli->colour = cli->out_terminal && colour_wanted(globals);
	cli->err_colour = cli->err_terminal && colour_wanted(globals);
	cJSON_InitHooks(&hooks);
	interrupt_install();
	if (cli->err_terminal)
		interrupt_say("\ngpucloud: stopping; what is already asked for is seen through "
			      "(Ctrl-C again: at once)\n");
	log_setup((int)(cli->verbose > 2 ? 2 : cli->verbose), log_sink, cli);
	cli->settings = settings_new((const char *const *)environ);
	apply_globals(cli, globals);
	return paths_find(cli->settings, &cli->paths, &cli->error);
}

/* Whoever read us has gone, as `head` does: nothing is wrong with us then. */
static bool reader_left(int fd)
{
	struct pollfd pollfd = { .fd = fd };

	return poll(&pollfd, 1, 0) == 1 && (pollfd.revents & POLLERR);
}

/* Output that was lost is a failure, whatever the command itself says. */
static int close_out(struct cli *cli)
{
	bool failed = ferror(cli->out) != 0;
	int reason = 0;

	errno = 0;
	if (fflush(cli->out) != 0) {
		failed = true;
		reason = errno;
	}
	bool left = failed && (reason == EPIPE || reader_left(fileno(cli->out)));
	errno = 0;
	if (fclose(cli->out) != 0 && !failed) {
		failed = true;
		reason = errno;
	}
	if (!failed || left)
		return 0;
	errno = reason;
	if (reason)
		return error_errno(&cli->error, ERROR_IO, "cannot write to standard output");
	return error_set(&cli->error, ERROR_IO, "cannot write to standard output");
}

int cli_finish(struct cli *cli, int code)
{
	progress_end(cli);
	if (code < 0) {
		code = cli_exit_code(cli->error.kind);
		/* What was printed before the failure comes first. */
		fflush(cli->out);
		cli_report(cli, code);
	}
	if (close_out(cli) < 0 && code == 0) {
		code = cli_exit_code(cli->error.kind);
		cli_report(cli, code);
	}
	log_setup(0, NULL, NULL);
	paths_release(&cli->paths);
	settings_free(cli->settings);
	cli->settings = NULL;
	fflush(cli->err);
	return code;
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
	char text[sizeof(cli->error.message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error_set(&cli->error, ERROR_USAGE, "%s", text);
	if (cli->command)
		return error_hint(&cli->error, "gpucloud help %s", cli->command->name);
	return error_hint(&cli->error, "gpucloud help");
}

void cli_escape(const struct cli *cli, bool terminal, const char *s, struct buf *out)
{
	if (cli->utf8 || !terminal) {
		text_escape(out, s, strlen(s));
		return;
	}
	struct buf text = BUF_INIT;
	text_escape(&text, s, strlen(s));
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c < 0x80)
			buf_addch(out, (char)c);
		else if (c >= 0xc0) /* one '?' for each character */
			buf_addch(out, '?');
	}
	buf_release(&text);
}

__attribute__((format(printf, 4, 0))) static void
put_line(struct cli *cli, FILE *stream, const char *prefix, const char *fmt, va_list ap)
{
	struct buf clean = BUF_INIT, line = BUF_INIT;
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		out_of_memory();
	redact(text, strlen(text), &clean);
	cli_escape(cli, stream == cli->out ? cli->out_terminal : cli->err_terminal, clean.data,
		   &line);
	fprintf(stream, "%s%s\n", prefix, line.data);
	buf_release(&clean);
	buf_release(&line);
	free(text);
}

void cli_note(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->quiet)
		return;
	progress_hide(cli);
	va_start(ap, fmt);
	put_line(cli, cli->err, "", fmt, ap);
	va_end(ap);
	progress_show(cli);
}

void cli_warning(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	progress_hide(cli);
	va_start(ap, fmt);
	put_line(cli, cli->err, "warning: ", fmt, ap);
	va_end(ap);
	progress_show(cli);
}

void cli_line(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	progress_hide(cli);
	va_start(ap, fmt);
	put_line(cli, cli->out, "", fmt, ap);
	va_end(ap);
	progress_show(cli);
}

const char *cli_bold(const struct cli *cli)
{
	return cli->colour ? "\033[1m" : "";
}

const char *cli_reset(const struct cli *cli)
{
	return cli->colour ? "\033[0m" : "";
}

size_t cli_width(const struct cli *cli)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	unsigned long n = columns ? strtoul(columns, NULL, 10) : 0;

	if (n == 0 && (ioctl(fileno(cli->out), TIOCGWINSZ, &size) == 0 ||
		       ioctl(fileno(cli->err), TIOCGWINSZ, &size) == 0))
		n = size.ws_col;
	if (n == 0 || n > WIDTH_MAX)
		return WIDTH_DEFAULT;
	return n < WIDTH_MIN ? WIDTH_MIN : (size_t)n;
}
