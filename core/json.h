/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON from outside, over cJSON with its gaps closed: RFC 8259 to the letter, the whole
 * input used, depth, size and number of values bounded, keys case-sensitive, duplicate keys
 * refused, numbers finite, no invalid UTF-8, and no control character in any string, escaped or
 * not (\u0000, \u001b, DEL) but for \t, \n and \r, which keys and messages carry. To build JSON
 * use cJSON.
 *
 * Getters name the field in their error ("field 'Parameter.Value': expected a string, found a
 * number", ERROR_PROTOCOL); the caller puts the document's name before it with error_prefix.
 * Strings point into the document. A path of "" (or NULL) means the node itself.
 */
#ifndef GPUCLOUD_CORE_JSON_H
#define GPUCLOUD_CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;
struct error;

struct json {
	struct cJSON *root;
};

#define JSON_MAX_BYTES  ((size_t)8 << 20)
#define JSON_MAX_DEPTH  64
#define JSON_MAX_VALUES ((size_t)1 << 19) /* members and elements: bounds the memory of a tree */

/* `what` names the document in errors ("the SSM reply"). ret untouched on failure. */
int json_parse(const char *text, size_t len, const char *what, struct json *ret, struct error *err);
void json_release(struct json *json);

/* Path of member names joined by '.', e.g. "Parameter.Value"; NULL when absent or JSON null. */
const struct cJSON *json_get(const struct cJSON *node, const char *path);

/* Required members; max is the longest string accepted (bytes). */
int json_string(const struct cJSON *node, const char *path, size_t max, const char **ret,
		struct error *err);
int json_int64(const struct cJSON *node, const char *path, int64_t min, int64_t max, int64_t *ret,
	       struct error *err); /* whole numbers, below 2^53 in size */
int json_double(const struct cJSON *node, const char *path, double *ret, struct error *err);
int json_bool(const struct cJSON *node, const char *path, bool *ret, struct error *err);
/* The array itself; iterate with json_len / json_at. */
int json_array(const struct cJSON *node, const char *path, const struct cJSON **ret,
	       struct error *err);

/* Optional string: NULL when absent or null; wrong type or too long is still an error. */
int json_string_opt(const struct cJSON *node, const char *path, size_t max, const char **ret,
		    struct error *err);

size_t json_len(const struct cJSON *array);
const struct cJSON *json_at(const struct cJSON *array, size_t i);
/* First child / next sibling of an object or array, and a member's own name. */
const struct cJSON *json_first(const struct cJSON *node);
const struct cJSON *json_next(const struct cJSON *node);
const char *json_name(const struct cJSON *node);
const char *json_text(const struct cJSON *node); /* the string value, or NULL if not a string */

#endif
