/* SPDX-License-Identifier: Apache-2.0 */
/* Regions and sizes: what DigitalOcean offers, where, at what price, as of the published definition
 * and its price list of 2026. Stock moves: the world's faults take a size off a region. */
#include <string.h>

#include <cjson/cJSON.h>

#include "core/mem.h"
#include "simulator/cloud/droplet.h"

#define USD(x)	    ((int64_t)((x)*1e6 + 0.5))
#define GIB	    1024
#define MONTH_HOURS 672 /* what a month costs at most */
#define EVERYWHERE  "nyc1 nyc2 nyc3 ams3 sfo2 sfo3 sgp1 lon1 fra1 tor1 blr1 syd1"

static const struct droplet_region regions[] = {
	{ "nyc1", "New York 1", true },	     { "nyc2", "New York 2", true },
	{ "nyc3", "New York 3", true },	     { "ams2", "Amsterdam 2", false },
	{ "ams3", "Amsterdam 3", true },     { "sfo2", "San Francisco 2", true },
	{ "sfo3", "San Francisco 3", true }, { "sgp1", "Singapore 1", true },
	{ "lon1", "London 1", true },	     { "fra1", "Frankfurt 1", true },
	{ "tor1", "Toronto 1", true },	     { "blr1", "Bangalore 1", true },
	{ "syd1", "Sydney 1", true },
};

static const struct droplet_size sizes[] = {
	/* slug description memory vcpus disk scratch transfer price model gpu gpus vram regions */
	{ "s-1vcpu-1gb", "Basic", GIB, 1, 25, 0, 1, USD(0.00893), NULL, NULL, 0, 0, EVERYWHERE },
	{ "s-1vcpu-2gb", "Basic", 2 * GIB, 1, 50, 0, 2, USD(0.01786), NULL, NULL, 0, 0,
	  EVERYWHERE },
	{ "s-2vcpu-4gb", "Basic", 4 * GIB, 2, 80, 0, 4, USD(0.03571), NULL, NULL, 0, 0,
	  EVERYWHERE },
	{ "s-4vcpu-8gb", "Basic", 8 * GIB, 4, 160, 0, 5, USD(0.07143), NULL, NULL, 0, 0,
	  EVERYWHERE },
	{ "c-2", "CPU-Optimized", 4 * GIB, 2, 25, 0, 4, USD(0.0625), NULL, NULL, 0, 0,
	  "nyc1 nyc3 ams3 sfo3 lon1 fra1 tor1" },
	{ "g-2vcpu-8gb", "General Purpose", 8 * GIB, 2, 25, 0, 4, USD(0.09375), NULL, NULL, 0, 0,
	  "nyc1 nyc3 ams3 sfo3 lon1 fra1 tor1" },
	{ "gpu-4000adax1-20gb", "RTX 4000 Ada GPU Droplet - 1X", 32 * GIB, 8, 500, 0, 10, USD(0.76),
	  "nvidia_rtx4000_ada", "RTX 4000 Ada", 1, 20, "nyc2 tor1" },
	{ "gpu-6000adax1-48gb", "RTX 6000 Ada GPU Droplet - 1X", 64 * GIB, 8, 500, 0, 10, USD(1.57),
	  "nvidia_rtx6000_ada", "RTX 6000 Ada", 1, 48, "nyc2 tor1" },
	{ "gpu-l40sx1-48gb", "L40S GPU Droplet - 1X", 64 * GIB, 8, 500, 0, 10, USD(1.57),
	  "nvidia_l40s", "L40S", 1, 48, "nyc2 tor1" },
	{ "gpu-mi300x1-192gb", "MI300X GPU Droplet - 1X", 240 * GIB, 20, 720, 5120, 15, USD(1.99),
	  "amd_mi300x", NULL, 1, 192, "nyc2" },
	{ "gpu-h100x1-80gb", "H100 GPU Droplet - 1X", 240 * GIB, 20, 720, 5120, 15, USD(3.39),
	  "nvidia_h100", "H100", 1, 80, "nyc2 ams3 tor1" },
	{ "gpu-h200x1-141gb", "H200 GPU Droplet - 1X", 240 * GIB, 24, 720, 5120, 15, USD(3.44),
	  "nvidia_h200", "H200", 1, 141, "nyc2 tor1" },
	{ "gpu-mi300x8-1536gb", "MI300X GPU Droplet - 8X", 1920 * GIB, 160, 2046, 40960, 60,
	  USD(15.92), "amd_mi300x", NULL, 8, 1536, "nyc2" },
	{ "gpu-h100x8-640gb", "H100 GPU Droplet - 8X", 1920 * GIB, 160, 2046, 40960, 60, USD(23.92),
	  "nvidia_h100", "H100", 8, 640, "nyc2 ams3 tor1" },
	{ "gpu-h200x8-1128gb", "H200 GPU Droplet - 8X", 1920 * GIB, 192, 2046, 40960, 60,
	  USD(27.52), "nvidia_h200", "H200", 8, 1128, "nyc2 tor1" },
};

const struct droplet_region *droplet_regions(size_t *nr)
{
	*nr = ARRAY_SIZE(regions);
	return regions;
}

const struct droplet_region *droplet_region_find(const char *slug)
{
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		if (strcmp(regions[i].slug, slug) == 0)
			return &regions[i];
	}
	return NULL;
}

const struct droplet_size *droplet_sizes(size_t *nr)
{
	*nr = ARRAY_SIZE(sizes);
	return sizes;
}

const struct droplet_size *droplet_size_find(const char *slug)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (strcmp(sizes[i].slug, slug) == 0)
			return &sizes[i];
	}
	return NULL;
}

/* slug is one of the words of list. */
static bool listed(const char *list, const char *slug)
{
	size_t len = strlen(slug);

	for (const char *at = list; (at = strstr(at, slug)); at += len) {
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	}
	return false;
}

bool droplet_offered(const struct droplet_world *world, const struct droplet_size *size,
		     const struct droplet_region *region)
{
	return region->open && listed(size->regions, region->slug) &&
	       !fault_holds(world->cloud, DROPLET_SERVICE, FAULT_NO_CAPACITY, size->slug,
			    region->slug);
}

int64_t droplet_price(const struct droplet_world *world, const struct droplet_size *size)
{
	const struct fault *fault =
		fault_holds(world->cloud, DROPLET_SERVICE, FAULT_PRICE, size->slug, "");

	return fault ? fault->price_micros : size->hourly;
}

static void add_text(cJSON *array, const char *text)
{
	cJSON_AddItemToArray(array, cJSON_CreateString(text));
}

cJSON *droplet_region_json(const struct droplet_world *world, const struct droplet_region *region)
{
	static const char *const features[] = { "backups",	 "ipv6",    "metadata",
						"install_agent", "storage", "image_transfer" };
	cJSON *out = cJSON_CreateObject(), *list;

	cJSON_AddStringToObject(out, "name", region->name);
	cJSON_AddStringToObject(out, "slug", region->slug);
	list = cJSON_AddArrayToObject(out, "features");
	for (size_t i = 0; region->open && i < ARRAY_SIZE(features); i++)
		add_text(list, features[i]);
	cJSON_AddBoolToObject(out, "available", region->open);
	list = cJSON_AddArrayToObject(out, "sizes");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (droplet_offered(world, &sizes[i], region))
			add_text(list, sizes[i].slug);
	}
	return out;
}

static void add_amount(cJSON *to, const char *name, unsigned amount)
{
	cJSON *size = cJSON_AddObjectToObject(to, name);

	cJSON_AddNumberToObject(size, "amount", amount);
	cJSON_AddStringToObject(size, "unit", "gib");
}

static void add_disk(cJSON *disks, const char *type, unsigned gib)
{
	cJSON *disk = cJSON_CreateObject();

	cJSON_AddStringToObject(disk, "type", type);
	add_amount(disk, "size", gib);
	cJSON_AddItemToArray(disks, disk);
}

cJSON *droplet_disks_json(const struct droplet_size *size)
{
	cJSON *disks = cJSON_CreateArray();

	add_disk(disks, "local", size->disk_gib);
	if (size->scratch_gib)
		add_disk(disks, "scratch", size->scratch_gib);
	return disks;
}

cJSON *droplet_gpu_json(const struct droplet_size *size)
{
	cJSON *gpu = cJSON_CreateObject();

	cJSON_AddNumberToObject(gpu, "count", size->gpus);
	add_amount(gpu, "vram", size->vram_gib);
	cJSON_AddStringToObject(gpu, "model", size->model);
	return gpu;
}

/* One that is sold out everywhere is listed all the same, and available: its regions are empty. */
cJSON *droplet_size_json(const struct droplet_world *world, const struct droplet_size *size)
{
	int64_t hourly = droplet_price(world, size);
	int64_t cents = (hourly * MONTH_HOURS + 5000) / 10000;
	cJSON *out = cJSON_CreateObject(), *list;

	cJSON_AddStringToObject(out, "slug", size->slug);
	cJSON_AddNumberToObject(out, "memory", size->memory_mib);
	cJSON_AddNumberToObject(out, "vcpus", size->vcpus);
	cJSON_AddNumberToObject(out, "disk", size->disk_gib);
	cJSON_AddNumberToObject(out, "transfer", size->transfer_tib);
	cJSON_AddNumberToObject(out, "price_monthly", (double)cents / 100);
	cJSON_AddNumberToObject(out, "price_hourly", (double)hourly / 1e6);
	list = cJSON_AddArrayToObject(out, "regions");
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		if (droplet_offered(world, size, &regions[i]))
			add_text(list, regions[i].slug);
	}
	cJSON_AddBoolToObject(out, "available", true);
	cJSON_AddStringToObject(out, "description", size->description);
	cJSON_AddItemToObject(out, "disk_info", droplet_disks_json(size));
	if (size->model)
		cJSON_AddItemToObject(out, "gpu_info", droplet_gpu_json(size));
	return out;
}

void droplet_list_regions(void *self, struct rest_call *call)
{
	const struct droplet_world *world = self;
	struct droplet_listing listing;

	if (rest_known_query(call, (const char *const[]){ "page", "per_page", NULL }) ||
	    droplet_listing_begin(&listing, call, "regions", "regions"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		if (droplet_listing_wants(&listing))
			cJSON_AddItemToArray(listing.items,
					     droplet_region_json(world, &regions[i]));
	}
	droplet_listing_end(&listing);
}

void droplet_list_sizes(void *self, struct rest_call *call)
{
	const struct droplet_world *world = self;
	struct droplet_listing listing;

	if (rest_known_query(call, (const char *const[]){ "page", "per_page", NULL }) ||
	    droplet_listing_begin(&listing, call, "sizes", "sizes"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (droplet_listing_wants(&listing))
			cJSON_AddItemToArray(listing.items, droplet_size_json(world, &sizes[i]));
	}
	droplet_listing_end(&listing);
}
