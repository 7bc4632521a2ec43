/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud push and pull: a file or a folder to an instance and back, by SFTP. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/reach.h"
#include "core/arena.h"

/* "1 file, 12 bytes", "200 files, 1.5 kB", "3 files, 20.1 MB" */
struct amount {
	char text[80];
};

static struct amount amount(uint64_t files, uint64_t bytes)
{
	struct amount ret;
	int n = snprintf(ret.text, sizeof(ret.text), "%" PRIu64 " file%s, ", files,
			 files == 1 ? "" : "s");
	char *rest = ret.text + n;
	size_t room = sizeof(ret.text) - (size_t)n;

	if (bytes < 1000)
		snprintf(rest, room, "%u byte%s", (unsigned)bytes, bytes == 1 ? "" : "s");
	else if (bytes < 999950)
		snprintf(rest, room, "%.1f kB", (double)bytes / 1e3);
	else if (bytes < 999950000)
		snprintf(rest, room, "%.1f MB", (double)bytes / 1e6);
	else
		snprintf(rest, room, "%.1f GB", (double)bytes / 1e9);
	return ret;
}

/* What has been moved so far. */
struct moving {
	struct cli *cli;
	uint64_t files, bytes;
};

static void on_moved(void *ctx, const char *path, uint64_t files, uint64_t bytes)
{
	struct moving *moving = ctx;

	moving->files = files;
	moving->bytes = bytes;
	progress_update(moving->cli, "%s: %s", amount(files, bytes).text, path);
}

static int done(struct cli *cli, const struct moving *moving, const char *from, const char *to)
{
	progress_end(cli);
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "from", from);
		cJSON_AddStringToObject(object, "to", to);
		cJSON_AddNumberToObject(object, "files", (double)moving->files);
		cJSON_AddNumberToObject(object, "bytes", (double)moving->bytes);
		cli_json_print(cli, object);
	} else {
		cli_note(cli, "%s: %s -> %s", amount(moving->files, moving->bytes).text, from, to);
	}
	return 0;
}

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

static int push_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct reach reach = { 0 };
	struct arena arena = { 0 };
	struct moving moving = { .cli = cli };
	const struct remote_progress progress = { &moving, on_moved };
	const char *to = argc > 2 ? argv[2] : NULL;
	int rc = -1;

	(void)data;
	if (check_empty(cli, argc, argv) == 0 && check_local(cli, argv[1]) == 0 &&
	    (to || (to = local_name(cli, &arena, argv[1]))) &&
	    reach_open(cli, argv[0], &reach) == 0 &&
	    reach.machine.ops->push(reach.machine.remote, argv[1], to, &progress, &cli->error) == 0)
		rc = done(cli, &moving, argv[1], to);
	progress_end(cli);
	reach_close(&reach);
	arena_release(&arena);
	return rc;
}

const struct command cmd_push = {
	.name = "push",
	.group = "Use",
	.summary = "copy a file or a folder to an instance",
	.usage = "gpucloud push NAME|ID LOCAL [REMOTE]",
	.details =
		"By SFTP. REMOTE is below the login's home unless it starts with '/'; without\n"
		"it, what is copied keeps its name ('.' has that of the folder it is). A folder\n"
		"becomes REMOTE, a file goes into it where it is a folder. Each file is written\n"
		"beside its place and then renamed; what an earlier push that was cut off left\n"
		"there is removed.",
	.examples = "gpucloud push train ./src\n"
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
	struct reach reach = { 0 };
	struct arena arena = { 0 };
	struct moving moving = { .cli = cli };
	const struct remote_progress progress = { &moving, on_moved };
	const char *to = argc > 2 ? argv[2] : base_name(&arena, argv[1]);
	int rc = -1;

	(void)data;
	if (check_empty(cli, argc, argv) < 0) {
		rc = -1;
	} else if (is_no_name(to)) {
		rc = cli_usage(cli, "say where '%s' is to be copied: a name to be made", argv[1]);
	} else if (reach_open(cli, argv[0], &reach) == 0 &&
		   reach.machine.ops->pull(reach.machine.remote, argv[1], to, &progress,
					   &cli->error) == 0) {
		rc = done(cli, &moving, argv[1], to);
	}
	progress_end(cli);
	reach_close(&reach);
	arena_release(&arena);
	return rc;
}

const struct command cmd_pull = {
	.name = "pull",
	.group = "Use",
	.summary = "copy a file or a folder from an instance",
	.usage = "gpucloud pull NAME|ID REMOTE [LOCAL]",
	.details = "By SFTP. Whatever names the machine sends, nothing is written outside LOCAL.",
	.examples = "gpucloud pull train results\n"
		    "gpucloud pull train /var/log/syslog ./syslog.txt\n",
	.min_args = 2,
	.max_args = 3,
	.run = pull_run,
};
