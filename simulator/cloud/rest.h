/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clouds beside EC2: each speaks JSON over paths of its own, below a prefix of the simulator's
 * endpoint ("/paperspace/v1/machines"), behind a bearer token. rest.c is their front door: it finds
 * the cloud by prefix, checks the token, draws faults, counts the request and calls handle(); time
 * (advance.c), the ledger and the machines' own shutdowns reach them through the same table.
 *
 * A cloud's model lives in files of its own (paperspace_*.c, droplet_*.c) and keeps its things in a
 * struct of its own; of struct cloud it uses the time, the chance, the machines and what is here.
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_REST_H
#define GPUCLOUD_SIMULATOR_CLOUD_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "simulator/cloud/cloud.h"

struct cJSON;
struct fault_turn;
struct rest_cloud;

#define REST_SEGMENTS_MAX 6
#define REST_QUERY_MAX	  16

/* One request of a cloud, past the front door. Strings are decoded, bounded, valid during the call. */
struct rest_call {
	struct cloud *cloud;
	const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE" */
	const char
		*segment[REST_SEGMENTS_MAX]; /* of the path after the prefix: "machines", "ps1" */
	size_t nr_segments;
	struct {
		const char *name, *value;
	} query[REST_QUERY_MAX];
	size_t nr_query;
	const struct cJSON *body; /* a JSON object, or NULL: there was none */
	bool limited;		  /* the key has rights to read alone (cloud_config.*_read_key):
				   * rest.c has refused whatever is no GET */
	const struct fault_turn
		*turn; /* the faults of this request: what its event shall come to */
	const struct rest_cloud *rest;
	struct cloud_reply *reply;
};

/* The action is what counters and faults call it ("CreateMachine"). The first that matches counts. */
struct rest_route {
	const char *method;
	const char *path; /* "machines/{}/start": {} is any one segment */
	const char *action;
	void (*handle)(void *self, struct rest_call *call);
};

struct rest_cloud {
	const char *name;   /* "paperspace": of the ledger, and of counters and faults (service) */
	const char *prefix; /* "/paperspace/v1" */
	const struct rest_route *routes; /* ends with a NULL method */
	void *(*make)(struct cloud *cloud);
	void (*free)(void *self);
	/* Whether a bearer token opens it: 0 no, 1 reads alone, 2 all. */
	int (*admits)(void *self, const char *token);
	/* An error in its own shape: code as its documents name it; NULL: the one of that status. */
	void (*error)(struct cloud_reply *reply, int status, const char *code, const char *message);
	/* Everything due by cloud_now_ms(); says by cloud_wake() when it wants to be called again. */
	void (*step)(void *self);
	void (*each_resource)(void *self,
			      void (*fn)(void *ctx, const struct cloud_resource *resource),
			      void *ctx);
	/* The machine of that id has powered itself off; ids of others are ignored. */
	void (*machine_off)(void *self, const char *id);
	const char *parse_code; /* code of a body that is no JSON object; NULL: the one of 400 */
	/* A POST, PUT or PATCH that says it is JSON and is empty is refused as one that is none. */
	bool wants_body;
	/* As error(), naming the member or parameter at fault; NULL: error() says it. */
	void (*issue)(struct cloud_reply *reply, const char *name, const char *message);
	/* Every reply to a key of its own, when it is written: headers may be added. NULL: none. */
	void (*finish)(void *self, struct cloud_reply *reply);
};

extern const struct rest_cloud paperspace_cloud; /* paperspace.c */
extern const struct rest_cloud droplet_cloud;	 /* droplet.c: DigitalOcean */

/* rest.c: true when the path is below one of their prefixes; the reply is then written. */
bool rest_handle(struct cloud *cloud, const struct cloud_request *request,
		 struct cloud_reply *reply);
/* Whose request it is and what it asks for, for faults of the wire: false when it is of none of them.
 * action is "" where there is no such path. */
bool rest_names(const struct cloud_request *request, const char **service, const char **action);

/* With the cloud: all of them. */
void rest_make(struct cloud *cloud);
void rest_free(struct cloud *cloud);
void rest_step(struct cloud *cloud);
void rest_machine_off(struct cloud *cloud, const char *id);
void rest_each_resource(const struct cloud *cloud,
			void (*fn)(void *ctx, const struct cloud_resource *resource), void *ctx);
/* What make() made, for tests and for the cloud's own files. */
void *rest_self(const struct cloud *cloud, const struct rest_cloud *rest);

/* --- for the handlers ---------------------------------------------------------------------- */

/* NULL: absent. In here, because the clients' side has a function of that name, and tests link both. */
static inline const char *rest_query(const struct rest_call *call, const char *name)
{
	for (size_t i = 0; i < call->nr_query; i++) {
		if (strcmp(call->query[i].name, name) == 0)
			return call->query[i].value;
	}
	return NULL;
}
/* Refuses query parameters and body members that are not in known (NULL-terminated): -1 with the
 * error written, by the cloud's issue() or error(), status 400. A NULL list allows none. */
int rest_known_query(const struct rest_call *call, const char *const *known);
int rest_known_body(const struct rest_call *call, const char *const *known);
/* Takes body (NULL: an empty reply) and frees it. */
void rest_reply(const struct rest_call *call, int status, struct cJSON *body);
void rest_error(const struct rest_call *call, int status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
