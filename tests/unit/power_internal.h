/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by power_disk.c, and power_cut.c, which decides what is left. */
#ifndef GPUCLOUD_TESTS_UNIT_POWER_INTERNAL_H
#define GPUCLOUD_TESTS_UNIT_POWER_INTERNAL_H

#include "tests/unit/power_disk.h"

struct power_image {
	unsigned char *data;
	size_t size, cap;
};
void power_image_write(struct power_image *image, size_t at, const void *data, size_t len);
void power_image_resize(struct power_image *image, size_t size);

/* Not synced yet. */
struct power_change {
	unsigned char *data; /* NULL: a new length, `at` */
	size_t at, len;
	uint64_t when; /* by the disk's clock, which counts changes */
};

struct power_inode {
	struct power_inode *next;
	unsigned opened;
	struct power_image seen, kept;
	struct power_change *changes;
	size_t nr_changes, cap_changes;
};

/* inode NULL: it was removed. The last one of a name counts. */
struct power_renaming {
	char *name;
	struct power_inode *inode;
	uint64_t when;
	bool synced;
};

struct power_disk {
	struct power_inode *inodes;
	struct power_renaming *renamings;
	size_t nr_renamings, cap_renamings;
	uint64_t clock, left;
	bool dead;
};

struct power_file {
	struct power_disk *disk;
	struct power_inode *inode;
};

struct power_inode *power_inode_new(struct power_disk *disk);
void power_rename(struct power_disk *disk, const char *name, struct power_inode *inode,
		  bool synced);

#endif
