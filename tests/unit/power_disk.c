/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/power_disk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/unit/power_internal.h"

struct power_disk *power_disk_new(void)
{
	return xcalloc(1, sizeof(struct power_disk));
}

void power_image_write(struct power_image *image, size_t at, const void *data, size_t len)
{
	size_t end = at + len;

	if (end > image->cap) {
		image->cap = end * 2;
		image->data = xrealloc(image->data, image->cap);
	}
	if (at > image->size)
		memset(image->data + image->size, 0, at - image->size);
	memcpy(image->data + at, data, len);
	if (end > image->size)
		image->size = end;
}

void power_image_resize(struct power_image *image, size_t size)
{
	if (size > image->size)
		power_image_write(image, size - 1, "", 1);
	image->size = size;
}

struct power_inode *power_inode_new(struct power_disk *disk)
{
	struct power_inode *inode = xcalloc(1, sizeof(*inode));

	inode->next = disk->inodes;
	disk->inodes = inode;
	return inode;
}

static void forget_changes(struct power_inode *inode)
{
	for (size_t i = 0; i < inode->nr_changes; i++)
		free(inode->changes[i].data);
	inode->nr_changes = 0;
}

void power_disk_free(struct power_disk *disk)
{
	if (!disk)
		return;
	while (disk->inodes) {
		struct power_inode *inode = disk->inodes;

		assert(!inode->opened);
		disk->inodes = inode->next;
		forget_changes(inode);
		free(inode->changes);
		free(inode->seen.data);
		free(inode->kept.data);
		free(inode);
	}
	for (size_t i = 0; i < disk->nr_renamings; i++)
		free(disk->renamings[i].name);
	free(disk->renamings);
	free(disk);
}

void power_disk_cut_at(struct power_disk *disk, uint64_t nth)
{
	disk->left = nth;
}

bool power_disk_is_dead(const struct power_disk *disk)
{
	return disk->dead;
}

/* Before each change: -1, and it is not made any more; 1, it is the last one; else 0. */
static int begin(struct power_disk *disk)
{
	if (disk->dead)
		return -1;
	if (!disk->left || --disk->left)
		return 0;
	disk->dead = true;
	return 1;
}

/* --- names ----------------------------------------------------------------------------------- */

/* The last word on it. */
static struct power_inode *named(const struct power_disk *disk, const char *name)
{
	for (size_t i = disk->nr_renamings; i-- > 0;)
		if (strcmp(disk->renamings[i].name, name) == 0)
			return disk->renamings[i].inode;
	return NULL;
}

void power_rename(struct power_disk *disk, const char *name, struct power_inode *inode, bool synced)
{
	disk->renamings = xgrow(disk->renamings, disk->nr_renamings, &disk->cap_renamings,
				sizeof(*disk->renamings));
	disk->renamings[disk->nr_renamings++] =
		(struct power_renaming){ xstrdup(name), inode, ++disk->clock, synced };
}

struct power_file *power_open(struct power_disk *disk, const char *name, bool make, bool *ret_made)
{
	struct power_inode *inode = name ? named(disk, name) : NULL;

	*ret_made = !inode;
	if (!inode) {
		if (!make || begin(disk) < 0)
			return NULL;
		inode = power_inode_new(disk);
		if (name)
			power_rename(disk, name, inode, false);
	}
	inode->opened++;
	struct power_file *file = xcalloc(1, sizeof(*file));
	file->disk = disk;
	file->inode = inode;
	return file;
}

void power_close(struct power_file *file)
{
	file->inode->opened--;
	free(file);
}

bool power_exists(const struct power_disk *disk, const char *name)
{
	return named(disk, name) != NULL;
}

int power_remove(struct power_disk *disk, const char *name)
{
	int last = begin(disk);

	if (last >= 0)
		power_rename(disk, name, NULL, false);
	return last ? -1 : 0;
}

int power_sync_names(struct power_disk *disk)
{
	if (begin(disk))
		return -1;
	for (size_t i = 0; i < disk->nr_renamings; i++)
		disk->renamings[i].synced = true;
	return 0;
}

/* --- files ----------------------------------------------------------------------------------- */

static void remember(struct power_file *file, const struct power_change *change)
{
	struct power_inode *inode = file->inode;

	inode->changes = xgrow(inode->changes, inode->nr_changes, &inode->cap_changes,
			       sizeof(*inode->changes));
	inode->changes[inode->nr_changes] = *change;
	inode->changes[inode->nr_changes++].when = ++file->disk->clock;
}

int power_write(struct power_file *file, size_t at, const void *data, size_t len)
{
	int last = begin(file->disk);

	if (last < 0)
		return -1;
	struct power_change change = { .at = at, .len = len, .data = xmalloc(len) };
	memcpy(change.data, data, len);
	remember(file, &change);
	power_image_write(&file->inode->seen, at, data, len);
	return last ? -1 : 0;
}

int power_truncate(struct power_file *file, size_t size)
{
	int last = begin(file->disk);

	if (last < 0)
		return -1;
	remember(file, &(struct power_change){ .at = size });
	power_image_resize(&file->inode->seen, size);
	return last ? -1 : 0;
}

int power_sync(struct power_file *file)
{
	struct power_inode *inode = file->inode;

	if (begin(file->disk))
		return -1;
	for (size_t i = 0; i < inode->nr_changes; i++) {
		const struct power_change *change = &inode->changes[i];

		if (change->data)
			power_image_write(&inode->kept, change->at, change->data, change->len);
		else
			power_image_resize(&inode->kept, change->at);
	}
	forget_changes(inode);
	return 0;
}

bool power_file_is_dead(const struct power_file *file)
{
	return file->disk->dead;
}

struct power_disk *power_disk_of(const struct power_file *file)
{
	return file->disk;
}

size_t power_size(const struct power_file *file)
{
	return file->inode->seen.size;
}

size_t power_read(const struct power_file *file, size_t at, void *data, size_t len)
{
	const struct power_image *image = &file->inode->seen;

	if (at >= image->size)
		return 0;
	if (len > image->size - at)
		len = image->size - at;
	memcpy(data, image->data + at, len);
	return len;
}
