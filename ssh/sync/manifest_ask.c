/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's own tree, by one run of GNU find there. */
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "ssh/remote.h"
#include "ssh/sync/manifest_take.h"
#include "ssh/sync/scripts.h"
#include "ssh/sync/shell.h"

struct ask {
	struct manifest_taker taker;
	bool no_find;
};

static int on_mark(void *ctx, const char *mark, struct error *err)
{
	struct ask *ask = ctx;

	if (strcmp(mark, "=nofind") != 0)
		return error_set(err, ERROR_PROTOCOL, "the machine's list has an unknown mark '%s'",
				 shown_of(mark, strlen(mark)).text);
	ask->no_find = true;
	ask->taker.over = true;
	return 0;
}

static int on_out(void *ctx, const char *data, size_t len, struct error *err)
{
	return manifest_take(ctx, data, len, err);
}

static int finish(struct ask *ask, const struct shell *shell, const struct remote_exit *how,
		  struct manifest *ret, struct error *err)
{
	if (ask->no_find) {
		error_set(err, ERROR_UNSUPPORTED, "the machine has no GNU find");
		return error_hint(err, "install findutils there");
	}
	if (how->code != 0)
		return error_set(err, ERROR_REMOTE, "cannot list '%s' on the machine: %s",
				 shown_of(ask->taker.name, strlen(ask->taker.name)).text,
				 shell_why(shell, how).text);
	return manifest_take_end(&ask->taker, ret, err);
}

int manifest_ask(const struct remote_ops *ops, struct remote *remote, const char *path,
		 struct manifest *ret, struct error *err)
{
	struct ask ask = { 0 };
	struct shell shell;
	struct remote_exit how;
	char *there = shell_path(path);

	shell_init(&shell);
	manifest_take_init(&ask.taker, path[0] ? path : "~");
	ask.taker.ctx = &ask;
	ask.taker.mark = on_mark;
	shell_set(&shell, "path", there);
	shell_script(&shell, sync_list_script, "gpucloud_ask");
	shell.ctx = &ask.taker;
	shell.out = on_out;
	int rc = shell_run(&shell, ops, remote, 0, &how, err);
	if (rc == 0)
		rc = finish(&ask, &shell, &how, ret, err);
	manifest_take_release(&ask.taker);
	shell_release(&shell);
	free(there);
	return rc;
}
