/* SPDX-License-Identifier: Apache-2.0 */
/* A large file whose beginning has arrived: compared by SHA-256, and only the rest is sent. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/remote.h"
#include "ssh/sync/push.h"
#include "ssh/sync/scripts.h"

struct tail {
	struct upload *upload;
	struct stream *stream;
	struct manifest_entry now;
	int fd;
	uint64_t left;
	bool short_read, over;
	char *piece;
	char answer[32]; /* "=appended", "=differs" */
	size_t answer_len;
};

static int step(struct tail *tail, struct error *err)
{
	size_t want = tail->left < STREAM_PIECE ? (size_t)tail->left : STREAM_PIECE;
	ssize_t n = want > 0 ? read(tail->fd, tail->piece, want) : 0;

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0)
		return error_errno(err, ERROR_IO, "cannot read '%s'",
				   upload_shown(&tail->now).text);
	if (n == 0) {
		tail->short_read = want > 0;
		tail->over = true;
		return stream_end(tail->stream, err);
	}
	tail->left -= (uint64_t)n;
	tail->upload->progress.done_bytes += (uint64_t)n;
	upload_tell(tail->upload, tail->now.path, false);
	return stream_data(tail->stream, tail->piece, (size_t)n, err);
}

static ssize_t on_in(void *ctx, char *buf, size_t n, struct error *err)
{
	struct tail *tail = ctx;

	for (;;) {
		size_t got = stream_take(tail->stream, buf, n);

		if (got > 0) {
			tail->upload->result.wire_bytes += got;
			return (ssize_t)got;
		}
		if (tail->over)
			return 0;
		if (step(tail, err) < 0)
			return -1;
	}
}

static int on_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct tail *tail = ctx;

	if (len > sizeof(tail->answer) - 1 - tail->answer_len)
		return error_set(err, ERROR_PROTOCOL, "the machine answers too much to a push");
	memcpy(tail->answer + tail->answer_len, data, len);
	tail->answer_len += len;
	return 0;
}

static int run(struct tail *tail, uint64_t bytes, const char *sum, struct error *err)
{
	struct upload *upload = tail->upload;
	struct remote_exit how;
	struct shell shell;

	upload_begin_script(upload, &shell);
	shell_set(&shell, "part", tail->now.path);
	shell_set(&shell, "part_sum", sum);
	shell_set_number(&shell, "part_bytes", bytes);
	shell_script_two(&shell, sync_list_script, sync_push_script, "gpucloud_append");
	shell.ctx = tail;
	shell.in = on_in;
	shell.out = on_out;
	int rc = shell_run(&shell, upload->link->ops, upload->link->remote, 0, &how, err);
	if (rc == 0 && how.code != 0)
		rc = upload_refused(&shell, &how, "take what was sent", err);
	shell_release(&shell);
	return rc;
}

int upload_send_part(struct upload *upload, struct error *err)
{
	struct manifest_entry *here = &upload->here.v[upload->part];
	uint64_t bytes = manifest_find(&upload->there.staged, here->path)->size;
	uint64_t done = upload->progress.done_bytes;
	struct tail tail = { .upload = upload };
	char sum[65];
	int rc = source_sha256(&upload->source, here, bytes, sum, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	tail.fd = source_file(&upload->source, here, &tail.now);
	if (tail.fd < 0)
		return 0; /* whoever sends it whole finds out why */
	if (source_changed(tail.fd, here) || lseek(tail.fd, (off_t)bytes, SEEK_SET) < 0) {
		close(tail.fd);
		return 0;
	}
	tail.left = here->size - bytes;
	tail.stream = stream_new(upload->kind, false, upload->clock);
	tail.piece = xmalloc(STREAM_PIECE);
	rc = run(&tail, bytes, sum, err);
	upload->part_done = rc == 0 && !strcmp(tail.answer, "=appended") && !tail.short_read &&
			    !source_changed(tail.fd, here);
	if (upload->part_done) {
		upload->todo[upload->part].staged = true;
		upload->progress.done_files++;
	} else if (rc == 0) { /* it goes whole, with all the others */
		upload->progress.done_bytes = done - bytes;
		upload->result.resumed_bytes -= bytes;
	}
	close(tail.fd);
	stream_free(tail.stream);
	free(tail.piece);
	return rc;
}
