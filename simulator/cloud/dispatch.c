/* SPDX-License-Identifier: Apache-2.0 */
/* The front door: which service a request is for, whether it may pass, and what it meets there. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/fault.h"
#include "simulator/cloud/params.h"
#include "simulator/cloud/rest.h"
#include "simulator/cloud/service.h"

#define STS_VERSION "2011-06-15"

static const struct json_service {
	const char *service, *prefix;
	void (*handle)(const struct sim_call *call, const struct cJSON *body,
		       struct cloud_reply *reply);
} json_services[] = {
	{ "ssm", "AmazonSSM.", ssm_handle },
	{ "pricing", "AWSPriceListService.", pricing_handle },
	{ "servicequotas", "ServiceQuotasV20190624.", quotas_handle },
};

/* Field `i` of "Credential=AKID/20200101/us-east-1/ec2/aws4_request", without trusting it. */
static void scope_field(const char *authorization, int i, char *out, size_t max)
{
	const char *p = authorization ? strstr(authorization, "Credential=") : NULL;
	size_t n;

	*out = '\0';
	for (; p && i > 0; i--) {
		p = strchr(p, '/');
		p = p ? p + 1 : NULL;
	}
	if (!p)
		return;
	n = strcspn(p, "/, ");
	if (n < max && p[n] == '/') {
		memcpy(out, p, n);
		out[n] = '\0';
	}
}

/* A parameter of the query protocol as far as a route needs it: plain characters only. */
static void body_field(const struct cloud_request *request, const char *name, char *out, size_t max)
{
	const char *p = request->body, *end = p ? p + request->len : NULL;
	size_t name_len = strlen(name);

	*out = '\0';
	while (p && p < end) {
		const char *next = memchr(p, '&', (size_t)(end - p));
		size_t len = (size_t)((next ? next : end) - p);

		if (len > name_len && memcmp(p, name, name_len) == 0 && p[name_len] == '=' &&
		    len - name_len - 1 < max) {
			memcpy(out, p + name_len + 1, len - name_len - 1);
			out[len - name_len - 1] = '\0';
			if (!text_is_token(out, "-", max))
				*out = '\0';
			return;
		}
		p = next ? next + 1 : NULL;
	}
}

static bool route_json(const char *target, struct route *route)
{
	const char *dot = strchr(target, '.');

	route->protocol = PROTOCOL_JSON;
	if (dot && text_is_token(dot + 1, "", sizeof(route->action) - 1))
		snprintf(route->action, sizeof(route->action), "%s", dot + 1);
	for (size_t i = 0; i < ARRAY_SIZE(json_services); i++) {
		if (text_starts_with(target, json_services[i].prefix)) {
			snprintf(route->service, sizeof(route->service), "%s",
				 json_services[i].service);
			return true;
		}
	}
	return false;
}

bool cloud_route(const struct cloud_request *request, struct route *route)
{
	const char *authorization = request_header(request, "authorization");
	const char *target = request_header(request, "x-amz-target");
	const char *service, *action;
	char version[16];

	*route = (struct route){ .protocol = PROTOCOL_EC2 };
	if (rest_names(request, &service, &action)) {
		snprintf(route->service, sizeof(route->service), "%s", service);
		snprintf(route->action, sizeof(route->action), "%s", action);
		return false;
	}
	scope_field(authorization, 2, route->region, sizeof(route->region));
	if (target)
		return route_json(target, route);
	scope_field(authorization, 3, route->service, sizeof(route->service));
	body_field(request, "Action", route->action, sizeof(route->action));
	body_field(request, "Version", version, sizeof(version));
	if (!authorization)
		snprintf(route->service, sizeof(route->service), "%s",
			 strcmp(version, STS_VERSION) == 0 ? "sts" : "ec2");
	if (strcmp(route->service, "sts") == 0)
		route->protocol = PROTOCOL_STS;
	return strcmp(route->service, "ec2") == 0 || strcmp(route->service, "sts") == 0;
}

static void handle_json(const struct sim_call *call, const struct cloud_request *request,
			struct cloud_reply *reply)
{
	struct json json;
	struct error err = ERROR_INIT;

	if (json_parse(request->body ? request->body : "", request->len, "request", &json, &err) ||
	    !cJSON_IsObject(json.root)) {
		json_error(reply, 400, "SerializationException", "%s",
			   err.kind ? err.message : "expected an object");
		if (!err.kind)
			json_release(&json);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(json_services); i++) {
		if (strcmp(json_services[i].service, call->route->service) == 0)
			json_services[i].handle(call, json.root, reply);
	}
	json_release(&json);
}

/* The services other than EC2, which looks after faults and counters itself. */
static void handle_counted(const struct sim_call *call, const struct cloud_request *request,
			   struct sim_params *params, struct cloud_reply *reply)
{
	const struct route *route = call->route;
	struct fault_turn turn = { 0 };
	const struct fault *fault = NULL;

	cloud_count(call->cloud, route->service, route->action);
	if (fault_begin(call->cloud, route->service, route->action, &turn, &fault, reply)) {
		if (fault)
			service_error(call->cloud, route, reply, fault->status, fault->code,
				      fault->message ? fault->message
						     : "The simulator injected this error");
	} else if (params) {
		sts_handle(call, params, reply);
	} else {
		handle_json(call, request, reply);
	}
	fault_end(&turn, reply);
}

static void handle_query(const struct sim_call *call, const struct cloud_request *request,
			 struct cloud_reply *reply)
{
	struct sim_params params = { 0 };

	if (params_parse(&params, request->body ? request->body : "", request->len))
		service_error(call->cloud, call->route, reply, 400, params.code, params.message);
	else if (call->route->protocol == PROTOCOL_STS)
		handle_counted(call, request, &params, reply);
	else
		ec2_handle(call->cloud, call->route->region, &params, reply);
	params_release(&params);
}

/* True for the one action of ours that carries its proof in the body. */
static bool needs_no_signature(const struct cloud_request *request, const struct route *route)
{
	return route->protocol == PROTOCOL_STS && !request_header(request, "authorization") &&
	       strcmp(route->action, "AssumeRoleWithWebIdentity") == 0;
}

static void not_found(struct cloud_reply *reply, int status, const char *what)
{
	reply->status = status;
	reply->content_type = "text/plain";
	buf_clear(&reply->body);
	buf_addf(&reply->body, "gpucloud-sim, a simulated cloud: %s\n", what);
}

void cloud_handle_at(struct cloud *cloud, const struct cloud_request *request,
		     const struct sim_clock *clock, struct cloud_reply *reply)
{
	struct route route;
	struct sim_call call = { .cloud = cloud, .route = &route, .clock_ms = clock->shown_ms };

	cloud_request_id(cloud, reply->request_id);
	if (rest_handle(cloud, request, reply))
		return;
	if (strcmp(request->path, "/") != 0) {
		not_found(reply, 404, "no such path; services answer POST /");
		return;
	}
	if (strcmp(request->method, "POST") != 0 || *request->query) {
		not_found(reply, 405, "services answer POST / without a query");
		return;
	}
	if (request->len > CLOUD_BODY_MAX) {
		not_found(reply, 413, "the request's body is too large");
		return;
	}
	if (!cloud_route(request, &route)) {
		char message[160];

		snprintf(message, sizeof(message),
			 "The simulator has no service '%s' for this request", route.service);
		service_error(cloud, &route, reply, 400, "UnknownOperationException", message);
		return;
	}
	if (!needs_no_signature(request, &route) &&
	    auth_check(cloud, request, &route, clock, &call.key, reply))
		return;
	if (route.protocol == PROTOCOL_JSON)
		handle_counted(&call, request, NULL, reply);
	else
		handle_query(&call, request, reply);
}

void cloud_handle(struct cloud *cloud, const struct cloud_request *request,
		  struct cloud_reply *reply)
{
	const struct sim_clock clock = { cloud_now_ms(cloud), cloud_now_ms(cloud) };

	cloud_handle_at(cloud, request, &clock, reply);
}
