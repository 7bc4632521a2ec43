/* SPDX-License-Identifier: Apache-2.0 */
/* Firewalls as wholes: made, listed, replaced, deleted. A change is in force a little later. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/droplet.h"

/* A firewall as a request describes it. */
struct description {
	const char *name;
	struct droplet_rules in, out;
	struct droplet_list tags, droplets;
};

static void release(struct description *description)
{
	droplet_rules_release(&description->in);
	droplet_rules_release(&description->out);
	droplet_list_release(&description->tags);
	droplet_list_release(&description->droplets);
}

static cJSON *changes_json(const struct droplet_firewall *firewall)
{
	cJSON *out = cJSON_CreateArray();

	for (size_t i = 0; i < firewall->nr_changes; i++) {
		cJSON *change = cJSON_CreateObject();

		cJSON_AddNumberToObject(change, "droplet_id",
					(double)firewall->changes[i].droplet->id);
		cJSON_AddBoolToObject(change, "removing", firewall->changes[i].removing);
		cJSON_AddStringToObject(change, "status", "waiting");
		cJSON_AddItemToArray(out, change);
	}
	return out;
}

static cJSON *firewall_json(const struct droplet_firewall *firewall)
{
	cJSON *out = cJSON_CreateObject(), *ids;

	cJSON_AddStringToObject(out, "id", firewall->id);
	cJSON_AddStringToObject(out, "name", firewall->name);
	cJSON_AddStringToObject(out, "status", firewall->nr_changes ? "waiting" : "succeeded");
	cJSON_AddItemToObject(out, "inbound_rules", droplet_rules_json(&firewall->in, "sources"));
	cJSON_AddItemToObject(out, "outbound_rules",
			      droplet_rules_json(&firewall->out, "destinations"));
	droplet_add_time(out, "created_at", firewall->began_ms);
	ids = cJSON_AddArrayToObject(out, "droplet_ids");
	for (size_t i = 0; i < firewall->droplets.nr; i++) {
		const struct droplet *droplet = firewall->droplets.v[i];

		cJSON_AddItemToArray(ids, cJSON_CreateNumber((double)droplet->id));
	}
	droplet_add_strings(out, "tags", &firewall->tags);
	cJSON_AddItemToObject(out, "pending_changes", changes_json(firewall));
	return out;
}

/* A letter or digit, and then at least one of those, a dot or a dash. */
static bool valid_name(const char *name)
{
	return text_is_token(name, ".-", DROPLET_TEXT_MAX) && name[1] && name[0] != '.' &&
	       name[0] != '-';
}

static const struct droplet_firewall *find_by_name(const struct droplet_world *world,
						   const char *name)
{
	for (size_t i = 0; i < world->firewalls.nr; i++) {
		const struct droplet_firewall *firewall = world->firewalls.v[i];

		if (!firewall->ended_ms && strcmp(firewall->name, name) == 0)
			return firewall;
	}
	return NULL;
}

static int check(const struct droplet_world *world, const struct rest_call *call,
		 const struct description *wanted, const struct droplet_firewall *self)
{
	const struct droplet_firewall *other;

	if (!wanted->name || !valid_name(wanted->name))
		return droplet_refuse(call, "name must begin with a letter or digit, and have "
					    "letters, digits, '.' and '-' behind it");
	if (wanted->in.nr + wanted->out.nr == 0)
		return droplet_refuse(call, "firewall must have at least one rule");
	if (wanted->in.nr + wanted->out.nr > DROPLET_FIREWALL_RULES)
		return droplet_refuse(call, "a firewall has at most %d rules",
				      DROPLET_FIREWALL_RULES);
	if (wanted->tags.nr > DROPLET_FIREWALL_TAGS)
		return droplet_refuse(call, "a firewall has at most %d tags",
				      DROPLET_FIREWALL_TAGS);
	if (wanted->droplets.nr > DROPLET_FIREWALL_IDS)
		return droplet_refuse(call, "a firewall has at most %d droplet_ids",
				      DROPLET_FIREWALL_IDS);
	other = find_by_name(world, wanted->name);
	if (other && other != self) {
		rest_error(call, 409, "conflict", "duplicate name");
		return -1;
	}
	return 0;
}

static int read_description(struct droplet_world *world, const struct rest_call *call,
			    const struct droplet_firewall *self, struct description *ret)
{
	static const char *const known[] = { "name", "inbound_rules", "outbound_rules",
					     "tags", "droplet_ids",   NULL };
	const cJSON *tags, *ids;

	if (droplet_need_body(call, known) ||
	    droplet_read_text(call, call->body, "name", DROPLET_TEXT_MAX, &ret->name) ||
	    droplet_rules_read(world, call, call->body, "inbound_rules", &ret->in) ||
	    droplet_rules_read(world, call, call->body, "outbound_rules", &ret->out) ||
	    droplet_read_array(call, call->body, "tags", true, &tags) ||
	    droplet_read_array(call, call->body, "droplet_ids", true, &ids) ||
	    droplet_read_tags(world, call, tags, &ret->tags) ||
	    droplet_read_droplets(world, call, ids, &ret->droplets))
		return -1;
	return check(world, call, ret, self);
}

/* Gives the firewall what was described, and takes the rest away with the description. */
static void take(struct droplet_firewall *firewall, struct description *wanted)
{
	struct description old = { .in = firewall->in,
				   .out = firewall->out,
				   .tags = firewall->tags,
				   .droplets = firewall->droplets };

	free(firewall->name);
	firewall->name = xstrdup(wanted->name);
	firewall->in = wanted->in;
	firewall->out = wanted->out;
	firewall->tags = wanted->tags;
	firewall->droplets = wanted->droplets;
	*wanted = old;
}

void droplet_create_firewall(void *self, struct rest_call *call)
{
	struct droplet_world *world = self;
	struct description wanted = { 0 };
	struct droplet_firewall *firewall;

	if (read_description(world, call, NULL, &wanted) == 0) {
		firewall = xcalloc(1, sizeof(*firewall));
		droplet_new_uuid(world, firewall->id);
		firewall->began_ms = world->cloud->now_ms;
		firewall->due_ms = NEVER_MS;
		droplet_list_add(&world->firewalls, firewall);
		take(firewall, &wanted);
		droplet_firewall_changed(world, firewall, NULL);
		droplet_reply_one(call, 202, "firewall", firewall_json(firewall));
	}
	release(&wanted);
}

void droplet_list_firewalls(void *self, struct rest_call *call)
{
	const struct droplet_world *world = self;
	struct droplet_listing listing;

	if (rest_known_query(call, (const char *const[]){ "page", "per_page", NULL }) ||
	    droplet_listing_begin(&listing, call, "firewalls", "firewalls"))
		return;
	for (size_t i = 0; i < world->firewalls.nr; i++) {
		const struct droplet_firewall *firewall = world->firewalls.v[i];

		if (!firewall->ended_ms && droplet_listing_wants(&listing))
			cJSON_AddItemToArray(listing.items, firewall_json(firewall));
	}
	droplet_listing_end(&listing);
}

void droplet_get_firewall(void *self, struct rest_call *call)
{
	const struct droplet_firewall *firewall;

	if (rest_known_query(call, NULL) == 0 && (firewall = droplet_firewall_need(self, call)))
		droplet_reply_one(call, 200, "firewall", firewall_json(firewall));
}

void droplet_update_firewall(void *self, struct rest_call *call)
{
	struct droplet_firewall *firewall = droplet_firewall_need(self, call);
	struct description wanted = { 0 };
	struct droplet_list before = { 0 };

	if (!firewall)
		return;
	if (read_description(self, call, firewall, &wanted) == 0) {
		droplet_firewall_guarded(self, firewall, &before);
		take(firewall, &wanted);
		droplet_firewall_changed(self, firewall, &before);
		droplet_reply_one(call, 200, "firewall", firewall_json(firewall));
	}
	droplet_list_release(&before);
	release(&wanted);
}

void droplet_delete_firewall(void *self, struct rest_call *call)
{
	struct droplet_world *world = self;
	struct droplet_firewall *firewall = droplet_firewall_need(world, call);

	if (!firewall || rest_known_query(call, NULL) || rest_known_body(call, NULL))
		return;
	firewall->ended_ms = world->cloud->now_ms;
	firewall->due_ms = NEVER_MS;
	droplet_recheck(world);
	rest_reply(call, 204, NULL);
}
