/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VFS of SQLite over a disk whose power can go (power_disk.h). It syncs names where SQLite's own for
 * Unix does: when a log or a rollback journal that is new is synced for the first time, and when a file
 * is removed durably. One connection to a database at a time.
 */
#ifndef GPUCLOUD_TESTS_UNIT_POWER_VFS_H
#define GPUCLOUD_TESTS_UNIT_POWER_VFS_H

#define POWER_VFS "power"

struct power_disk;

/* From now on files are opened there. Those that are open stay where they are. */
void power_vfs_use(struct power_disk *disk);

#endif
