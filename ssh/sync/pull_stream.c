/* SPDX-License-Identifier: Apache-2.0 */
/* One tar stream from the machine with all the files that are wanted and not here yet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/mem.h"
#include "ssh/remote.h"
#include "ssh/sync/pull_internal.h"
#include "ssh/sync/scripts.h"
#include "ssh/sync/shell.h"

#define TELL_MS 100

/* The slowest machine that is waited for: so much a second, and some time to begin. */
#define SLOWEST_PER_S ((uint64_t)16 << 10)
#define GRACE_MS      ((int64_t)15 * 60 * 1000)

int64_t fetch_deadline(uint64_t bytes)
{
	return GRACE_MS + (int64_t)(bytes / SLOWEST_PER_S) * 1000;
}

void fetch_tell(struct fetch *fetch, const char *path, bool now)
{
	int64_t time = clock_mono_ms(&clock_system);

	if (!fetch->events || !fetch->events->progress || (!now && time - fetch->told_at < TELL_MS))
		return;
	fetch->told_at = time;
	fetch->progress.path = path;
	fetch->progress.turn = fetch->result.turns;
	fetch->events->progress(fetch->events->ctx, &fetch->progress);
}

void fetch_note_change(struct fetch *fetch, const char *path, const char *how)
{
	fetch->unsure = true;
	if (!fetch->changed[0])
		snprintf(fetch->changed, sizeof(fetch->changed), "'%.100s' %.80s",
			 shown_of(path, strlen(path)).text, shown_of(how, strlen(how)).text);
}

struct unpack_file fetch_wanted(const struct fetch *fetch, const struct fetch_item *item)
{
	return (struct unpack_file){
		.path = fetch_there(fetch, item),
		.size = item->far->size,
		.mtime_ns = item->far->mtime_ns,
		.mode = item->far->mode,
	};
}

static bool is_wanted(const struct fetch_item *item)
{
	return item->what == FETCH_SEND && item->far->type == TREE_FILE && !item->staged &&
	       item->partial == 0;
}

struct stream {
	struct fetch *fetch;
	struct unpack_order order;
	struct unpack unpack;
	struct buf list;
	uint64_t bytes;
};

static void on_moved(void *ctx, const struct unpack_file *file, uint64_t bytes, bool whole)
{
	struct fetch *fetch = ctx;

	fetch->moved += bytes + whole;
	fetch->progress.done_bytes += bytes;
	fetch->progress.done_files += whole;
	fetch_tell(fetch, file->path, false);
}

static int on_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct stream *stream = ctx;

	stream->fetch->result.wire_bytes += len;
	return unpack_feed(&stream->unpack, data, len, err);
}

static void collect(struct stream *stream)
{
	struct fetch *fetch = stream->fetch;

	for (size_t i = 0; i < fetch->far.nr; i++) {
		const struct fetch_item *item = &fetch->items[i];

		if (!is_wanted(item))
			continue;
		stream->order.files[stream->order.nr++] = fetch_wanted(fetch, item);
		stream->bytes += item->far->size;
		buf_addf(&stream->list, "./%s", fetch_there(fetch, item));
		buf_addch(&stream->list, '\0');
	}
}

/* A file that tar complained of came whole by its size, and yet it is not to be trusted. */
static void distrust(struct stream *stream, const char *path)
{
	char name[STAGE_NAME_MAX];

	stage_name(path, name);
	stage_remove_name(stream->fetch->stage.fd, name);
}

static int by_path(const void *a, const void *b)
{
	const struct unpack_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static const struct unpack_file *find_file(const struct stream *stream, const char *path)
{
	const struct unpack_file key = { .path = path };

	return bsearch(&key, stream->order.files, stream->order.nr, sizeof(key), by_path);
}

/* "tar: ./PATH: what is wrong with it", where either may have a ": ". */
static bool judge_line(struct stream *stream, char *line)
{
	if (strncmp(line, "tar: ./", 7) != 0)
		return false;
	line += 7;
	for (char *at = line; (at = strstr(at, ": ")); at += 2) {
		*at = '\0';
		const struct unpack_file *file = find_file(stream, line);

		if (file) {
			fetch_note_change(stream->fetch, file->path, at + 2);
			distrust(stream, file->path);
			return true;
		}
		*at = ':';
	}
	return false;
}

/* Tar could not read all as it was: what it names, or else all of it, is asked for anew. */
static void judge_said(struct stream *stream, const struct buf *said)
{
	char *text = xstrndup(said->data, said->len), *line = text;
	bool named = false, cut = said->len >= SHELL_STDERR_MAX - 1;

	while (line && *line) {
		char *end = strchr(line, '\n');

		if (end)
			*end++ = '\0';
		named |= judge_line(stream, line);
		line = end;
	}
	free(text);
	if (named && !cut)
		return;
	for (size_t i = 0; i < stream->order.nr; i++)
		if (stream->order.files[i].state == UNPACK_DONE)
			distrust(stream, stream->order.files[i].path);
}

static const char *method_of(enum decode_kind kind)
{
	switch (kind) {
	case DECODE_ZSTD:
		return "tar+zstd";
	case DECODE_GZIP:
		return "tar+gzip";
	case DECODE_PLAIN:
	case DECODE_MARK:
	case DECODE_OTHER:
	default:
		return "tar";
	}
}

/* The stream is over: are all the files there? */
static int judge(struct stream *stream, const struct shell *shell, const struct remote_exit *how,
		 struct error *err)
{
	struct fetch *fetch = stream->fetch;
	const struct decode *decode = &stream->unpack.decode;

	if (decode->kind == DECODE_OTHER && !strcmp(decode->mark, "=notar")) {
		fetch->no_tools = true;
		error_set(err, ERROR_UNSUPPORTED, "the machine has no GNU tar");
		return error_hint(err, "install tar there");
	}
	if (decode->kind == DECODE_OTHER && !strcmp(decode->mark, "=gone")) {
		fetch_note_change(fetch, fetch->path, "is gone");
		return 0;
	}
	if (decode->kind == DECODE_OTHER)
		return error_set(err, ERROR_PROTOCOL, "the machine answers with an unknown '%s'",
				 shown_of(decode->mark, strlen(decode->mark)).text);
	fetch->result.method = method_of(decode->kind);
	if (how->code > 2 || how->signal[0])
		return error_set(err, ERROR_REMOTE, "tar failed on the machine: %s",
				 shell_why(shell, how).text);
	if (how->code != 0) {
		judge_said(stream, &shell->said);
		fetch_note_change(fetch, fetch->path, shell_why(shell, how).text);
	}
	for (size_t i = 0, k = 0; i < stream->order.nr; i++) {
		const struct unpack_file *file = &stream->order.files[i];

		while (strcmp(fetch_there(fetch, &fetch->items[k]), file->path) != 0)
			k++;
		fetch->items[k].fresh = file->state == UNPACK_DONE;
		if (file->state != UNPACK_DONE)
			fetch_note_change(fetch, file->path,
					  file->state == UNPACK_CHANGED
						  ? "changed while it was read"
						  : "could not be read");
	}
	/* without a packer there is no checksum on the way */
	return decode->kind == DECODE_PLAIN ? fetch_verify(fetch, err) : 0;
}

static int run(struct stream *stream, struct error *err)
{
	struct fetch *fetch = stream->fetch;
	struct remote_exit how;
	struct shell shell;

	shell_init(&shell);
	shell_set(&shell, "base", fetch->base);
	shell_set(&shell, "follow", fetch->name ? "-h" : "");
	shell_list(&shell, "files", stream->list.data, stream->list.len);
	shell.ctx = stream;
	shell.out = on_out;
	char *script = xasprintf("%s%s", sync_list_script, sync_pull_script);
	shell_script(&shell, script, "gpucloud_pull_files");
	free(script);
	int rc = shell_run(&shell, fetch->link->ops, fetch->link->remote,
			   fetch_deadline(stream->bytes), &how, err);
	if (rc == 0 && how.code <= 2)
		rc = unpack_end(&stream->unpack, err);
	if (rc == 0)
		rc = judge(stream, &shell, &how, err);
	shell_release(&shell);
	return rc;
}

/* Better now than when the disk is full. */
static int check_room(const struct fetch *fetch, struct error *err)
{
	struct statvfs fs;
	uint64_t wanted = 0;

	for (size_t i = 0; i < fetch->far.nr; i++)
		if (fetch->items[i].what == FETCH_SEND && !fetch->items[i].staged &&
		    wanted < UINT64_MAX / 4)
			wanted += fetch->items[i].far->size - fetch->items[i].partial;
	if (fstatvfs(fetch->stage.fd, &fs) < 0)
		return 0;
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (wanted <= room)
		return 0;
	error_set(err, ERROR_IO, "there is no room for it: %llu MiB are to come, %llu MiB are free",
		  (unsigned long long)(wanted >> 20), (unsigned long long)(room >> 20));
	return error_hint(err, "nothing was fetched; make room, or leave something out");
}

int fetch_stream(struct fetch *fetch, struct error *err)
{
	struct stream stream = { .fetch = fetch, .list = BUF_INIT_MAX((size_t)512 << 20) };
	int rc = 0;

	if (check_room(fetch, err) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < fetch->far.nr; i++)
		if (fetch->items[i].partial > 0)
			rc = fetch_tail(fetch, &fetch->items[i], err);
	if (rc < 0)
		return -1;
	stream.order.files = xcalloc(fetch->far.nr + 1, sizeof(*stream.order.files));
	stream.order.stage_fd = fetch->stage.fd;
	stream.order.ctx = fetch;
	stream.order.moved = on_moved;
	collect(&stream);
	if (stream.order.nr > 0) {
		unpack_init(&stream.unpack, &stream.order);
		rc = run(&stream, err);
		unpack_release(&stream.unpack);
	}
	free(stream.order.files);
	buf_release(&stream.list);
	return rc;
}
