/* SPDX-License-Identifier: Apache-2.0 */
/* Tags: plain strings, made by themselves or with a droplet, and what carries them. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/json.h"
#include "core/mem.h"
#include "simulator/cloud/droplet.h"

static void add_count(cJSON *to, size_t nr, const char *last)
{
	cJSON_AddNumberToObject(to, "count", (double)nr);
	if (*last)
		cJSON_AddStringToObject(to, "last_tagged_uri", last);
}

static cJSON *tag_json(const struct droplet_world *world, const struct droplet_tag *tag)
{
	static const char *const others[] = { "images", "volumes", "volume_snapshots",
					      "databases" };
	cJSON *out = cJSON_CreateObject(), *resources;
	char last[80] = "";
	size_t nr = 0;

	for (size_t i = 0; i < world->droplets.nr; i++) {
		const struct droplet *droplet = world->droplets.v[i];

		if (droplet->gone || !droplet_list_has(&droplet->tags, tag))
			continue;
		snprintf(last, sizeof(last), DROPLET_API "/droplets/%s", droplet->id_text);
		nr++;
	}
	cJSON_AddStringToObject(out, "name", tag->name);
	resources = cJSON_AddObjectToObject(out, "resources");
	add_count(resources, nr, last);
	add_count(cJSON_AddObjectToObject(resources, "droplets"), nr, last);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		add_count(cJSON_AddObjectToObject(resources, others[i]), 0, "");
	return out;
}

void droplet_list_tags(void *self, struct rest_call *call)
{
	const struct droplet_world *world = self;
	struct droplet_listing listing;

	if (rest_known_query(call, (const char *const[]){ "page", "per_page", NULL }) ||
	    droplet_listing_begin(&listing, call, "tags", "tags"))
		return;
	for (size_t i = 0; i < world->tags.nr; i++) {
		const struct droplet_tag *tag = world->tags.v[i];

		if (!tag->ended_ms && droplet_listing_wants(&listing))
			cJSON_AddItemToArray(listing.items, tag_json(world, tag));
	}
	droplet_listing_end(&listing);
}

/* The definition gives this one refusal a shape of its own. */
static void refuse_name(const struct rest_call *call, const char *name)
{
	cJSON *out = cJSON_CreateObject(), *causes;
	char text[400];

	snprintf(text, sizeof(text), "Error validating resource tag: \"%.255s\" %s", name,
		 strlen(name) > DROPLET_TAG_MAX ? "is too long" : "contains invalid characters");
	cJSON_AddStringToObject(out, "error", text);
	cJSON_AddNullToObject(out, "messages");
	causes = cJSON_AddArrayToObject(out, "root_causes");
	cJSON_AddItemToArray(causes, cJSON_CreateString(text));
	rest_reply(call, 400, out);
}

/* One that is there already is no error: it is shown. */
void droplet_create_tag(void *self, struct rest_call *call)
{
	struct droplet_world *world = self;
	const char *name = NULL;

	if (droplet_need_body(call, (const char *const[]){ "name", NULL }) ||
	    droplet_read_text(call, call->body, "name", CLOUD_BODY_MAX, &name))
		return;
	if (!name)
		droplet_refuse(call, "name must be there");
	else if (!droplet_tag_valid(name))
		refuse_name(call, name);
	else
		droplet_reply_one(call, 201, "tag", tag_json(world, droplet_tag_make(world, name)));
}

void droplet_get_tag(void *self, struct rest_call *call)
{
	const struct droplet_tag *tag;

	if (rest_known_query(call, NULL) == 0 && (tag = droplet_tag_need(self, call)))
		droplet_reply_one(call, 200, "tag", tag_json(self, tag));
}

static void forget(struct droplet_rules *rules, const struct droplet_tag *tag)
{
	for (size_t i = 0; i < rules->nr; i++)
		droplet_list_drop(&rules->v[i].tags, tag);
}

void droplet_delete_tag(void *self, struct rest_call *call)
{
	struct droplet_world *world = self;
	struct droplet_tag *tag = droplet_tag_need(world, call);

	if (!tag || rest_known_query(call, NULL) || rest_known_body(call, NULL))
		return;
	tag->ended_ms = world->cloud->now_ms;
	for (size_t i = 0; i < world->firewalls.nr; i++) {
		struct droplet_firewall *firewall = world->firewalls.v[i];
		struct droplet_list before = { 0 };

		droplet_firewall_guarded(world, firewall, &before);
		forget(&firewall->in, tag);
		forget(&firewall->out, tag);
		if (droplet_list_drop(&firewall->tags, tag))
			droplet_firewall_changed(world, firewall, &before);
		droplet_list_release(&before);
	}
	for (size_t i = 0; i < world->droplets.nr; i++) {
		struct droplet *droplet = world->droplets.v[i];

		if (!droplet->ended_ms) /* the ledger remembers what the others had */
			droplet_list_drop(&droplet->tags, tag);
	}
	droplet_recheck(world);
	rest_reply(call, 204, NULL);
}

/* {"resource_id": "123", "resource_type": "droplet"}: nothing else can be tagged here. */
static int read_resource(const struct droplet_world *world, const struct rest_call *call,
			 const cJSON *node, struct droplet_list *ret)
{
	static const char *const known[] = { "resource_id", "resource_type", NULL };
	static const char *const types[] = { "droplet", "image", "volume", "volume_snapshot",
					     "database" };
	const char *id = NULL, *type = NULL;
	struct droplet *droplet;
	size_t i = 0;

	if (!cJSON_IsObject(node))
		return droplet_refuse(call, "resources must be objects");
	if (droplet_known(call, node, known) ||
	    droplet_read_text(call, node, "resource_id", 64, &id) ||
	    droplet_read_text(call, node, "resource_type", 64, &type))
		return -1;
	while (type && i < ARRAY_SIZE(types) && strcmp(types[i], type) != 0)
		i++;
	if (!id || !type || i == ARRAY_SIZE(types))
		return droplet_refuse(call, "resources need a resource_id and a resource_type");
	droplet = strcmp(type, "droplet") == 0 ? droplet_find(world, droplet_parse_id(id)) : NULL;
	if (!droplet)
		return droplet_not_found(call);
	droplet_list_add(ret, droplet);
	return 0;
}

static int read_resources(const struct droplet_world *world, const struct rest_call *call,
			  struct droplet_list *ret)
{
	const cJSON *array;

	if (droplet_need_body(call, (const char *const[]){ "resources", NULL }) ||
	    droplet_read_array(call, call->body, "resources", false, &array))
		return -1;
	if (!array)
		return droplet_refuse(call, "resources must be there");
	for (const cJSON *node = json_first(array); node; node = json_next(node)) {
		if (read_resource(world, call, node, ret))
			return -1;
	}
	return 0;
}

/* Both ways, by the method. */
void droplet_tag_things(void *self, struct rest_call *call)
{
	struct droplet_world *world = self;
	struct droplet_tag *tag = droplet_tag_need(world, call);
	bool drop = strcmp(call->method, "DELETE") == 0;
	struct droplet_list things = { 0 };

	if (tag && read_resources(world, call, &things) == 0) {
		for (size_t i = 0; i < things.nr; i++) {
			struct droplet *droplet = things.v[i];

			if (drop)
				droplet_list_drop(&droplet->tags, tag);
			else if (!droplet_list_has(&droplet->tags, tag))
				droplet_list_add(&droplet->tags, tag);
		}
		droplet_recheck(world);
		rest_reply(call, 204, NULL);
	}
	droplet_list_release(&things);
}
