/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream with all that is to be placed and touched; behind it "arrived", by which the machine
 * puts it in place. Where a file changes under our hands that word is not sent.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"
#include "ssh/remote.h"
#include "ssh/sync/manifest_take.h"
#include "ssh/sync/push.h"
#include "ssh/sync/scripts.h"

struct sender {
	struct upload *upload;
	struct stream *stream;
	enum {
		SEND_NEW,
		SEND_ATTR,
		SEND_AGAIN,
		SEND_END,
		SEND_OVER
	} phase;
	size_t next;	/* of here, or of changed */
	size_t current; /* the file under way */
	int fd;		/* -1: none */
	struct manifest_entry now;
	uint64_t left;
	bool padded;
	char *piece;
	size_t *changed;
	size_t nr_changed, cap_changed,
		nr_first; /* the first nr_first were so in the first round */

	/* what the machine says */
	struct manifest_taker taker;
	bool received, committed;
	char sum[65];
};

static void note_changed(struct sender *sender, size_t index)
{
	sender->changed = xgrow(sender->changed, sender->nr_changed, &sender->cap_changed,
				sizeof(*sender->changed));
	sender->changed[sender->nr_changed++] = index;
}

/* 0, or -1 where reading failed for good: it is gone, or no file any more, is another matter. */
static int open_file(struct sender *sender, size_t index, struct error *err)
{
	struct manifest_entry *here = &sender->upload->here.v[index];
	int fd = source_file(&sender->upload->source, here, &sender->now);

	if (fd < 0 && errno != ENOENT && errno != EINVAL && errno != ELOOP && errno != ENOTDIR)
		return error_errno(err, ERROR_IO, "cannot read '%s'", upload_shown(here).text);
	if (fd < 0) {
		note_changed(sender, index);
		return 0;
	}
	*here = sender->now; /* it is what is sent that has to be there in the end */
	sender->fd = fd;
	sender->current = index;
	sender->left = sender->now.size;
	sender->padded = false;
	return stream_entry(sender->stream, "new", &sender->now, err);
}

static void close_file(struct sender *sender)
{
	struct upload *upload = sender->upload;

	if (sender->padded || source_changed(sender->fd, &sender->now))
		note_changed(sender, sender->current);
	else
		upload->progress.done_files++;
	close(sender->fd);
	sender->fd = -1;
	upload_tell(upload, sender->now.path, false);
}

static int read_piece(struct sender *sender, struct error *err)
{
	size_t want = sender->left < STREAM_PIECE ? (size_t)sender->left : STREAM_PIECE;
	ssize_t n = sender->padded ? 0 : read(sender->fd, sender->piece, want);

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0)
		return error_errno(err, ERROR_IO, "cannot read '%s'",
				   upload_shown(&sender->now).text);
	if (n == 0) { /* it has become shorter: what was announced must come all the same */
		sender->padded = true;
		memset(sender->piece, 0, want);
		n = (ssize_t)want;
	}
	sender->left -= (uint64_t)n;
	sender->upload->progress.done_bytes += (uint64_t)n;
	upload_tell(sender->upload, sender->now.path, false);
	return stream_data(sender->stream, sender->piece, (size_t)n, err);
}

/* The root's permissions stay as they are where it is there. */
static struct manifest_entry folder_of(const struct upload *upload, size_t index)
{
	struct manifest_entry entry = upload->here.v[index];

	if (!entry.path[0] && !upload->there.target.missing)
		entry.mode = upload->there.target.v[0].mode;
	return entry;
}

static int put_new(struct sender *sender, size_t index, struct error *err)
{
	struct upload *upload = sender->upload;
	const struct upload_entry *todo = &upload->todo[index];
	const struct manifest_entry *here = &upload->here.v[index];

	if (todo->around) {
		const struct manifest_entry folder = folder_of(upload, index);

		return stream_entry(sender->stream, "new", &folder, err);
	}
	if (todo->todo != UPLOAD_SEND || todo->staged)
		return 0;
	if (here->type == TREE_FILE)
		return open_file(sender, index, err);
	upload->progress.done_files++;
	return stream_entry(sender->stream, "new", here, err);
}

static int put_attr(struct sender *sender, size_t index, struct error *err)
{
	const struct upload *upload = sender->upload;
	const struct upload_entry *todo = &upload->todo[index];
	struct manifest_entry entry = upload->here.v[index];

	if (todo->beside)
		entry = folder_of(upload, index);
	else if (todo->todo != UPLOAD_TOUCH)
		return 0;
	entry.size = 0;
	return stream_entry(sender->stream, "attr", &entry, err);
}

static int put_end(struct sender *sender, struct error *err)
{
	const struct manifest_entry arrived = { .path = "arrived",
						.type = TREE_FILE,
						.mode = 0600 };

	sender->phase = SEND_OVER;
	if (sender->nr_changed == sender->nr_first && sender->upload->kind != STREAM_PLAIN &&
	    stream_entry(sender->stream, "", &arrived, err) < 0)
		return -1;
	return stream_end(sender->stream, err);
}

static int step(struct sender *sender, struct error *err)
{
	const struct upload *upload = sender->upload;

	if (sender->fd >= 0 && sender->left > 0)
		return read_piece(sender, err);
	if (sender->fd >= 0) {
		close_file(sender);
		return 0;
	}
	switch (sender->phase) {
	case SEND_NEW:
		if (sender->next < upload->here.nr)
			return put_new(sender, sender->next++, err);
		break;
	case SEND_ATTR:
		if (sender->next < upload->here.nr)
			return put_attr(sender, sender->next++, err);
		sender->nr_first = sender->nr_changed;
		break;
	case SEND_AGAIN:
		if (sender->next < sender->nr_first)
			return open_file(sender, sender->changed[sender->next++], err);
		break;
	case SEND_END:
	case SEND_OVER:
		return put_end(sender, err);
	}
	sender->phase++;
	sender->next = 0;
	return 0;
}

static ssize_t on_in(void *ctx, char *buf, size_t n, struct error *err)
{
	struct sender *sender = ctx;

	for (;;) {
		size_t got = stream_take(sender->stream, buf, n);

		if (got > 0) {
			sender->upload->result.wire_bytes += got;
			return (ssize_t)got;
		}
		if (sender->phase == SEND_OVER)
			return 0;
		if (step(sender, err) < 0)
			return -1;
	}
}

static int on_mark(void *ctx, const char *mark, struct error *err)
{
	struct sender *sender = ctx;

	if (!strcmp(mark, "=received")) {
		sender->received = true;
	} else if (!strcmp(mark, "=committed")) {
		sender->committed = true;
	} else if (text_starts_with(mark, "=sum ") && strlen(mark) == 5 + 64) {
		memcpy(sender->sum, mark + 5, 65);
	} else {
		return error_set(err, ERROR_PROTOCOL, "the machine answers '%s' to a push",
				 shown_of(mark, strlen(mark)).text);
	}
	return 0;
}

static int on_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct sender *sender = ctx;

	return manifest_take(&sender->taker, data, len, err);
}

/* All that was to be placed or touched, in its last place. */
static int verify(struct sender *sender, struct error *err)
{
	struct upload *upload = sender->upload;
	struct manifest there = { 0 };
	int rc = manifest_take_end(&sender->taker, &there, err);

	for (size_t i = 0; rc == 0 && i < upload->here.nr; i++) {
		const struct manifest_entry *here = &upload->here.v[i];
		const struct manifest_entry *entry;

		if (upload->todo[i].todo == UPLOAD_NOTHING)
			continue;
		entry = manifest_find(&there, here->path);
		if (entry && upload_is_there(here, entry))
			continue;
		rc = error_set(err, ERROR_CONFLICT,
			       entry ? "'%s' is another on the machine than was sent: somebody "
				       "there changes it"
				     : "'%s' was sent, and is not on the machine any more",
			       upload_shown(here).text);
		error_hint(err, "push again");
	}
	manifest_release(&there);
	return rc;
}

static int run(struct sender *sender, struct shell *shell, const char *call, struct error *err)
{
	struct upload *upload = sender->upload;
	struct remote_exit how;

	shell_set(shell, "commit_script", sync_commit_script);
	shell_script_two(shell, sync_list_script, sync_push_script, call);
	manifest_take_init(&sender->taker, upload->path);
	sender->taker.ctx = sender;
	sender->taker.mark = on_mark;
	shell->ctx = sender;
	shell->out = on_out;
	if (shell_run(shell, upload->link->ops, upload->link->remote, 0, &how, err) < 0)
		return -1;
	if (how.code != 0)
		return upload_refused(
			shell, &how,
			sender->committed ? "list what was sent" : "take what was sent", err);
	return 0;
}

static void set_lists(const struct upload *upload, struct shell *shell)
{
	const struct manifest_entry *part =
		upload->part_done ? &upload->here.v[upload->part] : NULL;
	char text[64] = "";

	upload_set_tops(upload, shell);
	shell_list(shell, "drop", upload->drop.data, upload->drop.len);
	shell_list(shell, "first", upload->first.data, upload->first.len);
	shell_list(shell, "firstdirs", upload->first_dirs.data, upload->first_dirs.len);
	shell_list(shell, "loosen", upload->loosen.data, upload->loosen.len);
	shell_list(shell, "last", upload->last.data, upload->last.len);
	shell_list(shell, "lastdirs", upload->last_dirs.data, upload->last_dirs.len);
	shell_set(shell, "part", part ? part->path : "");
	if (!part)
		return;
	int64_t ns = part->mtime_ns % 1000000000, seconds = part->mtime_ns / 1000000000;
	if (ns < 0) {
		ns += 1000000000;
		seconds--;
	}
	snprintf(text, sizeof(text), "%" PRId64 ".%09" PRId64, seconds, ns);
	shell_set(shell, "part_time", text);
	snprintf(text, sizeof(text), "%o", part->mode);
	shell_set(shell, "part_mode", text);
}

/* Sent without a checksum of its own: ours and the machine's are compared, then it is placed. */
static int place_plain(struct sender *sender, struct error *err)
{
	struct upload *upload = sender->upload;
	struct shell shell;
	char sum[65];

	stream_sha256(sender->stream, sum);
	if (strcmp(sum, sender->sum) != 0)
		return error_set(err, ERROR_PROTOCOL,
				 "what the machine has is not what was sent: its checksum is "
				 "another");
	manifest_take_release(&sender->taker);
	upload_begin_script(upload, &shell);
	upload_set_tops(upload, &shell);
	int rc = run(sender, &shell, "gpucloud_take_tops && gpucloud_place", err);
	shell_release(&shell);
	return rc;
}

static int finish(struct sender *sender, struct error *err)
{
	const struct upload *upload = sender->upload;
	bool changed = sender->nr_changed > sender->nr_first;

	if (changed) {
		const struct manifest_entry *one =
			&upload->here.v[sender->changed[sender->nr_first]];

		error_set(err, ERROR_CONFLICT, "'%s' changed while it was read, twice",
			  upload_shown(one).text);
		return error_hint(err, "push again once nobody writes to it, or --exclude it");
	}
	if (!sender->committed && sender->received && upload->kind == STREAM_PLAIN &&
	    place_plain(sender, err) < 0)
		return -1;
	if (!sender->committed)
		return error_set(err, ERROR_PROTOCOL, "the machine does not say what became of it");
	return verify(sender, err);
}

int upload_send(struct upload *upload, struct error *err)
{
	struct sender sender = { .upload = upload, .fd = -1 };
	struct shell shell;

	sender.stream = stream_new(upload->kind, true, upload->clock);
	sender.piece = xmalloc(STREAM_PIECE);
	upload_begin_script(upload, &shell);
	set_lists(upload, &shell);
	shell.in = on_in;
	int rc = run(&sender, &shell, "gpucloud_receive", err);
	if (rc == 0)
		rc = finish(&sender, err);
	if (sender.fd >= 0)
		close(sender.fd);
	manifest_take_release(&sender.taker);
	shell_release(&shell);
	stream_free(sender.stream);
	free(sender.piece);
	free(sender.changed);
	return rc;
}
