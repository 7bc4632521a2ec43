/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides compared: what is to be sent, what to be touched, and what is in the way. */
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/sync/ignore.h"
#include "ssh/sync/push.h"

/* A smaller beginning of a file is sent anew: comparing it costs as much. */
#define PART_MIN ((uint64_t)1 << 20)

/* How finely a time was kept, by what it ends in. */
static int64_t step_of(int64_t ns)
{
	static const int64_t steps[] = { 1000000000, 1000000, 1000, 100 };

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (ns % steps[i] == 0)
			return steps[i];
	return 1;
}

static int64_t floor_to(int64_t ns, int64_t step)
{
	int64_t rest = ns % step;

	return ns - (rest < 0 ? rest + step : rest);
}

bool upload_same_time(int64_t a, int64_t b)
{
	int64_t x = step_of(a), y = step_of(b), step = x > y ? x : y;

	return floor_to(a, step) == floor_to(b, step);
}

bool upload_is_there(const struct manifest_entry *here, const struct manifest_entry *there)
{
	if (here->type != there->type)
		return false;
	if (here->type == TREE_FILE)
		return here->size == there->size &&
		       upload_same_time(here->mtime_ns, there->mtime_ns);
	return here->type != TREE_LINK || !strcmp(here->target, there->target);
}

static bool is_ours(const struct manifest_entry *entry)
{
	return !entry->ignored && entry->type != TREE_SPECIAL;
}

static enum upload_todo compare(const struct upload *upload, size_t index,
				const struct manifest_entry *there)
{
	const struct manifest_entry *here = &upload->here.v[index];
	const struct upload_entry *known = &upload->todo[index];
	enum upload_todo send = here->type == TREE_DIR ? UPLOAD_MAKE : UPLOAD_SEND;

	if (!there || there->type != here->type)
		return send;
	if (here->type == TREE_LINK)
		return strcmp(here->target, there->target) != 0 ? send : UPLOAD_NOTHING;
	/* the folder that is the target itself may be a login's home: its permissions let us in */
	if (here->type == TREE_DIR)
		return here->mode == there->mode || !here->path[0] ? UPLOAD_NOTHING : UPLOAD_TOUCH;
	if (here->size != there->size || known->differs)
		return send;
	bool same_time = upload_same_time(here->mtime_ns, there->mtime_ns);
	if (!known->same && (!same_time || upload->options->checksum))
		return upload->there.has_sha256 ? UPLOAD_HASH : send;
	return same_time && here->mode == there->mode ? UPLOAD_NOTHING : UPLOAD_TOUCH;
}

static void compare_all(struct upload *upload)
{
	upload->nr_special = 0;
	for (size_t i = 0; i < upload->here.nr; i++) {
		const struct manifest_entry *here = &upload->here.v[i];
		struct upload_entry *todo = &upload->todo[i];

		todo->todo = UPLOAD_NOTHING;
		todo->staged = todo->around = todo->beside = false;
		if (!here->ignored && here->type == TREE_SPECIAL && upload->nr_special++ == 0)
			upload->first_special = i;
		if (is_ours(here))
			todo->todo = compare(upload, i,
					     manifest_find(&upload->there.target, here->path));
	}
}

/* The entry of the folder that a path is in, or NULL. */
static const struct manifest_entry *parent_of(const struct manifest *manifest, const char *path)
{
	char parent[MANIFEST_PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (!path[0])
		return NULL;
	memcpy(parent, path, n);
	parent[n] = '\0';
	return manifest_find(manifest, parent);
}

static void mark_around(struct upload *upload, const char *path, bool placed)
{
	const struct manifest_entry *parent;

	while ((parent = parent_of(&upload->here, path))) {
		struct upload_entry *todo = &upload->todo[parent - upload->here.v];

		if (placed ? todo->around : todo->beside)
			return;
		*(placed ? &todo->around : &todo->beside) = true;
		path = parent->path;
	}
}

static void put_path(struct buf *list, const char *path)
{
	buf_addstr(list, path);
	buf_addch(list, '\0');
}

/* Folders of the target in which we could not write. */
static void loosen(struct upload *upload, const struct manifest_entry *there)
{
	if (there && there->type == TREE_DIR && (there->mode & 0300) != 0300)
		put_path(&upload->loosen, there->path[0] ? there->path : ".");
}

static void mark_all(struct upload *upload)
{
	for (size_t i = 0; i < upload->here.nr; i++) {
		enum upload_todo todo = upload->todo[i].todo;
		bool placed = todo == UPLOAD_SEND || todo == UPLOAD_MAKE;

		if (placed || todo == UPLOAD_TOUCH)
			mark_around(upload, upload->here.v[i].path, placed);
		if (todo == UPLOAD_MAKE)
			upload->todo[i].around = true;
	}
	for (size_t i = 0; i < upload->here.nr; i++)
		if (upload->todo[i].around || upload->todo[i].beside)
			loosen(upload,
			       manifest_find(&upload->there.target, upload->here.v[i].path));
}

enum fate {
	FATE_STAYS,
	FATE_FIRST, /* it is in the way */
	FATE_LAST,  /* the mirror has no such thing */
};

static enum fate fate_of(const struct upload *upload, const struct manifest_entry *there,
			 enum fate parents)
{
	const struct manifest_entry *here = manifest_find(&upload->here, there->path);
	bool is_dir = there->type == TREE_DIR;

	if (!there->path[0])
		return FATE_STAYS;
	if (parents == FATE_FIRST)
		return FATE_FIRST;
	if (here && is_ours(here))
		return (here->type == TREE_DIR) != is_dir ? FATE_FIRST : FATE_STAYS;
	if (here || !upload->options->mirror || upload->file ||
	    ignore_covers(upload->ignore, there->path, is_dir))
		return FATE_STAYS;
	return FATE_LAST;
}

/* What of the target goes. A folder in which something stays does, too. */
static void remove_all(struct upload *upload)
{
	const struct manifest *target = &upload->there.target;
	unsigned char *fates = xcalloc(target->nr + 1, 1);

	for (size_t i = 0; i < target->nr; i++) {
		const struct manifest_entry *in = parent_of(target, target->v[i].path);

		fates[i] = (unsigned char)fate_of(
			upload, &target->v[i], in ? (enum fate)fates[in - target->v] : FATE_STAYS);
	}
	for (size_t i = target->nr; i-- > 0;) {
		const struct manifest_entry *entry = &target->v[i];
		const struct manifest_entry *in = parent_of(target, entry->path);
		bool is_dir = entry->type == TREE_DIR;

		if (fates[i] == FATE_STAYS) {
			if (in && fates[in - target->v] == FATE_LAST)
				fates[in - target->v] = FATE_STAYS;
			continue;
		}
		put_path(fates[i] == FATE_FIRST ? (is_dir ? &upload->first_dirs : &upload->first)
						: (is_dir ? &upload->last_dirs : &upload->last),
			 entry->path);
		loosen(upload, in);
		upload->result.removed++;
		if (!is_dir)
			upload->nr_removed++;
	}
	free(fates);
}

/* What has arrived earlier: it is kept, or in the way. */
static void use_staged(struct upload *upload)
{
	const struct manifest *staged = &upload->there.staged;
	bool trusted = !upload->options->checksum || upload->result.turns > 1;
	uint64_t most = PART_MIN - 1;

	upload->part = SIZE_MAX;
	for (size_t i = 0; i < staged->nr; i++) {
		const struct manifest_entry *entry = &staged->v[i];
		const struct manifest_entry *here = manifest_find(&upload->here, entry->path);
		size_t index = here ? (size_t)(here - upload->here.v) : 0;
		struct upload_entry *todo = here ? &upload->todo[index] : NULL;

		if (!entry->path[0])
			continue;
		if (entry->type == TREE_DIR ? !here || here->type != TREE_DIR || !todo->around
					    : !here || todo->todo != UPLOAD_SEND || !trusted) {
			put_path(&upload->drop, entry->path);
			continue;
		}
		if (entry->type == TREE_DIR)
			continue;
		todo->staged = upload_is_there(here, entry) &&
			       (entry->type == TREE_LINK || entry->mode == here->mode);
		if (todo->staged || entry->type != TREE_FILE || here->type != TREE_FILE ||
		    entry->size > here->size || entry->size <= most || !upload->there.has_sha256 ||
		    upload->kind == STREAM_PLAIN)
			continue;
		most = entry->size;
		upload->part = index;
	}
}

static void clear_lists(struct upload *upload)
{
	buf_clear(&upload->drop);
	buf_clear(&upload->first);
	buf_clear(&upload->first_dirs);
	buf_clear(&upload->loosen);
	buf_clear(&upload->last);
	buf_clear(&upload->last_dirs);
	upload->result.removed = 0;
	upload->nr_removed = 0;
}

bool upload_is_idle(const struct upload *upload)
{
	for (size_t i = 0; i < upload->here.nr; i++)
		if (upload->todo[i].todo != UPLOAD_NOTHING)
			return false;
	return upload->first.len == 0 && upload->first_dirs.len == 0 && upload->last.len == 0 &&
	       upload->last_dirs.len == 0;
}

void upload_count(struct upload *upload)
{
	struct sync_progress *progress = &upload->progress;
	struct sync_result *result = &upload->result;
	uint64_t folders = 0, same = 0;

	progress->files = progress->bytes = progress->done_files = progress->done_bytes = 0;
	for (size_t i = 0; i < upload->here.nr; i++) {
		const struct manifest_entry *here = &upload->here.v[i];
		const struct upload_entry *todo = &upload->todo[i];

		if (!is_ours(here))
			continue;
		if (here->type == TREE_DIR) {
			folders += todo->todo == UPLOAD_MAKE;
			continue;
		}
		if (todo->todo != UPLOAD_SEND) {
			same++;
			continue;
		}
		progress->files++;
		progress->bytes += here->size;
		if (todo->staged) {
			progress->done_files++;
			progress->done_bytes += here->size;
		}
	}
	if (upload->part != SIZE_MAX) {
		const struct manifest_entry *part = &upload->here.v[upload->part];

		progress->done_bytes += manifest_find(&upload->there.staged, part->path)->size;
	}
	/* a later turn may find that all was put in place when the connection was lost */
	if (result->turns > 1 && upload_is_idle(upload))
		return;
	result->resumed_bytes = progress->done_bytes;
	if (result->turns <= 1) {
		result->files = progress->files;
		result->bytes = progress->bytes;
		result->folders = folders;
		result->same_files = same;
	}
}

int upload_plan(struct upload *upload, struct error *err)
{
	uint64_t removed = upload->result.removed;

	compare_all(upload);
	if (upload_hash(upload, err) < 0)
		return -1;
	clear_lists(upload);
	mark_all(upload);
	remove_all(upload);
	if (upload->result.turns > 1 && upload->result.removed < removed)
		upload->result.removed = removed;
	use_staged(upload);
	upload_count(upload);
	return 0;
}
