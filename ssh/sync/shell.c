/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/sync/shell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/remote.h"
#include "ssh/tree.h"

#define SHELL_INPUT_MAX ((size_t)512 << 20)

void shell_init(struct shell *shell)
{
	memset(shell, 0, sizeof(*shell));
	shell->text = (struct buf)BUF_INIT;
	shell->input = (struct buf)BUF_INIT_MAX(SHELL_INPUT_MAX);
	shell->said = (struct buf)BUF_INIT_MAX(SHELL_STDERR_MAX);
	buf_addstr(&shell->text, "{\nLC_ALL=C; export LC_ALL; unset POSIXLY_CORRECT TAR_OPTIONS\n");
}

void shell_release(struct shell *shell)
{
	buf_release(&shell->text);
	buf_release(&shell->input);
	buf_release(&shell->said);
}

void shell_set(struct shell *shell, const char *name, const char *value)
{
	buf_addf(&shell->text, "%s='", name);
	for (; *value; value++) {
		if (*value == '\'')
			buf_addstr(&shell->text, "'\\''");
		else
			buf_addch(&shell->text, *value);
	}
	buf_addstr(&shell->text, "'\n");
}

void shell_set_number(struct shell *shell, const char *name, uint64_t value)
{
	buf_addf(&shell->text, "%s=%" PRIu64 "\n", name, value);
}

static size_t blocks_of(size_t len)
{
	return (len + SHELL_BLOCK - 1) / SHELL_BLOCK;
}

static void pad(struct buf *buf, char with)
{
	while (buf->len % SHELL_BLOCK && !buf->overflow)
		buf_addch(buf, with);
}

void shell_list(struct shell *shell, const char *name, const void *data, size_t len)
{
	buf_addf(&shell->text, "%s_bytes=%zu\n%s_blocks=%zu\n", name, len, name, blocks_of(len));
	buf_add(&shell->input, data, len);
	pad(&shell->input, '\0');
}

void shell_script_two(struct shell *shell, const char *base, const char *script, const char *call)
{
	buf_addf(&shell->text, "%s\n%s\n%s\n}\n", base, script, call);
	pad(&shell->text, '\n');
}

void shell_script(struct shell *shell, const char *script, const char *call)
{
	shell_script_two(shell, "", script, call);
}

/* Text, then lists, then what the caller has. */
static ssize_t give(void *ctx, char *buf, size_t n, struct error *err)
{
	struct shell *shell = ctx;
	bool text = shell->given < shell->text.len;
	const struct buf *from = text ? &shell->text : &shell->input;
	size_t start = text ? shell->given : shell->given - shell->text.len;
	size_t left = from->len - start;

	if (left == 0)
		return shell->in ? shell->in(shell->ctx, buf, n, err) : 0;
	if (n > left)
		n = left;
	memcpy(buf, from->data + start, n);
	shell->given += n;
	return (ssize_t)n;
}

static int take(void *ctx, const char *data, size_t len, struct error *err)
{
	struct shell *shell = ctx;

	return shell->out ? shell->out(shell->ctx, data, len, err) : 0;
}

/* Only the beginning is kept: a machine may say what it likes for as long as it likes. */
static int take_said(void *ctx, const char *data, size_t len, struct error *err)
{
	struct shell *shell = ctx;
	size_t room = SHELL_STDERR_MAX - 1 - shell->said.len;

	(void)err;
	buf_add(&shell->said, data, len < room ? len : room);
	return 0;
}

int shell_run(struct shell *shell, const struct remote_ops *ops, struct remote *remote,
	      int64_t deadline_ms, struct remote_exit *ret, struct error *err)
{
	const struct remote_stream stream = {
		.ctx = shell, .in = give, .out = take, .err = take_said
	};

	if (shell->text.overflow || shell->input.overflow)
		return error_set(err, ERROR_USAGE, "too much has changed to be sent at once");
	/* dd, as neither the shell nor head is bound to leave what follows the script unread */
	char *command = xasprintf("exec /bin/sh -c 'eval \"$(dd bs=%d count=%zu "
				  "iflag=fullblock 2>/dev/null)\"' gpucloud-sync",
				  SHELL_BLOCK, blocks_of(shell->text.len));
	int rc = ops->exec(remote, command, &stream, deadline_ms, ret, err);

	free(command);
	return rc;
}

struct shown shell_why(const struct shell *shell, const struct remote_exit *how)
{
	const char *said = shell->said.data;
	size_t len = strcspn(said, "\n");
	char status[64];

	if (len > 0)
		return shown_of(said, len < 190 ? len : 190);
	if (how->signal[0])
		snprintf(status, sizeof(status), "signal %s", how->signal);
	else
		snprintf(status, sizeof(status), "status %d", how->status);
	return shown_of(status, strlen(status));
}

char *shell_path(const char *path)
{
	if (path[0] == '/')
		return xstrdup(path);
	if (path[0] == '~' && path[1] == '/') {
		path += 2;
		path += strspn(path, "/");
	}
	if (!path[0] || !strcmp(path, "~"))
		return xstrdup(".");
	return xasprintf("./%s", path);
}
