/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud push and pull: a file or a folder to an instance and back, by what changed. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/copy_show.h"
#include "cli/progress.h"
#include "cli/reach.h"
#include "core/arena.h"
#include "ssh/sync/sync.h"

struct copy_args {
	bool mirror, checksum, no_ignore;
	struct opt_strings exclude;
};

#define COPY_OPTS                                                                  \
	OPT_FLAG_AT(0, "delete", struct copy_args, mirror,                         \
		    "remove what the source does not have, last of all"),          \
		OPT_FLAG_AT(0, "checksum", struct copy_args, checksum,             \
			    "compare contents, whatever size and time say"),       \
		OPT_STRINGS_AT(0, "exclude", struct copy_args, exclude, "PATTERN", \
			       "leave that out, as .gitignore has it (repeatable)")

/* The last component: what a path is called where it arrives. "/" has none: "". */
static const char *base_name(struct arena *arena, const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	size_t start = len;
	while (start > 0 && path[start - 1] != '/')
		start--;
	return arena_strndup(arena, path + start, len - start);
}

/* An empty path is a shell variable that was not set. */
static int check_empty(struct cli *cli, int argc, const char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!argv[i][0])
			return cli_usage(cli, "%s is empty",
					 i == 1 ? "what is to be copied" : "where it is to go");
	return 0;
}

/*
 * What LOCAL is called there, where that is not said. "." and ".." are folders with a name of their
 * own; under theirs they would be spread over the login's home, whose keys are what lets us in.
 */
static const char *local_name(struct cli *cli, struct arena *arena, const char *local)
{
	const char *name = base_name(arena, local);

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		char *real = realpath(local, NULL);

		if (!real) {
			error_errno(&cli->error, ERROR_IO, "cannot find out what '%s' is called",
				    name);
			return NULL;
		}
		name = base_name(arena, real);
		free(real);
	}
	if (name[0])
		return name;
	cli_usage(cli, "say where '%s' is to be copied: a name to be made", local);
	return NULL;
}

/* Better now than after a login. */
static int check_local(struct cli *cli, const char *local)
{
	struct stat st;

	if (stat(local, &st) < 0 || access(local, R_OK) < 0)
		return error_errno(&cli->error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO,
				   "cannot read '%s'", local);
	return 0;
}

/* what: the instance, from where, to where. */
static int copy(struct cli *cli, const struct copy_args *args, bool up, const char *const what[3])
{
	struct reach reach = { 0 };
	struct copy_show show = { .cli = cli, .reach = &reach, .from = what[1], .to = what[2] };
	const struct sync_options options = { .mirror = args->mirror,
					      .checksum = args->checksum,
					      .no_ignore = args->no_ignore,
					      .dry_run = cli->dry_run,
					      .exclude = args->exclude.v,
					      .nr_exclude = args->exclude.nr };
	struct sync_result result = { 0 };
	int rc = reach_open(cli, what[0], &reach);

	if (rc == 0) {
		struct sync_link link = copy_show_link(&show);
		const struct sync_events events = copy_show_events(&show);

		rc = (up ? sync_push : sync_pull)(&link, what[1], what[2], &options, &events,
						  &result, &cli->error);
		progress_end(cli);
	}
	if (rc == 0)
		copy_show_done(&show, &result);
	progress_end(cli);
	copy_show_release(&show);
	reach_close(&reach);
	return rc;
}

static int push_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct arena arena = { 0 };
	const char *to = argc > 2 ? argv[2] : NULL;
	int rc = -1;

	if (check_empty(cli, argc, argv) == 0 && check_local(cli, argv[1]) == 0 &&
	    (to || (to = local_name(cli, &arena, argv[1]))))
		rc = copy(cli, data, true, (const char *const[]){ argv[0], argv[1], to });
	arena_release(&arena);
	return rc;
}

static const struct opt push_opts[] = {
	COPY_OPTS,
	OPT_FLAG_AT(0, "no-ignore", struct copy_args, no_ignore,
		    "do not read .gitignore and .gpucloudignore"),
	OPT_END,
};

const struct command cmd_push = {
	.name = "push",
	.group = "Use",
	.summary = "copy a file or a folder to an instance",
	.usage = "gpucloud push NAME|ID LOCAL [REMOTE] [options]",
	.details = "REMOTE is below the login's home unless it starts with '/'; without it, what\n"
		   "is copied keeps its name ('.' has that of the folder it is). A folder becomes\n"
		   "REMOTE, a file goes into it where it is a folder.\n"
		   "\n"
		   "Only what changed is sent, by size, time and content, and what .gitignore or\n"
		   ".gpucloudignore name is left out, as is .git. The target is as it was until\n"
		   "all has arrived. A connection that is cut is made again, and the same push\n"
		   "later goes on where one was interrupted. --dry-run says what would be done.",
	.opts = push_opts,
	.args_size = sizeof(struct copy_args),
	.examples = "gpucloud push train ./src\n"
		    "gpucloud push train . work --delete --exclude '*.ckpt'\n"
		    "gpucloud push train data.tar /mnt/data.tar\n",
	.min_args = 2,
	.max_args = 3,
	.run = push_run,
};

/* What stands for a folder there, and would be a surprise as a name here. */
static bool is_no_name(const char *name)
{
	return !name[0] || !strcmp(name, "..") || !strcmp(name, ".") || !strcmp(name, "/") ||
	       !strcmp(name, "~");
}

static int pull_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct arena arena = { 0 };
	const char *to = argc > 2 ? argv[2] : base_name(&arena, argv[1]);
	int rc;

	if (check_empty(cli, argc, argv) < 0)
		rc = -1;
	else if (is_no_name(to))
		rc = cli_usage(cli, "say where '%s' is to be copied: a name to be made", argv[1]);
	else
		rc = copy(cli, data, false, (const char *const[]){ argv[0], argv[1], to });
	arena_release(&arena);
	return rc;
}

static const struct opt pull_opts[] = { COPY_OPTS, OPT_END };

const struct command cmd_pull = {
	.name = "pull",
	.group = "Use",
	.summary = "copy a file or a folder from an instance",
	.usage = "gpucloud pull NAME|ID REMOTE [LOCAL] [options]",
	.details =
		"The reverse of push: only what changed comes, LOCAL is as it was until all has\n"
		"arrived, and a connection that is cut is made again. Whatever names the machine\n"
		"sends, nothing is written outside LOCAL.",
	.opts = pull_opts,
	.args_size = sizeof(struct copy_args),
	.examples = "gpucloud pull train results\n"
		    "gpucloud pull train /var/log/syslog ./syslog.txt\n",
	.min_args = 2,
	.max_args = 3,
	.run = pull_run,
};
