/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine without GNU find or tar: all of it comes by SFTP, each file put in place when it is there
 * (remote_ops.pull). What SFTP alone cannot promise is refused and not left out silently.
 */
#include "core/error.h"
#include "core/interrupt.h"
#include "ssh/remote.h"
#include "ssh/sync/pull_internal.h"

#define TURNS_MAX 3

static void on_moved(void *ctx, const char *path, uint64_t files, uint64_t bytes)
{
	struct fetch *fetch = ctx;

	fetch->progress.done_files = files;
	fetch->progress.done_bytes = bytes;
	/* without a list nobody knows how much there is */
	fetch->progress.files = files > fetch->far.files ? files : fetch->far.files;
	fetch->progress.bytes = bytes > fetch->far.bytes ? bytes : fetch->far.bytes;
	fetch_tell(fetch, path, false);
}

static int refuse(const char *what, struct error *err)
{
	error_set(err, ERROR_UNSUPPORTED, "%s needs GNU find and tar on the machine", what);
	return error_hint(err, "install findutils and tar there");
}

int fetch_by_sftp(struct fetch *fetch, struct error *err)
{
	const struct remote_progress progress = { .ctx = fetch, .moved = on_moved };
	struct sync_link *link = fetch->link;
	int rc;

	if (fetch->options->mirror)
		return refuse("removing what the machine does not have", err);
	if (fetch->options->nr_exclude > 0)
		return refuse("leaving out names", err);
	if (fetch->options->checksum)
		return refuse("comparing contents", err);
	if (fetch->options->dry_run)
		return refuse("a dry run", err);
	stage_remove(&fetch->stage);
	fetch->result.method = "sftp";
	for (unsigned cuts = 0;; cuts++) {
		fetch->progress = (struct sync_progress){ .path = "" };
		rc = link->ops->pull(link->remote, fetch->path, fetch->local, &progress, err);
		if (rc == 0 || err->kind != ERROR_NETWORK || !link->again || interrupted() ||
		    cuts + 1 >= TURNS_MAX)
			break;
		error_clear(err);
		if (link->again(link->ctx, link, err) < 0)
			return -1;
		fetch->result.turns++;
	}
	fetch->result.files = fetch->progress.done_files;
	fetch->result.bytes = fetch->progress.done_bytes;
	return rc;
}
