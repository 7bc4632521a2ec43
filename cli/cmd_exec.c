/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud exec: run a command on an instance; its exit code is ours. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/reach.h"
#include "cli/relay.h"
#include "cli/span.h"
#include "core/buf.h"

#define COMMAND_MAX    ((size_t)30000) /* what ssh/ takes */
#define TIMEOUT_MOST_S (INT64_C(366) * 86400)

struct exec_args {
	const char *timeout;
	bool in;
};

static const struct opt exec_opts[] = {
	OPT_FLAG_AT('i', "stdin", struct exec_args, in, "hand our standard input to the command"),
	OPT_STRING_AT(0, "timeout", struct exec_args, timeout, "TIME",
		      "end it after so long: 90 (seconds), 10m, 2h (no limit)"),
	OPT_END,
};

struct streams {
	struct relay out, err;
};

static int on_out(void *ctx, const char *data, size_t len, struct error *err)
{
	return relay_write(&((struct streams *)ctx)->out, data, len, err);
}

static int on_err(void *ctx, const char *data, size_t len, struct error *err)
{
	return relay_write(&((struct streams *)ctx)->err, data, len, err);
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

/* How it came that the command has no exit code: its reader left, or an error, which is reported. */
static int not_ended(struct cli *cli, const char *target, const struct streams *streams)
{
	if (streams->out.closed || streams->err.closed) {
		error_clear(&cli->error);
		return 128 + SIGPIPE; /* as a shell says it of a command here, and as silently */
	}
	if (strcmp(cli->error.code, "CommandLeft") == 0)
		error_hint(&cli->error, "see what runs: gpucloud exec %s -- ps xf", target);
	return -1;
}

static int run_on(struct cli *cli, struct reach *reach, const char *command, bool in,
		  int64_t limit_s)
{
	struct streams streams = {
		.out = { .file = cli->out, .terminal = cli->out_terminal },
		.err = { .file = cli->err, .terminal = cli->err_terminal },
	};
	const struct remote_stream stream = {
		.ctx = &streams,
		.out = on_out,
		.err = on_err,
		.in = in ? on_in : NULL,
		.in_fd = &standard_input,
	};
	const struct machine *machine = &reach->machine;
	struct remote_exit ended = { 0 };
	struct error ignored = ERROR_INIT;
	int rc = machine->ops->exec(machine->remote, command, &stream, limit_s * 1000, &ended,
				    &cli->error);

	if (relay_end(&streams.out, rc < 0 ? &ignored : &cli->error) < 0 ||
	    relay_end(&streams.err, rc < 0 ? &ignored : &cli->error) < 0)
		rc = -1;
	if (rc < 0)
		return not_ended(
			cli, reach->instance->name[0] ? reach->instance->name : reach->instance->id,
			&streams);
	if (ended.signal[0])
		cli_note(cli, "ended by SIG%s", ended.signal);
	return ended.code;
}

static int exec_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct exec_args *args = data;
	struct reach reach = { 0 };
	struct buf command = BUF_INIT_MAX(COMMAND_MAX);
	int64_t limit_s = 0;
	int rc = -1;

	if (args->timeout &&
	    span_parse(args->timeout, "--timeout", TIMEOUT_MOST_S, &limit_s, &cli->error) < 0)
		return reach_end(cli, -1);
	join(argc - 1, argv + 1, &command);
	if (command.overflow)
		error_set(&cli->error, ERROR_USAGE, "the command is longer than 30000 bytes");
	else if (reach_open(cli, argv[0], &reach) == 0)
		rc = run_on(cli, &reach, command.data, args->in, limit_s);
	buf_release(&command);
	reach_close(&reach);
	return reach_end(cli, rc);
}

const struct command cmd_exec = {
	.name = "exec",
	.group = "Use",
	.summary = "run a command on an instance; its exit code is ours",
	.usage = "gpucloud exec [options] NAME|ID [--] COMMAND [ARG...]",
	.details =
		"One argument is handed to the machine's shell as it is; several are a command\n"
		"and its arguments, kept apart. Output comes as it is printed, standard output\n"
		"and error apart. The machine's host key is verified first. On Ctrl-C, and when\n"
		"--timeout is over, the command is ended on the machine: TERM, 2 s later KILL.",
	.opts = exec_opts,
	.args_size = sizeof(struct exec_args),
	.examples = "gpucloud exec train -- nvidia-smi\n"
		    "gpucloud exec train -- 'cd job && tail -n 3 *.log'\n"
		    "gpucloud exec -i train -- sh -s < setup.sh\n",
	.exits = "125 gpucloud itself failed\n"
		 "130 interrupted; the command was ended, or it is said that it may still run\n"
		 "141 nobody reads its output any more; it was ended\n"
		 "    every other code is the command's own (128 + n: ended by signal n)\n",
	.min_args = 2,
	.max_args = COMMAND_ANY_ARGS,
	.stop_after = 2,
	.run = exec_run,
};
