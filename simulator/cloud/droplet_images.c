/* SPDX-License-Identifier: Apache-2.0 */
/* Images: DigitalOcean's own. The account has none of its own. */
#include <string.h>

#include <cjson/cJSON.h>

#include "core/mem.h"
#include "simulator/cloud/droplet.h"

/* What the definition lets an image name; the same for all of them. */
static const char *const image_regions[] = { "nyc1", "nyc2", "nyc3", "ams2", "ams3", "sfo2", "sfo3",
					     "sgp1", "lon1", "fra1", "tor1", "blr1", "syd1" };

static const struct droplet_image images[] = {
	{ 166407044, "gpu-h100x1-base", "AI/ML Ready H100x1", "Ubuntu", "GPU H100 1x Base Image",
	  "2024-09-27T15:35:19Z", true, false, 25, 18.47 },
	{ 166407045, "gpu-h100x8-base", "AI/ML Ready H100x8", "Ubuntu", "GPU H100 8x Base Image",
	  "2024-09-27T15:36:02Z", true, false, 25, 19.2 },
	{ 183914802, "gpu-amd-base", "AMD AI/ML Ready", "Ubuntu", "AMD GPU Base Image",
	  "2025-03-11T10:02:44Z", false, false, 25, 21.06 },
	{ 129211873, "ubuntu-22-04-x64", "22.04 (LTS) x64", "Ubuntu", "Ubuntu 22.04 x64",
	  "2023-03-22T16:00:01Z", false, false, 7, 0.77 },
	{ 155133621, "ubuntu-24-04-x64", "24.04 (LTS) x64", "Ubuntu", "Ubuntu 24.04 (LTS) x64",
	  "2024-05-09T17:51:05Z", false, false, 7, 0.7 },
	{ 139080925, "debian-12-x64", "12 x64", "Debian", "Debian 12 x64", "2023-08-28T16:28:30Z",
	  false, false, 7, 0.66 },
	{ 158201934, "docker-20-04", "Docker on Ubuntu 22.04", "Ubuntu", "Docker",
	  "2024-06-20T14:51:22Z", false, true, 25, 1.7 },
};

const struct droplet_image *droplet_images(size_t *nr)
{
	*nr = ARRAY_SIZE(images);
	return images;
}

/* A scenario can take an image away. */
static bool there(const struct droplet_world *world, const struct droplet_image *image)
{
	return !fault_holds(world->cloud, DROPLET_SERVICE, FAULT_NO_IMAGE, image->slug, "");
}

const struct droplet_image *droplet_image_find(const struct droplet_world *world,
					       const char *id_or_slug)
{
	int64_t id = droplet_parse_id(id_or_slug);

	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		if ((images[i].id == id || strcmp(images[i].slug, id_or_slug) == 0) &&
		    there(world, &images[i]))
			return &images[i];
	}
	return NULL;
}

cJSON *droplet_image_json(const struct droplet_image *image)
{
	cJSON *out = cJSON_CreateObject();

	cJSON_AddNumberToObject(out, "id", (double)image->id);
	cJSON_AddStringToObject(out, "name", image->name);
	cJSON_AddStringToObject(out, "type", image->application ? "snapshot" : "base");
	cJSON_AddStringToObject(out, "distribution", image->distribution);
	cJSON_AddStringToObject(out, "slug", image->slug);
	cJSON_AddBoolToObject(out, "public", true);
	cJSON_AddItemToObject(out, "regions",
			      cJSON_CreateStringArray(image_regions, ARRAY_SIZE(image_regions)));
	cJSON_AddStringToObject(out, "created_at", image->created_at);
	cJSON_AddNumberToObject(out, "min_disk_size", image->min_disk_gib);
	cJSON_AddNumberToObject(out, "size_gigabytes", image->gigabytes);
	cJSON_AddStringToObject(out, "description", image->description);
	cJSON_AddArrayToObject(out, "tags");
	cJSON_AddStringToObject(out, "status", "available");
	cJSON_AddStringToObject(out, "error_message", "");
	return out;
}

/* What the query's filters leave; -1 with the error written. */
static int read_filters(const struct rest_call *call, const char **type, bool *none)
{
	const char *private = rest_query(call, "private");

	*type = rest_query(call, "type");
	if (*type && strcmp(*type, "distribution") != 0 && strcmp(*type, "application") != 0)
		return droplet_refuse(call, "type must be 'application' or 'distribution'");
	if (private && strcmp(private, "true") != 0 && strcmp(private, "false") != 0)
		return droplet_refuse(call, "private must be 'true' or 'false'");
	/* all of them are public, and nobody can tag them */
	*none = (private && strcmp(private, "true") == 0) || rest_query(call, "tag_name");
	return 0;
}

void droplet_list_images(void *self, struct rest_call *call)
{
	static const char *const known[] = {
		"type", "private", "tag_name", "per_page", "page", NULL
	};
	const struct droplet_world *world = self;
	struct droplet_listing listing;
	const char *type;
	bool none;

	if (rest_known_query(call, known) || read_filters(call, &type, &none) ||
	    droplet_listing_begin(&listing, call, "images", "images"))
		return;
	for (size_t i = 0; !none && i < ARRAY_SIZE(images); i++) {
		bool application = type && strcmp(type, "application") == 0;

		if (there(world, &images[i]) && (!type || images[i].application == application) &&
		    droplet_listing_wants(&listing))
			cJSON_AddItemToArray(listing.items, droplet_image_json(&images[i]));
	}
	droplet_listing_end(&listing);
}

void droplet_get_image(void *self, struct rest_call *call)
{
	const struct droplet_image *image = droplet_image_find(self, call->segment[1]);

	if (rest_known_query(call, NULL))
		return;
	if (!image)
		droplet_not_found(call);
	else
		droplet_reply_one(call, 200, "image", droplet_image_json(image));
}
