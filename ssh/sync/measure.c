/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/error.h"
#include "ssh/sync/ignore.h"
#include "ssh/sync/manifest.h"
#include "ssh/sync/source.h"
#include "ssh/sync/sync.h"

int sync_measure(const char *local, const struct sync_options *options, uint64_t *files,
		 uint64_t *bytes, struct error *err)
{
	static const struct sync_options plain;
	const struct sync_options *with = options ? options : &plain;
	struct manifest manifest = { 0 };
	struct source source;

	if (source_open(&source, local, err) < 0)
		return -1;
	struct ignore *ignore = ignore_new(with->exclude, with->nr_exclude, !with->no_ignore);
	int rc = manifest_scan(source.root_fd, source.name, ignore, &manifest, err);
	if (rc == 0) {
		*files = manifest.files;
		*bytes = manifest.bytes;
	}
	manifest_release(&manifest);
	ignore_free(ignore);
	source_close(&source);
	return rc;
}
