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
	/* what follows a second colon tells such tags apart, and is not their value */
	return (struct cloud_tag){ xstrndup(name, (size_t)(colon - name)),
				   xstrndup(colon + 1, strcspn(colon + 1, ":")) };
}

/* While a tag changes there are two of it: the ledger tells the newer, which comes last. */
static void add_tag(struct cloud_tag *v, size_t *nr, struct cloud_tag tag)
{
	for (size_t i = 0; i < *nr; i++) {
		if (strcmp(v[i].key, tag.key) == 0) {
			free(v[i].value);
			v[i].value = tag.value;
			free(tag.key);
			return;
		}
	}
	v[(*nr)++] = tag;
}

/* name: what has no tags says in its name whose it is; NULL: it has tags. */
static void tell(const struct teller *teller, struct cloud_resource *resource,
		 const struct droplet_list *tags, const char *name)
{
	size_t most = (tags ? tags->nr : 0) + 1, nr = 0;
	struct cloud_tag *v = xcalloc(most, sizeof(*v));

	for (size_t i = 0; tags && i < tags->nr; i++) {
		const struct droplet_tag *tag = tags->v[i];

		add_tag(v, &nr, tag_of(tag->name));
	}
	if (name)
		add_tag(v, &nr, (struct cloud_tag){ xstrdup("name"), xstrdup(name) });
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

	tell(teller, &resource, &droplet->tags, NULL);
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
	tell(teller, &resource, &firewall->tags, firewall->name);
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
	tell(teller, &resource, NULL, key->name);
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

	tell(teller, &resource, NULL, NULL);
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
