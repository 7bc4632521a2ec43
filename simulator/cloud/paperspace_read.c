/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace's requests, read strictly: everything that is wrong is said at once, by field. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/json.h"
#include "core/mem.h"
#include "simulator/cloud/paperspace.h"

static const struct {
	int status;
	const char *code;
} codes[] = {
	{ 400, "BAD_REQUEST" },
	{ 401, "UNAUTHORIZED" },
	{ 403, "FORBIDDEN" },
	{ 404, "NOT_FOUND" },
	{ 405, "METHOD_NOT_SUPPORTED" },
	{ 408, "TIMEOUT" },
	{ 409, "CONFLICT" },
	{ 412, "PRECONDITION_FAILED" },
	{ 413, "PAYLOAD_TOO_LARGE" },
	{ 429, "TOO_MANY_REQUESTS" },
	{ 499, "CLIENT_CLOSED_REQUEST" },
	{ 500, "INTERNAL_SERVER_ERROR" },
};

/* Takes issues, which may be NULL. */
static void write_error(struct cloud_reply *reply, int status, const char *code,
			const char *message, cJSON *issues)
{
	cJSON *body = cJSON_CreateObject();
	char *text;

	for (size_t i = 0; !code && i < ARRAY_SIZE(codes); i++) {
		if (codes[i].status == status)
			code = codes[i].code;
	}
	cJSON_AddStringToObject(body, "code", code ? code : "INTERNAL_SERVER_ERROR");
	cJSON_AddStringToObject(body, "message", message);
	if (issues)
		cJSON_AddItemToObject(body, "issues", issues);
	text = cJSON_PrintUnformatted(body);
	if (!text)
		out_of_memory();
	reply->status = status;
	reply->content_type = "application/json";
	buf_clear(&reply->body);
	buf_addstr(&reply->body, text);
	cJSON_free(text);
	cJSON_Delete(body);
}

void paper_error(struct cloud_reply *reply, int status, const char *code, const char *message)
{
	write_error(reply, status, code, message, NULL);
}

static void add_issue(cJSON *issues, const char *name, const char *message)
{
	cJSON *issue = cJSON_CreateObject(), *path;

	cJSON_AddStringToObject(issue, "message", message);
	path = cJSON_AddArrayToObject(issue, "path");
	cJSON_AddItemToArray(path, cJSON_CreateString(name));
	cJSON_AddItemToArray(issues, issue);
}

void paper_error_issue(struct cloud_reply *reply, const char *name, const char *message)
{
	cJSON *issues = cJSON_CreateArray();

	add_issue(issues, name, message);
	write_error(reply, 400, NULL, message, issues);
}

void paper_issue(struct paper_input *in, const char *name, const char *fmt, ...)
{
	char message[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (!in->issues)
		in->issues = cJSON_CreateArray();
	add_issue(in->issues, name, message);
}

int paper_good(struct paper_input *in)
{
	if (!in->issues)
		return 0;
	write_error(in->call->reply, 400, NULL, "Input validation failed", in->issues);
	in->issues = NULL;
	return -1;
}

/* null is a value of the wrong type, not an absent one. */
static const cJSON *member(struct paper_input *in, const char *name, bool required)
{
	const cJSON *node = cJSON_GetObjectItemCaseSensitive(in->call->body, name);

	if (!node && required)
		paper_issue(in, name, "Required");
	return node;
}

static bool wrong_type(struct paper_input *in, const char *name, const char *expected,
		       const cJSON *node)
{
	const char *found = cJSON_IsString(node)   ? "string"
			    : cJSON_IsNumber(node) ? "number"
			    : cJSON_IsBool(node)   ? "boolean"
			    : cJSON_IsNull(node)   ? "null"
			    : cJSON_IsArray(node)  ? "array"
						   : "object";

	paper_issue(in, name, "Expected %s, received %s", expected, found);
	return false;
}

bool paper_text(struct paper_input *in, const char *name, size_t max, bool required,
		const char **ret)
{
	const cJSON *node = member(in, name, required);
	const char *text;

	if (!node)
		return false;
	if (!cJSON_IsString(node))
		return wrong_type(in, name, "string", node);
	text = node->valuestring;
	if (!*text || strlen(text) > max) {
		paper_issue(in, name, "String must have from 1 to %zu characters", max);
		return false;
	}
	*ret = text;
	return true;
}

bool paper_flag(struct paper_input *in, const char *name, bool *ret)
{
	const cJSON *node = member(in, name, false);

	if (!node)
		return false;
	if (!cJSON_IsBool(node))
		return wrong_type(in, name, "boolean", node);
	*ret = cJSON_IsTrue(node);
	return true;
}

bool paper_count(struct paper_input *in, const char *name, int64_t min, int64_t max, bool required,
		 int64_t *ret)
{
	const cJSON *node = member(in, name, required);
	double value;

	if (!node)
		return false;
	if (!cJSON_IsNumber(node))
		return wrong_type(in, name, "number", node);
	value = node->valuedouble;
	if (value != floor(value) || value < (double)min || value > (double)max) {
		paper_issue(in, name, "Number must be whole, and from %lld to %lld", (long long)min,
			    (long long)max);
		return false;
	}
	*ret = (int64_t)value;
	return true;
}

bool paper_word(struct paper_input *in, const char *name, const char *const *words, int *ret)
{
	const char *text = NULL;
	struct buf all = BUF_INIT;

	if (!paper_text(in, name, 40, false, &text))
		return false;
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			*ret = i;
			buf_release(&all);
			return true;
		}
		buf_addf(&all, "%s'%s'", i ? " | " : "", words[i]);
	}
	paper_issue(in, name, "Invalid enum value. Expected %s, received '%s'", all.data, text);
	buf_release(&all);
	return false;
}

void paper_unsupported(struct paper_input *in, const char *name)
{
	const cJSON *node = member(in, name, false);

	if (!node)
		return;
	if (cJSON_IsTrue(node) || (cJSON_IsArray(node) && node->child) || cJSON_IsString(node) ||
	    cJSON_IsNumber(node))
		paper_issue(in, name, "The simulator does not do this");
	else if (!cJSON_IsFalse(node) && !cJSON_IsArray(node))
		wrong_type(in, name, "boolean", node);
}
