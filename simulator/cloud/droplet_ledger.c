/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger says of DigitalOcean's things. A droplet bills at its full rate until its deletion
 * is asked for, also while it is off.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/droplet.h"

#define OWN_TAGS       "gpucloud-"
#define BACKUP_PERCENT 20 /* of the droplet's price, on top */

struct teller {
	const struct droplet_world *world;
	void (*fn)(void *ctx, const struct cloud_resource *resource);
	void *ctx;
};

/* "gpucloud-owner:me" is one of ours: key and value. Any other is a key without a value. */
static struct cloud_tag tag_of(const char *name)
{
	const char *colon = text_starts_with(name, OWN_TAGS) ? strchr(name, ':') : NULL;

	if (!colon)
		return (struct cloud_tag){ xstrdup(name), xstrdup("") };
	return (struct cloud_tag){ xstrndup(name, (size_t)(colon - name)), xstrdup(colon + 1) };
}

static void tell(const struct teller *teller, struct cloud_resource *resource,
		 const struct droplet_list *tags)
{
	struct cloud_tag *v = tags && tags->nr ? xcalloc(tags->nr, sizeof(*v)) : NULL;
	size_t nr = tags ? tags->nr : 0;

	for (size_t i = 0; i < nr; i++) {
		const struct droplet_tag *tag = tags->v[i];

		v[i] = tag_of(tag->name);
	}
	resource->provider = DROPLET_SERVICE;
	resource->zone = "";
	resource->tags = v;
	resource->nr_tags = nr;
	teller->fn(teller->ctx, resource);
	for (size_t i = 0; i < nr; i++) {
		free(v[i].key);
		free(v[i].value);
	}
	free(v);
}

static void tell_droplet(const struct teller *teller, const struct droplet *droplet)
{
	int64_t price = droplet_price(teller->world, droplet->size);
	struct cloud_resource resource = {
		.kind = "instance",
		.id = droplet->id_text,
		.region = droplet->region->slug,
		.state = droplet->ended_ms ? "deleted" : droplet_status_name(droplet),
		.type = droplet->size->slug,
		.began_ms = droplet->began_ms,
		.ended_ms = droplet->ended_ms,
		.usd_per_hour = droplet->ended_ms  ? 0
				: droplet->backups ? price + price * BACKUP_PERCENT / 100
						   : price,
	};

	tell(teller, &resource, &droplet->tags);
}

static void tell_firewall(const struct teller *teller, const struct droplet_firewall *firewall)
{
	struct droplet_list guarded = { 0 };
	struct cloud_resource resource = {
		.kind = "security-group",
		.id = firewall->id,
		.region = "",
		/* what it guards cannot reach anything then */
		.type = firewall->out.nr ? "" : "no-outbound",
		.began_ms = firewall->began_ms,
		.ended_ms = firewall->ended_ms,
	};

	droplet_firewall_guarded(teller->world, firewall, &guarded);
	resource.state = firewall->ended_ms ? "deleted" : guarded.nr ? "in-use" : "unused";
	droplet_list_release(&guarded);
	tell(teller, &resource, &firewall->tags);
}

static void tell_key(const struct teller *teller, const struct droplet_key *key)
{
	char id[24];
	struct cloud_resource resource = {
		.kind = "key-pair",
		.id = id,
		.region = "",
		.state = key->ended_ms ? "deleted" : "available",
		.type = "",
		.began_ms = key->began_ms,
		.ended_ms = key->ended_ms,
	};

	snprintf(id, sizeof(id), "%lld", (long long)key->id);
	tell(teller, &resource, NULL);
}

static bool tag_in_use(const struct droplet_world *world, const struct droplet_tag *tag)
{
	for (size_t i = 0; i < world->droplets.nr; i++) {
		const struct droplet *droplet = world->droplets.v[i];

		if (!droplet->ended_ms && droplet_list_has(&droplet->tags, tag))
			return true;
	}
	for (size_t i = 0; i < world->firewalls.nr; i++) {
		const struct droplet_firewall *firewall = world->firewalls.v[i];

		if (!firewall->ended_ms && droplet_list_has(&firewall->tags, tag))
			return true;
	}
	return false;
}

/* A tag is a label, and nobody's: it carries none itself. */
static void tell_tag(const struct teller *teller, const struct droplet_tag *tag)
{
	struct cloud_resource resource = {
		.kind = "tag",
		.id = tag->name,
		.region = "",
		.state = tag->ended_ms			  ? "deleted"
			 : tag_in_use(teller->world, tag) ? "in-use"
							  : "unused",
		.type = "",
		.began_ms = tag->began_ms,
		.ended_ms = tag->ended_ms,
	};

	tell(teller, &resource, NULL);
}

void droplet_each_resource(void *self, void (*fn)(void *ctx, const struct cloud_resource *resource),
			   void *ctx)
{
	const struct droplet_world *world = self;
	const struct teller teller = { world, fn, ctx };

	for (size_t i = 0; i < world->droplets.nr; i++)
		tell_droplet(&teller, world->droplets.v[i]);
	for (size_t i = 0; i < world->firewalls.nr; i++)
		tell_firewall(&teller, world->firewalls.v[i]);
	for (size_t i = 0; i < world->keys.nr; i++)
		tell_key(&teller, world->keys.v[i]);
	for (size_t i = 0; i < world->tags.nr; i++)
		tell_tag(&teller, world->tags.v[i]);
}
