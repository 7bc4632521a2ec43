/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in memory whose power can go. Files and names are seen as they were changed last, and kept
 * as they were synced last; what lies between may survive a power cut or not, in any part: each
 * 512 bytes of a write for itself, whole, torn or not at all, in any order; a length without its
 * bytes; a removed file that is back, a new one that is not. Bytes that were not written stay as they
 * are (as SQLite assumes of disks by default: "powersafe overwrite").
 */
#ifndef GPUCLOUD_TESTS_UNIT_POWER_DISK_H
#define GPUCLOUD_TESTS_UNIT_POWER_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct power_disk;
struct power_file;

struct power_disk *power_disk_new(void);
void power_disk_free(struct power_disk *disk); /* no file of it may be open */

/* The power goes with the nth change from now on (a write, a new length, a sync, a name made or
 * removed): that one is under way, and nothing is answered any more. 0: never. */
void power_disk_cut_at(struct power_disk *disk, uint64_t nth);
bool power_disk_is_dead(const struct power_disk *disk);

/* What is found when the power is back; all of it is on the disk then. */
struct power_disk *power_disk_after(const struct power_disk *disk, uint64_t seed);

/* The file of that name, made if absent and `make`; NULL: there is none. name NULL: a new one without
 * a name. Each is to be closed. */
struct power_file *power_open(struct power_disk *disk, const char *name, bool make, bool *ret_made);
void power_close(struct power_file *file);
bool power_exists(const struct power_disk *disk, const char *name);

/* Of what can fail, -1 means that there is no power. */
int power_remove(struct power_disk *disk, const char *name);
int power_write(struct power_file *file, size_t at, const void *data, size_t len);
int power_truncate(struct power_file *file, size_t size);
int power_sync(struct power_file *file);
int power_sync_names(struct power_disk *disk);

bool power_file_is_dead(const struct power_file *file);
struct power_disk *power_disk_of(const struct power_file *file);
size_t power_size(const struct power_file *file);
/* Returns how many of len were there. */
size_t power_read(const struct power_file *file, size_t at, void *data, size_t len);

#endif
