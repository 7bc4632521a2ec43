/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/text.h"
#include "simulator/cloud/market.h"
#include "simulator/cloud/rest.h"

#define DEFAULT_ACCOUNT	   "123456789012"
#define DEFAULT_ACCESS_KEY "AKIASIMULATOR0000000"
#define DEFAULT_SECRET_KEY "SimulatedSecretKeyGoodForNothingElse0000"
#define DEFAULT_DELAY_MS   2000
#define DEFAULT_QUOTA	   768

static const char *const kind_names[OBJECT_KIND_COUNT] = {
	[OBJECT_INSTANCE] = "instance",
	[OBJECT_VOLUME] = "volume",
	[OBJECT_INTERFACE] = "network-interface",
	[OBJECT_GROUP] = "security-group",
	[OBJECT_KEY] = "key-pair",
	[OBJECT_SPOT_REQUEST] = "spot-instances-request",
	[OBJECT_ADDRESS] = "elastic-ip",
	[OBJECT_SNAPSHOT] = "snapshot",
	[OBJECT_IMAGE] = "image",
};

static const char *const kind_prefixes[OBJECT_KIND_COUNT] = {
	[OBJECT_INSTANCE] = "i",       [OBJECT_VOLUME] = "vol",	   [OBJECT_INTERFACE] = "eni",
	[OBJECT_GROUP] = "sg",	       [OBJECT_KEY] = "key",	   [OBJECT_SPOT_REQUEST] = "sir",
	[OBJECT_ADDRESS] = "eipalloc", [OBJECT_SNAPSHOT] = "snap", [OBJECT_IMAGE] = "ami",
};

const char *object_kind_name(enum object_kind kind)
{
	return kind_names[kind];
}

void cloud_new_id(struct cloud *cloud, const char *prefix, char *out)
{
	unsigned char raw[8];
	struct buf hex = BUF_INIT;

	cloud->rng.fill(cloud->rng.ctx, raw, sizeof(raw));
	hex_encode(&hex, raw, sizeof(raw));
	snprintf(out, CLOUD_ID_MAX, "%s-0%s", prefix, hex.data);
	buf_release(&hex);
}

/* Spot requests have a shape of their own: "sir-" and eight of [a-z0-9]. */
static void new_spot_id(struct cloud *cloud, char *out)
{
	char token[9];

	rng_token(&cloud->rng, token, sizeof(token) - 1);
	snprintf(out, CLOUD_ID_MAX, "sir-%s", token);
}

static void fixed_id(const struct cloud *cloud, const char *prefix, const char *name, char *out)
{
	char hex[SHA256_HEX_MAX];
	char *seed = xasprintf("%s/%s/%s", cloud->account, prefix, name);

	sha256_hex(seed, strlen(seed), hex);
	free(seed);
	snprintf(out, CLOUD_ID_MAX, "%s-0%.16s", prefix, hex);
}

void vpc_id(const struct cloud *cloud, const struct place_region *region, char *out)
{
	fixed_id(cloud, "vpc", region->name, out);
}

void subnet_id(const struct cloud *cloud, const struct place_zone *zone, char *out)
{
	fixed_id(cloud, "subnet", zone->name, out);
}

struct object *object_new(struct cloud *cloud, enum object_kind kind, size_t size,
			  const struct place_region *region, const struct place_zone *zone)
{
	struct object *object = xcalloc(1, size);

	object->kind = kind;
	object->region = region;
	object->zone = zone;
	object->began_ms = cloud->now_ms;
	object->index = cloud->nr_objects;
	if (kind == OBJECT_SPOT_REQUEST)
		new_spot_id(cloud, object->id);
	else
		cloud_new_id(cloud, kind_prefixes[kind], object->id);
	cloud->objects = xgrow(cloud->objects, cloud->nr_objects, &cloud->cap_objects,
			       sizeof(struct object *));
	cloud->objects[cloud->nr_objects++] = object;
	return object;
}

struct object *object_next(const struct cloud *cloud, enum object_kind kind,
			   const struct place_region *region, const struct object *prev)
{
	for (size_t i = prev ? prev->index + 1 : 0; i < cloud->nr_objects; i++) {
		struct object *object = cloud->objects[i];

		if (object->kind == kind && object->region == region)
			return object;
	}
	return NULL;
}

struct object *object_find(const struct cloud *cloud, enum object_kind kind,
			   const struct place_region *region, const char *id)
{
	struct object *object = NULL;

	while ((object = object_next(cloud, kind, region, object))) {
		if (strcmp(object->id, id) == 0)
			return object;
	}
	return NULL;
}

static void free_group(struct group *group)
{
	for (size_t i = 0; i < group->nr_rules; i++)
		free(group->rules[i].description);
	free(group->name);
	free(group->description);
}

static void free_image(struct image *image)
{
	for (size_t i = 0; i < image->nr_disks; i++)
		free(image->disks[i].name);
	free(image->name);
	free(image->description);
}

void object_free(struct object *object)
{
	/* each struct begins with its object, so the pointers are the same */
	void *whole = object;

	if (object->kind == OBJECT_GROUP) {
		free_group(whole);
	} else if (object->kind == OBJECT_KEY) {
		struct key_pair *key = whole;

		free(key->name);
		free(key->public_key);
		free(key->fingerprint);
	} else if (object->kind == OBJECT_SPOT_REQUEST) {
		struct spot_request *request = whole;

		run_spec_free(request->spec);
	} else if (object->kind == OBJECT_VOLUME) {
		struct volume *volume = whole;

		free(volume->device.name);
	} else if (object->kind == OBJECT_INTERFACE) {
		struct interface *interface = whole;

		free(interface->description);
	} else if (object->kind == OBJECT_SNAPSHOT) {
		struct snapshot *snapshot = whole;

		free(snapshot->description);
	} else if (object->kind == OBJECT_IMAGE) {
		free_image(whole);
	} else if (object->kind == OBJECT_INSTANCE) {
		struct instance *instance = whole;

		free(instance->key_name);
		free(instance->token);
		free(instance->user_data);
	}
	tags_release(&object->tags);
	free(object);
}

static void make_default_groups(struct cloud *cloud)
{
	size_t nr;
	const struct place_region *regions = place_regions(&nr);

	if (cloud->config.no_default_vpc)
		return;
	for (size_t i = 0; i < nr; i++) {
		struct object *object =
			object_new(cloud, OBJECT_GROUP, sizeof(struct group), &regions[i], NULL);
		struct group *group = (void *)object;

		object->builtin = true;
		group->name = xstrdup("default");
		group->description = xstrdup("default VPC security group");
	}
}

static void set_defaults(struct cloud *cloud)
{
	struct cloud_config *config = &cloud->config;

	if (!config->boot_ms)
		config->boot_ms = DEFAULT_DELAY_MS;
	if (!config->end_ms)
		config->end_ms = DEFAULT_DELAY_MS;
	if (!config->paperspace_key)
		config->paperspace_key = CLOUD_PAPERSPACE_KEY;
	if (!config->paperspace_read_key)
		config->paperspace_read_key = CLOUD_PAPERSPACE_READ_KEY;
	if (!config->digitalocean_token)
		config->digitalocean_token = CLOUD_DIGITALOCEAN_TOKEN;
	if (!config->digitalocean_read_token)
		config->digitalocean_read_token = CLOUD_DIGITALOCEAN_READ_TOKEN;
	for (int i = 0; i < CLOUD_QUOTA_COUNT; i++)
		cloud->quotas[i][0] = cloud->quotas[i][1] = DEFAULT_QUOTA;
}

struct cloud *cloud_new(const struct cloud_config *config)
{
	struct cloud *cloud = xcalloc(1, sizeof(*cloud));

	cloud->config = *config;
	cloud->account = xstrdup(config->account ? config->account : DEFAULT_ACCOUNT);
	cloud->now_ms = config->start * 1000;
	cloud->due_ms = NEVER_MS;
	cloud->rng = rng_seeded(&cloud->seeded, config->seed);
	set_defaults(cloud);
	make_default_groups(cloud);

	char *access = xstrdup(config->access_key ? config->access_key : DEFAULT_ACCESS_KEY);
	char *secret = xstrdup(config->secret_key ? config->secret_key : DEFAULT_SECRET_KEY);
	char *arn = xasprintf("arn:aws:iam::%s:user/sim", cloud->account);
	char *user = xstrdup("AIDASIMULATOR0000000");

	cloud_key_add(cloud, &(struct cloud_key){ .access_key = access,
						  .secret_key = secret,
						  .arn = arn,
						  .user_id = user });
	free(access);
	free(secret);
	free(arn);
	free(user);
	rest_make(cloud);
	return cloud;
}

void cloud_free(struct cloud *cloud)
{
	if (!cloud)
		return;
	rest_free(cloud);
	for (size_t i = 0; i < cloud->nr_objects; i++)
		object_free(cloud->objects[i]);
	for (size_t i = 0; i < cloud->nr_tokens; i++)
		free(cloud->tokens[i].token);
	cloud_keys_release(cloud);
	cloud_faults_release(cloud);
	free(cloud->objects);
	free(cloud->tokens);
	free(cloud->counters);
	free(cloud->account);
	free(cloud);
}

int64_t cloud_now_ms(const struct cloud *cloud)
{
	return cloud->now_ms;
}

struct market *cloud_market(const struct cloud *cloud)
{
	return cloud->config.market;
}

const char *cloud_account(const struct cloud *cloud)
{
	return cloud->account;
}

unsigned cloud_quota(const struct cloud *cloud, enum cloud_quota quota, bool spot)
{
	return cloud->quotas[quota][spot ? 1 : 0];
}

void cloud_quota_set(struct cloud *cloud, enum cloud_quota quota, bool spot, unsigned vcpus)
{
	cloud->quotas[quota][spot ? 1 : 0] = vcpus;
}

void cloud_request_id(struct cloud *cloud, char out[CLOUD_ID_MAX])
{
	unsigned char raw[16];
	struct buf hex = BUF_INIT;

	cloud->rng.fill(cloud->rng.ctx, raw, sizeof(raw));
	raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x40); /* a version 4 uuid */
	raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80);
	hex_encode(&hex, raw, sizeof(raw));
	snprintf(out, CLOUD_ID_MAX, "%.8s-%.4s-%.4s-%.4s-%.12s", hex.data, hex.data + 8,
		 hex.data + 12, hex.data + 16, hex.data + 20);
	buf_release(&hex);
}

void cloud_reply_release(struct cloud_reply *reply)
{
	buf_release(&reply->body);
}
