/* SPDX-License-Identifier: Apache-2.0 */
/* Both lists side by side: what is to be done about each name. */
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/sync/ignore.h"
#include "ssh/sync/pull_internal.h"

/* The kernel's own stamps show how finely a disk keeps time: 1 ns, or 100 ns, 1 us, 1 s. */
void fetch_find_grain(struct fetch *fetch)
{
	static const int64_t grains[] = { 1000000000, 1000, 100 };
	const struct fetch_target *target = &fetch->target;
	struct stat st;

	fetch->grain_ns = 1;
	if (fstat(target->root_fd >= 0 ? target->root_fd : target->parent_fd, &st) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(grains) && fetch->grain_ns == 1; i++)
		if (st.st_ctim.tv_nsec % grains[i] == 0 && st.st_mtim.tv_nsec % grains[i] == 0)
			fetch->grain_ns = grains[i];
}

bool fetch_same_time(const struct fetch *fetch, int64_t near_ns, int64_t far_ns)
{
	return near_ns == far_ns || (near_ns % fetch->grain_ns == 0 && far_ns > near_ns &&
				     far_ns - near_ns < fetch->grain_ns);
}

const char *fetch_there(const struct fetch *fetch, const struct fetch_item *item)
{
	return fetch->name ? fetch->name : item->far->path;
}

const char *fetch_here(const struct fetch *fetch, const struct fetch_item *item)
{
	return fetch->name ? fetch->target.leaf : item->far->path;
}

static bool left_out(const struct fetch *fetch, const struct manifest_entry *entry)
{
	return entry->path[0] && ignore_covers(fetch->ignore, entry->path, entry->type == TREE_DIR);
}

static enum fetch_what compare_file(const struct fetch *fetch, const struct manifest_entry *far,
				    const struct manifest_entry *near)
{
	if (far->size != near->size)
		return FETCH_SEND;
	if (fetch->options->checksum || !fetch_same_time(fetch, near->mtime_ns, far->mtime_ns))
		return FETCH_COMPARE;
	return near->mode == far->mode ? FETCH_SAME : FETCH_TOUCH;
}

static enum fetch_what compare(const struct fetch *fetch, const struct fetch_item *item)
{
	const struct manifest_entry *far = item->far, *near = item->near;
	bool same_type = near && near->type == far->type;

	switch (far->type) {
	case TREE_DIR:
		return FETCH_FOLDER;
	case TREE_FILE:
		return same_type ? compare_file(fetch, far, near) : FETCH_SEND;
	case TREE_LINK:
		return same_type && !strcmp(near->target, far->target) ? FETCH_SAME : FETCH_SEND;
	case TREE_SPECIAL:
	case TREE_UNKNOWN:
	default:
		return FETCH_LEAVE;
	}
}

/* A folder gives way to a file with all that is in it, but not with what is none of our business. */
static int check_replaced(struct fetch *fetch, const struct manifest_entry *near, struct error *err)
{
	size_t len = strlen(near->path);

	fetch->nr_replaced++;
	if (near->ignored)
		return error_set(err, ERROR_CONFLICT,
				 "'%s' is left out here, and something else on the machine",
				 shown_of(near->path, len).text);
	if (near->type != TREE_DIR)
		return 0;
	for (size_t i = 0; i < fetch->near.nr; i++) {
		const struct manifest_entry *in = &fetch->near.v[i];

		if (strncmp(in->path, near->path, len) != 0 || in->path[len] != '/')
			continue;
		fetch->nr_replaced++;
		if (in->ignored) {
			error_set(err, ERROR_CONFLICT,
				  "'%s' is no folder on the machine, and here it holds '%s', "
				  "which is left out",
				  shown_of(near->path, len).text,
				  shown_of(in->path, strlen(in->path)).text);
			return error_hint(err, "move one of them away");
		}
	}
	return 0;
}

static int plan_one(struct fetch *fetch, struct fetch_item *item, const struct manifest_entry *far,
		    const struct manifest_entry *near, struct error *err)
{
	*item = (struct fetch_item){ .far = far, .near = near };
	if (!fetch->name && left_out(fetch, far)) {
		item->what = FETCH_LEAVE;
		return 0;
	}
	if (far->type == TREE_FILE && far->size > FETCH_SIZE_MAX)
		return error_set(err, ERROR_PROTOCOL, "'%s' on the machine has an impossible size",
				 shown_of(far->path, strlen(far->path)).text);
	item->what = compare(fetch, item);
	if (item->what == FETCH_LEAVE)
		fetch->nr_special++;
	if (item->what == FETCH_LEAVE || !near || near->type == far->type)
		return near && near->ignored && item->what != FETCH_LEAVE
			       ? check_replaced(fetch, near, err)
			       : 0;
	item->replace = true;
	return check_replaced(fetch, near, err);
}

/* Whether a name here lies in what will give way to a file, or is left out. */
static bool goes_anyway(const struct fetch *fetch, const struct manifest_entry *near)
{
	char path[MANIFEST_PATH_MAX];
	size_t len = strlen(near->path);

	if (near->ignored || len >= sizeof(path))
		return true;
	memcpy(path, near->path, len + 1);
	for (char *slash; (slash = strrchr(path, '/'));) {
		*slash = '\0';
		const struct manifest_entry *far = manifest_find(&fetch->far, path);

		/* of what is special or left out over there nothing is removed here */
		if (far)
			return far->type != TREE_DIR || left_out(fetch, far);
	}
	return false;
}

static void drop_plan(struct fetch *fetch)
{
	free(fetch->items);
	free(fetch->extra);
	fetch->items = xcalloc(fetch->far.nr + 1, sizeof(*fetch->items));
	fetch->extra = xcalloc(fetch->near.nr + 1, sizeof(*fetch->extra));
	fetch->nr_extra = fetch->nr_replaced = fetch->nr_special = 0;
}

int fetch_plan(struct fetch *fetch, struct error *err)
{
	const struct manifest *far = &fetch->far, *near = &fetch->near;
	size_t i = 0, k = 0;

	drop_plan(fetch);
	if (near->missing)
		k = near->nr;
	while (i < far->nr || k < near->nr) {
		int order = i == far->nr    ? 1
			    : k == near->nr ? -1
					    : strcmp(far->v[i].path, near->v[k].path);

		if (order > 0) {
			const struct manifest_entry *entry = &near->v[k++];

			if (fetch->options->mirror && !goes_anyway(fetch, entry))
				fetch->extra[fetch->nr_extra++] = entry;
			continue;
		}
		if (plan_one(fetch, &fetch->items[i], &far->v[i], order ? NULL : &near->v[k], err) <
		    0)
			return -1;
		i++;
		k += order == 0;
	}
	return 0;
}

bool fetch_is_idle(const struct fetch *fetch)
{
	if (fetch->nr_extra > 0)
		return false;
	for (size_t i = 0; i < fetch->far.nr; i++) {
		const struct fetch_item *item = &fetch->items[i];

		if (item->what == FETCH_SEND || item->what == FETCH_TOUCH || item->replace)
			return false;
		if (item->what == FETCH_FOLDER &&
		    (!item->near ||
		     (item->far->path[0] &&
		      (item->near->mode != item->far->mode ||
		       !fetch_same_time(fetch, item->near->mtime_ns, item->far->mtime_ns)))))
			return false;
	}
	return true;
}
