/* SPDX-License-Identifier: Apache-2.0 */
/* Local files that must not be lost: write, fsync, rename, fsync the folder. */
#ifndef GPUCLOUD_CORE_FILE_H
#define GPUCLOUD_CORE_FILE_H

#include <stddef.h>
#include <sys/types.h>

struct buf;
struct error;

/* Creates path and missing parents with mode 0700. Refuses a last component that is a symbolic
 * link, not a folder, owned by somebody else, or writable for anybody else. */
int dir_make(const char *path, struct error *err);

/* Makes what was created, renamed or removed beside `path` durable: syncs the folder it is in. */
int dir_sync_of(const char *path, struct error *err);

/* Replaces path atomically and durably. */
int file_write(const char *path, const void *data, size_t len, mode_t mode, struct error *err);

/* As host_system.read_file: regular file, at most max bytes; ERROR_NOT_FOUND where absent. */
int file_read(const char *path, size_t max, struct buf *out, struct error *err);

/*
 * An advisory lock (flock) that dies with the process. Returns the fd to close later, -1 with err
 * on failure, -2 if somebody else holds it (err untouched).
 */
int file_lock(const char *path, struct error *err);

#endif
