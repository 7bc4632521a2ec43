/* SPDX-License-Identifier: Apache-2.0 */
/* Writing replies: pages with their links, droplets, actions. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/codec.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "simulator/cloud/droplet.h"

#define PER_PAGE     20
#define PER_PAGE_MAX 200
#define PAGE_MAX     1000000

/* A whole number of min..max from the query; absent: ret keeps its value. */
static int read_number(const struct rest_call *call, const char *name, int64_t max, int64_t *ret)
{
	const char *text = rest_query(call, name);
	int64_t n = text ? droplet_parse_id(text) : 0;

	if (!text)
		return 0;
	if (n < 1 || n > max)
		return droplet_refuse(call, "%s must be a whole number from 1 to %lld", name,
				      (long long)max);
	*ret = n;
	return 0;
}

int droplet_listing_begin(struct droplet_listing *listing, const struct rest_call *call,
			  const char *key, const char *path)
{
	*listing = (struct droplet_listing){
		.call = call, .key = key, .path = path, .page = 1, .per_page = PER_PAGE
	};
	if (read_number(call, "page", PAGE_MAX, &listing->page) ||
	    read_number(call, "per_page", PER_PAGE_MAX, &listing->per_page))
		return -1;
	listing->items = cJSON_CreateArray();
	return 0;
}

bool droplet_listing_wants(struct droplet_listing *listing)
{
	int64_t nth = listing->total++;

	return nth / listing->per_page == listing->page - 1;
}

/* The same list, another page: with everything else the query said. */
static void add_link(const struct droplet_listing *listing, cJSON *pages, const char *name,
		     int64_t page)
{
	const struct rest_call *call = listing->call;
	struct buf url = BUF_INIT;

	buf_addf(&url, DROPLET_API "/%s?page=%lld", listing->path, (long long)page);
	for (size_t i = 0; i < call->nr_query; i++) {
		if (strcmp(call->query[i].name, "page") == 0)
			continue;
		buf_addf(&url, "&%s=", call->query[i].name);
		url_encode(&url, call->query[i].value, strlen(call->query[i].value), false);
	}
	cJSON_AddStringToObject(pages, name, url.data);
	buf_release(&url);
}

void droplet_listing_end(struct droplet_listing *listing)
{
	int64_t last = (listing->total + listing->per_page - 1) / listing->per_page;
	cJSON *out = cJSON_CreateObject(), *links, *pages;

	cJSON_AddItemToObject(out, listing->key, listing->items);
	links = cJSON_AddObjectToObject(out, "links");
	if (last > 1 || listing->page > 1) {
		pages = cJSON_AddObjectToObject(links, "pages");
		if (listing->page > 1) {
			add_link(listing, pages, "first", 1);
			add_link(listing, pages, "prev", listing->page - 1);
		}
		if (listing->page < last) {
			add_link(listing, pages, "next", listing->page + 1);
			add_link(listing, pages, "last", last);
		}
	}
	cJSON_AddNumberToObject(cJSON_AddObjectToObject(out, "meta"), "total",
				(double)listing->total);
	rest_reply(listing->call, 200, out);
}

void droplet_add_time(cJSON *to, const char *name, int64_t t_ms)
{
	char text[TIME_TEXT_MAX];

	cJSON_AddStringToObject(to, name, time_format(text, t_ms / 1000));
}

void droplet_add_strings(cJSON *to, const char *name, const struct droplet_list *tags)
{
	cJSON *array = cJSON_AddArrayToObject(to, name);

	for (size_t i = 0; i < tags->nr; i++) {
		const struct droplet_tag *tag = tags->v[i];

		cJSON_AddItemToArray(array, cJSON_CreateString(tag->name));
	}
}

void droplet_reply_one(const struct rest_call *call, int status, const char *key, cJSON *item)
{
	cJSON *out = cJSON_CreateObject();

	cJSON_AddItemToObject(out, key, item);
	rest_reply(call, status, out);
}

static void add_network(cJSON *v4, const char *ip, const char *netmask, const char *gateway,
			const char *type)
{
	cJSON *network = cJSON_CreateObject();

	cJSON_AddStringToObject(network, "ip_address", ip);
	cJSON_AddStringToObject(network, "netmask", netmask);
	cJSON_AddStringToObject(network, "gateway", gateway);
	cJSON_AddStringToObject(network, "type", type);
	cJSON_AddItemToArray(v4, network);
}

/* Both lists are empty until it has been active once. */
static cJSON *networks(const struct droplet *droplet)
{
	cJSON *out = cJSON_CreateObject(), *v4 = cJSON_AddArrayToObject(out, "v4");
	cJSON *v6 = cJSON_AddArrayToObject(out, "v6"), *network;
	char gateway[IP_TEXT_MAX];

	if (droplet->public_ip[0]) {
		size_t len = (size_t)(strrchr(droplet->public_ip, '.') - droplet->public_ip);

		memcpy(gateway, droplet->public_ip, len);
		memcpy(gateway + len, ".1", 3);
		add_network(v4, droplet->public_ip, "255.255.240.0", gateway, "public");
	}
	if (droplet->private_ip[0]) /* "nil": the word, as the definition has it */
		add_network(v4, droplet->private_ip, "255.255.240.0", "nil", "private");
	if (droplet->public_ip6[0]) {
		network = cJSON_CreateObject();
		cJSON_AddStringToObject(network, "ip_address", droplet->public_ip6);
		cJSON_AddNumberToObject(network, "netmask", 64);
		cJSON_AddStringToObject(network, "gateway", "2001:db8::1");
		cJSON_AddStringToObject(network, "type", "public");
		cJSON_AddItemToArray(v6, network);
	}
	return out;
}

static void add_features(cJSON *out, const struct droplet *droplet)
{
	cJSON *features = cJSON_AddArrayToObject(out, "features");
	const struct {
		bool on;
		const char *name;
	} all[] = { { droplet->backups, "backups" },
		    { droplet->monitoring, "monitoring" },
		    { droplet->agent, "droplet_agent" },
		    { droplet->ipv6, "ipv6" },
		    { true, "private_networking" } };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i].on)
			cJSON_AddItemToArray(features, cJSON_CreateString(all[i].name));
	}
}

static void add_backups(cJSON *out, const struct droplet *droplet)
{
	int64_t midnight = droplet->began_ms / 86400000 * 86400000;
	cJSON *window;

	cJSON_AddArrayToObject(out, "backup_ids");
	if (!droplet->backups) {
		cJSON_AddNullToObject(out, "next_backup_window");
		return;
	}
	window = cJSON_AddObjectToObject(out, "next_backup_window");
	droplet_add_time(window, "start", midnight + 86400000);
	droplet_add_time(window, "end", midnight + 86400000 + 23 * 3600000);
}

cJSON *droplet_json(const struct droplet_world *world, const struct droplet *droplet)
{
	const struct droplet_size *size = droplet->size;
	cJSON *out = cJSON_CreateObject();
	char vpc[CLOUD_ID_MAX];

	cJSON_AddNumberToObject(out, "id", (double)droplet->id);
	cJSON_AddStringToObject(out, "name", droplet->name);
	cJSON_AddNumberToObject(out, "memory", size->memory_mib);
	cJSON_AddNumberToObject(out, "vcpus", size->vcpus);
	cJSON_AddNumberToObject(out, "disk", size->disk_gib);
	cJSON_AddItemToObject(out, "disk_info", droplet_disks_json(size));
	cJSON_AddBoolToObject(out, "locked", droplet->event != NULL);
	cJSON_AddStringToObject(out, "status", droplet_status_name(droplet));
	cJSON_AddNullToObject(out, "kernel");
	droplet_add_time(out, "created_at", droplet->began_ms);
	add_features(out, droplet);
	add_backups(out, droplet);
	cJSON_AddArrayToObject(out, "snapshot_ids");
	cJSON_AddItemToObject(out, "image", droplet_image_json(droplet->image));
	cJSON_AddArrayToObject(out, "volume_ids");
	cJSON_AddItemToObject(out, "size", droplet_size_json(world, size));
	cJSON_AddStringToObject(out, "size_slug", size->slug);
	cJSON_AddItemToObject(out, "networks", networks(droplet));
	cJSON_AddItemToObject(out, "region", droplet_region_json(world, droplet->region));
	droplet_add_strings(out, "tags", &droplet->tags);
	droplet_fixed_uuid(world, droplet->region->slug, vpc);
	cJSON_AddStringToObject(out, "vpc_uuid", vpc);
	if (size->model)
		cJSON_AddItemToObject(out, "gpu_info", droplet_gpu_json(size));
	return out;
}

cJSON *droplet_action_json(const struct droplet_world *world, const struct droplet_action *action)
{
	const struct droplet *droplet = action->droplet;
	cJSON *out = cJSON_CreateObject();

	cJSON_AddNumberToObject(out, "id", (double)action->id);
	cJSON_AddStringToObject(out, "status",
				!action->completed_ms ? "in-progress"
				: action->errored     ? "errored"
						      : "completed");
	cJSON_AddStringToObject(out, "type", action->type);
	droplet_add_time(out, "started_at", action->started_ms);
	if (action->completed_ms)
		droplet_add_time(out, "completed_at", action->completed_ms);
	else
		cJSON_AddNullToObject(out, "completed_at");
	cJSON_AddNumberToObject(out, "resource_id", (double)droplet->id);
	cJSON_AddStringToObject(out, "resource_type", "droplet");
	cJSON_AddItemToObject(out, "region", droplet_region_json(world, droplet->region));
	cJSON_AddStringToObject(out, "region_slug", droplet->region->slug);
	return out;
}
