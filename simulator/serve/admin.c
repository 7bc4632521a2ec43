/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's own questions and orders, below /_sim/. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "simulator/cloud/cloud.h"
#include "simulator/cloud/fault.h"
#include "simulator/serve/scenario.h"
#include "simulator/serve/server_internal.h"

#define ADVANCE_MAX_S  (INT64_C(10) * 366 * 86400)
#define SCHEMA_VERSION 1

static void add_time(cJSON *node, const char *name, int64_t ms)
{
	char text[TIME_TEXT_MAX];

	cJSON_AddStringToObject(node, name, time_format(text, ms / 1000));
}

static void add_resource(void *ctx, const struct cloud_resource *resource)
{
	cJSON *node = cJSON_CreateObject(), *tags;
	char usd[MONEY_TEXT_MAX];

	cJSON_AddStringToObject(node, "kind", resource->kind);
	cJSON_AddStringToObject(node, "id", resource->id);
	cJSON_AddStringToObject(node, "provider", resource->provider);
	cJSON_AddStringToObject(node, "region", resource->region);
	cJSON_AddStringToObject(node, "zone", resource->zone);
	cJSON_AddStringToObject(node, "type", resource->type);
	cJSON_AddStringToObject(node, "state", resource->state);
	tags = cJSON_AddObjectToObject(node, "tags");
	for (size_t i = 0; i < resource->nr_tags; i++)
		cJSON_AddStringToObject(tags, resource->tags[i].key, resource->tags[i].value);
	add_time(node, "began", resource->began_ms);
	if (resource->ended_ms)
		add_time(node, "ended", resource->ended_ms);
	else
		cJSON_AddNullToObject(node, "ended");
	money_format(usd, resource->usd_per_hour, 4);
	cJSON_AddStringToObject(node, "usd_per_hour", usd);
	cJSON_AddItemToArray(ctx, node);
}

static void add_counter(void *ctx, const char *service, const char *action, uint64_t count)
{
	cJSON *old = cJSON_GetObjectItemCaseSensitive(ctx, action);

	(void)service; /* no two services share an action's name */
	if (old)
		cJSON_SetNumberValue(old, old->valuedouble + (double)count);
	else
		cJSON_AddNumberToObject(ctx, action, (double)count);
}

static cJSON *state_of(struct server *server)
{
	cJSON *root = cJSON_CreateObject();
	int64_t now;

	pthread_mutex_lock(&server->lock);
	now = server_advance(server);
	cJSON_AddNumberToObject(root, "schema_version", SCHEMA_VERSION);
	cJSON_AddBoolToObject(root, "simulator", true);
	add_time(root, "now", now);
	cloud_each_resource(server->cloud, add_resource, cJSON_AddArrayToObject(root, "resources"));
	cloud_each_counter(server->cloud, add_counter, cJSON_AddObjectToObject(root, "requests"));
	pthread_mutex_unlock(&server->lock);
	return root;
}

struct tally {
	int64_t live, usd_per_hour, requests;
};

static void tally_resource(void *ctx, const struct cloud_resource *resource)
{
	struct tally *tally = ctx;

	if (!resource->ended_ms) {
		tally->live++;
		tally->usd_per_hour += resource->usd_per_hour;
	}
}

static void tally_counter(void *ctx, const char *service, const char *action, uint64_t count)
{
	struct tally *tally = ctx;

	(void)service;
	(void)action;
	tally->requests += (int64_t)count;
}

static cJSON *status_of(struct server *server)
{
	cJSON *root = cJSON_CreateObject();
	struct tally tally = { 0 };
	char usd[MONEY_TEXT_MAX];

	pthread_mutex_lock(&server->lock);
	cJSON_AddNumberToObject(root, "schema_version", SCHEMA_VERSION);
	cJSON_AddBoolToObject(root, "simulator", true);
	add_time(root, "now", server_advance(server));
	cloud_each_resource(server->cloud, tally_resource, &tally);
	cloud_each_counter(server->cloud, tally_counter, &tally);
	pthread_mutex_unlock(&server->lock);
	cJSON_AddNumberToObject(root, "live_resources", (double)tally.live);
	money_format(usd, tally.usd_per_hour, 4);
	cJSON_AddStringToObject(root, "usd_per_hour", usd);
	cJSON_AddNumberToObject(root, "requests", (double)tally.requests);
	return root;
}

static cJSON *done(struct server *server)
{
	cJSON *root = cJSON_CreateObject();

	pthread_mutex_lock(&server->lock);
	add_time(root, "now", server_advance(server));
	pthread_mutex_unlock(&server->lock);
	return root;
}

static cJSON *advance(struct server *server, const cJSON *body, struct error *err)
{
	int64_t seconds;

	if (json_int64(body, "seconds", 0, ADVANCE_MAX_S, &seconds, err))
		return NULL;
	pthread_mutex_lock(&server->lock);
	server->offset_ms += seconds * 1000;
	machines_advance(server->machines, seconds * 1000);
	pthread_mutex_unlock(&server->lock);
	return done(server);
}

static cJSON *add_fault(struct server *server, const cJSON *body, struct error *err)
{
	struct any_fault fault;
	int rc;

	pthread_mutex_lock(&server->lock);
	rc = fault_parse(body, server_advance(server), &fault, err);
	if (rc == 0)
		server_fault(server, &fault);
	pthread_mutex_unlock(&server->lock);
	return rc ? NULL : done(server);
}

/* The reply shall still arrive: exchange_end() gives the word. */
static cJSON *stop(struct server *server, struct exchange *exchange)
{
	exchange->ends_server = true;
	return done(server);
}

static bool allowed(const struct server *server, struct MHD_Connection *connection)
{
	const char *said = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
						       MHD_HTTP_HEADER_AUTHORIZATION);
	size_t n = strlen(server->admin_token);

	return said && text_starts_with(said, "Bearer ") && strlen(said) == n + 7 &&
	       bytes_equal(said + 7, server->admin_token, n);
}

/* NULL with err set; ERROR_NOT_FOUND where no such order is known. */
static cJSON *answer(struct server *server, const char *method, const char *path,
		     struct exchange *exchange, struct error *err)
{
	struct json body = { 0 };
	cJSON *root = NULL;

	if (strcmp(method, "GET") == 0 && strcmp(path, "/_sim/state") == 0)
		return state_of(server);
	if (strcmp(method, "GET") == 0 && strcmp(path, "/_sim/status") == 0)
		return status_of(server);
	if (strcmp(method, "POST") == 0 && strcmp(path, "/_sim/stop") == 0)
		return stop(server, exchange);
	if (strcmp(method, "POST") != 0 ||
	    (strcmp(path, "/_sim/advance") != 0 && strcmp(path, "/_sim/fault") != 0)) {
		error_set(err, ERROR_NOT_FOUND, "no such order");
		return NULL;
	}
	if (json_parse(exchange->body.data, exchange->body.len, "request", &body, err))
		return NULL;
	root = strcmp(path, "/_sim/fault") == 0 ? add_fault(server, body.root, err)
						: advance(server, body.root, err);
	json_release(&body);
	return root;
}

static enum MHD_Result send_json(struct server *server, struct MHD_Connection *connection,
				 int status, cJSON *root)
{
	char *text = cJSON_Print(root);
	enum MHD_Result rc;

	if (!text)
		out_of_memory();
	rc = exchange_send(server, connection, status, "application/json", text, strlen(text));
	cJSON_free(text);
	cJSON_Delete(root);
	return rc;
}

enum MHD_Result admin_handle(struct server *server, struct MHD_Connection *connection,
			     const char *method, const char *path, struct exchange *exchange)
{
	struct error err = ERROR_INIT;
	cJSON *root;

	/* What checkip.amazonaws.com says; only loopback can ask here. */
	if (strcmp(path, "/_sim/checkip") == 0)
		return exchange_send(server, connection, 200, "text/plain", "127.0.0.1\n", 10);
	if (!allowed(server, connection))
		return exchange_text(server, connection, 401,
				     "the admin token is missing or wrong");
	root = answer(server, method, path, exchange, &err);
	if (root)
		return send_json(server, connection, 200, root);
	root = cJSON_CreateObject();
	cJSON_AddStringToObject(root, "error", err.message);
	cJSON_AddStringToObject(root, "hint", err.hint);
	return send_json(server, connection, err.kind == ERROR_NOT_FOUND ? 404 : 400, root);
}
