/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_wanted.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/amount.h"
#include "cli/confirm.h"
#include "cli/span.h"
#include "core/mem.h"
#include "core/text.h"

#define LINGER_MOST_S (INT64_C(7) * 86400)
#define LARGE_BYTES   UINT64_C(20000000000) /* what is pushed by mistake more often than on purpose */

void run_wanted_init(struct run_wanted *wanted)
{
	*wanted = (struct run_wanted){ .command = BUF_INIT_MAX(JOB_COMMAND_MAX) };
}

void run_wanted_release(struct run_wanted *wanted)
{
	for (size_t i = 0; i < wanted->spec.nr_secrets; i++) {
		struct secret value = wanted->spec.secrets[i].value;

		secret_release(&value);
	}
	buf_release(&wanted->command);
	arena_release(&wanted->arena);
}

static bool is_name(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (!letter && !(i > 0 && c >= '0' && c <= '9'))
			return false;
	}
	return len > 0;
}

/* "NAME=VALUE", or "NAME": as it is here. */
static int read_env(struct cli *cli, const struct opt_strings *given, struct run_wanted *wanted)
{
	struct job_pair *pairs = arena_alloc(&wanted->arena, (given->nr + 1) * sizeof(*pairs));

	for (size_t i = 0; i < given->nr; i++) {
		const char *text = given->v[i];
		size_t len = strcspn(text, "=");

		if (!is_name(text, len))
			return cli_usage(cli, "--env '%.60s' is no NAME=VALUE", text);
		pairs[i].name = arena_strndup(&wanted->arena, text, len);
		pairs[i].value =
			text[len] ? text + len + 1 : settings_env(cli->settings, pairs[i].name);
		if (!pairs[i].value)
			return cli_usage(cli, "--env %s: there is no such variable here",
					 pairs[i].name);
	}
	wanted->spec.env = pairs;
	wanted->spec.nr_env = given->nr;
	return 0;
}

static int read_secrets(struct cli *cli, const struct opt_strings *given, struct run_wanted *wanted)
{
	struct job_secret *secrets =
		arena_alloc(&wanted->arena, (given->nr + 1) * sizeof(*secrets));

	memset(secrets, 0, (given->nr + 1) * sizeof(*secrets));
	wanted->spec.secrets = secrets;
	for (size_t i = 0; i < given->nr; i++) {
		const char *name = given->v[i], *value;

		if (strchr(name, '=')) {
			cli_usage(cli,
				  "--secret takes a name alone: what stands in a command line, "
				  "every process here can read");
			return error_hint(&cli->error, "export it, then --secret NAME");
		}
		if (!is_name(name, strlen(name)))
			return cli_usage(cli, "--secret '%.60s' is no name of a variable", name);
		value = settings_env(cli->settings, name);
		if (!value || !value[0])
			return cli_usage(cli, "--secret %s: there is no such variable here", name);
		secrets[i].name = name;
		secret_set(&secrets[i].value, value, strlen(value));
		wanted->spec.nr_secrets = i + 1;
	}
	return 0;
}

/* The last component of a path. */
static const char *last_of(struct arena *arena, const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	size_t start = len;
	while (start > 0 && path[start - 1] != '/')
		start--;
	return arena_strndup(arena, path + start, len - start);
}

/* One would be written over the other, and the instance ended. */
static int check_apart(struct cli *cli, const struct run_wanted *wanted, size_t index)
{
	const char *local = wanted->outputs[index].local;

	for (size_t i = 0; i < index; i++) {
		if (strcmp(wanted->outputs[i].local, local) != 0)
			continue;
		cli_usage(cli, "--out brings two to the same place, '%.80s'", local);
		return error_hint(&cli->error, "say where to, as PATH:LOCAL");
	}
	return 0;
}

/* What cannot be written at the end is better known before the beginning. */
static int check_local(struct cli *cli, const char *local, struct arena *arena)
{
	const char *nearest = local;
	struct stat st;

	while (stat(nearest, &st) < 0) {
		const char *slash = strrchr(nearest, '/');

		if (!slash)
			nearest = ".";
		else if (slash == nearest)
			nearest = "/";
		else
			nearest = arena_strndup(arena, nearest, (size_t)(slash - nearest));
		if (strcmp(nearest, ".") == 0 || strcmp(nearest, "/") == 0)
			break;
	}
	if (strcmp(nearest, local) != 0 && (stat(nearest, &st) < 0 || !S_ISDIR(st.st_mode)))
		return cli_usage(cli, "--out: '%.200s' is no folder", nearest);
	if (access(nearest, W_OK) < 0)
		return error_errno(&cli->error, ERROR_USAGE, "--out: cannot write to '%.200s'",
				   nearest);
	return 0;
}

/* "REMOTE" or "REMOTE:LOCAL". */
static int read_outputs(struct cli *cli, const struct opt_strings *given, struct run_wanted *wanted)
{
	struct arena *arena = &wanted->arena;
	const char **paths = arena_alloc(arena, (given->nr + 1) * sizeof(*paths));

	wanted->outputs = arena_alloc(arena, (given->nr + 1) * sizeof(*wanted->outputs));
	for (size_t i = 0; i < given->nr; i++) {
		const char *text = given->v[i], *colon = strchr(text, ':');
		struct job_output *output = &wanted->outputs[i];

		paths[i] = colon ? arena_strndup(arena, text, (size_t)(colon - text)) : text;
		output->remote =
			paths[i][0] == '/' || !wanted->spec.folder
				? paths[i]
				: arena_printf(arena, "%s/%s", wanted->spec.folder, paths[i]);
		output->local = colon ? colon + 1 : (text[0] == '/' ? last_of(arena, text) : text);
		if (!paths[i][0] || !output->local[0])
			return cli_usage(cli, "--out '%.80s' is no PATH or PATH:LOCAL", text);
		if (!colon && text[0] != '/' && strstr(text, ".."))
			return cli_usage(cli,
					 "--out '%.80s' leads elsewhere: say where to, as "
					 "PATH:LOCAL",
					 text);
		if (check_apart(cli, wanted, i) < 0 || check_local(cli, output->local, arena) < 0)
			return -1;
	}
	wanted->nr_outputs = wanted->spec.nr_outputs = given->nr;
	wanted->spec.outputs = paths;
	return 0;
}

void run_quote(struct buf *out, const char *text)
{
	buf_addch(out, '\'');
	for (const char *p = text; *p; p++)
		if (*p == '\'')
			buf_addstr(out, "'\\''");
		else
			buf_addch(out, *p);
	buf_addch(out, '\'');
}

/* One argument is a shell's line; several are a command and its arguments, each kept as it is. */
static void join(int argc, const char **argv, struct buf *out)
{
	if (argc == 1) {
		buf_addstr(out, argv[0]);
		return;
	}
	for (int i = 0; i < argc; i++) {
		if (i)
			buf_addch(out, ' ');
		run_quote(out, argv[i]);
	}
}

/* Whoever starts it in the wrong folder would send all of a home, keys and all. */
static int check_push(struct cli *cli, const char *real, bool named)
{
	const char *home = settings_env(cli->settings, "HOME");
	char *real_home = home ? realpath(home, NULL) : NULL;
	bool bad = strcmp(real, "/") == 0 || (real_home && strcmp(real, real_home) == 0);

	free(real_home);
	if (!bad || named)
		return 0;
	cli_usage(cli, "this folder is '%s': all of it would be sent", real);
	return error_hint(&cli->error, "run it in the job's own folder, or say --push DIR or "
				       "--push none");
}

static int read_push(struct cli *cli, const struct run_args *args, struct run_wanted *wanted)
{
	struct arena *arena = &wanted->arena;
	const char *push = args->push ? args->push : ".";
	char name[64];

	wanted->sync = (struct sync_options){ .mirror = args->mirror,
					      .exclude = args->excludes.v,
					      .nr_exclude = args->excludes.nr };
	wanted->spec.folder = args->dir;
	if (strcmp(push, "none") == 0)
		return 0;
	char *real = realpath(push, NULL);
	if (!real)
		return error_errno(&cli->error, ERROR_USAGE, "--push '%.200s'", push);
	wanted->push = arena_strdup(arena, real);
	free(real);
	if (check_push(cli, wanted->push, args->push != NULL) < 0 ||
	    sync_measure(wanted->push, &wanted->sync, &wanted->push_files, &wanted->push_bytes,
			 &cli->error) < 0)
		return -1;
	if (!args->dir) {
		text_to_label(name, last_of(arena, wanted->push));
		wanted->spec.folder = arena_strdup(arena, name);
	}
	if (wanted->push_bytes < LARGE_BYTES || args->push)
		return 0;
	return confirm_yes(cli, "'%s' is %s. Send all of that?", wanted->push,
			   amount_of(wanted->push_files, wanted->push_bytes).text);
}

int run_wanted_read(struct cli *cli, const struct run_args *args, int argc, const char **argv,
		    struct run_wanted *wanted)
{
	struct job_spec *spec = &wanted->spec;

	join(argc, argv, &wanted->command);
	if (wanted->command.overflow)
		return cli_usage(cli, "the command is longer than %zu bytes: put it into a script",
				 JOB_COMMAND_MAX);
	spec->command = wanted->command.data;
	spec->setup = args->setup;
	spec->keep = args->keep || args->on;
	spec->keep_failed = args->keep_failed;
	spec->linger_s = JOB_LINGER_S;
	if (args->linger &&
	    span_parse(args->linger, "--linger", LINGER_MOST_S, &spec->linger_s, &cli->error) < 0)
		return -1;
	if (read_env(cli, &args->env, wanted) < 0 ||
	    read_secrets(cli, &args->secrets, wanted) < 0 || read_push(cli, args, wanted) < 0 ||
	    read_outputs(cli, &args->outputs, wanted) < 0)
		return -1;
	return job_spec_check(spec, &cli->error);
}
