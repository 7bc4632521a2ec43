/* SPDX-License-Identifier: Apache-2.0 */
/* The front door of the clouds beside EC2: whose it is, who asks, for what, and what it meets. */
#include "simulator/cloud/rest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "core/arena.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/fault.h"
#include "simulator/cloud/model.h"
#include "simulator/cloud/service.h"

#define PATH_MAX_LEN  1024 /* after the prefix, as on the wire */
#define QUERY_MAX_LEN 4096
#define JSON_TYPE     "application/json"

static const struct rest_cloud *const clouds[REST_CLOUDS_MAX] = { &paperspace_cloud,
								  &droplet_cloud };

/* One request while it is looked at. */
struct visit {
	struct arena arena;
	const struct rest_cloud *rest;
	void *self;
	struct rest_call call;
	int status; /* of the refusal, with what is wrong; 0: none */
	const char *wrong;
	char text[160];
};

static const struct rest_cloud *find_cloud(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(clouds); i++) {
		size_t n = strlen(clouds[i]->prefix);

		if (strncmp(path, clouds[i]->prefix, n) == 0 && (path[n] == '/' || !path[n]))
			return clouds[i];
	}
	return NULL;
}

static int refuse(struct visit *visit, int status, const char *wrong)
{
	visit->status = status;
	visit->wrong = wrong;
	return -1;
}

/* Decoded, and plain text: NULL with the refusal kept. */
static const char *decode(struct visit *visit, const char *s, size_t len, bool plus_is_space)
{
	struct buf text = BUF_INIT_MAX(QUERY_MAX_LEN);
	char *out = NULL;
	bool plain = url_decode(&text, s, len, plus_is_space) == 0 && !text.overflow &&
		     text_is_utf8(text.data, text.len);

	for (size_t i = 0; plain && i < text.len; i++)
		plain = (unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7f;
	if (plain)
		out = arena_strndup(&visit->arena, text.data, text.len);
	else
		refuse(visit, 400, "the URL holds a bad escape or what is no text");
	buf_release(&text);
	return out;
}

static int read_path(struct visit *visit, const char *path)
{
	struct rest_call *call = &visit->call;

	if (strlen(path) > PATH_MAX_LEN)
		return refuse(visit, 404, "no such path");
	while (*path == '/') {
		size_t len = strcspn(++path, "/");

		if (len == 0 || call->nr_segments == REST_SEGMENTS_MAX)
			return refuse(visit, 404, "no such path");
		call->segment[call->nr_segments] = decode(visit, path, len, false);
		if (!call->segment[call->nr_segments++])
			return -1;
		path += len;
	}
	return 0;
}

static int read_pair(struct visit *visit, const char *pair, size_t len)
{
	struct rest_call *call = &visit->call;
	const char *equals = memchr(pair, '=', len);
	size_t name_len = equals ? (size_t)(equals - pair) : len;
	const char *name = decode(visit, pair, name_len, true), *value;

	value = equals ? decode(visit, equals + 1, len - name_len - 1, true) : "";
	if (!name || !value)
		return -1;
	if (!*name || call->nr_query == REST_QUERY_MAX)
		return refuse(visit, 400, "too many query parameters, or one without a name");
	if (rest_query(call, name)) {
		snprintf(visit->text, sizeof(visit->text), "query parameter '%.60s' is there twice",
			 name);
		return refuse(visit, 400, visit->text);
	}
	call->query[call->nr_query].name = name;
	call->query[call->nr_query++].value = value;
	return 0;
}

static int read_query(struct visit *visit, const char *query)
{
	if (strlen(query) > QUERY_MAX_LEN)
		return refuse(visit, 400, "the query is too long");
	while (*query) {
		size_t len = strcspn(query, "&");

		if (len == 0 || read_pair(visit, query, len))
			return visit->status ? -1
					     : refuse(visit, 400,
						      "the query has an empty "
						      "parameter");
		query += len;
		if (*query == '&' && !*++query)
			return refuse(visit, 400, "the query has an empty parameter");
	}
	return 0;
}

static bool matches(const struct rest_call *call, const char *pattern)
{
	size_t i = 0;

	for (; i < call->nr_segments; i++) {
		size_t len = strcspn(pattern, "/");
		bool any = len == 2 && strncmp(pattern, "{}", 2) == 0;

		if (len == 0 || (!any && (strlen(call->segment[i]) != len ||
					  strncmp(pattern, call->segment[i], len) != 0)))
			return false;
		pattern += len;
		pattern += *pattern == '/';
	}
	return i > 0 && !*pattern;
}

/* NULL with the refusal kept. */
static const struct rest_route *find_route(struct visit *visit, const char *path)
{
	bool there = false;

	if (read_path(visit, path + strlen(visit->rest->prefix)))
		return NULL;
	for (const struct rest_route *route = visit->rest->routes; route->method; route++) {
		if (!matches(&visit->call, route->path))
			continue;
		if (strcmp(route->method, visit->call.method) == 0)
			return route;
		there = true;
	}
	if (there)
		refuse(visit, 405, "the path does not take this method");
	else
		refuse(visit, 404, "no such path");
	return NULL;
}

bool rest_names(const struct cloud_request *request, const char **service, const char **action)
{
	struct visit visit = { .rest = find_cloud(request->path),
			       .call = { .method = request->method } };
	const struct rest_route *route;

	if (!visit.rest)
		return false;
	route = find_route(&visit, request->path);
	*service = visit.rest->name;
	*action = route ? route->action : "";
	arena_release(&visit.arena);
	return true;
}

/* "Authorization: Bearer TOKEN": what the cloud says of it; 0 where there is none. */
static int rights(const struct visit *visit, const struct cloud_request *request)
{
	const char *said = request_header(request, "authorization");

	if (!said || strncasecmp(said, "Bearer ", 7) != 0 || strlen(said) > 512)
		return 0;
	return visit->rest->admits(visit->self, said + 7);
}

static bool says_json(const struct cloud_request *request)
{
	const char *type = request_header(request, "content-type");
	size_t n = strlen(JSON_TYPE);

	return type && strncasecmp(type, JSON_TYPE, n) == 0 &&
	       (!type[n] || type[n] == ';' || type[n] == ' ');
}

static int parse_body(struct visit *visit, const struct cloud_request *request, struct json *json,
		      struct error *err)
{
	bool get = strcmp(request->method, "GET") == 0;
	bool erases = strcmp(request->method, "DELETE") == 0;
	const char *code = visit->rest->parse_code;

	if (request->len == 0) {
		if (get || erases || !visit->rest->wants_body || !says_json(request))
			return 0;
		visit->rest->error(visit->call.reply, 400, code,
				   "The content type is JSON, and the body is empty");
		return -1;
	}
	if (get || !says_json(request)) {
		visit->rest->error(visit->call.reply, 400, NULL,
				   get ? "A GET takes no body"
				       : "A body must be of content type " JSON_TYPE);
		return -1;
	}
	if (json_parse(request->body, request->len, "the body", json, err)) {
		visit->rest->error(visit->call.reply, 400, code, err->message);
		return -1;
	}
	if (!cJSON_IsObject(json->root)) {
		visit->rest->error(visit->call.reply, 400, code, "The body must be an object");
		return -1;
	}
	visit->call.body = json->root;
	return 0;
}

static void carry_out(struct visit *visit, const struct rest_route *route,
		      const struct cloud_request *request)
{
	struct json json = { 0 };
	struct error err = ERROR_INIT;

	if (read_query(visit, request->query))
		visit->rest->error(visit->call.reply, visit->status, NULL, visit->wrong);
	else if (parse_body(visit, request, &json, &err) == 0)
		route->handle(visit->self, &visit->call);
	json_release(&json);
}

static void admitted(struct visit *visit, const struct cloud_request *request)
{
	const struct rest_cloud *rest = visit->rest;
	const struct rest_route *route = find_route(visit, request->path);
	struct cloud_reply *reply = visit->call.reply;
	const struct fault *fault = NULL;
	struct fault_turn turn = { 0 };

	if (!route) {
		rest->error(reply, visit->status, NULL, visit->wrong);
		return;
	}
	cloud_count(visit->call.cloud, rest->name, route->action);
	visit->call.turn = &turn;
	if (fault_begin(visit->call.cloud, rest->name, route->action, &turn, &fault, reply)) {
		if (fault)
			rest->error(reply, fault->status, fault->code, fault->message);
	} else if (visit->call.limited && strcmp(route->method, "GET") != 0) {
		rest->error(reply, 403, NULL, "This key may read, and nothing else");
	} else {
		carry_out(visit, route, request);
	}
	fault_end(&turn, reply);
}

bool rest_handle(struct cloud *cloud, const struct cloud_request *request,
		 struct cloud_reply *reply)
{
	struct visit visit = {
		.rest = find_cloud(request->path),
		.call = { .cloud = cloud, .method = request->method, .reply = reply }
	};
	int allowed;

	if (!visit.rest)
		return false;
	visit.call.rest = visit.rest;
	visit.self = rest_self(cloud, visit.rest);
	reply->id_header = "x-request-id";
	if (!reply->request_id[0])
		cloud_request_id(cloud, reply->request_id);
	allowed = rights(&visit, request);
	visit.call.limited = allowed == 1;
	if (request->len > CLOUD_BODY_MAX)
		visit.rest->error(reply, 413, NULL, "The body is too large");
	else if (!allowed)
		visit.rest->error(reply, 401, NULL,
				  "The key is missing or is none of this account");
	else
		admitted(&visit, request);
	if (allowed && visit.rest->finish)
		visit.rest->finish(visit.self, reply);
	arena_release(&visit.arena);
	return true;
}

/* --- with the cloud ------------------------------------------------------------------------ */

void rest_make(struct cloud *cloud)
{
	for (size_t i = 0; i < ARRAY_SIZE(clouds); i++)
		cloud->rest[i] = clouds[i]->make(cloud);
}

void rest_free(struct cloud *cloud)
{
	for (size_t i = 0; i < ARRAY_SIZE(clouds); i++)
		clouds[i]->free(cloud->rest[i]);
}

void rest_step(struct cloud *cloud)
{
	for (size_t i = 0; i < ARRAY_SIZE(clouds); i++)
		clouds[i]->step(cloud->rest[i]);
}

void rest_machine_off(struct cloud *cloud, const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(clouds); i++)
		clouds[i]->machine_off(cloud->rest[i], id);
}

void rest_each_resource(const struct cloud *cloud,
			void (*fn)(void *ctx, const struct cloud_resource *resource), void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(clouds); i++)
		clouds[i]->each_resource(cloud->rest[i], fn, ctx);
}

void *rest_self(const struct cloud *cloud, const struct rest_cloud *rest)
{
	for (size_t i = 0; i < ARRAY_SIZE(clouds); i++) {
		if (clouds[i] == rest)
			return cloud->rest[i];
	}
	return NULL;
}

/* --- for the handlers ---------------------------------------------------------------------- */

static bool listed(const char *const *known, const char *name)
{
	for (; known && *known; known++) {
		if (strcmp(*known, name) == 0)
			return true;
	}
	return false;
}

static int unknown(const struct rest_call *call, const char *what, const char *name)
{
	char message[160];

	snprintf(message, sizeof(message), "Unknown %s '%.60s'", what, name);
	if (call->rest->issue)
		call->rest->issue(call->reply, name, message);
	else
		call->rest->error(call->reply, 400, NULL, message);
	return -1;
}

int rest_known_query(const struct rest_call *call, const char *const *known)
{
	for (size_t i = 0; i < call->nr_query; i++) {
		if (!listed(known, call->query[i].name))
			return unknown(call, "query parameter", call->query[i].name);
	}
	return 0;
}

int rest_known_body(const struct rest_call *call, const char *const *known)
{
	for (const cJSON *node = json_first(call->body); node; node = json_next(node)) {
		if (!listed(known, json_name(node)))
			return unknown(call, "member", json_name(node));
	}
	return 0;
}

void rest_reply(const struct rest_call *call, int status, struct cJSON *body)
{
	struct cloud_reply *reply = call->reply;
	char *text = body ? cJSON_PrintUnformatted(body) : NULL;

	if (body && !text)
		out_of_memory();
	reply->status = status;
	reply->content_type = JSON_TYPE;
	buf_clear(&reply->body);
	if (text)
		buf_addstr(&reply->body, text);
	cJSON_free(text);
	cJSON_Delete(body);
}

void rest_error(const struct rest_call *call, int status, const char *code, const char *fmt, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	call->rest->error(call->reply, status, code, message);
}
