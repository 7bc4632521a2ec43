/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk holds after the power went. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/rng.h"
#include "tests/unit/power_internal.h"

#define SECTOR_LEN 512

/* How much of what was not synced is left. */
enum fate {
	NOTHING,
	ALL,
	PREFIX, /* all until some moment, nothing after it */
	SOME,	/* each part as it happens */
	FATES,
};

struct cut {
	enum fate fate;
	uint64_t moment;    /* of PREFIX */
	uint64_t per_mille; /* of SOME: how much of it is left */
	bool tears, junk;
	struct rng_seeded state;
	struct rng rng;
};

static bool is_left(const struct cut *cut, uint64_t when)
{
	switch (cut->fate) {
	case NOTHING:
		return false;
	case ALL:
		return true;
	case PREFIX:
		return when <= cut->moment;
	case SOME:
	case FATES:
		break;
	}
	return rng_below(&cut->rng, 1000) < cut->per_mille;
}

/* One sector of a write, or what of it the write touches. */
static void put_sector(const struct cut *cut, struct power_image *image, size_t at,
		       const unsigned char *data, size_t len)
{
	if (cut->tears && rng_below(&cut->rng, 8) == 0) {
		size_t torn = (size_t)rng_below(&cut->rng, len + 1);

		/* From its one end, or from the other. */
		if (rng_below(&cut->rng, 2))
			power_image_write(image, at, data, torn);
		else
			power_image_write(image, at + torn, data + torn, len - torn);
		return;
	}
	power_image_write(image, at, data, len);
}

static void put_change(const struct cut *cut, struct power_image *image,
		       const struct power_change *change)
{
	if (!change->data) {
		if (is_left(cut, change->when))
			power_image_resize(image, change->at);
		return;
	}
	for (size_t done = 0; done < change->len;) {
		size_t at = change->at + done;
		size_t len = SECTOR_LEN - at % SECTOR_LEN;

		if (len > change->len - done)
			len = change->len - done;
		if (is_left(cut, change->when))
			put_sector(cut, image, at, change->data + done, len);
		done += len;
	}
}

/* The new length may be there without its bytes: what was on the disk before shows, or nothing. */
static void lengthen(const struct cut *cut, struct power_image *image, size_t size)
{
	size_t from = image->size;

	if (cut->fate == NOTHING || size <= from || rng_below(&cut->rng, 2))
		return;
	power_image_resize(image, size);
	if (cut->junk)
		cut->rng.fill(cut->rng.ctx, image->data + from, size - from);
}

static struct power_inode *inode_after(const struct cut *cut, struct power_disk *after,
				       const struct power_inode *inode)
{
	struct power_inode *ret = power_inode_new(after);

	if (inode->kept.size)
		power_image_write(&ret->seen, 0, inode->kept.data, inode->kept.size);
	for (size_t i = 0; i < inode->nr_changes; i++)
		put_change(cut, &ret->seen, &inode->changes[i]);
	lengthen(cut, &ret->seen, inode->seen.size);
	if (ret->seen.size)
		power_image_write(&ret->kept, 0, ret->seen.data, ret->seen.size);
	return ret;
}

/* Each name says what the last of its changes that is left said. */
static void names_after(const struct cut *cut, struct power_disk *after,
			const struct power_disk *disk)
{
	const struct power_renaming **last =
		xcalloc(disk->nr_renamings + 1, sizeof(*last)); /* at the first of each name */

	for (size_t i = 0; i < disk->nr_renamings; i++) {
		const struct power_renaming *renaming = &disk->renamings[i];
		size_t first = 0;

		while (strcmp(disk->renamings[first].name, renaming->name) != 0)
			first++;
		if (renaming->synced || is_left(cut, renaming->when))
			last[first] = renaming;
	}
	for (size_t i = 0; i < disk->nr_renamings; i++)
		if (last[i] && last[i]->inode)
			power_rename(after, last[i]->name, inode_after(cut, after, last[i]->inode),
				     true);
	free(last);
}

struct power_disk *power_disk_after(const struct power_disk *disk, uint64_t seed)
{
	struct power_disk *after = power_disk_new();
	struct cut cut = { .fate = ALL };

	cut.rng = rng_seeded(&cut.state, seed);
	cut.fate = (enum fate)rng_below(&cut.rng, FATES);
	cut.moment = rng_below(&cut.rng, disk->clock + 1);
	cut.per_mille = rng_below(&cut.rng, 1001);
	cut.tears = rng_below(&cut.rng, 2);
	cut.junk = rng_below(&cut.rng, 2);
	names_after(&cut, after, disk);
	return after;
}
