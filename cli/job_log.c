/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/job_log.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "cli/cli.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "core/error.h"

#define LINE_MAX_LEN ((size_t)16 << 10) /* longer ones are told in pieces */

void job_log_init(struct job_log *log, struct cli *cli, FILE *out, bool terminal)
{
	*log = (struct job_log){
		.cli = cli,
		.out = { .file = out, .terminal = terminal },
		.err = { .file = cli->err, .terminal = cli->err_terminal },
		.out_line = BUF_INIT,
		.err_line = BUF_INIT,
	};
}

static void put_line(struct job_log *log, bool err_stream, const char *text, size_t len)
{
	cJSON *object = cJSON_CreateObject();
	struct buf line = BUF_INIT;

	/* a string of JSON ends at a NUL: what stands behind it would be lost */
	for (size_t i = 0; i < len; i++)
		if (text[i])
			buf_addch(&line, text[i]);
		else
			buf_addstr(&line, "\357\277\275");
	cJSON_AddStringToObject(object, "stream", err_stream ? "err" : "out");
	cJSON_AddStringToObject(object, "text", line.len ? line.data : "");
	cli_json_line(log->cli, "log", object);
	buf_release(&line);
}

/* JSON Lines: one for each line of the job. */
static void take_lines(struct job_log *log, bool err_stream, const char *data, size_t len)
{
	struct buf *line = err_stream ? &log->err_line : &log->out_line;

	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;

		if (n > LINE_MAX_LEN - line->len) {
			n = LINE_MAX_LEN - line->len;
			end = NULL;
		}
		buf_add(line, data, n);
		data += n;
		len -= n;
		if (!end && line->len < LINE_MAX_LEN)
			break;
		put_line(log, err_stream, line->data ? line->data : "", line->len);
		buf_clear(line);
		if (end) {
			data++;
			len--;
		}
	}
}

int job_log_write(void *ctx, bool err_stream, const char *data, size_t len, struct error *err)
{
	struct job_log *log = ctx;

	if ((err_stream && log->only_out) || (!err_stream && log->only_err))
		return 0;
	if (log->cli->json) {
		take_lines(log, err_stream, data, len);
		if (fflush(log->cli->out) == 0 && !ferror(log->cli->out))
			return 0;
		log->out.closed = true;
		return error_set(err, ERROR_IO, "nobody reads the job's output any more");
	}
	progress_hide(log->cli);
	int rc = relay_write(err_stream ? &log->err : &log->out, data, len, err);
	/* Only below a whole line is there room for the progress line. */
	if (data[len - 1] == '\n')
		progress_show(log->cli);
	return rc;
}

int job_log_end(struct job_log *log, struct error *err)
{
	if (log->cli->json) {
		if (log->out_line.len)
			put_line(log, false, log->out_line.data, log->out_line.len);
		if (log->err_line.len)
			put_line(log, true, log->err_line.data, log->err_line.len);
		buf_clear(&log->out_line);
		buf_clear(&log->err_line);
		return 0;
	}
	return relay_end(&log->out, err) < 0 || relay_end(&log->err, err) < 0 ? -1 : 0;
}

bool job_log_closed(const struct job_log *log)
{
	return log->out.closed || log->err.closed;
}

void job_log_release(struct job_log *log)
{
	buf_release(&log->out_line);
	buf_release(&log->err_line);
}
