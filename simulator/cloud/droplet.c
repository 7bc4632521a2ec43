/* SPDX-License-Identifier: Apache-2.0 */
/* DigitalOcean: its table of paths, its tokens, its errors, and what belongs to its world. */
#include "simulator/cloud/droplet.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/mem.h"

/* Where ids begin; actions have long left 32 bits behind. */
#define FIRST_ID	INT64_C(440000000)
#define FIRST_ACTION_ID INT64_C(4500000000)
#define FIRST_KEY_ID	INT64_C(41000000)

/* What its limits are told to be; a scenario alone makes anybody feel them. */
#define HOUR_MS	      INT64_C(3600000)
#define HOURLY_LIMIT  5000
#define RETRY_AFTER_S 2

static const struct rest_route routes[] = {
	{ "GET", "account", "GetAccount", droplet_get_account },
	{ "GET", "account/keys", "ListKeys", droplet_list_keys },
	{ "POST", "account/keys", "CreateKey", droplet_create_key },
	{ "GET", "account/keys/{}", "GetKey", droplet_get_key },
	{ "DELETE", "account/keys/{}", "DeleteKey", droplet_delete_key },
	{ "GET", "regions", "ListRegions", droplet_list_regions },
	{ "GET", "sizes", "ListSizes", droplet_list_sizes },
	{ "GET", "images", "ListImages", droplet_list_images },
	{ "GET", "images/{}", "GetImage", droplet_get_image },
	{ "GET", "droplets", "ListDroplets", droplet_list_all },
	{ "POST", "droplets", "CreateDroplet", droplet_create },
	{ "DELETE", "droplets", "DeleteTaggedDroplets", droplet_delete_tagged },
	{ "GET", "droplets/{}", "GetDroplet", droplet_get },
	{ "DELETE", "droplets/{}", "DeleteDroplet", droplet_delete },
	{ "GET", "droplets/{}/actions", "ListDropletActions", droplet_list_actions },
	{ "POST", "droplets/{}/actions", "ActOnDroplet", droplet_act },
	{ "GET", "droplets/{}/actions/{}", "GetDropletAction", droplet_get_its_action },
	{ "GET", "actions/{}", "GetAction", droplet_get_action },
	{ "GET", "tags", "ListTags", droplet_list_tags },
	{ "POST", "tags", "CreateTag", droplet_create_tag },
	{ "GET", "tags/{}", "GetTag", droplet_get_tag },
	{ "DELETE", "tags/{}", "DeleteTag", droplet_delete_tag },
	{ "POST", "tags/{}/resources", "TagResources", droplet_tag_things },
	{ "DELETE", "tags/{}/resources", "UntagResources", droplet_tag_things },
	{ "GET", "firewalls", "ListFirewalls", droplet_list_firewalls },
	{ "POST", "firewalls", "CreateFirewall", droplet_create_firewall },
	{ "GET", "firewalls/{}", "GetFirewall", droplet_get_firewall },
	{ "PUT", "firewalls/{}", "UpdateFirewall", droplet_update_firewall },
	{ "DELETE", "firewalls/{}", "DeleteFirewall", droplet_delete_firewall },
	{ "POST", "firewalls/{}/rules", "AddFirewallRules", droplet_add_rules },
	{ "DELETE", "firewalls/{}/rules", "RemoveFirewallRules", droplet_drop_rules },
	{ "POST", "firewalls/{}/tags", "AddFirewallTags", droplet_change_firewall_tags },
	{ "DELETE", "firewalls/{}/tags", "RemoveFirewallTags", droplet_change_firewall_tags },
	{ "POST", "firewalls/{}/droplets", "AddFirewallDroplets", droplet_change_guarded },
	{ "DELETE", "firewalls/{}/droplets", "RemoveFirewallDroplets", droplet_change_guarded },
	{ NULL, NULL, NULL, NULL },
};

static void *make(struct cloud *cloud)
{
	struct droplet_world *world = xcalloc(1, sizeof(*world));

	world->cloud = cloud;
	world->rng = rng_seeded(&world->seeded, cloud->config.seed);
	world->last_id = FIRST_ID + (int64_t)rng_below(&world->rng, 100000000);
	world->last_action_id = FIRST_ACTION_ID + (int64_t)rng_below(&world->rng, 100000000);
	world->last_key_id = FIRST_KEY_ID + (int64_t)rng_below(&world->rng, 1000000);
	world->apply_ms = NEVER_MS;
	return world;
}

static void free_droplet(struct droplet *droplet)
{
	droplet_list_release(&droplet->tags);
	free(droplet->name);
	free(droplet->user_data);
	free(droplet->public_key);
}

static void free_firewall(struct droplet_firewall *firewall)
{
	droplet_rules_release(&firewall->in);
	droplet_rules_release(&firewall->out);
	droplet_list_release(&firewall->tags);
	droplet_list_release(&firewall->droplets);
	free(firewall->changes);
	free(firewall->name);
}

static void release(struct droplet_list *list)
{
	for (size_t i = 0; i < list->nr; i++)
		free(list->v[i]);
	droplet_list_release(list);
}

static void free_world(void *self)
{
	struct droplet_world *world = self;

	for (size_t i = 0; i < world->droplets.nr; i++)
		free_droplet(world->droplets.v[i]);
	for (size_t i = 0; i < world->firewalls.nr; i++)
		free_firewall(world->firewalls.v[i]);
	for (size_t i = 0; i < world->keys.nr; i++) {
		struct droplet_key *key = world->keys.v[i];

		free(key->name);
		free(key->public_key);
	}
	for (size_t i = 0; i < world->tags.nr; i++)
		free(((struct droplet_tag *)world->tags.v[i])->name);
	release(&world->droplets);
	release(&world->firewalls);
	release(&world->keys);
	release(&world->tags);
	release(&world->actions);
	free(world->asked.v);
	free(world);
}

static int admits(void *self, const char *token)
{
	const struct droplet_world *world = self;
	const struct cloud_config *config = &world->cloud->config;

	if (strcmp(token, config->digitalocean_token) == 0)
		return 2;
	return strcmp(token, config->digitalocean_read_token) == 0;
}

/* What the definition says of a status. */
static const struct {
	int status;
	const char *id, *message; /* message NULL: the caller's */
} statuses[] = {
	{ 400, "bad_request", NULL },
	{ 401, "unauthorized", "Unable to authenticate you" },
	{ 403, "forbidden", "You are not authorized to perform this operation" },
	{ 404, "not_found", "The resource you requested could not be found." },
	{ 405, "method_not_allowed", NULL },
	{ 409, "conflict", NULL },
	{ 413, "request_entity_too_large", NULL },
	{ 422, "unprocessable_entity", NULL },
	{ 429, "too_many_requests", "API rate limit exceeded." },
	{ 500, "server_error", NULL },
	{ 503, "service_unavailable", NULL },
};

static void error(struct cloud_reply *reply, int status, const char *code, const char *message)
{
	cJSON *out = cJSON_CreateObject();
	char *text;

	for (size_t i = 0; !code && i < ARRAY_SIZE(statuses); i++) {
		if (statuses[i].status != status)
			continue;
		code = statuses[i].id;
		message = statuses[i].message ? statuses[i].message : message;
	}
	cJSON_AddStringToObject(out, "id", code ? code : "server_error");
	cJSON_AddStringToObject(out, "message", message);
	cJSON_AddStringToObject(out, "request_id", reply->request_id);
	text = cJSON_PrintUnformatted(out);
	if (!text)
		out_of_memory();
	reply->status = status;
	reply->content_type = "application/json; charset=utf-8";
	buf_clear(&reply->body);
	buf_addstr(&reply->body, text);
	cJSON_free(text);
	cJSON_Delete(out);
}

static void add_header(struct cloud_reply *reply, const char *name, int64_t value)
{
	reply->headers[reply->nr_headers].name = name;
	reply->headers[reply->nr_headers++].value = value;
}

/* Each request counts for one hour. */
static void note_limits(void *self, struct cloud_reply *reply)
{
	struct droplet_world *world = self;
	int64_t now_ms = world->cloud->now_ms;
	bool refused = reply->status == 429;
	int64_t left;

	while (world->asked.first < world->asked.nr &&
	       world->asked.v[world->asked.first] <= now_ms - HOUR_MS)
		world->asked.first++;
	if (world->asked.first > 0 && world->asked.first * 2 >= world->asked.nr) {
		world->asked.nr -= world->asked.first;
		memmove(world->asked.v, world->asked.v + world->asked.first,
			world->asked.nr * sizeof(*world->asked.v));
		world->asked.first = 0;
	}
	world->asked.v =
		xgrow(world->asked.v, world->asked.nr, &world->asked.cap, sizeof(*world->asked.v));
	world->asked.v[world->asked.nr++] = now_ms;
	left = HOURLY_LIMIT - (int64_t)(world->asked.nr - world->asked.first);
	reply->nr_headers = 0;
	add_header(reply, "ratelimit-limit", HOURLY_LIMIT);
	add_header(reply, "ratelimit-remaining", refused || left < 0 ? 0 : left);
	add_header(reply, "ratelimit-reset", (world->asked.v[world->asked.first] + HOUR_MS) / 1000);
	if (refused)
		add_header(reply, "retry-after", RETRY_AFTER_S);
}

const struct rest_cloud droplet_cloud = {
	.name = DROPLET_SERVICE,
	.prefix = "/digitalocean/v2",
	.routes = routes,
	.make = make,
	.free = free_world,
	.admits = admits,
	.error = error,
	.step = droplet_step,
	.each_resource = droplet_each_resource,
	.machine_off = droplet_machine_off,
	.wants_body = true,
	.finish = note_limits,
};
