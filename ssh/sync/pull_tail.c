/* SPDX-License-Identifier: Apache-2.0 */
/* Half of a large file is here: if it is the beginning of what the machine has, the rest is enough. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "ssh/remote.h"
#include "ssh/sync/pull_internal.h"
#include "ssh/sync/scripts.h"
#include "ssh/sync/shell.h"

struct tail {
	struct fetch *fetch;
	struct fetch_item *item;
	struct decode decode;
	int fd;
};

static int fail_local(const struct tail *tail, const char *verb, struct error *err)
{
	const char *path = tail->item->far->path;

	if (interrupted())
		return error_set(err, ERROR_CANCELLED, "interrupted while '%s' was looked at",
				 shown_of(path, strlen(path)).text);
	return error_errno(err, ERROR_IO, "cannot %s '%s'", verb,
			   shown_of(path, strlen(path)).text);
}

static int on_plain(void *ctx, const char *data, size_t len, struct error *err)
{
	struct tail *tail = ctx;

	if (stage_write(tail->fd, data, len) < 0)
		return fail_local(tail, "write", err);
	tail->fetch->moved += len;
	tail->fetch->progress.done_bytes += len;
	fetch_tell(tail->fetch, tail->item->far->path, false);
	return 0;
}

static int on_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct tail *tail = ctx;

	tail->fetch->result.wire_bytes += len;
	return decode_feed(&tail->decode, data, len, err);
}

static int ask(struct tail *tail, const char *sum, struct remote_exit *how, struct error *err)
{
	struct fetch *fetch = tail->fetch;
	const struct fetch_item *item = tail->item;
	char *file = xasprintf("./%s", fetch_there(fetch, item));
	char *script = xasprintf("%s%s", sync_list_script, sync_pull_script);
	struct shell shell;

	shell_init(&shell);
	shell_set(&shell, "base", fetch->base);
	shell_set(&shell, "file", file);
	shell_set(&shell, "sum", sum);
	shell_set_number(&shell, "have", item->partial);
	shell_set_number(&shell, "from", item->partial + 1);
	shell_set_number(&shell, "left", item->far->size - item->partial);
	shell_script(&shell, script, "gpucloud_pull_tail");
	shell.ctx = tail;
	shell.out = on_out;
	int rc = shell_run(&shell, fetch->link->ops, fetch->link->remote,
			   fetch_deadline(item->far->size), how, err);
	shell_release(&shell);
	free(script);
	free(file);
	return rc;
}

/* Another beginning, or none: what we have is worth nothing, and it comes with the others. */
static int start_anew(struct tail *tail)
{
	tail->fetch->progress.done_bytes -= tail->item->partial;
	tail->fetch->result.resumed_bytes -= tail->item->partial;
	tail->item->partial = 0;
	return 0;
}

static int finish(struct tail *tail, struct error *err)
{
	struct fetch *fetch = tail->fetch;
	struct fetch_item *item = tail->item;
	struct unpack_file file = fetch_wanted(fetch, item);

	if (decode_end(&tail->decode, err) < 0)
		return -1;
	if (tail->decode.kind == DECODE_OTHER)
		return start_anew(tail);
	/* its time was not told along the way: the next list will say whether it is the same still */
	fetch->unsure = true;
	if (item->partial + tail->decode.plain != item->far->size) {
		fetch_note_change(fetch, file.path, "changed while it was read");
		return 0;
	}
	if (unpack_settle(tail->fd, &file) < 0)
		return fail_local(tail, "write", err);
	if (tail->decode.kind == DECODE_PLAIN) { /* without a checksum on the way */
		item->fresh = true;
		if (fetch_verify(fetch, err) < 0)
			return -1;
		item->fresh = false;
	}
	fetch->progress.done_files++;
	fetch->moved++;
	return 0;
}

static int run(struct tail *tail, struct error *err)
{
	struct fetch_item *item = tail->item;
	char sum[SHA256_HEX_MAX];
	struct remote_exit how;

	if (fetch_digest(tail->fd, item->partial, sum) < 0)
		return fail_local(tail, "read", err);
	decode_init(&tail->decode, item->far->size - item->partial);
	tail->decode.ctx = tail;
	tail->decode.out = on_plain;
	int rc = ask(tail, sum, &how, err);
	if (rc == 0)
		rc = finish(tail, err);
	decode_release(&tail->decode);
	return rc;
}

int fetch_tail(struct fetch *fetch, struct fetch_item *item, struct error *err)
{
	struct tail tail = { .fetch = fetch, .item = item };
	char name[STAGE_NAME_MAX];

	stage_name(fetch_there(fetch, item), name);
	tail.fd = openat(fetch->stage.fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (tail.fd < 0)
		return fail_local(&tail, "open", err);
	int rc = run(&tail, err);
	close(tail.fd);
	return rc;
}
