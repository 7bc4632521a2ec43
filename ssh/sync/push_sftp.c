/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine without GNU tar, cp or find: by SFTP, which copies whole folders. A folder in which
 * something is left out goes by its parts.
 */
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/remote.h"
#include "ssh/sync/push.h"

struct copying {
	struct upload *upload;
	uint64_t files, bytes; /* of what was copied before the part under way */
	uint64_t part_files, part_bytes;
};

static void on_moved(void *ctx, const char *path, uint64_t files, uint64_t bytes)
{
	struct copying *copying = ctx;

	copying->part_files = files;
	copying->part_bytes = bytes;
	copying->upload->progress.done_files = copying->files + files;
	copying->upload->progress.done_bytes = copying->bytes + bytes;
	upload_tell(copying->upload, path, false);
}

static bool is_below(const struct manifest_entry *entry, const char *path)
{
	size_t n = strlen(path);

	return n == 0 || (!strncmp(entry->path, path, n) && entry->path[n] == '/');
}

/* Whether nothing in a folder is left out. */
static bool is_whole(const struct upload *upload, const char *path)
{
	for (size_t i = 0; i < upload->here.nr; i++)
		if (is_below(&upload->here.v[i], path) && upload->here.v[i].ignored)
			return false;
	return true;
}

static char *joined(const char *base, const char *path)
{
	if (!path[0])
		return xstrdup(base);
	return xasprintf("%s/%s", base, path);
}

static int copy(struct copying *copying, const char *path, struct error *err)
{
	const struct remote_progress progress = { copying, on_moved };
	struct upload *upload = copying->upload;
	char *from = joined(upload->local, path), *to = joined(upload->there_path, path);
	int rc = upload->link->ops->push(upload->link->remote, from, to, &progress, err);

	free(from);
	free(to);
	copying->files += copying->part_files;
	copying->bytes += copying->part_bytes;
	copying->part_files = copying->part_bytes = 0;
	return rc;
}

/* SFTP's push makes the folder that it is given: an empty one of ours does for any. */
static int make_folder(struct copying *copying, const struct manifest_entry *entry,
		       struct error *err)
{
	struct upload *upload = copying->upload;
	struct remote_exit how;
	struct shell shell;
	char *to = joined(upload->there_path, entry->path);

	shell_init(&shell);
	shell_set(&shell, "path", to);
	shell_script(&shell, "", "[ -d \"$path\" ] || mkdir -- \"$path\"");
	int rc = shell_run(&shell, upload->link->ops, upload->link->remote, 0, &how, err);
	if (rc == 0 && how.code != 0)
		rc = upload_refused(&shell, &how, "make a folder", err);
	shell_release(&shell);
	free(to);
	return rc;
}

static int copy_parts(struct copying *copying, struct error *err)
{
	const struct manifest *here = &copying->upload->here;
	const char *done = NULL; /* a folder that went whole */

	for (size_t i = 0; i < here->nr; i++) {
		const struct manifest_entry *entry = &here->v[i];
		int rc;

		if (entry->ignored || entry->type == TREE_SPECIAL ||
		    (done && is_below(entry, done)))
			continue;
		if (entry->type == TREE_DIR && !is_whole(copying->upload, entry->path)) {
			rc = make_folder(copying, entry, err);
		} else {
			done = entry->type == TREE_DIR ? entry->path : done;
			rc = copy(copying, entry->path, err);
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

int upload_by_sftp(struct upload *upload, struct error *err)
{
	struct copying copying = { .upload = upload };
	const struct sync_events *events = upload->events;
	int rc;

	if (upload->options->mirror || upload->options->dry_run || upload->options->checksum) {
		error_prefix(err, "cannot compare");
		return error_hint(err, "install tar, coreutils and findutils there, or leave out "
				       "--delete, --checksum and --dry-run");
	}
	if (events && events->note) {
		char *text = xasprintf("%s: all is copied by SFTP", err->message);

		events->note(events->ctx, text);
		free(text);
	}
	error_clear(err);
	upload->progress.files = upload->here.files;
	upload->progress.bytes = upload->here.bytes;
	upload->result.method = "sftp";
	if (upload->file || is_whole(upload, ""))
		rc = upload->link->ops->push(
			upload->link->remote, upload->local, upload->there_path,
			&(const struct remote_progress){ &copying, on_moved }, err);
	else
		rc = copy_parts(&copying, err);
	upload->result.files = copying.files + copying.part_files;
	upload->result.bytes = copying.bytes + copying.part_bytes;
	return rc;
}
