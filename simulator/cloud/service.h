/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the services beside EC2 share: who calls, and replies and errors in each protocol's shape.
 * STS is AWS's query protocol (XML); SSM, Pricing and Service Quotas are JSON 1.1.
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_SERVICE_H
#define GPUCLOUD_SIMULATOR_CLOUD_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "simulator/cloud/cloud.h"

struct cJSON;
struct sim_params;

/*
 * Where a request is going, read before anything is verified. Names are "" where the request does
 * not say.
 */
enum protocol {
	PROTOCOL_EC2,
	PROTOCOL_STS,
	PROTOCOL_JSON
};

struct route {
	enum protocol protocol;
	char service[32]; /* "ec2", "sts", "ssm", "pricing", "servicequotas" */
	char region[32];
	char action[64];
};
/* False: no service of ours; route is then still good for an error's shape. Of a cloud beside EC2
 * (rest.h) it has the names of service and action, and is false: that cloud answers by itself. */
bool cloud_route(const struct cloud_request *request, struct route *route);

/*
 * As cloud_handle, with the time that the servers' clocks show: signatures are judged by it, and
 * temporary credentials end by it. cloud_handle takes the model's own time. Who signs by a clock that
 * was not moved on with ours, and shows also_ms, is not refused for that.
 */
struct sim_clock {
	int64_t shown_ms, also_ms;
};
void cloud_handle_at(struct cloud *cloud, const struct cloud_request *request,
		     const struct sim_clock *clock, struct cloud_reply *reply);

/* One verified request. */
struct sim_call {
	struct cloud *cloud;
	const struct route *route;
	const struct cloud_key *key; /* NULL: an action that needs none */
	int64_t clock_ms;
};

/*
 * auth.c: finds and checks the signature. 0 with *ret set, or -1 with the error written to reply.
 * A request without any Authorization is refused.
 */
int auth_check(struct cloud *cloud, const struct cloud_request *request, const struct route *route,
	       const struct sim_clock *clock, const struct cloud_key **ret,
	       struct cloud_reply *reply);
const char *request_header(const struct cloud_request *request, const char *name);

void sts_handle(const struct sim_call *call, struct sim_params *params, struct cloud_reply *reply);
/* body: a JSON object. */
void ssm_handle(const struct sim_call *call, const struct cJSON *body, struct cloud_reply *reply);
void pricing_handle(const struct sim_call *call, const struct cJSON *body,
		    struct cloud_reply *reply);
void quotas_handle(const struct sim_call *call, const struct cJSON *body,
		   struct cloud_reply *reply);

/* Takes body and frees it. */
void json_reply(struct cloud_reply *reply, struct cJSON *body);
void json_error(struct cloud_reply *reply, int status, const char *type, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void sts_error(struct cloud_reply *reply, int status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* In the shape of the route's protocol. */
void service_error(struct cloud *cloud, const struct route *route, struct cloud_reply *reply,
		   int status, const char *code, const char *message);

/* Refuses members that are not in known (NULL-terminated): -1 with the error written. */
int json_known(const struct cJSON *body, const char *const *known, struct cloud_reply *reply);
/* A string member: NULL where absent (an error if required), too long or no string (an error). */
const char *json_member(const struct cJSON *body, const char *name, size_t max, bool required,
			struct cloud_reply *reply);
/* A whole number in [min, max], def where absent; -1 with the error written. */
int json_count(const struct cJSON *body, const char *name, int min, int max, int def, int *ret,
	       struct cloud_reply *reply);
/* NextToken: a page's first index, as page_token writes it. */
int json_page(const struct cJSON *body, size_t *ret, struct cloud_reply *reply);
void page_token(struct cJSON *body, size_t next);

#endif
