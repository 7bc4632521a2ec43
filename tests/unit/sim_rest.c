/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_rest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"

void rsim_start(struct rest_sim *rest, const struct cloud_config *config, const char *prefix,
		const char *key)
{
	memset(rest, 0, sizeof(*rest));
	sim_start(&rest->sim, config);
	rest->reply = (struct cloud_reply)CLOUD_REPLY_INIT;
	rest->prefix = prefix;
	rest->key = key;
}

static void drop(struct rest_sim *rest)
{
	json_release(&rest->json);
	cloud_reply_release(&rest->reply);
	rest->reply = (struct cloud_reply)CLOUD_REPLY_INIT;
}

void rsim_stop(struct rest_sim *rest)
{
	drop(rest);
	sim_stop(&rest->sim);
}

int rsim_send_raw(struct rest_sim *rest, const struct rsim_request *raw)
{
	struct http_header headers[2];
	struct error err = ERROR_INIT;
	struct cloud_request request = { .method = raw->method,
					 .host = "127.0.0.1",
					 .path = raw->path,
					 .query = raw->query ? raw->query : "",
					 .headers = headers,
					 .body = raw->body ? raw->body : "",
					 .len = raw->len    ? raw->len
						: raw->body ? strlen(raw->body)
							    : 0,
					 .peer_ip = "127.0.0.1" };

	if (raw->authorization)
		headers[request.nr_headers++] =
			(struct http_header){ "Authorization", raw->authorization };
	if (raw->content_type)
		headers[request.nr_headers++] =
			(struct http_header){ "Content-Type", raw->content_type };
	drop(rest);
	cloud_handle(rest->sim.cloud, &request, &rest->reply);
	/* what is wrong with the JSON of a reply shows as a value that is missing */
	if (rest->reply.body.len &&
	    json_parse(rest->reply.body.data, rest->reply.body.len, "reply", &rest->json, &err))
		rest->json.root = NULL;
	return rest->reply.status;
}

int rsim_send(struct rest_sim *rest, const char *method, const char *target, const char *body)
{
	size_t n = strcspn(target, "?");
	char *path = xasprintf("%s/%.*s", rest->prefix, (int)n, target);
	char *bearer = xasprintf("Bearer %s", rest->key);
	int status = rsim_send_raw(
		rest, &(struct rsim_request){ .method = method,
					      .path = path,
					      .query = target[n] ? target + n + 1 : "",
					      .authorization = bearer,
					      .content_type = body ? "application/json" : NULL,
					      .body = body });

	free(path);
	free(bearer);
	return status;
}

void rsim_expect(struct rest_sim *rest, int status, const char *method, const char *target,
		 const char *fmt, ...)
{
	char *body = NULL;
	va_list ap;
	int got;

	va_start(ap, fmt);
	if (fmt && vasprintf(&body, fmt, ap) < 0)
		out_of_memory();
	va_end(ap);
	got = rsim_send(rest, method, target, body);
	if (got != status)
		fail_msg("expected %d for %s %s %s, got %d: %s", status, method, target,
			 body ? body : "", got, rest->reply.body.data);
	free(body);
}

/* With null told from absent, and "items.0" for the first of a list. */
static const cJSON *find(const struct rest_sim *rest, const char *path)
{
	const cJSON *node = rest->json.root;

	while (node && *path) {
		size_t len = strcspn(path, ".");
		char *name = xstrndup(path, len);

		node = cJSON_IsArray(node) ? cJSON_GetArrayItem(node, (int)strtol(name, NULL, 10))
					   : cJSON_GetObjectItemCaseSensitive(node, name);
		free(name);
		path += len + (path[len] == '.');
	}
	if (!node)
		fail_msg("no '%s' in %s", path, rest->reply.body.data);
	return node;
}

const char *rsim_text(const struct rest_sim *rest, const char *path)
{
	const char *text = cJSON_GetStringValue(find(rest, path));

	if (!text)
		fail_msg("'%s' is no string in %s", path, rest->reply.body.data);
	return text;
}

double rsim_number(const struct rest_sim *rest, const char *path)
{
	const cJSON *node = find(rest, path);

	assert_true(cJSON_IsNumber(node));
	return node->valuedouble;
}

int rsim_true(const struct rest_sim *rest, const char *path)
{
	const cJSON *node = find(rest, path);

	assert_true(cJSON_IsBool(node));
	return cJSON_IsTrue(node);
}

int rsim_null(const struct rest_sim *rest, const char *path)
{
	return cJSON_IsNull(find(rest, path));
}

size_t rsim_items(const struct rest_sim *rest, const char *path)
{
	const cJSON *node = find(rest, path);

	assert_true(cJSON_IsArray(node));
	return (size_t)cJSON_GetArraySize(node);
}

const struct cJSON *rsim_item(const struct rest_sim *rest, const char *path, size_t i)
{
	return cJSON_GetArrayItem(find(rest, path), (int)i);
}
