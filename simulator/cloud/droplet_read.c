/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what requests say, strictly: a member of another type is refused by name. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/json.h"
#include "simulator/cloud/droplet.h"

#define ID_MAX ((double)(INT64_C(1) << 53))

int droplet_refuse(const struct rest_call *call, const char *fmt, ...)
{
	char message[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	rest_error(call, 422, "unprocessable_entity", "%s", message);
	return -1;
}

int droplet_not_found(const struct rest_call *call)
{
	rest_error(call, 404, "not_found", "The resource you requested could not be found.");
	return -1;
}

int droplet_need_body(const struct rest_call *call, const char *const *known)
{
	if (!call->body) {
		rest_error(call, 400, "bad_request", "error parsing request body");
		return -1;
	}
	return rest_known_query(call, NULL) || rest_known_body(call, known) ? -1 : 0;
}

int droplet_known(const struct rest_call *call, const cJSON *node, const char *const *known)
{
	for (const cJSON *member = json_first(node); member; member = json_next(member)) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], json_name(member)) != 0)
			i++;
		if (!known[i])
			return droplet_refuse(call, "Unknown member '%.60s'", json_name(member));
	}
	return 0;
}

int droplet_read_text(const struct rest_call *call, const cJSON *node, const char *name, size_t max,
		      const char **ret)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(node, name);

	if (!member)
		return 0;
	if (!cJSON_IsString(member))
		return droplet_refuse(call, "%s must be a string", name);
	if (strlen(member->valuestring) > max)
		return droplet_refuse(call, "%s is too long (maximum is %zu characters)", name,
				      max);
	*ret = member->valuestring;
	return 0;
}

int droplet_read_bool(const struct rest_call *call, const cJSON *node, const char *name, bool *ret)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(node, name);

	if (!member)
		return 0;
	if (!cJSON_IsBool(member))
		return droplet_refuse(call, "%s must be a boolean", name);
	*ret = cJSON_IsTrue(member);
	return 0;
}

int droplet_read_array(const struct rest_call *call, const cJSON *node, const char *name,
		       bool null_ok, const cJSON **ret)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(node, name);

	*ret = NULL;
	if (!member || (null_ok && cJSON_IsNull(member)))
		return 0;
	if (!cJSON_IsArray(member))
		return droplet_refuse(call, "%s must be an array", name);
	*ret = member;
	return 0;
}

int64_t droplet_json_id(const cJSON *node)
{
	double id = cJSON_IsNumber(node) ? node->valuedouble : 0;

	return id >= 1 && id < ID_MAX && id == (double)(int64_t)id ? (int64_t)id : 0;
}

int64_t droplet_parse_id(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > 15 || text[0] == '0' || strspn(text, "0123456789") != len)
		return -1;
	return (int64_t)strtoll(text, NULL, 10);
}

int droplet_read_tags(struct droplet_world *world, const struct rest_call *call, const cJSON *array,
		      struct droplet_list *ret)
{
	for (const cJSON *node = json_first(array); node; node = json_next(node)) {
		struct droplet_tag *tag;

		if (!cJSON_IsString(node))
			return droplet_refuse(call, "tags must be strings");
		tag = droplet_tag_find(world, node->valuestring);
		if (!tag)
			return droplet_refuse(call, "tag %.80s does not exist", node->valuestring);
		if (!droplet_list_has(ret, tag))
			droplet_list_add(ret, tag);
	}
	return 0;
}

int droplet_read_droplets(const struct droplet_world *world, const struct rest_call *call,
			  const cJSON *array, struct droplet_list *ret)
{
	for (const cJSON *node = json_first(array); node; node = json_next(node)) {
		int64_t id = droplet_json_id(node);
		struct droplet *droplet = id ? droplet_find(world, id) : NULL;

		if (!id)
			return droplet_refuse(call, "droplet_ids must be whole numbers");
		if (!droplet)
			return droplet_refuse(call, "droplet %lld does not exist", (long long)id);
		if (!droplet_list_has(ret, droplet))
			droplet_list_add(ret, droplet);
	}
	return 0;
}
