/* SPDX-License-Identifier: Apache-2.0 */
/* Droplets that exist: listed, read, deleted, acted on. One event at a time. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "core/mem.h"
#include "simulator/cloud/droplet.h"

#define PENDING "Droplet already has a pending event."

/* What the query leaves of the list. GPU droplets are no droplets unless asked for. */
struct filter {
	const struct droplet_tag *tag;
	const char *tag_name, *name;
	bool gpus;
};

static int read_filter(const struct droplet_world *world, const struct rest_call *call,
		       struct filter *ret)
{
	const char *type = rest_query(call, "type");

	*ret = (struct filter){ .tag_name = rest_query(call, "tag_name"),
				.name = rest_query(call, "name"),
				.gpus = type && strcmp(type, "gpus") == 0 };
	if (type && !ret->gpus && strcmp(type, "droplets") != 0)
		return droplet_refuse(call, "type must be 'droplets' or 'gpus'");
	if (ret->tag_name && (ret->name || type))
		return droplet_refuse(call, "tag_name can not be combined with name or type");
	ret->tag = ret->tag_name ? droplet_tag_find(world, ret->tag_name) : NULL;
	return 0;
}

static bool passes(const struct droplet_world *world, const struct filter *filter,
		   const struct droplet *droplet)
{
	if (droplet->gone || droplet->seen_ms > world->cloud->now_ms)
		return false;
	if (filter->tag_name) /* with a tag, of both kinds */
		return filter->tag && droplet_list_has(&droplet->tags, filter->tag);
	if (filter->name && strcasecmp(filter->name, droplet->name) != 0)
		return false;
	return filter->gpus == (droplet->size->model != NULL);
}

void droplet_list_all(void *self, struct rest_call *call)
{
	static const char *const known[] = { "tag_name", "name", "type", "page", "per_page", NULL };
	const struct droplet_world *world = self;
	struct droplet_listing listing;
	struct filter filter;

	if (rest_known_query(call, known) || read_filter(world, call, &filter) ||
	    droplet_listing_begin(&listing, call, "droplets", "droplets"))
		return;
	for (size_t i = 0; i < world->droplets.nr; i++) {
		const struct droplet *droplet = world->droplets.v[i];

		if (passes(world, &filter, droplet) && droplet_listing_wants(&listing))
			cJSON_AddItemToArray(listing.items, droplet_json(world, droplet));
	}
	droplet_listing_end(&listing);
}

void droplet_get(void *self, struct rest_call *call)
{
	const struct droplet *droplet;

	if (rest_known_query(call, NULL) == 0 && (droplet = droplet_need(self, call)))
		droplet_reply_one(call, 200, "droplet", droplet_json(self, droplet));
}

/* It is shown, and locked, until that has been carried out; it bills no more at once. */
void droplet_delete(void *self, struct rest_call *call)
{
	struct droplet *droplet = droplet_need(self, call);

	if (!droplet || rest_known_query(call, NULL) || rest_known_body(call, NULL))
		return;
	if (droplet_busy(droplet)) {
		droplet_refuse(call, "%s", PENDING);
		return;
	}
	droplet_destroy(self, droplet, call);
	rest_reply(call, 204, NULL);
}

/* All with the tag, or none where one of them is busy. */
void droplet_delete_tagged(void *self, struct rest_call *call)
{
	struct droplet_world *world = self;
	const char *name = rest_query(call, "tag_name");
	const struct droplet_tag *tag = name ? droplet_tag_find(world, name) : NULL;

	if (rest_known_query(call, (const char *const[]){ "tag_name", NULL }) ||
	    rest_known_body(call, NULL))
		return;
	if (!name || !tag) {
		if (name)
			droplet_not_found(call);
		else
			droplet_refuse(call, "tag_name must be there");
		return;
	}
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < world->droplets.nr; i++) {
			struct droplet *droplet = world->droplets.v[i];

			if (droplet->ended_ms || !droplet_list_has(&droplet->tags, tag))
				continue;
			if (pass == 0 && droplet_busy(droplet)) {
				droplet_refuse(call, "%s", PENDING);
				return;
			}
			if (pass == 1)
				droplet_destroy(world, droplet, call);
		}
	}
	rest_reply(call, 204, NULL);
}

/* Names are the definition's; those of `other` it has, and this simulator not. */
static const char *find_type(const char *name, bool *other)
{
	static const char *const types[] = { "shutdown", "power_off", "power_on", "reboot",
					     "power_cycle" };
	static const char *const others[] = { "enable_backups",
					      "disable_backups",
					      "restore",
					      "password_reset",
					      "resize",
					      "rebuild",
					      "rename",
					      "change_kernel",
					      "enable_ipv6",
					      "snapshot",
					      "change_backup_policy" };

	*other = false;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(types[i], name) == 0)
			return types[i];
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		*other |= strcmp(others[i], name) == 0;
	return NULL;
}

void droplet_act(void *self, struct rest_call *call)
{
	struct droplet_world *world = self;
	struct droplet *droplet = droplet_need(world, call);
	const char *name = NULL, *type;
	bool other, on;

	if (!droplet || droplet_need_body(call, (const char *const[]){ "type", NULL }) ||
	    droplet_read_text(call, call->body, "type", 64, &name))
		return;
	type = name ? find_type(name, &other) : NULL;
	on = droplet->status == DROPLET_ACTIVE;
	if (!type)
		droplet_refuse(call,
			       name && other ? "The simulator does not do '%.40s'"
					     : "type '%.40s' is no action of a droplet",
			       name ? name : "");
	else if (droplet->event)
		droplet_refuse(call, "%s", PENDING);
	else if (on == (strcmp(type, "power_on") == 0))
		droplet_refuse(call, on ? "Droplet is currently on."
					: "Droplet is currently off. Please power it on to run "
					  "this event.");
	else
		droplet_reply_one(
			call, 201, "action",
			droplet_action_json(world, droplet_begin(world, droplet, type, call)));
}

void droplet_list_actions(void *self, struct rest_call *call)
{
	const struct droplet_world *world = self;
	const struct droplet *droplet = droplet_need(world, call);
	struct droplet_listing listing;
	char path[64];

	if (!droplet)
		return;
	snprintf(path, sizeof(path), "droplets/%s/actions", droplet->id_text);
	if (rest_known_query(call, (const char *const[]){ "page", "per_page", NULL }) ||
	    droplet_listing_begin(&listing, call, "actions", path))
		return;
	for (size_t i = world->actions.nr; i-- > 0;) { /* the newest first */
		const struct droplet_action *action = world->actions.v[i];

		if (action->droplet == droplet && droplet_listing_wants(&listing))
			cJSON_AddItemToArray(listing.items, droplet_action_json(world, action));
	}
	droplet_listing_end(&listing);
}

static void reply_action(const struct droplet_world *world, struct rest_call *call,
			 const struct droplet *droplet, int64_t id)
{
	if (rest_known_query(call, NULL))
		return;
	for (size_t i = 0; i < world->actions.nr; i++) {
		const struct droplet_action *action = world->actions.v[i];

		if (action->id == id && (!droplet || action->droplet == droplet)) {
			droplet_reply_one(call, 200, "action", droplet_action_json(world, action));
			return;
		}
	}
	droplet_not_found(call);
}

void droplet_get_its_action(void *self, struct rest_call *call)
{
	const struct droplet *droplet = droplet_need(self, call);

	if (droplet)
		reply_action(self, call, droplet, droplet_parse_id(call->segment[3]));
}

/* Also of a droplet that is no more. */
void droplet_get_action(void *self, struct rest_call *call)
{
	reply_action(self, call, NULL, droplet_parse_id(call->segment[1]));
}
