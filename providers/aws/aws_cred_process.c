/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential_process: a helper of the user's own that prints credentials as JSON.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 */
#include <stdio.h>
#include <string.h>

#include "core/host.h"
#include "core/text.h"
#include "providers/aws/aws_cred.h"

#define ARGS_MAX   64
#define OUTPUT_MAX ((size_t)64 << 10)
#define DIAG_MAX   ((size_t)8 << 10)
#define DIAG_SHOWN 160
#define RUN_MS	   60000 /* a helper may open a browser; it must not hang for ever */

/* One word as a POSIX shell would read it; *pos moves past it. -1: an open quote. */
static int next_word(const char **pos, struct buf *out)
{
	const char *s = *pos;
	char quote = '\0';

	for (; *s && (quote || !strchr(" \t\r\n", *s)); s++) {
		if (quote ? *s == quote : *s == '"' || *s == '\'') {
			quote = quote ? '\0' : *s;
		} else if (*s == '\\' && quote != '\'') {
			/* Within "", a backslash is special before " and itself only. */
			if (s[1] == '\0')
				return -1;
			if (quote && s[1] != '"' && s[1] != '\\')
				buf_addch(out, '\\');
			buf_addch(out, *++s);
		} else {
			buf_addch(out, *s);
		}
	}
	*pos = s;
	return quote ? -1 : 0;
}

/* Splits into argv (with room for ARGS_MAX and a NULL), held by the arena. */
static int split(struct arena *arena, const char *command, const char **argv)
{
	size_t nr = 0;

	for (;;) {
		struct buf word = BUF_INIT_MAX(8192);
		int rc;

		command += strspn(command, " \t\r\n");
		if (!*command)
			break;
		rc = nr < ARGS_MAX ? next_word(&command, &word) : -1;
		if (rc == 0)
			argv[nr++] = arena_strndup(arena, word.data, word.len);
		rc = word.overflow ? -1 : rc;
		buf_release(&word);
		if (rc < 0)
			return -1;
	}
	argv[nr] = NULL;
	return nr > 0 && *argv[0] ? 0 : -1;
}

static int helper_failed(const char *profile, int status, struct buf *diag, struct error *err)
{
	struct buf shown = BUF_INIT;

	while (diag->len > 0 && strchr(" \r\n\t", diag->data[diag->len - 1]))
		diag->len--;
	text_escape(&shown, diag->data, diag->len < DIAG_SHOWN ? diag->len : DIAG_SHOWN);
	error_set(err, ERROR_CONFIG,
		  "aws profile '%s': credential_process ended with status %d: %s", profile, status,
		  shown.len ? shown.data : "it said nothing");
	buf_release(&shown);
	return -1;
}

static int read_output(const char *profile, const struct buf *out, struct aws_cred *ret,
		       struct error *err)
{
	static const struct aws_cred_names names = { "AccessKeyId", "SecretAccessKey",
						     "SessionToken", "Expiration" };
	struct json json = { NULL };
	int64_t version;
	char source[160];
	int rc = -1;

	snprintf(source, sizeof(source), "credential_process of profile '%.60s'", profile);
	if (json_parse(out->data, out->len, source, &json, err) < 0) {
		err->kind = ERROR_CONFIG;
		return -1;
	}
	if (json_int64(json.root, "Version", 1, 1, &version, err) < 0) {
		err->kind = ERROR_CONFIG;
		error_prefix(err, "credentials from %s", source);
	} else {
		rc = aws_cred_from_json(json.root, &names, source, ret, err);
	}
	json_release(&json);
	return rc;
}

int aws_cred_process(struct provider *p, const char *profile, struct aws_cred *ret,
		     struct error *err)
{
	const char *command = aws_config_get(&p->config, profile, "credential_process");
	const struct host *host = p->env.host;
	const char *argv[ARGS_MAX + 1];
	struct arena arena = { NULL };
	struct buf out = BUF_INIT_MAX(OUTPUT_MAX);
	struct buf diag = BUF_INIT_MAX(DIAG_MAX);
	int status = 0;
	int rc = -1;

	if (!command)
		return 0;
	if (split(&arena, command, argv) < 0)
		error_set(err, ERROR_CONFIG,
			  "aws profile '%s': credential_process has an open quote, no command, or "
			  "more than %d words",
			  profile, ARGS_MAX);
	else if (host->run(host->ctx, argv, RUN_MS, &out, &diag, &status, err) < 0)
		error_prefix(err, "aws profile '%s': credential_process", profile);
	else if (status != 0)
		helper_failed(profile, status, &diag, err);
	else
		rc = read_output(profile, &out, ret, err);
	buf_wipe(&out);
	buf_wipe(&diag);
	arena_release(&arena);
	return rc;
}
