/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/service.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "simulator/cloud/out.h"

#define JSON_TYPE "application/x-amz-json-1.1"
#define PAGE_MARK "sim-page-"

void json_reply(struct cloud_reply *reply, struct cJSON *body)
{
	char *text = cJSON_PrintUnformatted(body);

	if (!text)
		out_of_memory();
	reply->status = 200;
	reply->content_type = JSON_TYPE;
	buf_clear(&reply->body);
	buf_addstr(&reply->body, text);
	cJSON_free(text);
	cJSON_Delete(body);
}

static void json_error_text(struct cloud_reply *reply, int status, const char *type,
			    const char *message)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "__type", type);
	cJSON_AddStringToObject(body, "message", message);
	json_reply(reply, body);
	reply->status = status;
}

void json_error(struct cloud_reply *reply, int status, const char *type, const char *fmt, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	json_error_text(reply, status, type, message);
}

static void sts_error_text(struct cloud_reply *reply, int status, const char *code,
			   const char *message)
{
	reply->status = status;
	reply->content_type = "text/xml";
	buf_clear(&reply->body);
	buf_addf(&reply->body,
		 "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
		 "<Error><Type>%s</Type><Code>",
		 status < 500 ? "Sender" : "Receiver");
	out_text(&reply->body, code);
	buf_addstr(&reply->body, "</Code><Message>");
	out_text(&reply->body, message);
	buf_addf(&reply->body, "</Message></Error><RequestId>%s</RequestId></ErrorResponse>",
		 reply->request_id);
}

void sts_error(struct cloud_reply *reply, int status, const char *code, const char *fmt, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	sts_error_text(reply, status, code, message);
}

void service_error(struct cloud *cloud, const struct route *route, struct cloud_reply *reply,
		   int status, const char *code, const char *message)
{
	switch (route->protocol) {
	case PROTOCOL_EC2:
		ec2_error(cloud, reply, status, code, "%s", message);
		break;
	case PROTOCOL_STS:
		sts_error_text(reply, status, code, message);
		break;
	case PROTOCOL_JSON:
		json_error_text(reply, status, code, message);
		break;
	}
}

int json_known(const struct cJSON *body, const char *const *known, struct cloud_reply *reply)
{
	for (const cJSON *node = json_first(body); node; node = json_next(node)) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], json_name(node)) != 0)
			i++;
		if (!known[i]) {
			json_error(reply, 400, "ValidationException",
				   "The parameter %.80s is not recognized", json_name(node));
			return -1;
		}
	}
	return 0;
}

const char *json_member(const struct cJSON *body, const char *name, size_t max, bool required,
			struct cloud_reply *reply)
{
	const cJSON *node = json_get(body, name);
	const char *text;

	if (!node) {
		if (required)
			json_error(reply, 400, "ValidationException",
				   "Value null at '%s' failed to satisfy constraint: Member must "
				   "not be null",
				   name);
		return NULL;
	}
	text = json_text(node);
	if (!text || strlen(text) > max) {
		json_error(reply, 400, "ValidationException",
			   "Value at '%s' failed to satisfy constraint: a string of at most %zu "
			   "characters",
			   name, max);
		return NULL;
	}
	return text;
}

int json_count(const struct cJSON *body, const char *name, int min, int max, int def, int *ret,
	       struct cloud_reply *reply)
{
	struct error err = ERROR_INIT;
	int64_t n = def;

	if (json_get(body, name) && json_int64(body, name, min, max, &n, &err)) {
		json_error(reply, 400, "ValidationException",
			   "Value at '%s' failed to satisfy constraint: a number from %d to %d",
			   name, min, max);
		return -1;
	}
	*ret = (int)n;
	return 0;
}

int json_page(const struct cJSON *body, size_t *ret, struct cloud_reply *reply)
{
	const cJSON *node = json_get(body, "NextToken");
	const char *text = node ? json_text(node) : NULL;
	char *end = NULL;
	unsigned long n = 0;

	*ret = 0;
	if (!node)
		return 0;
	if (text && strncmp(text, PAGE_MARK, strlen(PAGE_MARK)) == 0)
		n = strtoul(text + strlen(PAGE_MARK), &end, 10);
	if (!end || *end || n == 0 || n > 1000000 || strlen(text) > 32) {
		json_error(reply, 400, "InvalidNextTokenException",
			   "The NextToken is invalid or has expired");
		return -1;
	}
	*ret = n;
	return 0;
}

void page_token(struct cJSON *body, size_t next)
{
	char token[64];

	snprintf(token, sizeof(token), PAGE_MARK "%zu", next);
	cJSON_AddStringToObject(body, "NextToken", token);
}
