/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the same size and another time: are they the same? Both sides read them at once. */
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "ssh/remote.h"
#include "ssh/sync/push.h"
#include "ssh/sync/scripts.h"

#define HASH_HEX 64

struct hashing {
	struct upload *upload;
	struct buf part;
	size_t next; /* of here: where the next answer may belong */
};

/* "HEX  PATH": answers come in the order of the list; what is gone there has none. */
static int on_line(struct hashing *hashing, const char *line, size_t len, struct error *err)
{
	struct upload *upload = hashing->upload;
	const char *path = line + HASH_HEX + 2;
	char hex[HASH_HEX + 1];

	if (len <= HASH_HEX + 2 || strspn(line, "0123456789abcdef") != HASH_HEX ||
	    line[HASH_HEX] != ' ')
		return error_set(err, ERROR_PROTOCOL, "the machine's sha256sum says '%s'",
				 shown_of(line, len).text);
	for (; hashing->next < upload->here.nr; hashing->next++) {
		struct upload_entry *todo = &upload->todo[hashing->next];
		const struct manifest_entry *here = &upload->here.v[hashing->next];

		if (todo->todo != UPLOAD_HASH || strcmp(here->path, path) != 0)
			continue;
		hashing->next++;
		int rc = source_sha256(&upload->source, here, here->size, hex, err);
		if (rc < 0)
			return -1;
		todo->same = rc == 0 && !memcmp(hex, line, HASH_HEX);
		return 0;
	}
	return error_set(err, ERROR_PROTOCOL, "the machine hashed what was not asked for: '%s'",
			 shown_of(path, strlen(path)).text);
}

static int on_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct hashing *hashing = ctx;

	while (len > 0) {
		const char *nul = memchr(data, '\0', len);
		size_t n = nul ? (size_t)(nul - data) : len;

		if (buf_add(&hashing->part, data, n) < 0)
			return error_set(err, ERROR_PROTOCOL, "the machine's sha256sum has no end");
		if (nul) {
			if (on_line(hashing, hashing->part.data, hashing->part.len, err) < 0)
				return -1;
			buf_clear(&hashing->part);
			n++;
		}
		data += n;
		len -= n;
	}
	return 0;
}

static void settle(struct upload *upload)
{
	for (size_t i = 0; i < upload->here.nr; i++) {
		const struct manifest_entry *here = &upload->here.v[i];
		struct upload_entry *todo = &upload->todo[i];

		if (todo->todo != UPLOAD_HASH)
			continue;
		todo->differs = !todo->same;
		const struct manifest_entry *there =
			manifest_find(&upload->there.target, here->path);
		bool all_same = todo->same && here->mode == there->mode &&
				upload_same_time(here->mtime_ns, there->mtime_ns);
		todo->todo = !todo->same ? UPLOAD_SEND : all_same ? UPLOAD_NOTHING : UPLOAD_TOUCH;
	}
}

int upload_hash(struct upload *upload, struct error *err)
{
	struct hashing hashing = { .upload = upload,
				   .part = BUF_INIT_MAX(MANIFEST_PATH_MAX + HASH_HEX + 10) };
	struct buf paths = BUF_INIT_MAX(MANIFEST_TEXT_MAX);
	struct shell shell;
	struct remote_exit how;
	int rc = 0;

	for (size_t i = 0; i < upload->here.nr; i++)
		if (upload->todo[i].todo == UPLOAD_HASH) {
			buf_addstr(&paths, upload->here.v[i].path);
			buf_addch(&paths, '\0');
		}
	if (paths.len > 0) {
		upload_begin_script(upload, &shell);
		shell_list(&shell, "paths", paths.data, paths.len);
		shell_script_two(&shell, sync_list_script, sync_push_script, "gpucloud_hash");
		shell.ctx = &hashing;
		shell.out = on_out;
		/* what it could not read there is sent: no exit status of its own matters */
		rc = shell_run(&shell, upload->link->ops, upload->link->remote, 0, &how, err);
		shell_release(&shell);
	}
	if (rc == 0)
		settle(upload);
	buf_release(&hashing.part);
	buf_release(&paths);
	return rc;
}
