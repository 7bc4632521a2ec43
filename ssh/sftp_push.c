/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From here to the machine: folders first, level by level; then files and links, many at once; then
 * the modes of the folders that were made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/link.h"
#include "ssh/push.h"

static int push_files(struct push *push, struct error *err)
{
	while (push->next < push->tree.nr || push->active > 0) {
		while (push->active < SFTP_FILES && push->next < push->tree.nr &&
		       sftp_room(&push->sftp) > SFTP_FILES) {
			size_t index = push->next++;
			enum tree_type type = push->tree.v[index].type;

			if ((type == TREE_FILE || type == TREE_LINK) &&
			    push_file_start(push, index, err) < 0)
				return -1;
		}
		for (size_t i = 0; i < SFTP_FILES; i++)
			if (push->files[i] && push->files[i]->fd >= 0 &&
			    push_file_feed(push->files[i], err) < 0)
				return -1;
		if (push->sftp.nr_used > 0 && sftp_step(&push->sftp, err) < 0)
			return -1;
	}
	return 0;
}

/* A folder that could not be made may be there already: STAT says. */
static int on_there(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		    struct error *err)
{
	struct push *push = ctx;
	struct sftp_attrs attrs;
	int rc = 0;

	if (reply->type == SFTP_ATTRS && !sftp_attrs(&reply->body, &attrs))
		return sftp_bad(sftp, "damaged attributes", err);
	char *path = push_path(push, (size_t)arg);
	if (reply->type == SFTP_ATTRS && attrs.has_mode && S_ISDIR(attrs.mode))
		push_sweep_look(push, path);
	else if (reply->type == SFTP_ATTRS)
		rc = error_set(err, ERROR_CONFLICT, "'%s' is there on the machine and is no folder",
			       shown_of(path, strlen(path)).text);
	else
		rc = sftp_refused(reply, "make the folder", path, err);
	free(path);
	return rc;
}

static int on_made(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		   struct error *err)
{
	struct push *push = ctx;

	(void)err;
	if (sftp_is_ok(reply)) {
		push->tree.v[arg].made = true;
		return 0;
	}
	char *path = push_path(push, (size_t)arg);
	sftp_path_request(sftp, SFTP_STAT, path, on_there, push, arg);
	free(path);
	return 0;
}

/* The order of answers is the machine's: a level is waited for before the next one. */
static int make_folders(struct push *push, struct error *err)
{
	for (unsigned depth = 0; depth <= TREE_DEPTH_MAX; depth++) {
		for (size_t i = 0; i < push->tree.nr; i++) {
			const struct tree_entry *entry = &push->tree.v[i];

			if (entry->type != TREE_DIR || entry->depth != depth)
				continue;
			while (sftp_room(&push->sftp) == 0)
				if (sftp_step(&push->sftp, err) < 0)
					return -1;
			char *path = push_path(push, i);
			sftp_mode_request(&push->sftp, SFTP_MKDIR, path, strlen(path), 0700,
					  on_made, push, i);
			free(path);
		}
		if (sftp_drain(&push->sftp, err) < 0)
			return -1;
	}
	return 0;
}

static int on_mode(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		   struct error *err)
{
	struct push *push = ctx;

	(void)sftp;
	if (sftp_is_ok(reply))
		return 0;
	char *path = push_path(push, (size_t)arg);
	int rc = sftp_refused(reply, "set the mode of", path, err);
	free(path);
	return rc;
}

/*
 * Of folders that are new: the login folder's own mode, say, is not ours to change. The deepest
 * first, and a level is waited for: a mode may be one that nobody can go through.
 */
static int set_modes(struct push *push, struct error *err)
{
	for (unsigned depth = TREE_DEPTH_MAX + 1; depth-- > 0;) {
		for (size_t i = 0; i < push->tree.nr; i++) {
			const struct tree_entry *entry = &push->tree.v[i];

			if (!entry->made || entry->depth != depth)
				continue;
			while (sftp_room(&push->sftp) == 0)
				if (sftp_step(&push->sftp, err) < 0)
					return -1;
			char *path = push_path(push, i);
			sftp_mode_request(&push->sftp, SFTP_SETSTAT, path, strlen(path),
					  entry->mode, on_mode, push, i);
			free(path);
		}
		if (sftp_drain(&push->sftp, err) < 0)
			return -1;
	}
	return 0;
}

static int on_stat(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		   struct error *err)
{
	struct push *push = ctx;
	struct sftp_attrs attrs;

	(void)arg;
	if (reply->type != SFTP_ATTRS)
		return 0; /* not there: it will be */
	if (!sftp_attrs(&reply->body, &attrs))
		return sftp_bad(sftp, "damaged attributes", err);
	push->is_dir = attrs.has_mode && S_ISDIR(attrs.mode);
	return 0;
}

/* A file into a folder that is there keeps its name, as cp does it. */
static int place_single(struct push *push, const char *name, struct error *err)
{
	size_t len = strlen(push->root);

	sftp_path_request(&push->sftp, SFTP_STAT, push->root, on_stat, push, 0);
	if (sftp_drain(&push->sftp, err) < 0)
		return -1;
	/* the folder that the file goes into */
	bool folder = push->is_dir || push->root[len - 1] == '/';
	char *slash = strrchr(push->root, '/');
	char *into = folder  ? xstrdup(push->root)
		     : slash ? xstrndup(push->root, (size_t)(slash - push->root) + 1)
			     : xstrdup(".");
	push_sweep_look(push, into);
	free(into);
	if (folder) {
		char *joined = xasprintf("%s%s%s", push->root,
					 push->root[len - 1] == '/' ? "" : "/", name);

		free(push->root);
		push->root = joined;
	}
	return 0;
}

static int push_all(struct push *push, struct error *err)
{
	int rc;

	if (push->single)
		rc = place_single(push, push->tree.v[1].name, err);
	else
		rc = make_folders(push, err);
	push->next = 1;
	if (rc == 0)
		rc = push_files(push, err);
	if (rc == 0)
		rc = push_sweep_remove(push, err);
	if (rc == 0 && !push->single)
		rc = set_modes(push, err);
	return rc;
}

/* What was half written is removed again, as far as the connection still allows. */
static void clean_up(struct push *push)
{
	struct error ignored = ERROR_INIT;

	for (size_t i = 0; i < SFTP_SLOTS; i++)
		push->sftp.slots[i].fn = NULL;
	if (push->sftp.remote->pid > 0)
		sftp_drain(&push->sftp, &ignored);
	for (size_t i = 0; i < SFTP_FILES; i++) {
		if (!push->files[i])
			continue;
		if (push->sftp.remote->pid > 0 && sftp_room(&push->sftp) > 0)
			sftp_path_request(&push->sftp, SFTP_REMOVE, push->files[i]->temp, NULL,
					  NULL, 0);
		push_file_release(push->files[i]);
	}
	if (push->sftp.leaving) /* sftp_close would not wait for it */
		sftp_drain(&push->sftp, &ignored);
}

/* The list of what is to go: a folder's content, or one file. */
static int read_source(struct push *push, const char *local, struct error *err)
{
	const char *slash = strrchr(local, '/'), *name = slash ? slash + 1 : local;
	struct shown shown = shown_of(local, strlen(local));
	struct stat st;
	size_t index;

	push->root_fd = open(local, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (push->root_fd < 0 || fstat(push->root_fd, &st) < 0)
		return error_errno(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO,
				   "cannot read '%s'", shown.text);
	tree_init(&push->tree, st.st_mode);
	if (S_ISDIR(st.st_mode))
		return tree_read_local(&push->tree, push->root_fd, err);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_UNSUPPORTED, "'%s' is neither a file nor a folder",
				 shown.text);
	push->single = true;
	if (tree_add(&push->tree, 0, name, strlen(name), &index, err) < 0)
		return -1;
	tree_set_type(&push->tree, index, st.st_mode, (uint64_t)st.st_size);
	return 0;
}

int remote_push(struct remote *remote, const char *local, const char *path,
		const struct remote_progress *progress, struct error *err)
{
	struct push *push = xcalloc(1, sizeof(*push));
	struct error mine = ERROR_INIT;

	push->root_fd = -1;
	push->progress = progress;
	push->root = sftp_user_path(path);
	int rc = read_source(push, local, &mine);
	if (rc == 0) {
		rc = sftp_open(&push->sftp, remote, &mine);
		if (rc == 0)
			rc = push_all(push, &mine);
		if (rc < 0)
			clean_up(push);
		sftp_close(&push->sftp);
	}
	if (rc == 0)
		rc = tree_check_special(&push->tree, &mine);
	if (push->root_fd >= 0)
		close(push->root_fd);
	tree_release(&push->tree);
	push_sweep_release(push);
	free(push->root);
	free(push);
	if (rc < 0)
		*err = mine;
	return rc;
}
