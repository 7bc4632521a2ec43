/* SPDX-License-Identifier: Apache-2.0 */
/* The account's credentials, counters and the ledger: what auth, tests and `state` ask for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/money.h"
#include "simulator/cloud/model.h"
#include "simulator/cloud/rest.h"

/* Micro-dollars, of us-east-1; a month has 730 hours. */
#define SNAPSHOT_GIB_MONTH 50000
#define ADDRESS_HOUR	   5000
#define HOURS_PER_MONTH	   730

static const struct {
	const char *type;
	int64_t gib_month;
} disk_prices[] = {
	{ "gp3", 80000 }, { "gp2", 100000 }, { "io1", 125000 },	    { "io2", 125000 },
	{ "st1", 45000 }, { "sc1", 15000 },  { "standard", 50000 },
};

static int64_t disk_price(const struct block_device *device)
{
	for (size_t i = 0; i < ARRAY_SIZE(disk_prices); i++) {
		if (strcmp(disk_prices[i].type, device->type) == 0)
			return (int64_t)device->gib * disk_prices[i].gib_month / HOURS_PER_MONTH;
	}
	return 0;
}

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static void key_free(struct cloud_key *key)
{
	free(key->access_key);
	free(key->secret_key);
	free(key->session_token);
	free(key->arn);
	free(key->user_id);
	free(key);
}

static struct cloud_key **key_slot(const struct cloud *cloud, const char *access_key)
{
	for (size_t i = 0; i < cloud->nr_keys; i++) {
		if (strcmp(cloud->keys[i]->access_key, access_key) == 0)
			return &cloud->keys[i];
	}
	return NULL;
}

const struct cloud_key *cloud_key_add(struct cloud *cloud, const struct cloud_key *key)
{
	struct cloud_key **slot = key_slot(cloud, key->access_key);
	struct cloud_key *fresh = xcalloc(1, sizeof(*fresh));

	fresh->access_key = copy(key->access_key);
	fresh->secret_key = copy(key->secret_key);
	fresh->session_token = copy(key->session_token);
	fresh->arn = copy(key->arn);
	fresh->user_id = copy(key->user_id);
	fresh->expires_ms = key->expires_ms;
	if (slot) {
		key_free(*slot);
		*slot = fresh;
		return fresh;
	}
	cloud->keys =
		xgrow(cloud->keys, cloud->nr_keys, &cloud->cap_keys, sizeof(struct cloud_key *));
	cloud->keys[cloud->nr_keys++] = fresh;
	return fresh;
}

const struct cloud_key *cloud_key_find(const struct cloud *cloud, const char *access_key)
{
	struct cloud_key **slot = key_slot(cloud, access_key);

	return slot ? *slot : NULL;
}

void cloud_keys_release(struct cloud *cloud)
{
	for (size_t i = 0; i < cloud->nr_keys; i++)
		key_free(cloud->keys[i]);
	free(cloud->keys);
	cloud->keys = NULL;
	cloud->nr_keys = cloud->cap_keys = 0;
}

static struct counter *counter_find(const struct cloud *cloud, const char *service,
				    const char *action)
{
	for (size_t i = 0; i < cloud->nr_counters; i++) {
		struct counter *counter = &cloud->counters[i];

		if (strcmp(counter->service, service) == 0 && strcmp(counter->action, action) == 0)
			return counter;
	}
	return NULL;
}

void cloud_count(struct cloud *cloud, const char *service, const char *action)
{
	struct counter *counter = counter_find(cloud, service, action);

	if (!counter) {
		cloud->counters = xgrow(cloud->counters, cloud->nr_counters, &cloud->cap_counters,
					sizeof(*counter));
		counter = &cloud->counters[cloud->nr_counters++];
		memset(counter, 0, sizeof(*counter));
		snprintf(counter->service, sizeof(counter->service), "%s", service);
		snprintf(counter->action, sizeof(counter->action), "%s", action);
	}
	counter->count++;
}

void cloud_each_counter(const struct cloud *cloud,
			void (*fn)(void *ctx, const char *service, const char *action,
				   uint64_t count),
			void *ctx)
{
	for (size_t i = 0; i < cloud->nr_counters; i++)
		fn(ctx, cloud->counters[i].service, cloud->counters[i].action,
		   cloud->counters[i].count);
}

uint64_t cloud_counter(const struct cloud *cloud, const char *service, const char *action)
{
	const struct counter *counter = counter_find(cloud, service, action);

	return counter ? counter->count : 0;
}

/* What the ledger says of one kind beyond the object itself. */
static void describe_object(const struct cloud *cloud, const struct object *object,
			    struct cloud_resource *resource)
{
	const void *whole = object; /* each struct begins with its object */

	if (object->kind == OBJECT_INSTANCE) {
		const struct instance *instance = whole;

		resource->state = state_name(instance->state);
		resource->type = instance->type->name;
		resource->usd_per_hour = instance_price(cloud, instance);
	} else if (object->kind == OBJECT_VOLUME) {
		const struct volume *volume = whole;

		resource->state = object->ended_ms   ? "deleted"
				  : volume->instance ? "in-use"
						     : "available";
		resource->type = volume->device.type;
		if (!object->ended_ms)
			resource->usd_per_hour = disk_price(&volume->device);
	} else if (object->kind == OBJECT_SPOT_REQUEST) {
		const struct spot_request *request = whole;

		resource->kind = "spot-request";
		resource->state = request->state;
		resource->type = request->type->name;
	} else if (object->kind == OBJECT_INTERFACE) {
		const struct interface *interface = whole;

		resource->state = object->ended_ms	? "deleted"
				  : interface->instance ? "in-use"
							: "available";
	} else if (object->kind == OBJECT_ADDRESS) {
		resource->state = object->ended_ms ? "released" : "allocated";
		resource->usd_per_hour = object->ended_ms ? 0 : ADDRESS_HOUR;
	} else if (object->kind == OBJECT_SNAPSHOT) {
		const struct snapshot *snapshot = whole;

		resource->state = object->ended_ms ? "deleted" : "completed";
		if (!object->ended_ms)
			resource->usd_per_hour =
				(int64_t)snapshot->gib * SNAPSHOT_GIB_MONTH / HOURS_PER_MONTH;
	} else {
		resource->state = object->ended_ms ? "deleted" : "available";
	}
}

void cloud_each_resource(const struct cloud *cloud,
			 void (*fn)(void *ctx, const struct cloud_resource *resource), void *ctx)
{
	for (size_t i = 0; i < cloud->nr_objects; i++) {
		const struct object *object = cloud->objects[i];
		struct cloud_resource resource = {
			.kind = object_kind_name(object->kind),
			.id = object->id,
			.provider = "aws",
			.region = object->region->name,
			.zone = object->zone ? object->zone->name : "",
			.type = "",
			.tags = object->tags.v,
			.nr_tags = object->tags.nr,
			.began_ms = object->began_ms,
			.ended_ms = object->ended_ms,
		};

		if (object->builtin)
			continue;
		describe_object(cloud, object, &resource);
		fn(ctx, &resource);
	}
	rest_each_resource(cloud, fn, ctx);
}
