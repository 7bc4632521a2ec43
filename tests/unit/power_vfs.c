/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/power_vfs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "core/mem.h"
#include "tests/unit/power_disk.h"

#define REGIONS_MAX 64
/* What SQLite's own VFS for Unix takes where a file system does not tell. */
#define SECTOR_SIZE 4096

struct handle {
	sqlite3_file base;
	struct power_file *file;
	char *name;		    /* removed when it is closed; else NULL */
	bool sync_names;	    /* it is new */
	void *regions[REGIONS_MAX]; /* of the index of a log: shared memory, gone without power */
	int nr_regions;
};

static struct power_disk *used;

static struct handle *handle_of(sqlite3_file *base)
{
	return (struct handle *)base;
}

/* --- one file -------------------------------------------------------------------------------- */

static int file_unmap(sqlite3_file *base, int remove)
{
	struct handle *handle = handle_of(base);

	(void)remove;
	for (int i = 0; i < handle->nr_regions; i++)
		free(handle->regions[i]);
	handle->nr_regions = 0;
	return SQLITE_OK;
}

static int file_close(sqlite3_file *base)
{
	struct handle *handle = handle_of(base);
	struct power_disk *disk = power_disk_of(handle->file);

	file_unmap(base, 0);
	power_close(handle->file);
	if (handle->name)
		power_remove(disk, handle->name);
	free(handle->name);
	return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *data, int len, sqlite3_int64 at)
{
	const struct handle *handle = handle_of(base);

	if (power_file_is_dead(handle->file))
		return SQLITE_IOERR_READ;
	size_t got = power_read(handle->file, (size_t)at, data, (size_t)len);
	if (got == (size_t)len)
		return SQLITE_OK;
	memset((char *)data + got, 0, (size_t)len - got);
	return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 at)
{
	return power_write(handle_of(base)->file, (size_t)at, data, (size_t)len)
		       ? SQLITE_IOERR_WRITE
		       : SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	return power_truncate(handle_of(base)->file, (size_t)size) ? SQLITE_IOERR_TRUNCATE
								   : SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags)
{
	struct handle *handle = handle_of(base);

	(void)flags;
	if (power_sync(handle->file))
		return SQLITE_IOERR_FSYNC;
	if (handle->sync_names && power_sync_names(power_disk_of(handle->file)))
		return SQLITE_IOERR_DIR_FSYNC;
	handle->sync_names = false;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)power_size(handle_of(base)->file);
	return SQLITE_OK;
}

/* There is nobody else. */
static int file_lock(sqlite3_file *base, int lock)
{
	(void)base;
	(void)lock;
	return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *ret)
{
	(void)base;
	*ret = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *arg)
{
	(void)base;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base)
{
	(void)base;
	return SECTOR_SIZE;
}

static int file_characteristics(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int file_map(sqlite3_file *base, int nth, int size, int extend, void volatile **ret)
{
	struct handle *handle = handle_of(base);

	*ret = NULL;
	assert(nth < REGIONS_MAX);
	if (power_file_is_dead(handle->file))
		return SQLITE_IOERR_SHMMAP;
	while (extend && handle->nr_regions <= nth)
		handle->regions[handle->nr_regions++] = xcalloc(1, (size_t)size);
	if (nth < handle->nr_regions)
		*ret = handle->regions[nth];
	return SQLITE_OK;
}

static int file_shm_lock(sqlite3_file *base, int offset, int nr, int flags)
{
	(void)base;
	(void)offset;
	(void)nr;
	(void)flags;
	return SQLITE_OK;
}

static void file_barrier(sqlite3_file *base)
{
	(void)base;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_lock,
	.xCheckReservedLock = file_check_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_characteristics,
	.xShmMap = file_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_barrier,
	.xShmUnmap = file_unmap,
};

/* --- all of them ----------------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret)
{
	const int logs = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
	struct handle *handle = handle_of(base);
	bool made;

	(void)vfs;
	memset(handle, 0, sizeof(*handle));
	if (power_disk_is_dead(used))
		return SQLITE_CANTOPEN;
	handle->file = power_open(used, name, flags & SQLITE_OPEN_CREATE, &made);
	if (!handle->file)
		return SQLITE_CANTOPEN;
	base->pMethods = &methods;
	handle->sync_names = made && (flags & logs);
	if (name && (flags & SQLITE_OPEN_DELETEONCLOSE))
		handle->name = xstrdup(name);
	if (ret)
		*ret = flags;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_names)
{
	(void)vfs;
	if (!power_disk_is_dead(used) && !power_exists(used, name))
		return SQLITE_IOERR_DELETE_NOENT;
	if (power_remove(used, name))
		return SQLITE_IOERR_DELETE;
	return sync_names && power_sync_names(used) ? SQLITE_IOERR_DIR_FSYNC : SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	(void)vfs;
	(void)flags;
	if (power_disk_is_dead(used))
		return SQLITE_IOERR_ACCESS;
	*ret = power_exists(used, name);
	return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *text)
{
	(void)vfs;
	(void)size;
	(void)text;
	return 0;
}

void power_vfs_use(struct power_disk *disk)
{
	static sqlite3_vfs vfs;

	used = disk;
	if (vfs.zName)
		return;
	/* Paths, randomness, sleep and time are those of this computer. */
	vfs = *sqlite3_vfs_find(NULL);
	vfs.iVersion = 2;
	vfs.pNext = NULL;
	vfs.zName = POWER_VFS;
	vfs.szOsFile = sizeof(struct handle);
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	vfs.xAccess = vfs_access;
	vfs.xGetLastError = vfs_last_error;
	int rc = sqlite3_vfs_register(&vfs, 0);
	assert(rc == SQLITE_OK);
	(void)rc;
}
