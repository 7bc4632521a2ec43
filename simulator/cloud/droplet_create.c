/* SPDX-License-Identifier: Apache-2.0 */
/* POST /droplets: everything is read and checked first, then all of it is made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/droplet.h"

/* A request, checked. What it points to is the request's, or the world's. */
struct order {
	struct droplet_world *world;
	const struct rest_call *call;
	const char *names[DROPLET_NAMES_MAX];
	size_t nr;
	bool many; /* asked for by "names" */
	const struct droplet_size *size;
	const struct droplet_region *region;
	const struct droplet_image *image;
	const char *user_data;
	const struct droplet_key *key; /* the first */
	const cJSON *tags;
	bool backups, monitoring, agent, ipv6, public_networking;
};

/* As hostnames go: the last character is a letter or digit, the first one a dot or dash at worst. */
static bool valid_name(const char *name)
{
	size_t len = strlen(name);

	return text_is_token(name, ".-", DROPLET_TEXT_MAX) && name[len - 1] != '.' &&
	       name[len - 1] != '-';
}

static int add_name(struct order *order, const cJSON *node)
{
	if (!cJSON_IsString(node))
		return droplet_refuse(order->call, "a name must be a string");
	if (!valid_name(node->valuestring))
		return droplet_refuse(order->call, "Only valid hostname characters are allowed. "
						   "(a-z, A-Z, 0-9, . and -)");
	order->names[order->nr++] = node->valuestring;
	return 0;
}

static int read_names(struct order *order)
{
	const struct rest_call *call = order->call;
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(call->body, "name"), *names;

	if (droplet_read_array(call, call->body, "names", false, &names))
		return -1;
	if (!name == !names)
		return droplet_refuse(call, "either name or names must be there");
	if (name)
		return add_name(order, name);
	order->many = true;
	if (json_len(names) == 0 || json_len(names) > DROPLET_NAMES_MAX)
		return droplet_refuse(call, "names must be 1 to %d", DROPLET_NAMES_MAX);
	for (const cJSON *node = json_first(names); node; node = json_next(node)) {
		if (add_name(order, node))
			return -1;
	}
	return 0;
}

static int read_size(struct order *order)
{
	const char *slug = NULL;

	if (droplet_read_text(order->call, order->call->body, "size", DROPLET_TEXT_MAX, &slug))
		return -1;
	order->size = slug ? droplet_size_find(slug) : NULL;
	if (!order->size)
		return droplet_refuse(order->call,
				      "You specified an invalid size for Droplet creation.");
	return 0;
}

/* By its slug, or by its id as a number. */
static int read_image(struct order *order)
{
	const cJSON *node = cJSON_GetObjectItemCaseSensitive(order->call->body, "image");
	char id[24] = "";

	if (node && !cJSON_IsString(node) && !droplet_json_id(node))
		return droplet_refuse(order->call, "image must be a slug or an id");
	if (node && !cJSON_IsString(node))
		snprintf(id, sizeof(id), "%lld", (long long)droplet_json_id(node));
	order->image = node ? droplet_image_find(order->world, *id ? id : node->valuestring) : NULL;
	if (!order->image)
		return droplet_refuse(order->call,
				      "You specified an invalid image for Droplet creation.");
	return 0;
}

/* A slug, the beginning of one ("nyc"), or none: then the first region that has the size. */
static int read_region(struct order *order)
{
	const char *slug = NULL;
	const struct droplet_region *exact, *regions;
	bool known = false;
	size_t nr;

	if (droplet_read_text(order->call, order->call->body, "region", DROPLET_TEXT_MAX, &slug))
		return -1;
	exact = slug ? droplet_region_find(slug) : NULL;
	if (exact && !exact->open)
		return droplet_refuse(order->call, "Region is not available");
	if (slug && !*slug)
		return droplet_refuse(order->call,
				      "You specified an invalid region for Droplet creation.");
	regions = droplet_regions(&nr);
	for (size_t i = 0; i < nr && !order->region; i++) {
		if (slug && !text_starts_with(regions[i].slug, slug))
			continue;
		known = true;
		if (droplet_offered(order->world, order->size, &regions[i]))
			order->region = &regions[i];
	}
	if (!known)
		return droplet_refuse(order->call,
				      "You specified an invalid region for Droplet creation.");
	if (!order->region)
		return droplet_refuse(order->call, "Size is not available in this region.");
	return 0;
}

/* By id or fingerprint. One that was made a moment ago is not yet known everywhere. */
static int read_keys(struct order *order)
{
	const struct rest_call *call = order->call;
	const cJSON *keys;

	if (droplet_read_array(call, call->body, "ssh_keys", false, &keys))
		return -1;
	for (const cJSON *node = json_first(keys); node; node = json_next(node)) {
		int64_t id = droplet_json_id(node);
		const struct droplet_key *key;
		char text[64];

		if (!id && !cJSON_IsString(node))
			return droplet_refuse(call, "ssh_keys must be ids or fingerprints");
		if (id)
			snprintf(text, sizeof(text), "%lld", (long long)id);
		else
			snprintf(text, sizeof(text), "%s", node->valuestring);
		key = droplet_key_find(order->world, text);
		if (!key || key->seen_ms > order->world->cloud->now_ms)
			return droplet_refuse(
				call, "%s are invalid key identifiers for Droplet creation.", text);
		if (!order->key)
			order->key = key;
	}
	return 0;
}

static int read_tags(struct order *order)
{
	const struct rest_call *call = order->call;

	if (droplet_read_array(call, call->body, "tags", true, &order->tags))
		return -1;
	for (const cJSON *node = json_first(order->tags); node; node = json_next(node)) {
		if (!cJSON_IsString(node))
			return droplet_refuse(call, "tags must be strings");
		if (!droplet_tag_valid(node->valuestring))
			return droplet_refuse(call,
					      "tag '%.260s' contains invalid characters, or "
					      "is too long",
					      node->valuestring);
	}
	return 0;
}

/* daily, or weekly on a day; at an hour that four divides. */
static int check_policy(const struct order *order)
{
	static const char *const known[] = { "plan", "weekday", "hour", NULL };
	static const char *const days[] = { "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT" };
	const struct rest_call *call = order->call;
	const cJSON *policy = cJSON_GetObjectItemCaseSensitive(call->body, "backup_policy");
	const cJSON *hour = cJSON_GetObjectItemCaseSensitive(policy, "hour");
	const char *plan = "daily", *day = "SUN";
	size_t i = 0;

	if (!policy)
		return 0;
	if (!cJSON_IsObject(policy) || !order->backups)
		return droplet_refuse(call, "backup_policy must be an object, with backups on");
	if (droplet_known(call, policy, known) ||
	    droplet_read_text(call, policy, "plan", 20, &plan) ||
	    droplet_read_text(call, policy, "weekday", 20, &day))
		return -1;
	while (i < ARRAY_SIZE(days) && strcmp(days[i], day) != 0)
		i++;
	if ((strcmp(plan, "daily") != 0 && strcmp(plan, "weekly") != 0) || i == ARRAY_SIZE(days))
		return droplet_refuse(call, "backup_policy has no such plan or weekday");
	if (hour && (!cJSON_IsNumber(hour) || hour->valuedouble < 0 || hour->valuedouble > 20 ||
		     hour->valuedouble / 4 != (int)(hour->valuedouble / 4)))
		return droplet_refuse(call, "hour must be 0, 4, 8, 12, 16 or 20");
	return 0;
}

/* What is attached has to exist: the account has one VPC in each region, and no volumes. */
static int read_options(struct order *order)
{
	const struct rest_call *call = order->call;
	const char *vpc = NULL;
	char own[CLOUD_ID_MAX];
	const cJSON *volumes;
	bool ignored;

	order->agent = order->public_networking = true;
	if (droplet_read_text(call, call->body, "user_data", DROPLET_USER_DATA_MAX,
			      &order->user_data) ||
	    droplet_read_text(call, call->body, "vpc_uuid", DROPLET_TEXT_MAX, &vpc) ||
	    droplet_read_bool(call, call->body, "backups", &order->backups) ||
	    droplet_read_bool(call, call->body, "monitoring", &order->monitoring) ||
	    droplet_read_bool(call, call->body, "with_droplet_agent", &order->agent) ||
	    droplet_read_bool(call, call->body, "ipv6", &order->ipv6) ||
	    droplet_read_bool(call, call->body, "private_networking", &ignored) ||
	    droplet_read_bool(call, call->body, "public_networking", &order->public_networking) ||
	    droplet_read_array(call, call->body, "volumes", false, &volumes) || check_policy(order))
		return -1;
	if (json_len(volumes))
		return droplet_refuse(call, "volume does not exist");
	droplet_fixed_uuid(order->world, order->region->slug, own);
	if (vpc && strcmp(vpc, own) != 0)
		return droplet_refuse(call, "VPC does not exist");
	if (order->ipv6 && !order->public_networking)
		return droplet_refuse(call, "ipv6 needs public_networking");
	return 0;
}

static int check_limits(const struct order *order)
{
	const struct droplet_world *world = order->world;
	const struct fault *fault =
		fault_holds(world->cloud, DROPLET_SERVICE, FAULT_BAD_STANDING, "", "");
	size_t nr = order->nr;

	for (size_t i = 0; i < world->droplets.nr; i++) {
		const struct droplet *droplet = world->droplets.v[i];

		nr += !droplet->gone;
	}
	if (nr > DROPLET_LIMIT)
		return droplet_refuse(order->call, "creating this/these droplet(s) will exceed "
						   "your droplet limit");
	if (order->image->min_disk_gib > order->size->disk_gib)
		return droplet_refuse(order->call, "Image is too large for this size.");
	if (!fault)
		return 0;
	rest_error(order->call, 403, "forbidden", "%s",
		   fault->message ? fault->message : "Your account is locked.");
	return -1;
}

static struct droplet *make_one(const struct order *order, const char *name)
{
	struct droplet_world *world = order->world;
	struct droplet *droplet =
		droplet_make(world, xstrdup(name), order->size, order->region, order->image);

	droplet->user_data = order->user_data ? xstrdup(order->user_data) : NULL;
	droplet->public_key = order->key ? xstrdup(order->key->public_key) : NULL;
	droplet->backups = order->backups;
	droplet->monitoring = order->monitoring;
	droplet->agent = order->agent;
	droplet->ipv6 = order->ipv6;
	droplet->public_networking = order->public_networking;
	for (const cJSON *node = json_first(order->tags); node; node = json_next(node)) {
		struct droplet_tag *tag = droplet_tag_make(world, node->valuestring);

		if (!droplet_list_has(&droplet->tags, tag))
			droplet_list_add(&droplet->tags, tag);
	}
	droplet_begin(world, droplet, "create", order->call);
	return droplet;
}

static void add_link(cJSON *actions, const struct droplet_action *action)
{
	cJSON *link = cJSON_CreateObject();
	char href[80];

	snprintf(href, sizeof(href), DROPLET_API "/actions/%lld", (long long)action->id);
	cJSON_AddNumberToObject(link, "id", (double)action->id);
	cJSON_AddStringToObject(link, "rel", "create");
	cJSON_AddStringToObject(link, "href", href);
	cJSON_AddItemToArray(actions, link);
}

static void make_all(const struct order *order)
{
	cJSON *out = cJSON_CreateObject(), *actions = cJSON_CreateArray();
	cJSON *droplets = cJSON_CreateArray();

	for (size_t i = 0; i < order->nr; i++) {
		const struct droplet *droplet = make_one(order, order->names[i]);

		cJSON_AddItemToArray(droplets, droplet_json(order->world, droplet));
		add_link(actions, droplet->event);
	}
	if (order->many) {
		cJSON_AddItemToObject(out, "droplets", droplets);
	} else {
		cJSON_AddItemToObject(out, "droplet", cJSON_DetachItemFromArray(droplets, 0));
		cJSON_Delete(droplets);
	}
	cJSON_AddItemToObject(cJSON_AddObjectToObject(out, "links"), "actions", actions);
	droplet_recheck(order->world);
	rest_reply(order->call, 202, out);
}

void droplet_create(void *self, struct rest_call *call)
{
	static const char *const known[] = {
		"name",
		"names",
		"region",
		"size",
		"image",
		"ssh_keys",
		"backups",
		"ipv6",
		"monitoring",
		"tags",
		"volumes",
		"user_data",
		"vpc_uuid",
		"private_networking",
		"public_networking",
		"with_droplet_agent",
		"backup_policy",
		NULL,
	};
	struct order order = { .world = self, .call = call };

	if (droplet_need_body(call, known) || read_names(&order) || read_size(&order) ||
	    read_image(&order) || read_region(&order) || read_keys(&order) || read_tags(&order) ||
	    read_options(&order) || check_limits(&order))
		return;
	make_all(&order);
}
