/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything of ours but droplets: firewalls, keys, tags. None of them costs anything, and none is in a
 * region; their names tell the region of their launch. The tags of a launch count as one thing, named by
 * its launch's tag, and go together.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

#define LEFTOVERS_MAX 50000

struct listing {
	const struct leftover_query *query;
	struct leftover_list list;
	size_t cap;
	struct instance_list living; /* of all launches of ours, in all regions */
};

static bool is_wanted(const struct listing *listing, const char *launch_id, const char *region)
{
	const struct leftover_query *query = listing->query;

	if (query->launch_id && strcmp(query->launch_id, launch_id) != 0)
		return false;
	for (size_t i = 0; i < query->nr_regions; i++)
		if (strcmp(query->regions[i], region) == 0)
			return true;
	return query->nr_regions == 0;
}

static int add(struct listing *listing, const struct ocean_name *whose, enum leftover_kind kind,
	       const char *id, int64_t created, struct error *err)
{
	struct leftover_list *list = &listing->list;

	if (list->nr == LEFTOVERS_MAX)
		return error_set(err, ERROR_PROTOCOL, "the replies have too many items");
	list->v = arena_grow(&list->arena, list->v, list->nr, &listing->cap, sizeof(*list->v));
	list->v[list->nr++] = (struct leftover){
		.provider = "digitalocean",
		.region = arena_strdup(&list->arena, whose->region),
		.kind = kind,
		.id = arena_strdup(&list->arena, id),
		.launch_id = arena_strdup(&list->arena, whose->launch_id),
		.name = "",
		.owner = arena_strdup(&list->arena, whose->owner),
		.attached = "",
		.created = created,
	};
	return 0;
}

/* --- firewalls and keys ---------------------------------------------------------------------- */

static int take_firewall(void *ctx, const struct cJSON *item, struct error *err)
{
	struct ocean_firewall firewall;
	int rc = ocean_firewall_read(item, &firewall, err);

	if (rc <= 0)
		return rc;
	return add(ctx, &firewall.said, LEFTOVER_SECURITY_GROUP, firewall.id,
		   ocean_time(item, "created_at"), err);
}

static int64_t made_of(const struct ocean_name *name)
{
	size_t len = strlen(name->extra);

	if (!len || len > 12 || strspn(name->extra, "0123456789") != len)
		return 0;
	return strtoll(name->extra, NULL, 10);
}

static int take_key(void *ctx, const struct cJSON *item, struct error *err)
{
	struct ocean_name name;
	char id[OCEAN_ID_TEXT];
	int rc = ocean_key_read(item, &name, id, err);

	return rc <= 0 ? rc : add(ctx, &name, LEFTOVER_KEY, id, made_of(&name), err);
}

/* --- tags ------------------------------------------------------------------------------------ */

/* What the tags themselves do not say, the launch's firewall or key does, if there is one. */
static const struct leftover *whose(const struct leftover_list *list, const char *launch_id)
{
	for (size_t i = 0; i < list->nr; i++)
		if (strcmp(list->v[i].launch_id, launch_id) == 0)
			return &list->v[i];
	return NULL;
}

static void describe(struct listing *listing, const struct ocean_tag *tag, struct leftover *one)
{
	const struct leftover_query *query = listing->query;

	if (!*one->region && query->nr_regions)
		one->region = query->regions[0];
	if (!*one->owner && strcmp(tag->key, TAG_OWN_OWNER) == 0)
		one->owner = arena_strdup(&listing->list.arena, tag->value);
	if (!one->created && strcmp(tag->key, TAG_MADE) == 0 && strlen(tag->value) <= 12)
		one->created = strtoll(tag->value, NULL, 10);
}

static int take_tag(void *ctx, const struct cJSON *item, struct error *err)
{
	struct listing *listing = ctx;
	struct leftover_list *list = &listing->list;
	char id[OCEAN_TEXT_MAX + 1];
	struct ocean_name name = { .extra = "" };
	struct ocean_tag tag;
	const struct leftover *known;
	const char *text;

	if (json_string(item, "name", 1024, &text, err))
		return -1;
	if (!ocean_tag_read(text, &tag) || !*tag.launch_id)
		return 0;
	for (size_t i = 0; i < list->nr; i++)
		if (list->v[i].kind == LEFTOVER_TAG &&
		    strcmp(list->v[i].launch_id, tag.launch_id) == 0) {
			describe(listing, &tag, &list->v[i]);
			return 0;
		}
	known = whose(list, tag.launch_id);
	snprintf(name.launch_id, sizeof(name.launch_id), "%s", tag.launch_id);
	snprintf(name.owner, sizeof(name.owner), "%s", known ? known->owner : "");
	snprintf(name.region, sizeof(name.region), "%s", known ? known->region : "");
	if (ocean_tag_make_name(TAG_LAUNCH, tag.launch_id, NULL, id, err) ||
	    add(listing, &name, LEFTOVER_TAG, id, known ? known->created : 0, err))
		return -1;
	describe(listing, &tag, &list->v[list->nr - 1]);
	return 0;
}

/* --- the list --------------------------------------------------------------------------------- */

static int ask(struct provider *p, struct listing *listing, struct error *err)
{
	const struct ocean_list lists[] = {
		{ .path = REST_PATH("firewalls"),
		  .what = "cannot list firewalls",
		  .member = "firewalls",
		  .ctx = listing,
		  .item = take_firewall },
		{ .path = REST_PATH("account", "keys"),
		  .what = "cannot list SSH keys",
		  .member = "ssh_keys",
		  .ctx = listing,
		  .item = take_key },
		{ .path = REST_PATH("tags"),
		  .what = "cannot list tags",
		  .member = "tags",
		  .ctx = listing,
		  .item = take_tag },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (ocean_list(p, &lists[i], err))
			return -1;
	/* After them: a droplet that appears meanwhile is then seen. */
	return ocean_living(p, NULL, &listing->living, err);
}

static void attach(struct listing *listing, struct leftover *one)
{
	for (size_t i = 0; i < listing->living.nr && one->kind != LEFTOVER_KEY; i++)
		if (strcmp(listing->living.v[i].launch_id, one->launch_id) == 0)
			one->attached = arena_strdup(&listing->list.arena, listing->living.v[i].id);
}

static int by_place(const void *a, const void *b)
{
	const struct leftover *x = a, *y = b;
	int order = strcmp(x->region, y->region);

	if (order == 0)
		order = (int)x->kind - (int)y->kind;
	return order ? order : strcmp(x->id, y->id);
}

int ocean_leftovers(struct provider *p, const struct leftover_query *query,
		    struct leftover_list *ret, struct error *err)
{
	struct listing listing = { .query = query };
	struct leftover_list *list = &listing.list;
	size_t kept = 0;

	if (query->launch_id && ocean_launch_id_check(query->launch_id, err))
		return -1;
	if (ask(p, &listing, err)) {
		instance_list_release(&listing.living);
		leftover_list_release(list);
		return -1;
	}
	for (size_t i = 0; i < list->nr; i++) {
		if (!is_wanted(&listing, list->v[i].launch_id, list->v[i].region))
			continue;
		attach(&listing, &list->v[i]);
		/* It may be the query's, which ends before this list does. */
		list->v[i].region = arena_strdup(&list->arena, list->v[i].region);
		list->v[kept++] = list->v[i];
	}
	list->nr = kept;
	if (list->nr)
		qsort(list->v, list->nr, sizeof(*list->v), by_place);
	instance_list_release(&listing.living);
	*ret = *list;
	return 0;
}
