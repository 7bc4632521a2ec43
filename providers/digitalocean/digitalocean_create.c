/* SPDX-License-Identifier: Apache-2.0 */
/* The one request that makes a droplet, and what its reply says. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean_launch.h"

/* --- tags ------------------------------------------------------------------------------------ */

static int add_tag(struct ocean_plan *plan, const char *key, const char *value,
		   const char *launch_id, struct error *err)
{
	char name[OCEAN_TEXT_MAX + 1];

	if (plan->nr_tags == OCEAN_PLAN_TAGS)
		return error_set(err, ERROR_USAGE, "the launch has too many tags");
	if (ocean_tag_make_name(key, value, launch_id, name, err))
		return -1;
	plan->tags[plan->nr_tags++] = arena_strdup(&plan->arena, name);
	return 0;
}

int ocean_tags_plan(struct ocean_plan *plan, struct error *err)
{
	const struct launch_request *request = plan->request;
	const struct {
		const char *shared, *own, *value;
	} whose[] = { { TAG_OWNER, TAG_OWN_OWNER, request->owner },
		      { TAG_NAME, TAG_OWN_NAME, request->name } };
	const char *launch = request->launch_id;
	char made[OCEAN_ID_TEXT];

	if (add_tag(plan, TAG_LAUNCH, launch, NULL, err) ||
	    add_tag(plan, TAG_TOKEN, request->token, NULL, err))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(whose); i++)
		if (whose[i].value && *whose[i].value &&
		    (add_tag(plan, whose[i].shared, whose[i].value, NULL, err) ||
		     add_tag(plan, whose[i].own, whose[i].value, launch, err)))
			return -1;
	snprintf(made, sizeof(made), "%" PRId64, request->made);
	if (request->made > 0 && add_tag(plan, TAG_MADE, made, launch, err))
		return -1;
	for (size_t i = 0; i < request->nr_tags; i++)
		if (add_tag(plan, request->tags[i].key, request->tags[i].value, launch, err))
			return -1;
	return 0;
}

/* --- the request ----------------------------------------------------------------------------- */

/* Hostnames have no '_', and no '-' at their end. */
static char *hostname(struct arena *arena, const struct launch_request *request)
{
	char *name = arena_strdup(arena, request->name && *request->name ? request->name
									 : request->launch_id);
	size_t len = strlen(name);

	for (char *c = name; *c; c++)
		if (*c == '_')
			*c = '-';
	while (len > 1 && name[len - 1] == '-')
		name[--len] = '\0';
	return name;
}

static void add_image(struct cJSON *body, const char *image)
{
	if (ocean_is_id(image))
		cJSON_AddNumberToObject(body, "image", (double)strtoll(image, NULL, 10));
	else
		cJSON_AddStringToObject(body, "image", image);
}

static void add_user_data(struct cJSON *body, const struct launch_request *request)
{
	char *text;

	if (!request->user_data)
		return;
	text = xstrndup(request->user_data, request->user_data_len);
	cJSON_AddStringToObject(body, "user_data", text);
	explicit_bzero(text, strlen(text));
	free(text);
}

/* The key by its fingerprint, which stays the same should the key be registered anew. */
static void begin(struct provider *p, const struct ocean_plan *plan, struct rest_call *call)
{
	const struct launch_request *request = plan->request;
	const char *const keys[] = { plan->key.fingerprint };
	struct cJSON *body = cJSON_CreateObject();
	struct arena arena = { 0 };

	cJSON_AddStringToObject(body, "name", hostname(&arena, request));
	cJSON_AddStringToObject(body, "region", request->region);
	cJSON_AddStringToObject(body, "size", request->type);
	add_image(body, plan->image);
	if (plan->has_key)
		cJSON_AddItemToObject(body, "ssh_keys", cJSON_CreateStringArray(keys, 1));
	cJSON_AddBoolToObject(body, "monitoring", false);
	if (request->subnet)
		cJSON_AddStringToObject(body, "vpc_uuid", request->subnet);
	cJSON_AddItemToObject(body, "tags",
			      cJSON_CreateStringArray(plan->tags, (int)plan->nr_tags));
	add_user_data(body, request);
	rest_begin(call, &p->rest, REST_CREATE, "POST", REST_PATH("droplets"),
		   "cannot create a droplet %s in %s", request->type, request->region);
	rest_body(call, body);
	arena_release(&arena);
}

void ocean_create_hash(struct provider *p, const struct ocean_plan *plan, char out[SHA256_HEX_MAX])
{
	struct rest_call call;

	begin(p, plan, &call);
	rest_sha256(&call, out);
	rest_release(&call);
}

void ocean_create_show(struct provider *p, const struct ocean_plan *plan)
{
	struct rest_call call;

	begin(p, plan, &call);
	rest_show(&call, plan->steps);
	rest_release(&call);
}

/* --- the reply ------------------------------------------------------------------------------- */

/* Tags are put on after it was made: what was asked for is what it will have. */
static void fill_asked(const struct ocean_plan *plan, struct arena *arena, struct instance *ret)
{
	const struct launch_request *request = plan->request;
	size_t nr = 0;
	struct tag *tags = arena_alloc(arena, OCEAN_PLAN_TAGS * sizeof(*tags));

	for (size_t i = 0; i < plan->nr_tags; i++) {
		struct ocean_tag tag;

		if (!ocean_tag_read(plan->tags[i], &tag) || ocean_tag_is_copy(&tag))
			continue;
		tags[nr++] = (struct tag){ arena_strdup(arena, tag.key),
					   arena_strdup(arena, tag.value) };
	}
	ret->tags = tags;
	ret->nr_tags = nr;
	ret->name = arena_strdup(arena, request->name ? request->name : "");
	ret->owner = arena_strdup(arena, request->owner);
	ret->launch_id = arena_strdup(arena, request->launch_id);
	ret->token = arena_strdup(arena, request->token);
	const char *hostkey = instance_tag(ret, TAG_HOSTKEY);
	const char *expires = instance_tag(ret, TAG_EXPIRES);
	ret->hostkey = hostkey ? hostkey : "";
	ret->expires = expires ? strtoll(expires, NULL, 10) : 0;
}

static void fill_image(const struct ocean_plan *plan, struct launch_result *ret)
{
	ret->image = arena_strdup(&ret->arena, plan->image);
	ret->image_name = text_escaped(&ret->arena, plan->image_name);
}

void ocean_result(const struct ocean_plan *plan, struct launch_result *ret)
{
	const struct launch_request *request = plan->request;
	struct launch_result result = { 0 };
	const char *region = arena_strdup(&result.arena, request->region);

	result.instance = (struct instance){
		.provider = "digitalocean",
		.region = region,
		.zone = { region, "" },
		.id = "",
		.type = arena_strdup(&result.arena, request->type),
		.reason = "",
		.spot_request = "",
		.public_ip = "",
		.private_ip = "",
		.image = arena_strdup(&result.arena, plan->image),
		.key_name = "",
	};
	fill_asked(plan, &result.arena, &result.instance);
	result.instance.token = "";
	fill_image(plan, &result);
	*ret = result;
}

static int read_reply(const struct rest_call *call, const struct ocean_plan *plan,
		      struct launch_result *ret, struct error *err)
{
	const struct cJSON *droplet = json_get(call->json.root, "droplet");
	struct launch_result result = { 0 };
	struct error why = ERROR_INIT;

	if (!droplet)
		error_set(&why, ERROR_PROTOCOL, "field 'droplet' is missing");
	if (!droplet || ocean_instance(droplet, &result.arena, &result.instance, &why)) {
		arena_release(&result.arena);
		error_prefix(&why, "%s: it was accepted, but the reply cannot be read", call->what);
		why.unknown = true;
		*err = why;
		return -1;
	}
	fill_asked(plan, &result.arena, &result.instance);
	fill_image(plan, &result);
	*ret = result;
	return 0;
}

int ocean_create(struct provider *p, const struct ocean_plan *plan, struct launch_result *ret,
		 struct error *err)
{
	struct rest_call call;

	begin(p, plan, &call);
	int rc = rest_send(&call, err) ? -1 : read_reply(&call, plan, ret, err);
	rest_release(&call);
	return rc;
}
