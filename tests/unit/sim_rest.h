/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the simulated clouds beside EC2, through cloud_handle(), over sim_fixture.h. */
#ifndef GPUCLOUD_TESTS_UNIT_SIM_REST_H
#define GPUCLOUD_TESTS_UNIT_SIM_REST_H

#include <stddef.h>

#include "core/json.h"
#include "sim_fixture.h"

struct cJSON;

struct rest_sim {
	struct sim sim;
	const char *prefix, *key; /* "/paperspace/v1" and its key */
	struct cloud_reply reply;
	struct json json; /* of the last reply; root NULL where it was none */
};

void rsim_start(struct rest_sim *rest, const struct cloud_config *config, const char *prefix,
		const char *key);
void rsim_stop(struct rest_sim *rest);

/* body NULL: none, and no content type; "": an empty one of JSON. The reply's status. */
int rsim_send(struct rest_sim *rest, const char *method, const char *target, const char *body);
/* As it is on the wire: any header may be missing (NULL). */
struct rsim_request {
	const char *method, *path, *query, *authorization, *content_type, *body;
	size_t len; /* 0: of body */
};
int rsim_send_raw(struct rest_sim *rest, const struct rsim_request *raw);

/* Sends, and fails the test unless the status is that. target and body are of printf. */
void rsim_expect(struct rest_sim *rest, int status, const char *method, const char *target,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Text, number or truth at that path of the last reply; fails the test where there is none. */
const char *rsim_text(const struct rest_sim *rest, const char *path);
double rsim_number(const struct rest_sim *rest, const char *path);
int rsim_true(const struct rest_sim *rest, const char *path);
int rsim_null(const struct rest_sim *rest, const char *path); /* there, and null */
size_t rsim_items(const struct rest_sim *rest, const char *path);
const struct cJSON *rsim_item(const struct rest_sim *rest, const char *path, size_t i);

#endif
