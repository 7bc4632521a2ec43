/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ssh/sync only: the headers of a tar stream, as GNU tar --format=posix writes them for regular
 * files (POSIX.1-2008, pax: "pax Interchange Format" and "ustar Interchange Format").
 *
 * Read here and not by libarchive: it wants to pull bytes and they are pushed to us, it turns names
 * to the locale, and it takes gladly what a pull must refuse (hard links, sparse maps, other
 * formats, global headers, what comes after the end). What is left is small enough to bound.
 */
#ifndef GPUCLOUD_SSH_SYNC_UNPACK_TAR_H
#define GPUCLOUD_SSH_SYNC_UNPACK_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ssh/sync/manifest.h"

struct error;

#define TAR_BLOCK   512
#define TAR_PAX_MAX ((size_t)16 << 10) /* all that is said of one file beforehand */

struct tar_entry {
	char path[MANIFEST_PATH_MAX + 4];
	uint64_t size;
	int64_t mtime_ns;
	bool has_path, has_size, has_mtime; /* by a pax header: it wins */
};

enum tar_kind {
	TAR_FILE, /* its data follows */
	TAR_PAX,  /* a pax header of that size follows */
	TAR_ZERO  /* a block of zeros: the end */
};

/* One header block. size: of what follows it. ERROR_PROTOCOL: it is none, or of no file. */
int tar_header(const unsigned char block[TAR_BLOCK], struct tar_entry *entry, enum tar_kind *kind,
	       uint64_t *size, struct error *err);

/* What a pax header holds. */
int tar_pax(const char *data, size_t len, struct tar_entry *entry, struct error *err);

#endif
