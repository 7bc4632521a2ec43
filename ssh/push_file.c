/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file to the machine: OPEN of a fresh name, WRITE, FSETSTAT and CLOSE without waiting in
 * between; once all of them succeeded it is put in place.
 */
#include "ssh/push.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/remote.h"

#define WRITES_MAX 32 /* of one file, under way */

char *push_path(const struct push *push, size_t index)
{
	struct buf path = BUF_INIT;

	buf_addstr(&path, push->root);
	if (!push->single && index > 0) {
		if (path.len == 0 || path.data[path.len - 1] != '/')
			buf_addch(&path, '/');
		tree_path(&push->tree, index, &path);
	}
	char *copy = xstrdup(path.data);
	buf_release(&path);
	return copy;
}

static void tell(const struct push *push, size_t index)
{
	struct buf path = BUF_INIT;

	if (!push->progress || !push->progress->moved)
		return;
	tree_path(&push->tree, index, &path);
	push->progress->moved(push->progress->ctx, path.data, push->done_files, push->done_bytes);
	buf_release(&path);
}

void push_file_release(struct push_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	free(file->path);
	free(file->temp);
	free(file->target);
	free(file);
}

static void file_done(struct push_file *file)
{
	struct push *push = file->push;

	push->done_files++;
	tell(push, file->index);
	if (file->fd >= 0) {
		free(push->placed);
		push->placed = xstrdup(file->path);
	}
	for (size_t i = 0; i < SFTP_FILES; i++)
		if (push->files[i] == file)
			push->files[i] = NULL;
	push->active--;
	push_file_release(file);
}

static int on_renamed(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		      struct error *err)
{
	struct push_file *file = ctx;

	(void)sftp;
	(void)arg;
	if (!sftp_is_ok(reply))
		return sftp_refused(reply, "put in place", file->path, err);
	file_done(file);
	return 0;
}

static int on_removed(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		      struct error *err)
{
	struct push_file *file = ctx;

	/* that there was nothing to remove is the usual case; the rename will tell of others */
	(void)reply;
	(void)arg;
	(void)err;
	sftp_rename(sftp, file->temp, file->path, on_renamed, file, 0);
	return 0;
}

static void put_in_place(struct push_file *file)
{
	struct sftp *sftp = &file->push->sftp;

	/* version 3's own rename does not replace */
	if (sftp->posix_rename)
		sftp_rename(sftp, file->temp, file->path, on_renamed, file, 0);
	else
		sftp_path_request(sftp, SFTP_REMOVE, file->path, on_removed, file, 0);
}

/* WRITE, FSETSTAT and CLOSE: all must have succeeded. arg is the number of bytes written. */
static int on_written(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		      struct error *err)
{
	struct push_file *file = ctx;

	(void)sftp;
	file->pending--;
	if (!sftp_is_ok(reply))
		return sftp_refused(reply, "write", file->path, err);
	file->push->done_bytes += arg;
	if (arg > 0 && file->next > 8u * SFTP_CHUNK)
		tell(file->push, file->index);
	if (file->closed && file->pending == 0)
		put_in_place(file);
	return 0;
}

static void send_write(struct push_file *file, const char *chunk, size_t n)
{
	struct buf body = BUF_INIT;

	wire_put_string(&body, file->handle, file->handle_len);
	wire_put_u64(&body, file->next);
	wire_put_string(&body, chunk, n);
	file->pending++;
	file->next += n;
	sftp_request(&file->push->sftp, SFTP_WRITE, &body, on_written, file, n);
	buf_release(&body);
}

static void send_close(struct push_file *file)
{
	struct sftp *sftp = &file->push->sftp;
	struct buf body = BUF_INIT;

	/* the mode in OPEN would be cut by the machine's umask */
	file->pending += 2;
	file->closed = true;
	sftp_mode_request(sftp, SFTP_FSETSTAT, file->handle, file->handle_len, file->mode,
			  on_written, file, 0);
	wire_put_string(&body, file->handle, file->handle_len);
	sftp_request(sftp, SFTP_CLOSE, &body, on_written, file, 0);
	buf_release(&body);
}

/* The local file has no more to give: it must have given what it promised. */
static int at_end(struct push_file *file, struct error *err)
{
	const struct push *push = file->push;
	struct shown shown = tree_shown(&push->tree, file->index);
	char more[8]; /* some files of the kernel's are read by the word */

	if (!file->unsized && file->next < file->limit) {
		error_set(err, ERROR_CONFLICT,
			  "'%s' ended at byte %llu of %llu: it was changed meanwhile", shown.text,
			  (unsigned long long)file->next, (unsigned long long)file->limit);
		err->retryable = true;
		return error_hint(err, "push it again once nobody writes to it");
	}
	if (file->unsized && file->next == file->limit &&
	    pread(file->fd, more, sizeof(more), (off_t)file->next) != 0) {
		error_set(err, ERROR_UNSUPPORTED,
			  "'%s' says it is empty and holds more than %llu MiB", shown.text,
			  (unsigned long long)(file->limit >> 20));
		return error_hint(err, "copy it into a regular file, and push that");
	}
	file->read_all = true;
	return 0;
}

/* Sends what there is room for. */
int push_file_feed(struct push_file *file, struct error *err)
{
	struct sftp *sftp = &file->push->sftp;
	char chunk[SFTP_CHUNK];

	while (file->opened && !file->read_all && file->pending < WRITES_MAX &&
	       sftp_room(sftp) > SFTP_FILES) {
		uint64_t left = file->limit - file->next;
		ssize_t n = pread(file->fd, chunk, left < SFTP_CHUNK ? (size_t)left : SFTP_CHUNK,
				  (off_t)file->next);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_IO, "cannot read '%s'",
					   tree_shown(&file->push->tree, file->index).text);
		if (n > 0)
			send_write(file, chunk, (size_t)n);
		else if (at_end(file, err) < 0)
			return -1;
	}
	if (file->opened && file->read_all && !file->closed && sftp_room(sftp) >= 2)
		send_close(file);
	return 0;
}

static int on_opened(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		     struct error *err)
{
	struct push_file *file = ctx;

	(void)arg;
	if (reply->type != SFTP_HANDLE)
		return sftp_refused(reply, "write", file->path, err);
	struct wire_str handle = wire_string(&reply->body);
	if (reply->body.bad || handle.len > sizeof(file->handle))
		return sftp_bad(sftp, "an impossible file handle", err);
	memcpy(file->handle, handle.data, handle.len);
	file->handle_len = handle.len;
	file->opened = true;
	return 0;
}

static int on_linked(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		     struct error *err)
{
	struct push_file *file = ctx;

	(void)sftp;
	(void)arg;
	if (!sftp_is_ok(reply))
		return sftp_refused(reply, "make the link", file->path, err);
	put_in_place(file);
	return 0;
}

static int open_local(struct push_file *file, const struct push *push)
{
	const struct tree *tree = &push->tree;
	struct stat st;

	if (push->single) {
		file->fd = fcntl(push->root_fd, F_DUPFD_CLOEXEC, 0);
	} else {
		int dir_fd = tree_open_parent(tree, push->root_fd, file->index);

		if (dir_fd < 0)
			return -1;
		/* O_NONBLOCK: it may have become a FIFO since it was listed */
		file->fd = openat(dir_fd, tree->v[file->index].name,
				  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		int saved = errno;
		close(dir_fd);
		errno = saved;
	}
	if (file->fd < 0 || fstat(file->fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	/* what is appended while we read is left for the next time */
	file->unsized = st.st_size == 0;
	file->limit = file->unsized ? SFTP_UNSIZED_MAX : (uint64_t)st.st_size;
	file->mode = st.st_mode & 0777;
	return 0;
}

static int read_link(struct push_file *file, const struct push *push)
{
	int dir_fd = tree_open_parent(&push->tree, push->root_fd, file->index);
	char target[4096];

	if (dir_fd < 0)
		return -1;
	ssize_t n = readlinkat(dir_fd, push->tree.v[file->index].name, target, sizeof(target) - 1);
	int saved = errno;
	close(dir_fd);
	errno = saved;
	if (n < 0)
		return -1;
	file->target = xstrndup(target, (size_t)n);
	return 0;
}

static void send_start(struct push_file *file)
{
	struct sftp *sftp = &file->push->sftp;
	struct buf body = BUF_INIT;

	if (file->target) { /* OpenSSH takes the target first, whatever the draft says */
		wire_put_text(&body, file->target);
		wire_put_text(&body, file->temp);
		sftp_request(sftp, SFTP_SYMLINK, &body, on_linked, file, 0);
	} else {
		wire_put_text(&body, file->temp);
		wire_put_u32(&body, SFTP_FLAG_WRITE | SFTP_FLAG_CREAT | SFTP_FLAG_EXCL);
		wire_put_u32(&body, 0x4);
		wire_put_u32(&body, 0600);
		sftp_request(sftp, SFTP_OPEN, &body, on_opened, file, 0);
	}
	buf_release(&body);
}

int push_file_start(struct push *push, size_t index, struct error *err)
{
	struct push_file *file = xcalloc(1, sizeof(*file));
	int rc;

	file->push = push;
	file->index = index;
	file->fd = -1;
	rc = push->tree.v[index].type == TREE_LINK ? read_link(file, push) : open_local(file, push);
	if (rc < 0) {
		error_errno(err, ERROR_IO, "cannot read '%s'", tree_shown(&push->tree, index).text);
		push_file_release(file);
		return -1;
	}
	file->path = push_path(push, index);
	file->temp = sftp_temp_name(file->path);
	for (size_t i = 0; i < SFTP_FILES; i++)
		if (!push->files[i]) {
			push->files[i] = file;
			break;
		}
	push->active++;
	send_start(file);
	return 0;
}
