/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/script.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "fleet/machine.h"

struct script_io {
	const char *script;
	size_t sent, len;
	struct buf *out;
};

static int take_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct script_io *io = ctx;

	if (buf_add(io->out, data, len) == 0)
		return 0;
	return error_set(err, ERROR_PROTOCOL, "the machine said too much");
}

static ssize_t give_script(void *ctx, char *buf, size_t n, struct error *err)
{
	struct script_io *io = ctx;
	size_t left = io->len - io->sent;

	(void)err;
	if (n > left)
		n = left;
	memcpy(buf, io->script + io->sent, n);
	io->sent += n;
	return (ssize_t)n;
}

int script_run(struct machine *machine, const char *script, const char *args, int64_t deadline_ms,
	       struct buf *out, struct remote_exit *ret, struct error *err)
{
	struct script_io io = { .script = script, .len = strlen(script), .out = out };
	const struct remote_stream stream = { .ctx = &io, .out = take_out, .in = give_script };
	char *command = xasprintf("exec /bin/sh -s %s", args);
	int rc = machine->ops->exec(machine->remote, command, &stream, deadline_ms, ret, err);

	free(command);
	return rc;
}
