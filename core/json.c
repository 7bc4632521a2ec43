/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/json_check.h"
#include "core/mem.h"
#include "core/text.h"

/* Past this, two whole numbers share one double, and we could not tell what was sent. */
#define EXACT_MAX 9007199254740992.0

/* Names in messages come from outside. */
static int refuse_name(struct error *err, const char *what, const char *problem, const char *name)
{
	struct arena arena = { 0 };

	error_set(err, ERROR_PROTOCOL, "%s is refused: %s '%.100s'", what, problem,
		  text_escaped(&arena, name));
	arena_release(&arena);
	return -1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first name that occurs twice in an object, or NULL. */
static const char *duplicate_name(const cJSON *object)
{
	size_t n = 0;

	for (const cJSON *child = object->child; child; child = child->next)
		n++;
	if (n < 2)
		return NULL;

	const char **names = xmalloc(n * sizeof(*names));
	const char *found = NULL;
	size_t i = 0;

	for (const cJSON *child = object->child; child; child = child->next)
		names[i++] = child->string;
	qsort(names, n, sizeof(*names), by_name);
	for (i = 1; i < n && !found; i++) {
		if (strcmp(names[i - 1], names[i]) == 0)
			found = names[i];
	}
	free(names);
	return found;
}

/* What only the tree shows. Recursion is bounded: json_check has counted the depth. */
static int check_tree(const cJSON *node, const char *what, struct error *err)
{
	if (cJSON_IsNumber(node) && !isfinite(node->valuedouble))
		return error_set(err, ERROR_PROTOCOL, "%s is refused: a number out of range", what);
	if (cJSON_IsObject(node)) {
		const char *twice = duplicate_name(node);

		if (twice)
			return refuse_name(err, what, "two members named", twice);
	}
	for (const cJSON *child = node->child; child; child = child->next) {
		if (check_tree(child, what, err) < 0)
			return -1;
	}
	return 0;
}

int json_parse(const char *text, size_t len, const char *what, struct json *ret, struct error *err)
{
	size_t at = 0;

	if (len > JSON_MAX_BYTES)
		return error_set(err, ERROR_PROTOCOL, "%s is refused: more than %zu MiB of JSON",
				 what, JSON_MAX_BYTES >> 20);

	const char *wrong = json_check(text, len, &at);

	if (wrong)
		return error_set(err, ERROR_PROTOCOL, "%s is not valid JSON: %s (at byte %zu)",
				 what, wrong, at);

	struct cJSON *root = cJSON_ParseWithLength(text, len);

	if (!root) /* the grammar is right, so only memory can be short */
		out_of_memory();
	if (check_tree(root, what, err) < 0) {
		cJSON_Delete(root);
		return -1;
	}
	ret->root = root;
	return 0;
}

void json_release(struct json *json)
{
	cJSON_Delete(json->root);
	json->root = NULL;
}

static const cJSON *member(const cJSON *object, const char *name, size_t len)
{
	if (!cJSON_IsObject(object))
		return NULL;
	for (const cJSON *child = object->child; child; child = child->next) {
		if (strncmp(child->string, name, len) == 0 && child->string[len] == '\0')
			return child;
	}
	return NULL;
}

const struct cJSON *json_get(const struct cJSON *node, const char *path)
{
	while (node && path && *path) {
		size_t len = strcspn(path, ".");

		node = member(node, path, len);
		path += len + (path[len] == '.');
	}
	return cJSON_IsNull(node) ? NULL : node;
}

static const char *type_name(const cJSON *node)
{
	switch (node->type & 0xff) {
	case cJSON_False:
	case cJSON_True:
		return "a boolean";
	case cJSON_NULL:
		return "null";
	case cJSON_Number:
		return "a number";
	case cJSON_String:
		return "a string";
	case cJSON_Array:
		return "an array";
	default:
		return "an object";
	}
}

static const char *field_name(const char *path)
{
	return path && *path ? path : "(value)";
}

static int wrong_type(const cJSON *node, const char *path, const char *expected, struct error *err)
{
	if (!node)
		return error_set(err, ERROR_PROTOCOL, "field '%s' is missing", field_name(path));
	return error_set(err, ERROR_PROTOCOL, "field '%s': expected %s, found %s", field_name(path),
			 expected, type_name(node));
}

int json_string(const struct cJSON *node, const char *path, size_t max, const char **ret,
		struct error *err)
{
	const cJSON *field = json_get(node, path);

	if (!cJSON_IsString(field))
		return wrong_type(field, path, "a string", err);
	if (strlen(field->valuestring) > max)
		return error_set(err, ERROR_PROTOCOL, "field '%s' is longer than %zu bytes",
				 field_name(path), max);
	*ret = field->valuestring;
	return 0;
}

int json_string_opt(const struct cJSON *node, const char *path, size_t max, const char **ret,
		    struct error *err)
{
	if (json_get(node, path))
		return json_string(node, path, max, ret, err);
	*ret = NULL;
	return 0;
}

int json_int64(const struct cJSON *node, const char *path, int64_t min, int64_t max, int64_t *ret,
	       struct error *err)
{
	const cJSON *field = json_get(node, path);

	if (!cJSON_IsNumber(field))
		return wrong_type(field, path, "a whole number", err);

	double value = field->valuedouble;

	if (!(fabs(value) < EXACT_MAX))
		return error_set(err, ERROR_PROTOCOL, "field '%s': a number too large to be exact",
				 field_name(path));
	if (value != floor(value))
		return error_set(err, ERROR_PROTOCOL, "field '%s': expected a whole number",
				 field_name(path));
	if ((int64_t)value < min || (int64_t)value > max)
		return error_set(err, ERROR_PROTOCOL,
				 "field '%s': %" PRId64 " is not within %" PRId64 " to %" PRId64,
				 field_name(path), (int64_t)value, min, max);
	*ret = (int64_t)value;
	return 0;
}

int json_double(const struct cJSON *node, const char *path, double *ret, struct error *err)
{
	const cJSON *field = json_get(node, path);

	if (!cJSON_IsNumber(field))
		return wrong_type(field, path, "a number", err);
	*ret = field->valuedouble;
	return 0;
}

int json_bool(const struct cJSON *node, const char *path, bool *ret, struct error *err)
{
	const cJSON *field = json_get(node, path);

	if (!cJSON_IsBool(field))
		return wrong_type(field, path, "true or false", err);
	*ret = cJSON_IsTrue(field);
	return 0;
}

int json_array(const struct cJSON *node, const char *path, const struct cJSON **ret,
	       struct error *err)
{
	const cJSON *field = json_get(node, path);

	if (!cJSON_IsArray(field))
		return wrong_type(field, path, "an array", err);
	*ret = field;
	return 0;
}

size_t json_len(const struct cJSON *array)
{
	size_t n = 0;

	for (const cJSON *child = json_first(array); child; child = child->next)
		n++;
	return n;
}

const struct cJSON *json_at(const struct cJSON *array, size_t i)
{
	const cJSON *child = json_first(array);

	while (child && i--)
		child = child->next;
	return child;
}

const struct cJSON *json_first(const struct cJSON *node)
{
	return node ? node->child : NULL;
}

const struct cJSON *json_next(const struct cJSON *node)
{
	return node ? node->next : NULL;
}

const char *json_name(const struct cJSON *node)
{
	return node ? node->string : NULL;
}

const char *json_text(const struct cJSON *node)
{
	return cJSON_IsString(node) ? node->valuestring : NULL;
}
