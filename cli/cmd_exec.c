/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud exec: run a command on an instance; its exit code is ours. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/reach.h"
#include "core/buf.h"
#include "core/text.h"
#include "core/timefmt.h"

#define COMMAND_MAX ((size_t)30000) /* what ssh/ takes */

struct exec_args {
	const char *timeout;
	bool in;
};

static const struct opt exec_opts[] = {
	OPT_FLAG_AT('i', "stdin", struct exec_args, in, "hand our standard input to the command"),
	OPT_STRING_AT(0, "timeout", struct exec_args, timeout, "TIME",
		      "end it after so long: 90s, 10m, 2h (no limit)"),
	OPT_END,
};

/* One stream of ours; a terminal gets what the machine prints with control bytes made visible. */
struct sink {
	FILE *file;
	bool terminal;
};

struct relay {
	struct sink out, err;
};

static int relay_to(struct sink *sink, const char *data, size_t len, struct error *err)
{
	size_t done = 0;

	if (!sink->terminal) {
		done = fwrite(data, 1, len, sink->file);
	} else {
		for (size_t i = 0; i < len;) {
			size_t run = 0;
			struct buf text = BUF_INIT;

			while (i + run < len && !strchr("\n\t\r", data[i + run]))
				run++;
			text_escape(&text, data + i, run);
			fwrite(text.data, 1, text.len, sink->file);
			buf_release(&text);
			if (i + run < len)
				fputc(data[i + run++], sink->file);
			i += run;
		}
		done = len;
	}
	if (done != len || fflush(sink->file) != 0)
		return error_errno(err, ERROR_IO, "cannot write what the command printed");
	return 0;
}

static int on_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct relay *relay = ctx;

	return relay_to(&relay->out, data, len, err);
}

static int on_err(void *ctx, const char *data, size_t len, struct error *err)
{
	struct relay *relay = ctx;

	return relay_to(&relay->err, data, len, err);
}

static ssize_t on_in(void *ctx, char *buf, size_t n, struct error *err)
{
	ssize_t got;

	(void)ctx;
	do {
		got = read(STDIN_FILENO, buf, n);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		error_errno(err, ERROR_IO, "cannot read standard input");
	return got;
}

/* One argument is a shell's line; several are a command and its arguments, each kept as it is. */
static void join(int argc, const char **argv, struct buf *out)
{
	if (argc == 1) {
		buf_addstr(out, argv[0]);
		return;
	}
	for (int i = 0; i < argc; i++) {
		buf_addstr(out, i ? " '" : "'");
		for (const char *p = argv[i]; *p; p++)
			if (*p == '\'')
				buf_addstr(out, "'\\''");
			else
				buf_addch(out, *p);
		buf_addch(out, '\'');
	}
}

static const int standard_input = STDIN_FILENO;

static int exec_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct exec_args *args = data;
	struct reach reach = { 0 };
	struct buf command = BUF_INIT_MAX(COMMAND_MAX);
	struct relay relay = {
		.out = { cli->out, cli->out_terminal },
		.err = { cli->err, cli->err_terminal },
	};
	const struct remote_stream stream = {
		.ctx = &relay,
		.out = on_out,
		.err = on_err,
		.in = args->in ? on_in : NULL,
		.in_fd = &standard_input,
	};
	struct remote_exit ended = { 0 };
	int64_t limit_s = 0;
	int rc = -1;

	if (args->timeout && duration_parse(args->timeout, "--timeout", &limit_s, &cli->error) < 0)
		return reach_end(cli, -1);
	join(argc - 1, argv + 1, &command);
	if (command.overflow) {
		error_set(&cli->error, ERROR_USAGE, "the command is longer than 30000 bytes");
	} else if (reach_open(cli, argv[0], &reach) == 0 &&
		   reach.machine.ops->exec(reach.machine.remote, command.data, &stream,
					   limit_s * 1000, &ended, &cli->error) == 0) {
		rc = ended.code;
		if (ended.signal[0])
			cli_note(cli, "ended by SIG%s", ended.signal);
	}
	buf_release(&command);
	reach_close(&reach);
	return reach_end(cli, rc);
}

const struct command cmd_exec = {
	.name = "exec",
	.group = "Use",
	.summary = "run a command on an instance; its exit code is ours",
	.usage = "gpucloud exec NAME|ID -- COMMAND [ARG...]",
	.details = "One argument is handed to the machine's shell as it is; several are a command\n"
		   "and its arguments, kept apart. Output comes as it is printed, standard output\n"
		   "and error apart. The machine's host key is verified first.",
	.opts = exec_opts,
	.args_size = sizeof(struct exec_args),
	.examples = "gpucloud exec train -- nvidia-smi\n"
		    "gpucloud exec train -- 'cd job && tail -n 3 *.log'\n"
		    "gpucloud exec -i train -- sh -s < setup.sh\n",
	.exits = "125 gpucloud itself failed; every other code is the command's own\n"
		 "    (ended by a signal: 128 + its number)\n",
	.min_args = 2,
	.max_args = COMMAND_ANY_ARGS,
	.run = exec_run,
};
