/* SPDX-License-Identifier: Apache-2.0 */
/* One droplet of a reply as an instance. A bad field must never hide one. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

#define TAGS_MAX     500 /* of one droplet */
#define NETWORKS_MAX 100

bool ocean_is_id(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= 15 && text[0] != '0' && strspn(text, "0123456789") == len;
}

static enum instance_state state_of(const struct cJSON *droplet)
{
	static const struct {
		const char *name;
		enum instance_state state;
	} states[] = {
		{ "new", INSTANCE_PENDING },
		{ "active", INSTANCE_RUNNING },
		{ "off", INSTANCE_STOPPED },
		{ "archive", INSTANCE_GONE },
	};
	const struct cJSON *node = json_get(droplet, "status");
	const char *name = node ? json_text(node) : NULL;

	for (size_t i = 0; name && i < ARRAY_SIZE(states); i++)
		if (strcmp(states[i].name, name) == 0)
			return states[i].state;
	return INSTANCE_UNKNOWN;
}

static const char *address(struct arena *arena, const struct cJSON *droplet, const char *path,
			   const char *type)
{
	const struct cJSON *list = json_get(droplet, path);
	unsigned char raw[16];
	size_t n = 0;

	for (const struct cJSON *one = json_first(list); one && n < NETWORKS_MAX;
	     one = json_next(one), n++) {
		const struct cJSON *kind = json_get(one, "type"), *ip = json_get(one, "ip_address");
		const char *text = ip ? json_text(ip) : NULL;

		if (!text || !kind || !text_equal(json_text(kind), type))
			continue;
		if (inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1)
			return arena_strdup(arena, text);
	}
	return "";
}

static const char *image_of(struct arena *arena, const struct cJSON *droplet)
{
	const char *slug = ocean_slug(arena, droplet, "image.slug");
	struct error ignored = ERROR_INIT;
	int64_t id;

	if (!*slug && ocean_id(droplet, "image.id", &id, &ignored) == 0)
		return arena_printf(arena, "%" PRId64, id);
	return slug;
}

/* --- tags ------------------------------------------------------------------------------------ */

/* A droplet's tags while they are read. */
struct tags {
	struct arena *arena;
	struct tag *v;
	unsigned *turns; /* of each */
	size_t nr, cap, cap_turns;
};

/* A change that was interrupted leaves two values of one key. */
static void keep(struct tags *tags, const struct ocean_tag *tag)
{
	for (size_t i = 0; i < tags->nr; i++) {
		if (strcmp(tags->v[i].key, tag->key) != 0)
			continue;
		if (tag->turn > tags->turns[i] ||
		    (tag->turn == tags->turns[i] && strcmp(tag->value, tags->v[i].value) > 0)) {
			tags->v[i].value = arena_strdup(tags->arena, tag->value);
			tags->turns[i] = tag->turn;
		}
		return;
	}
	tags->v = arena_grow(tags->arena, tags->v, tags->nr, &tags->cap, sizeof(*tags->v));
	tags->turns = arena_grow(tags->arena, tags->turns, tags->nr, &tags->cap_turns,
				 sizeof(*tags->turns));
	tags->turns[tags->nr] = tag->turn;
	tags->v[tags->nr++] = (struct tag){ arena_strdup(tags->arena, tag->key),
					    arena_strdup(tags->arena, tag->value) };
}

/* Where the shared tag is gone, the launch's own copy of it says it: it takes its place. */
static void restore(struct tags *tags, const char *copy, const char *key)
{
	size_t at = tags->nr;
	bool there = false;

	for (size_t i = 0; i < tags->nr; i++) {
		there |= strcmp(tags->v[i].key, key) == 0;
		if (strcmp(tags->v[i].key, copy) == 0)
			at = i;
	}
	if (at == tags->nr)
		return;
	if (there)
		tags->v[at] = tags->v[--tags->nr];
	else
		tags->v[at].key = key;
}

static int read_tags(const struct cJSON *droplet, struct tags *ret, struct error *err)
{
	const struct cJSON *list;
	struct ocean_tag tag;

	if (json_array(droplet, "tags", &list, err))
		return error_hint(err, OCEAN_SCOPES);
	if (json_len(list) > TAGS_MAX)
		return error_set(err, ERROR_PROTOCOL, "field 'tags' has too many of them");
	for (const struct cJSON *one = json_first(list); one; one = json_next(one)) {
		const char *text = json_text(one);

		if (!text)
			return error_set(err, ERROR_PROTOCOL, "field 'tags': expected strings");
		if (ocean_tag_read(text, &tag))
			keep(ret, &tag);
	}
	restore(ret, TAG_OWN_OWNER, TAG_OWNER);
	restore(ret, TAG_OWN_NAME, TAG_NAME);
	return 0;
}

static const char *value_of(const struct tags *tags, const char *key)
{
	for (size_t i = 0; i < tags->nr; i++)
		if (strcmp(tags->v[i].key, key) == 0)
			return tags->v[i].value;
	return "";
}

static int64_t time_of(const struct tags *tags, const char *key)
{
	const char *text = value_of(tags, key);

	if (!*text || strlen(text) > 12 || strspn(text, "0123456789") != strlen(text))
		return 0;
	return strtoll(text, NULL, 10);
}

/* --- the whole ------------------------------------------------------------------------------- */

static void fill(const struct cJSON *droplet, struct arena *arena, struct instance *ret)
{
	int64_t price = ocean_price(droplet, "size.price_hourly");

	ret->type = ocean_slug(arena, droplet, "size_slug");
	ret->state = state_of(droplet);
	ret->public_ip = address(arena, droplet, "networks.v4", "public");
	if (!*ret->public_ip)
		ret->public_ip = address(arena, droplet, "networks.v6", "public");
	ret->private_ip = address(arena, droplet, "networks.v4", "private");
	ret->image = image_of(arena, droplet);
	ret->launched = ocean_time(droplet, "created_at");
	/* The table's off_bills says that all of it goes on while it is off. */
	ret->price = price == MONEY_UNKNOWN ? 0 : price;
}

int ocean_instance(const struct cJSON *droplet, struct arena *arena, struct instance *ret,
		   struct error *err)
{
	struct tags tags = { .arena = arena };
	const char *region;
	int64_t id;

	if (ocean_id(droplet, "id", &id, err))
		return -1;
	if (json_string(droplet, "region.slug", OCEAN_LABEL_MAX, &region, err) ||
	    read_tags(droplet, &tags, err))
		return error_prefix(err, "droplet %" PRId64, id);
	if (!ocean_is_slug(region))
		return error_set(err, ERROR_PROTOCOL,
				 "droplet %" PRId64 ": field 'region.slug' is no region", id);
	region = arena_strdup(arena, region);
	struct instance instance = {
		.provider = "digitalocean",
		.region = region,
		.zone = { region, "" },
		.id = arena_printf(arena, "%" PRId64, id),
		.reason = "",
		.spot_request = "",
		.key_name = "",
		.name = value_of(&tags, TAG_NAME),
		.owner = value_of(&tags, TAG_OWNER),
		.launch_id = value_of(&tags, TAG_LAUNCH),
		.token = value_of(&tags, TAG_TOKEN),
		.hostkey = value_of(&tags, TAG_HOSTKEY),
		.expires = time_of(&tags, TAG_EXPIRES),
		.tags = tags.v,
		.nr_tags = tags.nr,
	};
	fill(droplet, arena, &instance);
	*ret = instance;
	return 0;
}

bool ocean_is_locked(const struct cJSON *droplet, const struct instance *instance)
{
	struct error ignored = ERROR_INIT;
	bool locked;

	return (instance->state == INSTANCE_RUNNING || instance->state == INSTANCE_STOPPED) &&
	       json_bool(droplet, "locked", &locked, &ignored) == 0 && locked;
}
