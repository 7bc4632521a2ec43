/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters of one EC2 or STS query request, read strictly: a name may stand once, a list is
 * numbered from 1 without gaps, and every parameter must have been asked for by the action, else
 * the request is refused as unknown. Getters remember the first thing that is wrong; the action
 * asks params_failed() before it changes anything.
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_PARAMS_H
#define GPUCLOUD_SIMULATOR_CLOUD_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

#define PARAMS_MAX 1000 /* pairs in one request */

struct sim_param {
	const char *name, *value;
	bool used;
};

struct sim_params {
	struct arena arena;
	struct sim_param *v;
	size_t nr;
	char code[64]; /* the first thing wrong: EC2's code, "" while all is well */
	char message[512];
};

/*
 * Reads an x-www-form-urlencoded body. Always leaves params releasable; -1 with code and message
 * set when it is malformed, too large, or names a parameter twice.
 */
int params_parse(struct sim_params *params, const char *body, size_t len);
void params_release(struct sim_params *params);

/* Each marks the parameter used. Absent: NULL (get), the default (others). */
const char *params_get(struct sim_params *params, const char *name);
const char *params_need(struct sim_params *params, const char *name); /* MissingParameter; never
									 NULL: "" then */
int64_t params_int(struct sim_params *params, const char *name, int64_t min, int64_t max,
		   int64_t def);
bool params_bool(struct sim_params *params, const char *name, bool def);
/* RFC 3339 in UTC, as Unix s. */
int64_t params_time(struct sim_params *params, const char *name, int64_t def);
bool params_has(const struct sim_params *params, const char *name);
/* True when any parameter's name begins with prefix (does not mark). */
bool params_has_prefix(const struct sim_params *params, const char *prefix);

/* NAME.1, NAME.2, ...: the values, NULL and 0 when there are none. In the arena. */
const char **params_list(struct sim_params *params, const char *name, size_t max, size_t *ret_nr);
/* How many members a structured list has: NAME.1.*, NAME.2.* ... */
size_t params_count(struct sim_params *params, const char *name, size_t max);
/* "NAME.3.Key" for the getters above; in the arena. */
const char *params_name(struct sim_params *params, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/* Records what is wrong, unless something is already. Returns -1. */
int params_fail(struct sim_params *params, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool params_failed(const struct sim_params *params);
/* Fails with UnknownParameter if any was not used. Call after the last getter. -1 if failed. */
int params_finish(struct sim_params *params);

#endif
