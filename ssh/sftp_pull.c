/* SPDX-License-Identifier: Apache-2.0 */
/* From the machine to here: the list first, then folders, then files and links, many at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/link.h"
#include "ssh/pull.h"

char *pull_path(const struct pull *pull, size_t index)
{
	struct buf path = BUF_INIT;

	buf_addstr(&path, pull->root);
	if (!pull->single && index > 0) {
		if (path.len == 0 || path.data[path.len - 1] != '/')
			buf_addch(&path, '/');
		tree_path(&pull->tree, index, &path);
	}
	char *copy = xstrdup(path.data);
	buf_release(&path);
	return copy;
}

static int fail_local(const char *verb, const char *local, struct error *err)
{
	return error_errno(err, ERROR_IO, "cannot %s '%s'", verb,
			   shown_of(local, strlen(local)).text);
}

static int on_root(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		   struct error *err)
{
	struct pull *pull = ctx;

	(void)arg;
	if (reply->type != SFTP_ATTRS)
		return sftp_refused(reply, "read", pull->root, err);
	if (!sftp_attrs(&reply->body, &pull->attrs) || !pull->attrs.has_mode)
		return sftp_bad(sftp, "damaged attributes", err);
	return 0;
}

/* The name of one file here: as asked for, or its own in a folder that is there. */
static int place_single(struct pull *pull, const char *local, struct error *err)
{
	size_t len = strlen(local), index;
	bool folder = len > 0 && local[len - 1] == '/';
	struct stat st;
	const char *slash;

	if (stat(local, &st) == 0 && S_ISDIR(st.st_mode))
		folder = true;
	char *dir = xstrdup(local), *name = NULL;
	if (folder) {
		slash = strrchr(pull->root, '/');
		name = xstrdup(slash ? slash + 1 : pull->root);
	} else {
		slash = strrchr(local, '/');
		name = xstrdup(slash ? slash + 1 : local);
		free(dir);
		dir = !slash	       ? xstrdup(".")
		      : slash == local ? xstrdup("/")
				       : xstrndup(local, (size_t)(slash - local));
	}
	int rc = 0;
	if (!name[0] || !strcmp(name, ".") || !strcmp(name, ".."))
		rc = error_set(err, ERROR_USAGE, "'%s' is no name for a file",
			       shown_of(local, len).text);
	if (rc == 0) {
		pull->root_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (pull->root_fd < 0)
			rc = fail_local("write into", dir, err);
	}
	if (rc == 0)
		rc = tree_add(&pull->tree, 0, name, strlen(name), &index, err);
	if (rc == 0)
		tree_set_type(&pull->tree, index, pull->attrs.mode,
			      pull->attrs.has_size ? pull->attrs.size : 0);
	free(dir);
	free(name);
	return rc;
}

static int open_root(struct pull *pull, const char *local, struct error *err)
{
	if (mkdir(local, 0700) == 0)
		pull->tree.v[0].made = true;
	else if (errno != EEXIST)
		return fail_local("make the folder", local, err);
	pull->root_fd = open(local, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return pull->root_fd < 0 ? fail_local("write into", local, err) : 0;
}

/* Better now than when the disk is full. */
static int check_space(const struct pull *pull, struct error *err)
{
	struct statvfs fs;
	uint64_t wanted = 0;

	for (size_t i = 0; i < pull->tree.nr; i++) {
		if (pull->tree.v[i].size > SFTP_SIZE_MAX)
			return 0; /* refused with its name when its turn comes */
		wanted += pull->tree.v[i].size;
	}
	if (fstatvfs(pull->root_fd, &fs) < 0)
		return 0;
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (wanted <= room)
		return 0;
	return error_set(err, ERROR_IO, "there is no room: %llu MiB are to come, %llu MiB are free",
			 (unsigned long long)(wanted >> 20), (unsigned long long)(room >> 20));
}

static int make_folder(struct pull *pull, size_t index, struct error *err)
{
	struct tree_entry *entry = &pull->tree.v[index];
	int parent = tree_open_parent(&pull->tree, pull->root_fd, index);
	int rc = parent < 0 ? -1 : mkdirat(parent, entry->name, 0700);

	if (rc == 0)
		entry->made = true;
	else if (parent >= 0 && errno == EEXIST)
		rc = 0; /* opening it tells whether it is a folder, and not a link to one */
	int saved = errno;
	if (parent >= 0)
		close(parent);
	errno = saved;
	int fd = rc == 0 ? tree_open_dir(&pull->tree, pull->root_fd, index) : -1;
	if (fd < 0)
		return fail_local("write into", tree_shown(&pull->tree, index).text, err);
	close(fd);
	return 0;
}

static int pull_files(struct pull *pull, struct error *err)
{
	pull->next = 1;
	while (pull->next < pull->tree.nr || pull->active > 0) {
		while (pull->active < SFTP_FILES && pull->next < pull->tree.nr &&
		       sftp_room(&pull->sftp) > SFTP_FILES) {
			size_t index = pull->next++;
			enum tree_type type = pull->tree.v[index].type;

			if ((type == TREE_FILE || type == TREE_LINK) &&
			    pull_file_start(pull, index, err) < 0)
				return -1;
		}
		for (size_t i = 0; i < SFTP_FILES; i++)
			if (pull->files[i] && pull_file_feed(pull->files[i], err) < 0)
				return -1;
		if (pull->sftp.nr_used > 0 && sftp_step(&pull->sftp, err) < 0)
			return -1;
	}
	return 0;
}

/* The deepest first: a mode may be one that even we cannot go through. */
static int set_modes(struct pull *pull, struct error *err)
{
	for (size_t i = pull->tree.nr; i-- > 0;) {
		const struct tree_entry *entry = &pull->tree.v[i];

		if (!entry->made)
			continue;
		int fd = tree_open_dir(&pull->tree, pull->root_fd, i);
		int rc = fd < 0 ? -1 : fchmod(fd, entry->mode);
		int saved = errno;
		if (fd >= 0)
			close(fd);
		errno = saved;
		if (rc < 0)
			return fail_local("set the mode of", tree_shown(&pull->tree, i).text, err);
	}
	return 0;
}

static int pull_tree(struct pull *pull, const char *local, struct error *err)
{
	if (pull_list(pull, err) < 0 || open_root(pull, local, err) < 0 ||
	    check_space(pull, err) < 0)
		return -1;
	for (size_t i = 1; i < pull->tree.nr; i++)
		if (pull->tree.v[i].type == TREE_DIR && make_folder(pull, i, err) < 0)
			return -1;
	return pull_files(pull, err) < 0 ? -1 : set_modes(pull, err);
}

static int pull_all(struct pull *pull, const char *local, struct error *err)
{
	int rc;

	/* STAT, not LSTAT: the one link that is followed is the one the user named */
	sftp_path_request(&pull->sftp, SFTP_STAT, pull->root, on_root, pull, 0);
	if (sftp_drain(&pull->sftp, err) < 0)
		return -1;
	tree_init(&pull->tree, pull->attrs.mode);
	enum tree_type type = tree_type_of(pull->attrs.mode);
	if (type == TREE_DIR) {
		rc = pull_tree(pull, local, err);
	} else if (type == TREE_FILE) {
		pull->single = true;
		rc = place_single(pull, local, err);
		if (rc == 0)
			rc = check_space(pull, err);
		if (rc == 0)
			rc = pull_files(pull, err);
	} else {
		return error_set(err, ERROR_UNSUPPORTED,
				 "'%s' on the machine is neither a file nor a "
				 "folder",
				 shown_of(pull->root, strlen(pull->root)).text);
	}
	/* One sync for all of it: the machine may be terminated as soon as we return. */
	if (rc == 0 && syncfs(pull->root_fd) < 0)
		rc = fail_local("sync", local, err);
	return rc;
}

static void pull_release(struct pull *pull)
{
	for (size_t i = 0; i < SFTP_SLOTS; i++)
		pull->sftp.slots[i].fn = NULL;
	for (size_t i = 0; i < SFTP_FILES; i++)
		if (pull->files[i])
			pull_file_release(pull->files[i]);
	sftp_close(&pull->sftp);
	if (pull->root_fd >= 0)
		close(pull->root_fd);
	tree_release(&pull->tree);
	free(pull->folders.v);
	free(pull->unknown.v);
	free(pull->root);
	free(pull);
}

int remote_pull(struct remote *remote, const char *path, const char *local,
		const struct remote_progress *progress, struct error *err)
{
	struct pull *pull = xcalloc(1, sizeof(*pull));
	struct error mine = ERROR_INIT;

	pull->root_fd = -1;
	pull->progress = progress;
	pull->root = sftp_user_path(path);
	int rc = sftp_open(&pull->sftp, remote, &mine);
	if (rc == 0)
		rc = pull_all(pull, local, &mine);
	if (rc == 0)
		rc = tree_check_special(&pull->tree, &mine);
	pull_release(pull);
	if (rc < 0)
		*err = mine;
	return rc;
}
