/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file or link from the machine. It is written under a fresh name in its folder, which is
 * opened anew from the top without following a link, and then renamed: a link that stands where
 * the file belongs is replaced and never written through.
 */
#include "ssh/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/remote.h"

#define READS_MAX 32 /* of one file, under way */

/* Answers much shorter than asked are allowed; a file of nothing else would take for ever. */
#define SMALL	  1024
#define SMALL_MAX 256

static int fail_local(const struct pull_file *file, const char *verb, struct error *err)
{
	return error_errno(err, ERROR_IO, "cannot %s '%s'", verb,
			   tree_shown(&file->pull->tree, file->index).text);
}

static int folder_of(const struct pull_file *file)
{
	return tree_open_parent(&file->pull->tree, file->pull->root_fd, file->index);
}

void pull_file_release(struct pull_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	if (file->made) {
		int dir_fd = folder_of(file);

		if (dir_fd >= 0) {
			unlinkat(dir_fd, file->temp, 0);
			close(dir_fd);
		}
	}
	free(file->path);
	free(file);
}

static void tell(const struct pull_file *file)
{
	const struct pull *pull = file->pull;
	struct buf path = BUF_INIT;

	if (!pull->progress || !pull->progress->moved)
		return;
	tree_path(&pull->tree, file->index, &path);
	pull->progress->moved(pull->progress->ctx, path.data, pull->done_files, pull->done_bytes);
	buf_release(&path);
}

/* Puts the temp file in place and forgets the rest. */
static int finish(struct pull_file *file, struct error *err)
{
	struct pull *pull = file->pull;
	const struct tree_entry *entry = &pull->tree.v[file->index];
	int dir_fd = folder_of(file);
	int rc = dir_fd < 0 ? -1 : 0;

	if (rc == 0 && file->fd >= 0)
		rc = fchmod(file->fd, entry->mode);
	if (rc == 0)
		rc = renameat(dir_fd, file->temp, dir_fd, entry->name);
	if (rc < 0)
		fail_local(file, "write", err);
	else
		file->made = false;
	if (dir_fd >= 0)
		close(dir_fd);
	if (rc < 0)
		return -1;
	pull->done_files++;
	tell(file);
	for (size_t i = 0; i < SFTP_FILES; i++)
		if (pull->files[i] == file)
			pull->files[i] = NULL;
	pull->active--;
	pull_file_release(file);
	return 0;
}

static int maybe_finish(struct pull_file *file, struct error *err)
{
	struct buf body = BUF_INIT;
	bool all = file->unsized ? file->whole : file->next >= file->size;

	if (!all || file->pending > 0)
		return 0;
	wire_put_string(&body, file->handle, file->handle_len);
	sftp_request(&file->pull->sftp, SFTP_CLOSE, &body, NULL, NULL, 0);
	buf_release(&body);
	return finish(file, err);
}

static int on_data(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		   struct error *err);

/* Where, and how much: SFTP_SIZE_MAX leaves 16 bits of 64 for the length. */
static void ask_data(struct pull_file *file, uint64_t offset, uint32_t len)
{
	struct buf body = BUF_INIT;

	wire_put_string(&body, file->handle, file->handle_len);
	wire_put_u64(&body, offset);
	wire_put_u32(&body, len);
	file->pending++;
	sftp_request(&file->pull->sftp, SFTP_READ, &body, on_data, file, offset << 16 | (len - 1));
	buf_release(&body);
}

static int write_at(struct pull_file *file, struct wire_str data, uint64_t offset,
		    struct error *err)
{
	for (size_t done = 0; done < data.len;) {
		ssize_t n =
			pwrite(file->fd, data.data + done, data.len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_local(file, "write", err);
		done += (size_t)n;
	}
	file->pull->done_bytes += data.len;
	return 0;
}

static int ended_early(struct pull_file *file, uint64_t offset, struct error *err)
{
	error_set(err, ERROR_CONFLICT,
		  "'%s' on the machine ended at byte %llu of %llu: it was changed "
		  "meanwhile",
		  tree_shown(&file->pull->tree, file->index).text, (unsigned long long)offset,
		  (unsigned long long)file->size);
	err->retryable = true;
	return -1;
}

static int on_data(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		   struct error *err)
{
	struct pull_file *file = ctx;
	uint64_t offset = arg >> 16;
	uint32_t len = (uint32_t)(arg & 0xffff) + 1;

	file->pending--;
	if (reply->type == SFTP_STATUS && reply->code == SFTP_EOF) {
		if (!file->unsized)
			return ended_early(file, offset, err);
		file->whole = true;
		return maybe_finish(file, err);
	}
	if (reply->type != SFTP_DATA)
		return sftp_refused(reply, "read", file->path, err);
	struct wire_str data = wire_string(&reply->body);
	if (reply->body.bad || data.len == 0 || data.len > len)
		return sftp_bad(sftp, "more or less of a file than was asked", err);
	if (write_at(file, data, offset, err) < 0)
		return -1;
	if (file->unsized)
		file->next = offset + data.len;
	else if (data.len < len && data.len < SMALL && ++file->nr_small > SMALL_MAX)
		return sftp_bad(sftp, "a file by the byte", err);
	else if (data.len < len) /* allowed: the rest is asked for again */
		ask_data(file, offset + data.len, len - (uint32_t)data.len);
	if (file->next > 8u * SFTP_CHUNK)
		tell(file);
	return maybe_finish(file, err);
}

int pull_file_feed(struct pull_file *file, struct error *err)
{
	struct sftp *sftp = &file->pull->sftp;

	if (!file->opened)
		return 0;
	if (file->unsized) {
		if (file->next > SFTP_UNSIZED_MAX)
			return sftp_bad(sftp, "a file of no size that never ends", err);
		if (file->pending == 0 && !file->whole && sftp_room(sftp) > SFTP_FILES)
			ask_data(file, file->next, SFTP_CHUNK);
		return 0;
	}
	while (file->next < file->size && file->pending < READS_MAX &&
	       sftp_room(sftp) > SFTP_FILES) {
		uint64_t left = file->size - file->next;
		uint32_t len = left < SFTP_CHUNK ? (uint32_t)left : SFTP_CHUNK;

		ask_data(file, file->next, len);
		file->next += len;
	}
	return 0;
}

static int on_opened(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		     struct error *err)
{
	struct pull_file *file = ctx;

	(void)arg;
	if (reply->type != SFTP_HANDLE)
		return sftp_refused(reply, "read", file->path, err);
	struct wire_str handle = wire_string(&reply->body);
	if (reply->body.bad || handle.len > sizeof(file->handle))
		return sftp_bad(sftp, "an impossible file handle", err);
	memcpy(file->handle, handle.data, handle.len);
	file->handle_len = handle.len;
	int dir_fd = folder_of(file);
	if (dir_fd < 0)
		return fail_local(file, "write", err);
	file->fd = openat(dir_fd, file->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			  0600);
	int saved = errno;
	close(dir_fd);
	errno = saved;
	if (file->fd < 0)
		return fail_local(file, "write", err);
	file->made = file->opened = true;
	return 0;
}

/* The link is made as it is, wherever it points: nothing of ours ever goes through it. */
static int on_target(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		     struct error *err)
{
	struct pull_file *file = ctx;
	char target[4096];

	(void)arg;
	if (reply->type != SFTP_NAME)
		return sftp_refused(reply, "read the link", file->path, err);
	uint32_t nr = wire_u32(&reply->body);
	struct wire_str text = wire_string(&reply->body);
	if (reply->body.bad || nr != 1 || text.len == 0 || text.len >= sizeof(target) ||
	    memchr(text.data, '\0', text.len))
		return sftp_bad(sftp, "an impossible link", err);
	memcpy(target, text.data, text.len);
	target[text.len] = '\0';
	int dir_fd = folder_of(file);
	int rc = dir_fd < 0 ? -1 : symlinkat(target, dir_fd, file->temp);
	if (rc < 0)
		fail_local(file, "make the link", err);
	if (dir_fd >= 0)
		close(dir_fd);
	if (rc < 0)
		return -1;
	file->made = true;
	return finish(file, err);
}

int pull_file_start(struct pull *pull, size_t index, struct error *err)
{
	const struct tree_entry *entry = &pull->tree.v[index];
	struct buf body = BUF_INIT;

	if (entry->size > SFTP_SIZE_MAX)
		return sftp_bad(&pull->sftp, "an impossible file size", err);
	struct pull_file *file = xcalloc(1, sizeof(*file));
	file->pull = pull;
	file->index = index;
	file->fd = -1;
	file->size = entry->size;
	file->unsized = entry->size == 0;
	file->path = pull_path(pull, index);
	char *temp = sftp_temp_name("");
	snprintf(file->temp, sizeof(file->temp), "%s", temp);
	free(temp);
	for (size_t i = 0; i < SFTP_FILES; i++)
		if (!pull->files[i]) {
			pull->files[i] = file;
			break;
		}
	pull->active++;
	if (entry->type == TREE_LINK) {
		sftp_path_request(&pull->sftp, SFTP_READLINK, file->path, on_target, file, 0);
		return 0;
	}
	wire_put_text(&body, file->path);
	wire_put_u32(&body, SFTP_FLAG_READ);
	wire_put_u32(&body, 0);
	sftp_request(&pull->sftp, SFTP_OPEN, &body, on_opened, file, 0);
	buf_release(&body);
	return 0;
}
