/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud push and pull: a file or a folder to an instance and back, by SFTP. */
#include <inttypes.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/reach.h"
#include "core/arena.h"

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
	progress_update(moving->cli, "%" PRIu64 " files, %.1f MB: %s", files, (double)bytes / 1e6,
			path);
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
		cli_note(cli, "%" PRIu64 " file%s, %.1f MB: %s -> %s", moving->files,
			 moving->files == 1 ? "" : "s", (double)moving->bytes / 1e6, from, to);
	}
	return 0;
}

/* The last component: what a path is called where it arrives. */
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

static int push_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct reach reach = { 0 };
	struct arena arena = { 0 };
	struct moving moving = { .cli = cli };
	const struct remote_progress progress = { &moving, on_moved };
	const char *to = argc > 2 ? argv[2] : base_name(&arena, argv[1]);
	int rc = -1;

	(void)data;
	if (reach_open(cli, argv[0], &reach) == 0 &&
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
	.details = "By SFTP. REMOTE is below the login's home unless it starts with '/'; without\n"
		   "it, what is copied keeps its name. Each file is written beside its place and\n"
		   "then renamed.",
	.examples = "gpucloud push train ./src\n"
		    "gpucloud push train data.tar /mnt/data.tar\n",
	.min_args = 2,
	.max_args = 3,
	.run = push_run,
};

static int pull_run(struct cli *cli, void *data, int argc, const char **argv)
{
	struct reach reach = { 0 };
	struct arena arena = { 0 };
	struct moving moving = { .cli = cli };
	const struct remote_progress progress = { &moving, on_moved };
	const char *to = argc > 2 ? argv[2] : base_name(&arena, argv[1]);
	int rc = -1;

	(void)data;
	if (strcmp(to, "..") == 0 || strcmp(to, ".") == 0 || strcmp(to, "/") == 0) {
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
