/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/copy_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/amount.h"
#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/reach.h"
#include "core/arena.h"
#include "core/clock.h"
#include "core/text.h"

#define AGAIN_S	      120 /* to connect again */
#define RATE_AFTER_MS 500 /* before that a rate says nothing */

/* ", 12.3 MB/s, 1:05 left", or "" as long as nobody can know. */
static void put_rate(char *out, size_t size, const struct copy_show *show,
		     const struct sync_progress *progress)
{
	int64_t ms = clock_mono_ms(&clock_system) - show->turn_ms;
	uint64_t moved = progress->done_bytes - show->turn_bytes;

	out[0] = '\0';
	if (ms < RATE_AFTER_MS || progress->done_bytes <= show->turn_bytes)
		return;
	double rate = (double)moved * 1000 / (double)ms;
	uint64_t left =
		progress->bytes > progress->done_bytes
			? (uint64_t)((double)(progress->bytes - progress->done_bytes) / rate)
			: 0;
	if (left < 3600)
		snprintf(out, size, ", %s/s, %u:%02u left", amount_of_bytes((uint64_t)rate).text,
			 (unsigned)(left / 60), (unsigned)(left % 60));
	else
		snprintf(out, size, ", %s/s, %" PRIu64 ":%02u h left",
			 amount_of_bytes((uint64_t)rate).text, left / 3600,
			 (unsigned)(left / 60 % 60));
}

static void on_progress(void *ctx, const struct sync_progress *progress)
{
	struct copy_show *show = ctx;
	char rate[120];

	if (show->turn != progress->turn) {
		show->turn = progress->turn;
		show->turn_ms = clock_mono_ms(&clock_system);
		show->turn_bytes = progress->done_bytes;
	}
	put_rate(rate, sizeof(rate), show, progress);
	progress_update(
		show->cli, "%s of %s files, %s of %s%s: %s",
		amount_of_count(progress->done_files).text, amount_of_count(progress->files).text,
		amount_of_bytes(progress->done_bytes).text, amount_of_bytes(progress->bytes).text,
		rate, progress->path ? progress->path : "");
}

static void on_note(void *ctx, const char *text)
{
	const struct copy_show *show = ctx;

	cli_note(show->cli, "%s", text);
}

static void on_change(void *ctx, const char *what, const char *path)
{
	struct copy_show *show = ctx;
	struct cli *cli = show->cli;

	if (!cli->dry_run && cli->verbose)
		cli_note(cli, "%s %s", what, path);
	if (!cli->dry_run)
		return;
	if (!cli->json) {
		cli_line(cli, "%s %s", what, path);
		return;
	}
	struct arena arena = { 0 };
	cJSON *change = cJSON_CreateObject();
	if (!show->changes)
		show->changes = cJSON_CreateArray();
	cJSON_AddStringToObject(change, "what", what);
	/* a name need not be text, and JSON is */
	cJSON_AddStringToObject(change, "path",
				text_is_utf8(path, strlen(path)) ? path
								 : text_escaped(&arena, path));
	cJSON_AddItemToArray(show->changes, change);
	arena_release(&arena);
}

/* A folder typed wrong costs what is in it. */
static int on_agree(void *ctx, const struct sync_plan *plan, struct error *err)
{
	struct copy_show *show = ctx;
	struct cli *cli = show->cli;

	if (cli->dry_run || plan->removed == 0 || plan->removed * 2 <= plan->there)
		return 0;
	if (confirm_yes(cli, "%s of the %s files in '%s' will be removed. Go on?",
			amount_of_count(plan->removed).text, amount_of_count(plan->there).text,
			show->to) == 0)
		return 0;
	*err = cli->error;
	error_clear(&cli->error);
	return -1;
}

/* Another connection, whose host key is verified as that of the first. */
static int connect_again(void *ctx, struct sync_link *link, struct error *err)
{
	struct copy_show *show = ctx;
	struct cli *cli = show->cli;

	link->remote = NULL;
	if (reach_again(cli, show->reach, AGAIN_S) < 0) {
		*err = cli->error;
		error_clear(&cli->error);
		return -1;
	}
	link->remote = show->reach->machine.remote;
	return 0;
}

struct sync_link copy_show_link(struct copy_show *show)
{
	return (struct sync_link){ .ops = show->reach->machine.ops,
				   .remote = show->reach->machine.remote,
				   .ctx = show,
				   .again = connect_again };
}

struct sync_events copy_show_events(struct copy_show *show)
{
	show->began_ms = clock_mono_ms(&clock_system);
	return (struct sync_events){ .ctx = show,
				     .agree = on_agree,
				     .progress = on_progress,
				     .note = on_note,
				     .change = on_change };
}

static void print_json(struct copy_show *show, const struct sync_result *result, int64_t ms)
{
	cJSON *object = cJSON_CreateObject();
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "files", result->files },	      { "bytes", result->bytes },
		{ "folders", result->folders },	      { "same_files", result->same_files },
		{ "removed", result->removed },	      { "resumed_bytes", result->resumed_bytes },
		{ "wire_bytes", result->wire_bytes }, { "turns", result->turns }
	};

	cJSON_AddStringToObject(object, "from", show->from);
	cJSON_AddStringToObject(object, "to", show->to);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		cJSON_AddNumberToObject(object, numbers[i].name, (double)numbers[i].value);
	cJSON_AddNumberToObject(object, "seconds", (double)ms / 1000);
	cJSON_AddStringToObject(object, "method", result->method ? result->method : "");
	cJSON_AddBoolToObject(object, "dry_run", show->cli->dry_run);
	if (show->cli->dry_run)
		cJSON_AddItemToObject(object, "changes",
				      show->changes ? show->changes : cJSON_CreateArray());
	show->changes = NULL;
	cli_json_print(show->cli, object);
}

void copy_show_done(struct copy_show *show, const struct sync_result *result)
{
	struct cli *cli = show->cli;
	int64_t ms = show->began_ms ? clock_mono_ms(&clock_system) - show->began_ms : 0;
	char rest[160] = "";
	size_t n = 0;

	progress_end(cli);
	if (cli->json) {
		print_json(show, result, ms);
		return;
	}
	if (result->same_files > 0)
		n += (size_t)snprintf(rest + n, sizeof(rest) - n, "; %s unchanged",
				      amount_of_count(result->same_files).text);
	if (result->removed > 0)
		n += (size_t)snprintf(rest + n, sizeof(rest) - n, "; %s %s",
				      amount_of_count(result->removed).text,
				      cli->dry_run ? "to be removed" : "removed");
	if (result->turns > 1)
		snprintf(rest + n, sizeof(rest) - n, "; %u connections", result->turns);
	if (cli->dry_run)
		cli_note(cli, "%s file%s, %s to be copied%s: %s -> %s (a dry run)",
			 amount_of_count(result->files).text, result->files == 1 ? "" : "s",
			 amount_of_bytes(result->bytes).text, rest, show->from, show->to);
	else
		cli_note(cli, "%s file%s, %s copied in %.1f s%s: %s -> %s",
			 amount_of_count(result->files).text, result->files == 1 ? "" : "s",
			 amount_of_bytes(result->bytes).text, (double)ms / 1000, rest, show->from,
			 show->to);
}

void copy_show_release(struct copy_show *show)
{
	cJSON_Delete(show->changes);
	show->changes = NULL;
}
