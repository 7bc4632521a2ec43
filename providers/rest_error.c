/* SPDX-License-Identifier: Apache-2.0 */
/* What a reply comes to: the cloud's own code before the status. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/rest.h"

#define CODE_CHARS    "_.:-/ "
#define REQUEST_CHARS "_.:-/+="
#define QUOTED_MAX    4096 /* of a message, before it is made safe to show */
#define MESSAGE_MAX   300

/* What a reply said, as far as it may be shown; in the arena, "" where it said nothing. */
struct said {
	struct arena arena;
	const char *code, *message, *request_id, *field, *detail;
	int status;
};

static const char *token_or_empty(struct arena *arena, const char *text, const char *also)
{
	return text && text_is_token(text, also, 79) ? arena_strdup(arena, text) : "";
}

static const char *clean_message(struct arena *arena, const char *text)
{
	size_t len = text ? strnlen(text, QUOTED_MAX) : 0;
	struct buf clean = BUF_INIT, shown = BUF_INIT;
	const char *message;

	while (len > 0 && strchr(" .\n\r\t", text[len - 1]))
		len--;
	/* Some replies quote the request, token and all: masked while it is whole. */
	redact(text ? text : "", len, &clean);
	text_escape(&shown, clean.data, clean.len);
	buf_wipe(&clean);
	if (shown.len > MESSAGE_MAX) {
		size_t cut = MESSAGE_MAX;

		while (cut > 0 && ((unsigned char)shown.data[cut] & 0xc0) == 0x80)
			cut--;
		message = arena_printf(arena, "%.*s...", (int)cut, shown.data);
	} else {
		message = arena_strdup(arena, shown.data);
	}
	buf_release(&shown);
	return message;
}

static void take(struct said *said, const struct rest_problem *problem)
{
	said->code = token_or_empty(&said->arena, problem->code, CODE_CHARS);
	said->message = clean_message(&said->arena, problem->message);
	said->request_id = token_or_empty(&said->arena, problem->request_id, REQUEST_CHARS);
	said->field = token_or_empty(&said->arena, problem->field, "_.-[]");
	said->detail = clean_message(&said->arena, problem->detail);
}

static void read_problem(const struct rest_cloud *cloud, const struct http_response *response,
			 struct said *said)
{
	struct json json = { NULL };
	struct rest_problem problem = { 0 };
	struct error ignored = ERROR_INIT;

	if (!response->body.len || json_parse(response->body.data, response->body.len,
					      "the error reply", &json, &ignored) < 0)
		return;
	cloud->problem(json.root, &problem);
	take(said, &problem);
	json_release(&json);
}

/* --- judging it ------------------------------------------------------------------------------- */

static bool matches(const char *pattern, const char *text)
{
	char p[160], s[MESSAGE_MAX + 8];
	size_t i;

	if (!pattern)
		return true;
	for (i = 0; pattern[i] && i < sizeof(p) - 1; i++)
		p[i] = (char)tolower((unsigned char)pattern[i]);
	p[i] = '\0';
	for (i = 0; text[i] && i < sizeof(s) - 1; i++)
		s[i] = (char)tolower((unsigned char)text[i]);
	s[i] = '\0';
	return text_glob(p, s);
}

static const struct rest_rule *find_rule(const struct rest_cloud *cloud, const struct said *said)
{
	const struct rest_rule *rule = cloud->rules;

	for (; rule && rule->kind != ERROR_NONE; rule++)
		if ((!rule->status || rule->status == said->status) &&
		    matches(rule->code, said->code) && matches(rule->message, said->message))
			return rule;
	return NULL;
}

static enum http_verdict judge_status(const struct http_response *response, int status,
				      enum error_kind *kind)
{
	*kind = ERROR_REMOTE;
	switch (status) {
	case 400:
	case 405:
	case 413:
	case 422:
		*kind = ERROR_USAGE;
		return HTTP_FAIL;
	case 401:
	case 403:
		*kind = ERROR_AUTH;
		return HTTP_FAIL;
	case 404:
	case 410:
		*kind = ERROR_NOT_FOUND;
		return HTTP_FAIL;
	case 409:
	case 412:
		*kind = ERROR_CONFLICT;
		return HTTP_FAIL;
	case 429:
		*kind = ERROR_THROTTLED;
		return HTTP_THROTTLED;
	case 503: /* who says when is believed */
		return http_response_header(response, "Retry-After") ? HTTP_THROTTLED : HTTP_RETRY;
	default:
		return status >= 500 || status == 408 || status == 499 ? HTTP_RETRY : HTTP_FAIL;
	}
}

static bool contains(const char *text, const char *part)
{
	return strcasestr(text, part) != NULL;
}

static void append(struct error *err, const char *before, const char *text, const char *after)
{
	size_t used = strlen(err->message);

	snprintf(err->message + used, sizeof(err->message) - used, "%s%s%s", before, text, after);
}

static void say(const struct rest_cloud *cloud, const char *what,
		const struct http_response *response, const struct said *said, enum error_kind kind,
		struct error *err)
{
	const char *body = response->body.len ? "a page" : "nothing";

	if (said->status >= 300 && said->status < 400)
		error_set(err, kind, "%s: %s answered %d, a redirect, which is never followed",
			  what, cloud->title, said->status);
	else if (*said->message && *said->code && !contains(said->message, said->code))
		error_set(err, kind, "%s: %s (%s)", what, said->message, said->code);
	else if (*said->message)
		error_set(err, kind, "%s: %s", what, said->message);
	else if (*said->code)
		error_set(err, kind, "%s: %s answered %s", what, cloud->title, said->code);
	else
		error_set(err, kind, "%s: %s answered HTTP %d with %s, not an API reply", what,
			  cloud->title, response->status, body);
	/* A bare "Required" has cost people days. */
	if (*said->field && !contains(err->message, said->field))
		append(err, ", field '", said->field, "'");
	if (*said->detail && !contains(err->message, said->detail))
		append(err, ": ", said->detail, "");
}

static enum http_verdict judge(const struct rest_cloud *cloud, enum rest_nature nature,
			       const char *what, const struct http_response *response,
			       struct said *said, struct error *err)
{
	const struct rest_rule *rule = find_rule(cloud, said);
	enum error_kind kind;
	enum http_verdict verdict = judge_status(response, said->status, &kind);
	/* A reply that names no reason may have come after the work was done. */
	bool unknown = verdict == HTTP_RETRY || said->status == 503 || said->status == 0;

	if (rule) {
		kind = rule->kind;
		verdict = rule->verdict;
		if (verdict == HTTP_FAIL)
			unknown = false;
	}
	say(cloud, what, response, said, kind, err);
	err->http_status = response->status;
	snprintf(err->code, sizeof(err->code), "%s", said->code);
	snprintf(err->request_id, sizeof(err->request_id), "%s", said->request_id);
	err->retryable = verdict == HTTP_RETRY || verdict == HTTP_THROTTLED;
	err->unknown = nature != REST_READ && unknown;
	if (rule && rule->hint)
		error_hint(err, "%s", rule->hint);
	return verdict;
}

/* A 2xx: parsed here, for only its content says whether it is good. */
static enum http_verdict judge_good(const struct rest_cloud *cloud, enum rest_nature nature,
				    const char *what, const struct http_response *response,
				    struct said *said, struct json *ret_json, struct error *err)
{
	struct rest_problem problem = { 0 };
	struct json json = { NULL };

	if (response->body.len &&
	    json_parse(response->body.data, response->body.len, "the reply", &json, err) < 0) {
		error_prefix(err, "%s", what);
		err->http_status = response->status;
		/* It was accepted; we only cannot read what came of it. */
		err->unknown = nature != REST_READ;
		return HTTP_FAIL;
	}
	if (!json.root || !cloud->hidden || !cloud->hidden(json.root, &problem)) {
		*ret_json = json;
		return HTTP_OK;
	}
	take(said, &problem);
	said->status = problem.status;
	json_release(&json);
	return judge(cloud, nature, what, response, said, err);
}

enum http_verdict rest_judge(const struct rest_cloud *cloud, enum rest_nature nature,
			     const char *what, const struct http_response *response,
			     struct json *ret_json, struct error *err)
{
	struct said said = {
		.code = "",
		.message = "",
		.request_id = "",
		.field = "",
		.detail = "",
		.status = response->status,
	};
	enum http_verdict verdict;

	if (response->status >= 200 && response->status < 300) {
		verdict = judge_good(cloud, nature, what, response, &said, ret_json, err);
	} else {
		read_problem(cloud, response, &said);
		verdict = judge(cloud, nature, what, response, &said, err);
	}
	if (verdict != HTTP_OK && !err->request_id[0] && cloud->request_id_header)
		snprintf(err->request_id, sizeof(err->request_id), "%s",
			 token_or_empty(&said.arena,
					http_response_header(response, cloud->request_id_header),
					REQUEST_CHARS));
	arena_release(&said.arena);
	return verdict;
}

bool rest_is(const struct error *err, const char *code)
{
	return err->code[0] && !strcasecmp(err->code, code);
}
