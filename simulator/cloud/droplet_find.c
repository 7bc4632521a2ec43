/* SPDX-License-Identifier: Apache-2.0 */
/* Finding things by what requests call them, and the lists that hold them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/droplet.h"

void droplet_list_add(struct droplet_list *list, void *item)
{
	list->v = xgrow(list->v, list->nr, &list->cap, sizeof(*list->v));
	list->v[list->nr++] = item;
}

bool droplet_list_has(const struct droplet_list *list, const void *item)
{
	for (size_t i = 0; i < list->nr; i++) {
		if (list->v[i] == item)
			return true;
	}
	return false;
}

bool droplet_list_drop(struct droplet_list *list, const void *item)
{
	for (size_t i = 0; i < list->nr; i++) {
		if (list->v[i] != item)
			continue;
		memmove(&list->v[i], &list->v[i + 1], (list->nr - i - 1) * sizeof(*list->v));
		list->nr--;
		return true;
	}
	return false;
}

void droplet_list_release(struct droplet_list *list)
{
	free(list->v);
	*list = (struct droplet_list){ 0 };
}

struct droplet *droplet_find(const struct droplet_world *world, int64_t id)
{
	for (size_t i = 0; i < world->droplets.nr; i++) {
		struct droplet *droplet = world->droplets.v[i];

		if (droplet->id == id && !droplet->gone)
			return droplet;
	}
	return NULL;
}

struct droplet *droplet_need(const struct droplet_world *world, const struct rest_call *call)
{
	struct droplet *droplet = droplet_find(world, droplet_parse_id(call->segment[1]));

	if (!droplet)
		droplet_not_found(call);
	return droplet;
}

bool droplet_tag_valid(const char *name)
{
	return text_is_token(name, ":-_", DROPLET_TAG_MAX);
}

struct droplet_tag *droplet_tag_find(const struct droplet_world *world, const char *name)
{
	for (size_t i = 0; i < world->tags.nr; i++) {
		struct droplet_tag *tag = world->tags.v[i];

		if (!tag->ended_ms && strcmp(tag->name, name) == 0)
			return tag;
	}
	return NULL;
}

struct droplet_tag *droplet_tag_need(const struct droplet_world *world,
				     const struct rest_call *call)
{
	struct droplet_tag *tag = droplet_tag_find(world, call->segment[1]);

	if (!tag)
		droplet_not_found(call);
	return tag;
}

struct droplet_tag *droplet_tag_make(struct droplet_world *world, const char *name)
{
	struct droplet_tag *tag;

	for (size_t i = 0; i < world->tags.nr; i++) {
		tag = world->tags.v[i];
		if (!tag->ended_ms && strcasecmp(tag->name, name) == 0)
			return tag; /* the capitals of the first one stay */
	}
	tag = xcalloc(1, sizeof(*tag));
	tag->name = xstrdup(name);
	tag->began_ms = world->cloud->now_ms;
	droplet_list_add(&world->tags, tag);
	return tag;
}

struct droplet_key *droplet_key_find(const struct droplet_world *world, const char *id_or_print)
{
	int64_t id = droplet_parse_id(id_or_print);

	for (size_t i = 0; i < world->keys.nr; i++) {
		struct droplet_key *key = world->keys.v[i];

		if (!key->ended_ms && (key->id == id || strcmp(key->fingerprint, id_or_print) == 0))
			return key;
	}
	return NULL;
}

struct droplet_firewall *droplet_firewall_need(const struct droplet_world *world,
					       const struct rest_call *call)
{
	for (size_t i = 0; i < world->firewalls.nr; i++) {
		struct droplet_firewall *firewall = world->firewalls.v[i];

		if (!firewall->ended_ms && strcmp(firewall->id, call->segment[1]) == 0)
			return firewall;
	}
	droplet_not_found(call);
	return NULL;
}
