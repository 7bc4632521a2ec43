/* SPDX-License-Identifier: Apache-2.0 */
/* How an error leaves the program: one shape on stderr, one exit code, one JSON object. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "core/buf.h"
#include "core/secret.h"

int cli_exit_code(enum error_kind kind)
{
	switch (kind) {
	case ERROR_USAGE:
		return 2;
	case ERROR_NOT_FOUND:
		return 3;
	case ERROR_CONFIG:
	case ERROR_AUTH:
		return 4;
	case ERROR_CAPACITY:
	case ERROR_PRICE:
		return 5;
	case ERROR_TIMEOUT:
		return 6;
	case ERROR_QUOTA:
		return 7;
	case ERROR_CANCELLED:
		return 130;
	case ERROR_NONE:
	case ERROR_THROTTLED:
	case ERROR_NETWORK:
	case ERROR_PROTOCOL:
	case ERROR_REMOTE:
	case ERROR_IO:
	case ERROR_CONFLICT:
	case ERROR_UNSUPPORTED:
	case ERROR_KIND_COUNT:
		break;
	}
	return 1;
}

/* Errors hold no secret by contract; the redactor stands behind it. NULL for an empty text. */
static char *masked(const char *text)
{
	struct buf buf = BUF_INIT;

	if (!text[0])
		return NULL;
	redact(text, strlen(text), &buf);
	return buf.data;
}

static void add_text(cJSON *object, const char *name, const char *text)
{
	char *clean = masked(text);

	cJSON_AddItemToObject(object, name, out_text(clean));
	free(clean);
}

static void report_json(struct cli *cli, int code)
{
	const struct error *error = &cli->error;
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "message_type", "exit_error");
	cJSON_AddNumberToObject(object, "code", code);
	cJSON_AddStringToObject(object, "kind", error_kind_name(error->kind));
	add_text(object, "message", error->message);
	add_text(object, "hint", error->hint);
	add_text(object, "provider_code", error->code);
	add_text(object, "request_id", error->request_id);
	char *text = out_compact(object);
	fprintf(cli->err, "%s\n", text);
	free(text);
	cJSON_Delete(object);
}

static void put(struct cli *cli, const char *prefix, const char *text)
{
	struct buf line = BUF_INIT;
	char *clean = masked(text);

	cli_escape(cli, cli->err_terminal, clean, &line);
	fprintf(cli->err, "%s%s\n", prefix, line.data);
	free(clean);
	buf_release(&line);
}

void cli_report(struct cli *cli, int code)
{
	progress_end(cli);
	put(cli, "gpucloud: ", cli->error.message[0] ? cli->error.message : "failed");
	if (cli->error.hint[0])
		put(cli, "  try: ", cli->error.hint);
	if (cli->json)
		report_json(cli, code);
	fflush(cli->err);
}
