/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/text.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

void tree_init(struct tree *tree, mode_t mode)
{
	memset(tree, 0, sizeof(*tree));
	tree->v = arena_grow(&tree->arena, NULL, 0, &tree->cap, sizeof(*tree->v));
	tree->v[0] = (struct tree_entry){ .name = "", .type = TREE_DIR, .mode = mode & 0777 };
	tree->nr = 1;
}

void tree_release(struct tree *tree)
{
	arena_release(&tree->arena);
	memset(tree, 0, sizeof(*tree));
}

enum tree_type tree_type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return TREE_FILE;
	case S_IFDIR:
		return TREE_DIR;
	case S_IFLNK:
		return TREE_LINK;
	default:
		return TREE_SPECIAL;
	}
}

void tree_set_type(struct tree *tree, size_t index, mode_t mode, uint64_t size)
{
	struct tree_entry *entry = &tree->v[index];

	entry->type = tree_type_of(mode);
	entry->mode = mode & 0777;
	entry->size = entry->type == TREE_FILE ? size : 0;
	if (entry->type == TREE_SPECIAL && tree->nr_special++ == 0)
		tree->first_special = index;
}

int tree_add(struct tree *tree, size_t parent, const char *name, size_t len, size_t *index,
	     struct error *err)
{
	unsigned depth = tree->v[parent].depth + 1u;

	if (depth > TREE_DEPTH_MAX)
		return error_set(err, ERROR_PROTOCOL, "'%s' is deeper than %d folders",
				 tree_shown(tree, parent).text, TREE_DEPTH_MAX);
	if (tree->nr >= TREE_ENTRIES_MAX || tree->names + len > TREE_NAMES_MAX) {
		error_set(err, ERROR_PROTOCOL, "there are more than %zu files", tree->nr - 1);
		return error_hint(err, "pack them into one archive, and copy that");
	}
	tree->v = arena_grow(&tree->arena, tree->v, tree->nr, &tree->cap, sizeof(*tree->v));
	tree->v[tree->nr] = (struct tree_entry){
		.name = arena_strndup(&tree->arena, name, len),
		.parent = (uint32_t)parent,
		.depth = (uint16_t)depth,
	};
	tree->names += len + 1;
	*index = tree->nr++;
	return 0;
}

/* The entries from below entry 0 down to index; how many. */
static size_t chain_of(const struct tree *tree, size_t index, size_t chain[TREE_DEPTH_MAX + 1])
{
	size_t nr = tree->v[index].depth;

	for (size_t i = nr; i > 0; i--) {
		chain[i - 1] = index;
		index = tree->v[index].parent;
	}
	return nr;
}

void tree_path(const struct tree *tree, size_t index, struct buf *out)
{
	size_t chain[TREE_DEPTH_MAX + 1];
	size_t nr = chain_of(tree, index, chain);

	for (size_t i = 0; i < nr; i++) {
		if (i > 0)
			buf_addch(out, '/');
		buf_addstr(out, tree->v[chain[i]].name);
	}
}

int tree_open_dir(const struct tree *tree, int root_fd, size_t index)
{
	size_t chain[TREE_DEPTH_MAX + 1];
	size_t nr = chain_of(tree, index, chain);
	int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);

	for (size_t i = 0; i < nr && fd >= 0; i++) {
		int next = openat(fd, tree->v[chain[i]].name, OPEN_DIR);
		int saved = errno;

		close(fd);
		errno = saved;
		fd = next;
	}
	return fd;
}

int tree_open_parent(const struct tree *tree, int root_fd, size_t index)
{
	return tree_open_dir(tree, root_fd, tree->v[index].parent);
}

struct shown shown_of(const char *text, size_t len)
{
	struct shown shown;
	struct buf buf = BUF_INIT;

	text_escape(&buf, text, len < sizeof(shown.text) ? len : sizeof(shown.text));
	if (buf.len < sizeof(shown.text) && len <= sizeof(shown.text))
		snprintf(shown.text, sizeof(shown.text), "%s", buf.data);
	else
		snprintf(shown.text, sizeof(shown.text), "%.190s...", buf.data);
	buf_release(&buf);
	return shown;
}

struct shown tree_shown(const struct tree *tree, size_t index)
{
	struct buf path = BUF_INIT;

	tree_path(tree, index, &path);
	struct shown shown = shown_of(path.len ? path.data : ".", path.len ? path.len : 1);
	buf_release(&path);
	return shown;
}

static int add_local(struct tree *tree, size_t parent, int dir_fd, const char *name,
		     struct error *err)
{
	struct stat st;
	size_t index;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT) /* removed while we looked */
			return 0;
		return error_errno(err, ERROR_IO, "cannot read '%s' in '%s'",
				   shown_of(name, strlen(name)).text,
				   tree_shown(tree, parent).text);
	}
	if (tree_add(tree, parent, name, strlen(name), &index, err) < 0)
		return -1;
	tree_set_type(tree, index, st.st_mode, (uint64_t)st.st_size);
	return 0;
}

static int read_folder(struct tree *tree, int root_fd, size_t index, struct error *err)
{
	int fd = tree_open_dir(tree, root_fd, index);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *item;
	int rc = 0;

	if (!dir) {
		error_errno(err, ERROR_IO, "cannot read the folder '%s'",
			    tree_shown(tree, index).text);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	for (errno = 0; rc == 0 && (item = readdir(dir)); errno = 0)
		if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
			rc = add_local(tree, index, dirfd(dir), item->d_name, err);
	if (rc == 0 && errno)
		rc = error_errno(err, ERROR_IO, "cannot read the folder '%s'",
				 tree_shown(tree, index).text);
	closedir(dir);
	return rc;
}

int tree_read_local(struct tree *tree, int root_fd, struct error *err)
{
	for (size_t i = 0; i < tree->nr; i++)
		if (tree->v[i].type == TREE_DIR && read_folder(tree, root_fd, i, err) < 0)
			return -1;
	return 0;
}

int tree_check_special(const struct tree *tree, struct error *err)
{
	if (tree->nr_special == 0)
		return 0;
	return error_set(
		err, ERROR_UNSUPPORTED,
		"left out %zu that are neither file, folder nor link, the first is '%s'; all "
		"else was copied",
		tree->nr_special, tree_shown(tree, tree->first_special).text);
}
