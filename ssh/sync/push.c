/* SPDX-License-Identifier: Apache-2.0 */
/* A push: turn after turn until all is in place. */
#include "ssh/sync/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/text.h"
#include "ssh/remote.h"
#include "ssh/sync/ignore.h"
#include "ssh/sync/scripts.h"

#define TELL_MS	  100
#define WAIT_MS	  500
#define WAIT_MAX  8000
#define STUCK_MAX 3 /* turns in which nothing moved */

struct shown upload_shown(const struct manifest_entry *entry)
{
	return entry->path[0] ? shown_of(entry->path, strlen(entry->path)) : shown_of(".", 1);
}

void upload_tell(struct upload *upload, const char *path, bool now)
{
	int64_t ms;

	if (!upload->events || !upload->events->progress)
		return;
	ms = clock_mono_ms(upload->clock);
	if (!now && ms - upload->told_ms < TELL_MS)
		return;
	upload->told_ms = ms;
	upload->progress.path = path;
	upload->progress.turn = upload->result.turns;
	upload->events->progress(upload->events->ctx, &upload->progress);
}

void upload_begin_script(struct upload *upload, struct shell *shell)
{
	static const char *const kinds[] = { "plain", "gzip", "zstd" };

	shell_init(shell);
	shell_set(shell, "root", upload->there.root);
	shell_set(shell, "name", upload->there.name);
	shell_set(shell, "stage", upload->there.stage);
	shell_set(shell, "token", upload->token);
	shell_set(shell, "kind", kinds[upload->kind]);
}

int upload_refused(const struct shell *shell, const struct remote_exit *how, const char *what,
		   struct error *err)
{
	struct shown why = shell_why(shell, how);

	if (!strcmp(how->signal, "TERM") || how->code == 143) {
		error_set(err, ERROR_CONFLICT, "the machine's side was ended, as by another push");
		return error_hint(err, "let one of them end, then push again");
	}
	error_set(err, ERROR_REMOTE, "the machine cannot %s: %s", what, why.text);
	if (strstr(shell->said.data, "No space left"))
		error_hint(err, "make room there, and push again: what has arrived is kept");
	return -1;
}

static void tell_changes(struct upload *upload)
{
	static const char *const words[] = {
		[UPLOAD_TOUCH] = "touch", [UPLOAD_MAKE] = "make", [UPLOAD_SEND] = "send"
	};
	const struct buf *const gone[] = { &upload->first, &upload->first_dirs, &upload->last,
					   &upload->last_dirs };
	const struct sync_events *events = upload->events;

	if (!events || !events->change)
		return;
	for (size_t i = 0; i < upload->here.nr; i++)
		if (upload->todo[i].todo != UPLOAD_NOTHING && upload->todo[i].todo != UPLOAD_HASH)
			events->change(events->ctx, words[upload->todo[i].todo],
				       upload->here.v[i].path[0] ? upload->here.v[i].path : ".");
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		for (size_t at = 0; at < gone[i]->len; at += strlen(gone[i]->data + at) + 1)
			events->change(events->ctx, "remove", gone[i]->data + at);
}

static int ask(struct upload *upload, struct error *err)
{
	const struct sync_events *events = upload->events;
	struct sync_plan plan = { .files = upload->progress.files,
				  .bytes = upload->progress.bytes,
				  .removed = upload->nr_removed };

	if (upload->agreed)
		return 0;
	for (size_t i = 0; i < upload->there.target.nr; i++) {
		const struct manifest_entry *entry = &upload->there.target.v[i];
		bool is_dir = entry->type == TREE_DIR;

		plan.there += !is_dir && !ignore_covers(upload->ignore, entry->path, is_dir);
	}
	if (events && events->agree && events->agree(events->ctx, &plan, err) < 0)
		return -1;
	tell_changes(upload);
	upload->agreed = true;
	return 0;
}

static int check_room(const struct upload *upload, struct error *err)
{
	uint64_t need = upload->progress.bytes - upload->progress.done_bytes;

	if (upload->progress.done_bytes > upload->progress.bytes || need == 0 ||
	    need <= upload->there.free_bytes)
		return 0;
	error_set(err, ERROR_REMOTE,
		  "the machine's disk has %.1f GB free, and %.1f GB are to be sent",
		  (double)upload->there.free_bytes / 1e9, (double)need / 1e9);
	return error_hint(err, "make room there, or push to another disk");
}

static int one_turn(struct upload *upload, struct error *err)
{
	static const char *const methods[] = { "tar", "tar+gzip", "tar+zstd" };

	upload->result.turns++;
	upload->part_done = false;
	if (upload_look(upload, err) < 0 || upload_plan(upload, err) < 0 || ask(upload, err) < 0)
		return -1;
	if (upload_is_idle(upload) || upload->options->dry_run)
		return 0;
	if (check_room(upload, err) < 0)
		return -1;
	upload->result.method = methods[upload->kind];
	upload_tell(upload, "", true);
	if (upload->part != SIZE_MAX && upload_send_part(upload, err) < 0)
		return -1;
	return upload_send(upload, err);
}

/* The connection is gone, and another one may do better. */
static bool is_cut(const struct error *err)
{
	return err->kind == ERROR_NETWORK || err->kind == ERROR_TIMEOUT ||
	       !strcmp(err->code, "NoExitStatus");
}

/* How much of it is there, on the way or in place. */
static uint64_t arrived(const struct upload *upload)
{
	const struct manifest *staged = &upload->there.staged;

	return (uint64_t)staged->nr + staged->bytes;
}

static int wait_before(const struct upload *upload, unsigned stuck, struct error *err)
{
	int64_t ms = (int64_t)WAIT_MS << (stuck < 5 ? stuck : 5);

	if (clock_sleep_ms(upload->clock, ms < WAIT_MAX ? ms : WAIT_MAX) == 0 && !interrupted())
		return 0;
	return error_set(err, ERROR_CANCELLED, "interrupted while the connection was lost");
}

static int all_turns(struct upload *upload, struct error *err)
{
	uint64_t best = 0;
	unsigned stuck = 0;

	for (;;) {
		struct error why = ERROR_INIT;
		const struct sync_link *link = upload->link;

		if (one_turn(upload, &why) == 0)
			return 0;
		stuck = arrived(upload) > best ? 0 : stuck + 1;
		if (arrived(upload) > best)
			best = arrived(upload);
		if (!is_cut(&why) || !link->again || stuck > STUCK_MAX) {
			*err = why;
			return -1;
		}
		if (upload->events && upload->events->note) {
			char *text = xasprintf("%s; going on", why.message);

			upload->events->note(upload->events->ctx, text);
			free(text);
		}
		if (wait_before(upload, stuck, err) < 0 ||
		    link->again(link->ctx, upload->link, err) < 0)
			return -1;
	}
}

/* A file's name where it arrives is the one that LOCAL has, whatever a link leads to. */
static char *last_name(const char *local)
{
	size_t end = strlen(local), start;

	while (end > 1 && local[end - 1] == '/')
		end--;
	for (start = end; start > 0 && local[start - 1] != '/';)
		start--;
	return xstrndup(local + start, end - start);
}

static int set_up(struct upload *upload, struct error *err)
{
	const struct sync_options *options = upload->options;

	if (source_open(&upload->source, upload->local, err) < 0)
		return -1;
	upload->ignore = ignore_new(options->exclude, options->nr_exclude, !options->no_ignore);
	if (manifest_scan(upload->source.root_fd, upload->source.name, upload->ignore,
			  &upload->here, err) < 0)
		return error_prefix(err, "'%s'",
				    shown_of(upload->local, strlen(upload->local)).text);
	if (upload->here.missing)
		return error_set(err, ERROR_NOT_FOUND, "'%s' is gone",
				 shown_of(upload->local, strlen(upload->local)).text);
	if (upload->source.name) {
		upload->file = last_name(upload->local);
		upload->here.v[0].path = upload->file;
	}
	upload->there_path = shell_path(upload->path);
	upload->todo = xcalloc(upload->here.nr, sizeof(*upload->todo));
	rng_token(&rng_system, upload->token, sizeof(upload->token) - 1);
	return 0;
}

static void tear_down(struct upload *upload)
{
	source_close(&upload->source);
	ignore_free(upload->ignore);
	manifest_release(&upload->here);
	upload_there_release(&upload->there);
	free(upload->todo);
	free(upload->there_path);
	free((char *)(uintptr_t)upload->file);
	buf_release(&upload->drop);
	buf_release(&upload->first);
	buf_release(&upload->first_dirs);
	buf_release(&upload->loosen);
	buf_release(&upload->last);
	buf_release(&upload->last_dirs);
}

static int check_special(const struct upload *upload, struct error *err)
{
	if (upload->nr_special == 0)
		return 0;
	return error_set(err, ERROR_UNSUPPORTED,
			 "left out %zu that are neither file, folder nor link, the first is '%s'; "
			 "all else was copied",
			 upload->nr_special,
			 upload_shown(&upload->here.v[upload->first_special]).text);
}

int sync_push(struct sync_link *link, const char *local, const char *path,
	      const struct sync_options *options, const struct sync_events *events,
	      struct sync_result *ret, struct error *err)
{
	static const struct sync_options plain;
	const struct buf list = BUF_INIT_MAX(MANIFEST_TEXT_MAX);
	struct upload upload = { .link = link,
				 .local = local,
				 .path = path,
				 .options = options ? options : &plain,
				 .events = events,
				 .clock = link->clock ? link->clock : &clock_system,
				 .drop = list,
				 .first = list,
				 .first_dirs = list,
				 .loosen = list,
				 .last = list,
				 .last_dirs = list,
				 .result = { .method = "" } };
	int rc = set_up(&upload, err);

	if (rc == 0) {
		rc = all_turns(&upload, err);
		if (rc < 0 && !strcmp(err->code, "NoTar"))
			rc = upload_by_sftp(&upload, err);
	}
	if (rc == 0)
		upload_tell(&upload, "", true);
	if (rc == 0)
		rc = check_special(&upload, err);
	if (rc == 0 || (err->kind == ERROR_UNSUPPORTED && upload.nr_special > 0))
		*ret = upload.result;
	tear_down(&upload);
	return rc;
}
