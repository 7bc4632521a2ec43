/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "ssh/remote.h"
#include "ssh/sync/ignore.h"
#include "ssh/sync/pull_internal.h"
#include "ssh/sync/shell.h"

#define PASSES_MAX 3 /* one more where half a file was gone on with, one more after a change */
#define BARREN_MAX 3

/* Before another connection: longer each time that nothing came over the last one. */
#define WAIT_MS	    250
#define WAIT_MAX_MS 8000

static void note(const struct fetch *fetch, const char *text)
{
	if (fetch->events && fetch->events->note)
		fetch->events->note(fetch->events->ctx, text);
}

/* A file's path on the machine, as the folder it is in and its name. */
static void split_there(struct fetch *fetch)
{
	size_t len = strlen(fetch->base);

	while (len > 1 && fetch->base[len - 1] == '/')
		fetch->base[--len] = '\0';
	char *slash = strrchr(fetch->base, '/'); /* shell_path has put one there, but for "." */
	fetch->name = xstrdup(slash ? slash + 1 : fetch->base);
	if (slash)
		slash[slash == fetch->base] = '\0';
}

/* What the machine has, as of now. */
static int list_far(struct fetch *fetch, struct error *err)
{
	struct manifest far = { 0 };

	if (manifest_ask(fetch->link->ops, fetch->link->remote, fetch->path, &far, err) < 0) {
		fetch->no_tools = err->kind == ERROR_UNSUPPORTED;
		return -1;
	}
	manifest_release(&fetch->far);
	fetch->far = far;
	if (far.missing)
		return error_set(err, ERROR_NOT_FOUND, "there is no '%s' on the machine",
				 shown_of(fetch->path, strlen(fetch->path)).text);
	if (far.single && far.v[0].type != TREE_FILE)
		return error_set(err, ERROR_UNSUPPORTED,
				 "'%s' on the machine is neither a file nor a folder",
				 shown_of(fetch->path, strlen(fetch->path)).text);
	if (fetch->known && far.single != (fetch->name != NULL))
		return error_set(err, ERROR_CONFLICT, "'%s' on the machine is something else now",
				 shown_of(fetch->path, strlen(fetch->path)).text);
	return 0;
}

/* What is here. Once: until all has arrived nobody but strangers changes it. */
static int list_near(struct fetch *fetch, struct error *err)
{
	if (fetch->far.single)
		split_there(fetch);
	if (fetch_target_find(fetch, err) < 0)
		return -1;
	if (fetch_target_spare(fetch, err) < 0)
		return -1;
	fetch_find_grain(fetch);
	fetch->near.missing = true;
	if (fetch->target.root_fd < 0)
		return 0;
	return manifest_scan(fetch->target.root_fd, fetch->name ? fetch->target.leaf : NULL,
			     fetch->ignore, &fetch->near, err);
}

static bool is_far_file(const struct fetch_item *item)
{
	return item->far->type == TREE_FILE &&
	       (item->what == FETCH_SEND || item->what == FETCH_COMPARE);
}

/* What an earlier turn, or another process, has brought here already. */
static int look_at_stage(struct fetch *fetch, struct error *err)
{
	if (fetch->options->dry_run || fetch_is_idle(fetch))
		return 0;
	if (fetch->stage.fd < 0 &&
	    (fetch_target_check(fetch, err) < 0 || stage_open(&fetch->stage, fetch, err) < 0))
		return -1;
	for (size_t i = 0; i < fetch->far.nr; i++) {
		struct fetch_item *item = &fetch->items[i];

		if (!is_far_file(item))
			continue;
		uint64_t has = stage_has(&fetch->stage, fetch, item, &item->staged);
		if (!item->staged && item->what == FETCH_SEND)
			item->partial = has;
	}
	return 0;
}

/* What there is to move in all, and how much of it is here. */
static void count(struct fetch *fetch)
{
	struct sync_progress *progress = &fetch->progress;

	*progress = (struct sync_progress){ .path = "" };
	fetch->result.resumed_bytes = fetch->result.same_files = 0;
	for (size_t i = 0; i < fetch->far.nr; i++) {
		const struct fetch_item *item = &fetch->items[i];
		uint64_t here = item->staged ? item->far->size : item->partial;

		if (item->what == FETCH_SAME || item->what == FETCH_TOUCH)
			fetch->result.same_files++;
		if (item->what != FETCH_SEND)
			continue;
		progress->files++;
		progress->bytes += item->far->size;
		progress->done_bytes += here;
		progress->done_files += item->staged || item->far->type == TREE_LINK;
		fetch->result.resumed_bytes += here;
	}
}

static bool is_file(const struct manifest_entry *entry)
{
	return entry->type == TREE_FILE || entry->type == TREE_LINK;
}

/* The caller may look at what would be done; again where a later list would remove more. */
static int ask(struct fetch *fetch, struct error *err)
{
	const struct sync_events *events = fetch->events;
	struct sync_plan plan = { .files = fetch->progress.files,
				  .bytes = fetch->progress.bytes,
				  .removed = fetch->nr_replaced,
				  .there = fetch->near.files };

	for (size_t i = 0; i < fetch->nr_extra; i++)
		plan.removed += is_file(fetch->extra[i]);
	if (fetch->agreed && plan.removed <= fetch->agreed_removed)
		return 0;
	if (events && events->agree && events->agree(events->ctx, &plan, err) < 0)
		return -1;
	fetch->agreed = true;
	fetch->agreed_removed = plan.removed;
	return 0;
}

/* One list, and all that it asks for. */
static int turn(struct fetch *fetch, struct error *err)
{
	fetch->unsure = false;
	fetch->changed[0] = '\0';
	if (list_far(fetch, err) < 0)
		return -1;
	if (!fetch->known && list_near(fetch, err) < 0)
		return -1;
	fetch->known = true;
	/* twice: what is there already is not compared, and what differs may be there by half */
	if (fetch_plan(fetch, err) < 0 || look_at_stage(fetch, err) < 0 ||
	    fetch_compare(fetch, err) < 0 || look_at_stage(fetch, err) < 0)
		return -1;
	count(fetch);
	if (ask(fetch, err) < 0)
		return -1;
	if (fetch->options->dry_run || fetch_is_idle(fetch))
		return 0;
	fetch_tell(fetch, "", true);
	if (stage_prune(&fetch->stage, fetch, err) < 0 || fetch_stream(fetch, err) < 0)
		return -1;
	fetch_tell(fetch, "", true);
	return 0;
}

static int changed(const struct fetch *fetch, struct error *err)
{
	error_set(err, strstr(fetch->changed, "Permission denied") ? ERROR_REMOTE : ERROR_CONFLICT,
		  "on the machine %s", fetch->changed[0] ? fetch->changed : "files keep changing");
	return error_hint(err, "it was tried twice; what stands at the target is untouched, and "
			       "what has arrived is kept for the next pull");
}

static bool is_cut(const struct error *err)
{
	return err->kind == ERROR_NETWORK || err->kind == ERROR_TIMEOUT ||
	       !strcmp(err->code, "NoExitStatus");
}

/* The connection is lost: another one, as long as something comes over it. */
static int reconnect(struct fetch *fetch, struct error *err)
{
	struct sync_link *link = fetch->link;
	const struct clock *clock = link->clock ? link->clock : &clock_system;
	struct error why = *err;

	if (!is_cut(err) || !link->again || interrupted())
		return -1;
	fetch->barren = fetch->moved > 0 ? 0 : fetch->barren + 1;
	fetch->moved = 0;
	fetch->passes = 0;
	if (fetch->barren >= BARREN_MAX)
		return -1;
	int64_t wait_ms = (int64_t)WAIT_MS << (fetch->barren * 2);
	if (clock_sleep_ms(clock, wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS) < 0 ||
	    interrupted())
		return error_set(err, ERROR_CANCELLED, "interrupted while the connection was lost");
	error_clear(err);
	if (link->again(link->ctx, link, err) < 0) {
		if (err->kind == ERROR_NONE)
			*err = why;
		return -1;
	}
	fetch->result.turns++;
	return 0;
}

static int gather(struct fetch *fetch, struct error *err)
{
	for (;;) {
		if (turn(fetch, err) < 0) {
			if (reconnect(fetch, err) < 0)
				return -1;
			continue;
		}
		if (!fetch->unsure)
			return 0;
		if (++fetch->passes >= PASSES_MAX || (fetch->changed[0] && fetch->retried))
			return changed(fetch, err);
		fetch->retried |= fetch->changed[0] != '\0';
	}
}

static void tell_changes(const struct fetch *fetch)
{
	const struct sync_events *events = fetch->events;

	if (!events || !events->change)
		return;
	for (size_t i = 0; i < fetch->far.nr; i++) {
		const struct fetch_item *item = &fetch->items[i];
		const char *path = fetch_here(fetch, item);

		if (item->replace)
			events->change(events->ctx, "remove", path);
		if (item->what == FETCH_FOLDER && path[0] && (!item->near || item->replace))
			events->change(events->ctx, "make", path);
		if (item->what == FETCH_SEND)
			events->change(events->ctx, "send", path);
		else if (item->what == FETCH_TOUCH)
			events->change(events->ctx, "touch", path);
	}
	for (size_t i = 0; i < fetch->nr_extra; i++)
		events->change(events->ctx, "remove", fetch->extra[i]->path);
}

/* A dry run tells the same numbers. */
static void foretell(struct fetch *fetch)
{
	fetch->result.files = fetch->progress.files;
	fetch->result.bytes = fetch->progress.bytes;
	fetch->result.removed = fetch->nr_replaced + fetch->nr_extra;
	for (size_t i = 0; i < fetch->far.nr; i++)
		fetch->result.folders += fetch->items[i].what == FETCH_FOLDER &&
					 (!fetch->items[i].near || fetch->items[i].replace);
}

static int finish(struct fetch *fetch, struct error *err)
{
	tell_changes(fetch);
	if (fetch->options->dry_run) {
		foretell(fetch);
	} else if (!fetch_is_idle(fetch)) {
		if (fetch_place(fetch, err) < 0)
			return -1;
		stage_remove(&fetch->stage);
	} else {
		stage_sweep(&fetch->stage, fetch);
	}
	if (fetch->nr_special == 0)
		return 0;
	for (size_t i = 0; i < fetch->far.nr; i++) {
		const struct manifest_entry *far = fetch->items[i].far;

		if (far->type == TREE_SPECIAL && fetch->items[i].what == FETCH_LEAVE)
			return error_set(err, ERROR_UNSUPPORTED,
					 "left out %zu that are neither file, folder nor link, the "
					 "first is '%s'; all else was copied",
					 fetch->nr_special,
					 shown_of(far->path, strlen(far->path)).text);
	}
	return 0;
}

static void release(struct fetch *fetch)
{
	stage_close(&fetch->stage);
	fetch_target_release(&fetch->target);
	manifest_release(&fetch->far);
	manifest_release(&fetch->near);
	ignore_free(fetch->ignore);
	free(fetch->base);
	free(fetch->name);
	free(fetch->items);
	free(fetch->extra);
}

int sync_pull(struct sync_link *link, const char *path, const char *local,
	      const struct sync_options *options, const struct sync_events *events,
	      struct sync_result *ret, struct error *err)
{
	static const struct sync_options plain;
	struct fetch fetch = {
		.link = link,
		.path = path,
		.local = local,
		.options = options ? options : &plain,
		.events = events,
		.target = { .parent_fd = -1, .root_fd = -1 },
		.stage = { .dir_fd = -1, .fd = -1 },
		.result = { .method = "", .turns = 1 },
	};
	struct error mine = ERROR_INIT;

	fetch.ignore = ignore_new(fetch.options->exclude, fetch.options->nr_exclude, false);
	fetch.base = shell_path(path);
	int rc = gather(&fetch, &mine);
	if (rc == 0) {
		rc = finish(&fetch, &mine);
	} else if (fetch.no_tools) {
		note(&fetch, mine.message);
		error_clear(&mine);
		rc = fetch_by_sftp(&fetch, &mine);
	}
	if (ret && (rc == 0 || fetch.result.files > 0))
		*ret = fetch.result;
	release(&fetch);
	if (rc < 0)
		*err = mine;
	return rc;
}
